//! Transparent gzip against scripted origins: what is asked for, what is undone, and what a bomb can do.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod scripted_server;

use flate2::{Compress, Compression, Crc, FlushCompress};
use nethttp::client::Client;
use nethttp::error::Kind;
use nethttp::message::endpoint::Endpoint;
use nethttp::message::request::Request;
use nethttp::transport::Response;
use scripted_server::{Origin, head_of};
use std::io::Write;
use std::sync::{Arc, Mutex};

fn request(method: &str, url: &str) -> Request {
    let mut r = Request { endpoint: Some(Arc::new(Endpoint::parse(url).unwrap())), ..Request::default() };
    r.method = r.header.store_mut().intern(method.as_bytes());
    r.url = r.header.store_mut().intern(url.as_bytes());
    r
}

fn member(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut crc = Crc::new();
    crc.update(data);
    let mut packed = Vec::with_capacity(data.len() + 100);
    Compress::new(Compression::best(), false).compress_vec(data, &mut packed, FlushCompress::Finish).unwrap();
    out.extend(packed);
    out.extend(crc.sum().to_le_bytes());
    out.extend(crc.amount().to_le_bytes());
    out
}

/// gzipped answers each request by a compressed "hello", and keeps the heads.
fn gzipped(fields: &'static str) -> (Origin, Arc<Mutex<Vec<String>>>) {
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = heads.clone();
    let origin = Origin::serve(move |s, _| {
        while let Some(head) = head_of(s) {
            let is_head = head.starts_with("HEAD ");
            log.lock().unwrap().push(head);
            let body = member(b"hello");
            let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
            let _ = s.write_all(head.as_bytes());
            let _ = s.write_all(if is_head { b"" } else { &body });
        }
    });
    (origin, heads)
}

fn all(r: &mut Response) -> nethttp::error::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0u8; 4000]);
    loop {
        match r.read_body(&mut buf)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

#[test]
fn asked_for_and_undone() {
    let (o, heads) = gzipped("Content-Encoding: GZIP\r\nX: y\r\n");
    let c = Client::default();
    for _ in 0..3 {
        let mut r = c.send(&request("GET", &o.url), None, None).unwrap();
        assert!(r.uncompressed && r.content_length == -1);
        assert!(!r.header.contains(b"Content-Encoding") && !r.header.contains(b"Content-Length"));
        assert_eq!(all(&mut r).unwrap(), b"hello");
    }
    assert!(heads.lock().unwrap().iter().all(|h| h.contains("\r\nAccept-Encoding: gzip\r\n")));
    assert_eq!(o.accepted(), 1, "the connection is used again");
}

#[test]
fn left_alone() {
    let (o, heads) = gzipped("Content-Encoding: gzip\r\n");
    let c = Client::default();
    let mut own = request("GET", &o.url);
    own.header.add(b"Accept-Encoding", b"gzip").unwrap();
    let mut range = request("GET", &o.url);
    range.header.add(b"Range", b"bytes=0-").unwrap();
    let mut none = request("GET", &o.url);
    none.header.add(b"accept-encoding", b"").unwrap();
    for r in [own, range, none, request("HEAD", &o.url)] {
        let mut r = c.send(&r, None, None).unwrap();
        assert!(!r.uncompressed && r.content_length > 0 && r.header.contains(b"Content-Encoding"));
        let body = all(&mut r).unwrap();
        assert!(body.is_empty() || body.starts_with(&[0x1f, 0x8b]));
    }
    c.transport.configure(|s| s.compression = false);
    assert!(!c.send(&request("GET", &o.url), None, None).unwrap().uncompressed);
    let asked = heads.lock().unwrap().iter().filter(|h| h.contains("Accept-Encoding: gzip")).count();
    assert_eq!(asked, 1, "only where the program did");

    let (o, _) = gzipped("Content-Encoding: br\r\n");
    let c = Client::default();
    assert!(!c.send(&request("GET", &o.url), None, None).unwrap().uncompressed);
    let (o, _) = gzipped("");
    assert!(!c.send(&request("GET", &o.url), None, None).unwrap().uncompressed);
}

#[test]
fn a_cut_body_and_a_trailer() {
    let o = Origin::serve(|s, n| {
        head_of(s);
        let body = member(b"hello");
        let head =
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = s.write_all(head.as_bytes());
        let piece = if n == 0 { &body[..] } else { &body[..body.len() - 3] };
        let _ = s.write_all(format!("{:x}\r\n", piece.len()).as_bytes());
        let _ = s.write_all(piece);
        let _ = s.write_all(b"\r\n0\r\nX: y\r\n\r\n");
        head_of(s);
    });
    let c = Client::default();
    let mut r = c.send(&request("GET", &o.url), None, None).unwrap();
    assert_eq!(all(&mut r).unwrap(), b"hello");
    assert_eq!(r.trailer.get(b"X"), Some(&b"y"[..]));
    c.transport.close_idle();
    let mut r = c.send(&request("GET", &o.url), None, None).unwrap();
    let mut buf = [0; 9];
    assert_eq!(r.read_body(&mut buf).unwrap(), 5);
    for _ in 0..2 {
        assert_eq!(r.read_body(&mut buf).unwrap_err().kind(), Kind::UnexpectedEof);
    }
    r.close_body();
    assert_eq!(r.read_body(&mut buf).unwrap_err().kind(), Kind::Closed);
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_bomb_costs_no_memory() {
    const MEMBERS: usize = 256;
    let one = member(&vec![0; 1 << 20]);
    assert!(one.len() < 2000, "{}", one.len());
    let o = Origin::serve(move |s, _| {
        head_of(s);
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
        let _ = s.write_all(head.as_bytes());
        for _ in 0..MEMBERS {
            if s.write_all(&one).is_err() {
                return;
            }
        }
    });
    let c = Client::default();
    let read = |limit| {
        c.transport.configure(|s| s.max_decompressed = limit);
        let mut r = c.send(&request("GET", &o.url), None, None).unwrap();
        let (before, mut most, mut sum, mut buf) = (resident(), 0, 0usize, vec![1u8; 64 * 1024]);
        loop {
            match r.read_body(&mut buf) {
                Ok(0) => return (sum, most, None),
                Ok(n) => sum += n,
                Err(e) => return (sum, most, Some(e)),
            }
            most = most.max(resident().saturating_sub(before));
        }
    };
    let (sum, most, e) = read(None);
    assert!(e.is_none() && sum == MEMBERS << 20);
    assert!(most < 8 << 20, "{most} bytes more");
    let (sum, _, e) = read(Some(10 << 20));
    let e = e.unwrap();
    assert_eq!((sum, e.kind()), (10 << 20, Kind::TooLarge));
    assert!(e.message().contains("more than 10485760 bytes"), "{e}");
}

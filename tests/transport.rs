//! The client against scripted origins on loopback.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod scripted_server;

use nethttp::client::Client;
use nethttp::error::{Kind, Phase};
use nethttp::message::endpoint::Endpoint;
use nethttp::message::request::{Request, RequestBody};
use nethttp::message::source::{Source, SourceSlot};
use nethttp::net::cancel::CancelToken;
use nethttp::transport::Response;
use scripted_server::{Origin, head_of};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn request(method: &str, url: &str) -> Request {
    let mut r = Request { endpoint: Some(Arc::new(Endpoint::parse(url).unwrap())), ..Request::default() };
    r.method = r.header.store_mut().intern(method.as_bytes());
    r.url = r.header.store_mut().intern(url.as_bytes());
    r
}

fn body(r: &mut Response) -> nethttp::error::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0u8; 1000]);
    loop {
        match r.read_body(&mut buf)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

fn get(c: &Client, url: &str) -> nethttp::error::Result<Vec<u8>> {
    body(&mut *c.send(&request("GET", url), None, None)?)
}

/// Repeat is a source of `left` bytes `x`.
struct Repeat {
    whole: usize,
    left: usize,
    rewindable: bool,
}

impl Source for Repeat {
    fn read(&mut self, buf: &mut [u8]) -> nethttp::error::Result<usize> {
        let n = buf.len().min(self.left);
        buf[..n].fill(b'x');
        self.left -= n;
        Ok(n)
    }
    fn rewind(&mut self) -> nethttp::error::Result<bool> {
        self.left = self.whole;
        Ok(self.rewindable)
    }
    fn can_rewind(&self) -> bool {
        self.rewindable
    }
}

fn repeat(n: usize, rewindable: bool) -> RequestBody {
    RequestBody::Source(SourceSlot::new(Box::new(Repeat { whole: n, left: n, rewindable })))
}

#[test]
fn keep_alive_uses_one_connection() {
    let o = Origin::serve(|s, _| while head_of(s).is_some() && s.write_all(OK).is_ok() {});
    let c = Client::default();
    for _ in 0..20 {
        assert_eq!(get(&c, &o.url).unwrap(), b"ok");
    }
    assert_eq!(o.accepted(), 1);
    let s = c.transport.stats();
    assert_eq!((s.idle, s.dialed, s.reused), (1, 1, 19));
}

#[test]
fn a_cut_at_every_byte_is_an_error_that_stays() {
    let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n";
    for cut in 0..=whole.len() {
        let o = Origin::serve(move |s, _| {
            head_of(s);
            let _ = s.write_all(&whole[..cut]);
        });
        let c = Client::default();
        let result = c.send(&request("GET", &o.url), None, None).and_then(|mut r| {
            let b = body(&mut r);
            if let Err(first) = &b {
                let again = r.read_body(&mut [0; 9]).unwrap_err();
                assert_eq!(again.message(), first.message());
            }
            b.map(|b| (b, r.trailer.get(b"X").map(<[u8]>::to_vec)))
        });
        match result {
            Ok((b, t)) => {
                assert_eq!((b, t), (b"abc".to_vec(), Some(b"y".to_vec())));
                assert_eq!(cut, whole.len());
            }
            Err(e) => assert_eq!(e.kind(), Kind::UnexpectedEof, "{cut}: {e}"),
        }
    }
}

#[test]
fn stale_reuse_is_retried_by_gos_rules() {
    // The first connection answers once and dies when the second request has come.
    let o = Origin::serve(|s, n| {
        head_of(s);
        let _ = s.write_all(OK);
        if n > 0 {
            while head_of(s).is_some() && s.write_all(OK).is_ok() {}
        } else {
            head_of(s);
        }
    });
    let c = Client::default();
    get(&c, &o.url).unwrap();
    assert_eq!(get(&c, &o.url).unwrap(), b"ok");
    assert_eq!(o.accepted(), 2);

    let die = |s: &mut std::net::TcpStream, _: usize| {
        head_of(s);
        let _ = s.write_all(OK);
        head_of(s);
    };
    let o = Origin::serve(die);
    get(&c, &o.url).unwrap();
    let mut post = request("POST", &o.url);
    post.body = RequestBody::Bytes(Arc::new(b"data".to_vec()));
    let e = c.send(&post, None, None).err().unwrap();
    assert!(matches!(e.kind(), Kind::UnexpectedEof | Kind::Io), "{e}");
    assert!(e.message().starts_with("Post \"http://"), "{e}");
    assert_eq!(o.accepted(), 1);

    get(&c, &o.url).unwrap();
    post.header.add(b"Idempotency-Key", b"1").unwrap();
    assert!(c.send(&post, None, None).is_ok());

    let o = Origin::serve(die);
    get(&c, &o.url).unwrap();
    let mut r = request("GET", &o.url);
    r.body = repeat(10, false);
    r.content_length = 10;
    let e = c.send(&r, None, None).err().unwrap();
    assert_eq!(e.kind(), Kind::BodySpent, "{e}");
}

#[test]
fn a_late_second_answer_never_answers_the_next_request() {
    let o = Origin::serve(|s, n| {
        head_of(s);
        let _ = s.write_all(OK);
        if n == 0 {
            std::thread::sleep(Duration::from_millis(20));
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
        }
        while head_of(s).is_some() && s.write_all(OK).is_ok() {}
    });
    let c = Client::default();
    get(&c, &o.url).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(get(&c, &o.url).unwrap(), b"ok");
    assert_eq!(o.accepted(), 2);
}

#[test]
fn bytes_behind_an_answer_end_the_connection() {
    let o = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n");
        head_of(s);
    });
    let c = Client::default();
    get(&c, &o.url).unwrap();
    assert_eq!(c.transport.stats().idle, 0);
}

#[test]
fn length_beside_chunked_is_chunked_and_ends_the_connection() {
    let o = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        );
        head_of(s);
    });
    let c = Client::default();
    assert_eq!(get(&c, &o.url).unwrap(), b"ok");
    assert_eq!(c.transport.stats().idle, 0);
}

#[test]
fn informational_answers_are_skipped_up_to_a_limit() {
    let o = Origin::serve(|s, _| {
        head_of(s);
        for _ in 0..10 {
            let _ = s.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
        }
        let _ = s.write_all(OK);
    });
    let c = Client::default();
    assert_eq!(get(&c, &o.url).unwrap(), b"ok");
    let endless = Origin::serve(|s, _| {
        head_of(s);
        while s.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").is_ok() {}
    });
    let e = get(&c, &endless.url).unwrap_err();
    assert_eq!(e.kind(), Kind::TooLarge);
    assert!(e.message().contains("server response headers exceeded 1048576 bytes; aborted"), "{e}");
}

#[test]
fn timeouts_in_each_phase() {
    let c = Client::default();
    c.transport.configure(|s| {
        s.head = Some(Duration::from_millis(50));
        s.progress = Some(Duration::from_millis(50));
    });
    let silent = Origin::serve(|s, _| {
        head_of(s);
        std::thread::sleep(Duration::from_millis(300));
    });
    let e = get(&c, &silent.url).unwrap_err();
    assert_eq!((e.kind(), e.phase(), e.is_timeout()), (Kind::Timeout, Phase::Head, true));
    assert!(e.message().ends_with("net/http: timeout awaiting response headers"), "{e}");
    let e = c.send(&request("GET", &silent.url), Some(Duration::from_millis(20)), None).err().unwrap();
    assert!(e.message().contains("Client.Timeout exceeded while awaiting headers"), "{e}");
    let half = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        std::thread::sleep(Duration::from_millis(300));
    });
    let e = get(&c, &half.url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Timeout, Phase::Body));
    let mut r = c.send(&request("GET", &half.url), Some(Duration::from_millis(30)), None).unwrap();
    let e = body(&mut r).unwrap_err();
    assert!(e.message().contains("while reading body"), "{e}");
    // Nobody reads the upload.
    let deaf = Origin::serve(|_, _| std::thread::sleep(Duration::from_millis(500)));
    let mut r = request("POST", &deaf.url);
    r.body = repeat(64 << 20, false);
    r.content_length = -1;
    let e = c.send(&r, None, None).err().unwrap();
    assert_eq!((e.kind(), e.phase()), (Kind::Timeout, Phase::Write), "{e}");
}

#[test]
fn a_dripping_body_is_not_cut() {
    let c = Client::default();
    c.transport.configure(|s| s.progress = Some(Duration::from_millis(100)));
    let o = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
        for _ in 0..8 {
            std::thread::sleep(Duration::from_millis(30));
            let _ = s.write_all(b"x");
        }
    });
    assert_eq!(get(&c, &o.url).unwrap(), b"xxxxxxxx");
}

#[test]
fn cancel_in_each_phase() {
    let c = Arc::new(Client::default());
    let o = Origin::serve(|s, n| {
        head_of(s);
        if n == 1 {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        }
        std::thread::sleep(Duration::from_secs(2));
    });
    let fire = |t: &CancelToken| {
        let t = t.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40));
            t.fire();
        })
    };
    let start = Instant::now();
    let t = CancelToken::new();
    let h = fire(&t);
    let e = c.send(&request("GET", &o.url), None, Some(&t)).err().unwrap();
    assert_eq!(e.kind(), Kind::Canceled);
    assert!(e.message().ends_with(": context canceled"), "{e}");
    h.join().unwrap();
    let e = c.send(&request("GET", &o.url), None, Some(&t)).err().unwrap();
    assert_eq!(e.kind(), Kind::Canceled, "before it starts");
    let t = CancelToken::new();
    let mut r = c.send(&request("GET", &o.url), None, Some(&t)).unwrap();
    let h = fire(&t);
    assert_eq!(body(&mut r).unwrap_err().kind(), Kind::Canceled);
    h.join().unwrap();
    // In line for a connection.
    c.transport.configure(|s| s.max_conns_per_host = 1);
    let held = c.clone();
    let url = o.url.clone();
    let holder = std::thread::spawn(move || {
        held.send(&request("GET", &url), Some(Duration::from_millis(300)), None).err()
    });
    std::thread::sleep(Duration::from_millis(30));
    let t = CancelToken::new();
    let h = fire(&t);
    let e = c.send(&request("GET", &o.url), None, Some(&t)).err().unwrap();
    assert_eq!((e.kind(), e.phase()), (Kind::Canceled, Phase::Pool));
    h.join().unwrap();
    assert_eq!(holder.join().unwrap().unwrap().kind(), Kind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn connections_per_host_are_bounded_and_served_in_turn() {
    let c = Arc::new(Client::default());
    c.transport.configure(|s| s.max_conns_per_host = 2);
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (n, m) = (now.clone(), most.clone());
    let o = Origin::serve(move |s, _| {
        while head_of(s).is_some() {
            m.fetch_max(n.fetch_add(1, SeqCst) + 1, SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            n.fetch_sub(1, SeqCst);
            // Some connections end after an answer: the next in line must dial.
            let _ = s.write_all(OK);
        }
    });
    let threads: Vec<_> = (0..16)
        .map(|i| {
            let (c, url) = (c.clone(), o.url.clone());
            std::thread::spawn(move || {
                for k in 0..10 {
                    let mut r = request("GET", &url);
                    r.close = (i + k) % 3 == 0;
                    assert_eq!(
                        body(&mut c.send(&r, Some(Duration::from_secs(20)), None).unwrap()).unwrap(),
                        b"ok"
                    );
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(most.load(SeqCst) <= 2);
}

#[test]
fn cancels_and_timeouts_lose_no_slot_of_the_limit() {
    let c = Arc::new(Client::default());
    c.transport.configure(|s| s.max_conns_per_host = 3);
    let o = Origin::serve(|s, n| {
        while head_of(s).is_some() {
            std::thread::sleep(Duration::from_millis((n % 5) as u64));
            if n % 7 == 3 || s.write_all(OK).is_err() {
                return;
            }
        }
    });
    let threads: Vec<_> = (0..12u64)
        .map(|i| {
            let (c, url) = (c.clone(), o.url.clone());
            std::thread::spawn(move || {
                for k in 0..40u64 {
                    let t = CancelToken::new();
                    let u = t.clone();
                    let delay = Duration::from_micros((i * 37 + k * 911) % 6000);
                    let h = std::thread::spawn(move || {
                        std::thread::sleep(delay);
                        u.fire();
                    });
                    let timeout = (k % 3 == 0).then(|| Duration::from_millis(1 + (i + k) % 6));
                    let result = c.send(&request("GET", &url), timeout, Some(&t));
                    if let Ok(mut r) = result
                        && k % 2 == 0
                    {
                        let _ = body(&mut r);
                    }
                    h.join().unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    c.transport.configure(|s| s.max_conns_per_host = 1);
    c.transport.close_idle();
    // Every slot is free again: else these would wait for ever.
    let mut answered = 0;
    for _ in 0..10 {
        answered += usize::from(c.send(&request("GET", &o.url), Some(Duration::from_secs(5)), None).is_ok());
    }
    assert!(answered > 0);
}

#[test]
fn full_duplex_echo_does_not_deadlock() {
    let o = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        let mut buf = [0u8; 4096];
        let mut left = 8 << 20;
        while left > 0 {
            let n = s.read(&mut buf).unwrap_or(0);
            if n == 0 || s.write_all(&buf[..n]).is_err() {
                return;
            }
            left -= n;
        }
    });
    let c = Client::default();
    let mut r = request("POST", &o.url);
    r.body = repeat(8 << 20, false);
    r.content_length = 8 << 20;
    let mut res = c.send(&r, None, None).unwrap();
    assert_eq!(body(&mut res).unwrap().len(), 8 << 20);
    let again = c.send(&r, None, None).err().unwrap();
    assert_eq!(again.kind(), Kind::BodySpent);
    let mut r = request("POST", &o.url);
    r.body = RequestBody::Bytes(Arc::new(vec![b'y'; 8 << 20]));
    assert_eq!(body(&mut c.send(&r, None, None).unwrap()).unwrap().len(), 8 << 20);
}

#[test]
fn an_early_answer_ends_the_upload() {
    let o = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
        std::thread::sleep(Duration::from_millis(200));
    });
    let c = Client::default();
    let mut r = request("POST", &o.url);
    r.body = repeat(1 << 30, false);
    r.content_length = -1;
    let mut res = c.send(&r, None, None).unwrap();
    assert_eq!(res.line.code, 413);
    assert_eq!(body(&mut res).unwrap(), b"no");
    assert_eq!(c.transport.stats().idle, 0);
}

#[test]
fn wrong_lengths_in_gos_words() {
    let o = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.read(&mut [0; 4096]);
        std::thread::sleep(Duration::from_millis(50));
    });
    let c = Client::default();
    for (declared, real) in [(10, 5), (5, 10)] {
        let mut r = request("POST", &o.url);
        r.body = repeat(real, true);
        r.content_length = declared;
        let e = c.send(&r, None, None).err().unwrap();
        assert_eq!(e.kind(), Kind::BodyLength);
        assert!(
            e.message().ends_with(&format!("http: ContentLength={declared} with Body length {real}")),
            "{e}"
        );
    }
}

#[test]
fn expect_continue_waits_for_a_word() {
    let o = Origin::serve(|s, n| {
        head_of(s);
        match n {
            0 => {
                s.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                assert!(s.read(&mut [0; 10]).is_err(), "the body came without a go-ahead");
                s.set_read_timeout(None).unwrap();
                let _ = s.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                let mut b = [0; 4];
                s.read_exact(&mut b).unwrap();
                let _ = s.write_all(OK);
            }
            1 => {
                let _ = s.write_all(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                assert_eq!(s.read(&mut [0; 10]).unwrap_or(0), 0);
            }
            _ => {
                let mut b = [0; 4];
                s.read_exact(&mut b).unwrap();
                let _ = s.write_all(OK);
            }
        }
    });
    let c = Client::default();
    c.transport.configure(|s| s.expect_continue = Duration::from_millis(200));
    let mut r = request("POST", &o.url);
    r.body = RequestBody::Bytes(Arc::new(b"data".to_vec()));
    r.header.add(b"Expect", b"100-continue").unwrap();
    r.close = true;
    assert_eq!(c.send(&r, None, None).unwrap().line.code, 200);
    assert_eq!(c.send(&r, None, None).unwrap().line.code, 417);
    assert_eq!(c.send(&r, None, None).unwrap().line.code, 200);
}

#[test]
fn closing_early_saves_the_connection_if_that_is_cheap() {
    let o = Origin::serve(|s, _| {
        while let Some(head) = head_of(s) {
            let n = if head.contains("/big") { 1 << 20 } else { 1000 };
            let _ = s.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n").as_bytes());
            if s.write_all(&vec![b'z'; n]).is_err() {
                return;
            }
        }
    });
    let c = Client::default();
    let mut r = c.send(&request("GET", &o.url), None, None).unwrap();
    r.close_body();
    // What is still on its way comes later, and nobody waits for that here.
    let end = Instant::now() + Duration::from_secs(30);
    while c.transport.stats().idle == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(c.transport.stats().idle, 1);
    let e = r.read_body(&mut [0; 9]).unwrap_err();
    assert_eq!((e.kind(), e.message()), (Kind::Closed, "http: read on closed response body"));
    drop(c.send(&request("GET", &format!("{}big", o.url)), None, None).unwrap());
    assert_eq!(c.transport.stats().idle, 0);
}

#[test]
fn the_sweep_drops_the_dead_and_the_aged() {
    let o = Origin::serve(|s, n| {
        head_of(s);
        let _ = s.write_all(OK);
        if n == 1 {
            head_of(s);
        }
    });
    let c = Client::default();
    get(&c, &o.url).unwrap();
    let wait_for = |idle| {
        let end = Instant::now() + Duration::from_secs(5);
        while c.transport.stats().idle != idle && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(c.transport.stats().idle, idle);
    };
    wait_for(0);
    c.transport.configure(|s| s.idle = Some(Duration::from_millis(100)));
    get(&c, &o.url).unwrap();
    assert_eq!(c.transport.stats().idle, 1);
    wait_for(0);
}

#[test]
fn a_returned_connection_beats_a_slow_dial() {
    // The listener's queue takes the dial, but the waiter is served by the connection that comes back first.
    let o = Origin::serve(|s, _| {
        while head_of(s).is_some() {
            std::thread::sleep(Duration::from_millis(30));
            let _ = s.write_all(OK);
        }
    });
    let c = Arc::new(Client::default());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (c, url) = (c.clone(), o.url.clone());
            std::thread::spawn(move || {
                for _ in 0..5 {
                    get(&c, &url).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(o.accepted() <= 8 && c.transport.stats().idle <= 8);
}

#[test]
fn until_close_and_head_and_204() {
    let o = Origin::serve(|s, _| {
        while let Some(head) = head_of(s) {
            let _ = match head.split(' ').next().unwrap_or("") {
                "HEAD" => s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
                "DELETE" => s.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
                _ => {
                    let _ = s.write_all(b"HTTP/1.0 200 OK\r\n\r\nall of it");
                    return;
                }
            };
        }
    });
    let c = Client::default();
    let mut r = c.send(&request("HEAD", &o.url), None, None).unwrap();
    assert_eq!((r.content_length, body(&mut r).unwrap().len()), (7, 0));
    c.send(&request("DELETE", &o.url), None, None).unwrap();
    assert_eq!(get(&c, &o.url).unwrap(), b"all of it");
    assert_eq!((o.accepted(), c.transport.stats().idle), (1, 0));
}

#[test]
fn another_major_version_is_no_answer() {
    let o = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/7.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let e = get(&Client::default(), &o.url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Protocol, Phase::Head), "{e}");
}

#[test]
fn refused_and_unresolved() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let c = Client::default();
    let e = get(&c, &format!("http://u:pw@{gone}/")).unwrap_err();
    assert_eq!(
        e.message(),
        format!("Get \"http://u:***@{gone}/\": dial tcp {gone}: connect: connection refused")
    );
    assert_eq!((e.kind(), e.phase(), e.addrs()), (Kind::Connect, Phase::Connect, &[gone][..]));
    let e = get(&c, "ftp://a/").unwrap_err();
    assert_eq!(e.message(), "Get \"ftp://a/\": unsupported protocol scheme \"ftp\"");
}

//! The server over real sockets, by raw bytes.

use super::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

fn server(configure: impl FnOnce(&mut ServerSettings)) -> (Arc<Server>, TcpStream) {
    let mux = Arc::new(Mux::new());
    let on = |p: &str, h: Box<dyn Handler>| mux.handle(p, h).unwrap();
    on("/plain", Box::new(|w: &mut ResponseWriter, _: &mut Request| w.write(b"Hello, World!").unwrap()));
    on("/tree/", Box::new(|w: &mut ResponseWriter, r: &mut Request| w.write(r.text(r.target)).unwrap()));
    on(
        "/sleep",
        Box::new(|w: &mut ResponseWriter, _: &mut Request| {
            std::thread::sleep(Duration::from_millis(30));
            w.write(b"slept").unwrap();
        }),
    );
    on(
        "/early",
        Box::new(|w: &mut ResponseWriter, r: &mut Request| {
            w.set_full_duplex().unwrap();
            w.write(b"early").and_then(|()| w.flush()).unwrap();
            let mut buf = [0; 1000];
            loop {
                match r.read_body(&mut buf) {
                    Ok(0) => return,
                    Ok(n) => w.write(&buf[..n]).unwrap(),
                    Err(_) => {
                        w.flush().unwrap();
                        return w.abort();
                    }
                }
            }
        }),
    );
    on(
        "/echo",
        Box::new(|w: &mut ResponseWriter, r: &mut Request| {
            w.set_full_duplex().unwrap();
            let mut buf = [0; 1000];
            while let Ok(n @ 1..) = r.read_body(&mut buf) {
                if w.write(&buf[..n]).is_err() {
                    return;
                }
            }
        }),
    );
    on("/abort", Box::new(|w: &mut ResponseWriter, _: &mut Request| w.abort()));
    on("/none", Box::new(|_: &mut ResponseWriter, _: &mut Request| {}));
    let s = Arc::new(Server::new(mux));
    s.configure(configure).unwrap();
    s.listen("127.0.0.1:0").unwrap();
    s.start().unwrap();
    let c = TcpStream::connect(s.addr(0).unwrap()).unwrap();
    c.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    (s, c)
}

/// talk sends bytes, closes the sending side and reads to the end; Date fields are left out.
fn talk(c: &mut TcpStream, bytes: &[u8]) -> String {
    c.write_all(bytes).unwrap();
    c.shutdown(Shutdown::Write).unwrap();
    let mut all = Vec::new();
    c.read_to_end(&mut all).unwrap();
    let text = String::from_utf8(all).unwrap();
    text.split_inclusive("\r\n").filter(|l| !l.starts_with("Date: ")).collect()
}

#[test]
fn one_request() {
    let (_s, mut c) = server(|_| {});
    let got = talk(&mut c, b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\n";
    assert_eq!(got, head.to_owned() + "Hello, World!");
}

#[test]
fn pipelined_requests_stay_in_order_past_one_that_sleeps() {
    let (_s, mut c) = server(|_| {});
    let one = b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\nGET /sleep HTTP/1.1\r\nHost: x\r\n\r\n\
POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let got = talk(&mut c, &one.repeat(5));
    let bodies: Vec<_> = got.split("\r\n\r\n").collect();
    assert_eq!(got.matches("200 OK").count(), 15, "{got}");
    let at = |s: &str| got.find(s).unwrap();
    assert!(at("Hello") < at("slept") && at("slept") < at("abc"), "{bodies:?}");
}

#[test]
fn dripped_bytes_and_refusals() {
    let (_s, mut c) = server(|_| {});
    for b in b"GET /tree/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
        c.write_all(&[*b]).unwrap();
    }
    let got = talk(&mut c, b"");
    assert!(got.ends_with("Connection: close\r\n\r\n/tree/a"), "{got}");
    for (bad, want) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "400 Bad Request: missing required Host header"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost: x", "HTTP/1.1 400 Bad Request"),
        (b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", "Content-Length: 0\r\n\r\n"),
        (b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "404 page not found\n"),
        (b"GET /tree?q HTTP/1.1\r\nHost: x\r\n\r\n", "Location: /tree/?q\r\n"),
        (b"GET /tree//a HTTP/1.1\r\nHost: x\r\n\r\n", "Location: /tree/a\r\n"),
    ] {
        let (_s, mut c) = server(|_| {});
        let got = talk(&mut c, bad);
        assert!(got.contains(want), "{got}");
    }
    let (_s, mut c) = server(|_| {});
    assert_eq!(talk(&mut c, b"GET /abort HTTP/1.1\r\nHost: x\r\n\r\n"), "");
}

#[test]
fn a_small_body_is_awaited_but_not_for_long() {
    let (s, mut c) = server(|_| {});
    // In pieces: it is whole when the handler asks for it.
    c.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na").unwrap();
    for piece in [b"b", b"c", b"d"] {
        std::thread::sleep(Duration::from_millis(1));
        c.write_all(piece).unwrap();
    }
    assert!(talk(&mut c, b"").ends_with("abcd"));
    // The handler speaks first, to a client that waits for it.
    let mut c = TcpStream::connect(s.addr(0).unwrap()).unwrap();
    c.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    c.write_all(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n").unwrap();
    let mut buf = [0; 1000];
    let n = c.read(&mut buf).unwrap();
    assert!(buf[..n].starts_with(b"HTTP/1.1 200"));
    assert!(talk(&mut c, b"body").contains("body"));
    // Its sender gives up: the handler is told.
    let mut c = TcpStream::connect(s.addr(0).unwrap()).unwrap();
    let got = talk(&mut c, b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
    assert!(got.contains("bo") && !got.ends_with("0\r\n\r\n"), "{got}");
}

#[test]
fn limits_and_times() {
    let (_s, mut c) = server(|s| s.max_header_bytes = 1000);
    let long = format!("GET /plain HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "b".repeat(6000));
    assert!(talk(&mut c, long.as_bytes()).starts_with("HTTP/1.1 431 "));
    let (_s, mut c) = server(|s| s.read_header_timeout = Some(Duration::from_millis(50)));
    let mut all = Vec::new();
    c.write_all(b"GET / HT").unwrap();
    assert_eq!(c.read_to_end(&mut all).unwrap(), 0);
}

#[test]
fn many_sleepers_share_two_threads_and_others_go_on() {
    let (s, mut c) = server(|s| s.max_handlers = 2);
    let addr = s.addr(0).unwrap();
    let sleepers: Vec<_> = (0..100)
        .map(|_| {
            let mut c = TcpStream::connect(addr).unwrap();
            std::thread::spawn(move || talk(&mut c, b"GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n"))
        })
        .collect();
    for _ in 0..50 {
        c.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut buf = [0; 1000];
        let n = c.read(&mut buf).unwrap();
        assert!(buf[..n].starts_with(b"HTTP/1.1 200"));
        std::thread::sleep(Duration::from_millis(5));
    }
    for t in sleepers {
        assert!(t.join().unwrap().ends_with("slept"));
    }
}

#[test]
fn shutdown_lets_an_answer_finish_and_ends_the_idle() {
    let (s, mut idle) = server(|_| {});
    idle.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut buf = [0; 1000];
    assert!(idle.read(&mut buf).unwrap() > 0);
    let mut busy = TcpStream::connect(s.addr(0).unwrap()).unwrap();
    busy.write_all(b"GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(10));
    s.request_stop();
    let mut all = String::new();
    busy.read_to_string(&mut all).unwrap();
    assert!(all.ends_with("slept"), "{all}");
    assert_eq!(idle.read(&mut buf).unwrap(), 0);
    assert_eq!(s.run().unwrap_err().kind(), crate::error::Kind::ServerClosed);
    assert!(s.listen("127.0.0.1:0").is_err());
}

#[test]
fn a_pipeline_of_answers_larger_than_the_socket_takes() {
    let (s, _c) = server(|_| {});
    let mut c = TcpStream::connect(s.addr(0).unwrap()).unwrap();
    c.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let body = "x".repeat(400_000);
    let one = format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut writer = c.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        for _ in 0..20 {
            writer.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            writer.write_all(one.as_bytes()).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    // Nothing is read for a while: the handlers block in their writes, and earlier answers are corked then.
    std::thread::sleep(Duration::from_millis(200));
    let mut all = Vec::new();
    c.read_to_end(&mut all).unwrap();
    sender.join().unwrap();
    assert_eq!(String::from_utf8(all).unwrap().matches("200 OK").count(), 40);
}

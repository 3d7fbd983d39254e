//! Requests by way of proxies: scripted ones, that serve, refuse, break off or talk nonsense.

use super::server::{self, Authority, BOTH, accept, config, serve};
use super::{OK, answer_all, client, get, request};
use crate::scripted_server::{Origin, head_of};
use nethttp::client::Client;
use nethttp::error::{Kind, Phase};
use nethttp::net::cancel::CancelToken;
use nethttp::net::tls::TlsSettings;
use nethttp::transport::proxy::{Proxy, ProxyRule};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn by(s: TlsSettings, proxy: &str) -> Client {
    let c = client(s);
    c.transport.set_proxy(ProxyRule::Fixed(Arc::new(Proxy::parse(proxy).unwrap())));
    c
}

fn url_of(o: &Origin, scheme: &str, user: &str) -> String {
    o.url.replace("http://", &format!("{scheme}://{user}"))
}

type Heads = Arc<Mutex<Vec<String>>>;

/// relay moves bytes both ways until both ends are done.
fn relay(mut a: impl Read + Write, set: impl Fn(Duration), to: &str) {
    let mut b = TcpStream::connect(to).unwrap();
    let tick = Duration::from_millis(1);
    set(tick);
    b.set_read_timeout(Some(tick)).unwrap();
    let mut buf = [0u8; 16384];
    loop {
        match a.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => b.write_all(&buf[..n]).unwrap(),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        match b.read(&mut buf) {
            Ok(0) => break,
            Ok(n) if a.write_all(&buf[..n]).and_then(|()| a.flush()).is_err() => break,
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    let _ = b.shutdown(Shutdown::Both);
}

fn target(head: &str) -> String {
    head.split(' ').nth(1).unwrap().to_owned()
}

/// tunnels is a proxy that knows CONNECT.
fn tunnels(heads: Heads) -> Origin {
    Origin::serve(move |s, _| {
        let Some(head) = head_of(s) else { return };
        let to = target(&head);
        heads.lock().unwrap().push(head);
        let _ = s.write_all(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n");
        let t = s.try_clone().unwrap();
        relay(s, |d| t.set_read_timeout(Some(d)).unwrap(), &to);
    })
}

#[test]
fn plain_requests_are_forwarded_in_absolute_form() {
    let heads = Heads::default();
    let seen = heads.clone();
    let p = Origin::serve(move |s, _| {
        while let Some(head) = head_of(s) {
            seen.lock().unwrap().push(head);
            let _ = s.write_all(OK);
        }
    });
    let c = by(TlsSettings::default(), &url_of(&p, "http", "me:pass@"));
    assert_eq!(get(&c, "http://a.example/x?y=1").unwrap(), b"ok");
    assert_eq!(get(&c, "http://u:v@b.example:81/").unwrap(), b"ok");
    let mut own = request("GET", "http://a.example/");
    own.header.add(b"Proxy-Authorization", b"mine").unwrap();
    c.send(&own, None, None).unwrap();
    let heads = heads.lock().unwrap();
    assert!(
        heads[0].starts_with("GET http://a.example/x?y=1 HTTP/1.1\r\nHost: a.example\r\n"),
        "{}",
        heads[0]
    );
    assert!(
        heads[1].starts_with("GET http://b.example:81/ HTTP/1.1\r\nHost: b.example:81\r\n"),
        "{}",
        heads[1]
    );
    assert!(heads.iter().all(|h| h.matches("\r\nProxy-Authorization: Basic bWU6cGFzcw==\r\n").count() == 1));
    assert!(
        heads[1].contains("\r\nAuthorization: Basic dTp2\r\n") && !heads[0].contains("\r\nAuthorization")
    );
    assert!(!heads[2].contains("mine"));
    // One connection serves all servers.
    assert_eq!(p.accepted(), 1);
}

#[test]
fn a_tunnel_hides_each_side_from_the_other() {
    let ca = Authority::new("ca");
    let at_origin = Heads::default();
    let seen = at_origin.clone();
    let (_o, url) = serve(config(&ca.leaf(), BOTH, None), move |s, _| {
        while let Some(head) = head_of(s) {
            seen.lock().unwrap().push(head);
            let _ = s.write_all(OK);
            let _ = s.flush();
        }
    });
    let heads = Heads::default();
    let p = tunnels(heads.clone());
    let c = by(ca.trust(), &url_of(&p, "http", "me:pass@"));
    c.transport.change_proxy_headers(|h| h.add(b"X-Proxy", b"1")).unwrap();
    let mut r = request("GET", &url.replace("https://", "https://u:v@"));
    r.header.add(b"Cookie", b"c=1").unwrap();
    for _ in 0..3 {
        assert_eq!(super::body(&mut c.send(&r, None, None).unwrap()).unwrap(), b"ok");
    }
    let heads = heads.lock().unwrap();
    let host = url.trim_start_matches("https://").trim_end_matches('/');
    assert!(heads[0].starts_with(&format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n")), "{}", heads[0]);
    assert!(heads[0].contains("\r\nProxy-Authorization: Basic bWU6cGFzcw==\r\n"));
    assert!(heads[0].contains("\r\nX-Proxy: 1\r\n") && heads[0].contains("\r\nUser-Agent: nethttp/"));
    assert!(!heads[0].contains("Cookie") && !heads[0].contains("\r\nAuthorization"));
    assert_eq!((heads.len(), p.accepted()), (1, 1), "the tunnel is kept");
    let at_origin = at_origin.lock().unwrap();
    assert!(
        at_origin.iter().all(|h| !h.contains("Proxy") && h.contains("\r\nAuthorization: Basic dTp2\r\n"))
    );
    // Other headers are another way in.
    c.transport.change_proxy_headers(|h| h.add(b"X-Proxy", b"2")).unwrap();
    drop((heads, at_origin));
    get(&c, &url).unwrap();
    assert_eq!(p.accepted(), 2);
}

#[test]
fn tls_inside_tls() {
    let (ca, inner) = (Authority::new("ca"), Authority::new("inner"));
    let (_o, url) = serve(config(&inner.leaf(), BOTH, None), |s, _| {
        while let Some(head) = head_of(s) {
            let n = if head.contains("/big") { 1_000_000 } else { 2 };
            let _ = write!(s, "HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n");
            let _ = s.write_all(&vec![b'o'; n]);
            let _ = s.flush();
        }
    });
    let cfg = config(&ca.leaf(), BOTH, None);
    let p = Origin::serve(move |s, _| {
        let mut t = accept(&cfg, s);
        let Some(head) = head_of(&mut t) else { return };
        let _ = t.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = t.flush();
        relay(t, |d| s.set_read_timeout(Some(d)).unwrap(), &target(&head));
    });
    let mut both = ca.trust();
    both.add_roots(inner.pem.as_bytes()).unwrap();
    let c = by(both, &url_of(&p, "https", ""));
    for _ in 0..5 {
        assert_eq!(get(&c, &url).unwrap(), b"oo");
        assert_eq!(get(&c, &format!("{url}big")).unwrap().len(), 1_000_000);
    }
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(get(&c, &url).unwrap(), b"oo");
    assert_eq!(p.accepted(), 1);
    // Who trusts one of the two only gets as far as that.
    let e = get(&by(inner.trust(), &url_of(&p, "https", "")), &url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Proxy, Phase::Proxy), "{e}");
    assert!(e.message().contains("proxyconnect tcp: tls: failed to verify certificate: x509: "), "{e}");
    let e = get(&by(ca.trust(), &url_of(&p, "https", "")), &url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake), "{e}");
}

#[test]
fn what_a_proxy_may_answer() {
    let ask = |answer: &'static [u8]| {
        let p = Origin::serve(move |s, _| {
            head_of(s);
            let _ = s.write_all(answer);
            let _ = s.shutdown(Shutdown::Write);
            let _ = s.read(&mut [0; 9]);
        });
        get(&by(TlsSettings::default(), &url_of(&p, "http", "")), "https://a.example/").unwrap_err()
    };
    for (answer, text) in [
        (&b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..], "Proxy Authentication Required"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nabc", "No"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n", "Forbidden"),
        (b"HTTP/1.1 301 Elsewhere\r\nLocation: http://evil.example/\r\n\r\n", "Elsewhere"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "Switching Protocols"),
        (b"SSH-2.0-x\r\n\r\n", "malformed HTTP"),
        (b"\r\n\r\n", ""),
    ] {
        let e = ask(answer);
        assert_eq!((e.kind(), e.phase()), (Kind::Proxy, Phase::Proxy), "{e}");
        assert!(e.message().contains(text) && e.message().starts_with("Get \"https://a.example/\": "), "{e}");
    }
    let whole = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n";
    for cut in 0..whole.len() {
        let e = ask(&whole[..cut]);
        assert_eq!((e.kind(), e.phase()), (Kind::Proxy, Phase::Proxy), "{cut}: {e}");
    }
    // The tunnel is open, and leads nowhere.
    let e = ask(whole);
    assert_eq!((e.kind(), e.phase()), (Kind::UnexpectedEof, Phase::TlsHandshake), "{e}");
}

#[test]
fn endless_and_silent_and_absent_proxies() {
    let p = Origin::serve(|s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/1.1 200 OK\r\n");
        while s.write_all(b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n").is_ok() {}
    });
    let c = by(TlsSettings::default(), &url_of(&p, "http", ""));
    c.transport.configure(|s| s.max_head_bytes = 10_000);
    let e = get(&c, "https://a.example/").unwrap_err();
    assert!(e.message().ends_with("net/http: proxy response headers exceeded 10000 bytes; aborted"), "{e}");
    assert_eq!((e.kind(), e.phase()), (Kind::Proxy, Phase::Proxy));
    let p = Origin::serve(|_, _| std::thread::sleep(Duration::from_secs(3)));
    for scheme in ["http", "https", "socks5"] {
        let c = by(TlsSettings::default(), &url_of(&p, scheme, ""));
        let start = Instant::now();
        let e = c
            .send(&request("GET", "https://a.example/"), Some(Duration::from_millis(50)), None)
            .err()
            .unwrap();
        assert_eq!(e.kind(), Kind::Timeout, "{e}");
        let t = CancelToken::new();
        let u = t.clone();
        let h = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            u.fire();
        });
        let e = c.send(&request("GET", "https://a.example/"), None, Some(&t)).err().unwrap();
        assert_eq!(e.kind(), Kind::Canceled, "{e}");
        h.join().unwrap();
        drop(c);
        assert!(start.elapsed() < Duration::from_secs(2), "{scheme}");
    }
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let e = get(&by(TlsSettings::default(), &format!("http://u:secret@{gone}")), "http://a.example/")
        .unwrap_err();
    let want = format!("proxyconnect tcp: dial tcp {gone}: connect: connection refused");
    assert_eq!(e.message(), format!("Get \"http://a.example/\": {want}"));
    assert_eq!((e.kind(), e.phase()), (Kind::Proxy, Phase::Proxy));
}

/// socks serves one client of a SOCKS5 proxy with a password, and cuts its answers after so many bytes.
fn socks(user: Option<(&'static str, &'static str)>, reply: u8, limit: usize) -> Origin {
    Origin::serve(move |s, _| {
        let mut left = limit;
        let mut say = |s: &mut TcpStream, b: &[u8]| {
            let n = b.len().min(left);
            left -= n;
            let _ = s.write_all(&b[..n]);
            n == b.len()
        };
        let mut two = [0u8; 2];
        s.read_exact(&mut two).unwrap();
        let mut methods = vec![0u8; two[1].into()];
        s.read_exact(&mut methods).unwrap();
        if let Some((name, password)) = user {
            if !methods.contains(&2) {
                say(s, &[5, 0xff]);
                return;
            }
            if !say(s, &[5, 2]) {
                return;
            }
            let mut got = vec![0u8; 3 + name.len() + password.len()];
            if s.read_exact(&mut got).is_err() {
                return;
            }
            let (n, p) = (name.len() as u8, password.len() as u8);
            let want = [&[1, n], name.as_bytes(), &[p], password.as_bytes()].concat();
            if !say(s, &[1, u8::from(got != want)]) || got != want {
                return;
            }
        } else if !say(s, &[5, 0]) {
            return;
        }
        let mut head = [0u8; 4];
        if s.read_exact(&mut head).is_err() {
            return;
        }
        let mut len = [4u8];
        if head[3] == 3 {
            s.read_exact(&mut len).unwrap();
        }
        let mut addr = vec![0u8; usize::from(len[0]) + 2];
        s.read_exact(&mut addr).unwrap();
        // Each kind of address in turn: here a name.
        if !say(s, &[5, reply, 0, 3, 2, b'a', b'b', 0, 9]) || reply != 0 {
            return;
        }
        let port = u16::from_be_bytes([addr[addr.len() - 2], addr[addr.len() - 1]]);
        let t = s.try_clone().unwrap();
        relay(s, |d| t.set_read_timeout(Some(d)).unwrap(), &format!("127.0.0.1:{port}"));
    })
}

#[test]
fn socks_proxies() {
    let ca = Authority::new("ca");
    let plain = Origin::serve(|s, _| {
        while let Some(head) = head_of(s) {
            assert!(head.starts_with("GET / HTTP/1.1\r\n") && !head.contains("Proxy"), "{head}");
            let _ = s.write_all(OK);
        }
    });
    let (_o, secure) = serve(config(&ca.leaf(), BOTH, None), |s: &mut server::Stream, _| answer_all(s));
    for (user, text) in [(None, ""), (Some(("me", "pass")), "me:pass@")] {
        let p = socks(user, 0, usize::MAX);
        for scheme in ["socks5", "socks5h"] {
            let c = by(ca.trust(), &url_of(&p, scheme, text));
            for _ in 0..2 {
                assert_eq!(get(&c, &plain.url).unwrap(), b"ok");
                assert_eq!(get(&c, &plain.url.replace("127.0.0.1", "some.invalid")).unwrap(), b"ok");
                assert_eq!(get(&c, &secure).unwrap(), b"ok");
            }
            assert_eq!(c.transport.stats().dialed, 3);
        }
    }
    let fails = |p: &Origin, user: &str, text: &str| {
        let e = get(&by(ca.trust(), &url_of(p, "socks5", user)), &plain.url).unwrap_err();
        assert_eq!((e.kind(), e.phase()), (Kind::Proxy, Phase::Proxy), "{e}");
        assert!(e.message().contains(": socks connect tcp 127.0.0.1:"), "{e}");
        assert!(e.message().ends_with(text), "{e}");
    };
    let closed = socks(Some(("me", "pass")), 0, usize::MAX);
    fails(&closed, "me:word@", ": username/password authentication failed");
    fails(&closed, "", ": no acceptable authentication methods");
    fails(&closed, &format!("{}:x@", "n".repeat(256)), ": invalid username/password");
    fails(&socks(None, 5, usize::MAX), "", ": unknown error connection refused");
    fails(&socks(None, 99, usize::MAX), "", ": unknown error unknown code: 99");
    for cut in 0..13 {
        fails(&socks(Some(("me", "pass")), 0, cut), "me:pass@", "EOF");
    }
    let http = Origin::serve(|s, _| {
        let _ = s.read(&mut [0; 9]);
        let _ = s.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    fails(&http, "", ": unexpected protocol version 72");
    let long = format!("http://{}/", ["a".repeat(60).as_str(); 5].join("."));
    let open = socks(None, 0, usize::MAX);
    let e = get(&by(ca.trust(), &url_of(&open, "socks5", "")), &long).unwrap_err();
    assert!(e.message().ends_with("FQDN too long"), "{e}");
}

/// A connection belongs to the proxy and the user that it was made for.
#[test]
fn a_change_of_proxy_is_a_change_of_connection() {
    let p = Origin::serve(|s, _| while head_of(s).is_some() && s.write_all(OK).is_ok() {});
    let c = Client::default();
    let mut expected = 0;
    for user in ["", "a:x@", "a:y@", "b:x@"] {
        c.transport.set_proxy(ProxyRule::Fixed(Arc::new(Proxy::parse(&url_of(&p, "http", user)).unwrap())));
        expected += 1;
        for _ in 0..2 {
            get(&c, "http://a.example/").unwrap();
            assert_eq!(p.accepted(), expected, "{user}");
        }
    }
    // A transport made like this one goes the same way, over connections of its own.
    let fresh = c.transport.clone_settings();
    assert_eq!(
        super::body(&mut fresh.round_trip(&request("GET", "http://a.example/"), None, None).unwrap())
            .unwrap(),
        b"ok"
    );
    assert_eq!(p.accepted(), expected + 1);
    c.transport.set_proxy(ProxyRule::Direct);
    get(&c, &p.url).unwrap();
    assert_eq!(p.accepted(), expected + 2);
}

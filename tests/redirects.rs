//! Redirects against scripted origins: what is sent where, and what ends a chain.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod scripted_server;

use nethttp::client::Client;
use nethttp::client::redirect::{CheckRedirect, RedirectAction, RedirectPolicy};
use nethttp::error::{Error, Kind};
use nethttp::message::endpoint::Endpoint;
use nethttp::message::request::{Request, RequestBody};
use nethttp::message::source::{Source, SourceSlot};
use nethttp::net::cancel::CancelToken;
use scripted_server::{Origin, head_of};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn request(method: &str, url: &str) -> Request {
    let mut r = Request { endpoint: Some(Arc::new(Endpoint::parse(url).unwrap())), ..Request::default() };
    r.method = r.header.store_mut().intern(method.as_bytes());
    r.url = r.header.store_mut().intern(url.as_bytes());
    r
}

/// Hop is what an origin saw: the head and the body.
type Hop = (String, Vec<u8>);

/// Site answers by a table of path, status and Location, and keeps what it was sent.
struct Site {
    origin: Origin,
    seen: Arc<Mutex<Vec<Hop>>>,
}

fn length(head: &str) -> usize {
    let line = head.lines().find_map(|l| l.strip_prefix("Content-Length: "));
    line.map_or(0, |n| n.parse().unwrap())
}

impl Site {
    fn new(table: Vec<(&'static str, u16, String)>) -> Site {
        let seen: Arc<Mutex<Vec<Hop>>> = Arc::default();
        let log = seen.clone();
        let origin = Origin::serve(move |s, _| {
            while let Some(head) = head_of(s) {
                let mut body = vec![0; length(&head)];
                s.read_exact(&mut body).unwrap();
                let path = head.split(' ').nth(1).unwrap().to_owned();
                log.lock().unwrap().push((head, body));
                let is_head = log.lock().unwrap().last().unwrap().0.starts_with("HEAD ");
                let mut answer = match table.iter().find(|t| t.0 == path) {
                    Some((_, code, to)) => {
                        format!("HTTP/1.1 {code} Moved\r\nLocation: {to}\r\nContent-Length: 4\r\n\r\ngone")
                    }
                    None => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
                };
                if is_head {
                    answer.truncate(answer.find("\r\n\r\n").unwrap() + 4);
                }
                if s.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        });
        Site { origin, seen }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin.url.trim_end_matches('/'))
    }

    fn named(&self, host: &str, path: &str) -> String {
        self.url(path).replace("127.0.0.1", host)
    }

    fn lines(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(h, _)| h.lines().next().unwrap().replace(" HTTP/1.1", "")).collect()
    }

    fn field(&self, hop: usize, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        let prefix = format!("{name}: ");
        seen[hop].0.lines().find_map(|l| l.strip_prefix(&prefix)).map(str::to_owned)
    }

    fn body(&self, hop: usize) -> Vec<u8> {
        self.seen.lock().unwrap()[hop].1.clone()
    }
}

fn table(rows: &[(&'static str, u16, &str)]) -> Vec<(&'static str, u16, String)> {
    rows.iter().map(|(p, c, l)| (*p, *c, (*l).to_owned())).collect()
}

struct Once(Option<&'static [u8]>, bool);

impl Source for Once {
    fn read(&mut self, buf: &mut [u8]) -> nethttp::error::Result<usize> {
        let data = self.0.take().unwrap_or_default();
        buf[..data.len()].copy_from_slice(data);
        Ok(data.len())
    }
    fn rewind(&mut self) -> nethttp::error::Result<bool> {
        self.0 = Some(b"data");
        Ok(self.1)
    }
    fn can_rewind(&self) -> bool {
        self.1
    }
}

#[test]
fn methods_and_bodies_by_status() {
    for (code, method, want, with_body) in [
        (301, "GET", "GET", false),
        (302, "HEAD", "HEAD", false),
        (303, "HEAD", "HEAD", false),
        (301, "POST", "GET", false),
        (302, "PUT", "GET", false),
        (303, "DELETE", "GET", false),
        (307, "POST", "POST", true),
        (308, "PATCH", "PATCH", true),
        (307, "GET", "GET", false),
    ] {
        let s = Site::new(table(&[("/a", code, "/b")]));
        let c = Client::default();
        let mut r = request(method, &s.url("/a"));
        r.header.add(b"Content-Type", b"text/x").unwrap();
        let has_body = !matches!(method, "GET" | "HEAD");
        if has_body {
            r.body = RequestBody::Bytes(Arc::new(b"data".to_vec()));
            r.content_length = 4;
        }
        let d = c.run(&r, None, None).map_err(|f| f.error).unwrap();
        assert_eq!(d.response.line.code, 200, "{code} {method}");
        assert_eq!(s.lines()[1], format!("{want} /b"), "{code} {method}");
        assert_eq!(s.body(1), if with_body { &b"data"[..] } else { b"" });
        assert_eq!(s.field(1, "Content-Type").is_some(), code >= 307, "{code} {method}");
        let last = d.last.unwrap();
        assert_eq!(last.text(last.url), s.url("/b").as_bytes());
        assert_eq!(s.origin.accepted(), 1, "the connection is used again");
    }
}

#[test]
fn a_body_that_was_dropped_stays_dropped() {
    let s = Site::new(table(&[("/a", 302, "/b"), ("/b", 307, "/c")]));
    let mut r = request("POST", &s.url("/a"));
    r.body = RequestBody::Bytes(Arc::new(b"data".to_vec()));
    r.content_length = 4;
    Client::default().send(&r, None, None).unwrap();
    assert_eq!(s.lines(), ["POST /a", "GET /b", "GET /c"]);
    assert_eq!(s.body(2), b"");
}

#[test]
fn sources_are_rewound_or_the_redirect_is_the_answer() {
    for rewinds in [true, false] {
        let s = Site::new(table(&[("/a", 308, "/b")]));
        let mut r = request("PUT", &s.url("/a"));
        r.body = RequestBody::Source(SourceSlot::new(Box::new(Once(Some(b"data"), rewinds))));
        r.content_length = 4;
        let mut response = Client::default().send(&r, None, None).unwrap();
        if rewinds {
            assert_eq!((s.lines().len(), s.body(1)), (2, b"data".to_vec()));
        } else {
            assert_eq!((s.lines().len(), response.line.code), (1, 308));
            let mut buf = [0; 9];
            assert_eq!(response.read_body(&mut buf).unwrap(), 4, "its body is unread");
        }
    }
}

#[test]
fn answers_that_are_no_redirects() {
    for (code, location) in [(300, "/b"), (304, "/b"), (305, "/b"), (306, "/b"), (302, ""), (307, "")] {
        let s = Site::new(table(&[("/a", code, location)]));
        let response = Client::default().send(&request("GET", &s.url("/a")), None, None).unwrap();
        assert_eq!((response.line.code, s.lines().len()), (code, 1));
    }
}

#[test]
fn locations_are_resolved() {
    for (from, location, to) in [
        ("/x/y?q", "z", "/x/z"),
        ("/x/y", "?r=1", "/x/y?r=1"),
        ("/x/y/", "../z", "/x/z"),
        ("/x", "/a%2Fb", "/a%2Fb"),
        ("/x", "/u?q=\u{fc}", "/u?q=\u{fc}"),
        ("/x", "/f#frag", "/f"),
    ] {
        let s = Site::new(vec![(from, 302, location.to_owned())]);
        Client::default().send(&request("GET", &s.url(from)), None, None).unwrap();
        assert_eq!(s.lines()[1], format!("GET {to}"));
    }
}

#[test]
fn secrets_stay_with_their_host_and_never_come_back() {
    // 127.0.0.1 -> localhost -> 127.0.0.1
    let home = Site::new(Vec::new());
    let back = home.url("/home");
    let other = Site::new(vec![("/other", 302, back)]);
    let first = Site::new(vec![("/same", 302, "/a".into()), ("/a", 302, other.named("localhost", "/other"))]);
    let mut r = request("GET", &first.url("/same"));
    for name in [
        "Authorization",
        "Www-Authenticate",
        "Cookie",
        "Cookie2",
        "Proxy-Authorization",
        "Proxy-Authenticate",
    ] {
        r.header.add(name.as_bytes(), b"secret").unwrap();
    }
    r.header.add(b"X-Plain", b"plain").unwrap();
    Client::default().send(&r, None, None).unwrap();
    let secrets = |s: &Site, hop: usize| {
        let head = s.seen.lock().unwrap()[hop].0.clone();
        head.matches("secret").count()
    };
    assert_eq!((secrets(&first, 0), secrets(&first, 1)), (6, 6));
    assert_eq!((secrets(&other, 0), secrets(&home, 0)), (0, 0));
    assert_eq!(home.field(0, "X-Plain").as_deref(), Some("plain"));
}

#[test]
fn user_information_of_the_url_does_not_travel() {
    let other = Site::new(Vec::new());
    let first = Site::new(vec![("/a", 302, "/b".into()), ("/b", 302, other.named("localhost", "/c"))]);
    let url = first.url("/a#frag").replace("http://", "http://u:p@");
    Client::default().send(&request("GET", &url), None, None).unwrap();
    assert!(first.field(0, "Authorization").is_some() && first.field(1, "Authorization").is_some());
    assert_eq!(other.field(0, "Authorization"), None);
    assert_eq!(first.field(1, "Referer"), Some(first.url("/a")), "without user and fragment");
    assert_eq!(other.field(0, "Referer"), Some(first.url("/b")));
}

#[test]
fn an_own_referer_and_an_own_host_stay() {
    let other = Site::new(Vec::new());
    let first = Site::new(vec![("/a", 302, "/b".into()), ("/b", 302, other.url("/c"))]);
    let mut r = request("GET", &first.url("/a"));
    r.header.add(b"Referer", b"http://mine/").unwrap();
    r.host = r.header.store_mut().intern(b"virtual.test");
    Client::default().send(&r, None, None).unwrap();
    assert_eq!(first.field(1, "Referer").as_deref(), Some("http://mine/"));
    assert_eq!(first.field(1, "Host").as_deref(), Some("virtual.test"));
    assert_eq!(other.field(0, "Referer").as_deref(), Some("http://mine/"));
    assert_eq!(other.field(0, "Host"), Some(other.url("").replace("http://", "")));

    // A reference that names a host takes none along.
    let other = Site::new(Vec::new());
    let first = Site::new(vec![("/a", 302, other.url("/c").replace("http:", ""))]);
    r.url = r.header.store_mut().intern(first.url("/a").as_bytes());
    r.endpoint = Some(Arc::new(Endpoint::parse(&first.url("/a")).unwrap()));
    Client::default().send(&r, None, None).unwrap();
    assert_eq!(other.field(0, "Host"), Some(other.url("").replace("http://", "")));
}

#[test]
fn the_limit_and_its_error() {
    let s = Site::new(table(&[("/loop", 302, "/loop")]));
    let c = Client::default();
    let f = c.run(&request("GET", &s.url("/loop")), None, None).err().unwrap();
    assert_eq!(f.error.kind(), Kind::Redirect);
    assert_eq!(f.error.message(), "Get \"/loop\": stopped after 10 redirects");
    assert_eq!(s.lines().len(), 10, "as Go counts");
    let mut answer = f.answer.unwrap();
    assert_eq!(answer.response.line.code, 302);
    assert_eq!(answer.response.read_body(&mut [0; 9]).unwrap_err().kind(), Kind::Closed);
    c.set_policy(RedirectPolicy::Off);
    assert_eq!(c.send(&request("GET", &s.url("/loop")), None, None).unwrap().line.code, 302);
}

#[test]
fn a_location_that_is_no_url() {
    let s = Site::new(table(&[("/a", 302, "http://a b/"), ("/b", 302, "ftp://x/"), ("/c", 302, "%zz")]));
    let c = Client::default();
    let e = c.send(&request("POST", &s.url("/a")), None, None).err().unwrap();
    assert_eq!(e.kind(), Kind::Redirect);
    let start = format!("Post \"{}\": failed to parse Location header \"http://a b/\": parse ", s.url("/a"));
    assert!(e.message().starts_with(&start), "{e}");
    let e = c.send(&request("GET", &s.url("/b")), None, None).err().unwrap();
    assert_eq!(e.message(), "Get \"ftp://x/\": unsupported protocol scheme \"ftp\"");
    assert!(c.send(&request("GET", &s.url("/c")), None, None).is_err());
    c.set_policy(RedirectPolicy::Off);
    assert!(c.send(&request("GET", &s.url("/a")), None, None).is_ok());
}

struct Asked(Mutex<Vec<String>>);

impl CheckRedirect for Asked {
    fn check(&self, next: &mut Request, via: &[&Request]) -> RedirectAction {
        next.header.set(b"X-Hop", via.len().to_string().as_bytes()).unwrap();
        let text =
            |r: &Request| String::from_utf8_lossy(r.text(r.url)).rsplit('/').next().unwrap().to_owned();
        let line = via.iter().map(|r| text(r)).chain([text(next)]).collect::<Vec<_>>().join(">");
        self.0.lock().unwrap().push(line);
        match text(next).as_str() {
            "last" => RedirectAction::UseLast,
            "no" => RedirectAction::Refuse(Error::new(Kind::Redirect, "not there")),
            _ => RedirectAction::Follow,
        }
    }
}

#[test]
fn a_judge_sees_and_decides() {
    let s = Site::new(table(&[("/a", 302, "/b"), ("/b", 302, "/last"), ("/c", 302, "/no")]));
    let c = Client::default();
    let judge = Arc::new(Asked(Mutex::default()));
    c.set_policy(RedirectPolicy::Ask(judge.clone()));
    let mut d = c.run(&request("GET", &s.url("/a")), None, None).map_err(|f| f.error).unwrap();
    assert_eq!(*judge.0.lock().unwrap(), ["a>b", "a>b>last"]);
    assert_eq!(s.field(1, "X-Hop").as_deref(), Some("1"));
    assert_eq!(d.response.read_body(&mut [0; 9]).unwrap(), 4);
    let last = d.last.unwrap();
    assert_eq!(last.text(last.url), s.url("/b").as_bytes());
    let f = c.run(&request("GET", &s.url("/c")), None, None).err().unwrap();
    assert_eq!(f.error.message(), "Get \"/no\": not there");
    assert!(f.answer.is_some());
}

#[test]
fn time_and_token_count_for_all_hops() {
    // Each hop takes 60 ms, in a chain without an end.
    let slow = || {
        Origin::serve(|s, _| {
            while head_of(s).is_some() {
                std::thread::sleep(Duration::from_millis(60));
                let _ = s.write_all(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
            }
        })
    };
    let (o, c) = (slow(), Client::default());
    let start = Instant::now();
    let e = c.send(&request("GET", &o.url), Some(Duration::from_millis(150)), None).err().unwrap();
    assert_eq!(e.kind(), Kind::Timeout);
    assert!(e.message().ends_with("(Client.Timeout exceeded while awaiting headers)"), "{e}");
    assert!(start.elapsed() < Duration::from_millis(400));
    let token = CancelToken::new();
    let fire = token.clone();
    let t = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        fire.fire();
    });
    let e = c.send(&request("GET", &o.url), None, Some(&token)).err().unwrap();
    assert_eq!(e.kind(), Kind::Canceled);
    t.join().unwrap();
}

#[test]
fn a_large_old_body_costs_its_connection_only() {
    let o = Origin::serve(|s, n| {
        head_of(s);
        if n == 0 {
            let _ = s.write_all(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 100000000\r\n\r\n");
            let _ = s.write_all(&[b'x'; 100_000]);
            head_of(s);
        } else {
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let start = Instant::now();
    Client::default().send(&request("GET", &o.url), None, None).unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(o.accepted(), 2);
}

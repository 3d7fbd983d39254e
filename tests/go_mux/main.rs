//! The mux held against Go's: random sets of patterns, registered one after the other, and random requests to them.
//! What is refused and why, who answers, the values of wildcards, redirects and allowed methods are compared.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

#[path = "../go_values/go.rs"]
mod go;

use nethttp::message::escape::{UrlPart, quote, unescape};
use nethttp::message::request::Request;
use nethttp::mux::Mux;
use nethttp::server::{Handler, ResponseWriter, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// Dice is xorshift: the same cases each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn pattern(d: &mut Dice) -> String {
    if d.below(25) == 0 {
        return d
            .pick(&[
                "",
                "/{",
                "/{}",
                "/a{x}",
                "/{x}/{x}",
                "/{rest...}/a",
                "/{$}/a",
                "GET",
                "G@T /",
                "GET /a//b",
                "{x}/a",
                "/{1}",
                "GET  /b",
            ])
            .to_owned();
    }
    let method = d.pick(&["", "", "", "GET ", "GET ", "POST ", "HEAD ", "CONNECT "]);
    let host = d.pick(&["", "", "", "h", "other"]);
    let mut path = String::new();
    for _ in 0..d.below(4) {
        path.push('/');
        path.push_str(d.pick(&["a", "b", "a", "b", "{x}", "{y}", "a%2Fb", "c%20d"]));
    }
    path.push_str(d.pick(&["", "/", "/a", "/{rest...}", "/{$}", "/b"]));
    if path.is_empty() { format!("{method}{host}/") } else { format!("{method}{host}{path}") }
}

fn request(d: &mut Dice) -> String {
    let method = d.pick(&["GET", "GET", "HEAD", "POST", "PUT"]);
    let host = d.pick(&["h", "h:80", "other", "none"]);
    let mut path = String::new();
    for _ in 0..d.below(5) {
        path.push('/');
        path.push_str(d.pick(&["a", "b", "a", "b", "z", "a%2Fb", "c%20d", "%61", "..", ".", "", "%C3%A9"]));
    }
    if path.is_empty() || d.below(3) == 0 {
        path.push('/');
    }
    if d.below(6) == 0 {
        path.push_str("?q=/a");
    }
    format!("{method} {host} {path}")
}

fn answer(w: &mut ResponseWriter, r: &mut Request) {
    let routes = r.routes.clone().unwrap();
    let pattern = routes.pattern(r.route).to_str().unwrap().to_owned();
    let mut text = format!("pattern {pattern}");
    for name in ["x", "y", "rest"] {
        if pattern.contains(&format!("{{{name}")) {
            let raw = routes.value(r, name).map(|at| r.text(r.target)[at].to_vec()).unwrap_or_default();
            text.push_str(&format!(" {name}={}", quote(&unescape(&raw, UrlPart::Path).unwrap())));
        }
    }
    w.header().set(b"X-Answer", text.as_bytes()).unwrap();
}

/// exchange sends a request on a connection of its own and gives the head of the answer.
fn exchange(server: &Server, line: &str) -> String {
    let mut parts = line.splitn(3, ' ');
    let (method, host, target) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let mut c = TcpStream::connect(server.addr(0).unwrap()).unwrap();
    write!(c, "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = Vec::new();
    c.read_to_end(&mut all).unwrap();
    let text = String::from_utf8_lossy(&all).into_owned();
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let field =
        |name: &str| head.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "400" {
        return "400".to_owned();
    }
    format!("{status} location={} allow={} {}", field("Location:"), field("Allow:"), field("X-Answer:"))
}

#[test]
fn the_mux_is_gos() {
    let mut d = Dice(0x2545_f491_4f6c_dd1d);
    let mut lines = Vec::new();
    for _ in 0..250 {
        lines.push(".".to_owned());
        (0..1 + d.below(9)).for_each(|_| lines.push(format!("P {}", pattern(&mut d))));
        (0..20).for_each(|_| lines.push(format!("R {}", request(&mut d))));
    }
    let Some(answers) = go::ask("the_mux_is_gos", include_str!("mux.go"), lines.join("\n") + "\n") else {
        return;
    };
    let mut answers = answers.iter();
    let (mut mux, mut server, mut patterns) = (Arc::new(Mux::new()), None, Vec::new());
    let mut different = Vec::new();
    for line in &lines {
        if line == "." {
            (mux, server) = (Arc::new(Mux::new()), None);
            patterns.clear();
            continue;
        }
        let want = answers.next().unwrap();
        let got = match line.split_at(2) {
            ("P ", p) => match mux.handle(p, Arc::new(answer) as Arc<dyn Handler>) {
                Ok(()) => {
                    patterns.push(p.to_owned());
                    "ok".to_owned()
                }
                Err(e) => format!("refused {}", e.message()),
            },
            (_, r) => {
                let server = server.get_or_insert_with(|| {
                    let s = Server::new(mux.clone());
                    s.configure(|s| s.shards = 1).unwrap();
                    s.listen("127.0.0.1:0").unwrap();
                    s.start().unwrap();
                    s
                });
                exchange(server, r)
            }
        };
        // Of several patterns that a new one conflicts with, either may name another.
        let clash = |s: &str| s.split_once(" conflicts with ").map(|(new, _)| new.to_owned());
        if got != *want && (clash(&got).is_none() || clash(&got) != clash(want)) {
            different.push(format!("{line}\n  go: {want}\n  us: {got}\n  of: {patterns:?}"));
        }
    }
    println!("{} lines, {} different", lines.len(), different.len());
    let count = different.len();
    different.truncate(25);
    assert!(different.is_empty(), "{count} of {} differ:\n{}", lines.len(), different.join("\n"));
}

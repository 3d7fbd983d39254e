//! The engine from outside: exact bytes in and out, whole and split at every byte, two engines that talk to each other.

mod client;
mod floods;
mod flow;
mod model;
mod sending;
mod server;
mod speed;

use super::frame::{self, FrameHead, HEAD, PREFACE, flag, kind};
use super::hpack::Decoder;
use super::*;
use crate::message::header::Header;
use std::fmt::Write;

type Fields<'a> = &'a [(&'a str, &'a str)];

const GET: Fields = &[(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "h")];
const POST: Fields = &[(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "h")];
const OK: Fields = &[(":status", "200")];

/// with is a list of fields and some more.
fn with<'a>(fields: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [fields, more].concat()
}

fn raw(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::head(&mut out, kind, flags, stream, payload.len());
    out.extend_from_slice(payload);
    out
}

/// block encodes fields as they are, without tables, so that blocks can be put together in any order.
fn block(fields: Fields) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn headers(stream: u32, fields: Fields, end: bool) -> Vec<u8> {
    let flags = flag::END_HEADERS | if end { flag::END_STREAM } else { 0 };
    raw(kind::HEADERS, flags, stream, &block(fields))
}

fn data(stream: u32, bytes: &[u8], end: bool) -> Vec<u8> {
    raw(kind::DATA, if end { flag::END_STREAM } else { 0 }, stream, bytes)
}

fn rst(stream: u32, code: ErrorCode) -> Vec<u8> {
    raw(kind::RST_STREAM, 0, stream, &code.0.to_be_bytes())
}

fn window(stream: u32, n: u32) -> Vec<u8> {
    raw(kind::WINDOW_UPDATE, 0, stream, &n.to_be_bytes())
}

fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::settings(&mut out, values);
    out
}

/// begun is an engine with which settings were exchanged.
fn begun(server: bool, config: EngineConfig) -> Engine {
    let mut e = if server { Engine::server(config) } else { Engine::client(config) };
    let first = [if server { &PREFACE[..] } else { b"" }, &settings(&[])].concat();
    assert_eq!(feed(&mut e, &first), "settings\n");
    feed(&mut e, &raw(kind::SETTINGS, flag::ACK, 0, b""));
    e.sent(usize::MAX);
    e
}

/// opened is a client with requests under way.
fn opened(methods: &[&str]) -> Engine {
    let mut e = begun(false, EngineConfig::client());
    for method in methods {
        let head = RequestHead {
            method: method.as_bytes(),
            scheme: b"https",
            authority: b"h",
            path: b"/",
            protocol: b"",
        };
        e.request(&head, [], true).unwrap();
    }
    e.sent(usize::MAX);
    e
}

fn list(head: &Head) -> String {
    let text = |s| String::from_utf8_lossy(head.text(s)).into_owned();
    let mut out = String::new();
    for (name, span) in [("method", head.method), ("path", head.path), ("authority", head.authority)] {
        if !span.is_empty() {
            let _ = write!(out, " {name}={}", text(span));
        }
    }
    if head.status != 0 {
        let _ = write!(out, " status={}", head.status);
    }
    for (name, value) in head.header.iter() {
        let _ = write!(out, " {}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
    }
    if head.too_large { out + " too large" } else { out }
}

/// tell appends what events say, one a line; data that comes in pieces is one line.
fn tell(out: &mut String, events: Vec<Event>, input: &[u8], e: &mut Engine) {
    for event in events {
        let ended = |end| if end { " end" } else { "" };
        let _ = match event {
            Event::Settings => writeln!(out, "settings"),
            Event::Headers { id, head, end } => {
                let r = writeln!(out, "headers {id}{}{}", list(&head), ended(end));
                e.recycle(head);
                r
            }
            Event::Data { id, range, end } => {
                let bytes = String::from_utf8_lossy(&input[range]).into_owned();
                let begun = format!("data {id} ");
                let line = out.trim_end().rfind('\n').map_or(0, |at| at + 1);
                if out[line..].starts_with(&begun) && !out.ends_with(" end\n") {
                    out.pop();
                } else {
                    out.push_str(&begun);
                }
                writeln!(out, "{bytes}{}", ended(end))
            }
            Event::Trailers { id, head } => writeln!(out, "trailers {id}{}", list(&head)),
            Event::Reset { id, code, by_peer } => {
                writeln!(out, "reset {id} {code}{}", if by_peer { " by peer" } else { "" })
            }
            Event::Window { id } => writeln!(out, "window {id}"),
            Event::GoAway { last, code, debug } => {
                writeln!(out, "goaway {last} {code} {}", String::from_utf8_lossy(&debug))
            }
            Event::Pong { data } => writeln!(out, "pong {}", String::from_utf8_lossy(&data)),
            Event::Closed { fault } => writeln!(out, "closed {}", fault.code),
        };
    }
}

fn feed(e: &mut Engine, input: &[u8]) -> String {
    let (mut events, mut out) = (Vec::new(), String::new());
    e.recv(input, &mut events);
    tell(&mut out, events, input, e);
    out
}

/// frames prints what an engine has sent.
fn frames(mut wire: &[u8], decoder: &mut Decoder) -> String {
    let mut out = String::new();
    wire = wire.strip_prefix(&PREFACE[..]).unwrap_or(wire);
    while let Some(head) = FrameHead::parse(wire) {
        let (payload, rest) = wire[HEAD..].split_at(head.len as usize);
        wire = rest;
        let (id, word) =
            (head.stream, |at: usize| frame::read_u32(payload.get(at..).unwrap_or_default()).unwrap_or(0));
        let ended = if head.has(flag::END_STREAM) { " end" } else { "" };
        let _ = match head.kind {
            kind::DATA => writeln!(out, "DATA {id} {}{ended}", String::from_utf8_lossy(payload)),
            kind::HEADERS => {
                let (mut h, mut text) = (Header::new(), String::new());
                decoder
                    .decode(payload, &mut h, usize::MAX, |h, f, _| {
                        let get = |s| String::from_utf8_lossy(h.store().get(s)).into_owned();
                        let _ = write!(text, " {}={}", get(f.name), get(f.value));
                    })
                    .unwrap();
                writeln!(out, "HEADERS {id}{text}{ended}")
            }
            kind::RST_STREAM => writeln!(out, "RST_STREAM {id} {}", ErrorCode(word(0))),
            kind::SETTINGS if head.flags & flag::ACK != 0 => writeln!(out, "SETTINGS ack"),
            kind::SETTINGS => writeln!(out, "SETTINGS {payload:?}"),
            kind::PING => writeln!(out, "PING {} {}", head.flags, String::from_utf8_lossy(payload)),
            kind::GOAWAY => writeln!(out, "GOAWAY {} {}", word(0), ErrorCode(word(4))),
            kind::WINDOW_UPDATE => writeln!(out, "WINDOW_UPDATE {id} {}", word(0)),
            other => writeln!(out, "{other} {id}"),
        };
    }
    assert!(wire.is_empty());
    out
}

/// check feeds `input` to what `make` makes: whole, byte by byte, and cut in two at every place. Each gives `want`:
/// events in lower case, then frames in capitals.
fn check(name: &str, make: &dyn Fn() -> Engine, input: &[u8], want: &str) {
    let pieces = |cuts: &[&[u8]]| {
        let mut e = make();
        let (mut out, mut decoder) = (String::new(), Decoder::new());
        for &piece in cuts {
            let mut events = Vec::new();
            e.recv(piece, &mut events);
            tell(&mut out, events, piece, &mut e);
        }
        out + &frames(e.output(), &mut decoder)
    };
    let want: String = want.lines().map(|l| format!("{}\n", l.trim())).filter(|l| l != "\n").collect();
    let whole = pieces(&[input]);
    assert_eq!(whole, want, "{name}");
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(pieces(&bytes), want, "{name}, byte by byte");
    for at in 0..input.len().min(600) {
        let (a, b) = input.split_at(at);
        assert_eq!(pieces(&[a, b]), want, "{name}, cut at {at}");
    }
}

fn server_case(name: &str, input: &[Vec<u8>], want: &str) {
    check(name, &|| begun(true, EngineConfig::server()), &input.concat(), want);
}

/// xorshift, so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

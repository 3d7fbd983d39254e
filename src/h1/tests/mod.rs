//! The engine fed with exact bytes, good and bad, whole and split at every byte. The tables beside this file say
//! what Go makes of each message, recorded by `oracle.go`, and what we make of it where that differs.

mod bodies;
mod encoding;
mod requests;
mod responses;

use super::*;
use crate::message::header::{Header, canonical};
use crate::message::text::Span;
use std::fmt::Write;

const PARITY: &str = include_str!("../../../docs/go-parity.md");

/// check_table runs `answer` on each message of a table, with the last "@" line, and compares.
fn check_table(table: &str, answer: impl Fn(&str, &[u8]) -> String) {
    let (mut at, mut count, mut wrong) = ("", 0, String::new());
    let mut lines = table.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("@ ") {
            at = text;
        }
        let Some(sent) = line.strip_prefix("> ") else { continue };
        let go = lines.next().and_then(|l| l.strip_prefix("= ")).expect("what Go does");
        let ours = lines.next_if(|l| l.starts_with("! ")).and_then(|l| l.strip_prefix("! "));
        if ours.is_some() {
            assert_ne!(ours, Some(go), "no difference from Go: {sent}");
            let row = lines.next().and_then(|l| l.strip_prefix("! ")).expect("why it differs");
            assert!(PARITY.contains(&format!("\n| {row} | ")), "{row} is no row of docs/go-parity.md");
        }
        let got = escape(answer(at, &unescape(sent)).as_bytes());
        count += 1;
        if got != ours.unwrap_or(go) {
            let _ = write!(wrong, "\n> {sent}\n  want {}\n  got  {got}", ours.unwrap_or(go));
        }
    }
    assert!(count > 20);
    assert!(wrong.is_empty(), "{wrong}");
}

fn unescape(s: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = s.bytes();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'\\' => match bytes.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                    u8::from_str_radix(&hex, 16).unwrap()
                }
                other => panic!("{other:?} in {s}"),
            },
            b => b,
        });
    }
    out
}

/// escape prints bytes as the oracle does. Text that went through here is one char a byte.
fn escape(s: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(s).chars() {
        let _ = match c {
            '\\' => out.write_str("\\\\"),
            '\t' => out.write_str("\\t"),
            ' '..='~' => out.write_char(c),
            c => write!(out, "\\x{:02x}", c as u32),
        };
    }
    out
}

/// latin keeps each byte as one char, so that what is no UTF-8 can be compared.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn text(h: &Header, s: Span) -> String {
    latin(h.store().get(s))
}

/// fields prints the fields sorted and by canonical name, without those that Go consumes.
fn fields(h: &Header, skip: &[&str]) -> String {
    let mut all: Vec<String> = h
        .iter()
        .map(|(n, v)| (latin(&canonical(n)), latin(v)))
        .filter(|(n, _)| !skip.contains(&n.as_str()))
        .map(|(n, v)| format!(" {n}={v}"))
        .collect();
    all.sort();
    all.concat()
}

const CONSUMED: [&str; 6] =
    ["Connection", "Content-Length", "Expect", "Host", "Trailer", "Transfer-Encoding"];

/// sealed checks that C sees each text as long as it is.
fn sealed(h: &Header, spans: &[Span]) {
    let all = h.fields().iter().flat_map(|f| [f.name, f.value]);
    for s in all.chain(spans.iter().copied()) {
        assert_eq!(h.store().cstr(s).to_bytes(), h.store().get(s));
    }
}

/// placed gives a header whose block has `head` between other bytes, as in a read buffer, and the head's length as
/// [`HeadScan`] finds it, however the bytes come.
fn placed(head: &[u8]) -> (Header, usize) {
    let mut h = Header::new();
    *h.store_mut().block_mut() = [BEFORE, head, AFTER].concat();
    let msg = [head, AFTER].concat();
    let len = HeadScan::new().find(&msg).unwrap();
    for step in [1, 2, 3, 7] {
        let mut scan = HeadScan::new();
        let found = (0..).map(|i| (i * step).min(msg.len())).find_map(|n| scan.find(&msg[..n]));
        assert_eq!(found, Some(len));
    }
    (h, len)
}

const BEFORE: &[u8] = b"POST /before HTTP/1.1\r\n\r\nxx";
const AFTER: &[u8] = b"after\r\n\r\n";

/// untouched checks that parsing stayed within the head.
fn untouched(h: &Header, head: &[u8], len: usize) {
    let behind = [head, AFTER].concat().split_off(len);
    assert!(h.store().block().starts_with(BEFORE) && h.store().block().ends_with(&behind));
}

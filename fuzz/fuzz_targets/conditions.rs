//! Conditions and ranges: each line of the input is a field, whose name its first byte chooses. What a server answers is
//! the content, a part of it that the head names, or nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::error::Result;
use nethttp::handlers::{Content, serve_content};
use nethttp::message::request::Request;
use nethttp::server::ResponseWriter;

const SIZE: usize = 1000;
const NAMES: [&str; 7] =
    ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Range"];

fn byte(at: usize) -> u8 {
    b'a' + (at % 23) as u8
}

struct Letters;

impl Content for Letters {
    fn size(&self) -> u64 {
        SIZE as u64
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let (at, n) = (offset as usize, buf.len().min(SIZE.saturating_sub(offset as usize)));
        buf[..n].iter_mut().enumerate().for_each(|(i, b)| *b = byte(at + i));
        Ok(n)
    }
}

fn serve(w: &mut ResponseWriter, r: &mut Request) {
    w.header().set(b"ETag", b"\"tag\"").unwrap();
    serve_content(w, r, b"a.txt", Some(1_700_000_000), &mut Letters).unwrap();
}

/// part checks that `body` is what "bytes FIRST-LAST/SIZE" says, and tells how long that is.
fn part(range: &[u8], body: &[u8]) -> usize {
    let text = std::str::from_utf8(range).unwrap().strip_prefix("bytes ").unwrap();
    let (range, size) = text.split_once('/').unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    assert!(size.parse() == Ok(SIZE) && first <= last && last < SIZE);
    let n = last - first + 1;
    assert!((first..=last).map(byte).eq(body[..n].iter().copied()));
    n
}

/// parts checks a multipart/byteranges body, part by part.
fn parts(media: &[u8], body: &[u8]) {
    let boundary = media.strip_prefix(b"multipart/byteranges; boundary=").unwrap();
    let (open, close) = ([b"--", boundary, b"\r\n"].concat(), [b"--", boundary, b"--\r\n"].concat());
    let (mut rest, mut n) = (body, 0);
    while let Some(inner) = rest.strip_prefix(&open[..]) {
        let end = inner.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let mark = b"Content-Range: ";
        let line = inner[..end].split(|b| *b == b'\n').find_map(|l| l.strip_prefix(mark)).unwrap();
        let inner = &inner[end + 4..];
        rest = inner[part(line.trim_ascii(), inner)..].strip_prefix(b"\r\n").unwrap();
        n += 1;
    }
    assert!(n > 1 && rest == close);
}

fuzz_target!(|input: &[u8]| {
    let mut ask = b"GET / HTTP/1.1\r\nHost: h\r\n".to_vec();
    for line in input[..input.len().min(100_000)].split(|b| *b == b'\n') {
        let Some((&name, value)) = line.split_first() else { continue };
        ask.extend_from_slice(NAMES[name as usize % NAMES.len()].as_bytes());
        ask.extend_from_slice(b": ");
        ask.extend(value.iter().filter(|b| **b >= b' ' && **b != 127));
        ask.extend_from_slice(b"\r\n");
    }
    ask.extend_from_slice(b"\r\n");
    let answer = nethttp_fuzz::answers(serve, &ask);

    let got = nethttp_fuzz::response(&answer, 0, b"GET").expect("an answer that can be read");
    match got.code() {
        200 => assert!(got.body.len() == SIZE && (0..SIZE).map(byte).eq(got.body.iter().copied())),
        206 => match got.one("Content-Range") {
            Some(range) => assert_eq!(part(range, &got.body), got.body.len()),
            None => parts(got.one("Content-Type").unwrap(), &got.body),
        },
        304 | 412 => assert!(got.body.is_empty()),
        // Of what is no range at all nothing is told.
        416 => assert!(got.one("Content-Range").is_none_or(|range| range == b"bytes */1000")),
        431 => {}
        code => panic!("{code}"),
    }
});

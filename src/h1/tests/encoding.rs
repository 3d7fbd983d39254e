use super::*;
use crate::error::Kind;
use crate::message::request::{HTTP_10, HTTP_11, Version};
use crate::message::status;

fn line(version: Version, code: u16) -> String {
    let mut out = b"before".to_vec();
    status_line(&mut out, version, code);
    latin(out.strip_prefix(b"before").unwrap())
}

#[test]
fn status_lines() {
    for code in 100..1000 {
        let text = match status::text(code) {
            "" => format!("status code {code}"),
            text => text.to_owned(),
        };
        assert_eq!(line(HTTP_11, code), format!("HTTP/1.1 {code} {text}\r\n"));
        assert_eq!(line(HTTP_10, code), format!("HTTP/1.0 {code} {text}\r\n"));
    }
    assert_eq!(line(Version { major: 1, minor: 2 }, 200), "HTTP/1.1 200 OK\r\n");
    assert_eq!(line(HTTP_11, 7), "HTTP/1.1 007 status code 7\r\n");
    assert_eq!(line(HTTP_11, 42), "HTTP/1.1 042 status code 42\r\n");
}

#[test]
fn request_lines_cannot_be_broken() {
    let mut out = Vec::new();
    request_line(&mut out, b"GET", b"/a?b=\xff%00").unwrap();
    assert_eq!(out, b"GET /a?b=\xff%00 HTTP/1.1\r\n");
    for bad in 0..=255u8 {
        let target = [b'/', bad, b'x'];
        let refused = request_line(&mut Vec::new(), b"GET", &target).is_err();
        assert_eq!(refused, bad <= b' ' || bad == 0x7f, "{bad}");
        let method = [b'G', bad, b'T'];
        let token = bad.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&bad);
        assert_eq!(request_line(&mut Vec::new(), &method, b"/").is_err(), !token, "{bad}");
    }
    let mut out = Vec::new();
    for (method, target) in
        [(&b""[..], &b"/"[..]), (b"GET", b""), (b"GET", b"/ HTTP/1.1\r\nX: y\r\n\r\nGET /")]
    {
        assert_eq!(request_line(&mut out, method, target).unwrap_err().kind(), Kind::Invalid);
    }
    assert!(out.is_empty(), "a refused line leaves nothing behind");
}

#[test]
fn chunk_headers() {
    for n in [1, 9, 10, 15, 16, 255, 256, 4095, 4096, 65_535, 1 << 20, usize::MAX] {
        let (bytes, len) = chunk_header(n);
        assert_eq!(latin(&bytes[..len]), format!("{n:x}\r\n"));
    }
}

#[test]
fn decimals() {
    for n in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
        let mut out = b"x".to_vec();
        decimal(&mut out, n);
        assert_eq!(latin(&out), format!("x{n}"));
    }
}

#[test]
fn trailers_without_what_has_no_place_there() {
    let mut h = Header::new();
    for (n, v) in [("X-Sum", "8"), ("content-length", "5"), ("Host", "h"), ("Y", " z ")] {
        h.add(n.as_bytes(), v.as_bytes()).unwrap();
    }
    let mut out = Vec::new();
    last_chunk(&mut out, Some(&h));
    assert_eq!(latin(&out), "0\r\nX-Sum: 8\r\nY: z\r\n\r\n");
    out.clear();
    last_chunk(&mut out, None);
    assert_eq!(latin(&out), "0\r\n\r\n");
}

/// What is encoded is decoded again, in any pieces.
#[test]
fn round_trip() {
    let mut wire = Vec::new();
    for n in 1..200 {
        let (bytes, len) = chunk_header(n);
        wire.extend_from_slice(&bytes[..len]);
        wire.extend(std::iter::repeat_n(b'x', n));
        wire.extend_from_slice(CHUNK_END);
    }
    last_chunk(&mut wire, None);
    let mut d = BodyDecoder::new(Framing::Chunked);
    let mut out = vec![0; 199 * 200];
    let p = d.decode(&wire, &mut out).unwrap();
    assert_eq!(p, DecodeProgress { consumed: wire.len(), produced: 199 * 100, done: true });
}

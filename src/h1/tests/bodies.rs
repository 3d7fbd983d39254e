use super::*;
use crate::error::Kind;

/// decode feeds `input` in pieces, with room for `room` bytes at a time, then ends the stream.
fn decode(framing: Framing, pieces: &[&[u8]], room: usize) -> String {
    let mut d = BodyDecoder::new(framing);
    let (mut data, mut left) = (Vec::new(), 0);
    let mut waiting: Vec<u8> = Vec::new();
    let mut error = None;
    'pieces: for piece in pieces {
        waiting.extend_from_slice(piece);
        loop {
            let mut out = vec![0; room];
            match d.decode(&waiting, &mut out) {
                Ok(p) => {
                    assert!(p.consumed <= waiting.len() && p.produced <= room && p.produced <= p.consumed);
                    assert_eq!(p.done, d.is_done());
                    data.extend_from_slice(&out[..p.produced]);
                    waiting.drain(..p.consumed);
                    if p.done || (p.consumed == 0 && p.produced == 0) {
                        break;
                    }
                }
                Err(e) => {
                    let again = d.decode(b"0\r\n\r\n", &mut out).unwrap_err();
                    assert_eq!(again.message(), e.message(), "an error stays");
                    assert_eq!(d.eof().unwrap_err().message(), e.message());
                    error = Some(e);
                    break 'pieces;
                }
            }
        }
        left = waiting.len();
    }
    if error.is_none() {
        error = d.eof().err();
    }
    match error {
        Some(e) => format!("{} error: {e}", latin(&data)),
        None => {
            assert!(d.is_done());
            let trailer = d.take_trailer().unwrap_or_default();
            sealed(&trailer, &[]);
            format!("{} left={left}{}", latin(&data), fields(&trailer, &[]))
        }
    }
}

/// every_way decodes in all ways of cutting in two, by single bytes, and into small buffers: all give the same.
fn every_way(framing: Framing, body: &[u8]) -> String {
    let whole = decode(framing, &[body], 64);
    for at in 0..=body.len() {
        let (a, b) = body.split_at(at);
        assert_eq!(decode(framing, &[a, b], 64), whole, "{body:?} cut at {at}");
    }
    let single: Vec<&[u8]> = body.chunks(1).collect();
    for room in [1, 2, 3, 64] {
        assert_eq!(decode(framing, &[body], room), whole);
        assert_eq!(decode(framing, &single, room), whole);
    }
    whole
}

#[test]
fn as_go_does() {
    check_table(include_str!("bodies.txt"), |_, body| every_way(Framing::Chunked, body));
}

#[test]
fn other_framings() {
    assert_eq!(every_way(Framing::None, b"rest"), " left=4");
    assert_eq!(every_way(Framing::Length(0), b"rest"), " left=4");
    assert_eq!(every_way(Framing::Length(5), b"hellorest"), "hello left=4");
    assert_eq!(every_way(Framing::Length(5), b"hell"), "hell error: unexpected EOF");
    assert_eq!(every_way(Framing::UntilClose, b"hello"), "hello left=0");
    assert_eq!(every_way(Framing::UntilClose, b""), " left=0");
}

#[test]
fn straight_into_the_callers_buffer() {
    let mut d = BodyDecoder::new(Framing::Length(10));
    assert_eq!((d.remaining(), d.is_chunked()), (Some(10), false));
    let mut out = [0; 4];
    d.decode(b"0123456", &mut out).unwrap();
    assert_eq!(d.remaining(), Some(6));
    d.advance(5);
    assert_eq!((d.remaining(), d.is_done()), (Some(1), false));
    assert_eq!(d.eof().unwrap_err().kind(), Kind::UnexpectedEof);
    let mut d = BodyDecoder::new(Framing::Length(10));
    d.advance(usize::MAX);
    assert_eq!((d.remaining(), d.is_done()), (Some(0), true));
    d.eof().unwrap();
    assert_eq!(BodyDecoder::new(Framing::Chunked).remaining(), None);
    assert_eq!(BodyDecoder::new(Framing::UntilClose).remaining(), None);
}

#[test]
fn the_end_is_seen_at_once() {
    let mut d = BodyDecoder::new(Framing::Chunked);
    let mut out = [0; 5];
    let p = d.decode(b"5\r\nhello\r\n0\r\nX-Sum: 8\r\n\r\nrest", &mut out).unwrap();
    assert_eq!(p, DecodeProgress { consumed: 25, produced: 5, done: true });
    assert_eq!(fields(&d.take_trailer().unwrap(), &[]), " X-Sum=8");
    assert!(d.take_trailer().is_none());
    assert!(d.is_chunked());
}

#[test]
fn data_comes_before_its_error() {
    let mut d = BodyDecoder::new(Framing::Chunked);
    let mut out = [0; 64];
    let p = d.decode(b"5\r\nhello\r\nx", &mut out).unwrap();
    assert_eq!((p.produced, p.done), (5, false));
    assert_eq!(d.decode(b"", &mut out).unwrap_err().kind(), Kind::Protocol);
}

/// A reader that decodes only when it has input must not wait for more when an error is due.
#[test]
fn what_is_wrong_is_not_consumed() {
    let line = format!("1;{}\r\n", "e".repeat(4000));
    let flood = format!("{line}x\r\n").repeat(4) + &line;
    let long = format!("5\r\nhello\r\n0\r\nA: {}", "t".repeat(5000));
    for body in
        ["5\r\nhello\r\nx", "5\r\nhellox", "5\r\nhello\r\n5\n", "5\r\nhello\r\n0\r\n\n", &long, &flood]
    {
        let mut d = BodyDecoder::new(Framing::Chunked);
        let mut out = [0; 64];
        let p = d.decode(body.as_bytes(), &mut out).unwrap();
        assert!(p.produced > 0 && p.consumed < body.len(), "{body:?}");
        assert!(d.decode(&body.as_bytes()[p.consumed..], &mut out).is_err());
    }
}

#[test]
fn lines_are_bounded() {
    let body = |n: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(n)).into_bytes();
    assert_eq!(decode(Framing::Chunked, &[&body(4093)], 8), "x left=0");
    assert_eq!(decode(Framing::Chunked, &[&body(4094)], 8), " error: header line too long");
    let endless = vec![b'0'; 100_000];
    assert_eq!(decode(Framing::Chunked, &[&endless], 8), " error: http chunk length too large");
    let endless = [&b"1"[..], &vec![b' '; 100_000]].concat();
    assert_eq!(decode(Framing::Chunked, &[&endless], 8), " error: header line too long");
}

/// Go's rule: about 16 KiB more of framing than the data pays for.
#[test]
fn extensions_are_bounded_in_total() {
    let chunk = |ext: usize| format!("1;{}\r\nx\r\n", "e".repeat(ext));
    let body = |ext: usize, n: usize| (chunk(ext).repeat(n) + "0\r\n\r\n").into_bytes();
    let fine = decode(Framing::Chunked, &[&body(1000, 16)], 64);
    assert!(fine.ends_with("left=0"), "{fine}");
    let flood = decode(Framing::Chunked, &[&body(1000, 20)], 64);
    assert!(flood.ends_with("error: chunked encoding contains too much non-data"), "{flood}");
    // One byte a chunk, the honest stream, may last for ever.
    let slow = decode(Framing::Chunked, &["1\r\nx\r\n".repeat(20_000).as_bytes(), b"0\r\n\r\n"], 4096);
    assert!(slow.ends_with("x left=0"));
}

#[test]
fn trailers_are_bounded() {
    let body = |n: usize| format!("0\r\nA: {}\r\n\r\nrest", "t".repeat(n)).into_bytes();
    assert!(decode(Framing::Chunked, &[&body(4000)], 8).starts_with(" left=4 A=tt"));
    let long = " error: http: suspiciously long trailer after chunked body";
    assert_eq!(decode(Framing::Chunked, &[&body(4096)], 8), long);
    assert_eq!(decode(Framing::Chunked, &[&body(100_000)], 8), long);
    let many = format!("0\r\n{}\r\n", "a:\r\n".repeat(MAX_REQUEST_FIELDS + 1));
    assert_eq!(decode(Framing::Chunked, &[many.as_bytes()], 8), " error: message too large");
}

#[test]
fn every_byte_everywhere() {
    let body: &[u8] = b"3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n";
    for at in 0..body.len() {
        for b in 0..=255 {
            let mut changed = body.to_vec();
            changed[at] = b;
            let single: Vec<&[u8]> = changed.chunks(1).collect();
            let whole = decode(Framing::Chunked, &[&changed], 64);
            assert_eq!(decode(Framing::Chunked, &single, 64), whole, "{changed:?}");
        }
    }
}

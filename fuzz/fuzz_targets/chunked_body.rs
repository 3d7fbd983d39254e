//! Chunked bodies: the first two bytes choose how the rest is cut; every cut gives the same bytes, trailer and end or
//! the same error, takes no more than it was given, and a body that is written again is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::h1::{BodyDecoder, CHUNK_END, Framing, chunk_header, last_chunk};
use nethttp::message::header::{Header, is_token, is_value};

#[derive(Debug, PartialEq)]
struct Outcome {
    data: Vec<u8>,
    left: usize,
    trailer: Vec<(Vec<u8>, Vec<u8>)>,
    error: Option<String>,
}

fuzz_target!(|input: &[u8]| {
    let [cut, room, body @ ..] = input else { return };
    let whole = decode(body, body.len().max(1), body.len().max(1));
    let pieces = decode(body, usize::from(*cut).max(1), usize::from(*room).max(1));
    assert_eq!(whole, pieces);
    assert!(whole.data.len() <= body.len());
    // Written with a space behind each colon, a trailer can outgrow its bound.
    let trailer: usize = whole.trailer.iter().map(|(n, v)| n.len() + v.len() + 4).sum();
    if whole.error.is_none() && trailer < 4000 {
        assert_eq!(again(&whole), Outcome { left: 0, ..whole });
    }
});

fn decode(body: &[u8], step: usize, room: usize) -> Outcome {
    let mut d = BodyDecoder::new(Framing::Chunked);
    let mut o = Outcome { data: Vec::new(), left: 0, trailer: Vec::new(), error: None };
    let mut out = vec![0; room];
    let (mut from, mut to) = (0, 0);
    loop {
        match d.decode(&body[from..to], &mut out) {
            Ok(p) => {
                assert!(p.consumed <= to - from && p.produced <= room && p.produced <= p.consumed);
                o.data.extend_from_slice(&out[..p.produced]);
                from += p.consumed;
                if p.done {
                    break;
                }
                if p.consumed == 0 {
                    assert_eq!(from, to, "stuck with room and input");
                    if to == body.len() {
                        o.error = Some(d.eof().expect_err("not done").to_string());
                        break;
                    }
                    to = (to + step).min(body.len());
                }
            }
            Err(e) => {
                o.error = Some(e.to_string());
                break;
            }
        }
    }
    if o.error.is_none() {
        o.left = body.len() - from;
        let trailer = d.take_trailer().unwrap_or_default();
        assert!(trailer.iter().all(|(n, v)| is_token(n) && is_value(v)));
        o.trailer = trailer.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    }
    o
}

fn again(o: &Outcome) -> Outcome {
    let mut wire = Vec::new();
    for chunk in o.data.chunks(7) {
        let (line, len) = chunk_header(chunk.len());
        wire.extend_from_slice(&line[..len]);
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(CHUNK_END);
    }
    let mut h = Header::new();
    for (n, v) in &o.trailer {
        h.add(n, v).expect("a received field can be sent");
    }
    last_chunk(&mut wire, Some(&h));
    decode(&wire, wire.len(), wire.len())
}

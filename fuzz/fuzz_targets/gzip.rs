//! Bodies in gzip: what the decoder takes for whole, another one decodes to the same bytes; what was compressed comes
//! back; nothing more than the limit comes out; an error stays. The first two bytes choose the pieces and the limit.
#![no_main]

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use nethttp::error::{Error, Kind, Result};
use nethttp::h1::{Framing, ResponseFacts, StatusLine};
use nethttp::message::header::Header;
use nethttp::message::request::HTTP_11;
use nethttp::transport::{ReadBody, Response, undo_gzip};
use std::io::{Read, Write};

/// Pieces gives a body a few bytes at a time.
struct Pieces {
    data: Vec<u8>,
    at: usize,
    piece: usize,
}

impl ReadBody for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let rest = &self.data[self.at..];
        let n = rest.len().min(buf.len()).min(self.piece);
        buf[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }

    fn take_trailer(&mut self) -> Option<Header> {
        None
    }

    fn close(&mut self) {}
}

/// decode is what comes out, and the error that ended it.
fn decode(data: &[u8], piece: usize, limit: Option<u64>) -> (Vec<u8>, Option<Error>) {
    let mut header = Header::new();
    header.add(b"Content-Encoding", b"gzip").unwrap();
    let status = header.store_mut().intern(b"200 OK");
    let line = StatusLine { version: HTTP_11, code: 200, reason: status, status };
    let facts = ResponseFacts {
        framing: Framing::UntilClose,
        keep_alive: false,
        content_length: -1,
        chunked: false,
        nothing_to_strip: true,
    };
    let body = Pieces { data: data.to_vec(), at: 0, piece };
    let mut r = undo_gzip(Response::from_parts(header, line, facts, Box::new(body)), limit);
    assert!(r.uncompressed && !r.header.contains(b"Content-Encoding"));
    let (mut all, mut buf) = (Vec::new(), vec![0; piece * 3 + 1]);
    loop {
        match r.read_body(&mut buf) {
            Ok(0) => return (all, None),
            Ok(n) => all.extend_from_slice(&buf[..n]),
            Err(e) => {
                let again = r.read_body(&mut buf).unwrap_err();
                assert_eq!(again.message(), e.message());
                return (all, Some(e));
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [piece, limit, data @ ..] = input else { return };
    let piece = usize::from(*piece) + 1;
    let (got, error) = decode(data, piece, Some(1 << 20));
    assert!(got.len() <= 1 << 20);
    if error.is_none() && !data.is_empty() {
        let mut want = Vec::new();
        MultiGzDecoder::new(data).read_to_end(&mut want).unwrap();
        assert_eq!(got, want);
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(data).unwrap();
    let packed = packed.finish().unwrap();
    let (back, error) = decode(&packed, piece, None);
    assert!(error.is_none() && back == data, "{error:?}");
    let limit = u64::from(*limit);
    let (back, error) = decode(&packed, piece, Some(limit));
    assert!(back.len() as u64 <= limit && data.starts_with(&back));
    assert_eq!(error.map(|e| e.kind()), (data.len() as u64 > limit).then_some(Kind::TooLarge));
});

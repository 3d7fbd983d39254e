//! Bodies in gzip that the transport asked for itself, undone while they are read; Go's `gzipReader`.
//!
//! Members follow one another until the body ends. What is cut, corrupt or no gzip is an error that stays, bytes behind
//! the last member included. Memory is one input buffer and the window, whatever comes.

use super::{ReadBody, Response, read_when_closed};
use crate::error::{Error, Kind, Phase, Result};
use crate::message::header::Header;
use crate::message::request::Request;
use flate2::{Crc, Decompress, FlushDecompress, Status};

const INPUT: usize = 16 * 1024;
/// LONGEST_NAME is Go's bound for the name and the comment of a member.
const LONGEST_NAME: usize = 512;
/// RESERVED are the flags that must be 0 (RFC 1952, 2.3.1): what they say of the bytes behind them is not known.
const RESERVED: u8 = 0xe0;

/// is_wanted tells whether a request asks for gzip in the program's stead: not if it says itself what it accepts, not
/// for a range, a piece of which cannot be undone, and not for HEAD, whose length would be that of the compressed form.
pub(super) fn is_wanted(r: &Request, method: &[u8]) -> bool {
    method != b"HEAD" && !r.header.contains(b"Accept-Encoding") && !r.header.contains(b"Range")
}

/// decode_response reads a response through the decoder, if it is compressed and has a body.
pub fn decode_response(mut r: Box<Response>, limit: Option<u64>) -> Box<Response> {
    let is_gzip = r.header.get(b"Content-Encoding").is_some_and(|e| e.eq_ignore_ascii_case(b"gzip"));
    if !is_gzip || r.content_length == 0 || matches!(r.line.code, 0..=199 | 204 | 304) {
        return r;
    }
    r.header.del(b"Content-Encoding");
    r.header.del(b"Content-Length");
    r.content_length = -1;
    r.uncompressed = true;
    r.map_body(|body| Box::new(Gunzip::new(body, limit)));
    r
}

struct Gunzip {
    body: Box<dyn ReadBody>,
    state: GunzipState,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// The body has ended.
    ended: bool,
    inflate: Decompress,
    crc: Crc,
    /// What may still come out.
    left: Option<u64>,
    limit: u64,
    error: Option<Error>,
    closed: bool,
}

enum GunzipState {
    /// Before a member: its header, or the end.
    Member,
    Data,
    Done,
}

impl ReadBody for Gunzip {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed {
            return Err(read_when_closed());
        }
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let result = self.next(buf).map_err(|e| e.with_phase(Phase::Body));
        if let Err(e) = &result {
            self.error = Some(e.clone());
            // What is left of the body means nothing; its connection is given up if that is cheaper.
            self.body.close();
        }
        result
    }

    fn take_trailer(&mut self) -> Option<Header> {
        self.body.take_trailer()
    }

    fn close(&mut self) {
        self.closed = true;
        self.body.close();
    }
}

impl Gunzip {
    fn new(body: Box<dyn ReadBody>, limit: Option<u64>) -> Gunzip {
        Gunzip {
            body,
            state: GunzipState::Member,
            input: vec![0; INPUT].into_boxed_slice(),
            start: 0,
            end: 0,
            ended: false,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            left: limit,
            limit: limit.unwrap_or(0),
            error: None,
            closed: false,
        }
    }

    fn next(&mut self, buf: &mut [u8]) -> Result<usize> {
        loop {
            match self.state {
                GunzipState::Done => return Ok(0),
                GunzipState::Member => {
                    self.state = if self.header()? { GunzipState::Data } else { GunzipState::Done };
                }
                GunzipState::Data => {
                    let n = self.inflate(buf)?;
                    if n > 0 || buf.is_empty() {
                        return Ok(n);
                    }
                }
            }
        }
    }

    /// inflate answers 0 where the member has ended.
    fn inflate(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut probe = [0u8];
        loop {
            let most = self.left.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
            // At the limit one byte more tells whether there is more.
            let room = match most {
                0 => &mut probe[..],
                _ => buf.get_mut(..most.min(buf.len())).unwrap_or_default(),
            };
            let input = self.input.get(self.start..self.end).unwrap_or_default();
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(input, room, FlushDecompress::None);
            let status = status.map_err(|_| corrupt("flate: corrupt input"))?;
            let used = (self.inflate.total_in() - before_in) as usize;
            let made = (self.inflate.total_out() - before_out) as usize;
            self.start += used;
            if made > 0 {
                if most == 0 {
                    let text =
                        format!("nethttp: the body has more than {} bytes once decompressed", self.limit);
                    return Err(Error::new(Kind::TooLarge, text));
                }
                self.crc.update(room.get(..made).unwrap_or_default());
                self.left = self.left.map(|l| l.saturating_sub(made as u64));
            }
            if status == Status::StreamEnd {
                if made > 0 {
                    // The checksum is looked at in the next read: data comes before its error. The stream stays ended.
                    return Ok(made);
                }
                self.trailer()?;
                return Ok(0);
            }
            if made > 0 {
                return Ok(made);
            }
            if used == 0 && !self.fill()? {
                return Err(truncated());
            }
        }
    }

    /// trailer checks a member's end and readies the next.
    fn trailer(&mut self) -> Result<()> {
        let mut end = [0u8; 8];
        for b in &mut end {
            *b = self.byte()?;
        }
        let [a, b, c, d, e, f, g, h] = end;
        let (sum, size) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if sum != self.crc.sum() || size != self.crc.amount() {
            return Err(corrupt("gzip: invalid checksum"));
        }
        self.inflate.reset(false);
        self.crc.reset();
        self.state = GunzipState::Member;
        Ok(())
    }

    /// header reads a member's (RFC 1952, 2.3); `false`: there is none.
    fn header(&mut self) -> Result<bool> {
        if self.start == self.end && !self.fill()? {
            return Ok(false);
        }
        let mut crc = Crc::new();
        let mut fixed = [0u8; 10];
        for b in &mut fixed {
            *b = self.byte()?;
        }
        crc.update(&fixed);
        let [0x1f, 0x8b, 8, flags, ..] = fixed else {
            return Err(corrupt("gzip: invalid header"));
        };
        if flags & RESERVED != 0 {
            return Err(corrupt("gzip: invalid header"));
        }
        if flags & 4 != 0 {
            let size = [self.byte()?, self.byte()?];
            crc.update(&size);
            for _ in 0..u16::from_le_bytes(size) {
                crc.update(&[self.byte()?]);
            }
        }
        // The name, and the comment.
        for flag in [8, 16] {
            if flags & flag == 0 {
                continue;
            }
            let mut len = 0;
            loop {
                let b = self.byte()?;
                crc.update(&[b]);
                len += 1;
                match b {
                    0 => break,
                    _ if len >= LONGEST_NAME => return Err(corrupt("gzip: invalid header")),
                    _ => {}
                }
            }
        }
        if flags & 2 != 0 {
            let sum = u16::from_le_bytes([self.byte()?, self.byte()?]);
            if sum != (crc.sum() & 0xffff) as u16 {
                return Err(corrupt("gzip: invalid header"));
            }
        }
        Ok(true)
    }

    fn byte(&mut self) -> Result<u8> {
        if self.start == self.end && !self.fill()? {
            return Err(truncated());
        }
        let b = self.input.get(self.start).copied();
        self.start += 1;
        b.ok_or_else(truncated)
    }

    /// fill reads more of the body; `false` is its end.
    fn fill(&mut self) -> Result<bool> {
        if self.start < self.end {
            return Ok(true);
        }
        if self.ended {
            return Ok(false);
        }
        (self.start, self.end) = (0, self.body.read(&mut self.input)?);
        self.ended = self.end == 0;
        Ok(!self.ended)
    }
}

fn truncated() -> Error {
    Error::new(Kind::UnexpectedEof, "unexpected EOF")
}

fn corrupt(text: &str) -> Error {
    Error::new(Kind::Protocol, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    /// Pieces gives its bytes in steps.
    struct Pieces(Vec<u8>, usize);

    impl ReadBody for Pieces {
        fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
            let n = self.1.min(self.0.len()).min(buf.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            Ok(n)
        }
        fn take_trailer(&mut self) -> Option<Header> {
            None
        }
        fn close(&mut self) {}
    }

    fn member(data: &[u8], flags: u8, extra: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        out.extend_from_slice(extra);
        let mut crc = Crc::new();
        crc.update(data);
        let mut packed = Vec::with_capacity(data.len() + 100);
        Compress::new(Compression::default(), false)
            .compress_vec(data, &mut packed, FlushCompress::Finish)
            .unwrap();
        out.extend(packed);
        out.extend(crc.sum().to_le_bytes());
        out.extend(crc.amount().to_le_bytes());
        out
    }

    fn run(bytes: &[u8], step: usize, room: usize, limit: Option<u64>) -> (Vec<u8>, Option<Error>) {
        let mut g = Gunzip::new(Box::new(Pieces(bytes.to_vec(), step)), limit);
        let (mut all, mut buf) = (Vec::new(), vec![0; room]);
        loop {
            match g.read(&mut buf) {
                Ok(0) => return (all, None),
                Ok(n) => all.extend_from_slice(&buf[..n]),
                Err(e) => {
                    assert_eq!(g.read(&mut buf).unwrap_err().message(), e.message(), "it stays");
                    return (all, Some(e));
                }
            }
        }
    }

    #[test]
    fn members_whole_and_in_pieces() {
        let name = b"\x03\0abcname\0comment\0";
        let mut bytes = member(b"hello, ", 4 | 8 | 16, name);
        bytes.extend(member(b"", 0, b""));
        bytes.extend(member(&b"world ".repeat(1000), 0, b""));
        let want = [b"hello, ".to_vec(), b"world ".repeat(1000)].concat();
        for (step, room) in [(1, 1), (1, 100), (7, 3), (100_000, 100_000), (9, 1)] {
            let (got, e) = run(&bytes, step, room, None);
            assert!(e.is_none(), "{e:?}");
            assert_eq!(got, want);
        }
        assert!(run(b"", 1, 9, None).1.is_none(), "an empty body is empty");
    }

    #[test]
    fn a_cut_at_every_byte_is_an_error() {
        let bytes = [member(b"one", 0, b""), member(b"two", 8, b"n\0")].concat();
        let first = member(b"one", 0, b"").len();
        for cut in 1..bytes.len() {
            let (got, e) = run(&bytes[..cut], 5, 100, None);
            if cut == first {
                assert!(e.is_none() && got == b"one");
                continue;
            }
            assert_eq!(e.unwrap().kind(), Kind::UnexpectedEof, "{cut}");
        }
    }

    #[test]
    fn what_is_broken() {
        let good = member(b"hello", 0, b"");
        let broken = |at: usize| {
            let mut b = good.clone();
            b[at] ^= 0xff;
            run(&b, 100, 100, None)
        };
        assert_eq!(broken(0).1.unwrap().message(), "gzip: invalid header");
        let (data, e) = broken(good.len() - 8);
        assert_eq!((&data[..], e.unwrap().message()), (&b"hello"[..], "gzip: invalid checksum"));
        assert_eq!(broken(good.len() - 1).1.unwrap().message(), "gzip: invalid checksum");
        assert_eq!(broken(10).1.unwrap().kind(), Kind::Protocol);
        let trailing = [&good[..], b"garbage behind it"].concat();
        let (data, e) = run(&trailing, 100, 100, None);
        assert_eq!((&data[..], e.unwrap().message()), (&b"hello"[..], "gzip: invalid header"));
        let (_, e) = run(&[&good[..], b"\0"].concat(), 100, 100, None);
        assert_eq!(e.unwrap().message(), "unexpected EOF");
        let (_, e) = run(&member(b"x", 8, &[b'n'; 600]), 100, 100, None);
        assert_eq!(e.unwrap().message(), "gzip: invalid header");
        let (_, e) = run(&member(b"x", 2, b"zz"), 100, 100, None);
        assert_eq!(e.unwrap().message(), "gzip: invalid header");
        for reserved in [0x20, 0x40, 0x80] {
            let (_, e) = run(&member(b"x", reserved, b""), 100, 100, None);
            assert_eq!(e.unwrap().message(), "gzip: invalid header");
        }
    }

    #[test]
    fn the_limit_counts_what_comes_out() {
        let bytes = [member(&[b'x'; 600], 0, b""), member(&[b'x'; 400], 0, b"")].concat();
        for room in [1, 7, 1000, 5000] {
            let (got, e) = run(&bytes, 100, room, Some(1000));
            assert!(e.is_none() && got.len() == 1000);
            let (got, e) = run(&bytes, 100, room, Some(999));
            assert_eq!((got.len(), e.unwrap().kind()), (999, Kind::TooLarge));
        }
    }
}

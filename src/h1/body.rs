//! `BodyDecoder`: a message's body, its framing taken off.

use super::framing::Framing;
use super::trailer::TrailerReader;
use crate::error::{Error, Kind, Result};
use crate::message::header::Header;

/// The length of a chunk-size line, extensions included; Go's.
const MAX_LINE: usize = 4095;
/// How much more framing than data there may be, Go's rule: each chunk earns 16 bytes and twice its data.
const MAX_EXCESS: u64 = 16 * 1024;

/// DecodeProgress is what one call did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeProgress {
    pub consumed: usize,
    pub produced: usize,
    /// The body, its trailer included, is whole; what follows is another message.
    pub done: bool,
}

/// BodyDecoder is fed in pieces of any size and gives the same for each way of cutting. An error stays, and what
/// was decoded before it is delivered first.
#[derive(Debug)]
pub struct BodyDecoder {
    state: DecodeState,
    chunked: bool,
    excess: u64,
    trailer: Option<Box<Header>>,
    error: Option<Error>,
}

#[derive(Debug)]
enum DecodeState {
    Length(u64),
    UntilClose,
    Size(ChunkLine),
    Data(u64),
    /// The CR, then the LF, behind a chunk's data.
    DataCr,
    DataLf,
    Trailer(Box<TrailerReader>),
    Done,
}

/// ChunkLine is a chunk-size line that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct ChunkLine {
    len: usize,
    size: u64,
    digits: u8,
    position: ChunkLinePosition,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkLinePosition {
    #[default]
    Digits,
    /// White space that RFC 9112, 7.1.1 has recipients skip before an extension.
    Space,
    Extension,
    Cr,
}

impl BodyDecoder {
    pub fn new(framing: Framing) -> BodyDecoder {
        let state = match framing {
            Framing::None | Framing::Length(0) => DecodeState::Done,
            Framing::Length(n) => DecodeState::Length(n),
            Framing::Chunked => DecodeState::Size(ChunkLine::default()),
            Framing::UntilClose => DecodeState::UntilClose,
        };
        BodyDecoder { state, chunked: framing == Framing::Chunked, excess: 0, trailer: None, error: None }
    }

    /// decode copies body bytes from `input` to `out` until one of them is used up, or the body is whole. Framing
    /// is taken off even when `out` is full, so the end is seen as soon as it is there. What is wrong is not
    /// consumed: as long as an error is to come there is input left to call for it.
    pub fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<DecodeProgress> {
        let mut p = DecodeProgress::default();
        if self.error.is_none()
            && let Err(e) = self.run(input, out, &mut p)
        {
            self.error = Some(e);
        }
        match &self.error {
            Some(e) if p.produced == 0 => Err(e.clone()),
            _ => {
                p.done = self.is_done();
                Ok(p)
            }
        }
    }

    fn run(&mut self, input: &[u8], out: &mut [u8], p: &mut DecodeProgress) -> Result<()> {
        loop {
            let rest = input.get(p.consumed..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            match &mut self.state {
                DecodeState::Done => return Ok(()),
                DecodeState::UntilClose => {
                    if copy(rest, out, p, u64::MAX) == 0 {
                        return Ok(());
                    }
                }
                DecodeState::Length(left) => match copy(rest, out, p, *left) {
                    0 => return Ok(()),
                    n => {
                        *left -= n;
                        if *left == 0 {
                            self.state = DecodeState::Done;
                        }
                    }
                },
                DecodeState::Data(left) => match copy(rest, out, p, *left) {
                    0 => return Ok(()),
                    n => {
                        *left -= n;
                        if *left == 0 {
                            self.state = DecodeState::DataCr;
                        }
                    }
                },
                DecodeState::DataCr | DecodeState::DataLf => {
                    let (want, next) = match self.state {
                        DecodeState::DataCr => (b'\r', DecodeState::DataLf),
                        _ => (b'\n', DecodeState::Size(ChunkLine::default())),
                    };
                    if rest.first() != Some(&want) {
                        return Err(malformed("malformed chunked encoding"));
                    }
                    p.consumed += 1;
                    self.state = next;
                }
                DecodeState::Size(line) => {
                    let mut used = 0;
                    let mut whole = false;
                    for &b in rest {
                        used += 1;
                        whole = line.feed(b)?;
                        if whole {
                            break;
                        }
                    }
                    if whole {
                        let line = *line;
                        self.begin(line)?;
                    }
                    p.consumed += used;
                }
                DecodeState::Trailer(reader) => {
                    let (used, trailer) = reader.feed(rest)?;
                    p.consumed += used;
                    if let Some(trailer) = trailer {
                        self.trailer = trailer.map(Box::new);
                        self.state = DecodeState::Done;
                    }
                }
            }
        }
    }

    fn begin(&mut self, line: ChunkLine) -> Result<()> {
        if line.size == 0 {
            self.state = DecodeState::Trailer(Box::default());
            return Ok(());
        }
        let earned = line.size.saturating_mul(2).saturating_add(16);
        self.excess = (self.excess + line.len as u64 + 2).saturating_sub(earned);
        if self.excess > MAX_EXCESS {
            return Err(Error::new(Kind::TooLarge, "chunked encoding contains too much non-data"));
        }
        self.state = DecodeState::Data(line.size);
        Ok(())
    }

    /// remaining is how many bytes are missing of a body of known length: so many may be received straight into
    /// the caller's buffer, and be counted by [`BodyDecoder::advance`].
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            DecodeState::Length(n) => Some(n),
            DecodeState::Done if !self.chunked => Some(0),
            _ => None,
        }
    }

    /// advance counts `n` bytes that were received without [`BodyDecoder::decode`].
    pub fn advance(&mut self, n: usize) {
        if let DecodeState::Length(left) = &mut self.state {
            *left = left.saturating_sub(n as u64);
            if *left == 0 {
                self.state = DecodeState::Done;
            }
        }
    }

    pub fn is_done(&self) -> bool {
        matches!(self.state, DecodeState::Done)
    }

    /// is_until_close: the connection's end is the body's.
    pub fn is_until_close(&self) -> bool {
        matches!(self.state, DecodeState::UntilClose)
    }

    pub fn is_chunked(&self) -> bool {
        self.chunked
    }

    /// eof says that the peer closed. The body is whole if it was, or if it lasts until then; else the error is
    /// Go's `io.ErrUnexpectedEOF`.
    pub fn eof(&mut self) -> Result<()> {
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let text = match self.state {
            DecodeState::Done => return Ok(()),
            DecodeState::UntilClose => {
                self.state = DecodeState::Done;
                return Ok(());
            }
            DecodeState::Trailer(_) => "http: unexpected EOF reading trailer",
            _ => "unexpected EOF",
        };
        let e = Error::new(Kind::UnexpectedEof, text);
        self.error = Some(e.clone());
        Err(e)
    }

    /// take_trailer gives the trailer's fields once the body is whole, if there were any.
    pub fn take_trailer(&mut self) -> Option<Header> {
        self.trailer.take().map(|t| *t)
    }
}

impl ChunkLine {
    /// feed takes the next byte and says whether the line is whole.
    fn feed(&mut self, b: u8) -> Result<bool> {
        match (self.position, b) {
            (ChunkLinePosition::Cr, b'\n') => return Ok(true),
            (ChunkLinePosition::Cr, _) => return Err(malformed("invalid CR in chunked line")),
            (_, b'\n') => return Err(malformed("chunked line ends with bare LF")),
            (_, b'\r') if self.digits == 0 => {
                return Err(malformed("empty hex number for chunk length"));
            }
            (_, b'\r') => {
                self.position = ChunkLinePosition::Cr;
                return Ok(false);
            }
            (ChunkLinePosition::Digits, _) if b.is_ascii_hexdigit() => {
                // Sixteen digits at most, as in Go, and below 2^63, so that no sum of lengths can overflow.
                if self.digits == 16 || self.size >> 59 != 0 {
                    return Err(malformed("http chunk length too large"));
                }
                let digit = char::from(b).to_digit(16).unwrap_or(0);
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
            }
            (ChunkLinePosition::Digits | ChunkLinePosition::Space, b';') if self.digits > 0 => {
                self.position = ChunkLinePosition::Extension
            }
            (ChunkLinePosition::Digits | ChunkLinePosition::Space, b' ' | b'\t') if self.digits > 0 => {
                self.position = ChunkLinePosition::Space
            }
            (ChunkLinePosition::Extension, _) => {}
            (ChunkLinePosition::Digits | ChunkLinePosition::Space, b';') => {
                return Err(malformed("empty hex number for chunk length"));
            }
            (ChunkLinePosition::Digits | ChunkLinePosition::Space, _) => {
                return Err(malformed("invalid byte in chunk length"));
            }
        }
        self.len += 1;
        if self.len > MAX_LINE {
            return Err(Error::new(Kind::TooLarge, "header line too long"));
        }
        Ok(false)
    }
}

/// copy moves at most `limit` bytes and says how many.
fn copy(from: &[u8], out: &mut [u8], p: &mut DecodeProgress, limit: u64) -> u64 {
    let to = out.get_mut(p.produced..).unwrap_or_default();
    let n = from.len().min(to.len()).min(usize::try_from(limit).unwrap_or(usize::MAX));
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
    p.consumed += n;
    p.produced += n;
    n as u64
}

fn malformed(text: &str) -> Error {
    Error::new(Kind::Protocol, text)
}

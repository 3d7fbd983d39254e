//! `StreamBody`: the body of a message that was read from a program's stream.

use super::read::MessageReader;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{BodyDecoder, Framing};
use crate::message::header::Header;
use crate::message::request::IncomingBody;
use crate::transport::{ReadBody, read_when_closed};
use std::time::Duration;

pub(super) struct StreamBody {
    reader: MessageReader,
    decoder: BodyDecoder,
    trailer: Option<Header>,
    /// Sticky.
    failed: Option<Error>,
    limit: u64,
    closed: bool,
}

impl StreamBody {
    pub(super) fn new(reader: MessageReader, framing: Framing) -> StreamBody {
        StreamBody {
            reader,
            decoder: BodyDecoder::new(framing),
            trailer: None,
            failed: None,
            limit: u64::MAX,
            closed: false,
        }
    }

    fn pull(&mut self, buf: &mut [u8]) -> Result<usize> {
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        let n = match self.decode(buf) {
            Ok(n) if n as u64 > self.limit => {
                let within = self.limit as usize;
                self.limit = 0;
                self.failed = Some(too_large());
                if within == 0 {
                    return Err(too_large());
                }
                within
            }
            Ok(n) => {
                self.limit -= n as u64;
                n
            }
            // Somebody else reads the stream: nothing is lost.
            Err(e) if e.kind() == Kind::Busy => return Err(e),
            Err(e) => {
                self.failed = Some(e.clone().with_phase(Phase::Body));
                return Err(e.with_phase(Phase::Body));
            }
        };
        Ok(n)
    }

    fn decode(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.decoder.is_done() {
            return Ok(0);
        }
        let mut lent = self.reader.lend()?;
        let s = lent.raw()?;
        loop {
            if !s.buffered().is_empty() {
                let p = self.decoder.decode(s.buffered(), buf)?;
                s.consume(p.consumed);
                if p.done {
                    s.in_body = false;
                    self.trailer = self.decoder.take_trailer();
                }
                if p.done || p.produced > 0 {
                    return Ok(p.produced);
                }
                if p.consumed > 0 {
                    continue;
                }
            }
            if s.fill()? == 0 {
                self.decoder.eof()?;
                s.in_body = false;
                return Ok(0);
            }
        }
    }
}

fn too_large() -> Error {
    Error::new(Kind::TooLarge, "http: request body too large").with_phase(Phase::Body)
}

impl IncomingBody for StreamBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.pull(buf)
    }

    fn take_trailer(&mut self) -> Option<Header> {
        self.trailer.take()
    }

    fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    fn limit(&self) -> u64 {
        self.limit
    }

    fn set_read_timeout(&mut self, _: Option<Duration>) -> Result<()> {
        Err(Error::new(Kind::Unsupported, "nethttp: the program reads this stream, and bounds it"))
    }

    fn peer_disconnected(&self) -> bool {
        false
    }
}

impl ReadBody for StreamBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed {
            return Err(read_when_closed());
        }
        self.pull(buf)
    }

    fn take_trailer(&mut self) -> Option<Header> {
        self.trailer.take()
    }

    fn close(&mut self) {
        self.closed = true;
    }
}

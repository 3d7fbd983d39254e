//! Bodies of responses that are all here, and need their connection or stream no more: [`BufferedBody`], and [`InlineBody`] where
//! head and body came together.

use super::{ReadBody, read_when_closed};
use crate::error::Result;
use crate::h2::ByteQueue;
use crate::message::header::Header;
use std::time::Instant;

pub(super) struct BufferedBody {
    rest: ByteQueue,
    trailer: Option<Box<Header>>,
    closed: bool,
    /// When the last byte came, where that is known.
    ended: Option<Instant>,
}

impl BufferedBody {
    pub(super) fn new(body: ByteQueue, trailer: Option<Header>) -> BufferedBody {
        BufferedBody { rest: body, trailer: trailer.map(Box::new), closed: false, ended: None }
    }
}

/// InlineBody is a body that lies behind its head, in the block of the response's header.
pub(super) struct InlineBody {
    at: usize,
    end: usize,
    closed: bool,
    /// When the last byte came.
    pub(super) received_at: Instant,
}

impl InlineBody {
    /// new puts the body there. Nothing of the block may have been lent yet: it can move.
    pub(super) fn new(header: &mut Header, body: &[u8], came: Instant) -> InlineBody {
        let block = header.store_mut().block_mut();
        let at = block.len();
        block.extend_from_slice(body);
        InlineBody { at, end: block.len(), closed: false, received_at: came }
    }

    fn rest<'a>(&self, header: &'a Header) -> &'a [u8] {
        header.store().block().get(self.at..self.end).unwrap_or_default()
    }

    pub(super) fn read(&mut self, header: &Header, buf: &mut [u8]) -> Result<usize> {
        if self.closed {
            return Err(read_when_closed());
        }
        let rest = self.rest(header);
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        self.at += n;
        Ok(n)
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// to_buffered is what is left of the body, by itself.
    pub(super) fn to_buffered(&self, header: &Header) -> BufferedBody {
        let rest = ByteQueue::from(self.rest(header));
        BufferedBody { rest, trailer: None, closed: self.closed, ended: Some(self.received_at) }
    }
}

impl ReadBody for BufferedBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed { Err(read_when_closed()) } else { Ok(self.rest.take(buf, 0)) }
    }

    fn take_trailer(&mut self) -> Option<Header> {
        if self.rest.is_empty() { self.trailer.take().map(|t| *t) } else { None }
    }

    fn close(&mut self) {
        self.closed = true;
        self.rest = ByteQueue::default();
    }

    fn ended(&self) -> Option<Instant> {
        self.ended
    }
}

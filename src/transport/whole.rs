//! `Whole`: the body of a response that is all here, and needs its connection or stream no more.

use super::{ReadBody, read_when_closed};
use crate::error::Result;
use crate::h2::Queue;
use crate::message::header::Header;
use std::time::Instant;

pub(super) struct Whole {
    rest: Queue,
    trailer: Option<Box<Header>>,
    closed: bool,
    /// When the last byte came, where that is known.
    ended: Option<Instant>,
}

impl Whole {
    pub(super) fn new(body: Queue, trailer: Option<Header>, ended: Option<Instant>) -> Whole {
        Whole { rest: body, trailer: trailer.map(Box::new), closed: false, ended }
    }
}

impl ReadBody for Whole {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed { Err(read_when_closed()) } else { Ok(self.rest.take(buf, 0)) }
    }

    fn take_trailer(&mut self) -> Option<Header> {
        if self.rest.is_empty() { self.trailer.take().map(|t| *t) } else { None }
    }

    fn close(&mut self) {
        self.closed = true;
        self.rest = Queue::default();
    }

    fn ended(&self) -> Option<Instant> {
        self.ended
    }
}

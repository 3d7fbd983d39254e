//! `Body`: the body of a response, read by pull from a stream.
//!
//! What comes before it is asked for waits in the stream's inbox, bounded by the stream's window: a body that is not read
//! holds up nobody else. Closing it early resets the stream and keeps the connection.

use super::flow::{Flow, Turn};
use super::receive::Direct;
use super::slot::KEEP;
use crate::error::{Error, Phase, Result};
use crate::message::header::Header;
use crate::net::cancel::CancelToken;
use crate::transport::body::timed_out;
use crate::transport::{ReadBody, read_when_closed};
use std::time::Instant;

pub(super) struct Body {
    flow: Flow,
    trailer: Option<Header>,
    /// Nothing more will come from the stream.
    ended: bool,
    /// Sticky.
    error: Option<Error>,
    closed: bool,
}

enum Came {
    Data { last: bool },
    End,
    Failed(Error),
}

impl Body {
    /// new is a body that the stream brings; `empty`: there will be none, whatever comes.
    pub(super) fn new(flow: Flow, empty: bool) -> Body {
        Body { flow, trailer: None, ended: empty, error: None, closed: false }
    }

    fn read_stream(&mut self, buf: &mut [u8]) -> Result<usize> {
        let id = self.flow.id;
        loop {
            let until = self.flow.clock.until(self.flow.progress, Instant::now()).at;
            let mut direct = Direct::new(id, buf);
            let trailer = &mut self.trailer;
            let turn = self.flow.step(until, &mut direct, None, |state, direct| {
                let slot = state.slots.get_mut(id)?;
                let n = slot.inbox.take(direct.room(), KEEP);
                direct.filled += n;
                state.engine.release(id, n);
                if direct.filled > 0 {
                    let last = slot.ended && slot.inbox.is_empty() && slot.trailer.is_none();
                    return Some(Came::Data { last });
                }
                if slot.ended {
                    *trailer = slot.trailer.take();
                    return Some(Came::End);
                }
                slot.failed.as_ref().map(|f| Came::Failed(f.error.clone()))
            });
            let clock = self.flow.clock;
            match turn.map_err(|halt| Flow::halted(halt, || timed_out(clock)))? {
                Turn::Got(Came::Data { last }) => {
                    let n = direct.filled;
                    if last {
                        self.finish();
                    }
                    return Ok(n);
                }
                Turn::Got(Came::End) => {
                    self.finish();
                    return Ok(0);
                }
                Turn::Got(Came::Failed(e)) => return Err(e),
                Turn::Sent => self.flow.teller.wrote(&self.flow.upload, None),
                Turn::Piece => self.flow.piece()?,
            }
        }
    }

    /// finish leaves the stream, whose answer has been read.
    fn finish(&mut self) {
        self.ended = true;
        self.flow.end();
    }
}

impl ReadBody for Body {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed {
            return Err(read_when_closed());
        }
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let fired = || self.flow.cancel.as_ref().is_some_and(CancelToken::is_fired);
        if self.ended {
            return Ok(0);
        }
        let result = if fired() { Err(crate::net::cancel::canceled()) } else { self.read_stream(buf) };
        result.map_err(|e| {
            let e = e.with_phase(Phase::Body);
            self.error = Some(e.clone());
            self.flow.end();
            e
        })
    }

    fn take_trailer(&mut self) -> Option<Header> {
        if self.ended { self.trailer.take() } else { None }
    }

    fn close(&mut self) {
        self.closed = true;
        self.flow.end();
    }
}

//! `Body`: the body of a response, read by pull from a stream.
//!
//! What comes before it is asked for waits in the stream's inbox, bounded by the stream's window: a body that is not read
//! holds up nobody else. Closing it early resets the stream and keeps the connection.

use super::client_stream::{ClientStream, WaitResult};
use super::receive::DirectRead;
use super::recv_stream::KEEP_CAPACITY;
use crate::error::{Error, Phase, Result};
use crate::message::header::Header;
use crate::net::cancel::CancelToken;
use crate::transport::body::timed_out;
use crate::transport::{ReadBody, read_when_closed};
use std::time::Instant;

pub(super) struct Http2Body {
    stream: ClientStream,
    trailer: Option<Header>,
    /// Nothing more will come from the stream.
    ended: bool,
    /// Sticky.
    error: Option<Error>,
    closed: bool,
}

enum BodyEvent {
    Data { last: bool },
    End,
    Failed(Error),
}

impl Http2Body {
    /// new is a body that the stream brings; `empty`: there will be none, whatever comes.
    pub(super) fn new(stream: ClientStream, empty: bool) -> Http2Body {
        Http2Body { stream, trailer: None, ended: empty, error: None, closed: false }
    }

    fn read_stream(&mut self, buf: &mut [u8]) -> Result<usize> {
        let id = self.stream.id;
        loop {
            let until = self.stream.deadlines.deadline(self.stream.progress, Instant::now()).at;
            let mut direct = DirectRead::new(id, buf);
            let trailer = &mut self.trailer;
            let turn = self.stream.step(until, &mut direct, None, |state, direct| {
                let slot = state.streams.get_mut(id)?;
                let n = slot.inbox.take(direct.room(), KEEP_CAPACITY);
                direct.filled += n;
                state.engine.release(id, n);
                if direct.filled > 0 {
                    let last = slot.ended && slot.inbox.is_empty() && slot.trailer.is_none();
                    return Some(BodyEvent::Data { last });
                }
                if slot.ended {
                    *trailer = slot.trailer.take();
                    return Some(BodyEvent::End);
                }
                slot.failed.as_ref().map(|f| BodyEvent::Failed(f.error.clone()))
            });
            let deadlines = self.stream.deadlines;
            match turn.map_err(|halt| ClientStream::wait_error(halt, || timed_out(deadlines)))? {
                WaitResult::Got(BodyEvent::Data { last }) => {
                    let n = direct.filled;
                    if last {
                        self.finish();
                    }
                    return Ok(n);
                }
                WaitResult::Got(BodyEvent::End) => {
                    self.finish();
                    return Ok(0);
                }
                WaitResult::Got(BodyEvent::Failed(e)) => return Err(e),
                WaitResult::Sent => self.stream.tracer.report_written(&self.stream.writer, None),
                WaitResult::Piece => self.stream.next_piece()?,
            }
        }
    }

    /// finish leaves the stream, whose answer has been read.
    fn finish(&mut self) {
        self.ended = true;
        self.stream.end();
    }
}

impl ReadBody for Http2Body {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed {
            return Err(read_when_closed());
        }
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let fired = || self.stream.cancel.as_ref().is_some_and(CancelToken::is_fired);
        if self.ended {
            return Ok(0);
        }
        let result = if fired() { Err(crate::net::cancel::canceled()) } else { self.read_stream(buf) };
        result.map_err(|e| {
            let e = e.with_phase(Phase::Body);
            self.error = Some(e.clone());
            self.stream.end();
            e
        })
    }

    fn take_trailer(&mut self) -> Option<Header> {
        if self.ended { self.trailer.take() } else { None }
    }

    fn close(&mut self) {
        self.closed = true;
        self.stream.end();
    }
}

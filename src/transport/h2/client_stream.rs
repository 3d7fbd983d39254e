//! `ClientStream`: one stream as its caller has it: what it still sends, and what it waits for meanwhile.

use super::conn::{BACKLOG, H2Conn, Http2State};
use super::exchange::FinalResponse;
use super::leader::{Wait, WaitError};
use super::receive::DirectRead;
use crate::error::{Error, Kind, Phase, Result};
use crate::h2::{ErrorCode, SendError};
use crate::memory::no_memory;
use crate::message::header::Header;
use crate::net::cancel::{CancelToken, canceled};
use crate::transport::exchange::{Deadlines, Failure, Retry};
use crate::transport::request_writer::RequestWriter;
use crate::transport::trace::Tracer;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) struct ClientStream {
    pub(super) conn: Arc<H2Conn>,
    /// 0: there is no stream of it, or not any more.
    pub(super) id: u32,
    pub(super) writer: RequestWriter,
    /// What goes out behind the request's body.
    pub(super) trailer: Header,
    pub(super) cancel: Option<CancelToken>,
    pub(super) deadlines: Deadlines,
    pub(super) progress: Option<Duration>,
    pub(super) tracer: Tracer,
    /// The request is whole.
    pub(super) sent: bool,
    /// What came was looked at since the last piece was sent.
    checked: bool,
}

/// WaitResult is what a step has brought.
pub(super) enum WaitResult<T> {
    Got(T),
    /// More of the request went out.
    Sent,
    /// The next piece of the request's body is there.
    Piece,
}

/// SendProgress is what can be done for the request.
enum SendProgress {
    Sent,
    Wants,
    Whole,
}

impl ClientStream {
    pub(super) fn new(
        conn: Arc<H2Conn>,
        writer: RequestWriter,
        trailer: &Header,
        cancel: Option<&CancelToken>,
        deadlines: Deadlines,
        progress: Option<Duration>,
        tracer: Tracer,
    ) -> ClientStream {
        let (trailer, cancel) = (trailer.clone(), cancel.cloned());
        ClientStream {
            conn,
            id: 0,
            writer,
            trailer,
            cancel,
            deadlines,
            progress,
            tracer,
            sent: false,
            checked: false,
        }
    }

    pub(super) fn is_sending(&self) -> bool {
        !self.sent && !self.writer.is_stopped()
    }

    /// send puts what is there of the body into the output, as far as windows and socket let it; `None` is not at all.
    fn send(
        id: u32,
        writer: &mut RequestWriter,
        trailer: &Header,
        state: &mut Http2State,
    ) -> Option<SendProgress> {
        let slot = state.streams.get_mut(id)?;
        slot.blocked = false;
        if slot.stop_sending {
            writer.stop();
            return Some(SendProgress::Sent);
        }
        if writer.awaits_continue {
            return None;
        }
        let [_, piece] = writer.pending();
        if piece.is_empty() {
            return Some(if writer.is_done() { SendProgress::Whole } else { SendProgress::Wants });
        }
        let last = trailer.is_empty() && writer.ends_with(piece.len());
        slot.blocked = true;
        if state.backlog() >= BACKLOG {
            return None;
        }
        let sent = state.engine.send_data(id, piece, last);
        if sent == Err(SendError::NoMemory) {
            state.fail_for_memory(id);
            return Some(SendProgress::Sent);
        }
        let n = sent.unwrap_or(0);
        if n == 0 {
            return None;
        }
        let whole = last && n == piece.len();
        writer.advance(n);
        writer.sent += n as u64;
        if whole {
            state.sent(id);
        }
        Some(if whole { SendProgress::Whole } else { SendProgress::Sent })
    }

    /// start sends what there is right behind the request's head.
    pub(super) fn start(&mut self, state: &mut Http2State) {
        if self.writer.is_done() && self.trailer.is_empty() {
            state.sent(self.id);
            self.sent = true;
        } else if let Some(SendProgress::Whole) =
            ClientStream::send(self.id, &mut self.writer, &self.trailer, state)
        {
            self.finish(state);
        }
    }

    /// finish ends the request, if its last piece has not.
    fn finish(&mut self, state: &mut Http2State) {
        self.sent = true;
        if state.streams.get(self.id).is_some_and(|s| !s.sent) {
            let _ = state.engine.send_trailers(self.id, self.trailer.iter().collect::<Vec<_>>());
            state.sent(self.id);
        }
    }

    /// step waits until `take` has something, and sends what can be sent of the request meanwhile. `brought` is what a
    /// whole answer is to a caller that waits for one.
    pub(super) fn step<T>(
        &mut self,
        until: Option<Instant>,
        direct: &mut DirectRead<'_>,
        brought: Option<fn(FinalResponse) -> WaitResult<T>>,
        mut take: impl FnMut(&mut Http2State, &mut DirectRead<'_>) -> Option<T>,
    ) -> std::result::Result<WaitResult<T>, WaitError> {
        let (conn, cancel) = (self.conn.clone(), self.cancel.clone());
        let cancel = cancel.as_ref();
        let wait = Wait {
            stream: self.id,
            until,
            cancel,
            waits_again: false,
            delivered: brought,
            has_output: false,
        };
        let turn = conn.wait_for(wait, direct, |state, direct, _| {
            if let Some(got) = take(state, direct) {
                return Some(WaitResult::Got(got));
            }
            if !self.is_sending() {
                return None;
            }
            match ClientStream::send(self.id, &mut self.writer, &self.trailer, state)? {
                SendProgress::Sent => Some(WaitResult::Sent),
                SendProgress::Wants => Some(WaitResult::Piece),
                SendProgress::Whole => {
                    self.finish(state);
                    Some(WaitResult::Sent)
                }
            }
        })?;
        match turn {
            WaitResult::Sent => self.checked = false,
            // The program's source may wait for an answer to what was sent before.
            WaitResult::Piece if !std::mem::replace(&mut self.checked, true) => conn.receive_unwatched(),
            _ => {}
        }
        Ok(turn)
    }

    /// next_piece has the program's source give more; an error is its own.
    pub(super) fn next_piece(&mut self) -> Result<()> {
        self.writer.prepare()
    }

    /// wait_error is the error of a wait that ended; its caller says what a deadline means.
    pub(super) fn wait_error(halt: WaitError, deadline: impl FnOnce() -> Error) -> Error {
        match halt {
            WaitError::Canceled => canceled(),
            WaitError::Deadline => deadline(),
            WaitError::Os(e) => Error::io(Kind::Io, "poll", &e),
        }
    }

    /// end leaves the stream: one that is not over is reset, and nothing else suffers.
    pub(super) fn end(&mut self) {
        let id = std::mem::take(&mut self.id);
        if id == 0 {
            return;
        }
        self.writer.stop();
        let mut state = self.conn.lock();
        state.leave(id, Instant::now());
        self.conn.flush_output(state);
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        self.end();
    }
}

impl Http2State {
    /// sent marks a request as whole.
    fn sent(&mut self, id: u32) {
        let Some(s) = self.streams.get_mut(id) else { return };
        s.sent = true;
        if s.ended {
            self.free(id, Instant::now());
        }
    }

    /// fail_for_memory ends a stream whose request finds no room in the output.
    fn fail_for_memory(&mut self, id: u32) {
        self.engine.reset(id, ErrorCode::CANCEL);
        if let Some(s) = self.streams.get_mut(id) {
            let error = no_memory("http2: no memory for what is to be sent").with_phase(Phase::Write);
            s.failed.get_or_insert(Failure { error, retry: Retry::No });
        }
    }

    /// leave forgets a stream.
    pub(super) fn leave(&mut self, id: u32, now: Instant) {
        let Some(mut slot) = self.streams.remove(id).map(std::mem::take) else { return };
        self.engine.release(id, slot.inbox.len());
        let over = slot.failed.is_some() || (slot.ended && slot.sent);
        if !over && self.error.is_none() {
            // RFC 9113, 8.1: an answer that is whole makes the rest of the request needless.
            let code = if slot.ended { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL };
            self.engine.reset(id, code);
            if slot.holds_quota && !slot.ended && self.confirmed < id && !self.quota.is_closed() {
                slot.holds_quota = false;
                self.unconfirmed += 1;
                if self.ping_sent.is_none() {
                    self.send_ping(now);
                }
            }
        }
        if slot.holds_quota {
            self.deferred.freed += 1;
            self.wake_stream_waiters();
        }
        self.last_used = now;
        self.close_if_unused();
    }
}

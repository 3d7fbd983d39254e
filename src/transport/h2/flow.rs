//! `Flow`: one stream as its caller has it: what it still sends, and what it waits for meanwhile.

use super::conn::{BACKLOG, H2Conn, State};
use super::drive::{Halt, Wait};
use super::exchange::Answer;
use super::receive::Direct;
use crate::error::{Error, Kind, Phase, Result};
use crate::h2::{ErrorCode, SendError};
use crate::memory::no_memory;
use crate::message::header::Header;
use crate::net::cancel::{CancelToken, canceled};
use crate::transport::exchange::{Clock, Failure, Retry};
use crate::transport::tell::Teller;
use crate::transport::upload::Upload;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) struct Flow {
    pub(super) conn: Arc<H2Conn>,
    /// 0: there is no stream of it, or not any more.
    pub(super) id: u32,
    pub(super) upload: Upload,
    /// What goes out behind the request's body.
    pub(super) trailer: Header,
    pub(super) cancel: Option<CancelToken>,
    pub(super) clock: Clock,
    pub(super) progress: Option<Duration>,
    pub(super) teller: Teller,
    /// The request is whole.
    pub(super) sent: bool,
    /// What came was looked at since the last piece was sent.
    looked: bool,
}

/// Turn is what a step has brought.
pub(super) enum Turn<T> {
    Got(T),
    /// More of the request went out.
    Sent,
    /// The next piece of the request's body is there.
    Piece,
}

/// Sending is what can be done for the request.
enum Sending {
    Sent,
    Wants,
    Whole,
}

impl Flow {
    pub(super) fn new(
        conn: Arc<H2Conn>,
        upload: Upload,
        trailer: &Header,
        cancel: Option<&CancelToken>,
        clock: Clock,
        progress: Option<Duration>,
        teller: Teller,
    ) -> Flow {
        let (trailer, cancel) = (trailer.clone(), cancel.cloned());
        Flow { conn, id: 0, upload, trailer, cancel, clock, progress, teller, sent: false, looked: false }
    }

    pub(super) fn is_sending(&self) -> bool {
        !self.sent && !self.upload.is_stopped()
    }

    /// send puts what is there of the body into the output, as far as windows and socket let it; `None` is not at all.
    fn send(id: u32, upload: &mut Upload, trailer: &Header, state: &mut State) -> Option<Sending> {
        let slot = state.slots.get_mut(id)?;
        slot.blocked = false;
        if slot.enough {
            upload.stop();
            return Some(Sending::Sent);
        }
        if upload.held {
            return None;
        }
        let [_, piece] = upload.pending();
        if piece.is_empty() {
            return Some(if upload.is_done() { Sending::Whole } else { Sending::Wants });
        }
        let last = trailer.is_empty() && upload.ends_with(piece.len());
        slot.blocked = true;
        if state.backlog() >= BACKLOG {
            return None;
        }
        let sent = state.engine.send_data(id, piece, last);
        if sent == Err(SendError::NoMemory) {
            state.fail_for_memory(id);
            return Some(Sending::Sent);
        }
        let n = sent.unwrap_or(0);
        if n == 0 {
            return None;
        }
        let whole = last && n == piece.len();
        upload.advance(n);
        upload.sent += n as u64;
        if whole {
            state.sent(id);
        }
        Some(if whole { Sending::Whole } else { Sending::Sent })
    }

    /// start sends what there is right behind the request's head.
    pub(super) fn start(&mut self, state: &mut State) {
        if self.upload.is_done() && self.trailer.is_empty() {
            state.sent(self.id);
            self.sent = true;
        } else if let Some(Sending::Whole) = Flow::send(self.id, &mut self.upload, &self.trailer, state) {
            self.finish(state);
        }
    }

    /// finish ends the request, if its last piece has not.
    fn finish(&mut self, state: &mut State) {
        self.sent = true;
        if state.slots.get(self.id).is_some_and(|s| !s.sent) {
            let _ = state.engine.send_trailers(self.id, self.trailer.iter().collect::<Vec<_>>());
            state.sent(self.id);
        }
    }

    /// step waits until `take` has something, and sends what can be sent of the request meanwhile. `brought` is what a
    /// whole answer is to a caller that waits for one.
    pub(super) fn step<T>(
        &mut self,
        until: Option<Instant>,
        direct: &mut Direct<'_>,
        brought: Option<fn(Answer) -> Turn<T>>,
        mut take: impl FnMut(&mut State, &mut Direct<'_>) -> Option<T>,
    ) -> std::result::Result<Turn<T>, Halt> {
        let (conn, cancel) = (self.conn.clone(), self.cancel.clone());
        let cancel = cancel.as_ref();
        let wait = Wait { stream: self.id, until, cancel, stays: false, brought, put: false };
        let turn = conn.until(wait, direct, |state, direct, _| {
            if let Some(got) = take(state, direct) {
                return Some(Turn::Got(got));
            }
            if !self.is_sending() {
                return None;
            }
            match Flow::send(self.id, &mut self.upload, &self.trailer, state)? {
                Sending::Sent => Some(Turn::Sent),
                Sending::Wants => Some(Turn::Piece),
                Sending::Whole => {
                    self.finish(state);
                    Some(Turn::Sent)
                }
            }
        })?;
        match turn {
            Turn::Sent => self.looked = false,
            // The program's source may wait for an answer to what was sent before.
            Turn::Piece if !std::mem::replace(&mut self.looked, true) => conn.look(),
            _ => {}
        }
        Ok(turn)
    }

    /// piece has the program's source give more; an error is its own.
    pub(super) fn piece(&mut self) -> Result<()> {
        self.upload.prepare()
    }

    /// halted is the error of a wait that ended; its caller says what a deadline means.
    pub(super) fn halted(halt: Halt, deadline: impl FnOnce() -> Error) -> Error {
        match halt {
            Halt::Canceled => canceled(),
            Halt::Deadline => deadline(),
            Halt::Os(e) => Error::io(Kind::Io, "poll", &e),
        }
    }

    /// end leaves the stream: one that is not over is reset, and nothing else suffers.
    pub(super) fn end(&mut self) {
        let id = std::mem::take(&mut self.id);
        if id == 0 {
            return;
        }
        self.upload.stop();
        let mut state = self.conn.lock();
        state.leave(id, Instant::now());
        self.conn.push(state);
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    /// sent marks a request as whole.
    fn sent(&mut self, id: u32) {
        let Some(s) = self.slots.get_mut(id) else { return };
        s.sent = true;
        if s.ended {
            self.free(id, Instant::now());
        }
    }

    /// fail_for_memory ends a stream whose request finds no room in the output.
    fn fail_for_memory(&mut self, id: u32) {
        self.engine.reset(id, ErrorCode::CANCEL);
        if let Some(s) = self.slots.get_mut(id) {
            let error = no_memory("http2: no memory for what is to be sent").with_phase(Phase::Write);
            s.failed.get_or_insert(Failure { error, retry: Retry::No });
        }
    }

    /// leave forgets a stream.
    pub(super) fn leave(&mut self, id: u32, now: Instant) {
        let Some(mut slot) = self.slots.remove(id).map(std::mem::take) else { return };
        self.engine.release(id, slot.inbox.len());
        let over = slot.failed.is_some() || (slot.ended && slot.sent);
        if !over && self.error.is_none() {
            // RFC 9113, 8.1: an answer that is whole makes the rest of the request needless.
            let code = if slot.ended { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL };
            self.engine.reset(id, code);
            if slot.counts && !slot.ended && self.proven < id && !self.gate.is_shut() {
                slot.counts = false;
                self.unproven += 1;
                if self.pinged.is_none() {
                    self.ask(now);
                }
            }
        }
        if slot.counts {
            self.after.freed += 1;
            self.call_openers();
        }
        self.last_used = now;
        self.end_if_unused();
    }
}

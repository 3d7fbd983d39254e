//! What a handler has left in its stream goes into the engine.

use super::session::{Http2Session, ShutdownStage};
use super::stream::{SharedStream, refused};
use super::stream_state::StreamState;
use crate::h2::{ErrorCode, SendError};
use crate::message::header::written_fields;
use crate::runtime::{ConnToken, NEVER};
use crate::server::writer::CompleteResponse;
use crate::sync::MutexGuard;

impl Http2Session {
    /// read_mail attends to the streams whose handlers have asked for it. `token` is where the connection is.
    pub(super) fn read_mail(&mut self, token: ConnToken, now: u64) {
        let mut mail = std::mem::take(&mut self.mail);
        self.outbox.take(token, &mut mail);
        for stream in mail.drain(..) {
            let mut s = stream.state();
            s.posted = false;
            self.process_stream(&stream, s, None, now);
        }
        self.mail = mail;
        if let Some(stream) = self.inline.take().and_then(|id| self.find(id).cloned()) {
            // The shard was taken away while the handler ran: from here on it tells.
            let mut s = stream.state();
            s.on_leader = false;
            self.process_stream(&stream, s, None, now);
        }
    }

    /// process_stream does what a handler wants of its stream. `whole` is an answer that was not even put there.
    pub(super) fn process_stream(
        &mut self,
        stream: &SharedStream,
        mut s: MutexGuard<'_, StreamState>,
        whole: Option<&CompleteResponse<'_>>,
        now: u64,
    ) {
        let id = s.id;
        if s.closed_error.is_none() {
            let n = std::mem::take(&mut s.input.consumed);
            if n > 0 {
                self.engine.release(id, n);
            }
            if let Err(refusal) = self.send(&mut s, whole, now) {
                // Where the engine has refused what is no response, the stream is still there.
                self.engine.reset(id, ErrorCode::INTERNAL_ERROR);
                let unread = stream.disconnect_locked(&mut s, refused(refusal));
                self.engine.release(id, unread);
                self.remove(id);
            }
        }
        if s.done && !s.counted {
            s.counted = true;
            self.handler_done();
            if s.ends_connection && self.ending == ShutdownStage::No {
                self.begin_shutdown(now);
            }
        }
        let ready = s.output.replaced || (s.output.heads.is_empty() && s.should_wake_writer());
        if s.output.waits && ready {
            drop(s);
            stream.notify();
        }
    }

    /// send passes on what there is to be sent. `Err`: the stream is closed, by this or before.
    fn send(
        &mut self,
        s: &mut StreamState,
        whole: Option<&CompleteResponse<'_>>,
        now: u64,
    ) -> Result<(), SendError> {
        let id = s.id;
        while let Some((status, head)) = s.output.heads.pop_front() {
            let last = status >= 200 && s.output.pending() == 0 && s.output.abort.is_none();
            let end = last && matches!(s.output.end, Some(None));
            self.engine.respond(id, status, written_fields(&head), end)?;
            if end {
                return self.ended(s);
            }
        }
        if let Some(whole) = whole {
            let end = whole.body.is_empty() && whole.trailer.is_none();
            self.engine.respond(id, whole.status, written_fields(whole.head), end)?;
            if end {
                return self.ended(s);
            }
            let end = whole.trailer.is_none();
            let n = self.engine.send_data(id, whole.body, end)?;
            let rest = whole.body.get(n..).unwrap_or_default();
            if end && rest.is_empty() {
                return self.ended(s);
            }
            s.put_last(rest, whole.trailer);
        }
        if let Some(code) = s.output.abort {
            let rest = s.output.body.data();
            // What was flushed comes first, as far as it may.
            let _ = self.engine.send_data(id, rest, false);
            self.engine.reset(id, code);
            return Err(SendError::StreamClosed);
        }
        if s.output.pending() > 0 {
            self.engine.set_pending(id, true);
            if s.output.moved == NEVER {
                s.output.moved = now;
            }
        } else {
            self.send_end(s)?;
        }
        self.schedule_check(s);
        Ok(())
    }

    /// send_end ends the response, if that is all that is left of it.
    pub(super) fn send_end(&mut self, s: &mut StreamState) -> Result<(), SendError> {
        s.output.moved = NEVER;
        match s.output.end.take() {
            None => return Ok(()),
            Some(Some(trailer)) => self.engine.send_trailers(s.id, trailer.iter())?,
            Some(None) => {
                self.engine.send_data(s.id, &[], true)?;
            }
        }
        self.ended(s)
    }

    /// ended: the response is out. What is left of the request is not wanted (RFC 9113, 8.1).
    fn ended(&mut self, s: &StreamState) -> Result<(), SendError> {
        if !s.input.ended {
            self.engine.reset(s.id, ErrorCode::NO_ERROR);
        }
        Err(SendError::StreamClosed)
    }
}

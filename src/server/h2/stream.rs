//! `ServerStream`: what a handler and its connection share of one stream, and the handler's side of sending.
//!
//! Its lock is held for as long as it takes to copy some bytes, by the handler's threads and by the connection's leader;
//! who waits has let go of it. Under the lock the outbox's may be taken, never the other way round.

use super::stream_state::StreamState;
use crate::error::{Error, Kind, Phase, Result};
use crate::h2::{ErrorCode, SendError};
use crate::memory::no_memory;
use crate::message::header::Header;
use crate::runtime::{NEVER, before_peer_wait};
use crate::server::detach::DetachState;
use crate::server::output::FULL;
use crate::server::server_core::ServerCore;
use crate::server::writer::CompleteResponse;
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(crate) type SharedStream = Arc<ServerStream>;

pub(crate) struct ServerStream {
    core: Arc<ServerCore>,
    detach_state: DetachState,
    state: Mutex<StreamState>,
    /// Data has come, room was made, or the stream has gone.
    changed: Condvar,
}

impl ServerStream {
    pub(super) fn new(core: &Arc<ServerCore>) -> SharedStream {
        Arc::new(ServerStream {
            core: core.clone(),
            detach_state: DetachState::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    pub(in crate::server) fn core(&self) -> &Arc<ServerCore> {
        &self.core
    }

    pub(in crate::server) fn detach_state(&self) -> &DetachState {
        &self.detach_state
    }

    pub(super) fn state(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// unread is how much of the request's body waits to be read.
    pub(super) fn unread(&self) -> usize {
        self.state().input.data.len()
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// wait lets go of the lock until something has changed, or the time is up.
    pub(super) fn wait<'a>(
        &self,
        s: MutexGuard<'a, StreamState>,
        limit: Option<Duration>,
    ) -> MutexGuard<'a, StreamState> {
        match limit {
            None => self.changed.wait(s).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => self.changed.wait_timeout(s, limit).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// post_to_connection has the connection look, unless it does so by itself.
    pub(super) fn post_to_connection(self: &Arc<Self>, s: &mut StreamState) {
        let wanted = s.closed_error.is_none() || (s.done && !s.counted);
        if s.on_leader || s.posted || !wanted {
            return;
        }
        if let Some(outbox) = &s.outbox {
            s.posted = true;
            outbox.post(self.clone());
        }
    }

    pub(in crate::server) fn check(&self) -> Result<()> {
        self.state().check()
    }

    pub(in crate::server) fn send_informational(self: &Arc<Self>, code: u16, head: Vec<u8>) -> Result<()> {
        let mut s = self.state();
        s.check()?;
        if code == 100 {
            s.input.expect = false;
        }
        // As many as a handler sends before its peer reads: they count as body.
        while s.output.heads.iter().map(|h| h.1.len()).sum::<usize>() > FULL {
            s = self.wait_until(s, |s| s.output.heads.is_empty())?;
        }
        s.output.heads.push_back((code, head));
        self.post_to_connection(&mut s);
        Ok(())
    }

    pub(in crate::server) fn suppress_continue(&self) {
        self.state().output.head_queued = true;
    }

    pub(in crate::server) fn push_head(self: &Arc<Self>, status: u16, head: Vec<u8>) -> Result<()> {
        let mut s = self.state();
        s.check()?;
        if !s.output.replaced {
            s.output.heads.push_back((status, head));
        }
        Ok(())
    }

    /// push adds to the body; it blocks while more waits than may.
    pub(in crate::server) fn push(self: &Arc<Self>, parts: &[&[u8]]) -> Result<()> {
        let mut s = self.state();
        for part in parts {
            let mut rest = *part;
            while !rest.is_empty() {
                s.check()?;
                if s.output.replaced {
                    return Ok(());
                }
                let (now, later) = rest.split_at_checked(s.room()).unwrap_or((rest, &[]));
                s.put(now)?;
                rest = later;
                if !rest.is_empty() {
                    s = self.wait_until(s, StreamState::should_wake_writer)?;
                }
            }
        }
        if s.output.pending() >= FULL {
            self.post_to_connection(&mut s);
        }
        s.check()
    }

    /// push_rest adds the last of the body, which is less than a writer's buffer: it waits in the stream for its peer, and
    /// no thread does.
    pub(in crate::server) fn push_rest(&self, rest: &[u8]) -> Result<()> {
        let mut s = self.state();
        s.check()?;
        if !s.output.replaced {
            s.put(rest)?;
        }
        Ok(())
    }

    /// wait_until blocks until `ready`; the connection sees to it that this ends.
    fn wait_until<'a>(
        self: &'a Arc<Self>,
        s: MutexGuard<'a, StreamState>,
        ready: impl Fn(&StreamState) -> bool,
    ) -> Result<MutexGuard<'a, StreamState>> {
        let _waits = s.outbox.as_ref().map(|o| o.waits());
        drop(s);
        before_peer_wait();
        let began = Instant::now();
        let mut s = self.state();
        // Once: the connection then wakes when it has made room, and not before.
        self.post_to_connection(&mut s);
        loop {
            s.check()?;
            if ready(&s) || s.output.replaced {
                break;
            }
            s.output.waits = true;
            let before = Instant::now();
            let slice = s.output.rate_meter.slice(None);
            s = self.wait(s, slice);
            if s.output.rate_meter.waited(before.elapsed()) && self.core.is_low_on_handlers() {
                // The connection resets it.
                s.output.deadline = 0;
                self.post_to_connection(&mut s);
            }
        }
        s.output.waits = false;
        s.waited += began.elapsed();
        Ok(s)
    }

    pub(in crate::server) fn flush(self: &Arc<Self>) -> Result<()> {
        let mut s = self.state();
        s.check()?;
        self.post_to_connection(&mut s);
        Ok(())
    }

    pub(in crate::server) fn set_write_timeout(self: &Arc<Self>, limit: Option<Duration>) {
        let mut s = self.state();
        s.output.deadline = limit.map_or(NEVER, |d| self.core.now().saturating_add(d.as_millis() as u64));
        self.post_to_connection(&mut s);
    }

    /// end ends the response whose head and body were pushed.
    pub(in crate::server) fn end(&self, trailer: Option<&Header>) {
        let mut s = self.state();
        if !s.output.replaced {
            s.output.end = Some(trailer.cloned());
        }
    }

    /// answer is a response as a whole. `instead`: what the handler does about it counts no more.
    pub(in crate::server) fn respond(self: &Arc<Self>, whole: &CompleteResponse<'_>, instead: bool) {
        let mut s = self.state();
        if s.closed_error.is_some() || s.output.end.is_some() {
            return;
        }
        s.output.head_queued = true;
        s.output.replaced = instead;
        s.output.heads.push_back((whole.status, whole.head.to_vec()));
        s.put_last(whole.body, whole.trailer);
        if instead {
            self.post_to_connection(&mut s);
        }
    }

    /// abort ends the response by a reset; what was pushed goes before it, as far as the peer takes it.
    pub(in crate::server) fn abort(&self) {
        self.state().output.abort = Some(ErrorCode::INTERNAL_ERROR);
    }

    /// handler_done: the handler has ended, and what is left of the exchange is the connection's.
    pub(super) fn handler_done(self: &Arc<Self>, ends_connection: bool) {
        let mut s = self.state();
        s.done = true;
        s.ends_connection = ends_connection;
        self.post_to_connection(&mut s);
    }

    /// disconnect ends the stream for its handler. It answers how many bytes are to be given back to the windows.
    pub(super) fn disconnect(&self, why: Error) -> usize {
        let mut s = self.state();
        self.disconnect_locked(&mut s, why)
    }

    pub(super) fn disconnect_locked(&self, s: &mut StreamState, why: Error) -> usize {
        if s.closed_error.is_some() {
            return 0;
        }
        s.closed_error = Some(why);
        s.drop_body();
        s.output.heads.clear();
        if let Some(token) = s.disconnect_watch.take() {
            self.core.disconnects.fire(token);
        }
        if s.input.waits || s.output.waits {
            self.notify();
        }
        s.input.forget()
    }
}

/// stream_closed is what a handler finds that goes on with a stream which has ended.
pub(super) fn stream_closed() -> Error {
    client_disconnected("http2: stream closed")
}

/// refused is what the handler finds whose response the engine did not take.
pub(super) fn refused(why: SendError) -> Error {
    match why {
        SendError::NoMemory => no_memory("http2: no memory for what is to be sent").with_phase(Phase::Write),
        _ => stream_closed(),
    }
}

/// client_disconnected is how a handler is told that its peer has left.
pub(super) fn client_disconnected(text: impl Into<String>) -> Error {
    Error::new(Kind::UnexpectedEof, text).with_phase(Phase::Body)
}

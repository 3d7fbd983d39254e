//! `Stream`: what a handler and its connection share of one stream, and the handler's side of sending.
//!
//! Its lock is held for as long as it takes to copy some bytes, by the handler's threads and by the connection's leader;
//! who waits has let go of it. Under the lock the outbox's may be taken, never the other way round.

use super::state::State;
use crate::error::{Error, Kind, Phase, Result};
use crate::h2::{ErrorCode, SendError};
use crate::memory::no_memory;
use crate::message::header::Header;
use crate::runtime::{NEVER, before_peer_wait};
use crate::server::detach::Leaving;
use crate::server::output::FULL;
use crate::server::shared::Shared;
use crate::server::writer::Whole;
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(crate) type SharedStream = Arc<Stream>;

pub(crate) struct Stream {
    core: Arc<Shared>,
    leaving: Leaving,
    state: Mutex<State>,
    /// Data has come, room was made, or the stream has gone.
    changed: Condvar,
}

impl Stream {
    pub(super) fn new(core: &Arc<Shared>) -> SharedStream {
        Arc::new(Stream {
            core: core.clone(),
            leaving: Leaving::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    pub(in crate::server) fn core(&self) -> &Arc<Shared> {
        &self.core
    }

    pub(in crate::server) fn leaving(&self) -> &Leaving {
        &self.leaving
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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
        s: MutexGuard<'a, State>,
        limit: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        match limit {
            None => self.changed.wait(s).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => self.changed.wait_timeout(s, limit).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// tell has the connection look, unless it does so by itself.
    pub(super) fn tell(self: &Arc<Self>, s: &mut State) {
        let wanted = s.gone.is_none() || (s.done && !s.counted);
        if s.led || s.posted || !wanted {
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

    pub(in crate::server) fn inform(self: &Arc<Self>, code: u16, head: Vec<u8>) -> Result<()> {
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
        self.tell(&mut s);
        Ok(())
    }

    pub(in crate::server) fn will_answer(&self) {
        self.state().output.answered = true;
    }

    pub(in crate::server) fn push_head(self: &Arc<Self>, status: u16, head: Vec<u8>) -> Result<()> {
        let mut s = self.state();
        s.check()?;
        if !s.output.overtaken {
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
                if s.output.overtaken {
                    return Ok(());
                }
                let (now, later) = rest.split_at_checked(s.room()).unwrap_or((rest, &[]));
                s.put(now)?;
                rest = later;
                if !rest.is_empty() {
                    s = self.wait_until(s, State::has_room_again)?;
                }
            }
        }
        if s.output.pending() >= FULL {
            self.tell(&mut s);
        }
        s.check()
    }

    /// push_rest adds the last of the body, which is less than a writer's buffer: it waits in the stream for its peer, and
    /// no thread does.
    pub(in crate::server) fn push_rest(&self, rest: &[u8]) -> Result<()> {
        let mut s = self.state();
        s.check()?;
        if !s.output.overtaken {
            s.put(rest)?;
        }
        Ok(())
    }

    /// wait_until blocks until `ready`; the connection sees to it that this ends.
    fn wait_until<'a>(
        self: &'a Arc<Self>,
        s: MutexGuard<'a, State>,
        ready: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>> {
        let _waits = s.outbox.as_ref().map(|o| o.waits());
        drop(s);
        before_peer_wait();
        let began = Instant::now();
        let mut s = self.state();
        // Once: the connection then wakes when it has made room, and not before.
        self.tell(&mut s);
        loop {
            s.check()?;
            if ready(&s) || s.output.overtaken {
                break;
            }
            s.output.waits = true;
            let before = Instant::now();
            let slice = s.output.pace.slice(None);
            s = self.wait(s, slice);
            if s.output.pace.waited(before.elapsed()) && self.core.is_low_on_handlers() {
                // The connection resets it.
                s.output.deadline = 0;
                self.tell(&mut s);
            }
        }
        s.output.waits = false;
        s.waited += began.elapsed();
        Ok(s)
    }

    pub(in crate::server) fn flush(self: &Arc<Self>) -> Result<()> {
        let mut s = self.state();
        s.check()?;
        self.tell(&mut s);
        Ok(())
    }

    pub(in crate::server) fn set_write_timeout(self: &Arc<Self>, limit: Option<Duration>) {
        let mut s = self.state();
        s.output.deadline = limit.map_or(NEVER, |d| self.core.now().saturating_add(d.as_millis() as u64));
        self.tell(&mut s);
    }

    /// end ends the response whose head and body were pushed.
    pub(in crate::server) fn end(&self, trailer: Option<&Header>) {
        let mut s = self.state();
        if !s.output.overtaken {
            s.output.end = Some(trailer.cloned());
        }
    }

    /// answer is a response as a whole. `instead`: what the handler does about it counts no more.
    pub(in crate::server) fn answer(self: &Arc<Self>, whole: &Whole<'_>, instead: bool) {
        let mut s = self.state();
        if s.gone.is_some() || s.output.end.is_some() {
            return;
        }
        s.output.answered = true;
        s.output.overtaken = instead;
        s.output.heads.push_back((whole.status, whole.head.to_vec()));
        s.put_last(whole.body, whole.trailer);
        if instead {
            self.tell(&mut s);
        }
    }

    /// abort ends the response by a reset; what was pushed goes before it, as far as the peer takes it.
    pub(in crate::server) fn abort(&self) {
        self.state().output.abort = Some(ErrorCode::INTERNAL_ERROR);
    }

    /// through: the handler has ended, and what is left of the exchange is the connection's.
    pub(super) fn through(self: &Arc<Self>, ends_connection: bool) {
        let mut s = self.state();
        s.done = true;
        s.ends_connection = ends_connection;
        self.tell(&mut s);
    }

    /// lose ends the stream for its handler. It answers how many bytes are to be given back to the windows.
    pub(super) fn lose(&self, why: Error) -> usize {
        let mut s = self.state();
        self.lose_with(&mut s, why)
    }

    pub(super) fn lose_with(&self, s: &mut State, why: Error) -> usize {
        if s.gone.is_some() {
            return 0;
        }
        s.gone = Some(why);
        s.drop_body();
        s.output.heads.clear();
        if let Some(token) = s.watch.take() {
            self.core.watcher.fire(token);
        }
        if s.input.waits || s.output.waits {
            self.notify();
        }
        s.input.forget()
    }
}

/// closed is what a handler finds that goes on with a stream which has ended.
pub(super) fn closed() -> Error {
    gone("http2: stream closed")
}

/// refused is what the handler finds whose response the engine did not take.
pub(super) fn refused(why: SendError) -> Error {
    match why {
        SendError::NoMemory => no_memory("http2: no memory for what is to be sent").with_phase(Phase::Write),
        _ => closed(),
    }
}

/// gone is how a handler is told that its peer has left.
pub(super) fn gone(text: impl Into<String>) -> Error {
    Error::new(Kind::UnexpectedEof, text).with_phase(Phase::Body)
}

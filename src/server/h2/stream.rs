//! `Stream`: what a handler and its connection share of one stream, and the handler's side of sending.
//!
//! Its lock is held for as long as it takes to copy some bytes, by the handler's threads and by the connection's leader;
//! who waits has let go of it. Under the lock the outbox's may be taken, never the other way round.

use super::outbox::Outbox;
use crate::error::{Error, Kind, Phase, Result};
use crate::h2::Code;
use crate::message::header::Header;
use crate::runtime::{NEVER, before_peer};
use crate::server::detach::Leaving;
use crate::server::output::FULL;
use crate::server::stop::Shared;
use crate::server::writer::Whole;
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
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

#[derive(Default)]
pub(super) struct State {
    pub(super) id: u32,
    pub(super) outbox: Option<Arc<Outbox>>,
    /// The handler runs on the leader, which looks for itself.
    pub(super) led: bool,
    /// It stands in the outbox.
    pub(super) posted: bool,
    /// Why the stream is no more.
    pub(super) gone: Option<Error>,
    pub(super) input: Received,
    pub(super) output: Answer,
    /// The handler is through.
    pub(super) done: bool,
    /// And the connection knows.
    pub(super) counted: bool,
    /// The connection is to end: `Connection: close`.
    pub(super) ends_connection: bool,
    /// How long the exchange has waited for its peer.
    pub(super) waited: Duration,
    /// Who is to be told when the stream goes.
    pub(super) watch: Option<u64>,
}

/// Received is the request's body.
#[derive(Default)]
pub(super) struct Received {
    pub(super) data: Vec<u8>,
    pub(super) start: usize,
    /// All of it is here.
    pub(super) ended: bool,
    pub(super) trailer: Option<Header>,
    /// Bytes that were read and are to be given back to the windows.
    pub(super) consumed: usize,
    /// The client waits for 100 Continue.
    pub(super) expect: bool,
    pub(super) limit: u64,
    pub(super) failed: Option<Error>,
    pub(super) progress: Option<Duration>,
    pub(super) deadline: Option<Instant>,
    pub(super) waits: bool,
}

impl Received {
    pub(super) fn unread(&self) -> usize {
        self.data.len() - self.start
    }

    /// forget drops what was not read, and answers how much is to be given back.
    pub(super) fn forget(&mut self) -> usize {
        let n = self.unread() + std::mem::take(&mut self.consumed);
        self.data = Vec::new();
        self.start = 0;
        n
    }
}

/// Answer is what is not sent yet of the response.
pub(super) struct Answer {
    /// Heads as text: informational ones, and the final one.
    pub(super) heads: VecDeque<(u16, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) start: usize,
    /// The end, with the trailer.
    pub(super) end: Option<Option<Header>>,
    /// The end by a reset.
    pub(super) abort: Option<Code>,
    /// The final head was settled.
    pub(super) answered: bool,
    /// Another has answered in the handler's place.
    pub(super) overtaken: bool,
    pub(super) waits: bool,
    /// When the response is to be out, and when the last of it was sent, in the runtime's milliseconds.
    pub(super) deadline: u64,
    pub(super) moved: u64,
}

impl Default for Answer {
    fn default() -> Answer {
        Answer {
            heads: VecDeque::new(),
            body: Vec::new(),
            start: 0,
            end: None,
            abort: None,
            answered: false,
            overtaken: false,
            waits: false,
            deadline: NEVER,
            moved: NEVER,
        }
    }
}

impl Answer {
    pub(super) fn pending(&self) -> usize {
        self.body.len() - self.start
    }

    fn clear(&mut self) {
        self.heads.clear();
        (self.end, self.abort) = (None, None);
        (self.answered, self.overtaken, self.waits) = (false, false, false);
        (self.deadline, self.moved) = (NEVER, NEVER);
    }
}

impl State {
    /// begin is for the next request.
    pub(super) fn begin(&mut self, id: u32, outbox: &Arc<Outbox>, ended: bool, limit: u64) {
        self.id = id;
        if !self.outbox.as_ref().is_some_and(|o| Arc::ptr_eq(o, outbox)) {
            self.outbox = Some(outbox.clone());
        }
        (self.led, self.posted, self.done, self.counted, self.ends_connection) =
            (false, false, false, false, false);
        self.gone = None;
        self.waited = Duration::ZERO;
        self.watch = None;
        let i = &mut self.input;
        if i.data.capacity() > 0 {
            i.forget();
        }
        i.consumed = 0;
        (i.ended, i.expect, i.waits, i.limit) = (ended, false, false, limit);
        (i.trailer, i.failed, i.progress, i.deadline) = (None, None, None, None);
        self.drop_body();
        self.output.clear();
    }

    pub(super) fn check(&self) -> Result<()> {
        self.gone.clone().map_or(Ok(()), Err)
    }

    /// put adds to the body that waits.
    pub(super) fn put(&mut self, data: &[u8]) {
        self.output.body.extend_from_slice(data);
        if let Some(o) = &self.outbox {
            o.hold(data.len());
        }
    }

    /// sent takes off what was sent of the body.
    pub(super) fn sent(&mut self, n: usize) {
        self.output.start += n;
        if let Some(o) = &self.outbox {
            o.let_go(n);
        }
        if self.output.start >= self.output.body.len() {
            self.output.start = 0;
            if self.output.body.capacity() > FULL {
                self.output.body = Vec::new();
            } else {
                self.output.body.clear();
            }
        }
    }

    pub(super) fn drop_body(&mut self) {
        let n = self.output.pending();
        if n > 0 {
            self.sent(n);
        }
    }

    fn room(&self) -> usize {
        let bound = self.outbox.as_ref().map_or(0, |o| o.bound());
        bound.saturating_sub(self.output.pending())
    }

    /// has_room_again: so much that it is worth to wake who waits.
    pub(super) fn has_room_again(&self) -> bool {
        self.room() >= self.output.pending()
    }
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
                s.put(now);
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

    /// wait_until blocks until `ready`; the connection sees to it that this ends.
    fn wait_until<'a>(
        self: &'a Arc<Self>,
        s: MutexGuard<'a, State>,
        ready: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>> {
        drop(s);
        before_peer();
        let began = Instant::now();
        let mut s = self.state();
        loop {
            s.check()?;
            if ready(&s) || s.output.overtaken {
                break;
            }
            self.tell(&mut s);
            s.output.waits = true;
            s = self.wait(s, None);
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
        s.put(whole.body);
        s.output.end = Some(whole.trailer.cloned());
        if instead {
            self.tell(&mut s);
        }
    }

    /// abort ends the response by a reset; what was pushed goes before it, as far as the peer takes it.
    pub(in crate::server) fn abort(&self) {
        self.state().output.abort = Some(Code::INTERNAL_ERROR);
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

/// gone is how a handler is told that its peer has left.
pub(super) fn gone(text: impl Into<String>) -> Error {
    Error::new(Kind::UnexpectedEof, text).with_phase(Phase::Body)
}

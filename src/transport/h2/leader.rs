//! Leader and followers: of all callers that wait on a connection one, the leader, waits for the socket for all of them.
//!
//! Invariants:
//! * *One leader.* `Http2State::leader` is set to a thread by itself, when nobody is it, or by the leader before. Only the
//!   leader polls the socket. Anybody may receive what is there without waiting, under the lock, while nobody is it.
//! * *No one is left.* Whoever stops waiting, for whatever reason, makes a follower the leader and wakes it: so
//!   there is a leader as long as anybody waits. A thread that is woken looks at its own condition first, and hands on in
//!   turn.
//! * *Nothing is held on the way out.* No callback of the program's runs on the leader: [`H2Conn::wait_for`] hands the lead over
//!   before it returns.

use super::conn::{BACKLOG, H2Conn, Http2State};
use super::exchange::FinalResponse;
use super::parker::Parker;
use super::receive::DirectRead;
use crate::net::cancel::{CancelToken, Registration};
use crate::sync::MutexGuard;
use crate::sys;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// GROUP: so many callers that are woken at once make it worth to send what they come back with together, for which the
/// leader gives them the processor so often.
const GROUP: usize = 2;
const YIELDS: usize = 2;

/// Wait is who waits and for how long.
pub(super) struct Wait<'a, T> {
    /// The stream, or 0 for a place on the connection.
    pub(super) stream: u32,
    pub(super) until: Option<Instant>,
    pub(super) cancel: Option<&'a CancelToken>,
    /// The caller waits again as soon as it has what it waits for.
    pub(super) waits_again: bool,
    /// The caller waits for an answer: one that is whole is brought to where it sleeps, and this is what becomes of it.
    pub(super) delivered: Option<fn(FinalResponse) -> T>,
    /// Something was put into the output just now, and the deadline counts from there.
    pub(super) has_output: bool,
}

/// SleepResult is how a sleep ended; it is looked at at once.
#[allow(clippy::large_enum_variant)]
enum SleepResult<'a, T> {
    Delivered(T),
    Woken(StateGuard<'a>, io::Result<()>),
}

/// WaitError is why a wait ended without what was waited for.
#[derive(Debug)]
pub(super) enum WaitError {
    Deadline,
    Canceled,
    Os(io::Error),
}

type StateGuard<'a> = MutexGuard<'a, Http2State>;

impl H2Conn {
    /// wait_for waits until `ready` has something, and drives the connection if nobody else does. `ready` may change what
    /// the wait is for.
    pub(super) fn wait_for<T>(
        &self,
        mut wait: Wait<'_, T>,
        direct: &mut DirectRead<'_>,
        mut ready: impl FnMut(&mut Http2State, &mut DirectRead<'_>, &mut Wait<'_, T>) -> Option<T>,
    ) -> Result<T, WaitError> {
        let mut state = self.lock();
        let mut me: Option<(Arc<Parker>, Option<Registration>)> = None;
        loop {
            if let Some(got) = ready(&mut state, direct, &mut wait) {
                self.stop_waiting(state, me.as_ref().map(|m| &m.0), wait.waits_again);
                return Ok(got);
            }
            let (me, _) = match &mut me {
                Some(m) => m,
                none => {
                    let parker = Parker::for_thread().map_err(WaitError::Os)?;
                    let registered = wait.cancel.and_then(|t| t.register_event(parker.event_fd()));
                    none.insert((parker, registered))
                }
            };
            let put = std::mem::take(&mut wait.has_output);
            let halt = if wait.cancel.is_some_and(CancelToken::is_fired) {
                Some(WaitError::Canceled)
            } else if !put && wait.until.is_some_and(|at| at <= Instant::now()) {
                Some(WaitError::Deadline)
            } else {
                None
            };
            if let Some(halt) = halt {
                self.stop_waiting(state, Some(me), false);
                return Err(halt);
            }
            let waited = if state.leader.as_ref().is_none_or(|d| Arc::ptr_eq(d, me)) {
                state.leader = Some(me.clone());
                self.lead_round(state, me, &wait, direct)
            } else {
                if put {
                    // More is expected to come, or what is there goes out.
                    if state.expected == 0 {
                        state.start_output();
                    }
                    if state.deferred.is_due() {
                        self.run_deferred(state);
                        state = self.lock();
                        continue;
                    }
                }
                match self.sleep(state, me, &wait) {
                    SleepResult::Woken(state, result) => (state, result),
                    SleepResult::Delivered(got) => return Ok(got),
                }
            };
            let (back, result) = waited;
            state = back;
            if let Err(e) = result {
                self.stop_waiting(state, Some(me), false);
                return Err(WaitError::Os(e));
            }
        }
    }

    /// sleep waits for a call, of which the caller is told by whoever drives.
    fn sleep<'a, T>(
        &'a self,
        mut state: StateGuard<'a>,
        me: &Arc<Parker>,
        wait: &Wait<'_, T>,
    ) -> SleepResult<'a, T> {
        state.followers.push(me.clone());
        match state.streams.get_mut(wait.stream) {
            Some(slot) => {
                slot.sleeper = Some(me.clone());
                slot.awaits_response = wait.delivered.is_some();
            }
            None => state.stream_waiters.push(me.clone()),
        }
        drop(state);
        let slept = match wait.cancel {
            Some(_) => me.poll(None, wait.until).map(drop),
            None => {
                me.sleep(wait.until);
                Ok(())
            }
        };
        let brought = || wait.delivered.and_then(|got| me.take_delivered().map(got));
        if let Some(got) = brought() {
            return SleepResult::Delivered(got);
        }
        let mut state = self.lock();
        // It may have come between the end of the sleep and the lock.
        if let Some(got) = brought() {
            return SleepResult::Delivered(got);
        }
        state.followers.retain(|s| !Arc::ptr_eq(s, me));
        match state.streams.get_mut(wait.stream) {
            Some(slot) => slot.sleeper = None,
            None => state.stream_waiters.retain(|s| !Arc::ptr_eq(s, me)),
        }
        SleepResult::Woken(state, slept)
    }

    /// lead_round sends what is due, waits for the socket, and sorts what came.
    fn lead_round<'a, T>(
        &'a self,
        mut state: StateGuard<'a>,
        me: &Arc<Parker>,
        wait: &Wait<'_, T>,
        direct: &mut DirectRead<'_>,
    ) -> (StateGuard<'a>, io::Result<()>) {
        for _ in 0..YIELDS {
            if state.expected == 0 {
                break;
            }
            drop(state);
            std::thread::yield_now();
            state = self.lock();
        }
        let before = state.backlog();
        state.flush();
        if state.conn.is_none() {
            // Nothing will come, and whoever waits was told why.
            return (state, Err(io::ErrorKind::NotConnected.into()));
        }
        // Bodies that waited for this room are nobody's reason to poll: the leader's own, and those of who was called.
        if before >= BACKLOG && state.backlog() < BACKLOG {
            self.run_deferred(state);
            return (self.lock(), Ok(()));
        }
        let mut came = sys::POLLIN;
        if !state.conn.as_ref().is_some_and(|c| c.has_buffered()) {
            let out = if state.backlog() > 0 { sys::POLLOUT } else { 0 };
            drop(state);
            let polled = me.poll(Some((self.fd, sys::POLLIN | out)), wait.until);
            state = self.lock();
            match polled {
                Ok(events) => came = events,
                Err(e) => return (state, Err(e)),
            }
        }
        if came & sys::POLLIN != 0 {
            state.receive(direct);
        }
        if came != 0 {
            state.flush();
        }
        if state.deferred.is_due() {
            // The leader comes back too, if it has its own answer.
            let own = state.streams.get(wait.stream).is_some_and(|s| s.ended);
            let woken = state.deferred.woken.len() + usize::from(own);
            if woken >= GROUP || state.expected > 0 {
                state.expected += woken;
            }
            self.run_deferred(state);
            state = self.lock();
        }
        (state, Ok(()))
    }

    /// stop_waiting ends a wait: the lead passes on, and what was put into the output goes out. A caller that `waits_again` does so
    /// at once.
    fn stop_waiting(&self, mut state: StateGuard<'_>, me: Option<&Arc<Parker>>, stays: bool) {
        if let Some(me) = me
            && state.leader.as_ref().is_some_and(|d| Arc::ptr_eq(d, me))
        {
            state.leader = None;
            if let Some(next) = state.followers.last().cloned() {
                state.leader = Some(next.clone());
                state.wake(next);
            }
        }
        // More is expected to come, and whoever drives has not begun to wait.
        if state.expected > 0 && (stays || state.leader.is_some()) {
            return self.run_deferred(state);
        }
        self.flush_output(state);
    }

    /// flush_output sends what is in the output.
    pub(super) fn flush_output(&self, mut state: StateGuard<'_>) {
        state.start_output();
        self.run_deferred(state);
    }

    /// receive_unwatched takes in what has come, if nobody waits for it.
    pub(super) fn receive_unwatched(&self) {
        let mut state = self.lock();
        if state.leader.is_none() {
            state.receive(&mut DirectRead::none());
        }
        self.flush_output(state);
    }
}

impl Http2State {
    /// start_output gives the output to the socket, and what does not fit to the leader, who polls for what is to be read only.
    fn start_output(&mut self) {
        self.flush();
        if self.backlog() > 0
            && let Some(leader) = self.leader.clone()
        {
            self.deferred.woken.push(leader);
        }
    }
}

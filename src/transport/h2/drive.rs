//! The baton: of all callers that wait on a connection one waits for the socket, for all of them.
//!
//! Invariants:
//! * *One driver.* `State::driver` is set to a thread by itself, when nobody is it, or by the driver before. Only the
//!   driver polls the socket. Anybody may receive what is there without waiting, under the lock, while nobody is it.
//! * *No one is left.* Whoever stops waiting, for whatever reason, hands the baton to one that sleeps and wakes it: so
//!   there is a driver as long as anybody waits. A thread that is woken looks at its own condition first, and hands on in
//!   turn.
//! * *Nothing is held on the way out.* No callback of the program's runs with the baton: [`H2Conn::until`] gives it away
//!   before it returns.

use super::conn::{BACKLOG, H2Conn, State};
use super::exchange::Answer;
use super::parker::Parker;
use super::receive::Direct;
use crate::net::cancel::{CancelToken, Registration};
use crate::net::sys;
use crate::sync::MutexGuard;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// GROUP: so many callers that are woken at once make it worth to send what they come back with together, for which the
/// driver gives them the processor so often.
const GROUP: usize = 2;
const YIELDS: usize = 2;

/// Wait is who waits and for how long.
pub(super) struct Wait<'a, T> {
    /// The stream, or 0 for a place on the connection.
    pub(super) stream: u32,
    pub(super) until: Option<Instant>,
    pub(super) cancel: Option<&'a CancelToken>,
    /// The caller waits again as soon as it has what it waits for.
    pub(super) stays: bool,
    /// The caller waits for an answer: one that is whole is brought to where it sleeps, and this is what becomes of it.
    pub(super) brought: Option<fn(Answer) -> T>,
    /// Something was put into the output just now, and the deadline counts from there.
    pub(super) put: bool,
}

/// Slept is how a sleep ended; it is looked at at once.
#[allow(clippy::large_enum_variant)]
enum Slept<'a, T> {
    Brought(T),
    Woken(Guard<'a>, io::Result<()>),
}

/// Halt is why a wait ended without what was waited for.
#[derive(Debug)]
pub(super) enum Halt {
    Deadline,
    Canceled,
    Os(io::Error),
}

type Guard<'a> = MutexGuard<'a, State>;

impl H2Conn {
    /// until waits until `ready` has something, and drives the connection if nobody else does. `ready` may change what
    /// the wait is for.
    pub(super) fn until<T>(
        &self,
        mut wait: Wait<'_, T>,
        direct: &mut Direct<'_>,
        mut ready: impl FnMut(&mut State, &mut Direct<'_>, &mut Wait<'_, T>) -> Option<T>,
    ) -> Result<T, Halt> {
        let mut state = self.lock();
        let mut me: Option<(Arc<Parker>, Option<Registration>)> = None;
        loop {
            if let Some(got) = ready(&mut state, direct, &mut wait) {
                self.leave(state, me.as_ref().map(|m| &m.0), wait.stays);
                return Ok(got);
            }
            let (me, _) = match &mut me {
                Some(m) => m,
                none => {
                    let parker = Parker::of_thread().map_err(Halt::Os)?;
                    let registered = wait.cancel.and_then(|t| t.register_event(parker.event_fd()));
                    none.insert((parker, registered))
                }
            };
            let put = std::mem::take(&mut wait.put);
            let halt = if wait.cancel.is_some_and(CancelToken::is_fired) {
                Some(Halt::Canceled)
            } else if !put && wait.until.is_some_and(|at| at <= Instant::now()) {
                Some(Halt::Deadline)
            } else {
                None
            };
            if let Some(halt) = halt {
                self.leave(state, Some(me), false);
                return Err(halt);
            }
            let waited = if state.driver.as_ref().is_none_or(|d| Arc::ptr_eq(d, me)) {
                state.driver = Some(me.clone());
                self.round(state, me, &wait, direct)
            } else {
                if put {
                    // More is expected to come, or what is there goes out.
                    if state.expected == 0 {
                        state.put_out();
                    }
                    if state.after.is_due() {
                        self.settle(state);
                        state = self.lock();
                        continue;
                    }
                }
                match self.sleep(state, me, &wait) {
                    Slept::Woken(state, result) => (state, result),
                    Slept::Brought(got) => return Ok(got),
                }
            };
            let (back, result) = waited;
            state = back;
            if let Err(e) = result {
                self.leave(state, Some(me), false);
                return Err(Halt::Os(e));
            }
        }
    }

    /// sleep waits for a call, of which the caller is told by whoever drives.
    fn sleep<'a, T>(&'a self, mut state: Guard<'a>, me: &Arc<Parker>, wait: &Wait<'_, T>) -> Slept<'a, T> {
        state.sleepers.push(me.clone());
        match state.slots.get_mut(wait.stream) {
            Some(slot) => {
                slot.sleeper = Some(me.clone());
                slot.awaits = wait.brought.is_some();
            }
            None => state.openers.push(me.clone()),
        }
        drop(state);
        let slept = match wait.cancel {
            Some(_) => me.poll(None, wait.until).map(drop),
            None => {
                me.sleep(wait.until);
                Ok(())
            }
        };
        let brought = || wait.brought.and_then(|got| me.take_brought().map(got));
        if let Some(got) = brought() {
            return Slept::Brought(got);
        }
        let mut state = self.lock();
        // It may have come between the end of the sleep and the lock.
        if let Some(got) = brought() {
            return Slept::Brought(got);
        }
        state.sleepers.retain(|s| !Arc::ptr_eq(s, me));
        match state.slots.get_mut(wait.stream) {
            Some(slot) => slot.sleeper = None,
            None => state.openers.retain(|s| !Arc::ptr_eq(s, me)),
        }
        Slept::Woken(state, slept)
    }

    /// round sends what is due, waits for the socket, and sorts what came.
    fn round<'a, T>(
        &'a self,
        mut state: Guard<'a>,
        me: &Arc<Parker>,
        wait: &Wait<'_, T>,
        direct: &mut Direct<'_>,
    ) -> (Guard<'a>, io::Result<()>) {
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
        // Bodies that waited for this room are nobody's reason to poll: the driver's own, and those of who was called.
        if before >= BACKLOG && state.backlog() < BACKLOG {
            self.settle(state);
            return (self.lock(), Ok(()));
        }
        let mut came = sys::POLLIN;
        if !state.conn.as_ref().is_some_and(|c| c.holds()) {
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
        if state.after.is_due() {
            // The driver comes back too, if it has its own answer.
            let own = state.slots.get(wait.stream).is_some_and(|s| s.ended);
            let woken = state.after.woken.len() + usize::from(own);
            if woken >= GROUP || state.expected > 0 {
                state.expected += woken;
            }
            self.settle(state);
            state = self.lock();
        }
        (state, Ok(()))
    }

    /// leave ends a wait: the baton goes on, and what was put into the output goes out. A caller that `stays` waits again
    /// at once.
    fn leave(&self, mut state: Guard<'_>, me: Option<&Arc<Parker>>, stays: bool) {
        if let Some(me) = me
            && state.driver.as_ref().is_some_and(|d| Arc::ptr_eq(d, me))
        {
            state.driver = None;
            if let Some(next) = state.sleepers.last().cloned() {
                state.driver = Some(next.clone());
                state.call(next);
            }
        }
        // More is expected to come, and whoever drives has not begun to wait.
        if state.expected > 0 && (stays || state.driver.is_some()) {
            return self.settle(state);
        }
        self.push(state);
    }

    /// push sends what is in the output.
    pub(super) fn push(&self, mut state: Guard<'_>) {
        state.put_out();
        self.settle(state);
    }

    /// look takes in what has come, if nobody waits for it.
    pub(super) fn look(&self) {
        let mut state = self.lock();
        if state.driver.is_none() {
            state.receive(&mut Direct::none());
        }
        self.push(state);
    }
}

impl State {
    /// put_out gives the output to the socket, and what does not fit to the driver, who polls for what is to be read only.
    fn put_out(&mut self) {
        self.flush();
        if self.backlog() > 0
            && let Some(driver) = self.driver.clone()
        {
            self.after.woken.push(driver);
        }
    }
}

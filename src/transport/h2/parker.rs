//! `Parker`: how a thread sleeps until another one, or a cancel token, has something for it.
//!
//! A thread sleeps on a condition variable, which costs least, or in a poll where a socket or a token must be able to end
//! the sleep. Whoever wakes it need not know which. A wake that comes early is kept; one may come for nothing, so
//! whoever sleeps looks at its own condition afterwards.

use crate::net::event::Event;
use crate::net::sys;
use crate::runtime::before_block;
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::cell::RefCell;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Awake,
    Sleeps,
    Polls,
    Called,
}

pub(super) struct Parker {
    state: Mutex<State>,
    cond: Condvar,
    event: Arc<Event>,
}

thread_local! {
    static CACHED: RefCell<Option<Arc<Parker>>> = const { RefCell::new(None) };
}

impl Parker {
    /// of_thread is this thread's, made on first use.
    pub(super) fn of_thread() -> io::Result<Arc<Parker>> {
        let cached = CACHED.try_with(|c| c.borrow().clone()).ok().flatten();
        if let Some(p) = cached {
            return Ok(p);
        }
        let event = Event::of_thread()?;
        let p = Arc::new(Parker { state: Mutex::new(State::Awake), cond: Condvar::new(), event });
        // While the thread ends there is no cache any more; it is then just not kept.
        let _ = CACHED.try_with(|c| *c.borrow_mut() = Some(p.clone()));
        Ok(p)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// event_fd is what a cancel token writes to; it ends polls only.
    pub(super) fn event_fd(&self) -> RawFd {
        self.event.fd()
    }

    pub(super) fn wake(&self) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut *state, State::Called);
        drop(state);
        match before {
            State::Sleeps => self.cond.notify_one(),
            State::Polls => self.event.wake(),
            State::Awake | State::Called => {}
        }
    }

    /// sleep ends with a wake or at the deadline, or sooner for no reason.
    pub(super) fn sleep(&self, until: Option<Instant>) {
        before_block();
        let mut state = self.lock();
        if *state != State::Called {
            *state = State::Sleeps;
            state = match until.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.cond.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.cond.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        *state = State::Awake;
    }

    /// poll is [`Parker::sleep`] that a token ends too, or one of `events` on `socket`; it answers which of them came.
    pub(super) fn poll(&self, socket: Option<(RawFd, i16)>, until: Option<Instant>) -> io::Result<i16> {
        before_block();
        {
            let mut state = self.lock();
            if *state == State::Called {
                *state = State::Awake;
                return Ok(0);
            }
            *state = State::Polls;
        }
        let timeout = until.map_or(-1, |at| sys::millis(at.saturating_duration_since(Instant::now())));
        let (fd, events) = socket.unwrap_or((-1, 0));
        // A negative descriptor is passed over.
        let mut fds = [sys::poll_fd(self.event.fd(), sys::POLLIN), sys::poll_fd(fd, events)];
        let polled = sys::poll(&mut fds, timeout);
        *self.lock() = State::Awake;
        polled?;
        let [event, socket] = fds.map(|f| f.revents);
        if event != 0 {
            sys::eventfd_read(self.event.fd())?;
        }
        // Errors and hang-ups are found by what is tried next.
        Ok(if socket & !events != 0 { events } else { socket })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::cancel::CancelToken;
    use std::time::Duration;

    #[test]
    fn a_wake_ends_each_kind_of_sleep_and_is_kept() {
        let p = Parker::of_thread().unwrap();
        p.wake();
        p.sleep(None);
        p.wake();
        p.wake();
        assert_eq!(p.poll(None, None).unwrap(), 0);
        for polls in [false, true] {
            let q = p.clone();
            let other = std::thread::spawn(move || q.wake());
            if polls {
                assert_eq!(p.poll(None, None).unwrap(), 0);
            } else {
                p.sleep(None);
            }
            other.join().unwrap();
        }
        let token = CancelToken::new();
        let registered = token.register_event(p.event_fd()).unwrap();
        token.fire();
        p.poll(None, None).unwrap();
        drop(registered);
        p.sleep(Some(Instant::now()));
        assert_eq!(p.poll(None, Some(Instant::now() + Duration::from_millis(1))).unwrap(), 0);
    }
}

//! `Parker`: how a thread sleeps until another one, or a cancel token, has something for it.
//!
//! A thread sleeps in its seat, which costs least, or in a poll where a socket or a token must be able to end
//! the sleep. Whoever wakes it need not know which. A wake that comes early is kept; one may come for nothing, so
//! whoever sleeps looks at its own condition afterwards.

use super::exchange::FinalResponse;
use super::futex_set::{WaitSlot, WakeSet};
use crate::net::event_fd::EventFd;
use crate::runtime::before_block;
use crate::sync::{Mutex, MutexGuard};
use crate::sys;
use std::cell::RefCell;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, Ordering::AcqRel, Ordering::Acquire};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

const AWAKE: u8 = 0;
const SLEEPS: u8 = 1;
const POLLS: u8 = 2;
const CALLED: u8 = 3;

pub(super) struct Parker {
    state: AtomicU8,
    wait_slot: WaitSlot,
    event: Arc<EventFd>,
    /// What was brought to the thread while it slept.
    delivered: Mutex<Option<FinalResponse>>,
}

thread_local! {
    static CACHED: RefCell<Option<Arc<Parker>>> = const { RefCell::new(None) };
}

impl Parker {
    /// for_thread is this thread's, made on first use.
    pub(super) fn for_thread() -> io::Result<Arc<Parker>> {
        let cached = CACHED.try_with(|c| c.borrow().clone()).ok().flatten();
        if let Some(p) = cached {
            return Ok(p);
        }
        let event = EventFd::for_thread()?;
        let p = Arc::new(Parker {
            state: AtomicU8::new(AWAKE),
            wait_slot: WaitSlot::take(),
            event,
            delivered: Mutex::new(None),
        });
        // While the thread ends there is no cache any more; it is then just not kept.
        let _ = CACHED.try_with(|c| *c.borrow_mut() = Some(p.clone()));
        Ok(p)
    }

    fn delivered(&self) -> MutexGuard<'_, Option<FinalResponse>> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// deliver has the thread find an answer when it is woken; whoever brings one then wakes it.
    pub(super) fn deliver(&self, answer: FinalResponse) {
        *self.delivered() = Some(answer);
    }

    pub(super) fn take_delivered(&self) -> Option<FinalResponse> {
        self.delivered().take()
    }

    /// event_fd is what a cancel token writes to; it ends polls only.
    pub(super) fn event_fd(&self) -> RawFd {
        self.event.fd()
    }

    /// wake_all wakes those that sleep by one call.
    pub(super) fn wake_all(woken: &[Arc<Parker>]) {
        let mut wake_set = WakeSet::new();
        for p in woken {
            match p.state.swap(CALLED, AcqRel) {
                SLEEPS => wake_set.add(&p.wait_slot),
                POLLS => p.event.wake(),
                _ => {}
            }
        }
        wake_set.wake();
    }

    /// mark_asleep marks the thread as one that sleeps or polls; `false`: it was called before.
    fn mark_asleep(&self, how: u8) -> bool {
        let called = self.state.compare_exchange(AWAKE, how, AcqRel, Acquire).is_err();
        if called {
            self.state.swap(AWAKE, AcqRel);
        }
        !called
    }

    /// sleep ends with a wake or at the deadline.
    pub(super) fn sleep(&self, until: Option<Instant>) {
        before_block();
        if self.mark_asleep(SLEEPS) {
            self.wait_slot.sleep(until, || self.state.load(Acquire) == CALLED);
            self.state.swap(AWAKE, AcqRel);
        }
    }

    /// poll is [`Parker::sleep`] that a token ends too, or one of `events` on `socket`; it answers which of them came.
    pub(super) fn poll(&self, socket: Option<(RawFd, i16)>, until: Option<Instant>) -> io::Result<i16> {
        before_block();
        if !self.mark_asleep(POLLS) {
            return Ok(0);
        }
        let timeout = until.map_or(-1, |at| sys::millis(at.saturating_duration_since(Instant::now())));
        let (fd, events) = socket.unwrap_or((-1, 0));
        // A negative descriptor is passed over.
        let mut fds = [sys::poll_fd(self.event.fd(), sys::POLLIN), sys::poll_fd(fd, events)];
        let polled = sys::poll(&mut fds, timeout);
        self.state.swap(AWAKE, AcqRel);
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
        let p = Parker::for_thread().unwrap();
        let wake = |p: &Arc<Parker>| Parker::wake_all(std::slice::from_ref(p));
        wake(&p);
        p.sleep(None);
        wake(&p);
        wake(&p);
        assert_eq!(p.poll(None, None).unwrap(), 0);
        for polls in [false, true] {
            let q = p.clone();
            let other = std::thread::spawn(move || wake(&q));
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

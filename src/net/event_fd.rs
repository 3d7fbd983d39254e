//! `EventFd`: an eventfd that one thread waits on and others, or a signal handler, write to.

use crate::sys;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

/// EventFd stays open as long as anybody who may still write to it holds it: a late write never lands in a
/// descriptor that has another owner by then.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

thread_local! {
    static CACHED: RefCell<Option<Arc<EventFd>>> = const { RefCell::new(None) };
}

impl EventFd {
    pub fn new() -> io::Result<Arc<EventFd>> {
        Ok(Arc::new(EventFd(sys::eventfd()?)))
    }

    /// for_thread is this thread's event, made on first use. Wakes that were meant for an earlier wait may
    /// still arrive: whoever waits looks at its own condition after each.
    pub fn for_thread() -> io::Result<Arc<EventFd>> {
        let cached = CACHED.try_with(|c| c.borrow().clone()).ok().flatten();
        if let Some(e) = cached {
            return Ok(e);
        }
        let e = EventFd::new()?;
        // While the thread ends there is no cache any more; the event is then just not kept.
        let _ = CACHED.try_with(|c| *c.borrow_mut() = Some(e.clone()));
        Ok(e)
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub fn wake(&self) {
        // A write to an open eventfd fails only when its counter is full, which wakes as well.
        let _ = sys::eventfd_write(self.fd());
    }

    /// wait returns after a wake, at the deadline, or sooner for no reason.
    pub fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        let timeout = match deadline {
            None => -1,
            Some(at) => sys::millis(at.saturating_duration_since(Instant::now())),
        };
        if sys::poll(&mut [sys::poll_fd(self.fd(), sys::POLLIN)], timeout)? > 0 {
            sys::eventfd_read(self.fd())?;
        }
        Ok(())
    }
}

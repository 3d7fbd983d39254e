//! `Notifier`: how the monitor sleeps without missing a handler's start.
//!
//! Sleeping: set `asleep`, then look for work, then park. Ringing: make the work visible, then swap `asleep`.
//! A sequentially consistent fence stands between the first two steps of each, so either the sleeper sees the
//! work or the ringer sees the sleeper. Checked by loom.

use super::sync::{AtomicBool, Ordering, fence};

pub(crate) struct Notifier {
    asleep: AtomicBool,
}

impl Notifier {
    pub(crate) fn new() -> Notifier {
        Notifier { asleep: AtomicBool::new(false) }
    }

    /// notify calls `wake` if the monitor sleeps; after work was published.
    pub(crate) fn notify(&self, wake: impl FnOnce()) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::SeqCst) {
            wake();
        }
    }

    /// sleep calls `park` unless `work` says that there is something to do.
    pub(crate) fn sleep(&self, work: impl FnOnce() -> bool, park: impl FnOnce()) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !work() {
            park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

//! `StreamQuota`: how many requests may go over a connection, seen without its lock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// FIRST is how many go out before the server has said what it takes; Go's, and so is USUAL where it does not say.
const FIRST: usize = 100;
const USUAL: usize = 1000;

#[derive(Debug)]
pub(super) struct StreamQuota {
    /// Streams that are open, and places that were reserved for some.
    in_use: AtomicUsize,
    limit: AtomicUsize,
    /// No further request is let in.
    stop_accepting: AtomicBool,
    /// Somebody waits in the pool for a place.
    has_waiter: AtomicBool,
}

impl StreamQuota {
    pub(super) fn new() -> StreamQuota {
        StreamQuota {
            in_use: AtomicUsize::new(0),
            limit: AtomicUsize::new(FIRST),
            stop_accepting: AtomicBool::new(false),
            has_waiter: AtomicBool::new(false),
        }
    }

    /// reserve takes a place, whether one is free or not if `strict`: its owner then waits on the connection.
    pub(super) fn reserve(&self, strict: bool) -> bool {
        if self.stop_accepting.load(SeqCst) {
            return false;
        }
        let limit = if strict { usize::MAX } else { self.limit.load(SeqCst) };
        self.in_use.fetch_update(SeqCst, SeqCst, |n| (n < limit).then_some(n + 1)).is_ok()
    }

    /// release gives places back; `true`: somebody waits for one.
    pub(super) fn release(&self, n: usize) -> bool {
        self.in_use.fetch_sub(n, SeqCst);
        self.has_waiter.swap(false, SeqCst)
    }

    /// watch_release has the next release say so. The caller tries once more behind it: a place may have come free before.
    pub(super) fn watch_release(&self) {
        self.has_waiter.store(true, SeqCst);
    }

    pub(super) fn set_limit(&self, peer: u32) -> bool {
        let limit = if peer == u32::MAX { USUAL } else { peer as usize };
        self.limit.swap(limit, SeqCst) < limit && self.has_waiter.swap(false, SeqCst)
    }

    /// stop_accepting keeps further requests out; `true`: it was open.
    pub(super) fn stop_accepting(&self) -> bool {
        !self.stop_accepting.swap(true, SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stop_accepting.load(SeqCst)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(SeqCst)
    }

    pub(super) fn in_use(&self) -> usize {
        self.in_use.load(SeqCst)
    }

    pub(super) fn available(&self) -> usize {
        if self.is_closed() { 0 } else { self.limit().saturating_sub(self.in_use()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let quota = StreamQuota::new();
        assert!((0..FIRST).all(|_| quota.reserve(false)) && !quota.reserve(false) && quota.reserve(true));
        quota.watch_release();
        assert!(quota.set_limit(u32::MAX) && quota.reserve(false));
        quota.watch_release();
        assert!(!quota.set_limit(2) && quota.available() == 0);
        assert!(quota.release(101) && !quota.release(0) && quota.available() == 1);
        assert!(
            quota.stop_accepting()
                && !quota.stop_accepting()
                && !quota.reserve(true)
                && quota.available() == 0
        );
    }
}

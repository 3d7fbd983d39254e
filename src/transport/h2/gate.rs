//! `Gate`: how many requests may go over a connection, seen without its lock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// FIRST is how many go out before the server has said what it takes; Go's, and so is USUAL where it does not say.
const FIRST: usize = 100;
const USUAL: usize = 1000;

#[derive(Debug)]
pub(super) struct Gate {
    /// Streams that are open, and places that were reserved for some.
    taken: AtomicUsize,
    limit: AtomicUsize,
    /// No further request is let in.
    shut: AtomicBool,
    /// Somebody waits in the pool for a place.
    wanted: AtomicBool,
}

impl Gate {
    pub(super) fn new() -> Gate {
        Gate {
            taken: AtomicUsize::new(0),
            limit: AtomicUsize::new(FIRST),
            shut: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
        }
    }

    /// reserve takes a place, whether one is free or not if `strict`: its owner then waits on the connection.
    pub(super) fn reserve(&self, strict: bool) -> bool {
        if self.shut.load(SeqCst) {
            return false;
        }
        let limit = if strict { usize::MAX } else { self.limit.load(SeqCst) };
        self.taken.fetch_update(SeqCst, SeqCst, |n| (n < limit).then_some(n + 1)).is_ok()
    }

    /// release gives places back; `true`: somebody waits for one.
    pub(super) fn release(&self, n: usize) -> bool {
        self.taken.fetch_sub(n, SeqCst);
        self.wanted.swap(false, SeqCst)
    }

    /// want has the next release say so. The caller tries once more behind it: a place may have come free before.
    pub(super) fn want(&self) {
        self.wanted.store(true, SeqCst);
    }

    pub(super) fn set_limit(&self, peer: u32) -> bool {
        let limit = if peer == u32::MAX { USUAL } else { peer as usize };
        self.limit.swap(limit, SeqCst) < limit && self.wanted.swap(false, SeqCst)
    }

    /// shut keeps further requests out; `true`: it was open.
    pub(super) fn shut(&self) -> bool {
        !self.shut.swap(true, SeqCst)
    }

    pub(super) fn is_shut(&self) -> bool {
        self.shut.load(SeqCst)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(SeqCst)
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(SeqCst)
    }

    pub(super) fn free(&self) -> usize {
        if self.is_shut() { 0 } else { self.limit().saturating_sub(self.taken()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let gate = Gate::new();
        assert!((0..FIRST).all(|_| gate.reserve(false)) && !gate.reserve(false) && gate.reserve(true));
        gate.want();
        assert!(gate.set_limit(u32::MAX) && gate.reserve(false));
        gate.want();
        assert!(!gate.set_limit(2) && gate.free() == 0);
        assert!(gate.release(101) && !gate.release(0) && gate.free() == 1);
        assert!(gate.shut() && !gate.shut() && !gate.reserve(true) && gate.free() == 0);
    }
}

//! `BlockingStats`: whether a route blocks, as its recent calls say.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

const ONE: u32 = 1 << 16;
/// Above this share of blocking calls a route leaves the loop; below the other one it comes back.
const LEAVE: u32 = ONE / 10;
const RETURN: u32 = ONE / 50;
/// So many calls in a row that held their thread end the trust that the route is quick. A new route has none: in a
/// burst of calls all would be let pass before the first has shown what it does.
const STALLS: u32 = 2;

/// Stall says why a handler held its thread: a leader, who lost the shard over it, or another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stall {
    /// The handler slept, or burned CPU: in the program's own code, or in a client call.
    Blocked,
    /// It waited for its own connection, which says nothing about the route.
    Peer,
    /// Other threads had the CPU.
    Preempted,
}

/// BlockingStats is a decaying share of blocking calls. Lost updates of a race only make it a little late.
#[derive(Debug)]
pub(crate) struct BlockingStats {
    share: AtomicU32,
    off_loop: AtomicU32,
    forced: AtomicI32,
    /// How many calls in a row held their thread; STALLS before the first that did not.
    stalls: AtomicU32,
}

impl BlockingStats {
    pub(crate) const fn new() -> BlockingStats {
        BlockingStats {
            share: AtomicU32::new(0),
            off_loop: AtomicU32::new(0),
            forced: AtomicI32::new(0),
            stalls: AtomicU32::new(STALLS),
        }
    }

    /// set_blocking fixes the answer: 1 the route blocks, 0 it does not, -1 find out.
    pub(crate) fn set_blocking(&self, what: i32) {
        self.forced.store(if what < 0 { 0 } else { 1 + what.min(1) }, Ordering::Relaxed);
        // The program's word is as good as one call that was seen.
        if what == 0 {
            self.stalls.store(0, Ordering::Relaxed);
        }
    }

    /// blocks says where the next call goes: off the loop if true.
    pub(crate) fn blocks(&self) -> bool {
        match self.forced.load(Ordering::Relaxed) {
            0 => self.off_loop.load(Ordering::Relaxed) != 0,
            told => told == 2,
        }
    }

    /// is_quick tells whether the route is trusted not to hold a thread: it was seen not to, and its last calls did
    /// not all do so.
    pub(crate) fn is_quick(&self) -> bool {
        self.stalls.load(Ordering::Relaxed) < STALLS && !self.blocks()
    }

    /// record_quick counts a call that held nothing up. On a route that never did it costs two relaxed loads.
    pub(crate) fn record_quick(&self) {
        if self.stalls.load(Ordering::Relaxed) != 0 {
            self.stalls.store(0, Ordering::Relaxed);
        }
        let old = self.share.load(Ordering::Relaxed);
        if old != 0 {
            self.update_share(old - old.div_ceil(16));
        }
    }

    /// record_stall counts a call that held its thread; only where the handler is to blame did it block.
    pub(crate) fn record_stall(&self, why: Stall) {
        if why != Stall::Preempted {
            self.stalls.fetch_add(1, Ordering::Relaxed);
        }
        if why == Stall::Blocked {
            let old = self.share.load(Ordering::Relaxed);
            self.update_share(old + (ONE - old) / 16);
        }
    }

    fn update_share(&self, share: u32) {
        self.share.store(share, Ordering::Relaxed);
        if share > LEAVE {
            self.off_loop.store(1, Ordering::Relaxed);
        } else if share < RETURN {
            self.off_loop.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn two_blocking_calls_leave_the_loop_and_quiet_ones_return() {
        let l = BlockingStats::new();
        l.record_stall(Stall::Blocked);
        assert!(!l.blocks());
        l.record_stall(Stall::Blocked);
        assert!(l.blocks());
        let mut calls = 0;
        while l.blocks() {
            l.record_quick();
            calls += 1;
        }
        assert!((10..100).contains(&calls), "{calls}");
    }

    #[test]
    fn what_is_told_wins() {
        let l = BlockingStats::new();
        l.set_blocking(1);
        assert!(l.blocks() && !l.is_quick());
        l.set_blocking(0);
        assert!(l.is_quick());
        for _ in 0..10 {
            l.record_stall(Stall::Blocked);
        }
        assert!(!l.blocks() && !l.is_quick(), "a wrong word is no reason to trust");
        l.set_blocking(-1);
        assert!(l.blocks());
    }

    #[test]
    fn trust_ends_with_two_stalls_in_a_row_and_comes_back_with_a_quick_call() {
        let l = BlockingStats::new();
        assert!(!l.is_quick());
        l.record_quick();
        l.record_stall(Stall::Preempted);
        l.record_stall(Stall::Preempted);
        l.record_stall(Stall::Peer);
        assert!(l.is_quick());
        l.record_stall(Stall::Peer);
        assert!(!l.is_quick() && !l.blocks());
        l.record_quick();
        assert!(l.is_quick());
    }
}

//! `Learn`: whether a route blocks, as its recent calls say.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

const ONE: u32 = 1 << 16;
/// Above this share of blocking calls a route leaves the loop; below the other one it comes back.
const LEAVE: u32 = ONE / 10;
const RETURN: u32 = ONE / 50;

/// Learn is a decaying share of blocking calls. Lost updates of a race only make it a little late.
#[derive(Debug, Default)]
pub(crate) struct Learn {
    share: AtomicU32,
    off: AtomicU32,
    told: AtomicI32,
}

impl Learn {
    pub(crate) const fn new() -> Learn {
        Learn { share: AtomicU32::new(0), off: AtomicU32::new(0), told: AtomicI32::new(0) }
    }

    /// tell fixes the answer: 1 the route blocks, 0 it does not, -1 find out.
    pub(crate) fn tell(&self, what: i32) {
        self.told.store(if what < 0 { 0 } else { 1 + what.min(1) }, Ordering::Relaxed);
    }

    /// blocks says where the next call goes: off the loop if true.
    pub(crate) fn blocks(&self) -> bool {
        match self.told.load(Ordering::Relaxed) {
            0 => self.off.load(Ordering::Relaxed) != 0,
            told => told == 2,
        }
    }

    /// note counts a call. Calls of a route that never blocked cost one relaxed load.
    pub(crate) fn note(&self, blocked: bool) {
        let old = self.share.load(Ordering::Relaxed);
        if !blocked && old == 0 {
            return;
        }
        let new = if blocked { old + (ONE - old) / 16 } else { old - old.div_ceil(16) };
        self.share.store(new, Ordering::Relaxed);
        if new > LEAVE {
            self.off.store(1, Ordering::Relaxed);
        } else if new < RETURN {
            self.off.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn two_blocking_calls_leave_the_loop_and_quiet_ones_return() {
        let l = Learn::default();
        l.note(true);
        assert!(!l.blocks());
        l.note(true);
        assert!(l.blocks());
        let mut calls = 0;
        while l.blocks() {
            l.note(false);
            calls += 1;
        }
        assert!((10..100).contains(&calls), "{calls}");
    }

    #[test]
    fn what_is_told_wins() {
        let l = Learn::default();
        l.tell(1);
        assert!(l.blocks());
        l.tell(0);
        for _ in 0..10 {
            l.note(true);
        }
        assert!(!l.blocks());
        l.tell(-1);
        assert!(l.blocks());
    }
}

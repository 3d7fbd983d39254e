//! `Timers`: one coarse deadline per connection, cheap to move later.
//!
//! A deadline that moves later costs a store: the old entry fires, sees the new time and is queued again. Only
//! one that moves earlier than every entry of its owner adds one, so entries per owner are bounded by the
//! number of kinds of deadline.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
}

/// ConnDeadline is the owner's side: when it is due (`NEVER`: not at all) and its earliest entry in the heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnDeadline {
    due: u64,
    entry: u64,
}

pub(crate) const NEVER: u64 = u64::MAX;

impl Default for ConnDeadline {
    fn default() -> ConnDeadline {
        ConnDeadline { due: NEVER, entry: NEVER }
    }
}

impl ConnDeadline {
    pub(crate) fn due(&self) -> u64 {
        self.due
    }
}

impl Timers {
    /// set moves the owner's deadline to `due` milliseconds; `token` names the owner.
    pub(crate) fn set(&mut self, d: &mut ConnDeadline, due: u64, token: u64) {
        d.due = due;
        if due < d.entry {
            d.entry = due;
            self.heap.push(Reverse((due, token)));
        }
    }

    /// next is when the earliest entry fires.
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// pop gives the owner of an entry that fired by `now`; ask [`Timers::fired`] what it means.
    pub(crate) fn pop(&mut self, now: u64) -> Option<u64> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, token))| token)
    }

    /// fired tells whether the owner's deadline has passed, and queues it again if it has not.
    pub(crate) fn fired(&mut self, d: &mut ConnDeadline, now: u64, token: u64) -> bool {
        if d.entry > now {
            return false;
        }
        d.entry = NEVER;
        if d.due <= now {
            d.due = NEVER;
            return true;
        }
        if d.due != NEVER {
            self.set(d, d.due, token);
        }
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn later_is_free_earlier_fires_in_time() {
        let mut t = Timers::default();
        let mut d = ConnDeadline::default();
        t.set(&mut d, 100, 7);
        for due in 101..200 {
            t.set(&mut d, due, 7);
        }
        assert_eq!(t.heap.len(), 1);
        assert_eq!(t.pop(99), None);
        assert_eq!(t.pop(100), Some(7));
        assert!(!t.fired(&mut d, 100, 7));
        assert_eq!(t.next(), Some(199));
        t.set(&mut d, 150, 7);
        assert_eq!(t.pop(150), Some(7));
        assert!(t.fired(&mut d, 150, 7));
        assert_eq!(t.pop(500), Some(7));
        assert!(!t.fired(&mut d, 500, 7));
    }

    #[test]
    fn no_deadline_fires_nothing() {
        let mut t = Timers::default();
        let mut d = ConnDeadline::default();
        t.set(&mut d, 10, 1);
        t.set(&mut d, NEVER, 1);
        assert_eq!(t.pop(10), Some(1));
        assert!(!t.fired(&mut d, 10, 1));
        assert_eq!(t.next(), None);
    }
}

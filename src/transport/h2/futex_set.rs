//! `WaitSlot`: where a thread sleeps so that one system call wakes it together with others.
//!
//! An answer seldom comes alone, and to wake one thread after the other costs a call for each, after each of which the
//! kernel may run the woken one at once and come back later: two switches a thread. Threads that sleep on one futex word,
//! each with a bit of its own, are woken by one call, and run when the waker has done its work.

use crate::sys;
use std::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::time::Instant;

const BITS: usize = 32;
const ROWS: usize = 64;

/// A row is the count of its rings: a thread that is about to sleep while one goes on does not.
static RINGS: [AtomicU32; ROWS] = [const { AtomicU32::new(0) }; ROWS];
static TAKEN: [AtomicU32; ROWS] = [const { AtomicU32::new(0) }; ROWS];
/// SHARED counts the threads that found no seat, who sit down in turns.
static SHARED: AtomicU32 = AtomicU32::new(0);

/// WaitSlot is a bit of a row. Threads without one of their own share: they are then woken for each other, and sleep again.
#[derive(Debug)]
pub(super) struct WaitSlot {
    row: usize,
    bit: u32,
    own: bool,
}

/// WakeSet is seats whose threads are to be woken.
pub(super) struct WakeSet([u32; ROWS]);

impl WaitSlot {
    /// take gives the first seat that is free, so that few rows have all threads.
    pub(super) fn take() -> WaitSlot {
        for (row, taken) in TAKEN.iter().enumerate() {
            let mut bits = taken.load(Acquire);
            while bits != u32::MAX {
                let bit = 1 << bits.trailing_ones();
                bits = taken.fetch_or(bit, AcqRel);
                if bits & bit == 0 {
                    return WaitSlot { row, bit, own: true };
                }
            }
        }
        let nth = SHARED.fetch_add(1, AcqRel) as usize % (ROWS * BITS);
        WaitSlot { row: nth / BITS, bit: 1 << (nth % BITS), own: false }
    }

    /// sleep ends once `called`, which is made true before a ring, or at the deadline.
    pub(super) fn sleep(&self, until: Option<Instant>, called: impl Fn() -> bool) {
        let Some(rings) = RINGS.get(self.row) else { return };
        loop {
            let seen = rings.load(Acquire);
            if called() {
                return;
            }
            if !sys::futex_wait(rings, seen, self.bit, until) {
                return;
            }
        }
    }
}

impl Drop for WaitSlot {
    fn drop(&mut self) {
        if let (true, Some(taken)) = (self.own, TAKEN.get(self.row)) {
            taken.fetch_and(!self.bit, AcqRel);
        }
    }
}

impl WakeSet {
    pub(super) fn new() -> WakeSet {
        WakeSet([0; ROWS])
    }

    pub(super) fn add(&mut self, wait_slot: &WaitSlot) {
        if let Some(bits) = self.0.get_mut(wait_slot.row) {
            *bits |= wait_slot.bit;
        }
    }

    /// wake wakes them.
    pub(super) fn wake(&self) {
        for (rings, &bits) in RINGS.iter().zip(&self.0).filter(|(_, bits)| **bits != 0) {
            rings.fetch_add(1, Release);
            sys::futex_wake(rings, bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    #[test]
    fn one_ring_wakes_those_that_were_called() {
        let called: [AtomicBool; 40] = [const { AtomicBool::new(false) }; 40];
        let seats: Vec<WaitSlot> = called.iter().map(|_| WaitSlot::take()).collect();
        std::thread::scope(|scope| {
            let sleepers: Vec<_> = seats
                .iter()
                .zip(&called)
                .map(|(wait_slot, called)| scope.spawn(|| wait_slot.sleep(None, || called.load(Acquire))))
                .collect();
            for half in [0, 1] {
                let mut wake_set = WakeSet::new();
                for (wait_slot, called) in seats.iter().zip(&called).skip(half).step_by(2) {
                    called.store(true, Release);
                    wake_set.add(wait_slot);
                }
                wake_set.wake();
                for sleeper in sleepers.iter().skip(half).step_by(2) {
                    while !sleeper.is_finished() {
                        std::thread::yield_now();
                    }
                }
            }
        });
        seats[0].sleep(Some(Instant::now() + Duration::from_millis(1)), || false);
    }

    #[test]
    fn more_threads_than_seats_share() {
        let seats: Vec<WaitSlot> = (0..=ROWS * BITS).map(|_| WaitSlot::take()).collect();
        let own: Vec<_> = seats.iter().filter(|s| s.own).map(|s| (s.row, s.bit)).collect();
        assert!(own.len() < seats.len() && own.iter().collect::<HashSet<_>>().len() == own.len());
        assert!(seats.iter().all(|s| s.row < ROWS && s.bit.count_ones() == 1));
        let row = own[own.len() - 1].0;
        drop(seats);
        assert_ne!(TAKEN[row].load(Acquire), u32::MAX);
    }
}

//! `Stopping`: how a runtime ends. It counts connections, and reports once that the last one has ended after a stop.
//!
//! Invariants, checked by loom on this very module: a connection that is counted is ended, however it meets the stop; the
//! end is reported once, behind the last connection; every leader then leaves.

use super::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, fence, lock};
use std::sync::PoisonError;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub(crate) enum RuntimePhase {
    Running,
    /// No connection is accepted any more; those that are open end.
    Draining,
    /// The last connection has ended: the threads may go.
    Quit,
}

/// On a cache line of its own: each is written by its shard's leader.
#[repr(align(64))]
struct Count(AtomicUsize);

pub(crate) struct Stopping {
    phase: AtomicUsize,
    /// The connections of each shard, those on their way to it included.
    counts: Box<[Count]>,
    /// Shards that accept no more.
    stopped: AtomicUsize,
    drained: AtomicBool,
    /// Shards whose connections were ended, or that have ended themselves.
    aborted: Mutex<usize>,
    all_aborted: Condvar,
}

impl Stopping {
    pub(crate) fn new(shards: usize) -> Stopping {
        Stopping {
            phase: AtomicUsize::new(RuntimePhase::Running as usize),
            counts: (0..shards).map(|_| Count(AtomicUsize::new(0))).collect(),
            stopped: AtomicUsize::new(0),
            drained: AtomicBool::new(false),
            aborted: Mutex::new(0),
            all_aborted: Condvar::new(),
        }
    }

    pub(crate) fn phase(&self) -> RuntimePhase {
        match self.phase.load(Ordering::SeqCst) {
            0 => RuntimePhase::Running,
            1 => RuntimePhase::Draining,
            _ => RuntimePhase::Quit,
        }
    }

    /// advance never goes back.
    pub(crate) fn advance(&self, to: RuntimePhase) {
        self.phase.fetch_max(to as usize, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    pub(crate) fn count(&self, shard: usize) -> usize {
        self.counts.get(shard).map_or(0, |c| c.0.load(Ordering::Relaxed))
    }

    /// emptiest is a shard with the fewest connections, approximately.
    pub(crate) fn emptiest(&self) -> Option<usize> {
        (0..self.counts.len()).min_by_key(|i| self.count(*i))
    }

    pub(crate) fn connections(&self) -> usize {
        self.counts.iter().map(|c| c.0.load(Ordering::SeqCst)).sum()
    }

    /// opened counts a connection for a shard that accepts, before it is sent there.
    pub(crate) fn opened(&self, shard: usize) {
        if let Some(c) = self.counts.get(shard) {
            c.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn closed(&self, shard: usize) {
        if let Some(c) = self.counts.get(shard) {
            c.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// moved counts a connection for another shard, before it is sent there: it is never in neither.
    pub(crate) fn moved(&self, from: usize, to: usize) {
        self.opened(to);
        self.closed(from);
    }

    /// admit counts a connection that no listener has brought; `false`: the runtime stops. Then the shard's leader is to
    /// look again, since the count may have hidden the end from it.
    pub(crate) fn admit(&self, shard: usize) -> bool {
        // Counted before the phase is looked at, while whoever stops looks at the count after it has set the phase: one of
        // the two sees the other.
        self.opened(shard);
        fence(Ordering::SeqCst);
        if self.phase() == RuntimePhase::Running {
            return true;
        }
        self.closed(shard);
        false
    }

    /// shard_stopped is called once by each shard, when it accepts no more.
    pub(crate) fn shard_stopped(&self) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }

    /// shard_aborted is called once by each shard, when it touches no connection any more that others may have.
    pub(crate) fn shard_aborted(&self) {
        *lock(&self.aborted) += 1;
        self.all_aborted.notify_all();
    }

    /// wait_aborted returns when all shards have called [`Stopping::shard_aborted`].
    pub(crate) fn wait_aborted(&self) {
        let mut aborted = lock(&self.aborted);
        while *aborted < self.counts.len() {
            aborted = self.all_aborted.wait(aborted).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// is_over tells the leader of a shard with `live` connections whether to leave; `drained` is called once, when the
    /// last connection of all shards has ended after a stop.
    pub(crate) fn is_over(
        &self,
        live: usize,
        has_mail: impl FnOnce() -> bool,
        drained: impl FnOnce(),
    ) -> bool {
        if live != 0 || self.phase() == RuntimePhase::Running {
            return false;
        }
        // What this shard has counted comes before what it sees of the others: the last of two that end at once sees both.
        fence(Ordering::SeqCst);
        // In this order: a shard that still accepts may bring another connection.
        let all = self.stopped.load(Ordering::SeqCst) == self.counts.len();
        if all && self.connections() == 0 && !self.drained.swap(true, Ordering::SeqCst) {
            drained();
        }
        self.phase() == RuntimePhase::Quit && !has_mail()
    }
}

/// ShardStop is what a shard has been told of the end.
#[derive(Default)]
pub(crate) struct ShardStop {
    stopping: bool,
    aborted: bool,
}

impl ShardStop {
    /// stop notes it; `true`: for the first time.
    pub(crate) fn stop(&mut self) -> bool {
        !std::mem::replace(&mut self.stopping, true)
    }

    /// abort notes that all connections were ended; `true`: for the first time.
    pub(crate) fn abort(&mut self) -> bool {
        !std::mem::replace(&mut self.aborted, true)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// takes tells whether a connection may still come in: it may have been on its way while the others were ended.
    pub(crate) fn takes(&self) -> bool {
        !self.aborted
    }
}

//! `HandOff`: one shard, many threads, one leader at a time.
//!
//! Before a leader calls code that may block, it parks its shard here (`enter`); afterwards it asks for it
//! back (`leave`). In between anybody who judges that the call takes too long may take the shard away
//! (`steal`) and give it to another thread.
//!
//! Invariants, checked by loom on this very module (`cargo test` with `--cfg loom`):
//!
//! 1. The shard is a value that is moved, never shared: at most one thread holds it.
//! 2. It is never lost: each `enter` is followed by exactly one of a `leave` or a `steal` that returns it.
//! 3. A call number is odd while its shard is parked and is never used again, so that a late `steal` aimed at
//!    an earlier call takes nothing.
//!
//! The price on the fast path is two uncontended lock operations and one atomic swap, about 30 ns.

use super::sync::{AtomicU64, Mutex, Ordering, lock};

pub(crate) struct HandOff<T> {
    /// Odd: the number of the call that the leader is in. Written under the lock of `parked`.
    calls: AtomicU64,
    parked: Mutex<Option<T>>,
}

/// CallId is what `enter` gives and `leave` wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(u64);

impl<T> HandOff<T> {
    pub(crate) fn new() -> HandOff<T> {
        HandOff { calls: AtomicU64::new(0), parked: Mutex::new(None) }
    }

    /// enter parks the shard. The swap is sequentially consistent since the monitor's going to sleep and this
    /// must not miss each other: see `monitor.rs`.
    pub(crate) fn enter(&self, shard: T) -> CallId {
        let mut parked = lock(&self.parked);
        let number = self.calls.load(Ordering::Relaxed) + 1;
        debug_assert!(number % 2 == 1 && parked.is_none());
        *parked = Some(shard);
        self.calls.swap(number, Ordering::SeqCst);
        CallId(number)
    }

    /// leave gives the shard back, or `None` if it was taken away meanwhile: the thread is displaced then.
    pub(crate) fn leave(&self, call: CallId) -> Option<T> {
        self.steal(call)
    }

    /// steal takes the shard if it is still parked for that call.
    pub(crate) fn steal(&self, call: CallId) -> Option<T> {
        let mut parked = lock(&self.parked);
        if self.calls.load(Ordering::Relaxed) != call.0 {
            return None;
        }
        self.calls.store(call.0 + 1, Ordering::SeqCst);
        parked.take()
    }

    /// current is the call that the leader is in, as far as can be seen without a lock.
    pub(crate) fn current(&self) -> Option<CallId> {
        let number = self.calls.load(Ordering::SeqCst);
        (number % 2 == 1).then_some(CallId(number))
    }

    /// count moves with every call, so that a watcher can tell whether there were any.
    pub(crate) fn count(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

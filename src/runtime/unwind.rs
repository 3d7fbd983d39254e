//! What a panic costs, which would be a fault of this library: the connection that was driven, and no other. The shard
//! goes to another thread, and the thread goes on.

use super::driver::Driver;
use super::handoff::CallId;
use super::shard::{Msg, Shard, ShardShared};
use super::start::Runtime;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// catch_panic is what `f` answers, or `None` if it panics, of which the process's panic hook has told.
pub(super) fn catch_panic<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).ok()
}

impl<D: Driver> Runtime<D> {
    /// forget has a shard close its side of a connection that does not come back to it.
    pub(super) fn forget(&self, shard: usize, token: u64) {
        if let Some(shared) = self.shards.get(shard) {
            shared.post(Msg::Forget(token));
        }
    }
}

/// DrivingGuard is dropped only by a panic of the driver's: the connection ends.
pub(super) struct DrivingGuard<'a, D: Driver> {
    pub(super) rt: &'a Arc<Runtime<D>>,
    pub(super) index: usize,
    pub(super) token: u64,
}

impl<D: Driver> Drop for DrivingGuard<'_, D> {
    fn drop(&mut self) {
        self.rt.forget(self.index, self.token);
    }
}

/// ParkedGuard is dropped only by a panic within a call: the shard is taken back, if nobody has taken it away.
pub(super) struct ParkedGuard<'a, D: Driver> {
    pub(super) shared: &'a ShardShared<D>,
    pub(super) call: CallId,
}

impl<D: Driver> Drop for ParkedGuard<'_, D> {
    fn drop(&mut self) {
        drop(self.shared.handoff.leave(self.call));
    }
}

/// A shard that a panic would take along with the thread that leads it.
impl<D: Driver> Drop for Shard<D> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(rt) = self.rt.upgrade()
        {
            let mut whole = Shard::new(&self.rt, self.index);
            std::mem::swap(self, &mut whole);
            whole.cork = None;
            whole.left_conn = None;
            rt.workers.lead(whole, true);
            rt.notify_monitor();
        }
    }
}

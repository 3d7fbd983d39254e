//! What a panic costs, which would be a fault of this library: the connection that was driven, and no other. The shard
//! goes to another thread, and the thread goes on.

use super::driver::Driver;
use super::handoff::Call;
use super::shard::{Msg, Shard, Shared};
use super::start::Runtime;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// caught is what `f` answers, or `None` if it panics, of which the process's panic hook has told.
pub(super) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
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

/// Driving is dropped only by a panic of the driver's: the connection ends.
pub(super) struct Driving<'a, D: Driver> {
    pub(super) rt: &'a Arc<Runtime<D>>,
    pub(super) index: usize,
    pub(super) token: u64,
}

impl<D: Driver> Drop for Driving<'_, D> {
    fn drop(&mut self) {
        self.rt.forget(self.index, self.token);
    }
}

/// Parked is dropped only by a panic within a call: the shard is taken back, if nobody has taken it away.
pub(super) struct Parked<'a, D: Driver> {
    pub(super) shared: &'a Shared<D>,
    pub(super) call: Call,
}

impl<D: Driver> Drop for Parked<'_, D> {
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
            whole.beside = None;
            rt.workers.lead(whole, true);
            rt.ring();
        }
    }
}

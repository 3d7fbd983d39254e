//! `before_block`: a thread's way to give its shard away, from anywhere below a handler.

use super::blocking_stats::Stall;
use super::handoff::CallId;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// ShardOwner is the runtime as a thread that leads one of its shards sees it.
pub(super) trait ShardOwner {
    /// hand_off passes the shard on if the call still holds it.
    fn hand_off(&self, call: CallId, why: Stall);
}

thread_local! {
    static CALL: Cell<Option<CallId>> = const { Cell::new(None) };
    static SHARD: RefCell<Option<Rc<dyn ShardOwner>>> = const { RefCell::new(None) };
    static BLOCKED: Cell<bool> = const { Cell::new(false) };
    /// Which server's handler this thread is in, by the address of its core; 0 is none.
    static HANDLER: Cell<usize> = const { Cell::new(0) };
    /// Which server's thread this is, likewise.
    static OWNER: Cell<usize> = const { Cell::new(0) };
}

/// before_block is called before a system call that may wait. On a leader inside a handler it hands the event
/// loop to another thread, and the handler's route learns that it blocks; everywhere else it is a look at a
/// thread-local.
pub fn before_block() {
    BLOCKED.set(true);
    hand_off(Stall::Blocked);
}

/// before_peer_wait is [`before_block`] for waits on the exchange's own connection, from which a route learns nothing.
pub(crate) fn before_peer_wait() {
    hand_off(Stall::Peer);
}

/// blocks_in runs `f` and tells whether it called [`before_block`].
pub(crate) fn blocks_in<R>(f: impl FnOnce() -> R) -> (R, bool) {
    BLOCKED.set(false);
    let r = f();
    (r, BLOCKED.get())
}

fn hand_off(why: Stall) {
    if let Some(call) = CALL.take()
        && let Some(shard) = SHARD.with(|s| s.borrow().clone())
    {
        shard.hand_off(call, why);
    }
}

pub(super) fn set_shard(shard: Option<Rc<dyn ShardOwner>>) {
    SHARD.with(|s| *s.borrow_mut() = shard);
}

/// inline runs `f` as the handler of a leader that is in `call`.
pub(super) fn inline<R>(call: CallId, f: impl FnOnce() -> R) -> R {
    CALL.set(Some(call));
    let r = f();
    CALL.set(None);
    r
}

/// in_handler runs `f` as a handler of the server `core`.
pub(crate) fn in_handler<R>(core: usize, f: impl FnOnce() -> R) -> R {
    let before = HANDLER.replace(core);
    let r = f();
    HANDLER.set(before);
    r
}

/// is_in_handler tells whether this thread is inside a handler of the server `core`.
pub(crate) fn is_in_handler(core: usize) -> bool {
    HANDLER.get() == core
}

/// owned_by runs `f` as what a thread of the server `core` does from its start to its end.
pub(crate) fn owned_by<R>(core: usize, f: impl FnOnce() -> R) -> R {
    let before = OWNER.replace(core);
    let r = f();
    OWNER.set(before);
    r
}

/// is_owned_by tells whether this thread is one of the server `core`, or inside a handler of it: it must not wait for the
/// server's threads.
pub(crate) fn is_owned_by(core: usize) -> bool {
    OWNER.get() == core || is_in_handler(core)
}

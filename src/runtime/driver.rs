//! `Driver`: what the runtime asks of the protocol above it.

use super::blocking_stats::Stall;
use super::leader::Leader;
use super::shard::Msg;
use super::start::Runtime;
use crate::address::Address;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

/// Readiness says why a connection is driven.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer will send no more, or the connection broke; sticky until the driver has seen it.
    pub(crate) closed: bool,
    /// The deadline of the last [`NextAction::Wait`] has passed.
    pub(crate) expired: bool,
    /// The server stops: an idle connection ends, a busy one ends after its answer.
    pub(crate) stop: bool,
}

/// NextAction says what a connection waits for after it was driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextAction {
    /// An event, or the time in milliseconds of [`Leader::now`]; `NEVER`: no deadline.
    Wait(u64),
    /// Nothing: it has more to do at once, but others come first.
    Again,
    /// A thread: its handler, prepared in the lease, must run off the loop. `quick`: it is trusted not to hold it.
    OffLoop {
        quick: bool,
    },
    Close,
    /// Nothing here: whoever has its exchange now gives it back ([`Driver::detached`]).
    Detached,
    /// The connection is somebody else's, under another descriptor: it is forgotten.
    Released,
}

/// DetachedConn is a connection with its exchange while it is neither in its shard nor on a library thread. Its shard knows it,
/// gathers its events, and waits for it when it stops.
pub(crate) struct DetachedConn<D: Driver> {
    pub(super) rt: Arc<Runtime<D>>,
    pub(super) shard: usize,
    pub(super) token: u64,
    pub(crate) conn: Box<D::Conn>,
    pub(crate) lease: D::Lease,
}

impl<D: Driver> DetachedConn<D> {
    /// give_back gives the connection back, from any thread.
    pub(crate) fn give_back(self, action: NextAction) {
        let DetachedConn { rt, shard, token, conn, lease } = self;
        if let Some(shared) = rt.shards.get(shard) {
            shared.post(Msg::Back { token, conn, lease: Some(lease), action });
        }
    }

    /// into_parts takes it from its shard for ever, which need not wait for it any more.
    pub(crate) fn into_parts(self) -> (Box<D::Conn>, D::Lease) {
        self.rt.forget(self.shard, self.token);
        (self.conn, self.lease)
    }
}

/// ConnToken is where a connection is, for [`Runtime::wake`]. It changes when another shard takes the connection over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnToken {
    pub(super) shard: usize,
    pub(super) token: u64,
}

/// DriveResult is how a connection has come out of [`Driver::drive`].
pub(crate) enum DriveResult<'a, D: Driver> {
    /// The leader leads on.
    StillLeading(Leader<'a, D>, Box<D::Conn>, NextAction),
    /// The shard was taken away during a handler, and the rest ran off the loop, where it may have blocked.
    OffLoop(Box<D::Conn>, NextAction),
    /// The shard was taken away, and the connection has stayed in it ([`Leader::call_without_conn`]).
    LeftInShard,
}

/// Driver is the protocol: it owns the meaning of connections and of the buffers that threads lend to them.
///
/// A *lease* is a thread's set of buffers with the exchange in it. It moves with the exchange when that goes
/// off the loop.
pub(crate) trait Driver: Send + Sync + Sized + 'static {
    type Conn: Send;
    type Lease: Send;
    /// A handler that needs no connection to itself: it reaches its own by [`Runtime::wake`].
    type Task: Send;

    /// id tells the runtimes of a process apart.
    fn id(&self) -> usize;

    fn lease(&self) -> Self::Lease;

    /// accepted makes a connection of a new socket of that listener's, with its first deadline; `None` refuses it.
    fn accepted(
        &self,
        socket: OwnedFd,
        peer: Address,
        listener: usize,
        now: u64,
    ) -> Option<(Box<Self::Conn>, u64)>;

    /// compact lets go of what a lease with a prepared exchange does not need while it waits for a thread.
    fn compact(&self, lease: &mut Self::Lease);

    fn fd(conn: &Self::Conn) -> RawFd;

    /// drive runs a connection as far as it goes without waiting.
    fn drive<'a>(
        &self,
        leader: Leader<'a, Self>,
        conn: Box<Self::Conn>,
        lease: &mut Self::Lease,
        ready: Readiness,
    ) -> DriveResult<'a, Self>;

    /// run runs the handler that [`NextAction::OffLoop`] left in the lease, off the loop; it may block.
    fn run(&self, conn: &mut Self::Conn, lease: &mut Self::Lease) -> NextAction;

    /// shed answers, without waiting, an exchange for which no thread was to be had in time.
    fn shed(&self, conn: &mut Self::Conn, lease: &mut Self::Lease, now: u64) -> NextAction;

    /// run_task runs a handler off the loop; it may block.
    fn run_task(&self, task: Self::Task, lease: &mut Self::Lease);

    /// shed_task answers, without waiting, one for which no thread was to be had in time.
    fn shed_task(&self, task: Self::Task);

    /// detached takes over what a handler has left to be answered later. It gives back what is answered already: the end
    /// of that exchange may wait, and is [`Driver::run`] off the loop.
    fn detached(&self, detached_conn: DetachedConn<Self>) -> Option<DetachedConn<Self>>;

    /// draining is told, once, that a graceful stop has begun; it must not block.
    fn draining(&self);

    /// stalled notes that a handler of that route held a leader until the shard was taken away.
    fn stalled(&self, route: u32, why: Stall);

    /// accept_failed is told once for each back-off of a listener.
    fn accept_failed(&self, error: &std::io::Error, retry_ms: u64);

    /// drained is told, on a library thread, when the last connection has ended after a stop.
    fn drained(&self);
}

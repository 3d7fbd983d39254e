//! The runtime: event loops whose handlers may block.
//!
//! A *shard* owns a poller, timers and connections; one thread at a time is its *leader*: it polls, reads,
//! parses and calls handlers inline. A handler that blocks stalls nobody: the library's own blocking calls
//! give the shard away before they block ([`before_block`]), for everything else the *monitor* does, and
//! routes *learn* to go off the loop. `docs/runtime.md` has the rules; [`handoff`], [`mailbox`], [`notifier`] and
//! [`workers`] have the invariants, and loom checks those modules as they are.
//!
//! Nothing here knows HTTP: a [`Driver`] does.

mod blocking_stats;
mod handoff;
mod mailbox;
mod notifier;
mod stopping;
mod sync;
mod timers;
mod workers;

#[cfg(not(loom))]
mod accept;
#[cfg(not(loom))]
mod driver;
#[cfg(not(loom))]
mod leader;
#[cfg(not(loom))]
mod listen;
#[cfg(not(loom))]
mod messages;
#[cfg(not(loom))]
mod monitor;
#[cfg(not(loom))]
mod shard;
#[cfg(not(loom))]
mod shutdown;
#[cfg(not(loom))]
mod start;
#[cfg(not(loom))]
mod thread_local;
#[cfg(not(loom))]
mod unwind;

#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
#[cfg(test)]
mod tests;

#[cfg(not(loom))]
pub use thread_local::before_block;
#[cfg(not(loom))]
pub(crate) use {
    blocking_stats::{BlockingStats, Stall},
    driver::{ConnToken, DetachedConn, DriveResult, Driver, NextAction, Readiness},
    leader::Leader,
    listen::{Listening, SocketFile},
    shard::Flush,
    start::{Runtime, RuntimeConfig},
    thread_local::{before_peer_wait, blocks_in, in_handler, is_in_handler, is_owned_by, owned_by},
    timers::NEVER,
};

#[cfg(loom)]
pub fn before_block() {}

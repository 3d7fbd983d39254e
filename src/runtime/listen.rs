//! `Listening`: one bound socket that all shards accept from, and how long a shard leaves it alone after a failure.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Listening is shared by the shards; the socket closes when the last of them has let go of it.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) socket: OwnedFd,
    pub(crate) addr: SocketAddr,
}

/// Watched is a shard's view of a listener.
pub(super) struct Watched {
    pub(super) listening: Arc<Listening>,
    /// When to look again after a failure; 0: it is being watched.
    pub(super) retry_at: u64,
    backoff: u64,
}

impl Watched {
    pub(super) fn new(listening: Arc<Listening>) -> Watched {
        Watched { listening, retry_at: 0, backoff: 0 }
    }

    /// back_off is Go's: 5 ms, doubling to 1 s.
    pub(super) fn back_off(&mut self, now: u64) -> u64 {
        self.backoff = (self.backoff * 2).clamp(5, 1000);
        self.retry_at = now + self.backoff;
        self.backoff
    }

    pub(super) fn recovered(&mut self) {
        self.backoff = 0;
    }
}

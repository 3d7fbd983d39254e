//! What a program may watch of its server: connections, errors, and exchanges that have ended.

use crate::log;
use crate::message::address::Address;
use crate::message::request::Request;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// ConnState is Go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ConnState {
    New = 0,
    Active = 1,
    Idle = 2,
    Hijacked = 3,
    Closed = 4,
}

/// Peer is a connection as its watcher is told of it.
pub struct Peer {
    /// Unique within the process.
    pub id: u64,
    pub remote: Address,
}

/// WatchConns is told when a connection changes its state. It runs on event loops, and must not block.
pub trait WatchConns: Send + Sync {
    fn changed(&self, conn: &Peer, state: ConnState);
}

/// Access is an exchange that has ended.
pub struct Access<'a> {
    pub request: &'a Request,
    /// 0 where the handler was aborted before it settled one.
    pub status: u16,
    /// Bytes of the body that the handler wrote.
    pub written: u64,
    /// From the end of the request's head.
    pub took: Duration,
}

/// LogAccess is told of each exchange, on its handler's thread.
pub trait LogAccess: Send + Sync {
    fn ended(&self, access: &Access<'_>);
}

/// LogErrors gets what Go's ErrorLog gets: a line without its end.
pub trait LogErrors: Send + Sync {
    fn error(&self, line: &str);
}

#[derive(Clone, Default)]
pub struct Hooks {
    pub conns: Option<Arc<dyn WatchConns>>,
    pub errors: Option<Arc<dyn LogErrors>>,
    pub access: Option<Arc<dyn LogAccess>>,
}

impl Hooks {
    /// error hands a line to the server's own log, or else to the process's.
    pub(super) fn error(&self, line: impl FnOnce() -> String) {
        match &self.errors {
            Some(log) => log.error(&line()),
            None => log::emit(log::Level::Warn, line),
        }
    }

    /// notice begins to tell of a connection, if anybody wants to know.
    pub(super) fn notice(&self, remote: &Address) -> Option<Box<Notice>> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let watch = self.conns.clone()?;
        let peer = Peer { id: NEXT.fetch_add(1, Ordering::Relaxed), remote: remote.clone() };
        watch.changed(&peer, ConnState::New);
        Some(Box::new(Notice { watch, peer, last: ConnState::New }))
    }
}

/// Notice tells of one connection, its end included.
pub(super) struct Notice {
    watch: Arc<dyn WatchConns>,
    peer: Peer,
    last: ConnState,
}

impl Notice {
    pub(super) fn id(&self) -> u64 {
        self.peer.id
    }

    pub(super) fn tell(&mut self, state: ConnState) {
        if self.last != state {
            self.last = state;
            self.watch.changed(&self.peer, state);
        }
    }
}

/// A connection that was hijacked is the program's own: its end is not told.
impl Drop for Notice {
    fn drop(&mut self) {
        if self.last != ConnState::Hijacked {
            self.tell(ConnState::Closed);
        }
    }
}

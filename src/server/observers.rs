//! What a program may watch of its server: connections, errors, and exchanges that have ended.

use crate::address::Address;
use crate::log;
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

/// PeerInfo is a connection as its watcher is told of it.
pub struct PeerInfo {
    /// Unique within the process.
    pub id: u64,
    pub remote: Address,
}

/// ConnStateObserver is told when a connection changes its state. It runs on event loops, and must not block.
pub trait ConnStateObserver: Send + Sync {
    fn changed(&self, conn: &PeerInfo, state: ConnState);
}

/// AccessRecord is an exchange that has ended.
pub struct AccessRecord<'a> {
    pub request: &'a Request,
    /// 0 where the handler was aborted before it settled one.
    pub status: u16,
    /// Bytes of the body that the handler wrote.
    pub written: u64,
    /// From the end of the request's head.
    pub took: Duration,
}

/// AccessLogger is told of each exchange, on its handler's thread.
pub trait AccessLogger: Send + Sync {
    fn ended(&self, access: &AccessRecord<'_>);
}

/// ErrorLogger gets what Go's ErrorLog gets: a line without its end.
pub trait ErrorLogger: Send + Sync {
    fn error(&self, line: &str);
}

#[derive(Clone, Default)]
pub struct Observers {
    pub conns: Option<Arc<dyn ConnStateObserver>>,
    pub errors: Option<Arc<dyn ErrorLogger>>,
    pub access: Option<Arc<dyn AccessLogger>>,
}

impl Observers {
    /// error hands a line to the server's own log, or else to the process's.
    pub(super) fn error(&self, line: impl FnOnce() -> String) {
        match &self.errors {
            Some(log) => log.error(&line()),
            None => log::emit(log::Level::Warn, line),
        }
    }

    /// state_notifier begins to tell of a connection, if anybody wants to know.
    pub(super) fn state_notifier(&self, remote: &Address) -> Option<Box<ConnStateNotifier>> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let watch = self.conns.clone()?;
        let peer = PeerInfo { id: NEXT.fetch_add(1, Ordering::Relaxed), remote: remote.clone() };
        watch.changed(&peer, ConnState::New);
        Some(Box::new(ConnStateNotifier { watch, peer, last: ConnState::New }))
    }
}

/// ConnStateNotifier tells of one connection, its end included.
pub(super) struct ConnStateNotifier {
    watch: Arc<dyn ConnStateObserver>,
    peer: PeerInfo,
    last: ConnState,
}

impl ConnStateNotifier {
    pub(super) fn id(&self) -> u64 {
        self.peer.id
    }

    pub(super) fn notify(&mut self, state: ConnState) {
        if self.last != state {
            self.last = state;
            self.watch.changed(&self.peer, state);
        }
    }
}

/// A connection that was hijacked is the program's own: its end is not told.
impl Drop for ConnStateNotifier {
    fn drop(&mut self) {
        if self.last != ConnState::Hijacked {
            self.notify(ConnState::Closed);
        }
    }
}

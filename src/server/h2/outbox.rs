//! `Outbox`: how handlers off the loop tell their connection that there is something to send, or to give back.

use super::stream::SharedStream;
use crate::address::Address;
use crate::runtime::ConnToken;
use crate::server::server_core::ServerCore;
use crate::sync::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

/// What a stream may hold that is not sent yet, whatever others do.
const STREAM_MIN: usize = 1024;
/// And what it may hold as long as all streams of its connection hold less than [`CONNECTION_MAX`]: a peer that opens its windows
/// wide and reads nothing costs no more than some 400 KiB.
const STREAM_MAX: usize = 64 * 1024;
const CONNECTION_MAX: usize = 192 * 1024;
/// Handlers that may wait for a connection's peer at once, or for a thread, before the next ones are not called yet.
const PEER_WAITS: usize = 64;

pub(crate) struct Outbox {
    core: Arc<ServerCore>,
    /// This end of the connection.
    local: Option<Address>,
    mail: Mutex<Mail>,
    /// Bytes of bodies that wait in all streams.
    held: AtomicUsize,
    /// Handlers that wait for the peer or for a thread, and whether others wait for those.
    waits: AtomicUsize,
    saturated: AtomicBool,
}

#[derive(Default)]
struct Mail {
    token: ConnToken,
    streams: Vec<SharedStream>,
    /// The connection was woken and has not looked yet.
    woken: bool,
    closed: bool,
}

impl Outbox {
    pub(super) fn new(core: &Arc<ServerCore>, local: Option<Address>) -> Outbox {
        Outbox {
            core: core.clone(),
            local,
            mail: Mutex::default(),
            held: AtomicUsize::new(0),
            waits: AtomicUsize::new(0),
            saturated: AtomicBool::new(false),
        }
    }

    pub(super) fn local(&self) -> Option<&Address> {
        self.local.as_ref()
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// post has the connection look at a stream.
    pub(super) fn post(&self, stream: SharedStream) {
        let mut mail = self.mail();
        if mail.closed {
            return;
        }
        mail.streams.push(stream);
        if std::mem::replace(&mut mail.woken, true) {
            return;
        }
        let token = mail.token;
        drop(mail);
        self.core.wake(token);
    }

    /// take is what has been posted. `token` is where the connection is now: who posts later wakes it there, and who
    /// has posted before is found here.
    pub(super) fn take(&self, token: ConnToken, into: &mut Vec<SharedStream>) {
        let mut mail = self.mail();
        mail.token = token;
        mail.woken = false;
        into.append(&mut mail.streams);
    }

    /// close: the connection is no more.
    pub(super) fn close(&self) {
        let mut mail = self.mail();
        mail.closed = true;
        let left = std::mem::take(&mut mail.streams);
        drop(mail);
        drop(left);
    }

    pub(super) fn hold(&self, n: usize) {
        self.held.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn release(&self, n: usize) {
        self.held.fetch_sub(n, Ordering::Relaxed);
    }

    /// waits counts a handler whose thread waits for the peer, until what it answers is dropped.
    pub(super) fn waits(self: &Arc<Self>) -> PeerWait {
        self.waits.fetch_add(1, Ordering::SeqCst);
        PeerWait(self.clone())
    }

    /// is_saturated: so many threads wait for the peer already that no further handler is called. The end of one of these
    /// waits has the connection look again.
    pub(super) fn is_saturated(&self) -> bool {
        if self.waits.load(Ordering::SeqCst) < PEER_WAITS {
            return false;
        }
        // Announced before the second look, as the end of a wait is counted before it looks for this.
        self.saturated.store(true, Ordering::SeqCst);
        self.waits.load(Ordering::SeqCst) >= PEER_WAITS
    }

    /// stream_limit is how many bytes a stream may hold now.
    pub(super) fn stream_limit(&self) -> usize {
        if self.held.load(Ordering::Relaxed) < CONNECTION_MAX { STREAM_MAX } else { STREAM_MIN }
    }
}

/// PeerWait is a handler that waits for the peer, or for a thread that may have to.
pub(super) struct PeerWait(Arc<Outbox>);

impl Drop for PeerWait {
    fn drop(&mut self) {
        let before = self.0.waits.fetch_sub(1, Ordering::SeqCst);
        if before <= PEER_WAITS && self.0.saturated.swap(false, Ordering::SeqCst) {
            let token = self.0.mail().token;
            self.0.core.wake(token);
        }
    }
}

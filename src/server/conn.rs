//! `ServerConn`: what is kept of a connection between its requests: a socket, an address, a few words, and with TLS a
//! session without buffers.

use super::h2::Http2Session;
use super::observers::{ConnState, ConnStateNotifier};
use super::tls_session::TlsSession;
use crate::address::Address;
use crate::log::{self, Level};
use crate::net::tls::TlsInfo;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::h1::{HeadScan, LeadingBytes};
use crate::runtime::NEVER;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ConnPhase {
    /// TLS is being agreed on.
    Handshaking,
    /// Waiting for a request, or in the middle of its head.
    Reading,
    /// An answer is on its way; nothing is read until it has gone.
    Flushing { then_close: bool },
    /// The answer has gone and the sending side is closed; the rest of the peer's bytes is thrown away for a
    /// moment, so that it can read the answer before a reset destroys it (Go's 500 ms).
    Lingering,
}

pub(crate) struct ServerConn {
    pub(super) socket: OwnedFd,
    pub(super) remote: Address,
    pub(super) secure: Option<Arc<TlsSession>>,
    /// What TLS has agreed on.
    pub(super) info: Option<Arc<TlsInfo>>,
    /// An answer was cut off: no close_notify may make it look whole.
    pub(super) truncated: bool,
    pub(super) state_notifier: Option<Box<ConnStateNotifier>>,
    pub(super) permit: Option<ConnPermit>,
    pub(super) state: ConnPhase,
    /// The socket may have bytes that were not read.
    pub(super) readable: bool,
    /// The peer has closed its side, or the connection broke.
    pub(super) closed: bool,
    pub(super) stop: bool,
    /// The line end that may still stand before the next request.
    pub(super) leading_bytes: LeadingBytes,
    /// Requests answered.
    pub(super) served: u32,
    /// A part of a head, or requests read ahead.
    pub(super) unparsed: Vec<u8>,
    pub(super) scan: HeadScan,
    /// The connection speaks HTTP/2.
    pub(super) h2: Option<Box<Http2Session>>,
    /// Output that the socket did not take yet.
    pub(super) pending: Vec<u8>,
    /// When the head's first byte came, in the runtime's milliseconds; accepted-at for a new connection.
    pub(super) since: u64,
    /// The same as an instant, where a total read timeout wants it.
    pub(super) started: Option<Instant>,
    /// When the current wait ends; `NEVER`: it does not.
    pub(super) due: u64,
    /// When the answer that is on its way must be out (Go's WriteTimeout); `NEVER`: there is no such time.
    pub(super) flush_due: u64,
    /// How long a request whose head is there waits for its small body; `NEVER`: it does not.
    pub(super) body_due: u64,
}

impl ServerConn {
    pub(super) fn new(socket: OwnedFd, remote: Address, now: u64, due: u64) -> Box<ServerConn> {
        Box::new(ServerConn {
            socket,
            remote,
            secure: None,
            info: None,
            truncated: false,
            state_notifier: None,
            permit: None,
            state: ConnPhase::Reading,
            readable: false,
            closed: false,
            stop: false,
            leading_bytes: LeadingBytes::Line,
            served: 0,
            unparsed: Vec::new(),
            scan: HeadScan::new(),
            h2: None,
            pending: Vec::new(),
            since: now,
            started: None,
            due,
            flush_due: NEVER,
            body_due: NEVER,
        })
    }

    /// notify_state tells whoever watches the connection of its state.
    pub(super) fn notify_state(&mut self, state: ConnState) {
        if let Some(notice) = &mut self.state_notifier {
            notice.notify(state);
        }
    }

    /// send_close_notify tells a peer that speaks TLS that the connection ends here, and was not cut.
    pub(super) fn send_close_notify(&self) {
        if let Some(secure) = self.secure.as_ref().filter(|_| !self.truncated) {
            secure.send_close_notify();
        }
    }
}

impl Drop for ServerConn {
    fn drop(&mut self) {
        log::emit(Level::Info, || format!("nethttp: connection from {} ended", self.remote));
    }
}

/// ConnPermit is one of the connections that there may be of a kind.
pub(super) struct ConnPermit(Arc<AtomicUsize>);

impl ConnPermit {
    /// new is `None` where there are `most` already.
    pub(super) fn new(count: &Arc<AtomicUsize>, most: usize) -> Option<ConnPermit> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        Some(ConnPermit(count.clone())).filter(|_| before < most)
    }
}

impl Drop for ConnPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

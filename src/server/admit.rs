//! From a new socket to a connection that may send requests: limits, and the TLS handshake.

use super::conn::{ConnPermit, ConnPhase, ServerConn};
use super::connection::{HttpDriver, deadline_after};
use super::exchange_buffers::ExchangeBuffers;
use super::keep_alive::NEW_IS_IDLE_MS;
use super::reject;
use super::tls_session::TlsSession;
use crate::address::Address;
use crate::error::Error;
use crate::log::{self, Level};
use crate::net::tls::{AcceptState, ServerIdentity};
use crate::runtime::{NEVER, NextAction};
use crate::sys;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a loop shakes hands within a millisecond of its time: a flood of new connections leaves the rest to
/// those that are established. One handshake is never broken off, so a costly key still takes its time.
const HANDSHAKE_BUDGET: Duration = Duration::from_millis(1);
/// Connections beyond the limit that are told so at the same time; more are closed without a word.
const MAX_REFUSALS: usize = 128;

impl HttpDriver {
    /// admit makes a connection of a new socket, with its first deadline; `None` refuses it.
    pub(super) fn admit(
        &self,
        socket: OwnedFd,
        remote: Address,
        identity: Option<Arc<ServerIdentity>>,
        now: u64,
    ) -> Option<(Box<ServerConn>, u64)> {
        let fd = socket.as_raw_fd();
        if remote.ip().is_some() {
            let _ = sys::set_nodelay(fd, true);
            let _ = sys::set_keepalive(fd);
        }
        log::emit(Level::Info, || format!("nethttp: connection from {remote} accepted"));
        let settings = &self.0.settings;
        let mut conn = ServerConn::new(socket, remote, now, NEVER);
        if let Some(most) = settings.max_connections {
            conn.permit = ConnPermit::new(&self.0.open, most);
        }
        if settings.max_connections.is_some() && conn.permit.is_none() {
            // Who speaks TLS could be told only after a handshake, which is what is to be spared.
            conn.permit = ConnPermit::new(&self.0.refusals, MAX_REFUSALS).filter(|_| identity.is_none());
            conn.permit.as_ref()?;
            conn.pending.extend_from_slice(&reject::service_unavailable().0);
            conn.state = ConnPhase::Flushing { then_close: true };
            conn.due = deadline_after(now, settings.write_progress);
            let due = conn.due;
            return Some((conn, due));
        }
        conn.due = deadline_after(now, settings.header_timeout());
        if let Some(identity) = identity {
            let secure = TlsSession::new(&identity, settings.protocols, fd)
                .inspect_err(|e| self.handshake_failed(&conn, e))
                .ok()?;
            conn.secure = Some(Arc::new(secure));
            conn.state = ConnPhase::Handshaking;
            conn.due = deadline_after(now, settings.handshake_timeout());
        }
        conn.state_notifier = self.0.observers.state_notifier(&conn.remote);
        let due = conn.due;
        Some((conn, due))
    }

    /// handshake goes on with a handshake on the loop; `None`: it is done, and requests may come.
    pub(super) fn handshake(
        &self,
        conn: &mut ServerConn,
        ex: &mut ExchangeBuffers,
        expired: bool,
        now: u64,
    ) -> Option<NextAction> {
        if expired {
            if !conn.stop {
                self.handshake_failed(
                    conn,
                    &super::peer_timeouts::timed_out("read", crate::error::Phase::TlsHandshake),
                );
            }
            return Some(NextAction::Close);
        }
        if conn.secure.as_ref().is_some_and(|s| s.calls_program()) {
            return Some(NextAction::OffLoop { quick: false });
        }
        if ex.handshake_time.0 != now {
            ex.handshake_time = (now, Duration::ZERO);
        }
        if ex.handshake_time.1 >= HANDSHAKE_BUDGET {
            return Some(NextAction::Again);
        }
        let started = Instant::now();
        let action = self.handshake_now(conn, ex, now);
        ex.handshake_time.1 += started.elapsed();
        action
    }

    pub(super) fn handshake_now(
        &self,
        conn: &mut ServerConn,
        ex: &mut ExchangeBuffers,
        now: u64,
    ) -> Option<NextAction> {
        let Some(secure) = conn.secure.clone() else { return Some(NextAction::Close) };
        secure.borrow(&mut ex.buffers);
        let (accept, more) = secure.accept();
        secure.give_back(&mut ex.buffers);
        conn.readable = more || conn.closed;
        match accept {
            AcceptState::Done(info) => {
                let info: Arc<crate::net::tls::TlsInfo> = info.into();
                secure.set_info(&info);
                conn.info = Some(info);
                conn.state = ConnPhase::Reading;
                conn.since = now;
                match conn.info.as_ref().and_then(|i| i.alpn.as_deref()) {
                    None => None,
                    Some(alpn) if alpn == c"http/1.1" || alpn == c"http/1.0" => None,
                    Some(alpn) if alpn == c"h2" => {
                        self.begin_http2(conn, ex, &[], now);
                        Some(NextAction::Again)
                    }
                    // RFC 7301, 3.2: nothing else may be spoken, and nobody here speaks that.
                    Some(_) => Some(self.after_response(conn, true, now)),
                }
            }
            AcceptState::Wait => {
                if conn.stop {
                    conn.due = conn.due.min(conn.since + NEW_IS_IDLE_MS);
                }
                Some(NextAction::Wait(conn.due))
            }
            AcceptState::Http => {
                self.0.observers.error(|| {
                    let text = "client sent an HTTP request to an HTTPS server";
                    format!("http: TLS handshake error from {}: {text}", conn.remote)
                });
                conn.secure = None;
                reject::not_tls(&mut conn.pending);
                Some(self.flush_pending(conn, true, false, now))
            }
            AcceptState::Failed(e) => {
                self.handshake_failed(conn, &e);
                Some(self.after_response(conn, true, now))
            }
        }
    }

    fn handshake_failed(&self, conn: &ServerConn, e: &Error) {
        self.0.observers.error(|| format!("http: TLS handshake error from {}: {}", conn.remote, e.message()));
    }
}

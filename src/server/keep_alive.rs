//! Where a connection goes after an exchange: to its next request, to its end, or to a wait for its peer.

use super::conn::{ConnPhase, ServerConn};
use super::connection::{HttpDriver, deadline_after};
use super::exchange_buffers::ExchangeBuffers;
use super::observers::ConnState;
use crate::error::Error;
use crate::runtime::{NEVER, NextAction, Readiness};
use crate::sys;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Go's: how long a connection that was closed for cause lingers.
const LINGER_MS: u64 = 500;
/// Go's: a new connection that says nothing for this long counts as idle when the server stops.
pub(super) const NEW_IS_IDLE_MS: u64 = 5000;
/// Bytes thrown away at once while lingering.
const DISCARD_SIZE: usize = 16 * 1024;

/// ConnAction is what a connection does after an exchange or a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnAction {
    Continue,
    /// Close once the answer has gone.
    Close,
    /// Close now: the exchange was aborted. What answers earlier requests goes out before.
    Drop,
    /// The connection was handed over.
    Released,
}

impl HttpDriver {
    /// note_stop notes that a connection is asked to end, unless that was taken back meanwhile.
    pub(super) fn note_stop(&self, conn: &mut ServerConn, ready: Readiness) {
        conn.stop = (conn.stop || ready.stop) && !self.0.keeps_alive();
    }

    /// closes_when_idle tells whether nothing more is awaited of a connection, as Go looks at it after each answer.
    pub(super) fn closes_when_idle(&self, conn: &ServerConn) -> bool {
        conn.stop || conn.served > 0 && !self.0.keep_alive.load(Ordering::Relaxed)
    }

    /// flush_and_wait sends what was gathered, as far as the socket takes it, and puts the connection to its next wait.
    pub(super) fn flush_and_wait(
        &self,
        conn: &mut ServerConn,
        ex: &mut ExchangeBuffers,
        next: ConnAction,
        now: u64,
    ) -> NextAction {
        if next == ConnAction::Released {
            ex.io.release();
            ex.give_back(&mut conn.unparsed);
            conn.secure = None;
            conn.notify_state(ConnState::Hijacked);
            return NextAction::Released;
        }
        let drop = next == ConnAction::Drop && ex.io.output().buf.is_empty();
        if drop {
            let broken: Error = crate::error::Error::new(crate::error::Kind::Closed, "nethttp: aborted");
            ex.io.output().fail(broken);
        }
        let deadline = ex.io.output().timeouts.deadline;
        let sent = ex.io.detach(&mut conn.pending);
        ex.give_back(&mut conn.unparsed);
        if let Some(secure) = &conn.secure {
            secure.give_back(&mut ex.buffers);
        }
        conn.truncated |= next == ConnAction::Drop;
        let Some(all) = sent.ok().filter(|_| !drop) else {
            // An alert, if there is one.
            conn.send_close_notify();
            return NextAction::Close;
        };
        let close = next != ConnAction::Continue;
        if !all {
            conn.state = ConnPhase::Flushing { then_close: close };
            conn.flush_due =
                deadline_after(now, deadline.map(|at| at.saturating_duration_since(Instant::now())));
            conn.due = deadline_after(now, self.settings().write_progress).min(conn.flush_due);
            return NextAction::Wait(conn.due);
        }
        conn.pending = Vec::new();
        self.after_response(conn, close, now)
    }

    /// after_response is where a connection stands when everything was sent.
    pub(super) fn after_response(&self, conn: &mut ServerConn, close: bool, now: u64) -> NextAction {
        conn.state = ConnPhase::Reading;
        conn.flush_due = NEVER;
        if close {
            if conn.closed && !conn.readable {
                return NextAction::Close;
            }
            conn.send_close_notify();
            let _ = sys::shutdown(conn.socket.as_raw_fd(), sys::SHUT_WR);
            conn.state = ConnPhase::Lingering;
            conn.due = now + LINGER_MS;
            return if discard_input(conn) { NextAction::Wait(conn.due) } else { NextAction::Close };
        }
        if conn.body_due != NEVER {
            conn.due = conn.body_due;
            return NextAction::Wait(conn.due);
        }
        let idle = conn.unparsed.is_empty();
        if idle && conn.served > 0 {
            conn.notify_state(ConnState::Idle);
        }
        if idle && self.closes_when_idle(conn) {
            let grace = conn.since + NEW_IS_IDLE_MS;
            if conn.served > 0 || now >= grace {
                conn.send_close_notify();
                return NextAction::Close;
            }
            conn.due = grace;
            return NextAction::Wait(grace);
        }
        let limit = match conn.served {
            n if n > 0 && idle => self.settings().idle(),
            _ => self.settings().header_timeout(),
        };
        conn.due = deadline_after(conn.since, limit);
        NextAction::Wait(conn.due)
    }

    pub(super) fn flush_pending(
        &self,
        conn: &mut ServerConn,
        then_close: bool,
        expired: bool,
        now: u64,
    ) -> NextAction {
        if conn.flush_due <= now {
            return NextAction::Close;
        }
        if let Some(secure) = conn.secure.clone() {
            return match secure.flush() {
                Err(_) => NextAction::Close,
                Ok((0, false)) if expired => NextAction::Close,
                Ok((_, true)) => self.after_response(conn, then_close, now),
                Ok((sent, false)) => {
                    if sent > 0 {
                        conn.due = deadline_after(now, self.settings().write_progress).min(conn.flush_due);
                    }
                    NextAction::Wait(conn.due)
                }
            };
        }
        let mut sent = 0;
        while let Some(rest) = conn.pending.get(sent..).filter(|r| !r.is_empty()) {
            match sys::send(conn.socket.as_raw_fd(), rest, sys::MSG_DONTWAIT) {
                Ok(n) => sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return NextAction::Close,
            }
        }
        if sent == 0 && expired {
            return NextAction::Close;
        }
        conn.pending.drain(..sent);
        if !conn.pending.is_empty() {
            if sent > 0 {
                conn.due = deadline_after(now, self.settings().write_progress).min(conn.flush_due);
            }
            return NextAction::Wait(conn.due);
        }
        conn.pending = Vec::new();
        self.after_response(conn, then_close, now)
    }
}

/// discard_input throws away what the peer still sends; `false`: it has ended.
pub(super) fn discard_input(conn: &mut ServerConn) -> bool {
    let mut junk = [0; DISCARD_SIZE];
    // A bound on one turn: a peer that sends without end is cut off by the deadline, not served all day.
    for _ in 0..16 {
        match sys::recv(conn.socket.as_raw_fd(), &mut junk, sys::MSG_DONTWAIT) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(e) => return e.kind() == ErrorKind::WouldBlock,
        }
    }
    true
}

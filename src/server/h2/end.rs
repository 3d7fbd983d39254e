//! The end of a connection of HTTP/2. It waits for the handlers that still run.

use super::session::{Http2Session, ShutdownStage};
use crate::runtime::{NEVER, NextAction};
use crate::server::conn::{ConnPhase, ServerConn};
use crate::server::connection::HttpDriver;
use crate::server::keep_alive::discard_input;
use crate::server::observers::ConnState;
use crate::sys;
use std::os::fd::AsRawFd;

impl Http2Session {
    /// abandon_socket: the socket is of no use any more.
    pub(super) fn abandon_socket(&mut self) {
        self.ending = ShutdownStage::Over;
        self.drop_all_streams();
    }

    /// has_ended tells whether, once everything was sent, nothing is left to be done.
    pub(super) fn has_ended(&self) -> bool {
        let drained = self.ending >= ShutdownStage::Last && self.engine.is_drained() && self.running == 0;
        self.engine.is_dead() || drained
    }

    pub(super) fn notify_idle(&self, conn: &mut ServerConn) {
        if self.idle_since != NEVER && conn.served > 0 {
            conn.notify_state(ConnState::Idle);
        }
    }
}

impl HttpDriver {
    /// end_http2 closes what was served to its end. `broken`: nobody is there to be said goodbye to.
    pub(super) fn end_http2(
        &self,
        conn: &mut ServerConn,
        h2: &mut Http2Session,
        broken: bool,
        now: u64,
    ) -> NextAction {
        h2.abandon_socket();
        conn.truncated |= broken;
        conn.state = ConnPhase::Reading;
        let action = if broken { NextAction::Close } else { self.after_response(conn, true, now) };
        match action {
            NextAction::Close => close_after(conn, h2),
            action => action,
        }
    }

    /// after_end is for a connection that lingers, or whose handlers still run.
    pub(super) fn after_end(&self, conn: &mut ServerConn, expired: bool) -> NextAction {
        if conn.state == ConnPhase::Lingering && !expired && discard_input(conn) {
            return NextAction::Wait(conn.due);
        }
        let Some(mut h2) = conn.h2.take() else { return NextAction::Close };
        let action = close_after(conn, &mut h2);
        conn.h2 = Some(h2);
        action
    }
}

/// close_after closes a connection once its handlers are through.
fn close_after(conn: &mut ServerConn, h2: &mut Http2Session) -> NextAction {
    conn.state = ConnPhase::Reading;
    if h2.running == 0 {
        return NextAction::Close;
    }
    // Once: each time is an event of the socket's, for which the connection is driven again.
    if !std::mem::replace(&mut h2.is_shut_down, true) {
        let _ = sys::shutdown(conn.socket.as_raw_fd(), sys::SHUT_RDWR);
    }
    NextAction::Wait(NEVER)
}

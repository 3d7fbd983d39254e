//! The end of a connection of HTTP/2. It waits for the handlers that still run.

use super::session::{Ending, Session};
use crate::net::sys;
use crate::runtime::{NEVER, NextAction};
use crate::server::conn::{Conn, State};
use crate::server::drive::Http;
use crate::server::hooks::ConnState;
use crate::server::park::discard;
use std::os::fd::AsRawFd;

impl Session {
    /// break_off: the socket is of no use any more.
    pub(super) fn break_off(&mut self) {
        self.ending = Ending::Over;
        self.lose_all();
    }

    /// has_ended tells whether, once everything was sent, nothing is left to be done.
    pub(super) fn has_ended(&self) -> bool {
        let drained = self.ending >= Ending::Last && self.engine.is_drained() && self.running == 0;
        self.engine.is_dead() || drained
    }

    pub(super) fn tell_idle(&self, conn: &mut Conn) {
        if self.idle_since != NEVER && conn.served > 0 {
            conn.tell(ConnState::Idle);
        }
    }
}

impl Http {
    /// end_http2 closes what was served to its end. `broken`: nobody is there to be said goodbye to.
    pub(super) fn end_http2(&self, conn: &mut Conn, h2: &mut Session, broken: bool, now: u64) -> NextAction {
        h2.break_off();
        conn.cut |= broken;
        conn.state = State::Reading;
        let action = if broken { NextAction::Close } else { self.after_answer(conn, true, now) };
        match action {
            NextAction::Close => close_after(conn, h2),
            action => action,
        }
    }

    /// after_end is for a connection that lingers, or whose handlers still run.
    pub(super) fn after_end(&self, conn: &mut Conn, expired: bool) -> NextAction {
        if conn.state == State::Lingering && !expired && discard(conn) {
            return NextAction::Wait(conn.due);
        }
        let Some(mut h2) = conn.h2.take() else { return NextAction::Close };
        let action = close_after(conn, &mut h2);
        conn.h2 = Some(h2);
        action
    }
}

/// close_after closes a connection once its handlers are through.
fn close_after(conn: &mut Conn, h2: &mut Session) -> NextAction {
    conn.state = State::Reading;
    if h2.running == 0 {
        return NextAction::Close;
    }
    // Once: each time is an event of the socket's, for which the connection is driven again.
    if !std::mem::replace(&mut h2.is_shut_down, true) {
        let _ = sys::shutdown(conn.socket.as_raw_fd(), libc::SHUT_RDWR);
    }
    NextAction::Wait(NEVER)
}

//! How the runtime drives a connection of HTTP/2: receive, call the handlers, send.

use super::sending::{BACKLOG, Sent, Socket};
use super::session::{Ending, Session};
use super::turn::{KEPT, Turn};
use crate::net::sys;
use crate::net::tls::IoError;
use crate::runtime::{DriveResult, Leader, NEVER, NextAction, Readiness, Stall, blocks_in, in_handler};
use crate::server::bound::Bound;
use crate::server::conn::Conn;
use crate::server::detach::Parcel;
use crate::server::drive::{BLOCKED, Http, end_names};
use crate::server::exchange::Exchange;
use crate::server::input::receive_now;
use crate::server::output::ENOUGH;
use crate::server::reject;
use crate::server::writer::Whole;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// What one read takes.
const SCRATCH: usize = 64 * 1024;
/// Bytes of bodies for handlers that are not called yet, with which they are called all the same.
const UNREAD: usize = 64 * 1024;
/// Reads before other connections come.
const READS: usize = 16;

impl Http {
    /// begin_http2 makes a connection of HTTP/2 of one on which nothing but `received` came.
    pub(in crate::server) fn begin_http2(
        &self,
        conn: &mut Conn,
        ex: &mut Exchange,
        received: &[u8],
        now: u64,
    ) {
        let local = sys::getsockname(conn.socket.as_raw_fd()).ok();
        let mut h2 = Session::new(&self.0, local, now);
        h2.engine.recv(received, &mut h2.events);
        self.told(conn, &mut h2, ex, received, now);
        conn.h2 = Some(h2);
    }

    pub(in crate::server) fn drive_http2<'a>(
        &self,
        mut leader: Leader<'a, Http>,
        mut conn: Box<Conn>,
        ex: &mut Box<Exchange>,
        ready: Readiness,
    ) -> DriveResult<'a, Http> {
        conn.readable |= ready.readable || ready.closed;
        conn.closed |= ready.closed;
        self.heed(&mut conn, ready);
        let now = leader.now();
        let place = leader.token();
        if let Some(h2) = conn.h2.as_mut() {
            h2.read_mail(place, now);
        }
        if conn.h2.as_ref().is_some_and(|h2| h2.is_over()) {
            let expired = ready.expired && conn.due <= now;
            let action = self.after_end(&mut conn, expired);
            return DriveResult::StillLeading(leader, conn, action);
        }
        if let Some(secure) = &conn.secure {
            secure.borrow(&mut ex.buffers);
        }
        let ends = self.ends_when_idle(&conn);
        if let Some(h2) = conn.h2.as_mut()
            && (conn.stop || ends && h2.idle_since != NEVER)
        {
            h2.announce_end(now);
        }
        let (mut reads, mut bound, mut others_first) = (0, Bound::default(), false);
        let busy = loop {
            let mut crowded = false;
            let Some(h2) = conn.h2.as_mut() else { break false };
            h2.expire(&self.0.settings, now);
            while conn.h2.as_ref().is_some_and(|h2| !h2.ready.is_empty()) {
                if conn.h2.as_ref().is_some_and(|h2| h2.must_wait()) {
                    crowded = true;
                    break;
                }
                others_first = bound.is_over();
                if others_first {
                    break;
                }
                let Some(turn) = conn.h2.as_mut().and_then(|h2| h2.ready.pop_front()) else { break };
                match self.take_turn(leader, conn, ex, turn, now) {
                    Some((l, c)) => (leader, conn) = (l, c),
                    None => return DriveResult::LeftInShard,
                }
                // Answers are on their way while the next handlers run.
                if !self.send_enough(&mut conn, now) {
                    break;
                }
            }
            let is_left = !crowded && conn.h2.as_ref().is_some_and(|h2| !h2.ready.is_empty());
            if others_first || reads == READS || is_left {
                break true;
            }
            reads += 1;
            if !self.receive(&mut conn, ex, now) {
                break false;
            }
        };
        let action = self.park_http2(&mut conn, busy, now);
        if let Some(secure) = &conn.secure {
            secure.give_back(&mut ex.buffers);
        }
        DriveResult::StillLeading(leader, conn, action)
    }

    /// take_turn has a handler called, here or by another thread. `None`: the shard was taken away.
    fn take_turn<'a>(
        &self,
        leader: Leader<'a, Http>,
        mut conn: Box<Conn>,
        ex: &mut Exchange,
        mut turn: Box<Turn>,
        now: u64,
    ) -> Option<(Leader<'a, Http>, Box<Conn>)> {
        let learn = turn.table.blocking_stats(turn.route);
        let quick = learn.is_quick();
        if learn.blocks() || !leader.may_run_inline(quick) {
            turn.queued = conn.h2.as_ref().map(|h2| h2.outbox.waits());
            if let Err(turn) = leader.run_off(turn, quick) {
                self.shed_turn(turn);
            }
            return Some((leader, conn));
        }
        turn.stream.state().led = true;
        if let Some(h2) = conn.h2.as_mut() {
            h2.inline = Some(turn.id);
        }
        let route = turn.route;
        let (left, ()) = leader.call_without_conn(route, conn, || self.call_turn(&mut turn));
        let Some((leader, back)) = left else {
            self.leave_turn(turn, ex);
            return None;
        };
        conn = back;
        if let Some(h2) = conn.h2.as_mut() {
            h2.inline = None;
            let detached = turn.stream.leaving().is_detached();
            let mut s = turn.stream.state();
            s.led = false;
            if !detached {
                s.done = true;
                s.ends_connection = turn.writer.ends_connection();
            }
            let whole = if detached { None } else { turn.writer.whole() };
            h2.attend(&turn.stream, s, whole.as_ref(), now);
        }
        if let Some(detached) = turn.stream.leaving().detached() {
            if let Some(Parcel::Stream(mut turn)) = detached.park(Parcel::Stream(turn)) {
                turn.answered_early = true;
                if let Err(turn) = leader.run_off(turn, false) {
                    self.shed_turn(turn);
                }
            }
        } else {
            turn.table.blocking_stats(route).record_quick();
            keep(turn, ex);
        }
        Some((leader, conn))
    }

    /// call_turn calls the handler, and ends its response unless that is to be done later.
    fn call_turn(&self, turn: &mut Turn) {
        turn.began = self.0.hooks.access.as_ref().map(|_| Instant::now());
        in_handler(self.0.id(), || {
            self.serve(&turn.table, turn.route, &mut turn.writer, &mut turn.request);
            if !turn.stream.leaving().is_detached() {
                self.finish_turn(turn);
            }
        });
    }

    fn finish_turn(&self, turn: &mut Turn) {
        turn.writer.finish();
        if turn.writer.was_aborted() {
            turn.stream.abort();
        }
        self.tell_access(&turn.writer, &turn.request, turn.began);
        end_names(&turn.writer, &turn.request);
        turn.request.values.clear();
    }

    /// leave_turn is for a handler that has returned off the loop.
    fn leave_turn(&self, turn: Box<Turn>, ex: &mut Exchange) {
        if let Some(detached) = turn.stream.leaving().detached() {
            if let Some(Parcel::Stream(turn)) = detached.park(Parcel::Stream(turn)) {
                self.end_detached_stream(turn);
            }
            return;
        }
        pass_on(&turn);
        keep(turn, ex);
    }

    /// end_detached_stream ends an exchange that was answered later, or is not: then its stream is reset.
    pub(in crate::server) fn end_detached_stream(&self, mut turn: Box<Turn>) {
        if !turn.writer.has_begun() {
            turn.writer.abort();
        }
        self.finish_turn(&mut turn);
        pass_on(&turn);
    }

    /// run_turn is a handler off the loop.
    pub(in crate::server) fn run_turn(&self, mut turn: Box<Turn>, ex: &mut Exchange) {
        turn.queued = None;
        if std::mem::take(&mut turn.answered_early) {
            return self.end_detached_stream(turn);
        }
        if turn.stream.check().is_err() {
            // The client has left before it began.
            turn.stream.through(false);
            return keep(turn, ex);
        }
        let started = Instant::now();
        let ((), called_out) = blocks_in(|| self.call_turn(&mut turn));
        let waited = turn.stream.state().waited;
        let learn = turn.table.blocking_stats(turn.route);
        if turn.stream.leaving().is_detached() {
            // It is not over, and nothing is learned.
        } else if called_out || started.elapsed().saturating_sub(waited) > BLOCKED {
            learn.record_stall(Stall::Blocked);
        } else if waited > Duration::ZERO {
            learn.record_stall(Stall::Peer);
        } else {
            learn.record_quick();
        }
        self.leave_turn(turn, ex);
    }

    /// shed_turn answers 503: no thread was to be had in time.
    pub(in crate::server) fn shed_turn(&self, mut turn: Box<Turn>) {
        turn.queued = None;
        if turn.answered_early {
            // It is answered, but for an end that nobody has time for.
            turn.stream.abort();
            return turn.stream.through(false);
        }
        let (answer, at) = reject::busy();
        let (head, body) = answer.split_at_checked(at).unwrap_or_default();
        turn.stream.answer(&Whole { status: 503, head, body, trailer: None }, false);
        turn.stream.through(false);
    }

    /// receive reads once; `false`: there is nothing now, or nothing more may come in.
    fn receive(&self, conn: &mut Conn, ex: &mut Exchange, now: u64) -> bool {
        let Some(mut h2) = conn.h2.take() else { return false };
        let mut more = false;
        let over = h2.is_over() || h2.engine.is_dead();
        if conn.readable && !over && h2.engine.output().len() < BACKLOG {
            let mut scratch = std::mem::take(&mut ex.scratch);
            scratch.resize(SCRATCH, 0);
            match receive_now(conn.socket.as_raw_fd(), conn.secure.as_deref(), &mut scratch) {
                Ok(got) if got.n == 0 => {
                    conn.readable = false;
                    conn.closed = true;
                    h2.engine.eof(&mut h2.events);
                    self.told(conn, &mut h2, ex, &[], now);
                }
                Ok(got) => {
                    conn.readable = got.more || conn.closed;
                    let input = scratch.get(..got.n).unwrap_or_default();
                    h2.heard = now;
                    h2.engine.recv(input, &mut h2.events);
                    self.told(conn, &mut h2, ex, input, now);
                    more = true;
                }
                Err(IoError::Os(e)) if e.kind() == ErrorKind::WouldBlock => conn.readable = false,
                Err(_) => h2.break_off(),
            }
            ex.scratch = scratch;
        }
        conn.h2 = Some(h2);
        more
    }

    /// send_enough sends what has gathered, if that is much; `false`: the socket is full.
    fn send_enough(&self, conn: &mut Conn, now: u64) -> bool {
        let Some(mut h2) = conn.h2.take() else { return false };
        let mut go_on = true;
        if h2.engine.output().len() >= ENOUGH {
            let to = Socket { fd: conn.socket.as_raw_fd(), secure: conn.secure.as_deref() };
            match h2.send_output(&to, now) {
                Ok(all) => go_on = all || h2.engine.output().len() < BACKLOG,
                Err(_) => h2.break_off(),
            }
        }
        conn.h2 = Some(h2);
        go_on
    }

    /// park_http2 sends, and puts the connection to its next wait. `busy`: it has more to do at once.
    fn park_http2(&self, conn: &mut Conn, busy: bool, now: u64) -> NextAction {
        let Some(mut h2) = conn.h2.take() else { return NextAction::Close };
        let to = Socket { fd: conn.socket.as_raw_fd(), secure: conn.secure.as_deref() };
        let sent = if h2.is_over() { None } else { h2.flush(&to, now).ok() };
        let action = match sent {
            None => self.end_http2(conn, &mut h2, true, now),
            Some(Sent::All) if h2.has_ended() => self.end_http2(conn, &mut h2, false, now),
            sent => {
                conn.due = h2.rest(&self.0.settings, now);
                h2.tell_idle(conn);
                // What is waited for comes as an event, or by the outbox; what is here already does not.
                let more = (busy || conn.readable && sent == Some(Sent::All)) && sent != Some(Sent::Stuck);
                if more || sent == Some(Sent::More) { NextAction::Again } else { NextAction::Wait(conn.due) }
            }
        };
        conn.h2 = Some(h2);
        action
    }
}

/// pass_on leaves a response to the connection, and tells it.
fn pass_on(turn: &Turn) {
    if let Some(whole) = turn.writer.whole() {
        turn.stream.answer(&whole, false);
    }
    turn.stream.through(turn.writer.ends_connection());
}

fn keep(turn: Box<Turn>, ex: &mut Exchange) {
    if ex.turns.len() < KEPT {
        ex.turns.push(turn);
    }
}

impl Session {
    /// must_wait: the next handler is not called yet, since enough of this connection's wait for its peer. Unless what came
    /// for those that are not called fills the window: then the others might wait for it in vain.
    fn must_wait(&self) -> bool {
        let unread = || self.ready.iter().map(|t| t.stream.unread()).sum::<usize>();
        self.outbox.is_crowded() && unread() < UNREAD
    }

    pub(super) fn is_over(&self) -> bool {
        self.ending == Ending::Over
    }
}

//! How the runtime drives a connection of HTTP/2: receive, call the handlers, send.

use super::sending::{BACKLOG, FlushResult, SessionSocket};
use super::session::{Http2Session, ShutdownStage};
use super::stream_exchange::{MAX_REUSED, StreamExchange};
use crate::net::tls::IoError;
use crate::runtime::{DriveResult, Leader, NEVER, NextAction, Readiness, Stall, blocks_in, in_handler};
use crate::server::conn::ServerConn;
use crate::server::connection::{BLOCKED, HttpDriver, invalidate_handles};
use crate::server::detach::DetachedWork;
use crate::server::exchange_buffers::ExchangeBuffers;
use crate::server::fairness::FairnessBudget;
use crate::server::input::receive_now;
use crate::server::output::ENOUGH;
use crate::server::reject;
use crate::server::writer::CompleteResponse;
use crate::sys;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// What one read takes.
const SCRATCH: usize = 64 * 1024;
/// Bytes of bodies for handlers that are not called yet, with which they are called all the same.
const UNREAD: usize = 64 * 1024;
/// Reads before other connections come.
const READS: usize = 16;

impl HttpDriver {
    /// begin_http2 makes a connection of HTTP/2 of one on which nothing but `received` came.
    pub(in crate::server) fn begin_http2(
        &self,
        conn: &mut ServerConn,
        ex: &mut ExchangeBuffers,
        received: &[u8],
        now: u64,
    ) {
        let local = sys::getsockname(conn.socket.as_raw_fd()).ok();
        let mut h2 = Http2Session::new(&self.0, local, now);
        h2.engine.recv(received, &mut h2.events);
        self.on_events(conn, &mut h2, ex, received, now);
        conn.h2 = Some(h2);
    }

    pub(in crate::server) fn drive_http2<'a>(
        &self,
        mut leader: Leader<'a, HttpDriver>,
        mut conn: Box<ServerConn>,
        ex: &mut Box<ExchangeBuffers>,
        ready: Readiness,
    ) -> DriveResult<'a, HttpDriver> {
        conn.readable |= ready.readable || ready.closed;
        conn.closed |= ready.closed;
        self.note_stop(&mut conn, ready);
        let now = leader.now();
        let token = leader.token();
        if let Some(h2) = conn.h2.as_mut() {
            h2.read_mail(token, now);
        }
        if conn.h2.as_ref().is_some_and(|h2| h2.is_finished()) {
            let expired = ready.expired && conn.due <= now;
            let action = self.after_end(&mut conn, expired);
            return DriveResult::StillLeading(leader, conn, action);
        }
        if let Some(secure) = &conn.secure {
            secure.borrow(&mut ex.buffers);
        }
        let ends = self.closes_when_idle(&conn);
        if let Some(h2) = conn.h2.as_mut()
            && (conn.stop || ends && h2.idle_since != NEVER)
        {
            h2.begin_shutdown(now);
        }
        let (mut reads, mut bound, mut others_first) = (0, FairnessBudget::default(), false);
        let busy = loop {
            let mut crowded = false;
            let Some(h2) = conn.h2.as_mut() else { break false };
            h2.expire(&self.0.settings, now);
            while conn.h2.as_ref().is_some_and(|h2| !h2.ready.is_empty()) {
                if conn.h2.as_ref().is_some_and(|h2| h2.defers_handlers()) {
                    crowded = true;
                    break;
                }
                others_first = bound.is_spent();
                if others_first {
                    break;
                }
                let Some(exchange) = conn.h2.as_mut().and_then(|h2| h2.ready.pop_front()) else { break };
                match self.start_handler(leader, conn, ex, exchange, now) {
                    Some((l, c)) => (leader, conn) = (l, c),
                    None => return DriveResult::LeftInShard,
                }
                // Answers are on their way while the next handlers run.
                if !self.flush_if_full(&mut conn, now) {
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
        let action = self.flush_and_wait_http2(&mut conn, busy, now);
        if let Some(secure) = &conn.secure {
            secure.give_back(&mut ex.buffers);
        }
        DriveResult::StillLeading(leader, conn, action)
    }

    /// start_handler has a handler called, here or by another thread. `None`: the shard was taken away.
    fn start_handler<'a>(
        &self,
        leader: Leader<'a, HttpDriver>,
        mut conn: Box<ServerConn>,
        ex: &mut ExchangeBuffers,
        mut exchange: Box<StreamExchange>,
        now: u64,
    ) -> Option<(Leader<'a, HttpDriver>, Box<ServerConn>)> {
        let learn = exchange.table.blocking_stats(exchange.route);
        let quick = learn.is_quick();
        if learn.blocks() || !leader.may_run_inline(quick) {
            exchange.queued = conn.h2.as_ref().map(|h2| h2.outbox.waits());
            if let Err(exchange) = leader.run_off(exchange, quick) {
                self.shed_exchange(exchange);
            }
            return Some((leader, conn));
        }
        exchange.stream.state().on_leader = true;
        if let Some(h2) = conn.h2.as_mut() {
            h2.inline = Some(exchange.id);
        }
        let route = exchange.route;
        let (left, ()) = leader.call_without_conn(route, conn, || self.call_handler(&mut exchange));
        let Some((leader, back)) = left else {
            self.handler_returned(exchange, ex);
            return None;
        };
        conn = back;
        if let Some(h2) = conn.h2.as_mut() {
            h2.inline = None;
            let detached = exchange.stream.detach_state().is_detached();
            let mut s = exchange.stream.state();
            s.on_leader = false;
            if !detached {
                s.done = true;
                s.ends_connection = exchange.writer.ends_connection();
            }
            let whole = if detached { None } else { exchange.writer.complete_response() };
            h2.process_stream(&exchange.stream, s, whole.as_ref(), now);
        }
        if let Some(detached) = exchange.stream.detach_state().detached() {
            if let Some(DetachedWork::Stream(mut exchange)) = detached.park(DetachedWork::Stream(exchange)) {
                exchange.responded_early = true;
                if let Err(exchange) = leader.run_off(exchange, false) {
                    self.shed_exchange(exchange);
                }
            }
        } else {
            exchange.table.blocking_stats(route).record_quick();
            recycle(exchange, ex);
        }
        Some((leader, conn))
    }

    /// call_handler calls the handler, and ends its response unless that is to be done later.
    fn call_handler(&self, exchange: &mut StreamExchange) {
        exchange.began = self.0.observers.access.as_ref().map(|_| Instant::now());
        in_handler(self.0.id(), || {
            self.serve(&exchange.table, exchange.route, &mut exchange.writer, &mut exchange.request);
            if !exchange.stream.detach_state().is_detached() {
                self.finish_exchange(exchange);
            }
        });
    }

    fn finish_exchange(&self, exchange: &mut StreamExchange) {
        exchange.writer.finish();
        if exchange.writer.was_aborted() {
            exchange.stream.abort();
        }
        self.log_access(&exchange.writer, &exchange.request, exchange.began);
        invalidate_handles(&exchange.writer, &exchange.request);
        exchange.request.values.clear();
    }

    /// handler_returned is for a handler that has returned off the loop.
    fn handler_returned(&self, exchange: Box<StreamExchange>, ex: &mut ExchangeBuffers) {
        if let Some(detached) = exchange.stream.detach_state().detached() {
            if let Some(DetachedWork::Stream(exchange)) = detached.park(DetachedWork::Stream(exchange)) {
                self.end_detached_stream(exchange);
            }
            return;
        }
        post_response(&exchange);
        recycle(exchange, ex);
    }

    /// end_detached_stream ends an exchange that was answered later, or is not: then its stream is reset.
    pub(in crate::server) fn end_detached_stream(&self, mut exchange: Box<StreamExchange>) {
        if !exchange.writer.has_begun() {
            exchange.writer.abort();
        }
        self.finish_exchange(&mut exchange);
        post_response(&exchange);
    }

    /// run_turn is a handler off the loop.
    pub(in crate::server) fn run_exchange(
        &self,
        mut exchange: Box<StreamExchange>,
        ex: &mut ExchangeBuffers,
    ) {
        exchange.queued = None;
        if std::mem::take(&mut exchange.responded_early) {
            return self.end_detached_stream(exchange);
        }
        if exchange.stream.check().is_err() {
            // The client has left before it began.
            exchange.stream.handler_done(false);
            return recycle(exchange, ex);
        }
        let started = Instant::now();
        let ((), called_out) = blocks_in(|| self.call_handler(&mut exchange));
        let waited = exchange.stream.state().waited;
        let learn = exchange.table.blocking_stats(exchange.route);
        if exchange.stream.detach_state().is_detached() {
            // It is not over, and nothing is learned.
        } else if called_out || started.elapsed().saturating_sub(waited) > BLOCKED {
            learn.record_stall(Stall::Blocked);
        } else if waited > Duration::ZERO {
            learn.record_stall(Stall::Peer);
        } else {
            learn.record_quick();
        }
        self.handler_returned(exchange, ex);
    }

    /// shed_turn answers 503: no thread was to be had in time.
    pub(in crate::server) fn shed_exchange(&self, mut exchange: Box<StreamExchange>) {
        exchange.queued = None;
        if exchange.responded_early {
            // It is answered, but for an end that nobody has time for.
            exchange.stream.abort();
            return exchange.stream.handler_done(false);
        }
        let (answer, at) = reject::service_unavailable();
        let (head, body) = answer.split_at_checked(at).unwrap_or_default();
        exchange.stream.respond(&CompleteResponse { status: 503, head, body, trailer: None }, false);
        exchange.stream.handler_done(false);
    }

    /// receive reads once; `false`: there is nothing now, or nothing more may come in.
    fn receive(&self, conn: &mut ServerConn, ex: &mut ExchangeBuffers, now: u64) -> bool {
        let Some(mut h2) = conn.h2.take() else { return false };
        let mut more = false;
        let over = h2.is_finished() || h2.engine.is_dead();
        if conn.readable && !over && h2.engine.output().len() < BACKLOG {
            let mut scratch = std::mem::take(&mut ex.scratch);
            scratch.resize(SCRATCH, 0);
            match receive_now(conn.socket.as_raw_fd(), conn.secure.as_deref(), &mut scratch) {
                Ok(got) if got.n == 0 => {
                    conn.readable = false;
                    conn.closed = true;
                    h2.engine.eof(&mut h2.events);
                    self.on_events(conn, &mut h2, ex, &[], now);
                }
                Ok(got) => {
                    conn.readable = got.more || conn.closed;
                    let input = scratch.get(..got.n).unwrap_or_default();
                    h2.last_received = now;
                    h2.engine.recv(input, &mut h2.events);
                    self.on_events(conn, &mut h2, ex, input, now);
                    more = true;
                }
                Err(IoError::Os(e)) if e.kind() == ErrorKind::WouldBlock => conn.readable = false,
                Err(_) => h2.abandon_socket(),
            }
            ex.scratch = scratch;
        }
        conn.h2 = Some(h2);
        more
    }

    /// flush_if_full sends what has gathered, if that is much; `false`: the socket is full.
    fn flush_if_full(&self, conn: &mut ServerConn, now: u64) -> bool {
        let Some(mut h2) = conn.h2.take() else { return false };
        let mut go_on = true;
        if h2.engine.output().len() >= ENOUGH {
            let to = SessionSocket { fd: conn.socket.as_raw_fd(), secure: conn.secure.as_deref() };
            match h2.send_output(&to, now) {
                Ok(all) => go_on = all || h2.engine.output().len() < BACKLOG,
                Err(_) => h2.abandon_socket(),
            }
        }
        conn.h2 = Some(h2);
        go_on
    }

    /// flush_and_wait_http2 sends, and puts the connection to its next wait. `busy`: it has more to do at once.
    fn flush_and_wait_http2(&self, conn: &mut ServerConn, busy: bool, now: u64) -> NextAction {
        let Some(mut h2) = conn.h2.take() else { return NextAction::Close };
        let to = SessionSocket { fd: conn.socket.as_raw_fd(), secure: conn.secure.as_deref() };
        let sent = if h2.is_finished() { None } else { h2.flush(&to, now).ok() };
        let action = match sent {
            None => self.end_http2(conn, &mut h2, true, now),
            Some(FlushResult::All) if h2.has_ended() => self.end_http2(conn, &mut h2, false, now),
            sent => {
                conn.due = h2.next_deadline(&self.0.settings, now);
                h2.notify_idle(conn);
                // What is waited for comes as an event, or by the outbox; what is here already does not.
                let more = (busy || conn.readable && sent == Some(FlushResult::All))
                    && sent != Some(FlushResult::Blocked);
                if more || sent == Some(FlushResult::More) {
                    NextAction::Again
                } else {
                    NextAction::Wait(conn.due)
                }
            }
        };
        conn.h2 = Some(h2);
        action
    }
}

/// post_response leaves a response to the connection, and tells it.
fn post_response(exchange: &StreamExchange) {
    if let Some(whole) = exchange.writer.complete_response() {
        exchange.stream.respond(&whole, false);
    }
    exchange.stream.handler_done(exchange.writer.ends_connection());
}

fn recycle(exchange: Box<StreamExchange>, ex: &mut ExchangeBuffers) {
    if ex.stream_exchanges.len() < MAX_REUSED {
        ex.stream_exchanges.push(exchange);
    }
}

impl Http2Session {
    /// defers_handlers: the next handler is not called yet, since enough of this connection's wait for its peer. Unless what came
    /// for those that are not called fills the window: then the others might wait for it in vain.
    fn defers_handlers(&self) -> bool {
        let unread = || self.ready.iter().map(|t| t.stream.unread()).sum::<usize>();
        self.outbox.is_saturated() && unread() < UNREAD
    }

    pub(super) fn is_finished(&self) -> bool {
        self.ending == ShutdownStage::Over
    }
}

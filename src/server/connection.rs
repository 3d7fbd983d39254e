//! How the runtime drives an HTTP/1.1 connection: read, parse, route, call, answer, wait.

use super::conn::{ConnPhase, ServerConn};
use super::dispatch::Preface;
use super::exchange_buffers::ExchangeBuffers;
use super::fairness::FairnessBudget;
use super::input::receive_now;
use super::keep_alive::{ConnAction, discard_input};
use super::observers::ConnState;
use super::reject;
use super::server_core::ServerCore;
use super::settings::ServerSettings;
use super::writer::ResponseWriter;
use crate::h1::{self, LeadingBytes, Reject};
use crate::log;
use crate::message::protocols::Protocols;
use crate::message::request::Request;
use crate::net::tls::IoError;
use crate::runtime::{Flush, Leader, NEVER, NextAction, Readiness, in_handler};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A call off the loop that took longer than this, but for its waits on its own connection, blocked.
pub(super) const BLOCKED: Duration = Duration::from_micros(300);
/// A body of so many bytes, if that is declared, is awaited before its handler is called: a handler that waits for
/// it would lose its loop.
pub(super) const SMALL_BODY: u64 = 8 * 1024;
/// But not for longer than this: the handler may have something to say before.
pub(super) const SMALL_BODY_MS: u64 = 5;
/// HttpDriver is the driver of a server: everything in it is shared by its threads.
pub(super) struct HttpDriver(pub(super) Arc<ServerCore>);

impl HttpDriver {
    /// drive_http1 runs a connection that speaks HTTP/1, or has not said yet what.
    pub(super) fn drive_http1<'a>(
        &self,
        leader: Leader<'a, Self>,
        conn: &mut ServerConn,
        ex: &mut Box<ExchangeBuffers>,
        ready: Readiness,
    ) -> (Option<Leader<'a, Self>>, NextAction) {
        // An idle connection is to end at a stop, unless a request has just come by it.
        conn.readable |= ready.readable || ready.closed || ready.stop;
        conn.closed |= ready.closed;
        self.note_stop(conn, ready);
        let now = leader.now();
        let expired = ready.expired && conn.due <= now;
        match conn.state {
            ConnPhase::Handshaking => {
                if let Some(action) = self.handshake(conn, ex, expired, now) {
                    return (Some(leader), action);
                }
            }
            ConnPhase::Flushing { then_close } => {
                let action = self.flush_pending(conn, then_close, expired, now);
                if conn.state != ConnPhase::Reading || action == NextAction::Close {
                    return (Some(leader), action);
                }
            }
            ConnPhase::Lingering => {
                let action = if expired || !discard_input(conn) {
                    NextAction::Close
                } else {
                    NextAction::Wait(conn.due)
                };
                return (Some(leader), action);
            }
            ConnPhase::Reading if expired && conn.body_due == NEVER => {
                conn.send_close_notify();
                return (Some(leader), NextAction::Close);
            }
            ConnPhase::Reading => {}
        }
        self.read_requests(leader, conn, ex)
    }

    pub(super) fn settings(&self) -> &ServerSettings {
        &self.0.settings
    }

    /// read_requests serves all requests that can be had now, and sends their answers together.
    fn read_requests<'a>(
        &self,
        mut leader: Leader<'a, Self>,
        conn: &mut ServerConn,
        ex: &mut Box<ExchangeBuffers>,
    ) -> (Option<Leader<'a, Self>>, NextAction) {
        ex.take_block(&mut conn.unparsed);
        if let Some(secure) = &conn.secure {
            secure.borrow(&mut ex.buffers);
        }
        let fd = conn.socket.as_raw_fd();
        ex.io.attach(fd, conn.secure.as_ref(), self.settings().write_progress);
        let (mut bound, mut others_first) = (FairnessBudget::default(), false);
        let next = loop {
            if conn.leading_bytes != LeadingBytes::Nothing {
                let Some(n) = conn.leading_bytes.skip(ex.unread()) else {
                    break self.refuse(ex, &Reject::BAD_REQUEST);
                };
                ex.used += n;
            }
            if conn.served == 0 && conn.secure.is_none() && ex.used == 0 {
                match self.preface(ex.unread()) {
                    Preface::No => {}
                    Preface::Partial => match self.read_more(conn, ex, leader.now()) {
                        Ok(true) => continue,
                        Ok(false) => break ConnAction::Continue,
                        Err(_) => break ConnAction::Close,
                    },
                    Preface::Complete => {
                        let received = ex.unread().to_vec();
                        (ex.used, ex.filled) = (0, 0);
                        ex.give_back(&mut conn.unparsed);
                        self.begin_http2(conn, ex, &received, leader.now());
                        return (Some(leader), NextAction::Again);
                    }
                }
            }
            if !self.settings().protocols.has(Protocols::HTTP1) {
                break ConnAction::Close;
            }
            let Some(len) = conn.scan.find(ex.unread()) else {
                if conn.scan.take_first_line_end()
                    && let Err(refused) = h1::request::check_first_line(ex.unread())
                {
                    break self.refuse(ex, &refused);
                }
                match self.read_more(conn, ex, leader.now()) {
                    Ok(true) => continue,
                    Ok(false) => break ConnAction::Continue,
                    Err(Some(refused)) => break self.refuse(ex, &refused),
                    Err(None) => break ConnAction::Close,
                }
            };
            conn.scan.reset();
            if body_is_coming(conn, ex, len, leader.now()) {
                match self.read_more(conn, ex, leader.now()) {
                    Ok(true) => continue,
                    Ok(false) => break ConnAction::Continue,
                    // What came instead is for the handler to find.
                    Err(_) => {}
                }
            }
            conn.body_due = NEVER;
            if let Err(refused) = self.prepare(conn, ex, len) {
                break self.refuse(ex, &refused);
            }
            let learn = ex.table.blocking_stats(ex.route);
            let quick = learn.is_quick();
            if learn.blocks() || !leader.may_run_inline(quick) {
                let _ = ex.io.output().send_some();
                return (Some(leader), NextAction::OffLoop { quick });
            }
            let corked = !ex.io.output().buf.is_empty();
            let cork = corked.then(|| ex.io.clone() as Arc<dyn crate::runtime::Flush>);
            let (left, ()) = leader.call(ex.route, cork, || self.call_http1_handler(ex));
            if ex.io.detach_state.is_detached() {
                return (left, self.detach_exchange(ex));
            }
            let Some(l) = left else { return (None, self.end_off_loop(conn, ex)) };
            leader = l;
            ex.table.blocking_stats(ex.route).record_quick();
            match self.after_exchange(conn, ex, leader.now()) {
                ConnAction::Continue => {}
                end => break end,
            }
            if (conn.readable || !ex.unread().is_empty()) && bound.is_spent() {
                others_first = true;
                break ConnAction::Continue;
            }
            if ex.pending_output >= super::output::ENOUGH && !matches!(ex.io.output().send_some(), Ok(true)) {
                break ConnAction::Continue;
            }
        };
        let action = match self.flush_and_wait(conn, ex, next, leader.now()) {
            // What is here already is no event to come.
            NextAction::Wait(_) if others_first && conn.state == ConnPhase::Reading => NextAction::Again,
            action => action,
        };
        (Some(leader), action)
    }

    /// read_more reads what the socket has; `Ok(false)`: nothing now. `Err` ends the connection, with an answer or not.
    fn read_more(
        &self,
        conn: &mut ServerConn,
        ex: &mut ExchangeBuffers,
        now: u64,
    ) -> Result<bool, Option<Reject>> {
        let limit = self.settings().head_limit();
        if ex.unread().len() > limit {
            return Err(Some(Reject::HEADER_TOO_LARGE));
        }
        if !conn.readable {
            return Ok(false);
        }
        let was_empty = ex.unread().is_empty();
        let room = ex.room(limit).ok_or(Some(Reject::NO_MEMORY))?;
        match receive_now(conn.socket.as_raw_fd(), conn.secure.as_deref(), room) {
            Ok(got) if got.n == 0 && was_empty => Err(None),
            // The head was cut: Go answers, for the peer may have closed one side only.
            Ok(got) if got.n == 0 => Err(Some(Reject::BAD_REQUEST)),
            Ok(got) => {
                ex.filled += got.n;
                // An end that was already reported is no new edge: it is still to be read.
                conn.readable = got.more || conn.closed;
                if was_empty {
                    conn.notify_state(ConnState::Active);
                    conn.since = now;
                    conn.started = self.settings().read_timeout.map(|_| Instant::now());
                }
                Ok(true)
            }
            Err(IoError::Os(e)) if e.kind() == ErrorKind::WouldBlock => {
                conn.readable = false;
                Ok(false)
            }
            Err(_) => Err(None),
        }
    }

    /// prepare parses the head of `len` bytes and routes its request.
    fn prepare(&self, conn: &mut ServerConn, ex: &mut ExchangeBuffers, len: usize) -> Result<(), Reject> {
        if len > self.settings().head_limit() {
            return Err(Reject::HEADER_TOO_LARGE);
        }
        ex.request.header.clear();
        let end = ex.used.saturating_add(len);
        log::head('<', ex.request.header.store().block().get(ex.used..end).unwrap_or_default());
        let line = h1::parse_request_within(
            &mut ex.request.header,
            ex.used,
            len,
            self.settings().max_header_fields,
        )?;
        ex.request.version = Some(line.version);
        let facts = h1::request_facts(&ex.request.header, &line)?;
        ex.used += len;
        ex.prepare(&line, facts, &self.0.settings, conn.started);
        ex.request.remote = Some(conn.remote.clone());
        // It comes back when the exchange has ended: the count of a copy would be one more cold line.
        ex.request.tls = conn.info.take();
        ex.request.conn_id = conn.state_notifier.as_ref().map_or(0, |n| n.id());
        ex.route = self.route(&mut ex.request, &mut ex.table, &mut ex.generation);
        Ok(())
    }

    pub(super) fn call_http1_handler(&self, ex: &mut ExchangeBuffers) {
        let core = self.0.id();
        ex.began = self.0.observers.access.as_ref().map(|_| Instant::now());
        in_handler(core, || {
            self.serve(&ex.table, ex.route, &mut ex.writer, &mut ex.request);
            // Here, since it may wait for the peer: the shard can be taken away only inside the call. What is detached
            // is somebody else's from now on, and not touched.
            if !ex.io.detach_state.is_detached() {
                self.finish(ex);
            }
        });
    }

    fn finish(&self, ex: &mut ExchangeBuffers) {
        if !ex.io.hijacked.load(Ordering::Relaxed) {
            ex.finish();
        }
        self.log_access(&ex.writer, &ex.request, ex.began);
        invalidate_handles(&ex.writer, &ex.request);
        ex.request.values.clear();
    }

    /// detach_exchange leaves an exchange to who answers it; what answers earlier requests goes out before.
    pub(super) fn detach_exchange(&self, ex: &ExchangeBuffers) -> NextAction {
        ex.io.flush();
        NextAction::Detached
    }

    /// end_detached ends an exchange that was answered later, or is not: then its connection is cut.
    pub(super) fn end_detached(&self, conn: &mut ServerConn, ex: &mut ExchangeBuffers) -> NextAction {
        if !ex.writer.has_begun() {
            ex.writer.abort();
        }
        self.finish(ex);
        self.end_off_loop(conn, ex)
    }

    /// after_exchange looks at the exchange that has ended.
    fn after_exchange(&self, conn: &mut ServerConn, ex: &mut ExchangeBuffers, now: u64) -> ConnAction {
        conn.info = ex.request.tls.take();
        if ex.io.hijacked.load(Ordering::Relaxed) {
            ex.io.hijacked.store(false, Ordering::Relaxed);
            return ConnAction::Released;
        }
        conn.served = conn.served.saturating_add(1);
        conn.since = now;
        let post = ex.request.text(ex.request.method) == b"POST";
        conn.leading_bytes = if post { LeadingBytes::AFTER_POST } else { LeadingBytes::Line };
        let gathered = ex.io.output().pending();
        let Some(gathered) = gathered.filter(|_| !ex.writer.was_aborted()) else { return ConnAction::Drop };
        ex.pending_output = gathered;
        if ex.has_body {
            // The handler may have read to the last byte that was there: no new edge will come for more.
            conn.readable |= !ex.io.input().drained;
        }
        if ex.keep_alive { ConnAction::Continue } else { ConnAction::Close }
    }

    /// end_off_loop ends an exchange on a thread that does not lead; the leader goes on with the connection.
    pub(super) fn end_off_loop(&self, conn: &mut ServerConn, ex: &mut ExchangeBuffers) -> NextAction {
        let now = self.0.now();
        let next = self.after_exchange(conn, ex, now);
        // What comes while the connection is away is an edge that the leader keeps. What was known before, or is
        // left in the block, has no edge to come.
        let more = next == ConnAction::Continue && (conn.readable || conn.closed || !ex.unread().is_empty());
        conn.readable |= conn.closed;
        match self.flush_and_wait(conn, ex, next, now) {
            NextAction::Wait(_) if more && conn.state == ConnPhase::Reading => NextAction::Again,
            action => action,
        }
    }

    fn refuse(&self, ex: &mut ExchangeBuffers, refused: &Reject) -> ConnAction {
        reject::write(&mut ex.io.output().buf, refused, ex.request.version);
        // What follows a refused head cannot be trusted to be a request.
        ex.used = ex.filled;
        ConnAction::Close
    }
}

/// body_is_coming tells whether the request whose head of `len` bytes is there should wait for its body, and since
/// when it does.
fn body_is_coming(conn: &mut ServerConn, ex: &ExchangeBuffers, len: usize, now: u64) -> bool {
    let unread = ex.unread();
    // POST, PUT, PATCH; others have no body as a rule, and pay nothing.
    if unread.first() != Some(&b'P') || conn.body_due <= now || conn.closed {
        return false;
    }
    let length = unread.get(..len).and_then(h1::declared_length).unwrap_or(0);
    let have = (unread.len() - len.min(unread.len())) as u64;
    if length > SMALL_BODY || have >= length {
        return false;
    }
    conn.body_due = conn.body_due.min(now + SMALL_BODY_MS);
    true
}

/// invalidate_handles takes from the program what it knows an exchange by that has ended.
pub(super) fn invalidate_handles(writer: &ResponseWriter, request: &Request) {
    writer.invalidate_handle();
    if let Some(ticket) = &request.handle {
        ticket.invalidate();
    }
}

pub(super) fn deadline_after(now: u64, limit: Option<Duration>) -> u64 {
    limit.map_or(NEVER, |d| now.saturating_add(d.as_millis() as u64))
}

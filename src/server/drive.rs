//! How the runtime drives an HTTP/1.1 connection: read, parse, route, call, answer, wait.

use super::conn::{Conn, State};
use super::detach::Parcel;
use super::dispatch::Preface;
use super::exchange::Exchange;
use super::h2::Turn;
use super::hooks::ConnState;
use super::input::receive_now;
use super::park::{Next, discard};
use super::reject;
use super::settings::Settings;
use super::shared::Shared;
use super::writer::ResponseWriter;
use crate::h1::{self, Lead, Reject};
use crate::log;
use crate::message::address::Address;
use crate::message::protocols::Protocols;
use crate::message::request::Request;
use crate::net::tls::Stop;
use crate::runtime::{Away, Driven, Driver, Fate, Flush, Leader, NEVER, Ready, Stall, blocks_in, in_handler};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
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
/// Requests, and their time, that a connection is served before others come: who sends many at once waits in turn.
pub(super) const A_TURN: u32 = 16;
pub(super) const A_TURN_TIME: Duration = Duration::from_millis(1);

/// Bound is how far a connection's turn has come.
#[derive(Default)]
pub(super) struct Bound {
    served: u32,
    since: Option<Instant>,
}

impl Bound {
    /// is_over counts a request that is to be served behind another. The clock is looked at with every fourth: a handler
    /// that takes long by itself loses its loop to another thread.
    pub(super) fn is_over(&mut self) -> bool {
        self.served += 1;
        if !self.served.is_multiple_of(4) {
            return false;
        }
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        self.served > A_TURN || now - since >= A_TURN_TIME
    }
}

/// Http is the driver of a server: everything in it is shared by its threads.
pub(super) struct Http(pub(super) Arc<Shared>);

impl Driver for Http {
    type Conn = Conn;
    type Lease = Box<Exchange>;
    type Task = Box<Turn>;

    fn id(&self) -> usize {
        self.0.id()
    }

    fn lease(&self) -> Box<Exchange> {
        Box::new(Exchange::new(&self.0))
    }

    fn accepted(
        &self,
        socket: OwnedFd,
        peer: Address,
        listener: usize,
        now: u64,
    ) -> Option<(Box<Conn>, u64)> {
        self.welcome(socket, peer, self.0.doors.identity(listener), now)
    }

    fn compact(&self, ex: &mut Box<Exchange>) {
        ex.compact();
    }

    fn fd(conn: &Conn) -> RawFd {
        conn.socket.as_raw_fd()
    }

    fn drive<'a>(
        &self,
        leader: Leader<'a, Self>,
        mut conn: Box<Conn>,
        ex: &mut Box<Exchange>,
        ready: Ready,
    ) -> Driven<'a, Self> {
        if conn.h2.is_some() {
            return self.drive_http2(leader, conn, ex, ready);
        }
        match self.drive_http1(leader, &mut conn, ex, ready) {
            (Some(leader), _) if conn.h2.is_some() => self.drive_http2(leader, conn, ex, Ready::default()),
            (Some(leader), fate) => Driven::Led(leader, conn, fate),
            (None, fate) => Driven::Off(conn, fate),
        }
    }

    fn run(&self, conn: &mut Conn, ex: &mut Box<Exchange>) -> Fate {
        if conn.state == State::Handshaking {
            return self.shake_now(conn, ex, self.0.now()).unwrap_or(Fate::Again);
        }
        if std::mem::take(&mut ex.answered_early) {
            return self.end_detached(conn, ex);
        }
        ex.wire.output().waited = Duration::ZERO;
        let started = Instant::now();
        let ((), called_out) = blocks_in(|| self.call_handler(ex));
        if ex.wire.leaving.is_detached() {
            return self.leave_detached(ex);
        }
        let waited = ex.wire.input().waited + ex.wire.output().waited;
        let learn = ex.table.learn(ex.route);
        if called_out || started.elapsed().saturating_sub(waited) > BLOCKED {
            learn.stalled(Stall::Blocked);
        } else if !waited.is_zero() {
            learn.stalled(Stall::Peer);
        } else {
            learn.passed();
        }
        self.end_off_loop(conn, ex)
    }

    fn run_task(&self, turn: Box<Turn>, ex: &mut Box<Exchange>) {
        self.run_turn(turn, ex);
    }

    fn shed_task(&self, turn: Box<Turn>) {
        self.shed_turn(turn);
    }

    fn shed(&self, conn: &mut Conn, ex: &mut Box<Exchange>, now: u64) -> Fate {
        if conn.state == State::Handshaking {
            return Fate::Close;
        }
        if std::mem::take(&mut ex.answered_early) {
            // It is answered, but for an end that nobody has time for.
            ex.wire.let_go();
            return Fate::Close;
        }
        ex.wire.output().buf.extend_from_slice(&reject::busy().0);
        self.park(conn, ex, Next::Close, now)
    }

    fn stalled(&self, route: u32, why: Stall) {
        self.0.mux.table().learn(route).stalled(why);
    }

    fn accept_failed(&self, error: &std::io::Error, retry_ms: u64) {
        // All loops of a server fail at once, and each time that they try again: one line a second tells it.
        let second = self.0.now() / 1000 + 1;
        if self.0.accept_failed_at.swap(second, Ordering::Relaxed) != second {
            self.0.hooks.error(|| format!("http: Accept error: {error}; retrying in {retry_ms}ms"));
        }
    }

    fn drained(&self) {
        self.0.drained();
    }

    fn detached(&self, away: Away<Self>) -> Option<Away<Self>> {
        let detached = away.lease.wire.leaving.detached()?;
        match detached.park(Parcel::Conn(away)) {
            Some(Parcel::Conn(mut away)) => {
                away.lease.answered_early = true;
                Some(away)
            }
            _ => None,
        }
    }

    fn draining(&self) {
        self.0.draining();
    }
}

impl Http {
    /// drive_http1 runs a connection that speaks HTTP/1, or has not said yet what.
    fn drive_http1<'a>(
        &self,
        leader: Leader<'a, Self>,
        conn: &mut Conn,
        ex: &mut Box<Exchange>,
        ready: Ready,
    ) -> (Option<Leader<'a, Self>>, Fate) {
        // An idle connection is to end at a stop, unless a request has just come by it.
        conn.readable |= ready.readable || ready.closed || ready.stop;
        conn.closed |= ready.closed;
        self.heed(conn, ready);
        let now = leader.now();
        let expired = ready.expired && conn.due <= now;
        match conn.state {
            State::Handshaking => {
                if let Some(fate) = self.shake(conn, ex, expired, now) {
                    return (Some(leader), fate);
                }
            }
            State::Flushing { then_close } => {
                let fate = self.flush_pending(conn, then_close, expired, now);
                if conn.state != State::Reading || fate == Fate::Close {
                    return (Some(leader), fate);
                }
            }
            State::Lingering => {
                let fate = if expired || !discard(conn) { Fate::Close } else { Fate::Wait(conn.due) };
                return (Some(leader), fate);
            }
            State::Reading if expired && conn.body_due == NEVER => {
                conn.goodbye();
                return (Some(leader), Fate::Close);
            }
            State::Reading => {}
        }
        self.read_requests(leader, conn, ex)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// read_requests serves all requests that can be had now, and sends their answers together.
    fn read_requests<'a>(
        &self,
        mut leader: Leader<'a, Self>,
        conn: &mut Conn,
        ex: &mut Box<Exchange>,
    ) -> (Option<Leader<'a, Self>>, Fate) {
        ex.take_block(&mut conn.carry);
        if let Some(secure) = &conn.secure {
            secure.borrow(&mut ex.buffers);
        }
        let fd = conn.socket.as_raw_fd();
        ex.wire.attach(fd, conn.secure.as_ref(), self.settings().write_progress);
        let (mut bound, mut others_first) = (Bound::default(), false);
        let next = loop {
            if conn.lead != Lead::Nothing {
                let Some(n) = conn.lead.skip(ex.unread()) else {
                    break self.refuse(ex, &Reject::BAD_REQUEST);
                };
                ex.used += n;
            }
            if conn.served == 0 && conn.secure.is_none() && ex.used == 0 {
                match self.preface(ex.unread()) {
                    Preface::No => {}
                    Preface::Part => match self.more(conn, ex, leader.now()) {
                        Ok(true) => continue,
                        Ok(false) => break Next::GoOn,
                        Err(_) => break Next::Close,
                    },
                    Preface::Whole => {
                        let received = ex.unread().to_vec();
                        (ex.used, ex.filled) = (0, 0);
                        ex.give_back(&mut conn.carry);
                        self.begin_http2(conn, ex, &received, leader.now());
                        return (Some(leader), Fate::Again);
                    }
                }
            }
            if !self.settings().protocols.has(Protocols::HTTP1) {
                break Next::Close;
            }
            let Some(len) = conn.scan.find(ex.unread()) else {
                if conn.scan.first_line_came()
                    && let Err(refused) = h1::request::check_first_line(ex.unread())
                {
                    break self.refuse(ex, &refused);
                }
                match self.more(conn, ex, leader.now()) {
                    Ok(true) => continue,
                    Ok(false) => break Next::GoOn,
                    Err(Some(refused)) => break self.refuse(ex, &refused),
                    Err(None) => break Next::Close,
                }
            };
            conn.scan.reset();
            if body_is_coming(conn, ex, len, leader.now()) {
                match self.more(conn, ex, leader.now()) {
                    Ok(true) => continue,
                    Ok(false) => break Next::GoOn,
                    // What came instead is for the handler to find.
                    Err(_) => {}
                }
            }
            conn.body_due = NEVER;
            if let Err(refused) = self.prepare(conn, ex, len) {
                break self.refuse(ex, &refused);
            }
            let learn = ex.table.learn(ex.route);
            let quick = learn.is_quick();
            if learn.blocks() || !leader.may_run_inline(quick) {
                let _ = ex.wire.output().send_some();
                return (Some(leader), Fate::Off { quick });
            }
            let corked = !ex.wire.output().buf.is_empty();
            let cork = corked.then(|| ex.wire.clone() as Arc<dyn crate::runtime::Flush>);
            let (left, ()) = leader.call(ex.route, cork, || self.call_handler(ex));
            if ex.wire.leaving.is_detached() {
                return (left, self.leave_detached(ex));
            }
            let Some(l) = left else { return (None, self.end_off_loop(conn, ex)) };
            leader = l;
            ex.table.learn(ex.route).passed();
            match self.after(conn, ex, leader.now()) {
                Next::GoOn => {}
                end => break end,
            }
            if (conn.readable || !ex.unread().is_empty()) && bound.is_over() {
                others_first = true;
                break Next::GoOn;
            }
            if ex.gathered >= super::output::ENOUGH && !matches!(ex.wire.output().send_some(), Ok(true)) {
                break Next::GoOn;
            }
        };
        let fate = match self.park(conn, ex, next, leader.now()) {
            // What is here already is no event to come.
            Fate::Wait(_) if others_first && conn.state == State::Reading => Fate::Again,
            fate => fate,
        };
        (Some(leader), fate)
    }

    /// more reads what the socket has; `Ok(false)`: nothing now. `Err` ends the connection, with an answer or not.
    fn more(&self, conn: &mut Conn, ex: &mut Exchange, now: u64) -> Result<bool, Option<Reject>> {
        let limit = self.settings().head_limit();
        if ex.unread().len() > limit {
            return Err(Some(Reject::HEADER_TOO_LARGE));
        }
        if !conn.readable {
            return Ok(false);
        }
        let was_empty = ex.unread().is_empty();
        let room = ex.room(limit);
        match receive_now(conn.socket.as_raw_fd(), conn.secure.as_deref(), room) {
            Ok(got) if got.n == 0 && was_empty => Err(None),
            // The head was cut: Go answers, for the peer may have closed one side only.
            Ok(got) if got.n == 0 => Err(Some(Reject::BAD_REQUEST)),
            Ok(got) => {
                ex.filled += got.n;
                // An end that was already reported is no new edge: it is still to be read.
                conn.readable = got.more || conn.closed;
                if was_empty {
                    conn.tell(ConnState::Active);
                    conn.since = now;
                    conn.started = self.settings().read_timeout.map(|_| Instant::now());
                }
                Ok(true)
            }
            Err(Stop::Os(e)) if e.kind() == ErrorKind::WouldBlock => {
                conn.readable = false;
                Ok(false)
            }
            Err(_) => Err(None),
        }
    }

    /// prepare parses the head of `len` bytes and routes its request.
    fn prepare(&self, conn: &mut Conn, ex: &mut Exchange, len: usize) -> Result<(), Reject> {
        if len > self.settings().head_limit() {
            return Err(Reject::HEADER_TOO_LARGE);
        }
        ex.request.header.clear();
        let end = ex.used.saturating_add(len);
        log::head('<', ex.request.header.store().block().get(ex.used..end).unwrap_or_default());
        let line = h1::parse_request(&mut ex.request.header, ex.used, len)?;
        ex.request.version = Some(line.version);
        let facts = h1::request_facts(&ex.request.header, &line)?;
        ex.used += len;
        ex.prepare(&line, facts, &self.0.settings, conn.started);
        ex.request.remote = Some(conn.remote.clone());
        // It comes back when the exchange has ended: the count of a copy would be one more cold line.
        ex.request.tls = conn.info.take();
        ex.request.conn_id = conn.notice.as_ref().map_or(0, |n| n.id());
        ex.route = self.route(&mut ex.request, &mut ex.table, &mut ex.generation);
        Ok(())
    }

    fn call_handler(&self, ex: &mut Exchange) {
        let core = self.0.id();
        ex.began = self.0.hooks.access.as_ref().map(|_| Instant::now());
        in_handler(core, || {
            self.serve(&ex.table, ex.route, &mut ex.writer, &mut ex.request);
            // Here, since it may wait for the peer: the shard can be taken away only inside the call. What is detached
            // is somebody else's from now on, and not touched.
            if !ex.wire.leaving.is_detached() {
                self.finish(ex);
            }
        });
    }

    fn finish(&self, ex: &mut Exchange) {
        if !ex.wire.hijacked.load(Ordering::Relaxed) {
            ex.finish();
        }
        self.tell_access(&ex.writer, &ex.request, ex.began);
        end_names(&ex.writer, &ex.request);
        ex.request.values.clear();
    }

    /// leave_detached leaves an exchange to who answers it; what answers earlier requests goes out before.
    fn leave_detached(&self, ex: &Exchange) -> Fate {
        ex.wire.flush();
        Fate::Detached
    }

    /// end_detached ends an exchange that was answered later, or is not: then its connection is cut.
    pub(super) fn end_detached(&self, conn: &mut Conn, ex: &mut Exchange) -> Fate {
        if !ex.writer.has_begun() {
            ex.writer.abort();
        }
        self.finish(ex);
        self.end_off_loop(conn, ex)
    }

    /// after looks at the exchange that has ended.
    fn after(&self, conn: &mut Conn, ex: &mut Exchange, now: u64) -> Next {
        conn.info = ex.request.tls.take();
        if ex.wire.hijacked.load(Ordering::Relaxed) {
            ex.wire.hijacked.store(false, Ordering::Relaxed);
            return Next::Released;
        }
        conn.served = conn.served.saturating_add(1);
        conn.since = now;
        let post = ex.request.text(ex.request.method) == b"POST";
        conn.lead = if post { Lead::AFTER_POST } else { Lead::Line };
        let gathered = ex.wire.output().gathered();
        let Some(gathered) = gathered.filter(|_| !ex.writer.was_aborted()) else { return Next::Drop };
        ex.gathered = gathered;
        if ex.has_body {
            // The handler may have read to the last byte that was there: no new edge will come for more.
            conn.readable |= !ex.wire.input().drained;
        }
        if ex.goes_on { Next::GoOn } else { Next::Close }
    }

    /// end_off_loop ends an exchange on a thread that does not lead; the leader goes on with the connection.
    fn end_off_loop(&self, conn: &mut Conn, ex: &mut Exchange) -> Fate {
        let now = self.0.now();
        let next = self.after(conn, ex, now);
        // What comes while the connection is away is an edge that the leader keeps. What was known before, or is
        // left in the block, has no edge to come.
        let more = next == Next::GoOn && (conn.readable || conn.closed || !ex.unread().is_empty());
        conn.readable |= conn.closed;
        match self.park(conn, ex, next, now) {
            Fate::Wait(_) if more && conn.state == State::Reading => Fate::Again,
            fate => fate,
        }
    }

    fn refuse(&self, ex: &mut Exchange, refused: &Reject) -> Next {
        reject::write(&mut ex.wire.output().buf, refused, ex.request.version);
        // What follows a refused head cannot be trusted to be a request.
        ex.used = ex.filled;
        Next::Close
    }
}

/// body_is_coming tells whether the request whose head of `len` bytes is there should wait for its body, and since
/// when it does.
fn body_is_coming(conn: &mut Conn, ex: &Exchange, len: usize, now: u64) -> bool {
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

/// end_names takes from the program what it knows an exchange by that has ended.
pub(super) fn end_names(writer: &ResponseWriter, request: &Request) {
    writer.end_name();
    if let Some(ticket) = &request.ticket {
        ticket.end();
    }
}

pub(super) fn after(now: u64, limit: Option<Duration>) -> u64 {
    limit.map_or(NEVER, |d| now.saturating_add(d.as_millis() as u64))
}

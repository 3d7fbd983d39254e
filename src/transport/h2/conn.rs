//! `H2Conn`: a connection that any number of requests share; Go's `http2.ClientConn`.
//!
//! All of it is behind one lock, which is held for what can be done at once: frames made, decrypted and sorted, bytes given
//! to and taken from a socket that does not wait. The bytes come in by the leader (`leader`).

use super::errors::GoAway;
use super::parker::Parker;
use super::recv_stream::RecvStream;
use super::stream_quota::StreamQuota;
use crate::error::{Error, Kind};
use crate::h2::{Engine, EngineConfig, ErrorCode, Event, Options, StreamMap};
use crate::message::trace::TraceStep;
use crate::net::tls::TlsInfo;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::sys;
use crate::transport::conn::PersistConn;
use crate::transport::exchange::{Failure, Retry};
use crate::transport::pool::PoolCore;
use crate::transport::route::Route;
use crate::transport::timing::DialTimes;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// BACKLOG is how much may wait for the socket before a request's body must wait with it.
pub(super) const BACKLOG: usize = 128 * 1024;

pub(in crate::transport) struct H2Conn {
    pub(super) quota: Arc<StreamQuota>,
    pub(super) options: Arc<Options>,
    pub(super) fd: RawFd,
    pub(super) pool: Arc<PoolCore>,
    pub(super) route: Route,
    pub(super) info: Option<Arc<TlsInfo>>,
    pub(super) remote: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    used: AtomicBool,
    state: Mutex<Http2State>,
}

pub(super) struct Http2State {
    pub(super) quota: Arc<StreamQuota>,
    /// None once the connection is over.
    pub(super) conn: Option<Box<PersistConn>>,
    pub(super) engine: Engine,
    pub(super) streams: StreamMap<RecvStream>,
    /// The leader: it alone waits for the socket.
    pub(super) leader: Option<Arc<Parker>>,
    /// The followers: callers that sleep, and could lead.
    pub(super) followers: Vec<Arc<Parker>>,
    /// Those of them that wait for a place.
    pub(super) stream_waiters: Vec<Arc<Parker>>,
    /// Callers that were just woken in a group, and may come back with new requests: those leave in one send, by the last
    /// of them or by the next leader, before it waits.
    pub(super) expected: usize,
    pub(super) events: Vec<Event>,
    /// Streams whose callers are to be told of what came.
    pub(super) to_notify: Vec<u32>,
    /// What is to be done once the lock is free.
    pub(super) deferred: Deferred,
    /// Why the connection is over.
    pub(super) error: Option<Error>,
    /// What the server did wrong, until the connection has ended for it.
    pub(super) protocol_error: Option<Error>,
    /// Why nothing can be sent any more.
    pub(super) write_error: Option<Error>,
    pub(super) goaway: Option<GoAway>,
    pub(super) times: Option<DialTimes>,
    pub(super) last_read: Instant,
    /// When the last stream ended.
    pub(super) last_used: Instant,
    /// When the ping left that was not answered yet.
    pub(super) ping_sent: Option<Instant>,
    /// Streams that were reset here, and not one byte came since they began: the server may be dead, so their places
    /// stay taken until it answers a ping (Go's `pendingResets`).
    pub(super) unconfirmed: usize,
    /// Up to which stream something came since it was opened.
    pub(super) confirmed: u32,
    /// Since when bytes have waited for the socket without any of them leaving.
    pub(super) blocked_since: Option<Instant>,
    pub(super) maintained: Instant,
}

#[derive(Default)]
pub(super) struct Deferred {
    pub(super) woken: Vec<Arc<Parker>>,
    /// Places of the gate's that came free.
    pub(super) freed: usize,
    /// More may be let in than before.
    pub(super) widened: bool,
    pub(super) retire: bool,
    pub(super) counts: Vec<String>,
}

impl H2Conn {
    /// new begins to speak on a fresh connection; its first frames leave with the first request.
    pub(in crate::transport) fn new(mut conn: Box<PersistConn>, options: Arc<Options>) -> Arc<H2Conn> {
        let pool = conn.pool().clone();
        let engine = Engine::client(options.config(EngineConfig::client(), pool.settings().max_head_bytes));
        let now = Instant::now();
        let times = conn.times.take();
        let quota = Arc::new(StreamQuota::new());
        Arc::new(H2Conn {
            quota: quota.clone(),
            options,
            fd: conn.fd(),
            route: conn.route().clone(),
            pool,
            info: conn.info.clone(),
            remote: conn.remote,
            local: conn.local,
            used: AtomicBool::new(false),
            state: Mutex::new(Http2State {
                quota,
                conn: Some(conn),
                engine,
                streams: StreamMap::default(),
                leader: None,
                followers: Vec::new(),
                stream_waiters: Vec::new(),
                expected: 0,
                events: Vec::new(),
                to_notify: Vec::new(),
                deferred: Deferred::default(),
                error: None,
                protocol_error: None,
                write_error: None,
                goaway: None,
                times,
                last_read: now,
                last_used: now,
                ping_sent: None,
                unconfirmed: 0,
                confirmed: 0,
                blocked_since: None,
                maintained: now,
            }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Http2State> {
        lock(&self.state)
    }

    pub(in crate::transport) fn route(&self) -> &Route {
        &self.route
    }

    /// reserve takes a place for a request, if there is one.
    pub(in crate::transport) fn reserve(self: &Arc<Self>) -> Option<StreamReservation> {
        let idle = self.quota.in_use() == 0;
        let used = idle && self.used.load(Relaxed);
        let limit = if used { self.pool.settings.with(|s| s.idle) } else { None };
        // The sweep, which comes by each second, will end it.
        if limit.is_some_and(|limit| self.lock().last_used.elapsed() >= limit) {
            return None;
        }
        if !self.quota.reserve(self.options.strict_max_concurrent_requests) {
            return None;
        }
        let reused = self.used.load(Relaxed) || self.used.swap(true, Relaxed);
        let idle = (idle && reused).then(|| self.lock().last_used.elapsed());
        Some(StreamReservation { conn: self.clone(), reused, idle, taken: true })
    }

    /// want has the pool hear of the next place that comes free.
    pub(in crate::transport) fn watch_release(&self) {
        self.quota.watch_release();
    }

    pub(in crate::transport) fn is_idle(&self) -> bool {
        self.quota.in_use() == 0
    }

    pub(in crate::transport) fn stream_counts(&self) -> (usize, usize) {
        (self.quota.in_use(), self.quota.available())
    }

    /// close keeps requests out, and ends the connection as soon as no stream is left.
    pub(in crate::transport) fn close(&self) {
        let mut state = self.lock();
        state.stop_accepting();
        state.close_if_unused();
        state.flush();
        self.run_deferred(state);
    }

    /// abort ends it at once, and what goes on there.
    pub(in crate::transport) fn abort(&self, text: &str) {
        let mut state = self.lock();
        state.fail_all(Error::new(Kind::Closed, text));
        self.run_deferred(state);
    }

    /// run_deferred does what was left for when the lock is free.
    pub(super) fn run_deferred(&self, mut state: MutexGuard<'_, Http2State>) {
        let after = std::mem::take(&mut state.deferred);
        // While somebody else polls the socket it stays open.
        let over = state.error.is_some() && state.leader.is_none();
        let buried = if over { state.conn.take() } else { None };
        drop(state);
        if !after.woken.is_empty() {
            Parker::wake_all(&after.woken);
        }
        drop(buried);
        if after.retire {
            self.pool.retire_shared(self);
        }
        let wanted = after.freed > 0 && self.quota.release(after.freed);
        if wanted || after.widened {
            self.pool.serve_waiters(&self.route);
        }
        if after.freed > 0 {
            self.pool.notify_watcher();
        }
        after.counts.iter().for_each(|kind| self.options.count(kind));
    }
}

impl Http2State {
    /// wake wakes a caller that sleeps, once the lock is free.
    pub(super) fn wake(&mut self, p: Arc<Parker>) {
        self.followers.retain(|s| !Arc::ptr_eq(s, &p));
        self.deferred.woken.push(p);
    }

    pub(super) fn wake_stream_waiters(&mut self) {
        for p in std::mem::take(&mut self.stream_waiters) {
            self.wake(p);
        }
    }

    /// wake_blocked wakes those that could send more now.
    pub(super) fn wake_blocked(&mut self) {
        let Http2State { streams: slots, followers: sleepers, deferred: after, .. } = self;
        slots.for_each(|s| {
            if s.blocked
                && let Some(p) = s.sleeper.take()
            {
                sleepers.retain(|q| !Arc::ptr_eq(q, &p));
                after.woken.push(p);
            }
        });
    }

    /// backlog is what waits for the socket.
    pub(super) fn backlog(&self) -> usize {
        self.engine.output().len() + self.conn.as_ref().map_or(0, |c| c.unsent())
    }

    /// flush gives the output to the socket, as far as that goes without waiting.
    pub(super) fn flush(&mut self) {
        self.expected = 0;
        let before = self.backlog();
        if before == 0 {
            return;
        }
        while let Some(conn) = &mut self.conn {
            if self.engine.output().is_empty() && !conn.has_unsent() {
                break;
            }
            match conn.write([self.engine.output(), &[]]) {
                Ok(w) => {
                    self.engine.sent(w.taken);
                    if w.sent > 0 {
                        self.blocked_since = None;
                    } else if conn.has_unsent() {
                        break;
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(e) => {
                    // What came before the end is read yet: it may say why (a GOAWAY, a response).
                    let error = conn.failure("write", &e);
                    self.write_failed(error);
                    return;
                }
            }
        }
        let now = self.backlog();
        if now > 0 {
            self.blocked_since.get_or_insert_with(Instant::now);
        }
        if before >= BACKLOG && now < BACKLOG {
            self.wake_blocked();
        }
    }

    /// write_failed gives up what was to be sent: the reading side then finds the end, and what came before it.
    fn write_failed(&mut self, error: Error) {
        let mut lost = Vec::new();
        self.engine.take_output(&mut lost);
        if let Some(conn) = &self.conn {
            let _ = sys::shutdown(conn.fd(), sys::SHUT_WR);
        }
        self.write_error.get_or_insert(error);
        self.stop_accepting();
    }

    /// stop_accepting keeps further requests out.
    pub(super) fn stop_accepting(&mut self) {
        if self.quota.stop_accepting() {
            self.deferred.retire = true;
            self.wake_stream_waiters();
        }
    }

    /// free gives back the place of a stream both of whose directions have ended.
    pub(super) fn free(&mut self, id: u32, now: Instant) {
        if let Some(s) = self.streams.get_mut(id)
            && std::mem::take(&mut s.holds_quota)
        {
            self.deferred.freed += 1;
            self.last_used = now;
            self.wake_stream_waiters();
        }
    }

    /// close_if_unused ends a connection that nobody uses and nobody may.
    pub(super) fn close_if_unused(&mut self) {
        if self.quota.is_closed() && self.streams.is_empty() && self.engine.open_streams() == 0 {
            self.engine.close(ErrorCode::NO_ERROR, "");
            self.fail_all(Error::new(Kind::Closed, "http2: client conn is closed"));
        }
    }

    /// fail_all ends the connection for all who use it. What has come of an answer can still be read.
    pub(super) fn fail_all(&mut self, error: Error) {
        if self.error.is_some() {
            return;
        }
        self.flush();
        self.stop_accepting();
        let mut places = 0;
        self.streams.for_each(|s| {
            if !s.ended && s.failed.is_none() {
                let retry = if s.first.is_some() { Retry::No } else { Retry::NoAnswer };
                s.failed = Some(Failure { error: error.clone(), retry });
            }
            s.stop_sending = true;
            places += usize::from(std::mem::take(&mut s.holds_quota));
            s.sleeper = None;
        });
        self.deferred.freed += places;
        self.stream_waiters.clear();
        self.deferred.woken.append(&mut self.followers);
        self.error = Some(error);
        if let Some(conn) = &self.conn {
            // Who polls it finds out.
            let _ = sys::shutdown(conn.fd(), sys::SHUT_RDWR);
        }
    }
}

impl Deferred {
    pub(super) fn is_due(&self) -> bool {
        !self.woken.is_empty() || self.freed > 0 || self.widened || self.retire || !self.counts.is_empty()
    }
}

/// Lease is a place on a connection that a request was promised.
pub(in crate::transport) struct StreamReservation {
    pub(super) conn: Arc<H2Conn>,
    /// Other requests went over the connection before.
    pub(in crate::transport) reused: bool,
    /// How long it had been idle, if it was.
    pub(super) idle: Option<Duration>,
    taken: bool,
}

impl StreamReservation {
    pub(in crate::transport) fn conn(&self) -> &Arc<H2Conn> {
        &self.conn
    }

    /// got is what a request's trace is told of the connection that it has got.
    pub(in crate::transport) fn trace_step(&self) -> TraceStep {
        TraceStep::GotConn { remote: self.conn.remote, reused: self.reused, idle: self.idle }
    }

    /// keep has the place go with a stream.
    pub(super) fn keep(&mut self) {
        self.taken = false;
    }
}

impl Drop for StreamReservation {
    fn drop(&mut self) {
        if self.taken && self.conn.quota.release(1) {
            self.conn.pool.serve_waiters(self.conn.route());
        }
    }
}

//! `H2Conn`: a connection that any number of requests share; Go's `http2.ClientConn`.
//!
//! All of it is behind one lock, which is held for what can be done at once: frames made, decrypted and sorted, bytes given
//! to and taken from a socket that does not wait. The bytes come in by whoever holds the baton (`drive`).

use super::errors::Farewell;
use super::gate::Gate;
use super::parker::Parker;
use super::slot::Slot;
use crate::error::{Error, Kind};
use crate::h2::{Engine, EngineConfig, ErrorCode, Event, Options, StreamMap};
use crate::message::trace::TraceStep;
use crate::net::sys;
use crate::net::tls::TlsInfo;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::transport::conn::Conn;
use crate::transport::exchange::{Failure, Retry};
use crate::transport::pool::Shared;
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
    pub(super) gate: Arc<Gate>,
    pub(super) options: Arc<Options>,
    pub(super) fd: RawFd,
    pub(super) home: Arc<Shared>,
    pub(super) route: Route,
    pub(super) info: Option<Arc<TlsInfo>>,
    pub(super) remote: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    used: AtomicBool,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) gate: Arc<Gate>,
    /// None once the connection is over.
    pub(super) conn: Option<Box<Conn>>,
    pub(super) engine: Engine,
    pub(super) slots: StreamMap<Slot>,
    /// Who holds the baton: it alone waits for the socket.
    pub(super) driver: Option<Arc<Parker>>,
    /// Who could take the baton over: callers that sleep.
    pub(super) sleepers: Vec<Arc<Parker>>,
    /// Those of them that wait for a place.
    pub(super) openers: Vec<Arc<Parker>>,
    /// Callers that were just woken in a group, and may come back with new requests: those leave in one send, by the last
    /// of them or by whoever drives next, before it waits.
    pub(super) expected: usize,
    pub(super) events: Vec<Event>,
    /// Streams whose callers are to be told of what came.
    pub(super) stirred: Vec<u32>,
    /// What is to be done once the lock is free.
    pub(super) after: After,
    /// Why the connection is over.
    pub(super) error: Option<Error>,
    /// What the server did wrong, until the connection has ended for it.
    pub(super) verdict: Option<Error>,
    /// Why nothing can be sent any more.
    pub(super) broken: Option<Error>,
    pub(super) farewell: Option<Farewell>,
    pub(super) times: Option<DialTimes>,
    pub(super) last_read: Instant,
    /// When the last stream ended.
    pub(super) last_used: Instant,
    /// When the ping left that was not answered yet.
    pub(super) pinged: Option<Instant>,
    /// Streams that were reset here, and not one byte came since they began: the server may be dead, so their places
    /// stay taken until it answers a ping (Go's `pendingResets`).
    pub(super) unproven: usize,
    /// Up to which stream something came since it was opened.
    pub(super) proven: u32,
    /// Since when bytes have waited for the socket without any of them leaving.
    pub(super) stuck: Option<Instant>,
    pub(super) cared: Instant,
}

#[derive(Default)]
pub(super) struct After {
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
    pub(in crate::transport) fn new(mut conn: Box<Conn>, options: Arc<Options>) -> Arc<H2Conn> {
        let home = conn.home().clone();
        let engine = Engine::client(options.config(EngineConfig::client(), home.settings().max_head_bytes));
        let now = Instant::now();
        let times = conn.times.take();
        let gate = Arc::new(Gate::new());
        Arc::new(H2Conn {
            gate: gate.clone(),
            options,
            fd: conn.fd(),
            route: conn.route().clone(),
            home,
            info: conn.info.clone(),
            remote: conn.remote,
            local: conn.local,
            used: AtomicBool::new(false),
            state: Mutex::new(State {
                gate,
                conn: Some(conn),
                engine,
                slots: StreamMap::default(),
                driver: None,
                sleepers: Vec::new(),
                openers: Vec::new(),
                expected: 0,
                events: Vec::new(),
                stirred: Vec::new(),
                after: After::default(),
                error: None,
                verdict: None,
                broken: None,
                farewell: None,
                times,
                last_read: now,
                last_used: now,
                pinged: None,
                unproven: 0,
                proven: 0,
                stuck: None,
                cared: now,
            }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(in crate::transport) fn route(&self) -> &Route {
        &self.route
    }

    /// reserve takes a place for a request, if there is one.
    pub(in crate::transport) fn reserve(self: &Arc<Self>) -> Option<Lease> {
        let idle = self.gate.taken() == 0;
        let used = idle && self.used.load(Relaxed);
        let limit = if used { self.home.settings.with(|s| s.idle) } else { None };
        // The sweep, which comes by each second, will end it.
        if limit.is_some_and(|limit| self.lock().last_used.elapsed() >= limit) {
            return None;
        }
        if !self.gate.reserve(self.options.strict_max_concurrent_requests) {
            return None;
        }
        let reused = self.used.load(Relaxed) || self.used.swap(true, Relaxed);
        let idle = (idle && reused).then(|| self.lock().last_used.elapsed());
        Some(Lease { conn: self.clone(), reused, idle, taken: true })
    }

    /// want has the pool hear of the next place that comes free.
    pub(in crate::transport) fn want(&self) {
        self.gate.want();
    }

    pub(in crate::transport) fn is_idle(&self) -> bool {
        self.gate.taken() == 0
    }

    pub(in crate::transport) fn places(&self) -> (usize, usize) {
        (self.gate.taken(), self.gate.free())
    }

    /// close keeps requests out, and ends the connection as soon as no stream is left.
    pub(in crate::transport) fn close(&self) {
        let mut state = self.lock();
        state.shut();
        state.end_if_unused();
        state.flush();
        self.settle(state);
    }

    /// abort ends it at once, and what goes on there.
    pub(in crate::transport) fn abort(&self, text: &str) {
        let mut state = self.lock();
        state.die(Error::new(Kind::Closed, text));
        self.settle(state);
    }

    /// settle does what was left for when the lock is free.
    pub(super) fn settle(&self, mut state: MutexGuard<'_, State>) {
        let after = std::mem::take(&mut state.after);
        // While somebody else polls the socket it stays open.
        let over = state.error.is_some() && state.driver.is_none();
        let buried = if over { state.conn.take() } else { None };
        drop(state);
        if !after.woken.is_empty() {
            Parker::wake_all(&after.woken);
        }
        drop(buried);
        if after.retire {
            self.home.retire_shared(self);
        }
        let wanted = after.freed > 0 && self.gate.release(after.freed);
        if wanted || after.widened {
            self.home.serve(&self.route);
        }
        if after.freed > 0 {
            self.home.changed();
        }
        after.counts.iter().for_each(|kind| self.options.count(kind));
    }
}

impl State {
    /// call wakes a caller that sleeps, once the lock is free.
    pub(super) fn call(&mut self, p: Arc<Parker>) {
        self.sleepers.retain(|s| !Arc::ptr_eq(s, &p));
        self.after.woken.push(p);
    }

    pub(super) fn call_openers(&mut self) {
        for p in std::mem::take(&mut self.openers) {
            self.call(p);
        }
    }

    /// call_blocked wakes those that could send more now.
    pub(super) fn call_blocked(&mut self) {
        let State { slots, sleepers, after, .. } = self;
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
                        self.stuck = None;
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
            self.stuck.get_or_insert_with(Instant::now);
        }
        if before >= BACKLOG && now < BACKLOG {
            self.call_blocked();
        }
    }

    /// write_failed gives up what was to be sent: the reading side then finds the end, and what came before it.
    fn write_failed(&mut self, error: Error) {
        let mut lost = Vec::new();
        self.engine.take_output(&mut lost);
        if let Some(conn) = &self.conn {
            let _ = sys::shutdown(conn.fd(), libc::SHUT_WR);
        }
        self.broken.get_or_insert(error);
        self.shut();
    }

    /// shut keeps further requests out.
    pub(super) fn shut(&mut self) {
        if self.gate.shut() {
            self.after.retire = true;
            self.call_openers();
        }
    }

    /// free gives back the place of a stream both of whose directions have ended.
    pub(super) fn free(&mut self, id: u32, now: Instant) {
        if let Some(s) = self.slots.get_mut(id)
            && std::mem::take(&mut s.counts)
        {
            self.after.freed += 1;
            self.last_used = now;
            self.call_openers();
        }
    }

    /// end_if_unused ends a connection that nobody uses and nobody may.
    pub(super) fn end_if_unused(&mut self) {
        if self.gate.is_shut() && self.slots.is_empty() && self.engine.open_streams() == 0 {
            self.engine.close(ErrorCode::NO_ERROR, "");
            self.die(Error::new(Kind::Closed, "http2: client conn is closed"));
        }
    }

    /// die ends the connection for all who use it. What has come of an answer can still be read.
    pub(super) fn die(&mut self, error: Error) {
        if self.error.is_some() {
            return;
        }
        self.flush();
        self.shut();
        let mut places = 0;
        self.slots.for_each(|s| {
            if !s.ended && s.failed.is_none() {
                let retry = if s.first.is_some() { Retry::No } else { Retry::NoAnswer };
                s.failed = Some(Failure { error: error.clone(), retry });
            }
            s.enough = true;
            places += usize::from(std::mem::take(&mut s.counts));
            s.sleeper = None;
        });
        self.after.freed += places;
        self.openers.clear();
        self.after.woken.append(&mut self.sleepers);
        self.error = Some(error);
        if let Some(conn) = &self.conn {
            // Who polls it finds out.
            let _ = sys::shutdown(conn.fd(), sys::SHUT_RDWR);
        }
    }
}

impl After {
    pub(super) fn is_due(&self) -> bool {
        !self.woken.is_empty() || self.freed > 0 || self.widened || self.retire || !self.counts.is_empty()
    }
}

/// Lease is a place on a connection that a request was promised.
pub(in crate::transport) struct Lease {
    pub(super) conn: Arc<H2Conn>,
    /// Other requests went over the connection before.
    pub(in crate::transport) reused: bool,
    /// How long it had been idle, if it was.
    pub(super) idle: Option<Duration>,
    taken: bool,
}

impl Lease {
    pub(in crate::transport) fn conn(&self) -> &Arc<H2Conn> {
        &self.conn
    }

    /// got is what a request's trace is told of the connection that it has got.
    pub(in crate::transport) fn got(&self) -> TraceStep {
        TraceStep::GotConn { remote: self.conn.remote, reused: self.reused, idle: self.idle }
    }

    /// keep has the place go with a stream.
    pub(super) fn keep(&mut self) {
        self.taken = false;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.taken && self.conn.gate.release(1) {
            self.conn.home.serve(self.conn.route());
        }
    }
}

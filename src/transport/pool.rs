//! `Pool`: idle connections by server, and who waits for one; Go's `tryPutIdleConn`, `wantConn`.
//!
//! One lock, held for a few words' work: no system call but the sweep's poll, no callback, no drop of a
//! connection happens under it. A connection counts against its server's limit from the moment its dial is
//! queued until it is dropped (`conn_closed`). A waiter takes what comes first: its own dial, or a connection
//! that somebody gave back; a dial that nobody waits for any more feeds the next in line, or the pool.

use super::client_conn::ConnWatcher;
use super::conn::PersistConn;
use super::dialer::Dials;
use super::h2::{H2Conn, StreamReservation};
use super::hooks::{CustomProtocol, DialHooks};
use super::proxy::ProxyRule;
use super::route::{Route, RouteMap};
use super::settings::{self, TransportSettings};
use super::sweep::{Sweeper, Task};
use super::waiter::{Waiter, WaiterOutcome};
use crate::error::{Error, Kind, Phase, Result};
use crate::h2::Options;
use crate::message::header::Header;
use crate::message::protocols::Protocols;
use crate::net::cancel::CancelToken;
use crate::net::tls::{self, ClientIdentity};
use crate::sync::{Mutex, OnceLock, RwLock, lock};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// PoolCore is the pool as connections, threads and exchanges hold it; `Pool` is the owner that closes it.
#[derive(Default)]
pub(super) struct PoolCore {
    pub(super) state: Mutex<PoolState>,
    pub(super) settings: settings::SettingsCell,
    pub(super) dial_config: RwLock<DialConfig>,
    /// The way of a plain request is the shortest: nothing of `dial_config` need be looked at.
    pub(super) direct: AtomicBool,
    pub(super) dials: Dials,
    pub(super) schemes: super::round_tripper::Schemes,
    pub(super) closing: CancelToken,
    pub(super) sweeper: Sweeper,
    pub(super) counters: Counters,
    /// The pool of one connection alone: it is not replaced, and what becomes of it is watched.
    pub(super) single: OnceLock<Arc<dyn ConnWatcher>>,
}

/// DialConfig is how requests to come get to their servers: by which proxy, what it is told, and as whom under TLS.
#[derive(Clone, Default)]
pub(super) struct DialConfig {
    pub(super) rule: ProxyRule,
    pub(super) headers: Arc<Header>,
    /// Made ready when a request needs it.
    pub(super) tls: Arc<ClientIdentity>,
    /// The same for requests that only HTTP/1 can carry.
    pub(super) tls_http1: Arc<ClientIdentity>,
    /// What TLS was made ready from.
    pub(super) tls_settings: tls::TlsSettings,
    pub(super) protocols: Protocols,
    pub(super) http2: Arc<Options>,
    /// None for most programs.
    pub(super) hooks: Option<Arc<DialHooks>>,
}

/// Checkout is what a request goes over.
pub(super) enum Checkout {
    /// A connection that is the request's alone, until it gives it back.
    Own(Box<PersistConn>),
    /// A place on one of HTTP/2.
    Shared(StreamReservation),
    /// One that any number of requests share, of a protocol of the program's.
    Custom(Arc<CustomProtocol>),
}

/// Counters tell what the pool did; they only grow.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) dialed: AtomicUsize,
}

#[derive(Default)]
pub(super) struct PoolState {
    pub(super) hosts: RouteMap<Host>,
    pub(super) idle: usize,
    /// Requests so far that went over a connection that was there.
    pub(super) reused: usize,
    pub(super) closed: bool,
    pub(super) sweeping: bool,
    /// How many rests the sweep has, or will have.
    pub(super) draining: usize,
}

#[derive(Default)]
pub(super) struct Host {
    /// The last one is the one that was used last.
    pub(super) idle: Vec<Box<PersistConn>>,
    pub(super) custom: Vec<Arc<CustomProtocol>>,
    pub(super) shared: Vec<Arc<H2Conn>>,
    /// HTTP/2 was spoken there before.
    pub(super) multiplexed: bool,
    /// All that are open or being dialed.
    pub(super) conns: usize,
    pub(super) waiters: VecDeque<Arc<Waiter>>,
}

impl Host {
    pub(super) fn in_use(&self) -> usize {
        self.conns.saturating_sub(self.idle.len())
    }

    /// is_empty: there is no connection that a request could go over, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.conns == 0 || (self.multiplexed && self.shared.is_empty())
    }

    pub(super) fn is_unused(&self) -> bool {
        let none = self.idle.is_empty() && self.custom.is_empty() && self.shared.is_empty();
        none && self.conns == 0 && self.waiters.is_empty()
    }

    /// next_dial is who may be dialed for now, if somebody was held back; it is counted already.
    pub(super) fn next_dial(&mut self, limit: usize) -> Option<Arc<Waiter>> {
        if limit != 0 && self.conns >= limit {
            return None;
        }
        let next = self.waiters.iter().find(|w| {
            let mut slot = lock(&w.slot);
            let held = matches!(slot.outcome, WaiterOutcome::Waiting) && !slot.dialing;
            slot.dialing |= held;
            held
        });
        self.conns += usize::from(next.is_some());
        next.cloned()
    }
}

impl PoolCore {
    /// is_single: the one connection there is has been made.
    pub(super) fn is_single(&self) -> bool {
        self.single.get().is_some()
    }

    pub(super) fn notify_watcher(&self) {
        if let Some(watch) = self.single.get() {
            watch.changed();
        }
    }

    pub(super) fn settings(&self) -> Rc<TransportSettings> {
        self.settings.get()
    }

    /// deliver_dial brings the outcome of a dial: to the waiter that asked for it if it still waits, else a
    /// connection goes to the next, and an error to nobody.
    pub(super) fn deliver_dial(self: &Arc<Self>, route: &Route, waiter: &Waiter, result: Result<Checkout>) {
        let result = match result {
            Err(e) => {
                self.fail_held(route, waiter, &e);
                self.clone().conn_closed(route);
                Err(e)
            }
            Ok(link) => {
                self.counters.dialed.fetch_add(1, Relaxed);
                match link {
                    Checkout::Shared(made) => Ok(self.adopt(made)),
                    Checkout::Custom(custom) => {
                        self.publish(&custom);
                        Ok(Checkout::Custom(custom))
                    }
                    own => Ok(own),
                }
            }
        };
        let shared = matches!(result, Ok(Checkout::Shared(_)));
        match waiter.deliver(result) {
            Err(Ok(Checkout::Own(conn))) => drop(self.put_idle(conn)),
            unclaimed => drop(unclaimed),
        }
        if shared {
            self.serve_waiters(route);
        }
    }

    /// publish gives a connection that all can use to all who wait for one, and to those who come.
    fn publish(&self, custom: &Arc<CustomProtocol>) {
        let mut state = lock(&self.state);
        if state.closed {
            return;
        }
        let host = state.hosts.entry(custom.route.clone()).or_default();
        host.custom.push(custom.clone());
        for waiter in host.waiters.drain(..) {
            let _ = waiter.deliver(Ok(Checkout::Custom(custom.clone())));
        }
    }

    /// retire keeps a shared connection from further requests.
    pub(super) fn retire(&self, custom: &Arc<CustomProtocol>) {
        let mut state = lock(&self.state);
        let Some(host) = state.hosts.get_mut(&custom.route) else { return };
        let at = host.custom.iter().position(|s| Arc::ptr_eq(s, custom));
        let gone = at.map(|at| host.custom.remove(at));
        if host.is_unused() {
            state.hosts.remove(&custom.route);
        }
        drop(state);
        drop(gone);
    }

    /// put_idle takes a connection back: to who waits first, or to the idle ones, or away.
    /// The text says, in Go's words, why the connection is not kept.
    pub(super) fn put_idle(
        self: &Arc<Self>,
        mut conn: Box<PersistConn>,
    ) -> std::result::Result<(), &'static str> {
        conn.idle_since = Instant::now();
        self.put_idle_since(conn)
    }

    /// put_idle_since is [`Shared::put_idle`] for a connection that may have been idle for a while.
    pub(super) fn put_idle_since(
        self: &Arc<Self>,
        mut conn: Box<PersistConn>,
    ) -> std::result::Result<(), &'static str> {
        let (keep_alives, most, most_per_host) =
            self.settings.with(|s| (s.keep_alives, s.max_idle, s.max_idle_per_host));
        // What must go is dropped after the lock, since a drop takes it again.
        let mut evicted = None;
        let mut state = lock(&self.state);
        let PoolState { hosts, idle, closed, .. } = &mut *state;
        let host = hosts.get_mut(conn.route()).filter(|_| !*closed && keep_alives);
        let Some(host) = host else {
            let why = if *closed { "http: client closed" } else { "http: putIdleConn: keep alives disabled" };
            drop(state);
            drop(conn);
            return Err(why);
        };
        while let Some(waiter) = host.waiters.pop_front() {
            match waiter.deliver(Ok(Checkout::Own(conn))) {
                Err(Ok(Checkout::Own(back))) => conn = back,
                _ => return Ok(()),
            }
        }
        if host.idle.len() >= most_per_host {
            drop(state);
            drop(conn);
            return Err("http: putIdleConn: too many idle connections for host");
        }
        let newer = host.idle.iter().rev().take_while(|c| c.idle_since > conn.idle_since).count();
        host.idle.insert(host.idle.len() - newer, conn);
        *idle += 1;
        if most != 0 && *idle > most {
            evicted = evict(hosts);
            *idle -= usize::from(evicted.is_some());
        }
        let start = !std::mem::replace(&mut state.sweeping, true);
        drop(state);
        drop(evicted);
        if start {
            self.sweeper.submit(self, Task::Begin);
        }
        self.notify_watcher();
        Ok(())
    }

    /// conn_closed is told of each connection that is gone; whoever was held back by the limit may dial now.
    pub(super) fn conn_closed(self: Arc<Self>, route: &Route) {
        let limit = self.settings.with(|s| s.max_conns_per_host);
        let mut state = lock(&self.state);
        let closed = state.closed;
        let Some(host) = state.hosts.get_mut(route) else { return };
        host.conns = host.conns.saturating_sub(1);
        let next = if closed { None } else { host.next_dial(limit) };
        if host.is_unused() {
            state.hosts.remove(route);
        }
        drop(state);
        self.dial_for(route, next);
        self.notify_watcher();
    }

    pub(super) fn start_dial(self: &Arc<Self>, route: &Route, waiter: &Arc<Waiter>) {
        if self.is_single() {
            let e = Error::new(Kind::Closed, "http: client connection is closed");
            return self.deliver_dial(route, waiter, Err(e));
        }
        if let Err(e) = self.dials.start(self, route, waiter) {
            let e = Error::io(Kind::NoResources, "start a dial thread", &e).with_phase(Phase::Connect);
            self.deliver_dial(route, waiter, Err(e));
        }
    }

    /// close_idle drops the idle connections; those in use stay, and are pooled again afterwards.
    pub(super) fn close_idle(&self) {
        let mut state = lock(&self.state);
        let all: Vec<Box<PersistConn>> = state.hosts.values_mut().flat_map(|h| h.idle.drain(..)).collect();
        let custom: Vec<_> = state.hosts.values_mut().flat_map(|h| h.custom.drain(..)).collect();
        state.idle = 0;
        drop(state);
        drop((all, custom));
        self.close_shared(false);
    }
}

/// evict takes the connection that was idle longest.
// A route is hashed by its identity's address, not by what that holds.
#[allow(clippy::mutable_key_type)]
fn evict(hosts: &mut RouteMap<Host>) -> Option<Box<PersistConn>> {
    let oldest = hosts
        .values_mut()
        .filter(|h| !h.idle.is_empty())
        .min_by_key(|h| h.idle.first().map_or_else(Instant::now, |c| c.idle_since))?;
    Some(oldest.idle.remove(0))
}

/// Pool closes what it shares when it is dropped: idle connections at once, those in use when they end.
pub(super) struct Pool(pub(super) Arc<PoolCore>);

impl Drop for Pool {
    fn drop(&mut self) {
        let shared = &self.0;
        shared.closing.fire();
        let mut state = lock(&shared.state);
        state.closed = true;
        let waiters: Vec<_> = state.hosts.values_mut().flat_map(|h| h.waiters.drain(..)).collect();
        drop(state);
        for w in waiters {
            let _ = w.deliver(Err(Error::new(Kind::Closed, "http: client closed")));
        }
        shared.close_idle();
        shared.close_shared(true);
        shared.sweeper.close();
        shared.dials.close();
        shared.sweeper.join();
        shared.dials.join();
    }
}

/// IDLE_THREAD is how long a thread of the pool waits for work before it ends.
pub(super) const IDLE_THREAD: Duration = Duration::from_secs(10);

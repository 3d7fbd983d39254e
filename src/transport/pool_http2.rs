//! The pool's part for connections of HTTP/2, which any number of requests share.
//!
//! Several callers that wait for the first connection to a server dial each, as nobody knows yet what will be spoken there
//! (Go's rule); the first one that is shared serves them all, and those that come late are closed. Once it is known,
//! one dial at a time is enough.

use super::h2::{H2Conn, StreamReservation};
use super::pool::{Checkout, Host, PoolCore};
use super::route::Route;
use super::sweep::Task;
use super::waiter::{Waiter, WaiterOutcome};
use crate::error::{Error, Kind};
use crate::sync::lock;
use std::sync::Arc;

/// Http2Capacity is what a server's shared connections have for a request.
pub(super) enum Http2Capacity {
    None,
    /// All are full: one that gets free tells the pool.
    Full,
    Free(StreamReservation),
}

impl Host {
    /// http2_capacity looks for a connection with a place for a request.
    pub(super) fn http2_capacity(&self) -> Http2Capacity {
        let free = || self.shared.iter().find_map(|c| c.reserve());
        if self.shared.is_empty() {
            return Http2Capacity::None;
        }
        if let Some(lease) = free() {
            return Http2Capacity::Free(lease);
        }
        self.shared.iter().for_each(|c| c.watch_release());
        // A place may have come free before it was asked for.
        free().map_or(Http2Capacity::Full, Http2Capacity::Free)
    }

    /// stream_counts are how many are taken on shared connections, and how many are free.
    pub(super) fn stream_counts(&self) -> (usize, usize) {
        self.shared.iter().map(|c| c.stream_counts()).fold((0, 0), |sum, n| (sum.0 + n.0, sum.1 + n.1))
    }

    /// is_dialing: somebody who waits is being dialed for.
    pub(super) fn is_dialing(&self) -> bool {
        self.waiters.iter().any(|w| {
            let slot = lock(&w.slot);
            slot.dialing && matches!(slot.outcome, WaiterOutcome::Waiting)
        })
    }
}

impl PoolCore {
    /// adopt takes in a connection that was made, unless one that is there has a place; that is then the answer.
    pub(super) fn adopt(self: &Arc<Self>, made: StreamReservation) -> Checkout {
        let route = made.conn().route().clone();
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            return Checkout::Shared(made);
        }
        let host = state.hosts.entry(route).or_default();
        host.multiplexed = true;
        if let Some(lease) = host.shared.iter().find_map(|c| c.reserve()) {
            drop(state);
            // The one that was made ends here, and counts no more.
            return Checkout::Shared(lease);
        }
        host.shared.push(made.conn().clone());
        let start = !std::mem::replace(&mut state.sweeping, true);
        drop(state);
        if start {
            self.sweeper.submit(self, Task::Begin);
        }
        Checkout::Shared(made)
    }

    /// fail_held gives a dial's error to those who were held back to share its connection, as in Go: else each of them
    /// would wait for a failure of its own, one after the other. Whose dial it was waits for none from here on: nobody
    /// is held back on its account any more.
    pub(super) fn fail_held(&self, route: &Route, whose: &Waiter, e: &Error) {
        let mut held = Vec::new();
        {
            let mut state = lock(&self.state);
            let Some(host) = state.hosts.get_mut(route) else { return };
            host.waiters.retain(|w| !std::ptr::eq(&**w, whose));
            // A dial that nobody waited for was not tried.
            let shared = (host.multiplexed || route.prior) && e.kind() != Kind::Canceled;
            host.waiters.retain(|w| {
                let fails = shared && !lock(&w.slot).dialing;
                if fails {
                    held.push(w.clone());
                }
                !fails
            });
        }
        for waiter in held {
            // One that has gone needs no error.
            let _ = waiter.deliver(Err(e.clone()));
        }
    }

    /// serve_waiters gives places that are free to those who wait for one, and dials for who is left.
    pub(super) fn serve_waiters(self: &Arc<Self>, route: &Route) {
        let settings = self.settings();
        let mut unclaimed = Vec::new();
        let mut next = None;
        {
            let mut state = lock(&self.state);
            let closed = state.closed;
            let Some(host) = state.hosts.get_mut(route) else { return };
            while !host.waiters.is_empty()
                && let Http2Capacity::Free(lease) = host.http2_capacity()
            {
                let Some(waiter) = host.waiters.pop_front() else { break };
                if let Err(back) = waiter.deliver(Ok(Checkout::Shared(lease))) {
                    unclaimed.push(back);
                }
            }
            if !closed && !host.is_dialing() {
                next = host.next_dial(settings.max_conns_per_host);
            }
        }
        // What nobody claimed comes back here, without the lock.
        drop(unclaimed);
        self.dial_for(route, next);
    }

    pub(super) fn dial_for(self: &Arc<Self>, route: &Route, waiter: Option<Arc<Waiter>>) {
        if let Some(waiter) = waiter {
            self.start_dial(route, &waiter);
        }
    }

    /// retire_shared keeps a connection from further requests.
    pub(super) fn retire_shared(self: &Arc<Self>, conn: &H2Conn) {
        let mut state = lock(&self.state);
        let mut gone = None;
        if let Some(host) = state.hosts.get_mut(conn.route()) {
            if let Some(at) = host.shared.iter().position(|c| std::ptr::eq(&**c, conn)) {
                gone = Some(host.shared.remove(at));
            }
            if host.is_unused() {
                state.hosts.remove(conn.route());
            }
        }
        drop(state);
        drop(gone);
        // Who waited for a place there gets one elsewhere.
        self.serve_waiters(conn.route());
        self.notify_watcher();
    }

    /// all_shared are those that requests may go over.
    pub(super) fn all_shared(&self) -> Vec<Arc<H2Conn>> {
        let state = lock(&self.state);
        state.hosts.values().flat_map(|h| h.shared.iter().cloned()).collect()
    }

    /// close_shared ends those that are idle, or keeps requests from all of them.
    pub(super) fn close_shared(&self, all: bool) {
        for conn in self.all_shared() {
            if all || conn.is_idle() {
                conn.close();
            }
        }
    }
}

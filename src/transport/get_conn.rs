//! How a request gets its connection; Go's `getConn`.

use super::exchange::AWAITING_HEADERS;
use super::pool::{Checkout, PoolCore, PoolState};
use super::pool_http2::Http2Capacity;
use super::route::Route;
use super::settings::TransportSettings;
use super::trace::Tracer;
use super::waiter::{Waiter, WaiterOutcome, WaiterSlot};
use crate::error::{Error, Kind, Phase, Result};
use crate::net::cancel::{CancelToken, canceled};
use crate::net::event_fd::EventFd;
use crate::runtime::before_block;
use crate::sync::{Mutex, lock};
use std::sync::Arc;
use std::time::Instant;

impl PoolCore {
    /// get answers an idle connection, or waits for one or for a new one; `now` is about that.
    pub(super) fn get(
        self: &Arc<Self>,
        route: &Route,
        settings: &TransportSettings,
        deadline: Option<Instant>,
        cancel: Option<&CancelToken>,
        tracer: &Tracer,
        now: Instant,
    ) -> Result<Checkout> {
        loop {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(Error::new(Kind::Closed, "http: client closed").with_phase(Phase::Pool));
            }
            let PoolState { hosts, idle, reused, .. } = &mut *state;
            let host = hosts.get_mut(route);
            if let Some(custom) = host.as_ref().and_then(|h| h.custom.last()) {
                *reused += 1;
                return Ok(Checkout::Custom(custom.clone()));
            }
            match host.as_ref().map_or(Http2Capacity::None, |h| h.http2_capacity()) {
                Http2Capacity::Free(lease) => {
                    *reused += usize::from(lease.reused);
                    return Ok(Checkout::Shared(lease));
                }
                Http2Capacity::Full | Http2Capacity::None => {}
            }
            if let Some(mut conn) = host.and_then(|h| h.idle.pop()) {
                *idle -= 1;
                *reused += 1;
                drop(state);
                let idle = now.saturating_duration_since(conn.idle_since);
                if settings.idle.is_none_or(|t| idle < t) && conn.is_quiet() {
                    conn.idle_for = Some(idle);
                    return Ok(Checkout::Own(conn));
                }
                lock(&self.state).reused -= 1;
                continue;
            }
            let event = EventFd::for_thread().map_err(|e| Error::io(Kind::NoResources, "eventfd", &e))?;
            let host = hosts.entry(route.clone()).or_default();
            let limit = settings.max_conns_per_host;
            // Where connections are shared one dial at a time is enough.
            let held = (host.multiplexed || route.prior) && host.is_dialing();
            let dialing = !held && (limit == 0 || host.conns < limit);
            let slot = Mutex::new(WaiterSlot { outcome: WaiterOutcome::Waiting, dialing });
            let waiter = Arc::new(Waiter {
                dial_log: tracer.dial_log(&event),
                event,
                abandoned: CancelToken::new(),
                slot,
            });
            host.waiters.push_back(waiter.clone());
            host.conns += usize::from(dialing);
            drop(state);
            if dialing {
                self.start_dial(route, &waiter);
            }
            let link = self.wait(route, &waiter, deadline, cancel, tracer);
            tracer.report_dial(waiter.dial_log.as_ref());
            let mut link = link.map_err(|e| e.with_phase(Phase::Pool))?;
            match &mut link {
                Checkout::Own(conn) => {
                    // Another request gave it back just now.
                    if conn.reused && !conn.is_quiet() {
                        continue;
                    }
                    conn.idle_for = None;
                    lock(&self.state).reused += usize::from(conn.reused);
                }
                Checkout::Shared(lease) => lock(&self.state).reused += usize::from(lease.reused),
                Checkout::Custom(_) => {}
            }
            return Ok(link);
        }
    }

    fn wait(
        self: &Arc<Self>,
        route: &Route,
        waiter: &Arc<Waiter>,
        deadline: Option<Instant>,
        cancel: Option<&CancelToken>,
        tracer: &Tracer,
    ) -> Result<Checkout> {
        let registered = cancel.map(|t| t.register_event(waiter.event.fd()));
        let error = loop {
            tracer.report_dial(waiter.dial_log.as_ref());
            // Cancel wins over what came and over the deadline.
            if cancel.is_some_and(CancelToken::is_fired) || matches!(registered, Some(None)) {
                break canceled();
            }
            if let Some(result) = waiter.take() {
                self.leave(route, waiter);
                return result;
            }
            if deadline.is_some_and(|d| d <= Instant::now()) {
                break Error::new(Kind::Timeout, AWAITING_HEADERS);
            }
            before_block();
            if let Err(e) = waiter.event.wait(deadline) {
                break Error::io(Kind::NoResources, "poll", &e);
            }
        };
        let late = {
            let mut slot = lock(&waiter.slot);
            std::mem::replace(&mut slot.outcome, WaiterOutcome::Abandoned)
        };
        self.leave(route, waiter);
        match late {
            WaiterOutcome::Ready(Ok(Checkout::Own(conn))) => drop(self.put_idle(conn)),
            // Its place is the next one's.
            late => drop(late),
        }
        Err(error)
    }

    fn leave(&self, route: &Route, waiter: &Arc<Waiter>) {
        // Its dial goes on, for the pool, but not a name's lookup, which would take a place from another's.
        waiter.abandoned.fire();
        let mut state = lock(&self.state);
        if let Some(host) = state.hosts.get_mut(route) {
            host.waiters.retain(|w| !Arc::ptr_eq(w, waiter));
            if host.is_unused() {
                state.hosts.remove(route);
            }
        }
    }
}

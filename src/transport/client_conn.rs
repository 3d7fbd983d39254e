//! `ClientConn`: one connection outside the pool, for a program that keeps a pool of its own (Go's type of that name).
//!
//! It is a transport with room for one connection, which is dialed at once and never replaced. A request takes its slot,
//! which comes back when the answer has been read.

use super::pool::Checkout;
use super::route::Route;
use super::trace::Tracer;
use super::{Response, Transport};
use crate::error::{Error, Kind, Phase, Result, invalid};
use crate::message::endpoint::{Endpoint, Origin};
use crate::message::request::Request;
use crate::net::addr::{parse_port, split_host_port};
use crate::net::cancel::CancelToken;
use crate::sync::{Mutex, lock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// ConnWatcher is told that something has changed, on whatever thread did it, without a lock.
pub trait ConnWatcher: Send + Sync {
    fn changed(&self);
}

pub struct ClientConn {
    transport: Transport,
    route: Route,
    /// Slots that were reserved and not used yet; more than one only where requests share the connection.
    reserved: Mutex<usize>,
    hook: Arc<WatcherSlot>,
}

/// WatcherSlot is where the program's watch is put, at any time.
#[derive(Default)]
struct WatcherSlot {
    watcher: Mutex<Option<Arc<dyn ConnWatcher>>>,
    closed: AtomicBool,
}

impl ConnWatcher for WatcherSlot {
    fn changed(&self) {
        let watch = lock(&self.watcher).clone();
        if let Some(watch) = watch {
            watch.changed();
        }
    }
}

fn closed() -> Error {
    Error::new(Kind::Closed, "http: client connection is closed")
}

impl Transport {
    /// new_conn makes one connection to "host:port", by the transport's settings, proxies and hooks.
    pub fn new_conn(
        &self,
        scheme: &str,
        address: &str,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<ClientConn> {
        let port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(invalid(format!("net/http: invalid scheme {scheme:?}"))),
        };
        let (host, text) = split_host_port(address)?;
        let port = if text.is_empty() { port } else { parse_port(text)? };
        let key = Arc::new(Origin::new(scheme.to_owned(), host.to_ascii_lowercase(), port));
        let target = Endpoint {
            origin: key,
            authority: address.as_bytes().to_vec(),
            request_uri: b"/".to_vec(),
            display: format!("{scheme}://{address}/"),
            authorization: None,
        };
        let own = self.clone_settings();
        own.configure(|s| {
            (s.max_conns_per_host, s.max_idle_per_host, s.max_idle) = (1, 1, 1);
            s.idle = None;
        });
        let route = own.route(&target, false)?;
        let shared = &own.0.0;
        let silent = Tracer::none();
        match shared.get(&route, &own.settings(), overall, cancel, &silent, Instant::now())? {
            Checkout::Own(conn) => {
                shared.put_idle(conn).map_err(|why| Error::new(Kind::Closed, why).with_phase(Phase::Pool))?;
            }
            // It stays with the pool, and serves as many as it takes.
            Checkout::Shared(_) | Checkout::Custom(_) => {}
        }
        let hook = Arc::new(WatcherSlot::default());
        let _ = shared.single.set(hook.clone());
        Ok(ClientConn { transport: own, route, reserved: Mutex::new(0), hook })
    }
}

impl ClientConn {
    /// round_trip sends a request over the connection, whatever host its URL names. It takes the slot that was reserved,
    /// or one that is free; without one it is busy.
    pub fn round_trip(
        &self,
        r: &Request,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<Box<Response>> {
        let target = r.endpoint.as_deref().ok_or_else(|| invalid("http: nil Request.URL"))?;
        if target.origin.host.is_empty() {
            return Err(invalid("http: no Host in request URL"));
        }
        {
            let mut reserved = lock(&self.reserved);
            match reserved.checked_sub(1) {
                Some(left) => *reserved = left,
                None => self.free_slot(0)?,
            }
        }
        let sent = self.transport.send_over(&self.route, r, target, Instant::now(), overall, cancel);
        sent.map_err(|e| if self.hook.closed.load(Relaxed) { closed().with_cause(e) } else { e })
    }

    /// free_slot is an error unless a request could go out now, besides those that are `reserved`.
    fn free_slot(&self, reserved: usize) -> Result<()> {
        match (self.error(), self.idle()) {
            (Some(e), _) => Err(e),
            (None, n) if n <= reserved => {
                Err(Error::new(Kind::Busy, "http: client connection has no available slot"))
            }
            _ => Ok(()),
        }
    }

    fn idle(&self) -> usize {
        let state = lock(&self.transport.0.0.state);
        state.hosts.get(&self.route).map_or(0, |h| h.idle.len() + h.stream_counts().1)
    }

    /// reserve keeps the slot for the caller's next request.
    pub fn reserve(&self) -> Result<()> {
        let mut reserved = lock(&self.reserved);
        self.free_slot(*reserved)?;
        *reserved += 1;
        Ok(())
    }

    /// release gives a reserved slot back.
    pub fn release(&self) {
        let mut reserved = lock(&self.reserved);
        *reserved = reserved.saturating_sub(1);
    }

    /// available is how many requests could begin now.
    pub fn available(&self) -> usize {
        let reserved = *lock(&self.reserved);
        if self.error().is_some() { 0 } else { self.idle().saturating_sub(reserved) }
    }

    /// in_flight is how many are under way, or reserved.
    pub fn in_flight(&self) -> usize {
        let reserved = *lock(&self.reserved);
        let state = lock(&self.transport.0.0.state);
        match state.hosts.get(&self.route) {
            Some(h) if h.multiplexed => h.stream_counts().0 + reserved,
            host => host.map_or(0, |h| h.in_use()).max(reserved),
        }
    }

    /// error is why no further request can be sent.
    pub fn error(&self) -> Option<Error> {
        let state = lock(&self.transport.0.0.state);
        let gone = state.hosts.get(&self.route).is_none_or(|h| h.is_empty());
        (gone || self.hook.closed.load(Relaxed)).then(closed)
    }

    /// close ends the connection, and with it the exchange that uses it.
    pub fn close(&self) {
        self.hook.closed.store(true, Relaxed);
        self.transport.0.0.closing.fire();
        self.transport.configure(|s| s.keep_alives = false);
        self.transport
            .0
            .0
            .all_shared()
            .iter()
            .for_each(|c| c.abort("http2: client connection force closed via ClientConn.Close"));
        self.transport.close_idle();
        self.hook.changed();
    }

    /// set_watcher has somebody told when a request has ended, or the connection has.
    pub fn set_watcher(&self, watch: Option<Arc<dyn ConnWatcher>>) {
        let old = std::mem::replace(&mut *lock(&self.hook.watcher), watch);
        // The end of a callback's userdata is the program's code.
        drop(old);
    }
}

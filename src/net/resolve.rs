//! `Resolver`: names to addresses by the system's getaddrinfo, on threads of its own.
//!
//! getaddrinfo cannot be stopped, so nobody waits for it longer than they want: a caller that gives up leaves
//! the thread behind, which ends by itself. Callers that ask for the same name at the same time share one
//! lookup, and at most [`MAX_LOOKUPS`] run at once; more wait in line.

use super::cancel::{CancelToken, canceled};
use super::event::Event;
use super::sys;
use crate::error::{Error, Kind, Phase, Result};
use crate::sync::{Mutex, MutexGuard};
use std::collections::{HashMap, VecDeque};
use std::ffi::CString;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// MAX_LOOKUPS bounds the threads that one resolver has.
pub const MAX_LOOKUPS: usize = 64;

/// Resolver is a counted reference.
#[derive(Clone, Default)]
pub struct Resolver(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    running: usize,
    active: HashMap<String, Arc<Lookup>>,
    queue: VecDeque<Arc<Lookup>>,
}

struct Lookup {
    host: String,
    progress: Mutex<Progress>,
}

enum Progress {
    Waiting(Vec<Arc<Event>>),
    Done(Result<Vec<SocketAddr>>),
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// literal reads an IP address, with an IPv6 zone if there is one; no lookup is needed for those.
pub fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, port));
    }
    let (ip, zone) = host.split_once('%')?;
    let scope = match zone.parse() {
        Ok(n) => n,
        Err(_) => sys::interface_index(&CString::new(zone).ok()?),
    };
    Some(SocketAddr::V6(SocketAddrV6::new(ip.parse().ok()?, port, 0, scope)))
}

impl Resolver {
    /// lookup answers at least one address, in the order in which they are to be tried.
    pub fn lookup(
        &self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>> {
        if let Some(a) = literal(host, port) {
            return Ok(vec![a]);
        }
        let result = self.lookup_name(host, deadline, cancel).map_err(|e| {
            // Go's net.DNSError: the name, then what is wrong.
            Error::new(e.kind(), format!("lookup {host}: {}", e.message()))
                .with_cause(e)
                .with_phase(Phase::Resolve)
        })?;
        Ok(result.into_iter().map(|a| with_port(a, port)).collect())
    }

    fn lookup_name(
        &self,
        host: &str,
        deadline: Option<Instant>,
        cancel: &CancelToken,
    ) -> Result<Vec<SocketAddr>> {
        let event = Event::of_thread().map_err(|e| Error::io(Kind::NoResources, "eventfd", &e))?;
        let lookup = self.join(host, &event)?;
        let _registered = cancel.register_event(event.fd()).ok_or_else(canceled)?;
        loop {
            if let Progress::Done(r) = &*lock(&lookup.progress) {
                return r.clone();
            }
            if cancel.is_fired() {
                return Err(canceled());
            }
            if deadline.is_some_and(|d| d <= Instant::now()) {
                return Err(Error::new(Kind::Timeout, "i/o timeout"));
            }
            event.wait(deadline).map_err(|e| Error::io(Kind::NoResources, "poll", &e))?;
        }
    }

    /// join enters the caller into the lookup of that name, which it starts if there is none.
    fn join(&self, host: &str, event: &Arc<Event>) -> Result<Arc<Lookup>> {
        let mut state = lock(&self.0);
        if let Some(found) = state.active.get(host) {
            if let Progress::Waiting(events) = &mut *lock(&found.progress) {
                events.push(event.clone());
            }
            return Ok(found.clone());
        }
        let lookup = Arc::new(Lookup {
            host: host.to_owned(),
            progress: Mutex::new(Progress::Waiting(vec![event.clone()])),
        });
        if state.running < MAX_LOOKUPS {
            let (resolver, first) = (self.clone(), lookup.clone());
            crate::hooks::spawn("nh-resolve", move || resolver.work(first))
                .map_err(|e| Error::io(Kind::NoResources, "start a resolver thread", &e))?;
            state.running += 1;
        } else {
            state.queue.push_back(lookup.clone());
        }
        state.active.insert(host.to_owned(), lookup.clone());
        Ok(lookup)
    }

    fn work(&self, first: Arc<Lookup>) {
        let mut next = Some(first);
        while let Some(lookup) = next.take() {
            let result = resolve(&lookup.host);
            let mut state = lock(&self.0);
            state.active.remove(&lookup.host);
            next = state.queue.pop_front();
            if next.is_none() {
                state.running -= 1;
            }
            drop(state);
            let before = std::mem::replace(&mut *lock(&lookup.progress), Progress::Done(result));
            if let Progress::Waiting(events) = before {
                events.iter().for_each(|e| e.wake());
            }
        }
    }
}

fn with_port(mut a: SocketAddr, port: u16) -> SocketAddr {
    a.set_port(port);
    a
}

fn resolve(host: &str) -> Result<Vec<SocketAddr>> {
    let no_such_host = || Error::new(Kind::Dns, "no such host");
    let name = CString::new(host).map_err(|_| no_such_host())?;
    match sys::getaddrinfo(&name, 0) {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err(no_such_host()),
        Err(e) if e.not_found => Err(no_such_host()),
        Err(e) if e.temporary => Err(Error::new(Kind::Dns, "server misbehaving").with_temporary()),
        Err(e) => Err(Error::new(Kind::Dns, e.text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_need_no_lookup() {
        assert_eq!(literal("127.0.0.1", 80), Some("127.0.0.1:80".parse().unwrap()));
        assert_eq!(literal("::1", 80), Some("[::1]:80".parse().unwrap()));
        assert_eq!(literal("localhost", 80), None);
        let Some(SocketAddr::V6(zoned)) = literal("fe80::1%3", 80) else { panic!() };
        assert_eq!(zoned.scope_id(), 3);
    }

    #[test]
    fn localhost_and_nobody() {
        let r = Resolver::default();
        let t = CancelToken::new();
        assert!(r.lookup("localhost", 81, None, &t).unwrap().iter().all(|a| a.port() == 81));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (r, t) = (r.clone(), t.clone());
                std::thread::spawn(move || r.lookup("a b.invalid", 81, None, &t))
            })
            .collect();
        for h in threads {
            let e = h.join().unwrap().unwrap_err();
            assert_eq!((e.kind(), e.phase()), (Kind::Dns, Phase::Resolve), "{e}");
            assert!(e.message().starts_with("lookup a b.invalid: "), "{e}");
        }
        t.fire();
        assert_eq!(r.lookup("localhost", 81, None, &t).unwrap_err().kind(), Kind::Canceled);
    }
}

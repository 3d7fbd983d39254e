//! `Resolver`: names to addresses by the system's getaddrinfo, on threads of its own.
//!
//! getaddrinfo cannot be stopped, so nobody waits for it longer than they want: a caller that gives up leaves
//! the thread behind, which ends by itself. Callers that ask for the same name at the same time share one
//! lookup. At most [`MAX_LOOKUPS`] that somebody waits for run at once; more wait in line. One that everybody has left
//! gives up its place, but not its thread, of which there are at most [`MAX_THREADS`].

use super::cancel::{CancelToken, canceled};
use super::event_fd::EventFd;
use crate::error::{Error, Kind, Phase, Result};
use crate::message::url::ip_address;
use crate::sync::{Mutex, lock};
use crate::sys;
use crate::thread_pool::{Jobs, ThreadPool};
use std::collections::{HashMap, VecDeque};
use std::ffi::CString;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// MAX_LOOKUPS bounds the lookups of one resolver that are waited for.
pub const MAX_LOOKUPS: usize = 64;
/// MAX_THREADS bounds its threads, those included whose lookups hang and that nobody waits for; Go has 500.
pub const MAX_THREADS: usize = 512;

/// LookupFn is the system's lookup, which may take as long as it likes.
type LookupFn = fn(&str) -> Result<Vec<SocketAddr>>;

/// Resolver is a counted reference.
#[derive(Clone)]
pub struct Resolver(Arc<ResolverShared>);

struct ResolverShared {
    lookup: LookupFn,
    threads: ThreadPool<Arc<Lookup>>,
    state: Mutex<ResolverState>,
}

#[derive(Default)]
struct ResolverState {
    /// Lookups that run and are waited for.
    running: usize,
    active: HashMap<String, ActiveLookup>,
    /// Lookups that wait for a place, in line; whoever gives one up is taken out.
    line: VecDeque<Arc<Lookup>>,
}

struct ActiveLookup {
    lookup: Arc<Lookup>,
    callers: usize,
    queued: bool,
}

struct Lookup {
    host: String,
    progress: Mutex<LookupProgress>,
}

enum LookupProgress {
    Waiting(Vec<Arc<EventFd>>),
    Done(Result<Vec<SocketAddr>>),
}

impl Default for Resolver {
    fn default() -> Resolver {
        Resolver::with_lookup(resolve)
    }
}

/// literal reads an IP address, with an IPv6 zone if there is one; no lookup is needed for those.
pub fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    if let Some(ip) = ip_address(host) {
        return Some(SocketAddr::new(ip, port));
    }
    let (ip, zone) = host.split_once('%')?;
    let Some(IpAddr::V6(ip)) = ip_address(ip) else { return None };
    let scope = match zone.parse() {
        Ok(n) => n,
        Err(_) => sys::interface_index(&CString::new(zone).ok()?),
    };
    Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))
}

impl Resolver {
    fn with_lookup(ask: LookupFn) -> Resolver {
        let threads = ThreadPool::detached("nh-resolve", MAX_THREADS);
        Resolver(Arc::new(ResolverShared { lookup: ask, threads, state: Mutex::default() }))
    }

    /// lookup answers at least one address, in the order in which they are to be tried. Any of the tokens ends it.
    pub fn lookup(
        &self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
        cancel: &[&CancelToken],
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
        cancel: &[&CancelToken],
    ) -> Result<Vec<SocketAddr>> {
        let event = EventFd::for_thread().map_err(|e| Error::io(Kind::NoResources, "eventfd", &e))?;
        let registered: Option<Vec<_>> = cancel.iter().map(|t| t.register_event(event.fd())).collect();
        let _registered = registered.ok_or_else(canceled)?;
        let lookup = self.join(host, &event)?;
        let _caller = Caller { resolver: self, lookup: &lookup, event: &event };
        loop {
            if let LookupProgress::Done(r) = &*lock(&lookup.progress) {
                return r.clone();
            }
            if cancel.iter().any(|t| t.is_fired()) {
                return Err(canceled());
            }
            if deadline.is_some_and(|d| d <= Instant::now()) {
                return Err(Error::new(Kind::Timeout, "i/o timeout"));
            }
            event.wait(deadline).map_err(|e| Error::io(Kind::NoResources, "poll", &e))?;
        }
    }

    /// join enters the caller into the lookup of that name, which it starts if there is none.
    fn join(&self, host: &str, event: &Arc<EventFd>) -> Result<Arc<Lookup>> {
        let mut state = lock(&self.0.state);
        let ResolverState { running, active, .. } = &mut *state;
        if let Some(found) = active.get_mut(host) {
            // One that was left is waited for again.
            *running += usize::from(found.callers == 0);
            found.callers += 1;
            if let LookupProgress::Waiting(events) = &mut *lock(&found.lookup.progress) {
                events.push(event.clone());
            }
            return Ok(found.lookup.clone());
        }
        let progress = Mutex::new(LookupProgress::Waiting(vec![event.clone()]));
        let lookup = Arc::new(Lookup { host: host.to_owned(), progress });
        let queued = !self.has_room(&state);
        if queued {
            state.line.push_back(lookup.clone());
        } else {
            self.start(&mut state, lookup.clone())
                .map_err(|e| Error::io(Kind::NoResources, "start a resolver thread", &e))?;
        }
        state.active.insert(host.to_owned(), ActiveLookup { lookup: lookup.clone(), callers: 1, queued });
        Ok(lookup)
    }

    fn has_room(&self, state: &ResolverState) -> bool {
        state.running < MAX_LOOKUPS && self.0.threads.jobs() < MAX_THREADS
    }

    fn start(&self, state: &mut ResolverState, lookup: Arc<Lookup>) -> io::Result<()> {
        let resolver = self.clone();
        let submitted = self.0.threads.submit(lookup, move |jobs| resolver.work(jobs));
        submitted.map_err(|refused| refused.error)?;
        state.running += 1;
        Ok(())
    }

    /// start_next gives a place that is free to the next in line.
    fn start_next(&self, state: &mut ResolverState) {
        if self.has_room(state)
            && let Some(next) = state.line.pop_front()
        {
            match self.start(state, next.clone()) {
                Ok(()) => state.begun(&next),
                // A thread that is there comes to it.
                Err(_) => state.line.push_front(next),
            }
        }
    }

    /// leave takes a caller out of a lookup, which gives its place to the next one if it was the last.
    fn leave(&self, lookup: &Arc<Lookup>, event: &Arc<EventFd>) {
        let mut state = lock(&self.0.state);
        let ResolverState { running, active, line } = &mut *state;
        // It may be over, and another one for the same name be under way.
        let Some(entry) = active.get_mut(&lookup.host).filter(|a| Arc::ptr_eq(&a.lookup, lookup)) else {
            return;
        };
        entry.callers -= 1;
        if let LookupProgress::Waiting(events) = &mut *lock(&lookup.progress)
            && let Some(at) = events.iter().position(|e| Arc::ptr_eq(e, event))
        {
            events.swap_remove(at);
        }
        if entry.callers > 0 {
            return;
        }
        if entry.queued {
            active.remove(&lookup.host);
            return line.retain(|q| !Arc::ptr_eq(q, lookup));
        }
        *running -= 1;
        self.start_next(&mut state);
    }

    fn work(&self, mut jobs: Jobs<Arc<Lookup>>) {
        while let Some(lookup) = jobs.next(Duration::ZERO) {
            let result = (self.0.lookup)(&lookup.host);
            let mut state = lock(&self.0.state);
            let waited = state.active.remove(&lookup.host).is_some_and(|a| a.callers > 0);
            state.running -= usize::from(waited);
            // This thread is free for the next.
            jobs.done();
            self.start_next(&mut state);
            drop(state);
            let before = std::mem::replace(&mut *lock(&lookup.progress), LookupProgress::Done(result));
            if let LookupProgress::Waiting(events) = before {
                events.iter().for_each(|e| e.wake());
            }
        }
    }
}

impl ResolverState {
    fn begun(&mut self, lookup: &Lookup) {
        if let Some(entry) = self.active.get_mut(&lookup.host) {
            entry.queued = false;
        }
    }
}

/// Caller waits for a lookup until it is dropped.
struct Caller<'a> {
    resolver: &'a Resolver,
    lookup: &'a Arc<Lookup>,
    event: &'a Arc<EventFd>,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.resolver.leave(self.lookup, self.event);
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
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

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
        assert!(r.lookup("localhost", 81, None, &[&t]).unwrap().iter().all(|a| a.port() == 81));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (r, t) = (r.clone(), t.clone());
                std::thread::spawn(move || r.lookup("a b.invalid", 81, None, &[&t]))
            })
            .collect();
        for h in threads {
            let e = h.join().unwrap().unwrap_err();
            assert_eq!((e.kind(), e.phase()), (Kind::Dns, Phase::Resolve), "{e}");
            assert!(e.message().starts_with("lookup a b.invalid: "), "{e}");
        }
        t.fire();
        assert_eq!(r.lookup("localhost", 81, None, &[&t]).unwrap_err().kind(), Kind::Canceled);
    }

    /// A name that begins with "hang" is looked up for as long as `HANGS` says.
    static HANGS: AtomicBool = AtomicBool::new(true);
    static ASKED: AtomicUsize = AtomicUsize::new(0);

    fn fake(host: &str) -> Result<Vec<SocketAddr>> {
        ASKED.fetch_add(1, SeqCst);
        while host.starts_with("hang") && HANGS.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(vec!["127.0.0.1:0".parse().unwrap()])
    }

    fn numbers(r: &Resolver) -> [usize; 4] {
        let s = lock(&r.0.state);
        [s.running, r.0.threads.jobs(), s.active.len(), s.line.len()]
    }

    #[test]
    fn a_lookup_that_nobody_waits_for_has_no_place() {
        let r = Resolver::with_lookup(fake);
        let t = CancelToken::new();
        let at_once = || Some(Instant::now());
        for i in 0..MAX_THREADS {
            // The first asks; the second finds the one that was left.
            for _ in 0..2 {
                let e = r.lookup(&format!("hang{i}"), 80, at_once(), &[&t]).unwrap_err();
                assert_eq!(e.kind(), Kind::Timeout, "{e}");
            }
            if i < MAX_THREADS - 1 {
                r.lookup("good", 80, None, &[&t]).unwrap();
            }
        }
        // The thread of the last good one may not have ended when there was no room for one more: that waited in line.
        let [running, threads, active, queue] = numbers(&r);
        assert!(running == 0 && threads <= MAX_THREADS && active <= MAX_THREADS && queue == 0);
        // No thread is left: who gives up waiting in line is forgotten there.
        if threads == MAX_THREADS {
            let e = r.lookup("good", 80, at_once(), &[&t]).unwrap_err();
            assert_eq!((e.kind(), numbers(&r)[3]), (Kind::Timeout, 0));
        }
        let patient = {
            let (r, t) = (r.clone(), t.clone());
            std::thread::spawn(move || r.lookup("good", 80, None, &[&t]))
        };
        HANGS.store(false, SeqCst);
        patient.join().unwrap().unwrap();
        while numbers(&r) != [0; 4] {
            std::thread::yield_now();
        }
        assert!(ASKED.load(SeqCst) <= 2 * MAX_THREADS + 1);
    }

    #[test]
    fn any_token_ends_a_lookup() {
        let r = Resolver::with_lookup(|_| {
            std::thread::sleep(Duration::from_secs(1));
            Err(Error::new(Kind::Dns, "late"))
        });
        let tokens = [CancelToken::new(), CancelToken::new()];
        for _ in 0..2 {
            let other = tokens[1].clone();
            let firing = std::thread::spawn(move || other.fire());
            let e = r.lookup("h", 80, None, &[&tokens[0], &tokens[1]]).unwrap_err();
            assert_eq!(e.kind(), Kind::Canceled);
            firing.join().unwrap();
        }
    }
}

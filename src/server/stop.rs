//! `Server`: from its settings to its end (Go's `Server`).

use super::Handler;
use super::alarms::Alarms;
use super::drive::Http;
use super::settings::Settings;
use crate::error::{Error, Kind, Phase, Result};
use crate::mux::Mux;
use crate::net::sys;
use crate::runtime::{Config, Listening, Runtime, is_in_handler};
use crate::sync::{Condvar, Mutex, MutexGuard, OnceLock};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Shared is what the server's threads see of it.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) mux: Arc<Mux>,
    /// Called before the handler of each request.
    pub(super) hook: Option<Arc<dyn Handler>>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) alarms: Arc<Alarms>,
    base: Instant,
    ended: Mutex<bool>,
    end: Condvar,
    runtime: OnceLock<Weak<Runtime<Http>>>,
}

impl Shared {
    /// now is the runtime's time.
    pub(super) fn now(&self) -> u64 {
        self.base.elapsed().as_millis() as u64
    }

    /// drained: the last connection has ended after a stop.
    pub(super) fn drained(&self) {
        if let Some(rt) = self.runtime.get().and_then(Weak::upgrade) {
            rt.quit();
        }
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.notify_all();
    }
}

struct Setup {
    settings: Settings,
    /// What is served in the mux's place.
    handler: Option<Arc<Mux>>,
    hook: Option<Arc<dyn Handler>>,
    listeners: Vec<Arc<Listening>>,
    addrs: Vec<SocketAddr>,
    started: bool,
    closed: bool,
}

pub struct Server {
    mux: Arc<Mux>,
    setup: Mutex<Setup>,
    shared: OnceLock<Arc<Shared>>,
    runtime: OnceLock<Arc<Runtime<Http>>>,
    stop_requested: AtomicBool,
}

impl Server {
    pub fn new(mux: Arc<Mux>) -> Server {
        let setup = Setup {
            settings: Settings::default(),
            handler: None,
            hook: None,
            listeners: Vec::new(),
            addrs: Vec::new(),
            started: false,
            closed: false,
        };
        Server {
            mux,
            setup: Mutex::new(setup),
            shared: OnceLock::new(),
            runtime: OnceLock::new(),
            stop_requested: AtomicBool::new(false),
        }
    }

    pub fn mux(&self) -> &Arc<Mux> {
        &self.mux
    }

    fn setup(&self) -> MutexGuard<'_, Setup> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// configure changes the settings; they are fixed once the server has started.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) -> Result<()> {
        let mut s = self.setup();
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started; its settings are fixed"));
        }
        change(&mut s.settings);
        Ok(())
    }

    /// set_hook has `hook` called with each request before its handler, or before what the mux answers itself.
    pub fn set_hook(&self, hook: Arc<dyn Handler>) -> Result<()> {
        let mut s = self.setup();
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started; its settings are fixed"));
        }
        s.hook = Some(hook);
        Ok(())
    }

    /// set_handler has a handler answer all requests in the mux's place.
    pub fn set_handler(&self, handler: Arc<dyn Handler>) -> Result<()> {
        let handler = handler.clone().as_mux().unwrap_or_else(|| Arc::new(Mux::of(handler)));
        let mut s = self.setup();
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started; its settings are fixed"));
        }
        // Dropped behind the lock: that may call back into the program.
        let before = s.handler.replace(handler);
        drop(s);
        drop(before);
        Ok(())
    }

    /// listen binds an address ("host:port", port 0 for any); connections are accepted from the start on.
    pub fn listen(&self, addr: &str) -> Result<()> {
        let reuse_port = self.setup().settings.reuse_port;
        // A name may take its time to be resolved: not under the lock.
        let listening = bind(addr, reuse_port);
        let mut s = self.setup();
        if s.closed || self.stop_requested.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let listening = Arc::new(listening?);
        s.addrs.push(listening.addr);
        s.listeners.push(listening.clone());
        if let Some(rt) = self.runtime.get() {
            rt.listen(&listening);
        }
        Ok(())
    }

    /// addr is the address that the `index`-th `listen` got.
    pub fn addr(&self, index: usize) -> Option<SocketAddr> {
        self.setup().addrs.get(index).copied()
    }

    /// start begins to serve on library threads and returns.
    pub fn start(&self) -> Result<()> {
        let mut s = self.setup();
        if s.closed {
            return Err(closed());
        }
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started already"));
        }
        if s.listeners.is_empty() {
            return Err(Error::new(Kind::State, "nethttp: the server listens nowhere"));
        }
        let base = Instant::now();
        let shared = Arc::new(Shared {
            settings: s.settings.clone(),
            mux: s.handler.take().unwrap_or_else(|| self.mux.clone()),
            hook: s.hook.take(),
            stopping: Arc::new(AtomicBool::new(false)),
            alarms: Arc::default(),
            base,
            ended: Mutex::new(false),
            end: Condvar::new(),
            runtime: OnceLock::new(),
        });
        let config = Config {
            shards: s.settings.shards,
            cap: s.settings.max_handlers,
            queue: s.settings.max_queue,
            queue_ms: s.settings.queue_timeout.as_millis() as u64,
            lame_ms: s.settings.lame_duck.as_millis() as u64,
            base,
        };
        let rt = Runtime::start(Http(shared.clone()), config)
            .map_err(|e| Error::io(Kind::NoResources, "nethttp: cannot start the server's threads", &e))?;
        let _ = shared.runtime.set(Arc::downgrade(&rt));
        for l in &s.listeners {
            rt.listen(l);
        }
        s.started = true;
        let _ = self.shared.set(shared);
        let _ = self.runtime.set(rt);
        drop(s);
        if self.stop_requested.load(Ordering::SeqCst) {
            self.drain();
        }
        Ok(())
    }

    /// run starts the server unless that was done, and waits for its end: the answer is always an error,
    /// `ServerClosed` after a stop.
    pub fn run(&self) -> Result<()> {
        self.refuse_inside()?;
        if !self.setup().started {
            self.start()?;
        }
        self.wait(None);
        Err(closed())
    }

    /// wait waits for the last connection's end; `false`: the time has passed.
    fn wait(&self, limit: Option<Duration>) -> bool {
        let Some(shared) = self.shared.get() else { return true };
        let deadline = limit.map(|d| Instant::now() + d);
        let mut ended = shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*ended {
            ended = match deadline {
                None => shared.end.wait(ended).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    shared.end.wait_timeout(ended, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// drain lets each answer be its connection's last, and after the lame-duck period stops accepting and ends
    /// idle connections.
    fn drain(&self) {
        let listeners = {
            let mut s = self.setup();
            s.closed = true;
            std::mem::take(&mut s.listeners)
        };
        if let Some(shared) = self.shared.get() {
            shared.stopping.store(true, Ordering::SeqCst);
        }
        if let Some(rt) = self.runtime.get() {
            rt.begin_drain();
        }
        drop(listeners);
    }

    /// shutdown drains the server and waits for its end, as long as `limit` allows; afterwards active
    /// connections go on, for another call or [`Server::close`].
    pub fn shutdown(&self, limit: Option<Duration>) -> Result<()> {
        self.refuse_inside()?;
        self.drain();
        if self.wait(limit) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Timeout,
            "nethttp: connections were still active when the shutdown's time was up",
        ))
    }

    /// request_stop begins a shutdown and returns. It takes no lock and allocates nothing: async-signal-safe.
    pub fn request_stop(&self) {
        self.stop_requested.store(true, Ordering::SeqCst);
        if let Some(shared) = self.shared.get() {
            shared.stopping.store(true, Ordering::SeqCst);
        }
        if let Some(rt) = self.runtime.get() {
            rt.request_stop();
        }
    }

    /// close ends all listeners and connections now; it does not wait for handlers.
    pub fn close(&self) {
        self.drain();
        if let Some(rt) = self.runtime.get() {
            rt.abort();
        }
    }

    /// connections is how many are open.
    pub fn connections(&self) -> usize {
        self.runtime.get().map_or(0, |rt| rt.connections())
    }

    /// refuse_inside: waiting for one's own handler would never end.
    pub fn refuse_inside(&self) -> Result<()> {
        match self.shared.get() {
            Some(shared) if is_in_handler(Arc::as_ptr(shared) as usize) => {
                Err(Error::new(Kind::WouldDeadlock, "nethttp: called inside a handler of the same server"))
            }
            _ => Ok(()),
        }
    }
}

/// Ends everything and waits for the threads.
impl Drop for Server {
    fn drop(&mut self) {
        self.close();
        self.wait(None);
        if let Some(rt) = self.runtime.get() {
            rt.quit();
            rt.join();
        }
        if let Some(shared) = self.shared.get() {
            shared.alarms.end();
        }
    }
}

fn closed() -> Error {
    Error::new(Kind::ServerClosed, "http: Server closed")
}

const BACKLOG: i32 = 4096;

/// bind makes a listening socket. An empty host is all addresses, of both families where there is IPv6.
fn bind(addr: &str, reuse_port: bool) -> Result<Listening> {
    let fail = |what: &str, e: &std::io::Error| {
        Error::io(Kind::Connect, format!("listen tcp {addr}: {what}"), e).with_phase(Phase::Listen)
    };
    let (host, port) = crate::net::addr::split_host_port(addr).map_err(|e| e.with_phase(Phase::Listen))?;
    let port = if port.is_empty() { 0 } else { crate::net::addr::parse_port(port)? };
    let candidates: Vec<SocketAddr> = match host {
        "" => vec![
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into(),
            (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into(),
        ],
        host => match host.parse::<IpAddr>() {
            Ok(ip) => vec![(ip, port).into()],
            Err(_) => {
                let found = (host, port).to_socket_addrs().map_err(|e| {
                    Error::io(Kind::Dns, format!("listen tcp: lookup {host}"), &e).with_phase(Phase::Listen)
                })?;
                found.collect()
            }
        },
    };
    let mut last = Error::new(Kind::Dns, format!("listen tcp: lookup {host}: no such host"));
    for a in candidates {
        match bind_one(&a, reuse_port) {
            Ok(l) => return Ok(l),
            Err((what, e)) => last = fail(what, &e),
        }
    }
    Err(last)
}

fn bind_one(
    addr: &SocketAddr,
    reuse_port: bool,
) -> std::result::Result<Listening, (&'static str, std::io::Error)> {
    let socket = sys::socket(addr, true).map_err(|e| ("socket", e))?;
    let fd = socket.as_raw_fd();
    sys::set_reuse_addr(fd).map_err(|e| ("setsockopt", e))?;
    if reuse_port {
        sys::set_reuse_port(fd).map_err(|e| ("setsockopt", e))?;
    }
    if addr.is_ipv6() {
        let _ = sys::set_v6_only(fd, !addr.ip().is_unspecified());
    }
    sys::bind(fd, addr).map_err(|e| ("bind", e))?;
    sys::listen(fd, BACKLOG).map_err(|e| ("listen", e))?;
    let addr = sys::getsockname(fd).map_err(|e| ("getsockname", e))?;
    Ok(Listening { socket, addr })
}

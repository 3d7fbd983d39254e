//! `Server`: from its settings to its end (Go's `Server`).

use super::Handler;
use super::connection::HttpDriver;
use super::listen::{AcceptSource, Listeners, PendingConn};
use super::observers::Observers;
use super::server_core::{NamedValue, ServerCore};
use super::settings::ServerSettings;
use crate::error::{Error, Kind, Result};
use crate::mux::Mux;
use crate::runtime::{Listening, Runtime, before_block, is_in_handler, is_owned_by};
use crate::sync::{Mutex, MutexGuard, OnceLock};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(super) struct Setup {
    pub(super) settings: ServerSettings,
    /// What is served in the mux's place.
    pub(super) handler: Option<Arc<Mux>>,
    pub(super) hook: Option<Arc<dyn Handler>>,
    pub(super) listeners: Vec<Arc<Listening>>,
    pub(super) observers: Observers,
    /// Connections of the program's that wait for the start.
    pub(super) pending_conns: Vec<PendingConn>,
    /// The same of its accept functions, by the listener that each is.
    pub(super) sources: Vec<(usize, Box<dyn AcceptSource>)>,
    pub(super) threads: Vec<JoinHandle<()>>,
    pub(super) base_values: Vec<NamedValue>,
    pub(super) on_shutdown: Vec<Box<dyn FnOnce() + Send>>,
    pub(super) on_end: Vec<Box<dyn Fn() + Send + Sync>>,
    pub(super) started: bool,
    pub(super) closed: bool,
}

pub struct Server {
    pub(super) mux: Arc<Mux>,
    setup: Mutex<Setup>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) shared: OnceLock<Arc<ServerCore>>,
    pub(super) runtime: OnceLock<Arc<Runtime<HttpDriver>>>,
    pub(super) stop_requested: AtomicBool,
}

impl Server {
    pub fn new(mux: Arc<Mux>) -> Server {
        let setup = Setup {
            settings: ServerSettings::default(),
            handler: None,
            hook: None,
            listeners: Vec::new(),
            observers: Observers::default(),
            pending_conns: Vec::new(),
            sources: Vec::new(),
            threads: Vec::new(),
            base_values: Vec::new(),
            on_shutdown: Vec::new(),
            on_end: Vec::new(),
            started: false,
            closed: false,
        };
        Server {
            mux,
            setup: Mutex::new(setup),
            listeners: Arc::default(),
            shared: OnceLock::new(),
            runtime: OnceLock::new(),
            stop_requested: AtomicBool::new(false),
        }
    }

    pub fn mux(&self) -> &Arc<Mux> {
        &self.mux
    }

    pub(super) fn setup(&self) -> MutexGuard<'_, Setup> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// configure changes the settings; they are fixed once the server has started.
    pub fn configure(&self, change: impl FnOnce(&mut ServerSettings)) -> Result<()> {
        let mut s = self.setup();
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started; its settings are fixed"));
        }
        change(&mut s.settings);
        Ok(())
    }

    /// set_keep_alive says whether connections serve more than one request, from now on. Off, those that are idle end at
    /// once and others with their answer (Go's SetKeepAlivesEnabled).
    pub fn set_keep_alive(&self, on: bool) {
        let mut s = self.setup();
        s.settings.keep_alive = on;
        let Some(shared) = self.shared.get() else { return };
        shared.keep_alive.store(on, Ordering::SeqCst);
        if let Some(rt) = self.runtime.get().filter(|_| !on) {
            rt.end_idle();
        }
    }

    /// configure_observers changes what the program is told of; that is fixed once the server has started.
    pub fn configure_observers(&self, change: impl FnOnce(&mut Observers)) -> Result<()> {
        let mut s = self.setup();
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started; its settings are fixed"));
        }
        let mut changed = s.observers.clone();
        change(&mut changed);
        let old = std::mem::replace(&mut s.observers, changed);
        drop(s);
        // What was replaced may end userdata of the program's: not under the lock.
        drop(old);
        Ok(())
    }

    /// set_base_value gives all requests a value by a name; one of the same name is replaced.
    pub fn set_base_value(&self, value: NamedValue) -> Result<()> {
        let mut s = self.setup();
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started; its settings are fixed"));
        }
        let before = s.base_values.iter().position(|(k, _)| *k == value.0);
        let before = before.map(|at| s.base_values.swap_remove(at));
        s.base_values.push(value);
        drop(s);
        // It may end userdata of the program's: not under the lock.
        drop(before);
        Ok(())
    }

    /// on_shutdown has `callback` called, once, when the server begins to stop.
    pub fn on_shutdown(&self, callback: Box<dyn FnOnce() + Send>) -> Result<()> {
        let mut s = self.setup();
        if s.closed {
            return Err(closed());
        }
        match self.shared.get() {
            Some(shared) => {
                let mut all = shared.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner);
                // A stop that was requested may have told them already.
                if all.begun {
                    return Err(closed());
                }
                all.left.push(callback);
            }
            None => s.on_shutdown.push(callback),
        }
        Ok(())
    }

    /// on_end has `callback` called when the last connection has ended; before the server starts.
    pub fn on_end(&self, callback: Box<dyn Fn() + Send + Sync>) {
        self.setup().on_end.push(callback);
    }

    /// has_ended: no connection is left, and none will come.
    pub fn has_ended(&self) -> bool {
        match self.shared.get() {
            Some(shared) => shared.ended.lock().unwrap_or_else(PoisonError::into_inner).drained,
            None => self.setup().closed,
        }
    }

    /// set_hook has `hook` called with each request before its handler, or before what the mux answers itself.
    pub fn set_hook(&self, hook: Arc<dyn Handler>) -> Result<()> {
        let mut s = self.setup();
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started; its settings are fixed"));
        }
        // Dropped behind the lock: that may call back into the program.
        let before = s.hook.replace(hook);
        drop(s);
        drop(before);
        Ok(())
    }

    /// set_handler has a handler answer all requests in the mux's place.
    pub fn set_handler(&self, handler: Arc<dyn Handler>) -> Result<()> {
        let handler = handler.clone().as_mux().unwrap_or_else(|| Arc::new(Mux::single(handler)));
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

    /// run starts the server unless that was done, and waits for its end: the answer is always an error,
    /// `ServerClosed` after a stop.
    pub fn run(&self) -> Result<()> {
        self.deny_own_thread()?;
        if !self.setup().started {
            self.start()?;
        }
        self.wait(None, true);
        Err(closed())
    }

    /// wait waits for the last connection's end, and if `all` for those that were hijacked; `false`: the time has passed.
    fn wait(&self, limit: Option<Duration>, all: bool) -> bool {
        let Some(shared) = self.shared.get() else { return true };
        let deadline = limit.map(|d| Instant::now() + d);
        let mut ended = shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if shared.has_pending_hooks() {
                drop(ended);
                shared.run_shutdown_hooks();
                ended = shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if ended.drained && !(all && ended.hijacked > 0) {
                return true;
            }
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
    }

    /// drain lets each answer be its connection's last, and after the lame-duck period stops accepting and ends
    /// idle connections.
    pub(super) fn drain(&self) {
        let listeners = {
            let mut s = self.setup();
            s.closed = true;
            (
                std::mem::take(&mut s.listeners),
                std::mem::take(&mut s.pending_conns),
                std::mem::take(&mut s.sources),
            )
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
        self.deny_own_thread()?;
        self.drain();
        if self.wait(limit, true) {
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

    /// wait_end waits for the end of a server that runs: the answer is always an error, `ServerClosed` after that, and
    /// `Timeout` before.
    pub fn wait_end(&self, limit: Option<Duration>) -> Result<()> {
        self.deny_own_thread()?;
        if self.shared.get().is_none() && !self.setup().closed {
            return Err(Error::new(Kind::State, "nethttp: the server has not started"));
        }
        before_block();
        if self.wait(limit, true) {
            return Err(closed());
        }
        Err(Error::new(Kind::Timeout, "nethttp: the server still runs"))
    }

    /// is_own_thread: this thread is the server's, and cannot wait for the end of all of them.
    pub fn is_own_thread(&self) -> bool {
        self.shared.get().is_some_and(|shared| is_owned_by(shared.id()))
    }

    /// deny_own_thread: waiting for one's own handler would never end.
    pub fn deny_own_thread(&self) -> Result<()> {
        match self.shared.get() {
            Some(shared) if is_in_handler(shared.id()) => {
                Err(Error::new(Kind::WouldDeadlock, "nethttp: called inside a handler of the same server"))
            }
            _ => Ok(()),
        }
    }
}

/// Ends everything and waits for the threads.
impl Drop for Server {
    fn drop(&mut self) {
        self.drain();
        if let Some(rt) = self.runtime.get() {
            // What is detached is let go only then: its descriptors are closed by whoever ends it.
            rt.abort_and_wait();
        }
        if let Some(shared) = self.shared.get() {
            shared.orphaned.store(true, Ordering::SeqCst);
            let all = std::mem::take(&mut *shared.detached.lock().unwrap_or_else(PoisonError::into_inner));
            all.iter().filter_map(Weak::upgrade).for_each(|d| d.orphan());
        }
        self.wait(None, false);
        if let Some(rt) = self.runtime.get() {
            rt.quit();
            rt.join();
        }
        let threads = std::mem::take(&mut self.setup().threads);
        for t in threads {
            let _ = t.join();
        }
        if let Some(shared) = self.shared.get() {
            shared.deadlines.stop();
            shared.disconnects.end();
            let helpers = std::mem::take(&mut *shared.helpers.lock().unwrap_or_else(PoisonError::into_inner));
            for t in helpers {
                let _ = t.join();
            }
        }
    }
}

pub(super) fn closed() -> Error {
    Error::new(Kind::ServerClosed, "http: Server closed")
}

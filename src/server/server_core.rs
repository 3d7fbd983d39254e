//! `ServerCore`: what all threads of a server see of it.

use super::Handler;
use super::connection::HttpDriver;
use super::deadline_thread::DeadlineThread;
use super::detach::DetachedExchange;
use super::disconnect::DisconnectWatcher;
use super::listen::Listeners;
use super::observers::Observers;
use super::settings::ServerSettings;
use crate::mux::Mux;
use crate::runtime::{ConnToken, Runtime, owned_by};
use crate::sync::{Condvar, Mutex, OnceLock};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

/// NamedValue is something of the program's by its name.
pub type NamedValue = (String, Box<dyn std::any::Any + Send + Sync>);

/// ServerCore is what the server's threads see of it.
pub(super) struct ServerCore {
    pub(super) settings: ServerSettings,
    pub(super) mux: Arc<Mux>,
    /// Called before the handler of each request.
    pub(super) hook: Option<Arc<dyn Handler>>,
    pub(super) stopping: Arc<AtomicBool>,
    /// What the program has said last of it.
    pub(super) keep_alive: AtomicBool,
    pub(super) observers: Arc<Observers>,
    pub(super) listeners: Arc<Listeners>,
    /// Connections within the limit of them, and those beyond that are told so.
    pub(super) open: Arc<AtomicUsize>,
    pub(super) refusals: Arc<AtomicUsize>,
    pub(super) deadlines: Arc<DeadlineThread>,
    pub(super) disconnects: DisconnectWatcher,
    /// What all requests have (Go's BaseContext).
    pub(super) base_values: OnceLock<Vec<NamedValue>>,
    /// Exchanges that are answered later.
    pub(super) detached: Mutex<Vec<Weak<DetachedExchange>>>,
    /// The server is being freed: what is detached is let go.
    pub(super) orphaned: AtomicBool,
    /// Told when a graceful stop begins.
    pub(super) on_shutdown: Mutex<ShutdownHooks>,
    /// Threads that call those.
    pub(super) helpers: Mutex<Vec<JoinHandle<()>>>,
    /// Told when the last connection has ended.
    pub(super) on_end: OnceLock<Vec<Box<dyn Fn() + Send + Sync>>>,
    pub(super) base: Instant,
    pub(super) ended: Mutex<ServerEnd>,
    pub(super) end: Condvar,
    pub(super) runtime: OnceLock<Weak<Runtime<HttpDriver>>>,
    /// The second, counted from 1, in which a failed accept was last logged.
    pub(super) accept_failed_at: AtomicU64,
}

impl ServerCore {
    /// id tells the servers of a process apart.
    pub(super) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// now is the runtime's time.
    pub(super) fn now(&self) -> u64 {
        self.base.elapsed().as_millis() as u64
    }

    /// keeps_alive tells whether a connection may outlive an answer that is given now.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive.load(Ordering::Relaxed) && !self.stopping.load(Ordering::Relaxed)
    }

    /// base_value is what all requests have by that name.
    pub(super) fn base_value(&self, key: &str) -> Option<&(dyn std::any::Any + Send + Sync)> {
        self.base_values.get()?.iter().find(|(k, _)| k == key).map(|(_, v)| &**v)
    }

    /// is_low_on_handlers: more than half of the threads that may run handlers off the loop do.
    pub(super) fn is_low_on_handlers(&self) -> bool {
        self.runtime.get().and_then(Weak::upgrade).is_some_and(|rt| rt.is_half_busy())
    }

    /// wake has a connection driven.
    pub(super) fn wake(&self, token: ConnToken) {
        if let Some(rt) = self.runtime.get().and_then(Weak::upgrade) {
            rt.wake(token);
        }
    }

    /// drained: the last connection has ended after a stop.
    pub(super) fn drained(&self) {
        if let Some(rt) = self.runtime.get().and_then(Weak::upgrade) {
            rt.quit();
        }
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).drained = true;
        self.end.notify_all();
        for callback in self.on_end.get().into_iter().flatten() {
            callback();
        }
    }

    /// track_detached is told of each exchange that is detached.
    pub(super) fn track_detached(&self, detached: &Arc<DetachedExchange>) {
        let mut all = self.detached.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= 64 && all.len().is_power_of_two() {
            all.retain(|d| d.strong_count() > 0);
        }
        all.push(Arc::downgrade(detached));
    }

    /// hijacked counts a connection that is the program's, until the guard is dropped: a shutdown waits for it.
    pub(super) fn hijacked(self: &Arc<Self>) -> HijackedConn {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).hijacked += 1;
        HijackedConn(self.clone())
    }

    /// start_shutdown_hooks calls those who asked for it, on a thread of their own: they may wait.
    pub(super) fn start_shutdown_hooks(&self) {
        let token = Arc::new(Mutex::new({
            let mut s = self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner);
            s.begun = true;
            std::mem::take(&mut s.left)
        }));
        let take = |token: &Mutex<Vec<_>>| {
            std::mem::take(&mut *token.lock().unwrap_or_else(PoisonError::into_inner))
        };
        if token.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return;
        }
        let (id, its) = (self.id(), token.clone());
        match crate::threads::spawn("nh-shutdown", move || {
            owned_by(id, || take(&its).into_iter().for_each(|f: ShutdownHook| f()));
        }) {
            Ok(t) => self.helpers.lock().unwrap_or_else(PoisonError::into_inner).push(t),
            Err(_) => {
                self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner).left = take(&token);
                // Who waits looks for them under this lock.
                drop(self.ended.lock().unwrap_or_else(PoisonError::into_inner));
                self.end.notify_all();
            }
        }
    }

    /// has_pending_hooks: no thread could be had for them when the stop began.
    pub(super) fn has_pending_hooks(&self) -> bool {
        let s = self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner);
        s.begun && !s.left.is_empty()
    }

    /// run_shutdown_hooks calls those who are left, on a thread that waits for the end of the server.
    pub(super) fn run_shutdown_hooks(&self) {
        let left = std::mem::take(&mut self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner).left);
        owned_by(self.id(), || left.into_iter().for_each(|f| f()));
    }
}

pub(super) type ShutdownHook = Box<dyn FnOnce() + Send>;

/// ShutdownHooks are those who are told when a stop begins.
#[derive(Default)]
pub(super) struct ShutdownHooks {
    pub(super) begun: bool,
    pub(super) left: Vec<ShutdownHook>,
}

#[derive(Default)]
pub(super) struct ServerEnd {
    pub(super) drained: bool,
    pub(super) hijacked: usize,
}

/// HijackedConn is a connection that is the program's now.
pub(super) struct HijackedConn(Arc<ServerCore>);

impl Drop for HijackedConn {
    fn drop(&mut self) {
        self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).hijacked -= 1;
        self.0.end.notify_all();
    }
}

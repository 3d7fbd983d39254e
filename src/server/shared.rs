//! `Shared`: what all threads of a server see of it.

use super::Handler;
use super::alarms::Alarms;
use super::detach::Detached;
use super::drive::Http;
use super::gone::Watcher;
use super::hooks::Hooks;
use super::listen::Doors;
use super::settings::Settings;
use crate::mux::Mux;
use crate::runtime::{ConnToken, Runtime, owned_by};
use crate::sync::{Condvar, Mutex, OnceLock};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

/// Value is something of the program's by its name.
pub type Value = (String, Box<dyn std::any::Any + Send + Sync>);

/// Shared is what the server's threads see of it.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) mux: Arc<Mux>,
    /// Called before the handler of each request.
    pub(super) hook: Option<Arc<dyn Handler>>,
    pub(super) stopping: Arc<AtomicBool>,
    /// What the program has said last of it.
    pub(super) keep_alive: AtomicBool,
    pub(super) hooks: Arc<Hooks>,
    pub(super) doors: Arc<Doors>,
    /// Connections within the limit of them, and those beyond that are told so.
    pub(super) open: Arc<AtomicUsize>,
    pub(super) surplus: Arc<AtomicUsize>,
    pub(super) alarms: Arc<Alarms>,
    pub(super) watcher: Watcher,
    /// What all requests have (Go's BaseContext).
    pub(super) base_values: OnceLock<Vec<Value>>,
    /// Exchanges that are answered later.
    pub(super) detached: Mutex<Vec<Weak<Detached>>>,
    /// The server is being freed: what is detached is let go.
    pub(super) orphaned: AtomicBool,
    /// Told when a graceful stop begins.
    pub(super) on_shutdown: Mutex<OnShutdown>,
    /// Threads that call those.
    pub(super) helpers: Mutex<Vec<JoinHandle<()>>>,
    /// Told when the last connection has ended.
    pub(super) on_end: OnceLock<Vec<Box<dyn Fn() + Send + Sync>>>,
    pub(super) base: Instant,
    pub(super) ended: Mutex<Ended>,
    pub(super) end: Condvar,
    pub(super) runtime: OnceLock<Weak<Runtime<Http>>>,
    /// The second, counted from 1, in which a failed accept was last logged.
    pub(super) accept_failed_at: AtomicU64,
}

impl Shared {
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
    pub(super) fn wake(&self, place: ConnToken) {
        if let Some(rt) = self.runtime.get().and_then(Weak::upgrade) {
            rt.wake(place);
        }
    }

    /// drained: the last connection has ended after a stop.
    pub(super) fn drained(&self) {
        if let Some(rt) = self.runtime.get().and_then(Weak::upgrade) {
            rt.quit();
        }
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).drained = true;
        self.end.notify_all();
        for told in self.on_end.get().into_iter().flatten() {
            told();
        }
    }

    /// remember is told of each exchange that is detached.
    pub(super) fn remember(&self, detached: &Arc<Detached>) {
        let mut all = self.detached.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= 64 && all.len().is_power_of_two() {
            all.retain(|d| d.strong_count() > 0);
        }
        all.push(Arc::downgrade(detached));
    }

    /// hijacked counts a connection that is the program's, until the guard is dropped: a shutdown waits for it.
    pub(super) fn hijacked(self: &Arc<Self>) -> Hijacked {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).hijacked += 1;
        Hijacked(self.clone())
    }

    /// draining calls those who asked for it, on a thread of their own: they may wait.
    pub(super) fn draining(&self) {
        let place = Arc::new(Mutex::new({
            let mut s = self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner);
            s.begun = true;
            std::mem::take(&mut s.left)
        }));
        let take = |place: &Mutex<Vec<_>>| {
            std::mem::take(&mut *place.lock().unwrap_or_else(PoisonError::into_inner))
        };
        if place.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return;
        }
        let (id, its) = (self.id(), place.clone());
        match crate::threads::spawn("nh-shutdown", move || {
            owned_by(id, || take(&its).into_iter().for_each(|f: Told| f()));
        }) {
            Ok(t) => self.helpers.lock().unwrap_or_else(PoisonError::into_inner).push(t),
            Err(_) => {
                self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner).left = take(&place);
                // Who waits looks for them under this lock.
                drop(self.ended.lock().unwrap_or_else(PoisonError::into_inner));
                self.end.notify_all();
            }
        }
    }

    /// has_untold: no thread could be had for them when the stop began.
    pub(super) fn has_untold(&self) -> bool {
        let s = self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner);
        s.begun && !s.left.is_empty()
    }

    /// tell calls those who are left, on a thread that waits for the end of the server.
    pub(super) fn tell(&self) {
        let left = std::mem::take(&mut self.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner).left);
        owned_by(self.id(), || left.into_iter().for_each(|f| f()));
    }
}

pub(super) type Told = Box<dyn FnOnce() + Send>;

/// OnShutdown are those who are told when a stop begins.
#[derive(Default)]
pub(super) struct OnShutdown {
    pub(super) begun: bool,
    pub(super) left: Vec<Told>,
}

#[derive(Default)]
pub(super) struct Ended {
    pub(super) drained: bool,
    pub(super) hijacked: usize,
}

/// Hijacked is a connection that is the program's now.
pub(super) struct Hijacked(Arc<Shared>);

impl Drop for Hijacked {
    fn drop(&mut self) {
        self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).hijacked -= 1;
        self.0.end.notify_all();
    }
}

//! The start of a server: all of it, or nothing. What a start needs is taken from the settings only once nothing can fail
//! any more, so that a server whose start has failed can be started again as it was set up.

use super::Server;
use super::connection::HttpDriver;
use super::disconnect::DisconnectWatcher;
use super::lifecycle::{Setup, closed};
use super::listen::AcceptSource;
use super::server_core::ServerCore;
use crate::error::{Error, Kind, Result};
use crate::runtime::{Runtime, RuntimeConfig};
use crate::sync::{Condvar, Mutex, MutexGuard, OnceLock};
use crate::threads;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

impl Server {
    /// start begins to serve on library threads and returns. After an error nothing runs, and nothing is lost.
    pub fn start(&self) -> Result<()> {
        let mut s = self.setup();
        if s.closed {
            return Err(closed());
        }
        if s.started {
            return Err(Error::new(Kind::State, "nethttp: the server has started already"));
        }
        if s.listeners.is_empty() && s.pending_conns.is_empty() && s.sources.is_empty() {
            return Err(Error::new(Kind::State, "nethttp: the server listens nowhere"));
        }
        let base = Instant::now();
        let shared = Arc::new(self.share(&s, base));
        let config = RuntimeConfig {
            shards: s.settings.shards,
            cap: s.settings.max_handlers,
            queue: s.settings.max_queue,
            queue_ms: s.settings.queue_timeout.as_millis() as u64,
            lame_ms: s.settings.lame_duck.as_millis() as u64,
            base,
        };
        let rt = Runtime::start(HttpDriver(shared.clone()), config)
            .map_err(|e| Error::io(Kind::NoResources, "nethttp: cannot start the server's threads", &e))?;
        let acceptors = match self.acceptors(&mut s, &rt) {
            Ok(acceptors) => acceptors,
            Err(e) => {
                rt.abort();
                rt.quit();
                rt.join();
                return Err(e);
            }
        };
        // Nothing fails from here on.
        let _ = shared.base_values.set(std::mem::take(&mut s.base_values));
        let _ = shared.on_end.set(std::mem::take(&mut s.on_end));
        shared.on_shutdown.lock().unwrap_or_else(PoisonError::into_inner).left =
            std::mem::take(&mut s.on_shutdown);
        let _ = shared.runtime.set(Arc::downgrade(&rt));
        // The loops alone hold them from here on: they close at the moment in which those let go.
        for l in std::mem::take(&mut s.listeners) {
            rt.listen(&l);
        }
        s.started = true;
        s.threads.extend(acceptors.open());
        let _ = self.shared.set(shared);
        let _ = self.runtime.set(rt);
        let waiting = std::mem::take(&mut s.pending_conns);
        drop(s);
        for pending in waiting {
            self.admit(pending);
        }
        if self.stop_requested.load(Ordering::SeqCst) {
            self.drain();
        }
        Ok(())
    }

    /// share is what the server's threads see of its settings, which keep all of it.
    fn share(&self, s: &Setup, base: Instant) -> ServerCore {
        ServerCore {
            settings: s.settings.clone(),
            mux: s.handler.clone().unwrap_or_else(|| self.mux.clone()),
            hook: s.hook.clone(),
            stopping: Arc::new(AtomicBool::new(false)),
            keep_alive: AtomicBool::new(s.settings.keep_alive),
            observers: Arc::new(s.observers.clone()),
            listeners: self.listeners.clone(),
            open: Arc::default(),
            refusals: Arc::default(),
            deadlines: Arc::default(),
            disconnects: DisconnectWatcher::default(),
            base_values: OnceLock::new(),
            base,
            detached: Mutex::default(),
            orphaned: AtomicBool::new(false),
            on_shutdown: Mutex::default(),
            on_end: OnceLock::new(),
            helpers: Mutex::default(),
            ended: Mutex::default(),
            end: Condvar::new(),
            runtime: OnceLock::new(),
            accept_failed_at: AtomicU64::new(0),
        }
    }

    /// acceptors makes the threads that call the program's accept functions; none of them does so before all are there.
    fn acceptors(&self, s: &mut MutexGuard<'_, Setup>, rt: &Arc<Runtime<HttpDriver>>) -> Result<Acceptors> {
        let mut made = Acceptors { gate: Arc::default(), threads: Vec::new() };
        while let Some((index, source)) = s.sources.pop() {
            let slot = Arc::new(Mutex::new(Some(source)));
            let (gate, its, listeners, rt) =
                (made.gate.clone(), slot.clone(), self.listeners.clone(), rt.clone());
            let run = move || {
                if gate.wait()
                    && let Some(source) = its.lock().unwrap_or_else(PoisonError::into_inner).take()
                {
                    super::listen::accept_all(source, &listeners, index, &rt);
                }
            };
            match threads::spawn("nh-accept", run) {
                Ok(thread) => made.threads.push(Acceptor { index, slot, thread }),
                Err(e) => {
                    s.sources.extend(take(&slot).map(|source| (index, source)));
                    s.sources.extend(made.cancel());
                    return Err(Error::io(Kind::NoResources, "nethttp: cannot start a thread to accept", &e));
                }
            }
        }
        Ok(made)
    }
}

/// Acceptors are threads that wait for the start's end before they accept.
struct Acceptors {
    gate: Arc<StartGate>,
    threads: Vec<Acceptor>,
}

type AcceptorSlot = Arc<Mutex<Option<Box<dyn AcceptSource>>>>;

struct Acceptor {
    index: usize,
    /// Where the thread takes its function from, if it may.
    slot: AcceptorSlot,
    thread: JoinHandle<()>,
}

fn take(slot: &AcceptorSlot) -> Option<Box<dyn AcceptSource>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Acceptors {
    /// open lets the threads begin.
    fn open(self) -> impl Iterator<Item = JoinHandle<()>> {
        self.gate.set(true);
        self.threads.into_iter().map(|a| a.thread)
    }

    /// cancel ends the threads and gives the functions back.
    fn cancel(self) -> Vec<(usize, Box<dyn AcceptSource>)> {
        let sources = self.threads.iter().filter_map(|a| Some((a.index, take(&a.slot)?))).collect();
        self.gate.set(false);
        for a in self.threads {
            let _ = a.thread.join();
        }
        sources
    }
}

/// StartGate holds threads until it is known whether they may go on.
#[derive(Default)]
struct StartGate {
    open: Mutex<Option<bool>>,
    changed: Condvar,
}

impl StartGate {
    fn set(&self, open: bool) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        self.changed.notify_all();
    }

    fn wait(&self) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *open {
                Some(open) => return open,
                None => open = self.changed.wait(open).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

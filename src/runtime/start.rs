//! `Runtime`: shards, threads and monitor of one server, from start to end.

use super::bell::Bell;
use super::current::{self, GiveUp};
use super::driver::{Away, Driver, Fate, Place};
use super::handoff::Call;
use super::leader::lead;
use super::learn::Stall;
use super::listen::Listening;
use super::monitor;
use super::rescue::caught;
use super::shard::{Msg, Shard, Shared};
use super::stopping::Stopping;
use super::sync::lock;
use super::timers::NEVER;
use super::workers::{Limits, Order, Slot, Was, Workers};
use crate::sync::{Mutex, OnceLock};
use crate::threads;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// Event loops; 0 is one for each CPU that the process may use.
    pub(crate) shards: usize,
    /// Handlers off the loop at once.
    pub(crate) cap: usize,
    /// Handlers that may wait for a thread.
    pub(crate) queue: usize,
    /// How long they may wait, in milliseconds.
    pub(crate) queue_ms: u64,
    /// How long a drain is put off, in milliseconds.
    pub(crate) lame_ms: u64,
    /// When the runtime's time began.
    pub(crate) base: Instant,
}

/// Job is what runs off the loop.
pub(super) enum Job<D: Driver> {
    /// The handler of an exchange that has its connection with it.
    Conn { shard: usize, token: u64, conn: Box<D::Conn>, lease: D::Lease },
    /// One that does without.
    Task(D::Task),
}

pub(crate) struct Runtime<D: Driver> {
    pub(crate) driver: D,
    pub(super) shards: Vec<Arc<Shared<D>>>,
    pub(super) workers: Workers<Box<Shard<D>>, Job<D>>,
    pub(super) base: Instant,
    pub(super) queue_ms: u64,
    pub(super) lame_ms: u64,
    /// When a drain that was put off begins.
    pub(super) drain_at: AtomicU64,
    bell: Bell,
    monitor: OnceLock<Thread>,
    pub(super) stopping: Stopping,
    pub(super) stop_requested: AtomicBool,
    pub(super) handles: Mutex<Vec<JoinHandle<()>>>,
    spawned: AtomicUsize,
}

impl<D: Driver> Runtime<D> {
    /// start makes the shards, a thread to lead each, a relief for each, and the monitor.
    pub(crate) fn start(driver: D, config: Config) -> io::Result<Arc<Runtime<D>>> {
        let n = match config.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let shards = (0..n).map(|i| Shared::new(i).map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
        let limits = Limits { cap: config.cap, reserve: n, queue: config.queue };
        let rt = Arc::new(Runtime {
            driver,
            shards,
            workers: Workers::new(limits),
            base: config.base,
            queue_ms: config.queue_ms,
            lame_ms: config.lame_ms,
            drain_at: AtomicU64::new(NEVER),
            bell: Bell::new(),
            monitor: OnceLock::new(),
            stopping: Stopping::new(n),
            stop_requested: AtomicBool::new(false),
            handles: Mutex::new(Vec::new()),
            spawned: AtomicUsize::new(0),
        });
        for index in 0..n {
            rt.workers.lead(Shard::new(&Arc::downgrade(&rt), index), false);
        }
        if let Err(e) = rt.first_threads() {
            rt.quit();
            rt.workers.stop();
            rt.join();
            return Err(e);
        }
        Ok(rt)
    }

    fn first_threads(self: &Arc<Self>) -> io::Result<()> {
        for _ in 0..self.workers.wanted() {
            self.spawn_worker().inspect_err(|_| self.workers.failed())?;
        }
        let rt = self.clone();
        let handle = threads::spawn("nh-monitor", move || {
            current::owned_by(rt.driver.id(), || monitor::run(&rt));
        })?;
        let _ = self.monitor.set(handle.thread().clone());
        lock(&self.handles).push(handle);
        Ok(())
    }

    pub(super) fn spawn_worker(self: &Arc<Self>) -> io::Result<()> {
        let rt = self.clone();
        let number = self.spawned.fetch_add(1, Ordering::Relaxed);
        let handle = threads::spawn(&format!("nh-serve-{number}"), move || {
            current::owned_by(rt.driver.id(), || work(&rt));
        })?;
        let mut handles = lock(&self.handles);
        // Threads come and go with the load; those that have ended need no joining.
        if handles.len() >= 64 && handles.len().is_power_of_two() {
            handles.retain(|h| !h.is_finished());
        }
        handles.push(handle);
        Ok(())
    }

    /// now is the time in milliseconds since the start, as [`super::Leader::now`] counts it.
    pub(crate) fn now(&self) -> u64 {
        self.base.elapsed().as_millis() as u64
    }

    pub(crate) fn listen(&self, l: &Arc<Listening>) {
        for s in &self.shards {
            s.post(Msg::Listen(l.clone()));
        }
    }

    /// wake has a connection driven, from any thread; where it is not any more, nothing happens.
    pub(crate) fn wake(&self, place: Place) {
        if let Some(s) = self.shards.get(place.shard) {
            s.post(Msg::Wake(place.token));
        }
    }

    /// is_half_busy: more than half of the handlers that may be off the loop are.
    pub(crate) fn is_half_busy(&self) -> bool {
        self.workers.is_half_busy()
    }

    pub(super) fn tell(&self, msg: impl Fn() -> Msg<D>) {
        for s in &self.shards {
            s.post(msg());
        }
    }

    pub(super) fn has_mail(&self, index: usize) -> bool {
        self.shards.get(index).is_some_and(|s| s.mail.has_some())
    }

    /// ring wakes the monitor if it sleeps.
    pub(super) fn ring(&self) {
        self.bell.ring(|| self.wake_monitor());
    }

    pub(super) fn wake_monitor(&self) {
        if let Some(t) = self.monitor.get() {
            t.unpark();
        }
    }

    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// leave has an exchange answered later, on a thread that leads no shard: what is answered already ends here.
    pub(super) fn leave(&self, away: Away<D>) {
        let (shard, token) = (away.shard, away.token);
        let left = caught(|| {
            if let Some(mut away) = self.driver.detached(away) {
                let fate = self.driver.run(&mut away.conn, &mut away.lease);
                away.back(fate);
            }
        });
        if left.is_none() {
            self.forget(shard, token);
        }
    }

    /// displace passes on a shard whose leader is still in a handler.
    pub(super) fn displace(&self, mut shard: Box<Shard<D>>, why: Stall) {
        self.driver.stalled(shard.route, why);
        if let Some(cork) = shard.cork.take() {
            cork.flush();
        }
        if let Some(token) = shard.beside.take() {
            shard.enqueue(token);
        }
        self.workers.lead(shard, true);
        self.ring();
    }
}

/// Here is a shard that this thread leads.
pub(super) struct Here<D: Driver> {
    pub(super) rt: Arc<Runtime<D>>,
    pub(super) index: usize,
}

impl<D: Driver> GiveUp for Here<D> {
    fn give_up(&self, call: Call, why: Stall) {
        if let Some(shard) = self.rt.shards.get(self.index).and_then(|s| s.handoff.steal(call)) {
            self.rt.displace(shard, why);
        }
    }
}

fn work<D: Driver>(rt: &Arc<Runtime<D>>) {
    let (slot, mut was) = (Slot::new(), Was::Started);
    let mut lease = rt.driver.lease();
    loop {
        match rt.workers.next(&slot, was) {
            Order::Lead(shard) => was = lead(rt, shard, &mut lease),
            Order::Run(Job::Task(task)) => {
                if caught(|| rt.driver.run_task(task, &mut lease)).is_none() {
                    lease = rt.driver.lease();
                }
                was = Was::Handling;
            }
            Order::Run(Job::Conn { shard, token, mut conn, lease: mut its }) => {
                let Some(fate) = caught(|| rt.driver.run(&mut conn, &mut its)) else {
                    rt.forget(shard, token);
                    was = Was::Handling;
                    continue;
                };
                if fate == Fate::Detached {
                    rt.leave(Away { rt: rt.clone(), shard, token, conn, lease: its });
                } else if let Some(shared) = rt.shards.get(shard) {
                    shared.post(Msg::Back { token, conn, lease: Some(its), fate });
                }
                was = Was::Handling;
            }
            Order::Exit => return,
        }
    }
}

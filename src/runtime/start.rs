//! `Runtime`: shards, threads and monitor of one server, from start to end.

use super::blocking_stats::Stall;
use super::driver::{ConnToken, DetachedConn, Driver, NextAction};
use super::handoff::CallId;
use super::leader::lead;
use super::listen::Listening;
use super::monitor;
use super::notifier::Notifier;
use super::shard::{Msg, Shard, ShardShared};
use super::stopping::Stopping;
use super::sync::lock;
use super::thread_local::{self, ShardOwner};
use super::timers::NEVER;
use super::unwind::catch_panic;
use super::workers::{LastTask, Order, WorkerLimits, WorkerSlot, Workers};
use crate::sync::{Mutex, OnceLock};
use crate::threads;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct RuntimeConfig {
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

/// OffLoopJob is what runs off the loop.
pub(super) enum OffLoopJob<D: Driver> {
    /// The handler of an exchange that has its connection with it.
    Conn { shard: usize, token: u64, conn: Box<D::Conn>, lease: D::Lease },
    /// One that does without.
    Task(D::Task),
}

pub(crate) struct Runtime<D: Driver> {
    pub(crate) driver: D,
    pub(super) shards: Vec<Arc<ShardShared<D>>>,
    pub(super) workers: Workers<Box<Shard<D>>, OffLoopJob<D>>,
    pub(super) base: Instant,
    pub(super) queue_ms: u64,
    pub(super) lame_ms: u64,
    /// When a drain that was put off begins.
    pub(super) drain_at: AtomicU64,
    notifier: Notifier,
    monitor: OnceLock<Thread>,
    pub(super) stopping: Stopping,
    pub(super) stop_requested: AtomicBool,
    pub(super) handles: Mutex<Vec<JoinHandle<()>>>,
    spawned: AtomicUsize,
}

impl<D: Driver> Runtime<D> {
    /// start makes the shards, a thread to lead each, a relief for each, and the monitor.
    pub(crate) fn start(driver: D, config: RuntimeConfig) -> io::Result<Arc<Runtime<D>>> {
        let n = match config.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let shards = (0..n).map(|i| ShardShared::new(i).map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
        let limits = WorkerLimits { cap: config.cap, reserve: n, queue: config.queue };
        let rt = Arc::new(Runtime {
            driver,
            shards,
            workers: Workers::new(limits),
            base: config.base,
            queue_ms: config.queue_ms,
            lame_ms: config.lame_ms,
            drain_at: AtomicU64::new(NEVER),
            notifier: Notifier::new(),
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
        for _ in 0..self.workers.threads_to_start() {
            self.spawn_worker().inspect_err(|_| self.workers.start_failed())?;
        }
        let rt = self.clone();
        let handle = threads::spawn("nh-monitor", move || {
            thread_local::owned_by(rt.driver.id(), || monitor::run(&rt));
        })?;
        let _ = self.monitor.set(handle.thread().clone());
        lock(&self.handles).push(handle);
        Ok(())
    }

    pub(super) fn spawn_worker(self: &Arc<Self>) -> io::Result<()> {
        let rt = self.clone();
        let number = self.spawned.fetch_add(1, Ordering::Relaxed);
        let handle = threads::spawn(&format!("nh-serve-{number}"), move || {
            thread_local::owned_by(rt.driver.id(), || work(&rt));
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
    pub(crate) fn wake(&self, place: ConnToken) {
        if let Some(s) = self.shards.get(place.shard) {
            s.post(Msg::Wake(place.token));
        }
    }

    /// is_half_busy: more than half of the handlers that may be off the loop are.
    pub(crate) fn is_half_busy(&self) -> bool {
        self.workers.is_half_busy()
    }

    pub(super) fn broadcast(&self, msg: impl Fn() -> Msg<D>) {
        for s in &self.shards {
            s.post(msg());
        }
    }

    pub(super) fn has_mail(&self, index: usize) -> bool {
        self.shards.get(index).is_some_and(|s| s.mail.has_some())
    }

    /// notify_monitor wakes the monitor if it sleeps.
    pub(super) fn notify_monitor(&self) {
        self.notifier.notify(|| self.wake_monitor());
    }

    pub(super) fn wake_monitor(&self) {
        if let Some(t) = self.monitor.get() {
            t.unpark();
        }
    }

    pub(super) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// detach has an exchange answered later, on a thread that leads no shard: what is answered already ends here.
    pub(super) fn detach(&self, detached_conn: DetachedConn<D>) {
        let (shard, token) = (detached_conn.shard, detached_conn.token);
        let left = catch_panic(|| {
            if let Some(mut detached_conn) = self.driver.detached(detached_conn) {
                let action = self.driver.run(&mut detached_conn.conn, &mut detached_conn.lease);
                detached_conn.give_back(action);
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
        if let Some(token) = shard.left_conn.take() {
            shard.enqueue(token);
        }
        self.workers.lead(shard, true);
        self.notify_monitor();
    }
}

/// LedShard is a shard that this thread leads.
pub(super) struct LedShard<D: Driver> {
    pub(super) rt: Arc<Runtime<D>>,
    pub(super) index: usize,
}

impl<D: Driver> ShardOwner for LedShard<D> {
    fn hand_off(&self, call: CallId, why: Stall) {
        if let Some(shard) = self.rt.shards.get(self.index).and_then(|s| s.handoff.steal(call)) {
            self.rt.displace(shard, why);
        }
    }
}

fn work<D: Driver>(rt: &Arc<Runtime<D>>) {
    let (slot, mut last) = (WorkerSlot::new(), LastTask::Started);
    let mut lease = rt.driver.lease();
    loop {
        match rt.workers.next(&slot, last) {
            Order::Lead(shard) => last = lead(rt, shard, &mut lease),
            Order::Run(OffLoopJob::Task(task)) => {
                if catch_panic(|| rt.driver.run_task(task, &mut lease)).is_none() {
                    lease = rt.driver.lease();
                }
                last = LastTask::Handling;
            }
            Order::Run(OffLoopJob::Conn { shard, token, mut conn, lease: mut its }) => {
                let Some(action) = catch_panic(|| rt.driver.run(&mut conn, &mut its)) else {
                    rt.forget(shard, token);
                    last = LastTask::Handling;
                    continue;
                };
                if action == NextAction::Detached {
                    rt.detach(DetachedConn { rt: rt.clone(), shard, token, conn, lease: its });
                } else if let Some(shared) = rt.shards.get(shard) {
                    shared.post(Msg::Back { token, conn, lease: Some(its), action });
                }
                last = LastTask::Handling;
            }
            Order::Exit => return,
        }
    }
}

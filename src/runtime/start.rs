//! `Runtime`: shards, threads and monitor of one server, from start to end.

use super::bell::Bell;
use super::current::{self, GiveUp};
use super::driver::{Away, Driver, Fate, Place, Ready};
use super::handoff::Call;
use super::leader::lead;
use super::learn::Stall;
use super::listen::Listening;
use super::monitor;
use super::rescue::caught;
use super::shard::{Msg, Shard, Shared};
use super::sync::lock;
use super::timers::NEVER;
use super::workers::{Limits, Order, Slot, Was, Workers};
use crate::hooks;
use crate::sync::{Condvar, Mutex, OnceLock};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Phase {
    Running,
    Draining,
    Quit,
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
    lame_ms: u64,
    /// When a drain that was put off begins.
    drain_at: AtomicU64,
    bell: Bell,
    monitor: OnceLock<Thread>,
    phase: AtomicU8,
    drained: AtomicBool,
    /// Shards that accept no more.
    stopped: AtomicUsize,
    stop_requested: AtomicBool,
    /// Shards whose connections were ended, or that have ended themselves.
    aborted: Mutex<usize>,
    all_aborted: Condvar,
    handles: Mutex<Vec<JoinHandle<()>>>,
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
            phase: AtomicU8::new(Phase::Running as u8),
            drained: AtomicBool::new(false),
            stopped: AtomicUsize::new(0),
            stop_requested: AtomicBool::new(false),
            aborted: Mutex::new(0),
            all_aborted: Condvar::new(),
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
        let handle = hooks::spawn("nh-monitor", move || {
            current::owned_by(rt.driver.id(), || monitor::run(&rt));
        })?;
        let _ = self.monitor.set(handle.thread().clone());
        lock(&self.handles).push(handle);
        Ok(())
    }

    pub(super) fn spawn_worker(self: &Arc<Self>) -> io::Result<()> {
        let rt = self.clone();
        let number = self.spawned.fetch_add(1, Ordering::Relaxed);
        let handle = hooks::spawn(&format!("nh-serve-{number}"), move || {
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

    /// adopt takes a connection that no listener has brought; `false`: the runtime stops.
    pub(crate) fn adopt(&self, conn: Box<D::Conn>, due: u64) -> bool {
        let Some(s) = self.shards.iter().min_by_key(|s| s.conns.load(Ordering::Relaxed)) else {
            return false;
        };
        // Counted before the phase is looked at, while whoever stops looks at the count after it has set the phase:
        // one of the two sees the other.
        super::shard::add(&s.conns);
        if self.phase() != Phase::Running {
            super::shard::sub(&s.conns);
            // It may have been the last one: the leader is to look again.
            s.post(Msg::Stop);
            return false;
        }
        s.post(Msg::Adopt { conn, ready: Ready::default(), due });
        true
    }

    /// wake has a connection driven, from any thread; where it is not any more, nothing happens.
    pub(crate) fn wake(&self, place: Place) {
        if let Some(s) = self.shards.get(place.shard) {
            s.post(Msg::Wake(place.token));
        }
    }

    /// begin_drain is [`Runtime::drain`] after the lame-duck period; only the first call counts.
    pub(crate) fn begin_drain(&self) {
        let at = self.now().saturating_add(self.lame_ms);
        if self.drain_at.compare_exchange(NEVER, at, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.driver.draining();
            if self.lame_ms == 0 {
                self.drain();
            } else {
                self.wake_monitor();
            }
        }
    }

    /// until_drain is how long a drain is still put off; it begins here when the time has come.
    pub(super) fn until_drain(&self) -> Option<Duration> {
        let at = self.drain_at.load(Ordering::SeqCst);
        if at == NEVER || self.phase() != Phase::Running {
            return None;
        }
        let left = at.saturating_sub(self.now());
        if left == 0 {
            self.drain();
            return None;
        }
        Some(Duration::from_millis(left))
    }

    /// drain ends accepting and idle connections; busy ones end after their answer.
    pub(crate) fn drain(&self) {
        self.set_phase(Phase::Draining);
        self.tell(|| Msg::Stop);
    }

    /// end_idle ends idle connections; new ones are accepted as before.
    pub(crate) fn end_idle(&self) {
        self.tell(|| Msg::EndIdle);
    }

    /// request_stop asks for a drain; async-signal-safe.
    pub(crate) fn request_stop(&self) {
        self.stop_requested.store(true, Ordering::SeqCst);
        if let Some(s) = self.shards.first() {
            s.write_wake();
        }
    }

    /// obey drains if that was asked for.
    pub(super) fn obey(&self) {
        if self.stop_requested.load(Ordering::SeqCst) && self.phase() == Phase::Running {
            self.begin_drain();
        }
    }

    /// abort ends everything now.
    pub(crate) fn abort(&self) {
        self.drain();
        self.tell(|| Msg::Abort);
    }

    /// aborted is called once by each shard.
    pub(super) fn aborted(&self) {
        *lock(&self.aborted) += 1;
        self.all_aborted.notify_all();
    }

    /// abort_and_wait is [`Runtime::abort`], and returns when no shard touches a descriptor of a connection any more that
    /// somebody else has. It waits for no handler: a leader that is in one loses its shard to another thread.
    pub(crate) fn abort_and_wait(&self) {
        self.abort();
        let mut aborted = lock(&self.aborted);
        while *aborted < self.shards.len() {
            aborted = self.all_aborted.wait(aborted).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// quit lets the threads end once the connections have.
    pub(crate) fn quit(&self) {
        self.set_phase(Phase::Quit);
        // A message and not a mere wake: a leader that is just about to sleep sees it.
        self.tell(|| Msg::Stop);
        self.workers.stop();
        self.wake_monitor();
    }

    /// join waits for all threads; not to be called by one of them.
    pub(crate) fn join(&self) {
        loop {
            let handles = std::mem::take(&mut *lock(&self.handles));
            if handles.is_empty() {
                return;
            }
            for h in handles {
                let _ = h.join();
            }
        }
    }

    /// is_half_busy: more than half of the handlers that may be off the loop are.
    pub(crate) fn is_half_busy(&self) -> bool {
        self.workers.is_half_busy()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shards.iter().map(|s| s.conns.load(Ordering::SeqCst)).sum()
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Quit,
        }
    }

    fn set_phase(&self, p: Phase) {
        self.phase.fetch_max(p as u8, Ordering::SeqCst);
    }

    fn tell(&self, msg: impl Fn() -> Msg<D>) {
        for s in &self.shards {
            s.post(msg());
        }
    }

    pub(super) fn has_mail(&self, index: usize) -> bool {
        self.shards.get(index).is_some_and(|s| s.mail.has_some())
    }

    /// stopped is called by each shard once it accepts no more.
    pub(super) fn stopped(&self) {
        self.stopped.fetch_add(1, Ordering::SeqCst);
    }

    /// maybe_drained tells the driver, once, that the last connection has ended after a stop.
    pub(super) fn maybe_drained(self: &Arc<Self>) {
        // In this order: a shard that still accepts may bring another one.
        let all = self.stopped.load(Ordering::SeqCst) == self.shards.len();
        if all && self.connections() == 0 && !self.drained.swap(true, Ordering::SeqCst) {
            self.driver.drained();
        }
    }

    /// ring wakes the monitor if it sleeps.
    pub(super) fn ring(&self) {
        self.bell.ring(|| self.wake_monitor());
    }

    fn wake_monitor(&self) {
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

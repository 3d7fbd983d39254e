//! `Workers`: the threads that run handlers off the loop and stand by to lead a shard.
//!
//! The promise to keep: *a relief always exists*. A leader may run a handler inline only while at least
//! `reserve` threads are idle (one for each shard), and off-loop handlers never take those. So when leaders
//! block, each of their shards finds a thread, whatever the cap. Past the cap handlers queue; past the queue
//! they are refused. Handlers that are trusted to be quick run inline past the cap too: those that wait for each
//! other up to the cap must not keep them from being served. Where that trust is wrong, and where several leaders
//! pass the cap at once, it is exceeded by a few, twice as many as there are shards. A thread is handed its order directly and the most recently used one first; the lock is
//! held for a few instructions and never while waking.

use super::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, lock};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) enum Order<L, J> {
    /// Lead this shard.
    Lead(L),
    /// Run this handler.
    Run(J),
    Exit,
}

/// LastTask says what a thread that asks for its next order has done since the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LastTask {
    Started,
    /// It led a shard to its end.
    Leading,
    /// It ran a handler: off the loop, or inline until it was displaced.
    Handling,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerLimits {
    /// Handlers that may run off the loop at once.
    pub(crate) cap: usize,
    /// Idle threads kept for the shards.
    pub(crate) reserve: usize,
    /// Handlers that may wait for a thread.
    pub(crate) queue: usize,
}

pub(crate) struct WorkerSlot<L, J> {
    order: Mutex<Option<Order<L, J>>>,
    assigned: Condvar,
}

impl<L, J> WorkerSlot<L, J> {
    pub(crate) fn new() -> Arc<WorkerSlot<L, J>> {
        Arc::new(WorkerSlot { order: Mutex::new(None), assigned: Condvar::new() })
    }

    fn assign(&self, order: Order<L, J>) {
        *lock(&self.order) = Some(order);
        self.assigned.notify_one();
    }

    fn wait(&self) -> Order<L, J> {
        let mut order = lock(&self.order);
        loop {
            if let Some(o) = order.take() {
                return o;
            }
            order = self.assigned.wait(order).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

struct WorkersState<L, J> {
    idle: Vec<Arc<WorkerSlot<L, J>>>,
    shards: VecDeque<L>,
    /// Handlers that wait for a thread, with the time since when.
    jobs: VecDeque<(u64, J)>,
    /// The same, of those that are trusted to be quick.
    quick: VecDeque<(u64, J)>,
    /// Threads that exist or are being made.
    threads: usize,
    starting: usize,
    /// Handlers off the loop. Signed: a displaced thread may be back before its displacement is counted.
    busy: isize,
    stopping: bool,
}

pub(crate) struct Workers<L, J> {
    state: Mutex<WorkersState<L, J>>,
    idle: AtomicUsize,
    /// Below the cap, as leaders may see it without the lock: approximately.
    room: AtomicBool,
    limits: WorkerLimits,
}

impl<L, J> Workers<L, J> {
    pub(crate) fn new(limits: WorkerLimits) -> Workers<L, J> {
        let state = WorkersState {
            idle: Vec::new(),
            shards: VecDeque::new(),
            jobs: VecDeque::new(),
            quick: VecDeque::new(),
            threads: 0,
            starting: 0,
            busy: 0,
            stopping: false,
        };
        Workers {
            state: Mutex::new(state),
            idle: AtomicUsize::new(0),
            room: AtomicBool::new(limits.cap > 0),
            limits,
        }
    }

    /// may_run_inline tells a leader whether a relief stands by, and, for a handler that is not trusted to be
    /// `quick`, whether the cap has room for it.
    pub(crate) fn may_run_inline(&self, quick: bool) -> bool {
        self.idle.load(Ordering::Relaxed) >= self.limits.reserve
            && (quick || self.room.load(Ordering::Relaxed))
    }

    /// has_room tells, approximately, whether a handler would not have to wait for others to end.
    pub(crate) fn has_room(&self, quick: bool) -> bool {
        quick || self.room.load(Ordering::Relaxed)
    }

    /// is_half_busy tells whether more than half of the handlers that may be off the loop are.
    pub(crate) fn is_half_busy(&self) -> bool {
        2 * lock(&self.state).busy > self.cap(false)
    }

    /// cap is how many handlers may be off the loop before another one starts there. Above the cap of all is room
    /// for what leaders may at once have let past it, and as much again for quick ones.
    fn cap(&self, quick: bool) -> isize {
        (self.limits.cap + if quick { 2 * self.limits.reserve } else { 0 }) as isize
    }

    /// max_threads is how many threads there are at all: leaders, their reliefs and handlers.
    fn max_threads(&self) -> usize {
        2 * self.limits.reserve + self.cap(true) as usize
    }

    /// count changes the number of handlers off the loop.
    fn count(&self, s: &mut WorkersState<L, J>, by: isize) {
        s.busy += by;
        let room = s.busy < self.cap(false);
        if room != self.room.load(Ordering::Relaxed) {
            self.room.store(room, Ordering::Relaxed);
        }
    }

    /// lead gives a shard to a thread; `displaced`: its old leader is still in a handler.
    pub(crate) fn lead(&self, shard: L, displaced: bool) {
        let mut s = lock(&self.state);
        if displaced {
            self.count(&mut s, 1);
        }
        match s.idle.pop() {
            None => s.shards.push_back(shard),
            Some(slot) => {
                self.idle.store(s.idle.len(), Ordering::Relaxed);
                drop(s);
                slot.assign(Order::Lead(shard));
            }
        }
    }

    /// run gives a handler to a thread, or queues it (`true`); `Err`: the queue is full or the threads stop.
    pub(crate) fn run(&self, job: J, quick: bool, now: u64) -> Result<bool, J> {
        let mut s = lock(&self.state);
        if s.stopping || s.jobs.len() + s.quick.len() >= self.limits.queue {
            return Err(job);
        }
        let first = if quick { s.quick.is_empty() } else { s.quick.is_empty() && s.jobs.is_empty() };
        let free = first && s.busy < self.cap(quick) && s.idle.len() > self.limits.reserve;
        match if free { s.idle.pop() } else { None } {
            None => {
                let queue = if quick { &mut s.quick } else { &mut s.jobs };
                queue.push_back((now, job));
                return Ok(true);
            }
            Some(slot) => {
                self.count(&mut s, 1);
                self.idle.store(s.idle.len(), Ordering::Relaxed);
                drop(s);
                slot.assign(Order::Run(job));
            }
        }
        Ok(false)
    }

    /// next waits for a thread's next order.
    pub(crate) fn next(&self, slot: &Arc<WorkerSlot<L, J>>, last: LastTask) -> Order<L, J> {
        let mut s = lock(&self.state);
        match last {
            LastTask::Started => s.starting = s.starting.saturating_sub(1),
            LastTask::Handling => self.count(&mut s, -1),
            LastTask::Leading => {}
        }
        if let Some(shard) = s.shards.pop_front() {
            return Order::Lead(shard);
        }
        if (s.idle.len() >= self.limits.reserve || s.stopping)
            && let Some(job) = self.waiting(&mut s)
        {
            self.count(&mut s, 1);
            return Order::Run(job);
        }
        if s.stopping {
            // Handlers that still wait have no room below the cap; the threads that fill it take them when they come
            // here. An idle thread would stay for ever: `stop` has sent the idle ones away and does not look again.
            s.threads -= 1;
            return Order::Exit;
        }
        s.idle.push(slot.clone());
        self.idle.store(s.idle.len(), Ordering::Relaxed);
        drop(s);
        slot.wait()
    }

    /// waiting takes the handler whose turn it is, if the cap has room for it.
    fn waiting(&self, s: &mut WorkersState<L, J>) -> Option<J> {
        let quick = if s.busy < self.cap(true) { s.quick.pop_front() } else { None };
        let job = quick.or_else(|| if s.busy < self.cap(false) { s.jobs.pop_front() } else { None });
        job.map(|(_, job)| job)
    }

    /// threads_to_start says how many threads to make now, and counts them as being made.
    pub(crate) fn threads_to_start(&self) -> usize {
        let mut s = lock(&self.state);
        if s.stopping && s.shards.is_empty() {
            return 0;
        }
        let room = |quick| (self.cap(quick) - s.busy).max(0) as usize;
        let handlers = (s.quick.len() + s.jobs.len().min(room(false))).min(room(true));
        let need = s.shards.len() + handlers + self.limits.reserve;
        let have = s.idle.len() + s.starting;
        let n = need.saturating_sub(have).min(self.max_threads().saturating_sub(s.threads));
        s.threads += n;
        s.starting += n;
        n
    }

    /// start_failed takes back one thread of [`Workers::threads_to_start`] that could not be made.
    pub(crate) fn start_failed(&self) {
        let mut s = lock(&self.state);
        s.threads -= 1;
        s.starting = s.starting.saturating_sub(1);
    }

    /// needs_thread tells whether something waits for a thread.
    pub(crate) fn needs_thread(&self) -> bool {
        let s = lock(&self.state);
        let reserve = if s.stopping { 0 } else { self.limits.reserve };
        !s.shards.is_empty()
            || !s.jobs.is_empty()
            || !s.quick.is_empty()
            || s.idle.len() + s.starting < reserve
    }

    /// expired takes the handlers out of the queue that have waited since before `since`.
    pub(crate) fn expired(&self, since: u64) -> Vec<J> {
        let mut s = lock(&self.state);
        let s = &mut *s;
        let mut late = Vec::new();
        for queue in [&mut s.quick, &mut s.jobs] {
            let n = queue.iter().take_while(|(at, _)| *at < since).count();
            late.extend(queue.drain(..n).map(|(_, job)| job));
        }
        late
    }

    /// trim sends half of the idle threads away that are more than the shards want, the longest idle first: after
    /// a burst the number falls quickly at first, and a pulse of load keeps what it needs.
    pub(crate) fn trim(&self) {
        let mut s = lock(&self.state);
        let surplus = s.idle.len().saturating_sub(self.limits.reserve + 1);
        if surplus == 0 || !s.jobs.is_empty() || !s.quick.is_empty() {
            return;
        }
        // The bottom of the stack is the thread that has been idle longest.
        let gone: Vec<_> = s.idle.drain(..surplus.div_ceil(2)).collect();
        s.threads -= gone.len();
        self.idle.store(s.idle.len(), Ordering::Relaxed);
        drop(s);
        for slot in gone {
            slot.assign(Order::Exit);
        }
    }

    /// stop sends the idle threads away; the others follow when they ask for an order.
    pub(crate) fn stop(&self) {
        let mut s = lock(&self.state);
        s.stopping = true;
        let idle = std::mem::take(&mut s.idle);
        s.threads -= idle.len();
        self.idle.store(0, Ordering::Relaxed);
        drop(s);
        for slot in idle {
            slot.assign(Order::Exit);
        }
    }
}

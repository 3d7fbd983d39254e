//! `Workers`: the threads that run handlers off the loop and stand by to lead a shard.
//!
//! The promise to keep: *a relief always exists*. A leader may run a handler inline only while at least
//! `reserve` threads are idle (one for each shard), and off-loop handlers never take those. So when leaders
//! block, each of their shards finds a thread, whatever the cap. Past the cap handlers queue; past the queue
//! they are refused. A thread is handed its order directly and the most recently used one first; the lock is
//! held for a few instructions and never while waking.

use super::sync::{AtomicUsize, Mutex, Ordering, lock};
use std::collections::VecDeque;
use std::sync::Arc;

#[cfg(loom)]
use loom::sync::Condvar;
#[cfg(not(loom))]
use std::sync::Condvar;

pub(crate) enum Order<L, J> {
    /// Lead this shard.
    Lead(L),
    /// Run this handler.
    Run(J),
    Exit,
}

/// Was says what a thread that asks for its next order has done since the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Was {
    Started,
    /// It led a shard to its end.
    Leading,
    /// It ran a handler: off the loop, or inline until it was displaced.
    Handling,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Handlers that may run off the loop at once.
    pub(crate) cap: usize,
    /// Idle threads kept for the shards.
    pub(crate) reserve: usize,
    /// Handlers that may wait for a thread.
    pub(crate) queue: usize,
}

pub(crate) struct Slot<L, J> {
    order: Mutex<Option<Order<L, J>>>,
    given: Condvar,
}

impl<L, J> Slot<L, J> {
    pub(crate) fn new() -> Arc<Slot<L, J>> {
        Arc::new(Slot { order: Mutex::new(None), given: Condvar::new() })
    }

    fn give(&self, order: Order<L, J>) {
        *lock(&self.order) = Some(order);
        self.given.notify_one();
    }

    fn wait(&self) -> Order<L, J> {
        let mut order = lock(&self.order);
        loop {
            if let Some(o) = order.take() {
                return o;
            }
            order = self.given.wait(order).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

struct State<L, J> {
    idle: Vec<Arc<Slot<L, J>>>,
    leads: VecDeque<L>,
    jobs: VecDeque<(u64, J)>,
    /// Threads that exist or are being made.
    threads: usize,
    starting: usize,
    /// Handlers off the loop. Signed: a displaced thread may be back before its displacement is counted.
    busy: isize,
    stopping: bool,
}

pub(crate) struct Workers<L, J> {
    state: Mutex<State<L, J>>,
    idle: AtomicUsize,
    limits: Limits,
}

impl<L, J> Workers<L, J> {
    pub(crate) fn new(limits: Limits) -> Workers<L, J> {
        let state = State {
            idle: Vec::new(),
            leads: VecDeque::new(),
            jobs: VecDeque::new(),
            threads: 0,
            starting: 0,
            busy: 0,
            stopping: false,
        };
        Workers { state: Mutex::new(state), idle: AtomicUsize::new(0), limits }
    }

    /// may_run_inline tells a leader whether a relief stands by.
    pub(crate) fn may_run_inline(&self) -> bool {
        self.idle.load(Ordering::Relaxed) >= self.limits.reserve
    }

    /// lead gives a shard to a thread; `displaced`: its old leader is still in a handler.
    pub(crate) fn lead(&self, shard: L, displaced: bool) {
        let mut s = lock(&self.state);
        if displaced {
            s.busy += 1;
        }
        match s.idle.pop() {
            None => s.leads.push_back(shard),
            Some(slot) => {
                self.idle.store(s.idle.len(), Ordering::Relaxed);
                drop(s);
                slot.give(Order::Lead(shard));
            }
        }
    }

    /// run gives a handler to a thread, or queues it (`true`); `Err`: the queue is full or the threads stop.
    pub(crate) fn run(&self, job: J, now: u64) -> Result<bool, J> {
        let mut s = lock(&self.state);
        if s.stopping || s.jobs.len() >= self.limits.queue {
            return Err(job);
        }
        let free =
            s.busy < self.limits.cap as isize && s.idle.len() > self.limits.reserve && s.jobs.is_empty();
        match if free { s.idle.pop() } else { None } {
            None => {
                s.jobs.push_back((now, job));
                return Ok(true);
            }
            Some(slot) => {
                s.busy += 1;
                self.idle.store(s.idle.len(), Ordering::Relaxed);
                drop(s);
                slot.give(Order::Run(job));
            }
        }
        Ok(false)
    }

    /// next waits for a thread's next order.
    pub(crate) fn next(&self, slot: &Arc<Slot<L, J>>, was: Was) -> Order<L, J> {
        let mut s = lock(&self.state);
        match was {
            Was::Started => s.starting = s.starting.saturating_sub(1),
            Was::Handling => s.busy -= 1,
            Was::Leading => {}
        }
        if let Some(shard) = s.leads.pop_front() {
            return Order::Lead(shard);
        }
        if s.stopping && s.jobs.is_empty() {
            s.threads -= 1;
            return Order::Exit;
        }
        if s.busy < self.limits.cap as isize
            && (s.idle.len() >= self.limits.reserve || s.stopping)
            && let Some((_, job)) = s.jobs.pop_front()
        {
            s.busy += 1;
            return Order::Run(job);
        }
        s.idle.push(slot.clone());
        self.idle.store(s.idle.len(), Ordering::Relaxed);
        drop(s);
        slot.wait()
    }

    /// wanted says how many threads to make now, and counts them as being made.
    pub(crate) fn wanted(&self) -> usize {
        let mut s = lock(&self.state);
        if s.stopping && s.leads.is_empty() {
            return 0;
        }
        let room = (self.limits.cap as isize - s.busy).max(0) as usize;
        let need = s.leads.len() + s.jobs.len().min(room) + self.limits.reserve;
        let have = s.idle.len() + s.starting;
        let most = self.limits.cap + 2 * self.limits.reserve;
        let n = need.saturating_sub(have).min(most.saturating_sub(s.threads));
        s.threads += n;
        s.starting += n;
        n
    }

    /// failed takes back one thread of [`Workers::wanted`] that could not be made.
    pub(crate) fn failed(&self) {
        let mut s = lock(&self.state);
        s.threads -= 1;
        s.starting = s.starting.saturating_sub(1);
    }

    /// is_short tells whether something waits for a thread.
    pub(crate) fn is_short(&self) -> bool {
        let s = lock(&self.state);
        let reserve = if s.stopping { 0 } else { self.limits.reserve };
        !s.leads.is_empty() || !s.jobs.is_empty() || s.idle.len() + s.starting < reserve
    }

    /// expired takes the handlers out of the queue that have waited since before `since`.
    pub(crate) fn expired(&self, since: u64) -> Vec<J> {
        let mut s = lock(&self.state);
        let n = s.jobs.iter().take_while(|(at, _)| *at < since).count();
        s.jobs.drain(..n).map(|(_, j)| j).collect()
    }

    /// trim sends half of the idle threads away that are more than the shards want, the longest idle first: after
    /// a burst the number falls quickly at first, and a pulse of load keeps what it needs.
    pub(crate) fn trim(&self) {
        let mut s = lock(&self.state);
        let surplus = s.idle.len().saturating_sub(self.limits.reserve + 1);
        if surplus == 0 || !s.jobs.is_empty() {
            return;
        }
        // The bottom of the stack is the thread that has been idle longest.
        let gone: Vec<_> = s.idle.drain(..surplus.div_ceil(2)).collect();
        s.threads -= gone.len();
        self.idle.store(s.idle.len(), Ordering::Relaxed);
        drop(s);
        for slot in gone {
            slot.give(Order::Exit);
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
            slot.give(Order::Exit);
        }
    }
}

//! `Leader`: the thread that owns a shard, and its loop.

use super::accept::A_WAKE;
use super::driver::{ConnToken, DetachedConn, DriveResult, Driver, NextAction, Readiness};
use super::shard::{self, Flush, Msg, Shard, ShardShared};
use super::start::{OffLoopJob, Runtime};
use super::thread_local;
use super::timers::NEVER;
use super::unwind::{DrivingGuard, ParkedGuard, catch_panic};
use super::workers::LastTask;
use crate::sys;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Work that has waited this long is offered to a shard that sleeps.
const OFFER_AFTER_US: u128 = 200;
const OFFER_MOST: usize = 8;

/// Leader is the right to lead a shard. It is moved, never copied: a call consumes it and may not return it.
pub(crate) struct Leader<'a, D: Driver> {
    pub(super) rt: &'a Arc<Runtime<D>>,
    pub(super) shard: Box<Shard<D>>,
}

/// LeaderAndConn is a leader with the connection that it has left in its shard for a while.
pub(crate) type LeaderAndConn<'a, D> = Option<(Leader<'a, D>, Box<<D as Driver>::Conn>)>;

impl<'a, D: Driver> Leader<'a, D> {
    /// now is the time of this round in milliseconds since the runtime's start.
    pub(crate) fn now(&self) -> u64 {
        self.shard.now
    }

    /// may_run_inline tells whether a relief stands by for the case that a handler blocks, and, unless the
    /// handler is trusted to be quick, room below the cap.
    pub(crate) fn may_run_inline(&self, quick: bool) -> bool {
        self.rt.workers.may_run_inline(quick)
    }

    /// call runs `f`, which may block, as a handler of `route`. Whoever takes the shard away flushes `cork`.
    pub(crate) fn call<R>(
        mut self,
        route: u32,
        cork: Option<Arc<dyn Flush>>,
        f: impl FnOnce() -> R,
    ) -> (Option<Leader<'a, D>>, R) {
        let rt = self.rt;
        let Some(shared) = rt.shards.get(self.shard.index) else { return (Some(self), f()) };
        self.shard.route = route;
        self.shard.cork = cork;
        let call = shared.handoff.enter(self.shard);
        rt.notify_monitor();
        let parked = ParkedGuard { shared, call };
        let r = thread_local::inline(call, f);
        std::mem::forget(parked);
        (shared.handoff.leave(call).map(|shard| Leader { rt, shard }), r)
    }

    /// call_without_conn is [`Leader::call`] for a handler that does without its connection: that stays in the shard, and who
    /// takes the shard away drives it on at once.
    pub(crate) fn call_without_conn<R>(
        mut self,
        route: u32,
        conn: Box<D::Conn>,
        f: impl FnOnce() -> R,
    ) -> (LeaderAndConn<'a, D>, R) {
        let token = self.shard.driven;
        if let Some(e) = self.shard.entry(token) {
            e.conn = Some(conn);
        }
        self.shard.left_conn = Some(token);
        let (left, r) = self.call(route, None, f);
        let back = left.and_then(|mut leader| {
            leader.shard.left_conn = None;
            let conn = leader.shard.entry(token)?.conn.take()?;
            Some((leader, conn))
        });
        (back, r)
    }

    /// token is where the connection is that is being driven.
    pub(crate) fn token(&self) -> ConnToken {
        ConnToken { shard: self.shard.index, token: self.shard.driven }
    }

    /// run_off gives a handler to another thread; `Err`: there are too many that wait for one.
    pub(crate) fn run_off(&self, task: D::Task, quick: bool) -> Result<(), D::Task> {
        match self.rt.workers.run(OffLoopJob::Task(task), quick, self.shard.now) {
            Ok(queued) => {
                if queued {
                    self.rt.notify_monitor();
                }
                Ok(())
            }
            Err(OffLoopJob::Task(task)) => Err(task),
            Err(OffLoopJob::Conn { .. }) => Ok(()),
        }
    }

    pub(super) fn shared(&self) -> Option<&'a ShardShared<D>> {
        self.rt.shards.get(self.shard.index).map(|s| &**s)
    }

    fn fire_timers(&mut self) {
        let now = self.shard.now;
        while let Some(token) = self.shard.timers.pop(now) {
            let Some((e, timers)) = self.shard.with_timers(token) else { continue };
            if timers.fired(&mut e.deadline, now, token) {
                e.ready.expired = true;
                self.shard.enqueue(token);
            }
        }
    }

    /// apply_action puts a driven connection where its fate says.
    pub(super) fn apply_action(
        &mut self,
        token: u64,
        conn: Box<D::Conn>,
        action: NextAction,
        lease: &mut D::Lease,
    ) {
        match action {
            NextAction::OffLoop { quick } if self.shard.entry(token).is_some_and(|e| !e.close_on_return) => {
                self.send_off_loop(token, conn, quick, lease);
            }
            action => self.put_back(token, conn, action),
        }
    }

    /// put_back is [`Leader::apply_action`] for a connection that does not go off the loop.
    #[inline]
    pub(super) fn put_back(&mut self, token: u64, conn: Box<D::Conn>, action: NextAction) {
        let Some((e, timers)) = self.shard.with_timers(token) else { return };
        if e.close_on_return {
            return self.close(token);
        }
        match action {
            // What comes back detached was taken over before, and what is shed does not go off: neither can come here.
            NextAction::Close | NextAction::Detached | NextAction::OffLoop { .. } => self.close(token),
            NextAction::Released => self.release(token),
            NextAction::Wait(due) => {
                e.conn = Some(conn);
                timers.set(&mut e.deadline, due, token);
                let r = e.ready;
                if r.readable || r.writable || r.closed || r.expired || r.stop {
                    self.shard.enqueue(token);
                }
            }
            NextAction::Again => {
                e.conn = Some(conn);
                self.shard.enqueue(token);
            }
        }
    }

    fn send_off_loop(&mut self, token: u64, conn: Box<D::Conn>, quick: bool, lease: &mut D::Lease) {
        if let Some((e, timers)) = self.shard.with_timers(token) {
            timers.set(&mut e.deadline, NEVER, token);
        }
        let fresh = self.shard.leases.pop().unwrap_or_else(|| self.rt.driver.lease());
        let mut its = std::mem::replace(lease, fresh);
        if !self.rt.workers.has_room(quick) {
            self.rt.driver.compact(&mut its);
        }
        self.queue_job(OffLoopJob::Conn { shard: self.shard.index, token, conn, lease: its }, token, quick);
    }

    /// release forgets a connection whose socket lives on under another descriptor, so that its events would too.
    fn release(&mut self, token: u64) {
        if let (Some(shared), Some(e)) = (self.shared(), self.shard.entry(token)) {
            let _ = sys::epoll_del(shared.epoll.as_raw_fd(), e.fd);
        }
        self.close(token);
    }

    /// detach hands a connection over to the driver, with the lease in which its exchange is.
    fn detach(&mut self, token: u64, conn: Box<D::Conn>, lease: &mut D::Lease) {
        if let Some((e, timers)) = self.shard.with_timers(token) {
            timers.set(&mut e.deadline, NEVER, token);
        }
        let fresh = self.shard.leases.pop().unwrap_or_else(|| self.rt.driver.lease());
        let lease = std::mem::replace(lease, fresh);
        let detached_conn = DetachedConn { rt: self.rt.clone(), shard: self.shard.index, token, conn, lease };
        if let Some(DetachedConn { conn, lease, .. }) = self.rt.driver.detached(detached_conn) {
            let job = OffLoopJob::Conn { shard: self.shard.index, token, conn, lease };
            self.queue_job(job, token, false);
        }
    }

    /// queue_job has a job of a connection here run by another thread; there may be too many that wait for one.
    fn queue_job(&mut self, job: OffLoopJob<D>, token: u64, quick: bool) {
        match self.rt.workers.run(job, quick, self.shard.now) {
            Ok(true) => self.rt.notify_monitor(),
            Ok(false) | Err(OffLoopJob::Task(_)) => {}
            Err(OffLoopJob::Conn { mut conn, lease: mut its, .. }) => {
                let action = self.rt.driver.shed(&mut conn, &mut its, self.shard.now);
                self.shard.leases.push(its);
                self.put_back(token, conn, action);
            }
        }
    }

    pub(super) fn close(&mut self, token: u64) {
        self.shard.remove(token);
        self.rt.stopping.closed(self.shard.index);
    }

    fn drive_next(mut self, lease: &mut D::Lease) -> Option<Leader<'a, D>> {
        let Some(token) = self.shard.queue.pop_front() else { return Some(self) };
        let Some(e) = self.shard.entry(token) else { return Some(self) };
        e.queued = false;
        let Some(conn) = e.conn.take() else { return Some(self) };
        let ready = std::mem::take(&mut e.ready);
        self.shard.driven = token;
        let (rt, index) = (self.rt, self.shard.index);
        let driving = DrivingGuard { rt, index, token };
        let driven = rt.driver.drive(self, conn, lease, ready);
        std::mem::forget(driving);
        match driven {
            DriveResult::StillLeading(mut leader, conn, action) => {
                match action {
                    NextAction::Detached => leader.detach(token, conn, lease),
                    action => leader.apply_action(token, conn, action, lease),
                }
                Some(leader)
            }
            DriveResult::LeftInShard => None,
            DriveResult::OffLoop(conn, NextAction::Detached) => {
                let lease = std::mem::replace(lease, rt.driver.lease());
                rt.detach(DetachedConn { rt: rt.clone(), shard: index, token, conn, lease });
                None
            }
            DriveResult::OffLoop(conn, action) => {
                if let Some(shared) = rt.shards.get(index) {
                    shared.post(Msg::Back { token, conn, lease: None, action });
                }
                None
            }
        }
    }

    /// offer moves waiting connections to a shard that sleeps, when they have waited too long here.
    fn offer(&mut self, round: Instant) {
        if round.elapsed().as_micros() < OFFER_AFTER_US
            || self.shard.queue.len() < 2
            || self.shard.offered_at == self.shard.now
        {
            return;
        }
        let Some(shared) = self.shared() else { return };
        let Some(other) = self.rt.shards.iter().find(|s| s.index != shared.index && s.mail.is_asleep())
        else {
            return;
        };
        self.shard.offered_at = self.shard.now;
        for _ in 0..(self.shard.queue.len() / 2).min(OFFER_MOST) {
            let Some(token) = self.shard.queue.pop_back() else { return };
            let Some(e) = self.shard.entry(token) else { continue };
            e.queued = false;
            let ready = e.ready;
            let (fd, due) = (e.fd, e.deadline.due());
            let Some(conn) = e.conn.take() else { continue };
            let _ = sys::epoll_del(shared.epoll.as_raw_fd(), fd);
            self.shard.remove(token);
            self.rt.stopping.moved(shared.index, other.index);
            other.post(Msg::Adopt { conn, ready: Readiness { readable: true, ..ready }, due });
        }
    }

    fn poll(&mut self, base: Instant) {
        let Some(shared) = self.shared() else { return };
        let s = &mut self.shard;
        let retry = s.listeners.iter().filter(|w| w.retry_at != 0).map(|w| w.retry_at).min();
        let next = s.timers.next().into_iter().chain(retry).min();
        let timeout = if !s.queue.is_empty() || !shared.mail.fall_asleep() {
            0
        } else {
            let now = base.elapsed().as_millis() as u64;
            next.map_or(-1, |at| at.saturating_sub(now).min(i32::MAX as u64) as i32)
        };
        let n = sys::epoll_wait(shared.epoll.as_raw_fd(), &mut s.events, timeout).unwrap_or(0);
        shared.mail.wake_up();
        s.now = base.elapsed().as_millis() as u64;
        for i in 0..n {
            let Some(ev) = self.shard.events.get(i).copied() else { break };
            let (token, bits) = (ev.u64, ev.events as i32);
            match token {
                shard::WAKE => self.rt.drain_if_requested(),
                t if t > u64::MAX / 2 => self.accept(shard::listener_index(t), A_WAKE),
                t => {
                    let Some(e) = self.shard.entry(t) else { continue };
                    e.ready.readable |= bits & sys::EPOLLIN != 0;
                    e.ready.writable |= bits & sys::EPOLLOUT != 0;
                    e.ready.closed |= bits & (sys::EPOLLRDHUP | sys::EPOLLHUP | sys::EPOLLERR) != 0;
                    self.shard.enqueue(t);
                }
            }
        }
    }
}

/// lead is the loop of a leader, until its shard is taken away or ends.
pub(super) fn lead<D: Driver>(rt: &Arc<Runtime<D>>, shard: Box<Shard<D>>, lease: &mut D::Lease) -> LastTask {
    let index = shard.index;
    if let Some(shared) = rt.shards.get(index) {
        *super::sync::lock(&shared.probe) = Some(sys::ThreadProbe::current());
    }
    thread_local::set_shard(Some(Rc::new(super::start::LedShard { rt: rt.clone(), index })));
    let last = catch_panic(|| rounds(rt, shard, lease)).unwrap_or_else(|| {
        // What a panic has left in the lease is nobody's.
        *lease = rt.driver.lease();
        LastTask::Handling
    });
    thread_local::set_shard(None);
    last
}

fn rounds<D: Driver>(rt: &Arc<Runtime<D>>, shard: Box<Shard<D>>, lease: &mut D::Lease) -> LastTask {
    let mut leader = Leader { rt, shard };
    leader.shard.now = rt.base.elapsed().as_millis() as u64;
    loop {
        leader.read_mail(lease);
        leader.fire_timers();
        leader.retry_listeners();
        let (round, waiting) = (Instant::now(), leader.shard.queue.len());
        for i in 1..=waiting {
            match leader.drive_next(lease) {
                Some(l) => leader = l,
                None => return LastTask::Handling,
            }
            if i % 8 == 0 {
                leader.offer(round);
            }
        }
        let index = leader.shard.index;
        if rt.stopping.is_over(leader.shard.live, || rt.has_mail(index), || rt.driver.drained()) {
            if leader.shard.stop.abort() {
                rt.stopping.shard_aborted();
            }
            return LastTask::Leading;
        }
        leader.poll(rt.base);
    }
}

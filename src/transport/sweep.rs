//! The sweep: each second one poll over the idle connections drops what died or aged, and those of HTTP/2 are cared for.
//!
//! Its thread starts when something is idle and ends when nothing is for a while, or when the pool closes.

use super::conn::PersistConn;
use super::drain::DrainingBody;
use super::pool::{IDLE_THREAD, PoolCore, PoolState};
use crate::sync::lock;
use crate::sys;
use crate::thread_pool::{Jobs, Received, ThreadPool};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);

/// Task is what the sweep's thread is told: that there is something to look after, or a rest to wait for.
pub(super) enum Task {
    Begin,
    Drain(DrainingBody),
}

/// Sweeper is the thread.
pub(super) struct Sweeper(ThreadPool<Task>);

impl Default for Sweeper {
    fn default() -> Sweeper {
        Sweeper(ThreadPool::new("nh-sweep", 1))
    }
}

impl Sweeper {
    /// submit is called by whoever has set `PoolState::sweeping`.
    pub(super) fn submit(&self, shared: &Arc<PoolCore>, task: Task) {
        let pool = shared.clone();
        if let Err(refused) = self.0.submit(task, move |jobs| run(&pool, jobs)) {
            let mut state = lock(&shared.state);
            // Without a sweep the check before reuse still finds the dead; the next one that draining tries again.
            state.sweeping = false;
            state.draining -= usize::from(matches!(refused.job, Task::Drain(_)));
        }
    }

    pub(super) fn close(&self) {
        self.0.close();
    }

    pub(super) fn join(&self) {
        self.0.join();
    }
}

fn run(pool: &Arc<PoolCore>, mut jobs: Jobs<Task>) {
    let mut quiet_since = Instant::now();
    let mut due = quiet_since + PERIOD;
    let mut draining = Vec::new();
    loop {
        let mut until = if draining.is_empty() { due } else { Instant::now() };
        loop {
            match jobs.recv(Some(until)) {
                Received::Job(Task::Drain(rest)) => draining.push(rest),
                Received::Job(Task::Begin) => {}
                Received::Late => break,
                Received::Closed => return,
            }
            // What else has come is taken along.
            until = Instant::now();
        }
        let now = Instant::now();
        if !draining.is_empty() {
            quiet_since = now;
            pool.drain_pending(&mut draining);
        }
        if now < due {
            continue;
        }
        due = now + PERIOD;
        let mut state = lock(&pool.state);
        let shared: Vec<_> = state.hosts.values().flat_map(|h| h.shared.iter().cloned()).collect();
        if state.idle > 0 || !shared.is_empty() {
            quiet_since = now;
        }
        if now.saturating_duration_since(quiet_since) > IDLE_THREAD {
            state.sweeping = false;
            drop(state);
            if jobs.retire() {
                return;
            }
            // Somebody has begun it again.
            quiet_since = now;
            continue;
        }
        let (dead, stirred) = sweep(&mut state, pool.settings().idle, now);
        // A drop takes the lock.
        drop(state);
        drop(dead);
        for mut conn in stirred {
            if conn.is_quiet() {
                let _ = pool.put_idle_since(conn);
            }
        }
        for conn in shared {
            conn.maintain(&pool.settings(), now);
        }
    }
}

/// sweep takes out what is dead, and what must be looked at: under TLS bytes may be a ticket and no data.
fn sweep(
    state: &mut PoolState,
    idle: Option<Duration>,
    now: Instant,
) -> (Vec<Box<PersistConn>>, Vec<Box<PersistConn>>) {
    let all = state.hosts.values().flat_map(|h| h.idle.iter());
    let mut fds: Vec<_> = all.map(|c| sys::poll_fd(c.fd(), sys::POLLIN | sys::POLLRDHUP)).collect();
    if fds.is_empty() || sys::poll(&mut fds, 0).is_err() {
        fds.iter_mut().for_each(|f| f.revents = 0);
    }
    let mut polled = fds.iter();
    let (mut dead, mut stirred) = (Vec::new(), Vec::new());
    for host in state.hosts.values_mut() {
        let old = std::mem::take(&mut host.idle);
        for conn in old {
            // The same order as above: nothing has changed in between.
            let moved = polled.next().is_some_and(|f| f.revents != 0);
            let aged = idle.is_some_and(|t| now.saturating_duration_since(conn.idle_since) >= t);
            match (moved, aged) {
                (true, false) if conn.is_tls() => stirred.push(conn),
                (false, false) => host.idle.push(conn),
                _ => dead.push(conn),
            }
        }
    }
    state.idle -= dead.len() + stirred.len();
    (dead, stirred)
}

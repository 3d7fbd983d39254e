//! The monitor: takes the shard from a leader that is stuck in a handler, makes threads, keeps the queue moving.
//!
//! It looks each millisecond, each 200 microseconds for a while after it had to step in, and sleeps when no
//! handler has started for 10 ms. A leader is displaced when it sleeps in its handler or burns CPU there, not
//! when the scheduler took the CPU from it: another thread would not get it either.

use super::blocking_stats::Stall;
use super::driver::Driver;
use super::handoff::CallId;
use super::shard::{Msg, ShardShared};
use super::start::{OffLoopJob, Runtime};
use super::stopping::RuntimePhase;
use super::sync::lock;
use crate::sys::ThreadStat;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(1);
const SHORT_TICK: Duration = Duration::from_micros(200);
const SHORT_FOR: Duration = Duration::from_millis(100);
/// A call younger than this is left alone.
const PATIENCE: Duration = Duration::from_micros(500);
/// A leader that was only preempted is relieved after this all the same.
const PREEMPTED: Duration = Duration::from_millis(10);
const QUIET: Duration = Duration::from_millis(10);
const TRIM_EVERY: Duration = Duration::from_secs(2);

/// Suspect is the call that a leader was last seen in.
#[derive(Clone, Copy)]
struct Suspect {
    call: CallId,
    since: Instant,
    /// When it was found runnable, and its CPU time then.
    running: Option<(Instant, Duration)>,
}

/// WatchedShard is a shard as the monitor knows it.
#[derive(Default)]
struct WatchedShard {
    suspect: Option<Suspect>,
    stat: ThreadStat,
}

pub(super) fn run<D: Driver>(rt: &Arc<Runtime<D>>) {
    let mut suspects: Vec<WatchedShard> = rt.shards.iter().map(|_| WatchedShard::default()).collect();
    let (mut stepped_in, mut trimmed) = (None::<Instant>, Instant::now());
    let (mut calls, mut active) = (0, Instant::now());
    while rt.stopping.phase() != RuntimePhase::Quit || rt.workers.needs_thread() {
        make_threads(rt);
        for (shared, suspect) in rt.shards.iter().zip(&mut suspects) {
            if watch(rt, shared, suspect) {
                stepped_in = Some(Instant::now());
                make_threads(rt);
            }
        }
        for job in rt.workers.expired(rt.now().saturating_sub(rt.queue_ms)) {
            match job {
                OffLoopJob::Task(task) => rt.driver.shed_task(task),
                OffLoopJob::Conn { shard, token, conn, lease } => {
                    if let Some(shared) = rt.shards.get(shard) {
                        shared.post(Msg::Shed { token, conn, lease });
                    }
                }
            }
        }
        let now = Instant::now();
        if now - trimmed > TRIM_EVERY {
            trimmed = now;
            rt.workers.trim();
        }
        let until_drain = rt.time_until_drain().unwrap_or(TRIM_EVERY);
        let count = rt.shards.iter().map(|s| s.handoff.count()).sum::<u64>();
        if count != calls {
            (calls, active) = (count, now);
        }
        if now - active > QUIET && suspects.iter().all(|w| w.suspect.is_none()) {
            let work =
                || rt.workers.needs_thread() || rt.shards.iter().any(|s| s.handoff.current().is_some());
            rt.notifier().sleep(work, || {
                if rt.stopping.phase() != RuntimePhase::Quit {
                    std::thread::park_timeout(TRIM_EVERY.min(until_drain))
                }
            });
            active = Instant::now();
        } else {
            let short = stepped_in.is_some_and(|at| now - at < SHORT_FOR);
            std::thread::park_timeout(if short { SHORT_TICK } else { TICK });
        }
    }
}

fn make_threads<D: Driver>(rt: &Arc<Runtime<D>>) {
    for _ in 0..rt.workers.threads_to_start() {
        // A thread that cannot be made is as if the cap were reached: what waits goes on waiting, in bounds.
        if rt.spawn_worker().is_err() {
            rt.workers.start_failed();
        }
    }
}

/// watch looks at one shard and says whether it was taken from its leader.
fn watch<D: Driver>(rt: &Runtime<D>, shared: &ShardShared<D>, watched: &mut WatchedShard) -> bool {
    let WatchedShard { suspect, stat } = watched;
    let Some(call) = shared.handoff.current() else {
        *suspect = None;
        return false;
    };
    let now = Instant::now();
    let s = match suspect {
        Some(s) if s.call == call => s,
        _ => {
            *suspect = Some(Suspect { call, since: now, running: None });
            return false;
        }
    };
    if now - s.since < PATIENCE {
        return false;
    }
    let Some(why) = displacement_reason(shared, s, stat, now) else { return false };
    let Some(shard) = shared.handoff.steal(call) else { return false };
    *suspect = None;
    rt.displace(shard, why);
    true
}

/// displacement_reason decides whether the leader is to be relieved, and why.
fn displacement_reason<D: Driver>(
    shared: &ShardShared<D>,
    s: &mut Suspect,
    stat: &mut ThreadStat,
    now: Instant,
) -> Option<Stall> {
    let probe = *lock(&shared.probe);
    let Some((state, cpu)) = probe.and_then(|p| Some((stat.state(p)?, p.cpu()?))) else {
        // Without /proc, or a descriptor to read it by, nothing can be told apart.
        return Some(Stall::Blocked);
    };
    if state != b'R' {
        return Some(Stall::Blocked);
    }
    match s.running {
        Some((at, before)) if (cpu.saturating_sub(before)) * 2 >= now - at && now - at >= SHORT_TICK => {
            Some(Stall::Blocked)
        }
        Some(_) if now - s.since > PREEMPTED => Some(Stall::Preempted),
        Some(_) => None,
        None => {
            s.running = Some((now, cpu));
            None
        }
    }
}

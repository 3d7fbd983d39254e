//! `DeadlineThread`: what is to be done at a certain time if nobody has called it off, by one thread for a whole server.
//!
//! The thread starts with the first alarm and ends with the server. It must never wait for anything but the
//! clock: what it is to do answers how long it wants to be asked again instead.

use crate::sync::{Mutex, lock};
use crate::thread_pool::{Jobs, Received, ThreadPool};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// DeadlineAction is what an alarm does.
pub(super) trait DeadlineAction: Send + Sync {
    /// on_deadline does it; `Some`: not now, but after that time.
    fn on_deadline(&self) -> Option<Duration>;
}

type DeadlineKey = (Instant, u64);

/// DeadlineState stands under a lock and is no queue: each request that has a limit sets an alarm and calls it off again, and
/// the thread need know of the first one alone.
#[derive(Default)]
struct DeadlineState {
    due: BTreeMap<DeadlineKey, Arc<dyn DeadlineAction>>,
    count: u64,
    quit: bool,
}

pub(super) struct DeadlineThread {
    state: Arc<Mutex<DeadlineState>>,
    /// A job: another alarm is the first.
    thread: ThreadPool<()>,
}

/// ScheduledDeadline is one that was set; dropping it calls it off.
pub(super) struct ScheduledDeadline {
    state: Arc<Mutex<DeadlineState>>,
    key: DeadlineKey,
}

impl Default for DeadlineThread {
    fn default() -> DeadlineThread {
        DeadlineThread { state: Arc::default(), thread: ThreadPool::new("nh-alarms", 1) }
    }
}

impl DeadlineThread {
    /// set has `what` ring at a time; `None`: there is no thread to be had.
    pub(super) fn set(&self, at: Instant, what: Arc<dyn DeadlineAction>) -> Option<ScheduledDeadline> {
        let mut state = lock(&self.state);
        if state.quit {
            return None;
        }
        state.count += 1;
        let key = (at, state.count);
        if state.due.first_key_value().is_none_or(|(next, _)| key < *next) {
            let shared = self.state.clone();
            self.thread.submit((), move |jobs| run(&shared, jobs)).ok()?;
        }
        state.due.insert(key, what);
        Some(ScheduledDeadline { state: self.state.clone(), key })
    }

    /// stop waits for the thread's end. No alarm rings afterwards.
    pub(super) fn stop(&self) {
        lock(&self.state).quit = true;
        self.thread.close();
        self.thread.join();
    }
}

impl Drop for ScheduledDeadline {
    fn drop(&mut self) {
        // Dropped behind the lock.
        let _called_off = lock(&self.state).due.remove(&self.key);
    }
}

fn run(shared: &Mutex<DeadlineState>, mut jobs: Jobs<()>) {
    loop {
        let mut state = lock(shared);
        if state.quit {
            return;
        }
        let now = Instant::now();
        let ((_, number), next) = match state.due.first_entry() {
            Some(next) if next.key().0 <= now => next.remove_entry(),
            first => {
                let until = first.map(|next| next.key().0);
                drop(state);
                if let Received::Closed = jobs.recv(until) {
                    return;
                }
                continue;
            }
        };
        drop(state);
        if let Some(delay) = next.on_deadline() {
            // Nobody calls it off under its new time: who sets alarms lets them ring in vain.
            lock(shared).due.insert((Instant::now() + delay, number), next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::{Sender, channel};

    struct Bell(Mutex<Sender<u32>>, AtomicU32);

    impl DeadlineAction for Bell {
        fn on_deadline(&self) -> Option<Duration> {
            let n = self.1.fetch_add(1, Ordering::SeqCst);
            self.0.lock().unwrap().send(n).unwrap();
            (n == 0).then_some(Duration::from_millis(1))
        }
    }

    #[test]
    fn alarms_ring_in_their_order_unless_they_are_called_off() {
        let (tx, rx) = channel();
        let bell = |n: u32| Arc::new(Bell(Mutex::new(tx.clone()), AtomicU32::new(n)));
        let deadlines = DeadlineThread::default();
        let at = |ms| Instant::now() + Duration::from_millis(ms);
        let _late = deadlines.set(at(40), bell(7)).unwrap();
        let _early = deadlines.set(at(5), bell(0)).unwrap();
        drop(deadlines.set(at(1), bell(9)).unwrap());
        assert_eq!([rx.recv().unwrap(), rx.recv().unwrap(), rx.recv().unwrap()], [0, 1, 7]);
        let _never = deadlines.set(at(3_600_000), bell(8)).unwrap();
        deadlines.stop();
        assert!(deadlines.set(at(0), bell(8)).is_none());
        assert!(rx.try_recv().is_err());
    }
}

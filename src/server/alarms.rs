//! `Alarms`: what is to be done at a certain time if nobody has called it off, by one thread for a whole server.
//!
//! The thread starts with the first alarm and ends with the server. It must never wait for anything but the
//! clock: what it is to do answers how long it wants to be asked again instead.

use crate::sync::{Mutex, lock};
use crate::thread_pool::{Jobs, Received, ThreadPool};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ring is what an alarm does.
pub(super) trait Ring: Send + Sync {
    /// ring does it; `Some`: not now, but after that time.
    fn ring(&self) -> Option<Duration>;
}

type Key = (Instant, u64);

/// State stands under a lock and is no queue: each request that has a limit sets an alarm and calls it off again, and
/// the thread need know of the first one alone.
#[derive(Default)]
struct State {
    due: BTreeMap<Key, Arc<dyn Ring>>,
    count: u64,
    quit: bool,
}

pub(super) struct Alarms {
    state: Arc<Mutex<State>>,
    /// A job: another alarm is the first.
    thread: ThreadPool<()>,
}

/// Alarm is one that was set; dropping it calls it off.
pub(super) struct Alarm {
    state: Arc<Mutex<State>>,
    key: Key,
}

impl Default for Alarms {
    fn default() -> Alarms {
        Alarms { state: Arc::default(), thread: ThreadPool::new("nh-alarms", 1) }
    }
}

impl Alarms {
    /// set has `what` ring at a time; `None`: there is no thread to be had.
    pub(super) fn set(&self, at: Instant, what: Arc<dyn Ring>) -> Option<Alarm> {
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
        Some(Alarm { state: self.state.clone(), key })
    }

    /// end waits for the thread's end. No alarm rings afterwards.
    pub(super) fn end(&self) {
        lock(&self.state).quit = true;
        self.thread.close();
        self.thread.join();
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // Dropped behind the lock.
        let _called_off = lock(&self.state).due.remove(&self.key);
    }
}

fn run(shared: &Mutex<State>, mut jobs: Jobs<()>) {
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
        if let Some(delay) = next.ring() {
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

    impl Ring for Bell {
        fn ring(&self) -> Option<Duration> {
            let n = self.1.fetch_add(1, Ordering::SeqCst);
            self.0.lock().unwrap().send(n).unwrap();
            (n == 0).then_some(Duration::from_millis(1))
        }
    }

    #[test]
    fn alarms_ring_in_their_order_unless_they_are_called_off() {
        let (tx, rx) = channel();
        let bell = |n: u32| Arc::new(Bell(Mutex::new(tx.clone()), AtomicU32::new(n)));
        let alarms = Alarms::default();
        let at = |ms| Instant::now() + Duration::from_millis(ms);
        let _late = alarms.set(at(40), bell(7)).unwrap();
        let _early = alarms.set(at(5), bell(0)).unwrap();
        drop(alarms.set(at(1), bell(9)).unwrap());
        assert_eq!([rx.recv().unwrap(), rx.recv().unwrap(), rx.recv().unwrap()], [0, 1, 7]);
        let _never = alarms.set(at(3_600_000), bell(8)).unwrap();
        alarms.end();
        assert!(alarms.set(at(0), bell(8)).is_none());
        assert!(rx.try_recv().is_err());
    }
}

//! `Alarms`: what is to be done at a certain time if nobody has called it off, by one thread for a whole server.
//!
//! The thread starts with the first alarm and ends with the server. It must never wait for anything but the
//! clock: what it is to do answers how long it wants to be asked again instead.

use crate::hooks;
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Ring is what an alarm does.
pub(super) trait Ring: Send + Sync {
    /// ring does it; `Some`: not now, but after that time.
    fn ring(&self) -> Option<Duration>;
}

type Key = (Instant, u64);

#[derive(Default)]
struct State {
    due: BTreeMap<Key, Arc<dyn Ring>>,
    count: u64,
    thread: Option<JoinHandle<()>>,
    quit: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(super) struct Alarms(Arc<Shared>);

/// Alarm is one that was set; dropping it calls it off.
pub(super) struct Alarm {
    shared: Arc<Shared>,
    key: Key,
}

impl Alarms {
    /// set has `what` ring at a time; `None`: there is no thread to be had.
    pub(super) fn set(&self, at: Instant, what: Arc<dyn Ring>) -> Option<Alarm> {
        let mut state = self.0.state();
        if state.quit {
            return None;
        }
        if state.thread.is_none() {
            let shared = self.0.clone();
            state.thread = Some(hooks::spawn("nh-alarms", move || run(&shared)).ok()?);
        }
        state.count += 1;
        let key = (at, state.count);
        let is_next = state.due.first_key_value().is_none_or(|(next, _)| key < *next);
        state.due.insert(key, what);
        drop(state);
        if is_next {
            self.0.changed.notify_one();
        }
        Some(Alarm { shared: self.0.clone(), key })
    }

    /// end waits for the thread's end. No alarm rings afterwards.
    pub(super) fn end(&self) {
        let thread = {
            let mut state = self.0.state();
            state.quit = true;
            state.thread.take()
        };
        self.0.changed.notify_one();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // Dropped behind the lock.
        let _called_off = self.shared.state().due.remove(&self.key);
    }
}

fn run(shared: &Shared) {
    let mut state = shared.state();
    while !state.quit {
        let now = Instant::now();
        let Some(next) = state.due.first_entry() else {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let (at, number) = *next.key();
        if at > now {
            let wait = shared.changed.wait_timeout(state, at - now);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let what = next.remove();
        drop(state);
        let again = what.ring();
        state = shared.state();
        if let Some(delay) = again {
            // Nobody calls it off under its new time: who sets alarms lets them ring in vain.
            state.due.insert((Instant::now() + delay, number), what);
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

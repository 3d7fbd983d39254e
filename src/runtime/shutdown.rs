//! How a runtime stops: what whoever stops it asks of the shards. [`super::stopping`] has the state and its invariants.

use super::driver::{Driver, Readiness};
use super::shard::Msg;
use super::start::Runtime;
use super::stopping::RuntimePhase;
use super::sync::lock;
use super::timers::NEVER;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl<D: Driver> Runtime<D> {
    /// adopt takes a connection that no listener has brought; `false`: the runtime stops.
    pub(crate) fn adopt(&self, conn: Box<D::Conn>, due: u64) -> bool {
        let Some(s) = self.stopping.emptiest().and_then(|i| self.shards.get(i)) else { return false };
        if !self.stopping.admit(s.index) {
            s.post(Msg::Stop);
            return false;
        }
        s.post(Msg::Adopt { conn, ready: Readiness::default(), due });
        true
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
    pub(super) fn time_until_drain(&self) -> Option<Duration> {
        let at = self.drain_at.load(Ordering::SeqCst);
        if at == NEVER || self.stopping.phase() != RuntimePhase::Running {
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
        self.stopping.advance(RuntimePhase::Draining);
        self.broadcast(|| Msg::Stop);
    }

    /// end_idle ends idle connections; new ones are accepted as before.
    pub(crate) fn end_idle(&self) {
        self.broadcast(|| Msg::EndIdle);
    }

    /// request_stop asks for a drain; async-signal-safe.
    pub(crate) fn request_stop(&self) {
        self.stop_requested.store(true, Ordering::SeqCst);
        if let Some(s) = self.shards.first() {
            s.write_wake();
        }
    }

    /// drain_if_requested drains if that was asked for.
    pub(super) fn drain_if_requested(&self) {
        if self.stop_requested.load(Ordering::SeqCst) && self.stopping.phase() == RuntimePhase::Running {
            self.begin_drain();
        }
    }

    /// abort ends everything now.
    pub(crate) fn abort(&self) {
        self.drain();
        self.broadcast(|| Msg::Abort);
    }

    /// abort_and_wait is [`Runtime::abort`], and returns when no shard touches a descriptor of a connection any more that
    /// somebody else has. It waits for no handler: a leader that is in one loses its shard to another thread.
    pub(crate) fn abort_and_wait(&self) {
        self.abort();
        self.stopping.wait_aborted();
    }

    /// quit lets the threads end once the connections have.
    pub(crate) fn quit(&self) {
        self.stopping.advance(RuntimePhase::Quit);
        // A message and not a mere wake: a leader that is just about to sleep sees it.
        self.broadcast(|| Msg::Stop);
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

    pub(crate) fn connections(&self) -> usize {
        self.stopping.connections()
    }
}

//! `DrainingBody`: what is left of a body that nobody reads on, taken in to save its connection, as Go does.
//!
//! Whoever closes a response takes in what is there and does not wait; for what is still to come the sweep does.

use super::conn::PersistConn;
use super::pool::PoolCore;
use super::sweep::Task;
use crate::h1::BodyDecoder;
use crate::sync::lock;
use crate::sys;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// BYTES and TIME bound what a rest may cost, and MOST how many wait at once.
pub(super) const BYTES: usize = 256 * 1024;
const TIME: Duration = Duration::from_millis(50);
const MOST: usize = 128;
/// SLICE is how long the sweep waits for those that it has before it looks for more.
const SLICE: Duration = Duration::from_millis(5);

pub(super) struct DrainingBody {
    conn: Box<PersistConn>,
    decoder: BodyDecoder,
    left: usize,
    until: Instant,
}

/// DrainProgress is how far a rest has come.
pub(super) enum DrainProgress {
    Complete(Box<PersistConn>),
    Pending(DrainingBody),
    /// It is too long, or broken; the connection ends.
    Abandoned,
}

impl DrainingBody {
    pub(super) fn new(conn: Box<PersistConn>, decoder: BodyDecoder) -> DrainingBody {
        DrainingBody { conn, decoder, left: BYTES, until: Instant::now() + TIME }
    }

    /// drain_now takes in what is there; it does not wait.
    pub(super) fn drain_now(mut self) -> DrainProgress {
        let mut waste = [0; 4096];
        loop {
            if self.decoder.is_done() {
                return DrainProgress::Complete(self.conn);
            }
            if !self.conn.buffered().is_empty() {
                let Ok(p) = self.decoder.decode(self.conn.buffered(), &mut waste) else {
                    return DrainProgress::Abandoned;
                };
                self.conn.consume(p.consumed);
                if p.done || p.consumed > 0 || p.produced > 0 {
                    continue;
                }
            }
            match self.conn.fill_now() {
                Ok(Some(n)) if n > 0 && n <= self.left => self.left -= n,
                Ok(None) => return DrainProgress::Pending(self),
                Ok(Some(_)) | Err(_) => return DrainProgress::Abandoned,
            }
        }
    }
}

impl PoolCore {
    /// leave has the sweep wait for a rest.
    pub(super) fn drain_later(self: &Arc<Self>, rest: DrainingBody) {
        let mut state = lock(&self.state);
        if state.closed || state.draining >= MOST {
            drop(state);
            return drop(rest);
        }
        state.draining += 1;
        state.sweeping = true;
        drop(state);
        self.sweeper.submit(self, Task::Drain(rest));
    }

    /// drain_pending waits a little for the rests that there are, and leaves those that must wait further.
    pub(super) fn drain_pending(self: &Arc<Self>, rests: &mut Vec<DrainingBody>) {
        let mut fds: Vec<_> = rests.iter().map(|r| sys::poll_fd(r.conn.fd(), sys::POLLIN)).collect();
        // What this could not wait for is looked at all the same.
        let _ = sys::poll(&mut fds, sys::millis(SLICE));
        let now = Instant::now();
        let before = rests.len();
        for rest in std::mem::take(rests) {
            match rest.drain_now() {
                DrainProgress::Complete(mut conn) => {
                    if conn.buffered().is_empty() && conn.prepare_for_reuse() {
                        let _ = self.put_idle(conn);
                    }
                }
                DrainProgress::Pending(rest) if now < rest.until => rests.push(rest),
                DrainProgress::Pending(_) | DrainProgress::Abandoned => {}
            }
        }
        lock(&self.state).draining -= before - rests.len();
    }
}

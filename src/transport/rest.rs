//! `Rest`: what is left of a body that nobody reads on, taken in to save its connection, as Go does.
//!
//! Whoever closes a response takes in what is there and does not wait; for what is still to come the sweep does.

use super::conn::Conn;
use super::pool::Shared;
use super::sweep::Task;
use crate::h1::BodyDecoder;
use crate::net::sys;
use crate::sync::lock;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// BYTES and TIME bound what a rest may cost, and MOST how many wait at once.
pub(super) const BYTES: usize = 256 * 1024;
const TIME: Duration = Duration::from_millis(50);
const MOST: usize = 128;
/// SLICE is how long the sweep waits for those that it has before it looks for more.
const SLICE: Duration = Duration::from_millis(5);

pub(super) struct Rest {
    conn: Box<Conn>,
    decoder: BodyDecoder,
    left: usize,
    until: Instant,
}

/// Taken is how far a rest has come.
pub(super) enum Taken {
    Whole(Box<Conn>),
    Waits(Rest),
    /// It is too long, or broken; the connection ends.
    Given,
}

impl Rest {
    pub(super) fn new(conn: Box<Conn>, decoder: BodyDecoder) -> Rest {
        Rest { conn, decoder, left: BYTES, until: Instant::now() + TIME }
    }

    /// take takes in what is there; it does not wait.
    pub(super) fn take(mut self) -> Taken {
        let mut waste = [0; 4096];
        loop {
            if self.decoder.is_done() {
                return Taken::Whole(self.conn);
            }
            if !self.conn.buffered().is_empty() {
                let Ok(p) = self.decoder.decode(self.conn.buffered(), &mut waste) else {
                    return Taken::Given;
                };
                self.conn.consume(p.consumed);
                if p.done || p.consumed > 0 || p.produced > 0 {
                    continue;
                }
            }
            match self.conn.fill_now() {
                Ok(Some(n)) if n > 0 && n <= self.left => self.left -= n,
                Ok(None) => return Taken::Waits(self),
                Ok(Some(_)) | Err(_) => return Taken::Given,
            }
        }
    }
}

impl Shared {
    /// leave has the sweep wait for a rest.
    pub(super) fn leave_rest(self: &Arc<Self>, rest: Rest) {
        let mut state = lock(&self.state);
        if state.closed || state.rests >= MOST {
            drop(state);
            return drop(rest);
        }
        state.rests += 1;
        state.sweeping = true;
        drop(state);
        self.sweeper.submit(self, Task::Rest(rest));
    }

    /// take_rests waits a little for the rests that there are, and leaves those that must wait further.
    pub(super) fn take_rests(self: &Arc<Self>, rests: &mut Vec<Rest>) {
        let mut fds: Vec<_> = rests.iter().map(|r| sys::poll_fd(r.conn.fd(), sys::POLLIN)).collect();
        // What this could not wait for is looked at all the same.
        let _ = sys::poll(&mut fds, sys::millis(SLICE));
        let now = Instant::now();
        let before = rests.len();
        for rest in std::mem::take(rests) {
            match rest.take() {
                Taken::Whole(mut conn) => {
                    if conn.buffered().is_empty() && conn.rest() {
                        let _ = self.put(conn);
                    }
                }
                Taken::Waits(rest) if now < rest.until => rests.push(rest),
                Taken::Waits(_) | Taken::Given => {}
            }
        }
        lock(&self.state).rests -= before - rests.len();
    }
}

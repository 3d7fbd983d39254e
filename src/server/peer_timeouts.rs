//! `PeerTimeouts`: how long one side of an exchange waits for its peer.

use super::server_core::ServerCore;
use crate::error::{Error, Kind, Phase, Result};
use crate::runtime::before_peer_wait;
use crate::sys;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A wait looks again after so long whether its peer is too slow: handlers may have come to be short meanwhile.
pub(super) const SLICE: Duration = Duration::from_secs(1);

/// MinRate is what a peer must send or take of a body while handlers are short.
#[derive(Clone, Copy, Debug)]
pub struct MinRate {
    /// In bytes a second.
    pub rate: u64,
    /// The waits over which it is measured.
    pub grace: Duration,
}

/// RateMeter measures what a peer moves in the time for which it is awaited.
#[derive(Default)]
pub(super) struct RateMeter {
    min: Option<MinRate>,
    waited: Duration,
    moved: u64,
}

impl RateMeter {
    pub(super) fn new(min: Option<MinRate>) -> RateMeter {
        RateMeter { min, ..RateMeter::default() }
    }

    /// moved counts bytes that the peer sent or took.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
    }

    /// slice is how long to wait at a time.
    pub(super) fn slice(&self, left: Option<Duration>) -> Option<Duration> {
        match self.min {
            Some(_) => Some(left.map_or(SLICE, |l| l.min(SLICE))),
            None => left,
        }
    }

    /// waited counts a wait. `true`: over its latest `grace` of waits the peer was slower than it must be. A peer that was
    /// fast enough is measured anew.
    pub(super) fn waited(&mut self, time: Duration) -> bool {
        let Some(min) = self.min else { return false };
        self.waited += time;
        if self.waited < min.grace {
            return false;
        }
        let due = u128::from(min.rate) * self.waited.as_millis() / 1000;
        let is_slow = u128::from(self.moved) < due;
        if !is_slow {
            (self.waited, self.moved) = (Duration::ZERO, 0);
        }
        is_slow
    }
}

/// PeerTimeouts bounds the waits of one side of an exchange.
pub(super) struct PeerTimeouts {
    core: Arc<ServerCore>,
    /// From byte to byte.
    pub(super) progress: Option<Duration>,
    /// For all of it.
    pub(super) deadline: Option<Instant>,
    pub(super) rate_meter: RateMeter,
    /// How long this exchange has waited for its connection.
    pub(super) waited: Duration,
}

impl PeerTimeouts {
    pub(super) fn new(core: &Arc<ServerCore>) -> PeerTimeouts {
        PeerTimeouts {
            core: core.clone(),
            progress: None,
            deadline: None,
            rate_meter: RateMeter::default(),
            waited: Duration::ZERO,
        }
    }

    /// begin sets them for the next body.
    pub(super) fn begin(&mut self, progress: Option<Duration>, deadline: Option<Instant>) {
        (self.progress, self.deadline) = (progress, deadline);
        self.rate_meter = RateMeter::new(self.core.settings.min_rate);
        self.waited = Duration::ZERO;
    }

    /// ready waits until the socket is.
    pub(super) fn ready(&mut self, fd: RawFd, what: &WaitKind) -> Result<()> {
        before_peer_wait();
        let began = Instant::now();
        let end = [self.progress.map(|p| began + p), self.deadline].into_iter().flatten().min();
        let mut now = began;
        loop {
            let left = end.map(|at| at.saturating_duration_since(now));
            let mut fds = [sys::poll_fd(fd, what.events)];
            let ready = sys::poll(&mut fds, self.rate_meter.slice(left).map_or(-1, sys::millis));
            let before = std::mem::replace(&mut now, Instant::now());
            let took = now.saturating_duration_since(before);
            self.waited += took;
            let is_slow = self.rate_meter.waited(took) && self.core.is_low_on_handlers();
            match ready {
                Err(e) => return Err(Error::io(Kind::Io, what.name, &e).with_phase(what.phase)),
                Ok(_) if is_slow => return Err(too_slow(what.name, what.phase)),
                Ok(0) if end.is_some_and(|at| at <= now) => return Err(timed_out(what.name, what.phase)),
                Ok(0) => {}
                Ok(_) => return Ok(()),
            }
        }
    }
}

/// WaitKind is what a wait is for.
pub(super) struct WaitKind {
    events: i16,
    name: &'static str,
    phase: Phase,
}

pub(super) const INPUT: WaitKind = WaitKind { events: sys::POLLIN, name: "read", phase: Phase::Body };
pub(super) const ROOM: WaitKind = WaitKind { events: sys::POLLOUT, name: "write", phase: Phase::Write };

pub(super) fn timed_out(what: &str, phase: Phase) -> Error {
    Error::new(Kind::Timeout, format!("{what}: i/o timeout")).with_phase(phase)
}

pub(super) fn too_slow(what: &str, phase: Phase) -> Error {
    let text = format!("{what}: i/o timeout: slower than the minimum rate while handlers are short");
    Error::new(Kind::Timeout, text).with_phase(phase)
}

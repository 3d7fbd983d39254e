//! What a connection needs while nobody waits on it; the sweep comes by each second.

use super::config;
use super::conn::{H2Conn, State};
use super::receive::Direct;
use crate::error::{Error, Kind};
use crate::h2::Options;
use crate::transport::settings::Settings;
use std::time::{Duration, Instant};

impl H2Conn {
    /// care takes in what came, answers pings, asks whether the server lives, and ends what has been idle for long.
    pub(in crate::transport) fn care(&self, settings: &Settings, now: Instant) {
        let mut state = self.lock();
        let passed = now.saturating_duration_since(state.cared).as_secs();
        if passed > 0 {
            state.engine.tick(u32::try_from(passed).unwrap_or(u32::MAX));
            state.cared += Duration::from_secs(passed);
        }
        if state.driver.is_none() {
            state.receive(&mut Direct::none());
            if let Some(conn) = &mut state.conn {
                conn.narrow();
            }
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let in_use = !state.slots.is_empty();
        let lost = state.pinged.is_some_and(|at| since(at) >= self.options.ping_timeout());
        let stuck =
            state.stuck.zip(config::stuck_after(&self.options)).is_some_and(|(at, limit)| since(at) >= limit);
        let aged = settings.idle.is_some_and(|limit| since(state.last_used) >= limit);
        if lost {
            state.count("conn_close_lost_ping");
            state.die(Error::new(Kind::Io, "http2: client connection lost"));
        } else if stuck {
            state.die(Error::new(Kind::Timeout, "http2: timeout writing to the connection"));
        } else if aged && state.slots.is_empty() && self.gate.taken() == 0 {
            state.shut();
        } else if state.pinged.is_none()
            && config::ping_after(&self.options, in_use).is_some_and(|limit| since(state.last_read) >= limit)
        {
            state.ask(now);
        }
        state.end_if_unused();
        self.push(state);
    }
}

impl State {
    /// freshen takes in what came to a connection that nobody reads, before a request is trusted to it.
    pub(super) fn freshen(&mut self) {
        if self.driver.is_none() {
            self.receive(&mut Direct::none());
        }
    }

    /// is_silent: the server was not heard for so long that it may be dead, and was not asked yet.
    pub(super) fn is_silent(&self, options: &Options) -> bool {
        let after = config::ping_after(options, true);
        self.pinged.is_none() && after.is_some_and(|limit| self.last_read.elapsed() >= limit)
    }

    /// ask sends a ping, whose answer shows that the server lives.
    pub(super) fn ask(&mut self, now: Instant) {
        self.engine.ping(*b"nethttp?");
        self.pinged = Some(now);
    }
}

//! What a connection needs while nobody waits on it; the sweep comes by each second.

use super::conn::H2Conn;
use super::receive::Direct;
use crate::error::{Error, Kind};
use crate::transport::settings::Settings;
use std::time::{Duration, Instant};

/// FRESH: one that was in use so lately goes out unlooked at, as in HTTP/1.
const FRESH: Duration = Duration::from_millis(1);

impl H2Conn {
    /// care takes in what came, answers pings, asks whether the server lives, and ends what has been idle for long.
    pub(in crate::transport) fn care(&self, settings: &Settings, now: Instant) {
        let mut state = self.lock();
        let passed = now.saturating_duration_since(state.cared).as_secs();
        if passed > 0 {
            state.engine.seconds(u32::try_from(passed).unwrap_or(u32::MAX));
            state.cared += Duration::from_secs(passed);
        }
        if state.driver.is_none() {
            state.receive(&mut Direct::none());
            if let Some(conn) = &mut state.conn {
                conn.narrow();
            }
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let lost = state.pinged.is_some_and(|at| since(at) >= self.config.ping);
        let stuck = state.stuck.zip(self.config.write_byte).is_some_and(|(at, limit)| since(at) >= limit);
        let aged = settings.idle.is_some_and(|limit| since(state.last_used) >= limit);
        if lost {
            state.count("conn_close_lost_ping");
            state.die(Error::new(Kind::Io, "http2: client connection lost"));
        } else if stuck {
            state.die(Error::new(Kind::Timeout, "http2: timeout writing to the connection"));
        } else if aged && state.slots.is_empty() && self.gate.taken() == 0 {
            state.shut();
        } else if state.pinged.is_none()
            && self.config.send_ping.is_some_and(|limit| since(state.last_read) >= limit)
        {
            state.ask(now);
        }
        state.end_if_unused();
        self.push(state);
    }

    /// is_alive looks at a connection on which nothing went on for a while, before a request is trusted to it.
    pub(in crate::transport) fn is_alive(&self, now: Instant) -> bool {
        {
            let mut state = self.lock();
            let last = state.last_read.max(state.last_used);
            if state.driver.is_none() && now.saturating_duration_since(last) > FRESH {
                state.receive(&mut Direct::none());
            }
            self.settle(state);
        }
        !self.gate.is_shut()
    }
}

impl super::conn::State {
    /// ask sends a ping, whose answer shows that the server lives.
    pub(super) fn ask(&mut self, now: Instant) {
        self.engine.ping(*b"nethttp?");
        self.pinged = Some(now);
    }
}

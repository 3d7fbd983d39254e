//! What a connection needs while nobody waits on it; the sweep comes by each second.

use super::config;
use super::conn::{H2Conn, Http2State};
use super::receive::DirectRead;
use crate::error::{Error, Kind};
use crate::h2::Options;
use crate::transport::settings::TransportSettings;
use std::time::{Duration, Instant};

impl H2Conn {
    /// care takes in what came, answers pings, asks whether the server lives, and ends what has been idle for long.
    pub(in crate::transport) fn maintain(&self, settings: &TransportSettings, now: Instant) {
        let mut state = self.lock();
        let passed = now.saturating_duration_since(state.maintained).as_secs();
        if passed > 0 {
            state.engine.tick(u32::try_from(passed).unwrap_or(u32::MAX));
            state.maintained += Duration::from_secs(passed);
        }
        if state.leader.is_none() {
            state.receive(&mut DirectRead::none());
            if let Some(conn) = &mut state.conn {
                conn.narrow();
            }
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let in_use = !state.streams.is_empty();
        let lost = state.ping_sent.is_some_and(|at| since(at) >= self.options.ping_timeout());
        let stuck = state
            .blocked_since
            .zip(config::stuck_after(&self.options))
            .is_some_and(|(at, limit)| since(at) >= limit);
        let aged = settings.idle.is_some_and(|limit| since(state.last_used) >= limit);
        if lost {
            state.count("conn_close_lost_ping");
            state.fail_all(Error::new(Kind::Io, "http2: client connection lost"));
        } else if stuck {
            state.fail_all(Error::new(Kind::Timeout, "http2: timeout writing to the connection"));
        } else if aged && state.streams.is_empty() && self.quota.in_use() == 0 {
            state.stop_accepting();
        } else if state.ping_sent.is_none()
            && config::ping_after(&self.options, in_use).is_some_and(|limit| since(state.last_read) >= limit)
        {
            state.send_ping(now);
        }
        state.close_if_unused();
        self.flush_output(state);
    }
}

impl Http2State {
    /// receive_pending takes in what came to a connection that nobody reads, before a request is trusted to it.
    pub(super) fn receive_pending(&mut self) {
        if self.leader.is_none() {
            self.receive(&mut DirectRead::none());
        }
    }

    /// is_silent: the server was not heard for so long that it may be dead, and was not asked yet.
    pub(super) fn is_silent(&self, options: &Options) -> bool {
        let after = config::ping_after(options, true);
        self.ping_sent.is_none() && after.is_some_and(|limit| self.last_read.elapsed() >= limit)
    }

    /// send_ping sends a ping, whose answer shows that the server lives.
    pub(super) fn send_ping(&mut self, now: Instant) {
        self.engine.ping(*b"nethttp?");
        self.ping_sent = Some(now);
    }
}

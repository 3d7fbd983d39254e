//! When a session is to be driven though nothing comes, and what is to be done then.

use super::session::{Http2Session, ShutdownStage};
use super::stream_exchange::StreamExchange;
use super::stream_state::StreamState;
use crate::error::Phase;
use crate::h2::ErrorCode;
use crate::runtime::NEVER;
use crate::server::connection::deadline_after;
use crate::server::peer_timeouts::timed_out;
use crate::server::settings::ServerSettings;

/// How long a client has to answer the first GOAWAY, which a ping follows (RFC 9113, 6.8).
const LAST_AFTER_MS: u64 = 1000;
pub(super) const SHUTDOWN_PING: [u8; 8] = *b"goingawa";
const HEALTH_PING: [u8; 8] = *b"are you?";

impl Http2Session {
    /// begin_shutdown begins a graceful end.
    pub(super) fn begin_shutdown(&mut self, now: u64) {
        if self.ending == ShutdownStage::No {
            self.ending = ShutdownStage::Announced;
            self.last_due = now + LAST_AFTER_MS;
            self.engine.shutdown();
            self.engine.ping(SHUTDOWN_PING);
        }
    }

    /// send_final_goaway is the second step: streams that come from here on are not served.
    pub(super) fn send_final_goaway(&mut self) {
        self.ending = ShutdownStage::Last;
        self.last_due = NEVER;
        self.engine.shutdown();
    }

    /// schedule_check has a stream looked at in time.
    pub(super) fn schedule_check(&mut self, s: &StreamState) {
        let stalled = deadline_after(s.output.moved, self.progress);
        self.check_at = self.check_at.min(s.output.deadline).min(stalled);
    }

    /// expire does what is due.
    pub(super) fn expire(&mut self, settings: &ServerSettings, now: u64) {
        let seconds = (now / 1000).saturating_sub(self.last_tick);
        if seconds > 0 {
            self.last_tick += seconds;
            self.engine.tick(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        if self.last_due <= now {
            self.send_final_goaway();
        }
        self.release_awaiting_body(|t| t.held_until <= now);
        if self.check_at <= now {
            self.check_streams(now);
        }
        if self.is_finished() {
            return;
        }
        if deadline_after(self.stuck_since, self.progress) <= now {
            return self.abandon_socket();
        }
        if self.engine.is_dead() {
            return;
        }
        if self.idle_due(settings) <= now || self.block_due(settings) <= now {
            self.close(ErrorCode::NO_ERROR, "");
        } else if self.ping_due(settings) <= now {
            if self.ping_pending {
                self.close(ErrorCode::NO_ERROR, "");
            } else {
                self.ping_pending = true;
                self.last_received = now;
                self.engine.ping(HEALTH_PING);
            }
        }
    }

    fn close(&mut self, code: ErrorCode, reason: &'static str) {
        self.engine.close(code, reason);
        self.drop_all_streams();
    }

    /// release_awaiting_body lets requests go that have waited for their bodies.
    pub(super) fn release_awaiting_body(&mut self, which: impl Fn(&StreamExchange) -> bool) {
        while let Some(at) = self.awaiting_body.iter().position(|t| which(t)) {
            self.ready.extend(self.awaiting_body.remove(at));
        }
    }

    /// check_streams ends those whose peer takes nothing, and those whose time is up: with their connection, if that is
    /// what takes nothing.
    fn check_streams(&mut self, now: u64) {
        let (mut late, mut is_stuck) = (Vec::new(), false);
        self.check_at = NEVER;
        for (id, stream) in &self.open {
            let s = stream.state();
            let due = s.output.deadline.min(deadline_after(s.output.moved, self.progress));
            if due <= now {
                is_stuck |= s.output.deadline <= now && self.stuck_since != NEVER;
                late.push(*id);
            } else {
                self.check_at = self.check_at.min(due);
            }
        }
        if is_stuck {
            return self.abandon_socket();
        }
        for id in late {
            self.reset_stream(id, ErrorCode::INTERNAL_ERROR, timed_out("write", Phase::Write));
        }
    }

    fn idle_due(&self, settings: &ServerSettings) -> u64 {
        let limit = if self.engine.has_peer_settings() { settings.idle() } else { settings.header_timeout() };
        deadline_after(self.idle_since, limit)
    }

    fn block_due(&self, settings: &ServerSettings) -> u64 {
        deadline_after(self.block_since, settings.header_timeout())
    }

    fn ping_due(&self, settings: &ServerSettings) -> u64 {
        let limit = settings.http2.send_ping_timeout.flatten();
        deadline_after(
            self.last_received,
            if self.ping_pending { Some(settings.http2.ping_timeout()) } else { limit },
        )
    }

    /// next_deadline notes where the session stands, and answers when it is to be driven again.
    pub(super) fn next_deadline(&mut self, settings: &ServerSettings, now: u64) -> u64 {
        let idle = self.open.is_empty() && self.running == 0;
        self.idle_since = if idle { self.idle_since.min(now) } else { NEVER };
        self.block_since = if self.engine.is_in_block() { self.block_since.min(now) } else { NEVER };
        let held = self.awaiting_body.iter().map(|t| t.held_until).min().unwrap_or(NEVER);
        let stuck = deadline_after(self.stuck_since, self.progress);
        if self.engine.is_dead() {
            return stuck;
        }
        let dues = [
            self.last_due,
            self.check_at,
            self.idle_due(settings),
            self.block_due(settings),
            self.ping_due(settings),
        ];
        dues.into_iter().fold(held.min(stuck), u64::min)
    }
}

//! When a session is to be driven though nothing comes, and what is to be done then.

use super::session::{Ending, Session};
use super::state::State;
use super::turn::Turn;
use crate::error::Phase;
use crate::h2::ErrorCode;
use crate::runtime::NEVER;
use crate::server::drive::after;
use crate::server::peer_timeouts::timed_out;
use crate::server::settings::Settings;

/// How long a client has to answer the first GOAWAY, which a ping follows (RFC 9113, 6.8).
const LAST_AFTER_MS: u64 = 1000;
pub(super) const SHUTDOWN_PING: [u8; 8] = *b"goingawa";
const HEALTH_PING: [u8; 8] = *b"are you?";

impl Session {
    /// announce_end begins a graceful end.
    pub(super) fn announce_end(&mut self, now: u64) {
        if self.ending == Ending::No {
            self.ending = Ending::Announced;
            self.last_due = now + LAST_AFTER_MS;
            self.engine.shutdown();
            self.engine.ping(SHUTDOWN_PING);
        }
    }

    /// name_last is the second step: streams that come from here on are not served.
    pub(super) fn name_last(&mut self) {
        self.ending = Ending::Last;
        self.last_due = NEVER;
        self.engine.shutdown();
    }

    /// watch has a stream looked at in time.
    pub(super) fn watch(&mut self, s: &State) {
        let stalled = after(s.output.moved, self.progress);
        self.check_at = self.check_at.min(s.output.deadline).min(stalled);
    }

    /// expire does what is due.
    pub(super) fn expire(&mut self, settings: &Settings, now: u64) {
        let seconds = (now / 1000).saturating_sub(self.second);
        if seconds > 0 {
            self.second += seconds;
            self.engine.tick(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        if self.last_due <= now {
            self.name_last();
        }
        self.release_held(|t| t.held_until <= now);
        if self.check_at <= now {
            self.check_streams(now);
        }
        if self.is_over() {
            return;
        }
        if after(self.stuck_since, self.progress) <= now {
            return self.break_off();
        }
        if self.engine.is_dead() {
            return;
        }
        if self.idle_due(settings) <= now || self.block_due(settings) <= now {
            self.close(ErrorCode::NO_ERROR, "");
        } else if self.ping_due(settings) <= now {
            if self.pinged {
                self.close(ErrorCode::NO_ERROR, "");
            } else {
                self.pinged = true;
                self.heard = now;
                self.engine.ping(HEALTH_PING);
            }
        }
    }

    fn close(&mut self, code: ErrorCode, reason: &'static str) {
        self.engine.close(code, reason);
        self.lose_all();
    }

    /// release_held lets requests go that have waited for their bodies.
    pub(super) fn release_held(&mut self, which: impl Fn(&Turn) -> bool) {
        while let Some(at) = self.held.iter().position(|t| which(t)) {
            self.ready.extend(self.held.remove(at));
        }
    }

    /// check_streams ends those whose peer takes nothing, and those whose time is up: with their connection, if that is
    /// what takes nothing.
    fn check_streams(&mut self, now: u64) {
        let (mut late, mut is_stuck) = (Vec::new(), false);
        self.check_at = NEVER;
        for (id, stream) in &self.open {
            let s = stream.state();
            let due = s.output.deadline.min(after(s.output.moved, self.progress));
            if due <= now {
                is_stuck |= s.output.deadline <= now && self.stuck_since != NEVER;
                late.push(*id);
            } else {
                self.check_at = self.check_at.min(due);
            }
        }
        if is_stuck {
            return self.break_off();
        }
        for id in late {
            self.fail(id, ErrorCode::INTERNAL_ERROR, timed_out("write", Phase::Write));
        }
    }

    fn idle_due(&self, settings: &Settings) -> u64 {
        let limit = if self.engine.has_peer_settings() { settings.idle() } else { settings.header_timeout() };
        after(self.idle_since, limit)
    }

    fn block_due(&self, settings: &Settings) -> u64 {
        after(self.block_since, settings.header_timeout())
    }

    fn ping_due(&self, settings: &Settings) -> u64 {
        let limit = settings.http2.send_ping_timeout.flatten();
        after(self.heard, if self.pinged { Some(settings.http2.ping_timeout()) } else { limit })
    }

    /// rest notes where the session stands, and answers when it is to be driven again.
    pub(super) fn rest(&mut self, settings: &Settings, now: u64) -> u64 {
        let idle = self.open.is_empty() && self.running == 0;
        self.idle_since = if idle { self.idle_since.min(now) } else { NEVER };
        self.block_since = if self.engine.is_in_block() { self.block_since.min(now) } else { NEVER };
        let held = self.held.iter().map(|t| t.held_until).min().unwrap_or(NEVER);
        let stuck = after(self.stuck_since, self.progress);
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

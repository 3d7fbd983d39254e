//! `FloodLimits`: budgets that a peer spends on what brings nothing on, and that useful work and time refill.
//!
//! What is counted is every way to cause work for nothing: streams that are opened and reset (CVE-2023-44487), or that
//! the peer makes us reset (CVE-2025-8671), and frames that carry nothing (CVE-2019-9512 to -9518).

use super::error::{ErrorCode, Fault};

/// What a message earns.
const EARNED_FRAMES: u32 = 16;
/// What a second refills.
const FRAMES_A_SECOND: u32 = 1000;
const WASTED_A_SECOND: u32 = 33;

#[derive(Debug)]
pub(super) struct FloodLimits {
    frames: Budget,
    wasted_stream: Budget,
}

#[derive(Debug)]
struct Budget {
    left: u32,
    max: u32,
}

impl Budget {
    fn new(max: u32) -> Budget {
        Budget { left: max, max }
    }

    fn earn(&mut self, n: u32) {
        self.left = self.left.saturating_add(n).min(self.max);
    }

    fn spend(&mut self, reason: &'static str) -> Result<(), Fault> {
        self.left =
            self.left.checked_sub(1).ok_or(Fault::connection(ErrorCode::ENHANCE_YOUR_CALM, reason))?;
        Ok(())
    }
}

impl FloodLimits {
    pub(super) fn new(frames: u32, wasted: u32) -> FloodLimits {
        FloodLimits { frames: Budget::new(frames), wasted_stream: Budget::new(wasted) }
    }

    /// idle_frame counts a frame that brings nothing on.
    pub(super) fn idle_frame(&mut self) -> Result<(), Fault> {
        self.frames.spend("too many frames that carry nothing")
    }

    /// wasted_stream counts a stream that came to nothing by the peer's doing.
    pub(super) fn wasted_stream(&mut self) -> Result<(), Fault> {
        self.wasted_stream.spend("too many streams that came to nothing")
    }

    /// message is a head or a trailer that came.
    pub(super) fn message(&mut self) {
        self.frames.earn(EARNED_FRAMES);
    }

    /// stream_reset is a stream that was reset here: a head, an end, a window update and a reset may be under way.
    pub(super) fn stream_reset(&mut self) {
        self.frames.earn(4);
    }

    /// data is a frame with so many bytes, in either direction. Who reads by small pieces sends a window update for each
    /// of them, and one for the connection.
    pub(super) fn data(&mut self, n: usize) {
        self.frames.earn(1 + (n / 512) as u32);
    }

    /// exchange_done is an exchange that came to its end.
    pub(super) fn exchange_done(&mut self) {
        self.wasted_stream.earn(1);
    }

    pub(super) fn tick(&mut self, n: u32) {
        self.frames.earn(n.saturating_mul(FRAMES_A_SECOND));
        self.wasted_stream.earn(n.saturating_mul(WASTED_A_SECOND));
    }
}

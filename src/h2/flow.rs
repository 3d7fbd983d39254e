//! Flow control (RFC 9113, 5.2 and 6.9): windows of 31 bits, what may be sent and what was allowed.

use super::frame::MAX_31;

/// The window that every stream and connection begins with.
pub const DEFAULT_WINDOW: u32 = 65_535;

/// SendWindow is what the peer permits. A change of its settings can make it negative.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendWindow(i64);

impl SendWindow {
    pub(super) fn new(n: u32) -> SendWindow {
        SendWindow(i64::from(n))
    }

    pub(super) fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    pub(super) fn spend(&mut self, n: usize) {
        self.0 -= n as i64;
    }

    /// add takes a WINDOW_UPDATE or a change of the initial window; `false` if the window would pass 2^31-1.
    #[must_use]
    pub(super) fn add(&mut self, n: i64) -> bool {
        self.0 += n;
        self.0 <= i64::from(MAX_31)
    }
}

/// RecvWindow is what we permit. What the program consumed is announced once it is half of the window, so that a
/// stream of data costs two updates a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecvWindow {
    left: i64,
    consumed: u32,
    target: u32,
}

impl RecvWindow {
    pub(super) fn new(target: u32) -> RecvWindow {
        RecvWindow { left: i64::from(target), consumed: 0, target }
    }

    /// take counts received bytes; `false` if the peer was not allowed them. `slack` is what it may not know yet.
    #[must_use]
    pub(super) fn take(&mut self, n: u32, slack: u32) -> bool {
        self.left -= i64::from(n);
        self.left + i64::from(slack) >= 0
    }

    /// left is what the peer may still send.
    pub(super) fn left(&self) -> u32 {
        u32::try_from(self.left).unwrap_or(0)
    }

    /// release counts consumed bytes, and answers what to announce.
    pub(super) fn release(&mut self, n: u32) -> Option<u32> {
        self.consumed = self.consumed.saturating_add(n);
        if i64::from(self.consumed) * 2 < i64::from(self.target) { None } else { self.announce() }
    }

    /// release_shared is [`RecvWindow::release`] for a window of many streams: what was consumed is announced also when no more
    /// than that is left. Else a body that is not read on could keep from others what has been read of it.
    pub(super) fn release_shared(&mut self, n: u32) -> Option<u32> {
        let due = self.release(n);
        if due.is_none() && i64::from(self.consumed) >= self.left { self.announce() } else { due }
    }

    fn announce(&mut self) -> Option<u32> {
        // More than the target is never outstanding, whatever the caller says that it consumed.
        let room = (i64::from(self.target) - self.left).clamp(0, i64::from(self.consumed)) as u32;
        self.left += i64::from(room);
        self.consumed = 0;
        (room > 0).then_some(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sending_stops_at_nothing_and_at_31_bits() {
        let mut w = SendWindow::new(10);
        w.spend(10);
        assert_eq!(w.available(), 0);
        assert!(w.add(-5) && w.available() == 0);
        assert!(w.add(6) && w.available() == 1);
        assert!(w.add(i64::from(MAX_31) - 1));
        assert!(!w.add(1));
    }

    #[test]
    fn half_a_window_is_given_back() {
        let mut w = RecvWindow::new(100);
        assert!(w.take(100, 0) && !w.clone().take(1, 0) && w.clone().take(1, 1));
        assert_eq!(w.release(49), None);
        assert_eq!(w.release(1), Some(50));
        assert_eq!(w.left, 50);
        assert_eq!(w.release(5000), Some(50), "no more than the window");
        assert_eq!(w.release(0), None);
        assert_eq!(RecvWindow::new(0).release(0), None);
    }

    #[test]
    fn what_is_shared_is_given_back_before_it_runs_out() {
        let mut w = RecvWindow::new(100);
        assert!(w.take(50, 0));
        assert_eq!(w.release_shared(30), None);
        assert!(w.take(20, 0));
        assert_eq!(w.release_shared(0), Some(30));
        assert_eq!(w.left, 60);
        assert_eq!(w.release_shared(0), None);
        assert!(w.take(60, 0));
        assert_eq!(w.release_shared(0), None);
        assert_eq!(w.release_shared(1), Some(1));
    }
}

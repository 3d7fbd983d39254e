//! DATA frames, and the windows in which they come.

use super::engine::Engine;
use super::error::{ErrorCode, Fault};
use super::event::Event;
use super::flow::DEFAULT_WINDOW;
use super::frame::{self, FrameHead, flag, protocol};
use super::recv::{DataFrame, ReadState};
use super::streams::HalfState;

/// short is a message that ends before its declared length.
pub(super) fn short(id: u32) -> Fault {
    Fault::stream(id, ErrorCode::PROTOCOL_ERROR, "less data than content-length")
}

impl Engine {
    /// data looks at the head of a DATA frame, all of which counts in the windows (RFC 9113, 6.1 and 6.9).
    pub(super) fn data(&mut self, head: FrameHead, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.is_idle(head.stream) {
            return Err(protocol("DATA on an idle stream"));
        }
        if !self.recv_window.take(head.len, 0) {
            return Err(Fault::connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                "more data than the connection's window",
            ));
        }
        self.release_connection_window(0);
        if head.has(flag::PADDED) {
            if head.len == 0 {
                return Err(Fault::connection(ErrorCode::FRAME_SIZE_ERROR, "no room for the padding"));
            }
            self.reading = ReadState::PadLength(head);
            return Ok(());
        }
        self.body(head, head.len, 0, events)
    }

    /// padded goes on behind the length of the padding.
    pub(super) fn padded(
        &mut self,
        head: FrameHead,
        padding: u32,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let Some(left) = (head.len - 1).checked_sub(padding) else {
            return Err(protocol("more padding than payload"));
        };
        self.body(head, left, padding, events)
    }

    fn body(
        &mut self,
        head: FrameHead,
        left: u32,
        padding: u32,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let (id, end) = (head.stream, head.has(flag::END_STREAM));
        let taken = self.admit(head, left);
        let live = matches!(taken, Ok(true));
        self.reading = ReadState::Data(DataFrame { id, left, padding, end, accepted: live });
        // The padding is nobody's to consume.
        self.release_connection_window(head.len - left);
        match taken {
            Ok(true) => {}
            Ok(false) => return self.ignore_stray(head.len, left),
            Err(fault) => {
                self.fail(fault, events);
                return Ok(());
            }
        }
        self.release_stream_window(id, head.len - left);
        if left > 0 {
            self.flood_limits.data(left as usize);
        } else if end {
            events.push(Event::Data { id, range: 0..0, end: true });
            self.end_of_input(id);
        } else {
            return self.flood_limits.idle_frame();
        }
        Ok(())
    }

    /// ignore_stray drops a frame of a stream that is gone. RFC 9113, 5.1: frames that were under way when the stream was reset
    /// are ignored. The windows bound them; what comes beyond that is a flood.
    fn ignore_stray(&mut self, len: u32, data: u32) -> Result<(), Fault> {
        match self.stray.checked_sub(u64::from(len)) {
            Some(left) if data > 0 => {
                self.stray = left;
                Ok(())
            }
            _ => self.flood_limits.idle_frame(),
        }
    }

    /// expect_stray notes that the peer may send `window` bytes more on a stream that is gone for us.
    pub(super) fn expect_stray(&mut self, window: u32) {
        let more = u64::from(window) + u64::from(self.slack());
        // No more can be under way than the connection's window, and what of it was given back meanwhile.
        let most = 2 * u64::from(self.config.connection_window);
        self.stray = self.stray.saturating_add(more).min(most);
    }

    /// admit says whether the stream takes `n` bytes; `false`: it is gone and they are dropped.
    fn admit(&mut self, head: FrameHead, n: u32) -> Result<bool, Fault> {
        let id = head.stream;
        let slack = self.slack();
        let fault = |code, reason| Err(Fault::stream(id, code, reason));
        let Some(s) = self.streams.get_mut(id) else {
            let ours = self.was_reset(id) == Some(true) || self.goaway_sent.is_some_and(|last| id > last);
            return if ours { Ok(false) } else { fault(ErrorCode::STREAM_CLOSED, "DATA on a closed stream") };
        };
        match s.recv {
            HalfState::Head => return fault(ErrorCode::PROTOCOL_ERROR, "DATA before a response"),
            HalfState::Done => return fault(ErrorCode::STREAM_CLOSED, "DATA behind the end"),
            HalfState::Body => {}
        }
        if !s.recv_window.take(head.len, slack) {
            return fault(ErrorCode::FLOW_CONTROL_ERROR, "more data than the stream's window");
        }
        if let Some(remaining) = &mut s.remaining {
            let Some(left) = remaining.checked_sub(u64::from(n)) else {
                return fault(ErrorCode::PROTOCOL_ERROR, "more data than content-length");
            };
            *remaining = left;
            s.short = head.has(flag::END_STREAM) && *remaining > 0;
            if s.short && n == 0 {
                return Err(short(id));
            }
        }
        Ok(true)
    }

    /// slack is by how much the peer may pass a stream's window, since it may not know the setting yet.
    fn slack(&self) -> u32 {
        if self.acknowledged { 0 } else { DEFAULT_WINDOW.saturating_sub(self.config.stream_window) }
    }

    /// ends_short tells whether a stream's last data were too few.
    pub(super) fn ends_short(&self, id: u32) -> bool {
        self.streams.get(id).is_some_and(|s| s.short)
    }

    pub(super) fn end_of_input(&mut self, id: u32) {
        if let Some(s) = self.streams.get_mut(id) {
            s.recv = HalfState::Done;
        }
        self.close_if_done(id);
    }

    /// release gives back `n` bytes of data that the program has consumed, or will not; `id` may be gone.
    pub fn release(&mut self, id: u32, n: usize) {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        self.release_connection_window(n);
        self.release_stream_window(id, n);
    }

    pub(super) fn release_connection_window(&mut self, n: u32) {
        if let Some(n) = self.recv_window.release_shared(n)
            && self.fatal.is_none()
        {
            frame::window_update(&mut self.out, 0, n);
        }
    }

    fn release_stream_window(&mut self, id: u32, n: u32) {
        if let Some(s) = self.streams.get_mut(id)
            && s.recv == HalfState::Body
            && let Some(n) = s.recv_window.release(n)
            && self.fatal.is_none()
        {
            frame::window_update(&mut self.out, id, n);
        }
    }
}

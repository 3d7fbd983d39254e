//! The frames that carry no message: settings, windows, resets, pings, farewells, priorities.

use super::engine::Engine;
use super::error::{ErrorCode, Fault};
use super::event::Event;
use super::frame::{self, FrameHead, MAX_31, flag, protocol};
use super::priority::Priority;
use super::streams::HalfState;

/// What is kept of GOAWAY's debug data.
const DEBUG: usize = 1024;

impl Engine {
    pub(super) fn settings(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if head.has(flag::ACK) {
            if std::mem::replace(&mut self.acknowledged, true) {
                return Err(protocol("an acknowledgement of no settings"));
            }
            self.decoder.allow(self.config.header_table as usize);
            return Ok(());
        }
        self.flood_limits.idle_frame()?;
        let before = self.peer;
        self.peer.apply(payload, self.server)?;
        self.encoder.set_peer_max(self.peer.header_table as usize);
        self.shift_windows(i64::from(self.peer.initial_window) - i64::from(before.initial_window), events)?;
        self.got_settings = true;
        frame::settings_ack(&mut self.out);
        self.count_control()?;
        events.push(Event::Settings);
        Ok(())
    }

    /// shift_windows applies a new initial window to all streams (RFC 9113, 6.9.2).
    fn shift_windows(&mut self, by: i64, events: &mut Vec<Event>) -> Result<(), Fault> {
        if by == 0 {
            return Ok(());
        }
        let (mut overflow, first) = (false, events.len());
        self.streams.for_each(|s| {
            let before = s.send_window.available();
            overflow |= !s.send_window.add(by);
            if before == 0 && s.send_window.available() > 0 {
                events.push(Event::Window { id: s.id });
            }
        });
        if overflow {
            return Err(Fault::connection(ErrorCode::FLOW_CONTROL_ERROR, "a window of 2^31 or more"));
        }
        for e in events.get(first..).unwrap_or_default() {
            if let Event::Window { id } = e {
                self.streams.queue(*id);
            }
        }
        Ok(())
    }

    pub(super) fn window_update(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let id = head.stream;
        let by = frame::read_u32(payload).unwrap_or_default() & MAX_31;
        let fault = |code, reason| Err(Fault { code, stream: id, reason });
        if id != 0 && self.is_idle(id) {
            return Err(protocol("WINDOW_UPDATE on an idle stream"));
        }
        self.flood_limits.idle_frame()?;
        if by == 0 {
            return fault(ErrorCode::PROTOCOL_ERROR, "a window that grows by nothing");
        }
        let window = match id {
            0 => &mut self.send_window,
            _ => match self.streams.get_mut(id) {
                Some(s) => &mut s.send_window,
                None => return Ok(()),
            },
        };
        let before = window.available();
        if !window.add(i64::from(by)) {
            return fault(ErrorCode::FLOW_CONTROL_ERROR, "a window of 2^31 or more");
        }
        if before == 0 && window.available() > 0 {
            events.push(Event::Window { id });
            self.streams.queue(id);
        }
        Ok(())
    }

    pub(super) fn rst_stream(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let id = head.stream;
        if self.is_idle(id) {
            return Err(protocol("RST_STREAM on an idle stream"));
        }
        let Some(s) = self.streams.get(id) else { return self.flood_limits.idle_frame() };
        // Once an answer has begun a reset is how downloads and event streams are left; before, it is work for nothing.
        let wasted = self.server && s.send == HalfState::Head;
        self.forget(id);
        self.record_reset(id, false);
        let code = ErrorCode(frame::read_u32(payload).unwrap_or_default());
        events.push(Event::Reset { id, code, by_peer: true });
        if wasted { self.flood_limits.wasted_stream() } else { Ok(()) }
    }

    pub(super) fn on_ping(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        self.flood_limits.idle_frame()?;
        let Some(&data) = payload.first_chunk::<8>() else { return Ok(()) };
        if head.has(flag::ACK) {
            events.push(Event::Pong { data });
            return Ok(());
        }
        frame::ping(&mut self.out, true, data);
        self.count_control()
    }

    pub(super) fn goaway(&mut self, payload: &[u8], events: &mut Vec<Event>) -> Result<(), Fault> {
        self.flood_limits.idle_frame()?;
        let word = |at: usize| payload.get(at..).and_then(frame::read_u32).unwrap_or_default();
        let (last, code) = (word(0) & MAX_31, ErrorCode(word(4)));
        // 6.8: a later one may only name an earlier stream.
        let last = self.goaway_received.map_or(last, |before| before.min(last));
        self.goaway_received = Some(last);
        let debug = payload.get(8..).unwrap_or_default();
        let debug = debug.get(..DEBUG).unwrap_or(debug).into();
        events.push(Event::GoAway { last, code, debug });
        while let (false, Some(id)) = (self.server, self.streams.last_above(last)) {
            self.forget(id);
            self.record_reset(id, true);
            events.push(Event::Reset { id, code: ErrorCode::REFUSED_STREAM, by_peer: true });
        }
        Ok(())
    }

    /// priority ignores what RFC 9113, 5.3.2 has deprecated, but for a stream that depends on itself, as Go does. One that
    /// is idle cannot be reset.
    pub(super) fn priority(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        self.flood_limits.idle_frame()?;
        let on = frame::read_u32(payload).unwrap_or_default() & MAX_31;
        match on == head.stream {
            true if self.is_idle(on) => Err(protocol("a stream that depends on itself")),
            true => Err(Fault::stream(on, ErrorCode::PROTOCOL_ERROR, "a stream that depends on itself")),
            false => Ok(()),
        }
    }

    /// priority_update follows RFC 9218, 7.1. One that comes before its stream waits for that.
    pub(super) fn priority_update(&mut self, payload: &[u8]) -> Result<(), Fault> {
        self.flood_limits.idle_frame()?;
        let id = frame::read_u32(payload).unwrap_or_default() & MAX_31;
        if id.is_multiple_of(2) {
            return Err(protocol("PRIORITY_UPDATE of a stream that no client opens"));
        }
        if self.config.ignore_priorities {
            return Ok(());
        }
        self.prioritized = true;
        let priority = Priority::parse(payload.get(4..).unwrap_or_default());
        if !self.is_idle(id) {
            self.streams.set_priority(id, priority);
            return Ok(());
        }
        // Streams that are open and those that are only spoken of are bounded together: a MUST, once the client knows.
        let room = (self.config.max_streams as usize).saturating_sub(self.streams.len());
        if !self.pending_priorities.put(id, priority, self.last_peer, room) && self.acknowledged {
            return Err(protocol("PRIORITY_UPDATE of more streams than may be open"));
        }
        Ok(())
    }
}

//! Bytes to frames: heads, payloads whole or in pieces, data as it comes.

use super::engine::{Engine, shrink};
use super::error::{ErrorCode, Fault};
use super::event::Event;
use super::frame::{self, FrameHead, HEAD, PREFACE, flag, kind, protocol};

/// ReadState is what the next byte belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReadState {
    /// The client's preface, of which so much came.
    Preface(usize),
    Head,
    /// A payload that is needed as a whole.
    Payload(FrameHead),
    /// A DATA frame's first byte, the length of its padding.
    PadLength(FrameHead),
    Data(DataFrame),
    /// So many bytes that mean nothing.
    Skip(u32),
}

/// DataFrame is what is still to come of a DATA frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataFrame {
    pub(super) id: u32,
    pub(super) left: u32,
    pub(super) padding: u32,
    pub(super) end: bool,
    /// The stream takes it; else it is dropped.
    pub(super) accepted: bool,
}

impl Engine {
    /// recv takes all of `input` and appends what it means to `events`. How the bytes are cut makes no difference but
    /// that data comes in other pieces. After [`Event::Closed`] nothing is looked at any more.
    pub fn recv(&mut self, input: &[u8], events: &mut Vec<Event>) {
        let mut at = 0;
        while self.fatal.is_none() {
            if let ReadState::Data(data) = self.reading
                && data.left == 0
            {
                self.reading = ReadState::Skip(data.padding);
                continue;
            }
            if let ReadState::Skip(0) = self.reading {
                self.reading = ReadState::Head;
                continue;
            }
            let Some(rest) = input.get(at..).filter(|r| !r.is_empty()) else { break };
            match self.step(rest, at, events) {
                Ok(used) => at += used,
                Err(fault) => {
                    at = input.len();
                    self.fail(fault, events);
                }
            }
        }
        if self.partial.is_empty() {
            shrink(&mut self.partial);
        }
    }

    /// step takes the next piece of `rest`, which begins at `at` of the input. Its error ends the connection.
    fn step(&mut self, rest: &[u8], at: usize, events: &mut Vec<Event>) -> Result<usize, Fault> {
        match self.reading {
            ReadState::Preface(came) => {
                let missing = PREFACE.get(came..).unwrap_or_default();
                let n = missing.len().min(rest.len());
                if rest.get(..n) != missing.get(..n) {
                    return Err(protocol("no HTTP/2 preface"));
                }
                self.reading =
                    if n == missing.len() { ReadState::Head } else { ReadState::Preface(came + n) };
                Ok(n)
            }
            ReadState::Head => {
                if self.partial.is_empty()
                    && let Some(head) = FrameHead::parse(rest)
                {
                    self.begin(head, events)?;
                    return Ok(HEAD);
                }
                let n = (HEAD - self.partial.len().min(HEAD)).min(rest.len());
                self.partial.extend_from_slice(rest.get(..n).unwrap_or_default());
                if let Some(head) = FrameHead::parse(&self.partial) {
                    self.partial.clear();
                    self.begin(head, events)?;
                }
                Ok(n)
            }
            ReadState::Payload(head) => {
                let len = head.len as usize;
                if self.partial.is_empty()
                    && let Some(payload) = rest.get(..len)
                {
                    self.reading = ReadState::Head;
                    self.on_frame(head, payload, events)?;
                    return Ok(len);
                }
                let n = (len - self.partial.len().min(len)).min(rest.len());
                self.partial.extend_from_slice(rest.get(..n).unwrap_or_default());
                if self.partial.len() == len {
                    self.reading = ReadState::Head;
                    let mut payload = std::mem::take(&mut self.partial);
                    let done = self.on_frame(head, &payload, events);
                    payload.clear();
                    self.partial = payload;
                    done?;
                }
                Ok(n)
            }
            ReadState::PadLength(head) => {
                let padding = u32::from(rest.first().copied().unwrap_or_default());
                self.padded(head, padding, events)?;
                Ok(1)
            }
            ReadState::Data(mut data) => {
                let n = rest.len().min(data.left as usize);
                data.left -= n as u32;
                self.reading = ReadState::Data(data);
                if data.accepted && self.streams.get(data.id).is_some() {
                    let end = data.end && data.left == 0;
                    let short = end && self.ends_short(data.id);
                    events.push(Event::Data { id: data.id, range: at..at + n, end: end && !short });
                    if short {
                        self.fail(super::data::short(data.id), events);
                    } else if end {
                        self.end_of_input(data.id);
                    }
                } else {
                    self.release_connection_window(n as u32);
                }
                Ok(n)
            }
            ReadState::Skip(left) => {
                let n = rest.len().min(left as usize);
                self.reading = ReadState::Skip(left - n as u32);
                Ok(n)
            }
        }
    }

    /// begin looks at a frame's head and decides what its payload is.
    fn begin(&mut self, head: FrameHead, events: &mut Vec<Event>) -> Result<(), Fault> {
        if !self.got_settings && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
            let old = head.bytes().starts_with(b"HTTP/1.");
            return Err(protocol(if old {
                "it begins as HTTP/1 does"
            } else {
                "the first frame is not SETTINGS"
            }));
        }
        self.block.admits(head)?;
        if let Err(fault) = head.check(self.config.max_frame) {
            if fault.stream == 0 {
                return Err(fault);
            }
            self.reading = ReadState::Skip(head.len);
            // A stream that was never opened cannot be reset (6.4).
            if self.is_idle(fault.stream) {
                return self.flood_limits.idle_frame();
            }
            self.fail(fault, events);
            return Ok(());
        }
        match head.kind {
            kind::DATA => self.data(head, events),
            kind::PRIORITY_UPDATE if !self.server => Err(protocol("a server sent PRIORITY_UPDATE")),
            kind::HEADERS..=kind::CONTINUATION | kind::PRIORITY_UPDATE if head.len == 0 => {
                self.reading = ReadState::Head;
                self.on_frame(head, &[], events)
            }
            kind::HEADERS..=kind::CONTINUATION | kind::PRIORITY_UPDATE => {
                self.reading = ReadState::Payload(head);
                Ok(())
            }
            // 4.1: unknown types are ignored.
            _ => {
                self.reading = ReadState::Skip(head.len);
                self.flood_limits.idle_frame()
            }
        }
    }

    /// on_frame acts on a frame that is no DATA. An error that names a stream ends that one only.
    fn on_frame(&mut self, head: FrameHead, payload: &[u8], events: &mut Vec<Event>) -> Result<(), Fault> {
        let done = match head.kind {
            kind::HEADERS => self.headers(head, payload, events),
            kind::CONTINUATION => self.continuation(head, payload, events),
            kind::PRIORITY => self.priority(head, payload),
            kind::RST_STREAM => self.rst_stream(head, payload, events),
            kind::SETTINGS => self.settings(head, payload, events),
            kind::PING => self.on_ping(head, payload, events),
            kind::GOAWAY => self.goaway(payload, events),
            kind::WINDOW_UPDATE => self.window_update(head, payload, events),
            kind::PRIORITY_UPDATE => self.priority_update(payload),
            _ => Ok(()),
        };
        match done {
            Err(fault) if fault.stream != 0 => {
                self.fail(fault, events);
                Ok(())
            }
            done => done,
        }
    }

    /// eof says that the peer closed; if streams are open this is an error, and they are gone.
    pub fn eof(&mut self, events: &mut Vec<Event>) {
        if self.fatal.is_some() {
            return;
        }
        let fault = match self.streams.len() {
            0 => Fault::connection(ErrorCode::NO_ERROR, ""),
            _ => Fault::connection(ErrorCode::INTERNAL_ERROR, "unexpected EOF"),
        };
        self.fatal = Some(fault);
        events.push(Event::Closed { fault });
    }

    /// ping asks for a [`Event::Pong`].
    pub fn ping(&mut self, data: [u8; 8]) {
        if self.fatal.is_none() {
            frame::ping(&mut self.out, false, data);
        }
    }
}

//! `Engine`: one connection of HTTP/2, in either role.

use super::error::{ErrorCode, Fault};
use super::event::Event;
use super::flood_limits::FloodLimits;
use super::flow::{DEFAULT_WINDOW, RecvWindow, SendWindow};
use super::frame::{self, MAX_31, PREFACE};
use super::head::Head;
use super::hpack::{Decoder, Encoder};
use super::priority::PendingPriorities;
use super::recv::ReadState;
use super::settings::{EngineConfig, PeerSettings, id};
use super::streams::{HalfState, Streams};
use std::collections::VecDeque;

/// How many heads that were given back are kept, and how many streams that were reset are remembered.
const KEPT_HEADS: usize = 16;
const REMEMBERED: usize = 128;
/// So many that ended are told from those that never began.
const ENDED: usize = 16;
/// A buffer larger than this is not kept once it is empty.
const KEPT_BUFFER: usize = 16 * 1024;

/// Engine is driven by one thread at a time: bytes go in by [`Engine::recv`], and what is to be sent is gathered in
/// [`Engine::output`]. It is dead after [`Event::Closed`]: then its output is sent and the connection closed.
#[derive(Debug)]
pub struct Engine {
    pub(super) server: bool,
    pub(super) config: EngineConfig,
    pub(super) out: Vec<u8>,
    /// Control frames of the output that the peer has caused.
    pub(super) control: u32,
    pub(super) reading: ReadState,
    /// A frame's head or payload that came in pieces.
    pub(super) partial: Vec<u8>,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) block: super::headers::HeaderBlock,
    pub(super) streams: Streams,
    pub(super) send_window: SendWindow,
    pub(super) recv_window: RecvWindow,
    pub(super) peer: PeerSettings,
    /// The peer's first SETTINGS came.
    pub(super) got_settings: bool,
    /// Our SETTINGS were acknowledged.
    pub(super) acknowledged: bool,
    /// The largest stream that the peer has opened, and the next that a client opens.
    pub(super) last_peer: u32,
    pub(super) next_id: u32,
    /// The last stream of GOAWAY frames, ours and the peer's.
    pub(super) goaway_sent: Option<u32>,
    pub(super) goaway_received: Option<u32>,
    pub(super) fatal: Option<Fault>,
    /// The last stream that was reset for a fault of the peer's.
    last_reset: Option<Fault>,
    pub(super) flood_limits: FloodLimits,
    // Boxes, since a head goes out as the box that it came back in.
    #[allow(clippy::vec_box)]
    pub(super) heads: Vec<Box<Head>>,
    /// Requests that the driver has not called finished.
    pub(super) running: usize,
    pub(super) headers_held: usize,
    /// Streams that were reset lately; `true`: by us, so that frames may be under way.
    pub(super) resets: VecDeque<(u32, bool)>,
    /// How much data may be under way on streams that were reset here: what their windows had left.
    pub(super) stray: u64,
    /// Streams that have ended lately.
    ended: VecDeque<u32>,
    /// The peer has spoken of priorities (RFC 9218): who is silent then means the default, not turns.
    pub(super) prioritized: bool,
    pub(super) pending_priorities: PendingPriorities,
}

impl Engine {
    pub fn server(config: EngineConfig) -> Engine {
        Engine::new(true, config)
    }

    pub fn client(config: EngineConfig) -> Engine {
        Engine::new(false, config)
    }

    fn new(server: bool, config: EngineConfig) -> Engine {
        let config = config.clamped();
        let mut decoder = Decoder::new();
        // A larger table holds from its announcement on, a smaller one from its acknowledgement on.
        if config.header_table as usize > super::hpack::DEFAULT_TABLE {
            decoder.allow(config.header_table as usize);
        }
        let mut e = Engine {
            server,
            out: Vec::new(),
            control: 0,
            reading: if server { ReadState::Preface(0) } else { ReadState::Head },
            partial: Vec::new(),
            decoder,
            encoder: Encoder::with_limit(config.encoder_table as usize),
            block: super::headers::HeaderBlock::default(),
            streams: Streams::default(),
            send_window: SendWindow::new(DEFAULT_WINDOW),
            recv_window: RecvWindow::new(config.connection_window),
            peer: PeerSettings::default(),
            got_settings: false,
            acknowledged: false,
            last_peer: 0,
            next_id: 1,
            goaway_sent: None,
            goaway_received: None,
            fatal: None,
            last_reset: None,
            flood_limits: FloodLimits::new(config.max_idle_frames, config.max_wasted),
            heads: Vec::new(),
            running: 0,
            headers_held: 0,
            resets: VecDeque::new(),
            stray: 0,
            ended: VecDeque::new(),
            prioritized: false,
            pending_priorities: PendingPriorities::default(),
            config,
        };
        e.announce();
        e
    }

    fn announce(&mut self) {
        let c = &self.config;
        if !self.server {
            self.out.extend_from_slice(PREFACE);
        }
        let mut values = vec![
            (id::INITIAL_WINDOW_SIZE, c.stream_window),
            (id::MAX_FRAME_SIZE, c.max_frame),
            (id::MAX_HEADER_LIST_SIZE, c.max_header_list),
            (id::HEADER_TABLE_SIZE, c.header_table),
        ];
        if self.server {
            values.push((id::MAX_CONCURRENT_STREAMS, c.max_streams));
            values.push((id::NO_RFC7540_PRIORITIES, 1));
            if c.connect_protocol {
                values.push((id::ENABLE_CONNECT_PROTOCOL, 1));
            }
        } else {
            values.push((id::ENABLE_PUSH, 0));
        }
        frame::settings(&mut self.out, &values);
        if c.connection_window > DEFAULT_WINDOW {
            frame::window_update(&mut self.out, 0, c.connection_window - DEFAULT_WINDOW);
        }
    }

    /// output is what is to be sent; [`Engine::sent`] takes off what was.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    pub fn sent(&mut self, n: usize) {
        self.out.drain(..n.min(self.out.len()));
        if self.out.is_empty() {
            self.control = 0;
            shrink(&mut self.out);
        }
    }

    /// take_output exchanges the output for an empty buffer of the driver's.
    pub fn take_output(&mut self, buffer: &mut Vec<u8>) {
        buffer.clear();
        std::mem::swap(&mut self.out, buffer);
        self.control = 0;
    }

    pub fn is_server(&self) -> bool {
        self.server
    }

    pub fn is_dead(&self) -> bool {
        self.fatal.is_some()
    }

    /// fault is what ended the connection; NO_ERROR stands for a shutdown.
    pub fn fault(&self) -> Option<Fault> {
        self.fatal
    }

    /// reset_reason is for what a stream was reset by us, if it was the last one.
    pub fn reset_reason(&self, id: u32) -> &'static str {
        self.last_reset.filter(|f| f.stream == id).map_or("", |f| f.reason)
    }

    pub fn peer(&self) -> &PeerSettings {
        &self.peer
    }

    /// has_peer_settings tells whether the peer's first SETTINGS came, and is_acknowledged whether ours were.
    pub fn has_peer_settings(&self) -> bool {
        self.got_settings
    }

    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// is_in_block: a header block has begun and is not whole.
    pub fn is_in_block(&self) -> bool {
        self.block.is_open()
            || matches!(self.reading, ReadState::Payload(head) if head.kind == frame::kind::HEADERS)
    }

    /// last_opened is the stream that a client has opened last.
    pub fn last_opened(&self) -> u32 {
        self.next_id.saturating_sub(2)
    }

    /// max_header_list is how much of a header list is taken.
    pub fn max_header_list(&self) -> usize {
        self.config.max_header_list as usize
    }

    /// open_streams counts those that are not closed.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// is_drained: no stream is open, and by a GOAWAY no other will be.
    pub fn is_drained(&self) -> bool {
        let ending = self.goaway_received.is_some() || self.goaway_sent.is_some_and(|last| last < MAX_31);
        ending && self.streams.len() == 0
    }

    /// recycle takes a head back, for its memory.
    pub fn recycle(&mut self, mut head: Box<Head>) {
        if self.heads.len() < KEPT_HEADS {
            head.clear();
            self.heads.push(head);
        }
    }

    /// handler_done says that a request's handler is through, whatever became of its stream.
    pub fn handler_done(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// tick tells that time went by. Without it the budgets are refilled by useful work alone.
    pub fn tick(&mut self, n: u32) {
        self.flood_limits.tick(n);
    }

    /// shutdown announces the end. The first call lets streams under way come (RFC 9113, 6.8); the second, a second or
    /// a round trip later, names the last one that is served.
    pub fn shutdown(&mut self) {
        if self.fatal.is_some() {
            return;
        }
        let last = match self.goaway_sent {
            None if self.server => MAX_31,
            Some(last) if last < MAX_31 => return,
            _ => self.last_peer,
        };
        self.goaway_sent = Some(last);
        frame::goaway(&mut self.out, last, ErrorCode::NO_ERROR, b"");
    }

    /// close ends the connection at once.
    pub fn close(&mut self, code: ErrorCode, reason: &'static str) {
        self.close_with(Fault::connection(code, reason));
    }

    pub(super) fn close_with(&mut self, fault: Fault) {
        if self.fatal.is_some() {
            return;
        }
        let last = self.goaway_sent.map_or(self.last_peer, |sent| sent.min(self.last_peer));
        self.goaway_sent = Some(last);
        frame::goaway(&mut self.out, last, fault.code, fault.reason.as_bytes());
        self.fatal = Some(fault);
    }

    /// fail acts on a fault: a stream is reset, or the connection ends.
    pub(super) fn fail(&mut self, fault: Fault, events: &mut Vec<Event>) {
        if fault.stream != 0 {
            self.last_reset = Some(fault);
            let known = self.streams.get(fault.stream).is_some();
            self.abort(fault.stream, fault.code);
            if known {
                events.push(Event::Reset { id: fault.stream, code: fault.code, by_peer: false });
            }
            let Err(fault) = self.flood_limits.wasted_stream().and_then(|()| self.count_control()) else {
                return;
            };
            return self.fail(fault, events);
        }
        if self.fatal.is_none() {
            self.close_with(fault);
            events.push(Event::Closed { fault });
        }
    }

    /// abort resets a stream, whether it is still there or not.
    pub(super) fn abort(&mut self, id: u32, code: ErrorCode) {
        frame::rst_stream(&mut self.out, id, code);
        let open = self.streams.get(id).filter(|s| s.recv != HalfState::Done);
        if let Some(left) = open.map(|s| s.recv_window.left()) {
            self.expect_stray(left);
        }
        self.forget(id);
        self.record_reset(id, true);
    }

    pub(super) fn record_reset(&mut self, id: u32, ours: bool) {
        if self.resets.len() == REMEMBERED {
            self.resets.pop_front();
        }
        self.resets.push_back((id, ours));
    }

    /// was_reset tells whether a closed stream was reset lately, `true`: by us. Where more were reset than are remembered
    /// the answer errs on this side, which drops a frame and not the connection.
    pub(super) fn was_reset(&self, id: u32) -> Option<bool> {
        let found = self.resets.iter().rev().find(|r| r.0 == id).map(|r| r.1);
        found.or((self.resets.len() == REMEMBERED).then_some(true))
    }

    pub(super) fn has_ended(&self, id: u32) -> bool {
        self.ended.contains(&id)
    }

    pub(super) fn forget(&mut self, id: u32) {
        if let Some(s) = self.streams.get(id) {
            self.headers_held = self.headers_held.saturating_sub(s.headers);
            self.streams.remove(id);
        }
    }

    /// close_if_done closes a stream both of whose directions have ended.
    pub(super) fn close_if_done(&mut self, id: u32) {
        if self.streams.get(id).is_some_and(|s| s.recv == HalfState::Done && s.send == HalfState::Done) {
            self.forget(id);
            self.flood_limits.exchange_done();
            if self.ended.len() == ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back(id);
        }
    }

    /// count_control bounds the frames that a peer causes and does not read (CVE-2019-9512, -9515).
    pub(super) fn count_control(&mut self) -> Result<(), Fault> {
        self.control += 1;
        if self.control > self.config.max_control {
            return Err(Fault::connection(
                ErrorCode::ENHANCE_YOUR_CALM,
                "too many control frames wait to be read",
            ));
        }
        Ok(())
    }

    /// is_idle tells whether a stream was never opened.
    pub(super) fn is_idle(&self, id: u32) -> bool {
        let odd = id % 2 == 1;
        !odd || if self.server { id > self.last_peer } else { id >= self.next_id }
    }
}

pub(super) fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BUFFER {
        *buffer = Vec::new();
    }
}

//! HEADERS and CONTINUATION frames: requests, responses and trailers.

use super::engine::{Engine, shrink};
use super::error::{ErrorCode, Fault};
use super::event::Event;
use super::frame::{self, FrameHead, flag, kind, protocol};
use super::head::{Head, HeadKind, HeadValidator};
use super::streams::{EngineStream, HalfState};
use crate::memory;

/// The frames that a header block may be cut into, and the empty ones among them (CVE-2024-27316 and its like).
const MAX_FRAMES: u32 = 1000;
const MAX_EMPTY: u32 = 8;
/// A block that is larger than its list may be, counted without its overhead, is none that is worth decoding.
const MIN_BLOCK: usize = 64 * 1024;
/// Informational responses to one request.
const MAX_INFORMATIONAL: u8 = 100;
/// How many requests may wait or run for each stream that may be open; Go's four that wait and one that runs.
const RUNNING: usize = 5;

/// HeaderBlock is a header block that goes on in CONTINUATION frames.
#[derive(Debug, Default)]
pub(super) struct HeaderBlock {
    /// 0: there is none.
    stream: u32,
    flags: u8,
    dependency: Option<u32>,
    frames: u32,
    empty: u32,
    bytes: Vec<u8>,
}

impl HeaderBlock {
    pub(super) fn is_open(&self) -> bool {
        self.stream != 0
    }

    /// admits refuses any frame but the one that must follow (RFC 9113, 6.10).
    pub(super) fn admits(&self, head: FrameHead) -> Result<(), Fault> {
        match (self.stream, head.kind) {
            (0, kind::CONTINUATION) => Err(protocol("CONTINUATION without HEADERS")),
            (0, _) => Ok(()),
            (id, kind::CONTINUATION) if id == head.stream => Ok(()),
            _ => Err(protocol("a header block that is interrupted")),
        }
    }
}

/// BlockKind is what becomes of a header list.
enum BlockKind {
    Request,
    Response,
    Trailer,
    /// It is decoded for the table's sake.
    Nothing,
    Fault(Fault),
}

/// append adds a piece of a block, if there is memory for it.
fn append(block: &mut Vec<u8>, piece: &[u8]) -> Result<(), Fault> {
    memory::append(block, piece)
        .map_err(|_| Fault::connection(ErrorCode::INTERNAL_ERROR, "no memory for a header block"))
}

impl Engine {
    pub(super) fn headers(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let (fragment, dependency) = frame::block(head, payload)?;
        self.bound_block(fragment.len())?;
        if head.has(flag::END_HEADERS) {
            return self.list(head.stream, head.flags, dependency, fragment, events);
        }
        self.block.stream = head.stream;
        (self.block.flags, self.block.dependency) = (head.flags, dependency);
        (self.block.frames, self.block.empty) = (0, 0);
        append(&mut self.block.bytes, fragment)
    }

    pub(super) fn continuation(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        self.bound_block(self.block.bytes.len() + payload.len())?;
        let b = &mut self.block;
        b.frames += 1;
        b.empty += u32::from(payload.is_empty());
        if b.frames > MAX_FRAMES || b.empty > MAX_EMPTY {
            return Err(Fault::connection(ErrorCode::ENHANCE_YOUR_CALM, "too many CONTINUATION frames"));
        }
        append(&mut b.bytes, payload)?;
        if !head.has(flag::END_HEADERS) {
            return Ok(());
        }
        let (id, flags, dependency) = (b.stream, b.flags, b.dependency);
        b.stream = 0;
        let mut block = std::mem::take(&mut b.bytes);
        let done = self.list(id, flags, dependency, &block, events);
        block.clear();
        shrink(&mut block);
        self.block.bytes = block;
        done
    }

    fn bound_block(&self, len: usize) -> Result<(), Fault> {
        if len > (self.config.max_header_list as usize).saturating_mul(2).max(MIN_BLOCK) {
            return Err(Fault::connection(
                ErrorCode::ENHANCE_YOUR_CALM,
                "a header block far beyond the limit",
            ));
        }
        Ok(())
    }

    /// list decodes a whole block, whatever becomes of it: the table must not miss one (4.3).
    fn list(
        &mut self,
        id: u32,
        flags: u8,
        dependency: Option<u32>,
        block: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let fresh = self.is_idle(id);
        let fate = self.block_kind(id)?;
        let part = match fate {
            BlockKind::Request => HeadKind::Request(self.config.connect_protocol),
            BlockKind::Response => HeadKind::Response,
            _ => HeadKind::Trailer,
        };
        let wanted = !matches!(fate, BlockKind::Nothing | BlockKind::Fault(_));
        let limit = if wanted { self.config.max_header_list as usize } else { 0 };
        let mut head = self.heads.pop().unwrap_or_default();
        let mut check = HeadValidator::new(part, self.config.max_fields);
        let decoded = self.decoder.decode(block, &mut head.header, limit, |h, f, t| check.take(h, f, t));
        let size = decoded.map_err(|bad| Fault::connection(ErrorCode::COMPRESSION_ERROR, bad.0))?;
        let verdict = check.finish(&mut head, size > limit);
        let end = flags & flag::END_STREAM != 0;
        if let (true, Some(d)) = (wanted, dependency)
            && d == id
        {
            self.recycle(head);
            return Err(Fault::stream(id, ErrorCode::PROTOCOL_ERROR, "a stream that depends on itself"));
        }
        if let (true, Err(wrong)) = (wanted, verdict) {
            self.recycle(head);
            return Err(Fault::stream(id, ErrorCode::PROTOCOL_ERROR, wrong));
        }
        let refused = match fate {
            BlockKind::Request => self.on_request(id, end, size.min(limit), &head),
            BlockKind::Response => self.on_response(id, end, size.min(limit), &head),
            BlockKind::Trailer => self.on_trailer(id, end, size.min(limit)),
            BlockKind::Nothing => self.flood_limits.idle_frame(),
            BlockKind::Fault(fault) => Err(fault),
        };
        if refused.is_err() || !wanted {
            // The body of a request that is not taken may be under way.
            if fresh && !end {
                self.expect_stray(self.config.stream_window);
            }
            self.recycle(head);
            return refused;
        }
        self.flood_limits.message();
        events.push(match fate {
            BlockKind::Trailer => Event::Trailers { id, head },
            _ => Event::Headers { id, head, end: end && !self.ends_short(id) },
        });
        if self.ends_short(id) {
            return Err(super::data::short(id));
        }
        self.close_if_done(id);
        Ok(())
    }

    fn block_kind(&mut self, id: u32) -> Result<BlockKind, Fault> {
        if let Some(s) = self.streams.get(id) {
            return Ok(match s.recv {
                HalfState::Head => BlockKind::Response,
                HalfState::Body => BlockKind::Trailer,
                HalfState::Done => {
                    BlockKind::Fault(Fault::stream(id, ErrorCode::STREAM_CLOSED, "HEADERS behind the end"))
                }
            });
        }
        if self.is_idle(id) {
            // No stream of the peer's is even: there is no push.
            if !self.server || id.is_multiple_of(2) {
                return Err(protocol("HEADERS on a stream that the peer cannot open"));
            }
            self.last_peer = id;
            // What comes behind our last stream was not promised an answer.
            if self.goaway_sent.is_some_and(|last| id > last) {
                return Ok(BlockKind::Nothing);
            }
            return Ok(BlockKind::Request);
        }
        match self.was_reset(id) {
            Some(true) => Ok(BlockKind::Nothing),
            Some(false) => {
                Ok(BlockKind::Fault(Fault::stream(id, ErrorCode::STREAM_CLOSED, "HEADERS behind a reset")))
            }
            None if self.goaway_sent.is_some_and(|last| id > last) => Ok(BlockKind::Nothing),
            None if self.has_ended(id) => {
                Err(Fault::connection(ErrorCode::STREAM_CLOSED, "HEADERS on a closed stream"))
            }
            // 5.1.1: identifiers only grow, and those that are left out are closed.
            None => Err(protocol("HEADERS on a stream that was left out")),
        }
    }

    fn on_request(&mut self, id: u32, end: bool, size: usize, head: &Head) -> Result<(), Fault> {
        let refuse = |reason| Err(Fault::stream(id, ErrorCode::REFUSED_STREAM, reason));
        if self.streams.len() >= self.config.max_streams as usize {
            return refuse("more streams than may be open");
        }
        // Resets close streams, but not what was begun for them (CVE-2023-44487).
        if self.running >= (self.config.max_streams as usize).saturating_mul(RUNNING) {
            return Err(Fault::connection(ErrorCode::ENHANCE_YOUR_CALM, "more requests than can be begun"));
        }
        if self.headers_held.saturating_add(size) > self.config.max_headers_held.max(size) {
            return refuse("more header bytes than can be held");
        }
        let tunnel = head.text(head.method) == b"CONNECT";
        let length = head.content_length.filter(|_| !tunnel);
        if end && length.is_some_and(|n| n > 0) && !head.too_large {
            return Err(Fault::stream(id, ErrorCode::PROTOCOL_ERROR, "less data than content-length"));
        }
        let mut s = EngineStream::new(id, self.peer.initial_window, self.config.stream_window);
        s.recv = if end { HalfState::Done } else { HalfState::Body };
        s.remaining = length;
        s.headers = size;
        s.head_only = head.text(head.method) == b"HEAD";
        // What a PRIORITY_UPDATE has said overrides the field (RFC 9218, 7).
        let said = self.pending_priorities.take(id).or(head.priority);
        let priority = said.filter(|_| !self.config.ignore_priorities);
        self.prioritized |= priority.is_some();
        if let Some(p) = priority {
            s.priority = p;
        } else if self.prioritized {
            s.priority.incremental = false;
        }
        self.streams.insert(s);
        self.headers_held += size;
        self.running += 1;
        Ok(())
    }

    fn on_response(&mut self, id: u32, end: bool, size: usize, head: &Head) -> Result<(), Fault> {
        let Some(s) = self.streams.get_mut(id) else { return Ok(()) };
        if head.status < 200 && !head.too_large {
            s.informational += 1;
            if end || s.informational > MAX_INFORMATIONAL {
                return Err(Fault::stream(
                    id,
                    ErrorCode::PROTOCOL_ERROR,
                    "an informational response out of place",
                ));
            }
            return Ok(());
        }
        let bodyless = s.head_only || matches!(head.status, 204 | 304);
        s.remaining = if bodyless { Some(0) } else { head.content_length };
        if s.connect && (200..300).contains(&head.status) {
            s.remaining = None;
        }
        s.short = end && s.remaining.is_some_and(|n| n > 0);
        s.recv = if end && !s.short { HalfState::Done } else { HalfState::Body };
        s.headers += size;
        self.headers_held += size;
        Ok(())
    }

    fn on_trailer(&mut self, id: u32, end: bool, size: usize) -> Result<(), Fault> {
        let Some(s) = self.streams.get_mut(id) else { return Ok(()) };
        if !end {
            return Err(Fault::stream(id, ErrorCode::PROTOCOL_ERROR, "a trailer that is not the end"));
        }
        if s.remaining.is_some_and(|n| n > 0) {
            return Err(Fault::stream(id, ErrorCode::PROTOCOL_ERROR, "less data than content-length"));
        }
        s.recv = HalfState::Done;
        s.headers += size;
        self.headers_held += size;
        Ok(())
    }
}

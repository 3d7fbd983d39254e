//! `Exchange`: a thread's buffers with one request and its response in them. It serves one exchange after the
//! other, and moves with the exchange when that leaves the loop, so that nothing is copied or allocated.

use super::h2::Turn;
use super::input::BodyReader;
use super::line::Line;
use super::settings::Settings;
use super::shared::Shared;
use super::wire::{SharedWire, Wire};
use super::writer::{Asked, ResponseWriter};
use crate::h1::{self, Framing, RequestFacts, RequestLine};
use crate::handle::Handle;
use crate::memory;
use crate::message::request::{MultipartUse, Request, RequestBody};
use crate::mux::RoutingTable;
use crate::net::tls::TlsBuffers;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A block that grew beyond this for a large head is let go afterwards.
const KEEP_BLOCK: usize = 64 * 1024;
pub(super) const BLOCK: usize = 16 * 1024;

pub(crate) struct Exchange {
    pub(super) request: Request,
    pub(super) writer: ResponseWriter,
    pub(super) wire: SharedWire,
    /// Bytes of the request's block that were received, and how many of them are used up.
    pub(super) filled: usize,
    pub(super) used: usize,
    /// What the prepared request was routed to.
    pub(super) route: u32,
    /// The routes as this thread last saw them, and their generation.
    pub(super) table: Arc<RoutingTable>,
    pub(super) generation: u64,
    /// The body was read with the head or comes later, through the wire's input.
    pub(super) has_body: bool,
    /// Bytes of answers that wait to be sent, as of the last one's end.
    pub(super) gathered: usize,
    /// The exchange has ended, and its connection can go on.
    pub(super) goes_on: bool,
    /// It was detached, and was answered before its handler returned.
    pub(super) answered_early: bool,
    /// Lent to sessions.
    pub(super) buffers: TlsBuffers,
    /// How long handshakes have taken in that millisecond.
    pub(super) shaken: (u64, Duration),
    /// When its handler was called, where that is told.
    pub(super) began: Option<Instant>,
    /// Streams of HTTP/2 that were served, for the next ones, and what their connections receive into.
    #[allow(clippy::vec_box)]
    pub(super) turns: Vec<Box<Turn>>,
    pub(super) scratch: Vec<u8>,
    /// The wire's input stands as for a request without a body.
    bodiless: bool,
}

/// renew forgets what a handler has found in the request before.
pub(super) fn renew(r: &mut Request) {
    r.path = None;
    r.display_url.take();
    r.rewritten = None;
    r.multipart_use = MultipartUse::Fresh;
    r.path_values.clear();
    if !r.trailer.is_empty() {
        r.trailer.clear();
    }
}

impl Exchange {
    pub(super) fn new(core: &Arc<Shared>) -> Exchange {
        let wire: SharedWire = Arc::new(Wire::new(core));
        let mut request = Request {
            body: RequestBody::Incoming(Box::new(BodyReader(wire.clone()))),
            handle: Handle::new(),
            ..Request::default()
        };
        *request.header.store_mut().block_mut() = vec![0; BLOCK];
        let writer = ResponseWriter::new(Line::Http1(wire.clone()));
        Exchange {
            request,
            writer,
            wire,
            filled: 0,
            used: 0,
            route: 0,
            table: core.mux.table(),
            generation: 0,
            has_body: false,
            gathered: 0,
            goes_on: false,
            answered_early: false,
            buffers: TlsBuffers::default(),
            shaken: (0, Duration::ZERO),
            began: None,
            turns: Vec::new(),
            scratch: Vec::new(),
            bodiless: false,
        }
    }

    /// unread is what was received and not used yet.
    pub(super) fn unread(&self) -> &[u8] {
        self.request.header.store().block().get(self.used..self.filled).unwrap_or_default()
    }

    /// take_block makes a connection's own bytes the block's. Many are swapped in, and so never copied again and again
    /// while a head drips in; few are copied, so that a slow head keeps no more memory than it has bytes.
    pub(super) fn take_block(&mut self, carry: &mut Vec<u8>) {
        self.used = 0;
        self.filled = carry.len();
        let block = self.request.header.store_mut().block_mut();
        match block.get_mut(..carry.len()).filter(|_| carry.len() < BLOCK) {
            Some(place) => place.copy_from_slice(carry),
            None => std::mem::swap(block, carry),
        }
        carry.clear();
    }

    /// room makes sure that there is space behind the received bytes, up to `limit` of unread ones, and gives it.
    /// `None`: there is no memory for it.
    pub(super) fn room(&mut self, limit: usize) -> Option<&mut [u8]> {
        let (used, filled) = (self.used, self.filled);
        let block = self.request.header.store_mut().block_mut();
        if used > 0 && block.len() < filled + BLOCK / 4 {
            block.copy_within(used..filled, 0);
            self.filled -= used;
            self.used = 0;
        }
        if block.len() < self.filled + BLOCK / 4 {
            let len = (block.len() * 2).clamp(BLOCK, limit.saturating_add(BLOCK));
            let more = len.saturating_sub(block.len());
            memory::grow_exact(block, more).ok()?;
            block.resize(block.len() + more, 0);
        }
        block.get_mut(self.filled..)
    }

    /// prepare makes the request and the writer ready for the handler.
    pub(super) fn prepare(
        &mut self,
        line: &RequestLine,
        facts: RequestFacts,
        settings: &Settings,
        started: Option<Instant>,
    ) {
        let r = &mut self.request;
        h1::describe_request(r, line, &facts);
        renew(r);
        let asked = Asked {
            version: line.version,
            head: r.text(r.method) == b"HEAD",
            connect: r.text(r.method) == b"CONNECT",
            keep_alive: facts.keep_alive,
        };
        self.writer.begin(asked);
        self.wire.reset();
        self.has_body = !matches!(facts.framing, Framing::None | Framing::Length(0));
        let ahead = self.filled > self.used;
        if ahead && !self.has_body {
            // What follows may be another protocol's: it is kept where a connection that is handed over has it.
            self.has_body = asked.connect || self.request.header.contains(b"Upgrade");
        }
        self.wire.read_ahead.store(ahead && !self.has_body, Ordering::Relaxed);
        // Most requests follow one without a body: there is nothing to change then.
        if self.has_body || !self.bodiless {
            let mut input = self.wire.input();
            self.bodiless = !self.has_body;
            if self.has_body {
                input.read_by(self.wire.output().secure());
                let block = self.request.header.store().block();
                let ahead = block.get(self.used..self.filled).unwrap_or_default();
                input.begin(facts.framing, ahead, settings.max_body_bytes);
                input.expect = facts.expect_continue;
                input.asked_continue = facts.expect_continue;
                let deadline = settings.read_timeout.and_then(|t| Some(started? + t));
                input.timeouts.begin(settings.read_progress, deadline);
                self.filled = self.used;
            } else {
                input.begin(Framing::None, &[], u64::MAX);
            }
        }
        if settings.write_timeout.is_some() {
            self.wire.output().timeouts.deadline = settings.write_timeout.map(|t| Instant::now() + t);
        }
    }

    /// compact lets go of empty space, while a prepared exchange waits for a thread among thousands.
    pub(super) fn compact(&mut self) {
        self.wire.output().buf.shrink_to_fit();
        let block = self.request.header.store_mut().block_mut();
        block.truncate(self.filled);
        block.shrink_to_fit();
        self.writer.compact();
        self.turns = Vec::new();
        self.scratch = Vec::new();
    }

    /// finish ends the exchange, which may wait for the peer; the connection may go on with what is left in the block.
    pub(super) fn finish(&mut self) {
        self.goes_on = self.writer.finish();
        self.wire.answered.store(true, Ordering::Relaxed);
        self.goes_on &= !self.has_body || self.keep_rest();
    }

    /// keep_rest takes what was read beyond the body; `false`: the body is not at its end.
    fn keep_rest(&mut self) -> bool {
        let mut input = self.wire.input();
        // With full duplex it was not read before the head went out.
        let ends = input.is_done() || self.wire.duplex.load(Ordering::Relaxed) && input.drain();
        if !ends {
            return false;
        }
        let rest = input.rest();
        let block = self.request.header.store_mut().block_mut();
        if block.len() < self.used + rest.len() {
            block.resize(self.used + rest.len(), 0);
        }
        if let Some(to) = block.get_mut(self.used..self.used + rest.len()) {
            to.copy_from_slice(rest);
        }
        self.filled = self.used + rest.len();
        input.begin(Framing::None, &[], u64::MAX);
        true
    }

    /// give_back puts unread bytes into the connection's own memory, or nothing if there are none.
    pub(super) fn give_back(&mut self, carry: &mut Vec<u8>) {
        let block = self.request.header.store_mut().block_mut();
        carry.clear();
        match block.get(self.used..self.filled) {
            Some(rest) if !rest.is_empty() => {
                if self.used == 0 && rest.len() >= BLOCK {
                    block.truncate(self.filled);
                    std::mem::swap(block, carry);
                } else {
                    carry.extend_from_slice(rest);
                    carry.shrink_to(2 * carry.len());
                }
            }
            _ => *carry = Vec::new(),
        }
        if block.len() != BLOCK && (block.len() < BLOCK || block.len() > KEEP_BLOCK) {
            *block = vec![0; BLOCK];
        }
        (self.used, self.filled) = (0, 0);
        self.request.header.clear();
    }
}

//! `ExchangeBuffers`: a thread's buffers with one request and its response in them. It serves one exchange after the
//! other, and moves with the exchange when that leaves the loop, so that nothing is copied or allocated.

use super::h2::StreamExchange;
use super::http1_io::{Http1Io, SharedHttp1Io};
use super::input::BodyReader;
use super::response_sink::ResponseSink;
use super::server_core::ServerCore;
use super::settings::ServerSettings;
use super::writer::{RequestInfo, ResponseWriter};
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

pub(crate) struct ExchangeBuffers {
    pub(super) request: Request,
    pub(super) writer: ResponseWriter,
    pub(super) io: SharedHttp1Io,
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
    pub(super) pending_output: usize,
    /// The exchange has ended, and its connection can go on.
    pub(super) keep_alive: bool,
    /// It was detached, and was answered before its handler returned.
    pub(super) responded_early: bool,
    /// Lent to sessions.
    pub(super) buffers: TlsBuffers,
    /// How long handshakes have taken in that millisecond.
    pub(super) handshake_time: (u64, Duration),
    /// When its handler was called, where that is told.
    pub(super) began: Option<Instant>,
    /// Streams of HTTP/2 that were served, for the next ones, and what their connections receive into.
    #[allow(clippy::vec_box)]
    pub(super) stream_exchanges: Vec<Box<StreamExchange>>,
    pub(super) scratch: Vec<u8>,
    /// The wire's input stands as for a request without a body.
    no_body: bool,
}

/// reset_request forgets what a handler has found in the request before.
pub(super) fn reset_request(r: &mut Request) {
    r.path = None;
    r.display_url.take();
    r.rewritten = None;
    r.multipart_use = MultipartUse::Fresh;
    r.path_values.clear();
    if !r.trailer.is_empty() {
        r.trailer.clear();
    }
}

impl ExchangeBuffers {
    pub(super) fn new(core: &Arc<ServerCore>) -> ExchangeBuffers {
        let io: SharedHttp1Io = Arc::new(Http1Io::new(core));
        let mut request = Request {
            body: RequestBody::Incoming(Box::new(BodyReader(io.clone()))),
            handle: Handle::new(),
            ..Request::default()
        };
        *request.header.store_mut().block_mut() = vec![0; BLOCK];
        let writer = ResponseWriter::new(ResponseSink::Http1(io.clone()));
        ExchangeBuffers {
            request,
            writer,
            io,
            filled: 0,
            used: 0,
            route: 0,
            table: core.mux.table(),
            generation: 0,
            has_body: false,
            pending_output: 0,
            keep_alive: false,
            responded_early: false,
            buffers: TlsBuffers::default(),
            handshake_time: (0, Duration::ZERO),
            began: None,
            stream_exchanges: Vec::new(),
            scratch: Vec::new(),
            no_body: false,
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
            Some(token) => token.copy_from_slice(carry),
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
        settings: &ServerSettings,
        started: Option<Instant>,
    ) {
        let r = &mut self.request;
        h1::describe_request(r, line, &facts);
        reset_request(r);
        let asked = RequestInfo {
            version: line.version,
            head: r.text(r.method) == b"HEAD",
            connect: r.text(r.method) == b"CONNECT",
            keep_alive: facts.keep_alive,
        };
        self.writer.begin(asked);
        self.io.reset();
        self.has_body = !matches!(facts.framing, Framing::None | Framing::Length(0));
        let ahead = self.filled > self.used;
        if ahead && !self.has_body {
            // What follows may be another protocol's: it is kept where a connection that is handed over has it.
            self.has_body = asked.connect || self.request.header.contains(b"Upgrade");
        }
        self.io.read_ahead.store(ahead && !self.has_body, Ordering::Relaxed);
        // Most requests follow one without a body: there is nothing to change then.
        if self.has_body || !self.no_body {
            let mut input = self.io.input();
            self.no_body = !self.has_body;
            if self.has_body {
                input.read_by(self.io.output().secure());
                let block = self.request.header.store().block();
                let ahead = block.get(self.used..self.filled).unwrap_or_default();
                input.begin(facts.framing, ahead, settings.max_body_bytes);
                input.expect = facts.expect_continue;
                input.expected_continue = facts.expect_continue;
                let deadline = settings.read_timeout.and_then(|t| Some(started? + t));
                input.timeouts.begin(settings.read_progress, deadline);
                self.filled = self.used;
            } else {
                input.begin(Framing::None, &[], u64::MAX);
            }
        }
        if settings.write_timeout.is_some() {
            self.io.output().timeouts.deadline = settings.write_timeout.map(|t| Instant::now() + t);
        }
    }

    /// compact lets go of empty space, while a prepared exchange waits for a thread among thousands.
    pub(super) fn compact(&mut self) {
        self.io.output().buf.shrink_to_fit();
        let block = self.request.header.store_mut().block_mut();
        block.truncate(self.filled);
        block.shrink_to_fit();
        self.writer.compact();
        self.stream_exchanges = Vec::new();
        self.scratch = Vec::new();
    }

    /// finish ends the exchange, which may wait for the peer; the connection may go on with what is left in the block.
    pub(super) fn finish(&mut self) {
        self.keep_alive = self.writer.finish();
        self.io.response_begun.store(true, Ordering::Relaxed);
        self.keep_alive &= !self.has_body || self.keep_rest();
    }

    /// keep_rest takes what was read beyond the body; `false`: the body is not at its end.
    fn keep_rest(&mut self) -> bool {
        let mut input = self.io.input();
        // With full duplex it was not read before the head went out.
        let ends = input.is_done() || self.io.duplex.load(Ordering::Relaxed) && input.drain();
        if !ends {
            return false;
        }
        let rest = input.unconsumed();
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

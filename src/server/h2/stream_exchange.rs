//! `StreamExchange`: a stream's request with its response writer. It serves one stream after the other, and moves to the thread
//! that runs the handler; what the program holds of it stays where it is.

use super::body::{Http2RequestBody, is_unshared};
use super::outbox::{Outbox, PeerWait};
use super::stream::{ServerStream, SharedStream};
use crate::address::Address;
use crate::h2::Head;
use crate::handle::Handle;
use crate::message::request::{HTTP_20, Request, RequestBody};
use crate::mux::RoutingTable;
use crate::net::tls::TlsInfo;
use crate::server::exchange_buffers::reset_request;
use crate::server::response_sink::ResponseSink;
use crate::server::server_core::ServerCore;
use crate::server::writer::{RequestInfo, ResponseWriter};
use std::sync::Arc;
use std::time::Instant;

/// Turns that a thread keeps for the next streams.
pub(super) const MAX_REUSED: usize = 32;

pub(crate) struct StreamExchange {
    pub(super) id: u32,
    pub(super) stream: SharedStream,
    pub(super) request: Request,
    pub(super) writer: ResponseWriter,
    pub(super) route: u32,
    /// The routes as this turn last saw them, and their generation.
    pub(super) table: Arc<RoutingTable>,
    pub(super) generation: u64,
    /// When the handler was called, where that is told.
    pub(super) began: Option<Instant>,
    /// It waits for a thread, which may have to wait for the peer.
    pub(super) queued: Option<PeerWait>,
    /// It was detached, and answered before its handler returned: only its end is left.
    pub(super) responded_early: bool,
    /// Until when it waits for a small body.
    pub(super) held_until: u64,
}

/// StreamOrigin is the connection that a request came by.
pub(super) struct StreamOrigin<'a> {
    pub(super) outbox: &'a Arc<Outbox>,
    pub(super) remote: &'a Address,
    pub(super) info: Option<&'a Arc<TlsInfo>>,
    pub(super) conn_id: u64,
}

impl StreamExchange {
    pub(super) fn new(core: &Arc<ServerCore>) -> Box<StreamExchange> {
        let stream = ServerStream::new(core);
        Box::new(StreamExchange {
            id: 0,
            request: Request { body: body(&stream), handle: Handle::new(), ..Request::default() },
            writer: ResponseWriter::new(ResponseSink::Http2(stream.clone())),
            stream,
            route: 0,
            table: core.mux.table(),
            generation: 0,
            began: None,
            queued: None,
            responded_early: false,
            held_until: 0,
        })
    }

    /// begin makes everything ready for a stream whose head came. What the head has of memory is exchanged.
    pub(super) fn begin(&mut self, id: u32, head: &mut Head, end: bool, from: &StreamOrigin<'_>) {
        if !is_unshared(&self.stream) {
            // Somebody still looks at the last one's.
            self.stream = ServerStream::new(self.stream.core());
            self.request.body = body(&self.stream);
            self.writer = ResponseWriter::new(ResponseSink::Http2(self.stream.clone()));
        }
        self.id = id;
        let core = self.stream.core();
        let r = &mut self.request;
        reset_request(r);
        std::mem::swap(&mut r.header, &mut head.header);
        (r.method, r.host) = (head.method, head.authority);
        r.target = if head.path.is_empty() { head.authority } else { head.path };
        r.version = Some(HTTP_20);
        (r.chunked, r.close) = (false, false);
        r.content_length = match head.content_length {
            _ if end => 0,
            Some(n) => i64::try_from(n).unwrap_or(i64::MAX),
            None => -1,
        };
        if !end {
            r.header.del(b"Trailer");
        }
        if !head.protocol.is_empty() {
            let protocol = r.text(head.protocol).to_vec();
            r.header.add_unchecked(b":protocol", &protocol);
        }
        r.remote = Some(from.remote.clone());
        r.tls = from.info.cloned();
        r.conn_id = from.conn_id;
        let asked = RequestInfo {
            version: HTTP_20,
            head: r.text(r.method) == b"HEAD",
            connect: r.text(r.method) == b"CONNECT",
            keep_alive: true,
        };
        let expect = r.header.has_token(b"Expect", b"100-continue");
        if expect {
            r.header.del(b"Expect");
        }
        self.writer.begin(asked);
        self.stream.detach_state().reset();
        let settings = &core.settings;
        let mut s = self.stream.state();
        s.begin(id, from.outbox, end, settings);
        if !end {
            s.input.expect = expect;
            s.input.progress = settings.read_progress;
            s.input.deadline = settings.read_timeout.map(|t| Instant::now() + t);
        }
        if let Some(t) = settings.write_timeout {
            s.output.deadline = core.now().saturating_add(t.as_millis() as u64);
        }
    }

    /// expects tells whether the client waits for 100 Continue.
    pub(super) fn expects(&self) -> bool {
        self.stream.state().input.expect
    }
}

fn body(stream: &SharedStream) -> RequestBody {
    RequestBody::Incoming(Box::new(Http2RequestBody { stream: stream.clone() }))
}

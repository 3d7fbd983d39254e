//! `StreamState`: what has come for a stream and was not read, and what its handler wants of it and is not done yet.

use super::outbox::Outbox;
use crate::error::{Error, Result};
use crate::h2::{ByteQueue, ErrorCode};
use crate::message::header::Header;
use crate::runtime::NEVER;
use crate::server::output::FULL;
use crate::server::peer_timeouts::RateMeter;
use crate::server::settings::ServerSettings;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(super) struct StreamState {
    pub(super) id: u32,
    pub(super) outbox: Option<Arc<Outbox>>,
    /// The handler runs on the leader, which looks for itself.
    pub(super) on_leader: bool,
    /// It stands in the outbox.
    pub(super) posted: bool,
    /// Why the stream is no more.
    pub(super) closed_error: Option<Error>,
    pub(super) input: InboundBody,
    pub(super) output: OutboundResponse,
    /// The handler is through.
    pub(super) done: bool,
    /// And the connection knows.
    pub(super) counted: bool,
    /// The connection is to end: `Connection: close`.
    pub(super) ends_connection: bool,
    /// How long the exchange has waited for its peer.
    pub(super) waited: Duration,
    /// Who is to be told when the stream goes.
    pub(super) disconnect_watch: Option<u64>,
}

/// InboundBody is the request's body.
#[derive(Default)]
pub(super) struct InboundBody {
    pub(super) data: ByteQueue,
    /// All of it is here.
    pub(super) ended: bool,
    pub(super) trailer: Option<Header>,
    /// Bytes that were read and are to be given back to the windows.
    pub(super) consumed: usize,
    /// The client waits for 100 Continue.
    pub(super) expect: bool,
    pub(super) limit: u64,
    pub(super) failed: Option<Error>,
    pub(super) progress: Option<Duration>,
    pub(super) deadline: Option<Instant>,
    pub(super) rate_meter: RateMeter,
    pub(super) waits: bool,
}

impl InboundBody {
    /// forget drops what was not read, and answers how much is to be given back.
    pub(super) fn forget(&mut self) -> usize {
        std::mem::take(&mut self.data).len() + std::mem::take(&mut self.consumed)
    }
}

/// OutboundResponse is what is not sent yet of the response.
pub(super) struct OutboundResponse {
    /// Heads as text: informational ones, and the final one.
    pub(super) heads: VecDeque<(u16, Vec<u8>)>,
    pub(super) body: ByteQueue,
    /// The end, with the trailer.
    pub(super) end: Option<Option<Header>>,
    /// The end by a reset.
    pub(super) abort: Option<ErrorCode>,
    /// The final head was settled.
    pub(super) head_queued: bool,
    /// Another has answered in the handler's place.
    pub(super) replaced: bool,
    pub(super) waits: bool,
    /// When the response is to be out, and when the last of it was sent, in the runtime's milliseconds.
    pub(super) deadline: u64,
    pub(super) moved: u64,
    pub(super) rate_meter: RateMeter,
}

impl Default for OutboundResponse {
    fn default() -> OutboundResponse {
        OutboundResponse {
            heads: VecDeque::new(),
            body: ByteQueue::default(),
            end: None,
            abort: None,
            head_queued: false,
            replaced: false,
            waits: false,
            deadline: NEVER,
            moved: NEVER,
            rate_meter: RateMeter::default(),
        }
    }
}

impl OutboundResponse {
    pub(super) fn pending(&self) -> usize {
        self.body.len()
    }

    fn clear(&mut self) {
        self.heads.clear();
        (self.end, self.abort) = (None, None);
        (self.head_queued, self.replaced, self.waits) = (false, false, false);
        (self.deadline, self.moved) = (NEVER, NEVER);
    }
}

impl StreamState {
    /// begin is for the next request.
    pub(super) fn begin(&mut self, id: u32, outbox: &Arc<Outbox>, ended: bool, settings: &ServerSettings) {
        self.id = id;
        if !self.outbox.as_ref().is_some_and(|o| Arc::ptr_eq(o, outbox)) {
            self.outbox = Some(outbox.clone());
        }
        (self.on_leader, self.posted, self.done, self.counted, self.ends_connection) =
            (false, false, false, false, false);
        self.closed_error = None;
        self.waited = Duration::ZERO;
        self.disconnect_watch = None;
        let i = &mut self.input;
        i.forget();
        (i.ended, i.expect, i.waits, i.limit) = (ended, false, false, settings.max_body_bytes);
        (i.trailer, i.failed, i.progress, i.deadline) = (None, None, None, None);
        i.rate_meter = RateMeter::new(settings.min_rate);
        self.drop_body();
        self.output.clear();
        self.output.rate_meter = RateMeter::new(settings.min_rate);
    }

    pub(super) fn check(&self) -> Result<()> {
        self.closed_error.clone().map_or(Ok(()), Err)
    }

    /// put adds to the body that waits.
    pub(super) fn put(&mut self, data: &[u8]) -> Result<()> {
        self.output.body.push(data)?;
        if let Some(o) = &self.outbox {
            o.hold(data.len());
        }
        Ok(())
    }

    /// put_last adds the last of the body; one for which there is no memory ends by a reset.
    pub(super) fn put_last(&mut self, rest: &[u8], trailer: Option<&Header>) {
        match self.put(rest) {
            Ok(()) => self.output.end = Some(trailer.cloned()),
            Err(_) => self.output.abort = Some(ErrorCode::INTERNAL_ERROR),
        }
    }

    /// sent takes off what was sent of the body.
    pub(super) fn sent(&mut self, n: usize) {
        self.output.body.consume(n, FULL);
        self.output.rate_meter.moved(n);
        if let Some(o) = &self.outbox {
            o.release(n);
        }
    }

    pub(super) fn drop_body(&mut self) {
        let n = self.output.pending();
        if n > 0 {
            self.sent(n);
        }
    }

    pub(super) fn room(&self) -> usize {
        let bound = self.outbox.as_ref().map_or(0, |o| o.stream_limit());
        bound.saturating_sub(self.output.pending())
    }

    /// should_wake_writer: so much that it is worth to wake who waits.
    pub(super) fn should_wake_writer(&self) -> bool {
        self.room() >= self.output.pending()
    }
}

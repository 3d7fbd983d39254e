//! `Http2Session`: a connection of HTTP/2, between the times that it is driven.

use super::outbox::Outbox;
use super::stream::{SharedStream, client_disconnected};
use super::stream_exchange::StreamExchange;
use crate::address::Address;
use crate::error::Error;
use crate::h2::{Engine, EngineConfig, ErrorCode, Event};
use crate::runtime::NEVER;
use crate::server::server_core::ServerCore;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// ShutdownStage is how far a connection's end has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ShutdownStage {
    No,
    /// A GOAWAY has announced it; streams that were under way may still come.
    Announced,
    /// Another has named the last stream.
    Last,
    /// Nothing is served any more.
    Over,
}

pub(crate) struct Http2Session {
    pub(super) engine: Engine,
    pub(super) outbox: Arc<Outbox>,
    /// The streams that are not closed, by their identifiers, which only grow.
    pub(super) open: Vec<(u32, SharedStream)>,
    /// Requests whose handlers are to be called, and those that wait for a small body before.
    pub(super) ready: VecDeque<Box<StreamExchange>>,
    pub(super) awaiting_body: VecDeque<Box<StreamExchange>>,
    /// The stream whose handler the leader is in.
    pub(super) inline: Option<u32>,
    /// Handlers that are not through.
    pub(super) running: usize,
    pub(super) ending: ShutdownStage,
    /// When the second GOAWAY is due.
    pub(super) last_due: u64,
    /// The socket has not taken everything, since then.
    pub(super) stuck_since: u64,
    /// When streams that wait to be sent are to be looked at.
    pub(super) check_at: u64,
    /// How long a peer may take nothing of what is sent.
    pub(super) progress: Option<Duration>,
    /// Since when there is no stream.
    pub(super) idle_since: u64,
    /// Since when a header block is not whole.
    pub(super) block_since: u64,
    /// The last second of which the engine was told.
    pub(super) last_tick: u64,
    /// When the last bytes came, and whether a ping asks if the peer lives.
    pub(super) last_received: u64,
    pub(super) ping_pending: bool,
    /// The socket is shut down, while handlers still run.
    pub(super) is_shut_down: bool,
    // Reused from round to round.
    pub(super) events: Vec<Event>,
    pub(super) mail: Vec<SharedStream>,
}

impl Http2Session {
    pub(in crate::server) fn new(
        core: &Arc<ServerCore>,
        local: Option<Address>,
        now: u64,
    ) -> Box<Http2Session> {
        let settings = &core.settings;
        let mut config = settings.http2.config(EngineConfig::server(), settings.max_header_bytes);
        config.max_fields = settings.max_header_fields;
        Box::new(Http2Session {
            engine: Engine::server(config),
            outbox: Arc::new(Outbox::new(core, local)),
            open: Vec::new(),
            ready: VecDeque::new(),
            awaiting_body: VecDeque::new(),
            inline: None,
            running: 0,
            ending: ShutdownStage::No,
            last_due: NEVER,
            stuck_since: NEVER,
            check_at: NEVER,
            progress: settings.http2_progress(),
            idle_since: now,
            block_since: NEVER,
            last_tick: now / 1000,
            last_received: now,
            ping_pending: false,
            is_shut_down: false,
            events: Vec::new(),
            mail: Vec::new(),
        })
    }

    pub(super) fn find(&self, id: u32) -> Option<&SharedStream> {
        let at = self.open.binary_search_by_key(&id, |o| o.0).ok()?;
        self.open.get(at).map(|o| &o.1)
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<SharedStream> {
        let at = self.open.binary_search_by_key(&id, |o| o.0).ok()?;
        Some(self.open.remove(at).1)
    }

    /// drop_stream ends a stream for its handler, which may not have begun.
    pub(super) fn drop_stream(&mut self, id: u32, why: Error) {
        let Some(stream) = self.remove(id) else { return };
        let unread = stream.disconnect(why);
        self.engine.release(id, unread);
        let waits = self.ready.iter().position(|t| t.id == id).and_then(|at| self.ready.remove(at));
        let held =
            self.awaiting_body.iter().position(|t| t.id == id).and_then(|at| self.awaiting_body.remove(at));
        if waits.or(held).is_some() {
            self.handler_done();
        }
    }

    pub(super) fn drop_all_streams(&mut self) {
        while let Some(&(id, _)) = self.open.last() {
            self.drop_stream(id, client_disconnected("client disconnected"));
        }
    }

    /// handler_done: a handler is through, or will not be called.
    pub(super) fn handler_done(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.engine.handler_done();
    }

    /// reset_stream resets a stream by our own will.
    pub(super) fn reset_stream(&mut self, id: u32, code: ErrorCode, why: Error) {
        self.engine.reset(id, code);
        self.drop_stream(id, why);
    }
}

/// The connection has ended, whatever the way.
impl Drop for Http2Session {
    fn drop(&mut self) {
        self.drop_all_streams();
        self.outbox.close();
    }
}

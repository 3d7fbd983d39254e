//! `Session`: a connection of HTTP/2, between the times that it is driven.

use super::outbox::Outbox;
use super::stream::{SharedStream, gone};
use super::turn::Turn;
use crate::error::Error;
use crate::h2::{Engine, EngineConfig, ErrorCode, Event};
use crate::message::address::Address;
use crate::runtime::NEVER;
use crate::server::shared::Shared;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Ending is how far a connection's end has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Ending {
    No,
    /// A GOAWAY has announced it; streams that were under way may still come.
    Announced,
    /// Another has named the last stream.
    Last,
    /// Nothing is served any more.
    Over,
}

pub(crate) struct Session {
    pub(super) engine: Engine,
    pub(super) outbox: Arc<Outbox>,
    /// The streams that are not closed, by their identifiers, which only grow.
    pub(super) open: Vec<(u32, SharedStream)>,
    /// Requests whose handlers are to be called, and those that wait for a small body before.
    pub(super) ready: VecDeque<Box<Turn>>,
    pub(super) held: VecDeque<Box<Turn>>,
    /// The stream whose handler the leader is in.
    pub(super) inline: Option<u32>,
    /// Handlers that are not through.
    pub(super) running: usize,
    pub(super) ending: Ending,
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
    pub(super) second: u64,
    /// When the last bytes came, and whether a ping asks if the peer lives.
    pub(super) heard: u64,
    pub(super) pinged: bool,
    /// The socket is shut down, while handlers still run.
    pub(super) is_shut_down: bool,
    // Reused from round to round.
    pub(super) events: Vec<Event>,
    pub(super) mail: Vec<SharedStream>,
}

impl Session {
    pub(in crate::server) fn new(core: &Arc<Shared>, local: Option<Address>, now: u64) -> Box<Session> {
        let settings = &core.settings;
        let mut config = settings.http2.config(EngineConfig::server(), settings.max_header_bytes);
        config.max_fields = settings.max_header_fields;
        Box::new(Session {
            engine: Engine::server(config),
            outbox: Arc::new(Outbox::new(core, local)),
            open: Vec::new(),
            ready: VecDeque::new(),
            held: VecDeque::new(),
            inline: None,
            running: 0,
            ending: Ending::No,
            last_due: NEVER,
            stuck_since: NEVER,
            check_at: NEVER,
            progress: settings.http2_progress(),
            idle_since: now,
            block_since: NEVER,
            second: now / 1000,
            heard: now,
            pinged: false,
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

    /// lose ends a stream for its handler, which may not have begun.
    pub(super) fn lose(&mut self, id: u32, why: Error) {
        let Some(stream) = self.remove(id) else { return };
        let unread = stream.lose(why);
        self.engine.release(id, unread);
        let waits = self.ready.iter().position(|t| t.id == id).and_then(|at| self.ready.remove(at));
        let held = self.held.iter().position(|t| t.id == id).and_then(|at| self.held.remove(at));
        if waits.or(held).is_some() {
            self.finished();
        }
    }

    pub(super) fn lose_all(&mut self) {
        while let Some(&(id, _)) = self.open.last() {
            self.lose(id, gone("client disconnected"));
        }
    }

    /// finished: a handler is through, or will not be called.
    pub(super) fn finished(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.engine.handler_done();
    }

    /// fail resets a stream by our own will.
    pub(super) fn fail(&mut self, id: u32, code: ErrorCode, why: Error) {
        self.engine.reset(id, code);
        self.lose(id, why);
    }
}

/// The connection has ended, whatever the way.
impl Drop for Session {
    fn drop(&mut self) {
        self.lose_all();
        self.outbox.close();
    }
}

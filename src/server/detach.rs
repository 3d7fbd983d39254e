//! `DetachedExchange`: an exchange whose handler has returned and which somebody answers later, from any thread.
//!
//! The one who answers may be done before the handler has returned: whichever of the two comes last ends the exchange.
//! A server that is freed meanwhile lets go of it: nothing is sent any more, and the buffers live until they are ended.

use super::conn::ServerConn;
use super::connection::HttpDriver;
use super::exchange_buffers::ExchangeBuffers;
use super::h2::StreamExchange;
use super::server_core::ServerCore;
use crate::error::{Error, Kind, Result};
use crate::runtime::{DetachedConn, in_handler};
use crate::sync::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

/// DetachState is an exchange's way to be answered later.
#[derive(Default)]
pub(super) struct DetachState {
    detached: Mutex<Option<Arc<DetachedExchange>>>,
    is_detached: AtomicBool,
}

impl DetachState {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<DetachedExchange>>> {
        self.detached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// detach has the exchange answered later.
    pub(super) fn detach(&self, core: &Arc<ServerCore>) -> Result<()> {
        let mut detached = self.lock();
        if detached.is_some() {
            return Err(Error::new(Kind::State, "nethttp: the writer is detached already"));
        }
        *detached = Some(DetachedExchange::new(core));
        self.is_detached.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn is_detached(&self) -> bool {
        self.is_detached.load(Ordering::Acquire)
    }

    /// detached is who answers later, if somebody does.
    pub(super) fn detached(&self) -> Option<Arc<DetachedExchange>> {
        self.lock().clone()
    }

    pub(super) fn reset(&self) {
        // Looked at before it is written: nearly always there is nothing to take back.
        if self.is_detached.load(Ordering::Relaxed) {
            self.is_detached.store(false, Ordering::Relaxed);
            *self.lock() = None;
        }
    }
}

/// DetachedWork is what a handler has left behind.
pub(super) enum DetachedWork {
    /// HTTP/1.1's exchange, with its connection.
    Conn(DetachedConn<HttpDriver>),
    /// A stream's.
    Stream(Box<StreamExchange>),
}

impl DetachedWork {
    /// into_orphan is what the program still points to when the server has gone.
    fn into_orphan(self) -> OrphanedWork {
        match self {
            DetachedWork::Conn(detached_conn) => OrphanedWork::Conn { _kept: detached_conn.into_parts() },
            DetachedWork::Stream(exchange) => OrphanedWork::Stream { _kept: exchange },
        }
    }
}

enum OrphanedWork {
    Conn { _kept: (Box<ServerConn>, Box<ExchangeBuffers>) },
    Stream { _kept: Box<StreamExchange> },
}

pub(super) struct DetachedExchange {
    core: Arc<ServerCore>,
    phase: Mutex<DetachPhase>,
}

enum DetachPhase {
    /// The handler has not returned.
    Handler,
    /// It has not, and the answer is complete.
    RespondedEarly,
    Parked(DetachedWork),
    /// The server has been freed: what the program still points to.
    Orphan {
        _kept: OrphanedWork,
    },
    Finished,
}

impl DetachedExchange {
    pub(super) fn new(core: &Arc<ServerCore>) -> Arc<DetachedExchange> {
        let detached =
            Arc::new(DetachedExchange { core: core.clone(), phase: Mutex::new(DetachPhase::Handler) });
        core.track_detached(&detached);
        detached
    }

    fn phase(&self) -> MutexGuard<'_, DetachPhase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// park is called when the handler has returned. It gives back what is answered already: that is to be ended by a
    /// thread that may wait for the peer.
    pub(super) fn park(&self, parcel: DetachedWork) -> Option<DetachedWork> {
        let mut phase = self.phase();
        if matches!(*phase, DetachPhase::RespondedEarly) {
            *phase = DetachPhase::Finished;
            return Some(parcel);
        }
        *phase = if self.core.orphaned.load(Ordering::SeqCst) {
            DetachPhase::Orphan { _kept: parcel.into_orphan() }
        } else {
            DetachPhase::Parked(parcel)
        };
        None
    }

    /// end is the word of who has answered. It may wait for the peer.
    pub(super) fn end(&self) {
        let mut phase = self.phase();
        match std::mem::replace(&mut *phase, DetachPhase::Finished) {
            DetachPhase::Handler => *phase = DetachPhase::RespondedEarly,
            DetachPhase::Parked(DetachedWork::Conn(detached_conn)) => {
                drop(phase);
                self.finish(detached_conn);
            }
            DetachPhase::Parked(DetachedWork::Stream(exchange)) => {
                drop(phase);
                in_handler(self.core.id(), || HttpDriver(self.core.clone()).end_detached_stream(exchange));
            }
            ended => {
                drop(phase);
                drop(ended);
            }
        }
    }

    /// orphan lets the server go without the exchange.
    pub(super) fn orphan(&self) {
        let mut phase = self.phase();
        match std::mem::replace(&mut *phase, DetachPhase::Finished) {
            DetachPhase::Parked(parcel) => {
                *phase = DetachPhase::Orphan { _kept: parcel.into_orphan() };
            }
            before => *phase = before,
        }
    }

    fn finish(&self, mut detached_conn: DetachedConn<HttpDriver>) {
        let end =
            || HttpDriver(self.core.clone()).end_detached(&mut detached_conn.conn, &mut detached_conn.lease);
        let action = in_handler(self.core.id(), end);
        detached_conn.give_back(action);
    }
}

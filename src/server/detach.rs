//! `Detached`: an exchange whose handler has returned and which somebody answers later, from any thread.
//!
//! The one who answers may be done before the handler has returned: whichever of the two comes last ends the exchange.
//! A server that is freed meanwhile lets go of it: nothing is sent any more, and the buffers live until they are ended.

use super::conn::Conn;
use super::drive::Http;
use super::exchange::Exchange;
use super::h2::Turn;
use super::shared::Shared;
use crate::error::{Error, Kind, Result};
use crate::runtime::{DetachedConn, in_handler};
use crate::sync::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

/// Leaving is an exchange's way to be answered later.
#[derive(Default)]
pub(super) struct Leaving {
    detached: Mutex<Option<Arc<Detached>>>,
    is_detached: AtomicBool,
}

impl Leaving {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Detached>>> {
        self.detached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// leave has the exchange answered later.
    pub(super) fn leave(&self, core: &Arc<Shared>) -> Result<()> {
        let mut detached = self.lock();
        if detached.is_some() {
            return Err(Error::new(Kind::State, "nethttp: the writer is detached already"));
        }
        *detached = Some(Detached::new(core));
        self.is_detached.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn is_detached(&self) -> bool {
        self.is_detached.load(Ordering::Acquire)
    }

    /// detached is who answers later, if somebody does.
    pub(super) fn detached(&self) -> Option<Arc<Detached>> {
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

/// Parcel is what a handler has left behind.
pub(super) enum Parcel {
    /// HTTP/1.1's exchange, with its connection.
    Conn(DetachedConn<Http>),
    /// A stream's.
    Stream(Box<Turn>),
}

impl Parcel {
    /// keep is what the program still points to when the server has gone.
    fn keep(self) -> Kept {
        match self {
            Parcel::Conn(detached_conn) => Kept::Conn { _kept: detached_conn.into_parts() },
            Parcel::Stream(turn) => Kept::Stream { _kept: turn },
        }
    }
}

enum Kept {
    Conn { _kept: (Box<Conn>, Box<Exchange>) },
    Stream { _kept: Box<Turn> },
}

pub(super) struct Detached {
    core: Arc<Shared>,
    phase: Mutex<Phase>,
}

enum Phase {
    /// The handler has not returned.
    Handler,
    /// It has not, and the answer is complete.
    Early,
    Parked(Parcel),
    /// The server has been freed: what the program still points to.
    Orphan {
        _kept: Kept,
    },
    Gone,
}

impl Detached {
    pub(super) fn new(core: &Arc<Shared>) -> Arc<Detached> {
        let detached = Arc::new(Detached { core: core.clone(), phase: Mutex::new(Phase::Handler) });
        core.remember(&detached);
        detached
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// park is called when the handler has returned. It gives back what is answered already: that is to be ended by a
    /// thread that may wait for the peer.
    pub(super) fn park(&self, parcel: Parcel) -> Option<Parcel> {
        let mut phase = self.phase();
        if matches!(*phase, Phase::Early) {
            *phase = Phase::Gone;
            return Some(parcel);
        }
        *phase = if self.core.orphaned.load(Ordering::SeqCst) {
            Phase::Orphan { _kept: parcel.keep() }
        } else {
            Phase::Parked(parcel)
        };
        None
    }

    /// end is the word of who has answered. It may wait for the peer.
    pub(super) fn end(&self) {
        let mut phase = self.phase();
        match std::mem::replace(&mut *phase, Phase::Gone) {
            Phase::Handler => *phase = Phase::Early,
            Phase::Parked(Parcel::Conn(detached_conn)) => {
                drop(phase);
                self.finish(detached_conn);
            }
            Phase::Parked(Parcel::Stream(turn)) => {
                drop(phase);
                in_handler(self.core.id(), || Http(self.core.clone()).end_detached_stream(turn));
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
        match std::mem::replace(&mut *phase, Phase::Gone) {
            Phase::Parked(parcel) => {
                *phase = Phase::Orphan { _kept: parcel.keep() };
            }
            before => *phase = before,
        }
    }

    fn finish(&self, mut detached_conn: DetachedConn<Http>) {
        let end = || Http(self.core.clone()).end_detached(&mut detached_conn.conn, &mut detached_conn.lease);
        let action = in_handler(self.core.id(), end);
        detached_conn.give_back(action);
    }
}

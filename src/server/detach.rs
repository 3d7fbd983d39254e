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
use crate::runtime::Away;
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
    Conn(Away<Http>),
    /// A stream's.
    Stream(Box<Turn>),
}

impl Parcel {
    /// keep is what the program still points to when the server has gone.
    fn keep(self) -> Kept {
        match self {
            Parcel::Conn(away) => Kept::Conn { _kept: away.keep() },
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

    /// park is called when the handler has returned.
    pub(super) fn park(self: &Arc<Self>, parcel: Parcel) {
        let mut phase = self.phase();
        let before = std::mem::replace(&mut *phase, Phase::Gone);
        if matches!(before, Phase::Early) {
            drop(phase);
            match parcel {
                Parcel::Conn(away) => self.finish_here(away),
                Parcel::Stream(turn) => Http(self.core.clone()).end_detached_stream(turn),
            }
        } else if self.core.orphaned.load(Ordering::SeqCst) {
            *phase = Phase::Orphan { _kept: parcel.keep() };
        } else {
            *phase = Phase::Parked(parcel);
        }
    }

    /// end is the word of who has answered. It may wait for the peer.
    pub(super) fn end(&self) {
        let mut phase = self.phase();
        match std::mem::replace(&mut *phase, Phase::Gone) {
            Phase::Handler => *phase = Phase::Early,
            Phase::Parked(Parcel::Conn(away)) => {
                drop(phase);
                self.finish(away);
            }
            Phase::Parked(Parcel::Stream(turn)) => {
                drop(phase);
                Http(self.core.clone()).end_detached_stream(turn);
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

    /// finish_here is [`Detached::finish`] on a library thread, which may lead a shard and must not wait for a peer.
    fn finish_here(self: &Arc<Self>, away: Away<Http>) {
        let quick = !away.lease.has_body && away.lease.wire.output().buf.is_empty();
        if quick {
            return self.finish(away);
        }
        let (me, slot) = (self.clone(), Arc::new(Mutex::new(Some(away))));
        let its = slot.clone();
        let take = |s: &Mutex<Option<Away<Http>>>| s.lock().unwrap_or_else(PoisonError::into_inner).take();
        let run = move || {
            if let Some(away) = take(&its) {
                me.finish(away);
            }
        };
        if crate::hooks::spawn("nh-late", run).is_err()
            && let Some(away) = take(&slot)
        {
            // No thread is to be had: the connection ends here.
            away.lease.wire.let_go();
            away.back(crate::runtime::Fate::Close);
        }
    }

    fn finish(&self, mut away: Away<Http>) {
        let fate = Http(self.core.clone()).end_detached(&mut away.conn, &mut away.lease);
        away.back(fate);
    }
}

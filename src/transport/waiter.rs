//! `Waiter`: a call that wants a connection, and how it gets one.

use super::pool::Link;
use super::tell::Log;
use crate::error::Result;
use crate::net::cancel::CancelToken;
use crate::net::event_fd::EventFd;
use crate::sync::{Mutex, lock};
use std::sync::Arc;

/// Waiter is one call that wants a connection.
pub(super) struct Waiter {
    pub(super) event: Arc<EventFd>,
    /// What its dial tells the request's trace.
    pub(super) log: Option<Arc<Log>>,
    /// Fired once it waits no more.
    pub(super) left: CancelToken,
    pub(super) slot: Mutex<Slot>,
}

pub(super) struct Slot {
    pub(super) outcome: Outcome,
    /// A dial was queued on its behalf.
    pub(super) dialing: bool,
}

pub(super) enum Outcome {
    Waiting,
    Ready(Result<Link>),
    Gone,
}

impl Waiter {
    /// deliver answers the waiter, or gives the result back if it is answered or gone.
    pub(super) fn deliver(&self, result: Result<Link>) -> std::result::Result<(), Result<Link>> {
        let mut slot = lock(&self.slot);
        if !matches!(slot.outcome, Outcome::Waiting) {
            return Err(result);
        }
        slot.outcome = Outcome::Ready(result);
        drop(slot);
        self.event.wake();
        Ok(())
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(lock(&self.slot).outcome, Outcome::Waiting)
    }

    pub(super) fn take(&self) -> Option<Result<Link>> {
        let mut slot = lock(&self.slot);
        if matches!(slot.outcome, Outcome::Waiting) {
            return None;
        }
        match std::mem::replace(&mut slot.outcome, Outcome::Gone) {
            Outcome::Ready(r) => Some(r),
            _ => None,
        }
    }
}

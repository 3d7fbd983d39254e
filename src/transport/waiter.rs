//! `Waiter`: a call that wants a connection, and how it gets one.

use super::pool::Checkout;
use super::trace::DialLog;
use crate::error::Result;
use crate::net::cancel::CancelToken;
use crate::net::event_fd::EventFd;
use crate::sync::{Mutex, lock};
use std::sync::Arc;

/// Waiter is one call that wants a connection.
pub(super) struct Waiter {
    pub(super) event: Arc<EventFd>,
    /// What its dial tells the request's trace.
    pub(super) dial_log: Option<Arc<DialLog>>,
    /// Fired once it waits no more.
    pub(super) abandoned: CancelToken,
    pub(super) slot: Mutex<WaiterSlot>,
}

pub(super) struct WaiterSlot {
    pub(super) outcome: WaiterOutcome,
    /// A dial was queued on its behalf.
    pub(super) dialing: bool,
}

pub(super) enum WaiterOutcome {
    Waiting,
    Ready(Result<Checkout>),
    Abandoned,
}

impl Waiter {
    /// deliver answers the waiter, or gives the result back if it is answered or gone.
    pub(super) fn deliver(&self, result: Result<Checkout>) -> std::result::Result<(), Result<Checkout>> {
        let mut slot = lock(&self.slot);
        if !matches!(slot.outcome, WaiterOutcome::Waiting) {
            return Err(result);
        }
        slot.outcome = WaiterOutcome::Ready(result);
        drop(slot);
        self.event.wake();
        Ok(())
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(lock(&self.slot).outcome, WaiterOutcome::Waiting)
    }

    pub(super) fn take(&self) -> Option<Result<Checkout>> {
        let mut slot = lock(&self.slot);
        if matches!(slot.outcome, WaiterOutcome::Waiting) {
            return None;
        }
        match std::mem::replace(&mut slot.outcome, WaiterOutcome::Abandoned) {
            WaiterOutcome::Ready(r) => Some(r),
            _ => None,
        }
    }
}

//! `Teller`: brings the steps of an exchange to the request's trace, on the caller's thread.
//!
//! A dial runs on a thread of the pool's: what it sees is kept in a [`Log`] with its times, and told by the caller, who
//! is woken for it. A dial whose caller has gone on with another connection is not heard of any more.

use super::upload::Upload;
use crate::error::{Error, Result};
use crate::message::request::Request;
use crate::message::trace::{Trace, TraceStep};
use crate::net::event_fd::EventFd;
use crate::sync::Mutex;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Log is what a dial has seen and its caller was not told yet.
pub(super) struct Log {
    steps: Mutex<Vec<(Instant, TraceStep)>>,
    caller: Arc<EventFd>,
}

impl Log {
    /// add is called on the dial's thread.
    pub(super) fn add(&self, step: TraceStep) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), step));
        self.caller.wake();
    }

    fn take(&self) -> Vec<(Instant, TraceStep)> {
        std::mem::take(&mut *self.steps.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Teller is the way to a request's trace; without one it does nothing.
pub(super) struct Teller {
    to: Option<To>,
}

struct To {
    trace: Arc<dyn Trace>,
    since: Instant,
    told_head: bool,
    told_end: bool,
}

impl Teller {
    pub(super) fn new(r: &Request, since: Instant) -> Teller {
        let to =
            |trace: &Arc<dyn Trace>| To { trace: trace.clone(), since, told_head: false, told_end: false };
        Teller { to: r.trace.as_ref().map(to) }
    }

    /// none tells nobody.
    pub(super) fn none() -> Teller {
        Teller { to: None }
    }

    pub(super) fn is_on(&self) -> bool {
        self.to.is_some()
    }

    /// tell is for steps that nothing can be answered to.
    pub(super) fn tell(&self, step: impl FnOnce() -> TraceStep) {
        let _ = self.ask(step);
    }

    /// ask is [`Teller::tell`] where an error ends the exchange.
    pub(super) fn ask(&self, step: impl FnOnce() -> TraceStep) -> Result<()> {
        self.to.as_ref().map_or(Ok(()), |to| to.trace.step(to.since.elapsed(), &step()))
    }

    /// log is a dial's, to wake its caller by `event`.
    pub(super) fn log(&self, event: &Arc<EventFd>) -> Option<Arc<Log>> {
        let log = || Arc::new(Log { steps: Mutex::default(), caller: event.clone() });
        self.is_on().then(log)
    }

    /// tell_log tells what a dial has seen so far.
    pub(super) fn tell_log(&self, log: Option<&Arc<Log>>) {
        let (Some(to), Some(log)) = (&self.to, log) else { return };
        for (at, step) in log.take() {
            let _ = to.trace.step(at.saturating_duration_since(to.since), &step);
        }
    }

    /// fields tells what a head had, where that is not the upload's.
    pub(super) fn fields<'a>(&self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        for (name, value) in fields {
            self.tell(|| TraceStep::WroteField { name: name.to_ascii_lowercase(), value: value.to_vec() });
        }
    }

    /// wrote looks how far the request is, and tells what is new.
    pub(super) fn wrote(&mut self, upload: &Upload, failed: Option<&Error>) {
        let Some(to) = &mut self.to else { return };
        let tell = |step: TraceStep| drop(to.trace.step(to.since.elapsed(), &step));
        if !to.told_head && upload.head_is_sent() {
            to.told_head = true;
            if !upload.is_bare() {
                for (name, value) in upload.fields() {
                    tell(TraceStep::WroteField { name: name.to_vec(), value: value.to_vec() });
                }
            }
            tell(TraceStep::WroteHeaders);
            if upload.held {
                tell(TraceStep::WaitContinue);
            }
        }
        if !to.told_end && (upload.is_done() || failed.is_some()) {
            to.told_end = true;
            tell(TraceStep::WroteRequest(failed.cloned()));
        }
    }
}

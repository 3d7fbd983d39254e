//! `Tracer`: brings the steps of an exchange to the request's trace, on the caller's thread.
//!
//! A dial runs on a thread of the pool's: what it sees is kept in a [`DialLog`] with its times, and told by the caller, who
//! is woken for it. A dial whose caller has gone on with another connection is not heard of any more.

use super::request_writer::RequestWriter;
use crate::error::{Error, Result};
use crate::message::request::Request;
use crate::message::trace::{Trace, TraceStep};
use crate::net::event_fd::EventFd;
use crate::sync::Mutex;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// DialLog is what a dial has seen and its caller was not told yet.
pub(super) struct DialLog {
    steps: Mutex<Vec<(Instant, TraceStep)>>,
    caller: Arc<EventFd>,
}

impl DialLog {
    /// add is called on the dial's thread.
    pub(super) fn add(&self, step: TraceStep) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), step));
        self.caller.wake();
    }

    fn take(&self) -> Vec<(Instant, TraceStep)> {
        std::mem::take(&mut *self.steps.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tracer is the way to a request's trace; without one it does nothing.
pub(super) struct Tracer {
    target: Option<TraceTarget>,
}

struct TraceTarget {
    trace: Arc<dyn Trace>,
    since: Instant,
    reported_head: bool,
    reported_end: bool,
}

impl Tracer {
    pub(super) fn new(r: &Request, since: Instant) -> Tracer {
        let to = |trace: &Arc<dyn Trace>| TraceTarget {
            trace: trace.clone(),
            since,
            reported_head: false,
            reported_end: false,
        };
        Tracer { target: r.trace.as_ref().map(to) }
    }

    /// none tells nobody.
    pub(super) fn none() -> Tracer {
        Tracer { target: None }
    }

    pub(super) fn is_on(&self) -> bool {
        self.target.is_some()
    }

    /// report is for steps that nothing can be answered to.
    pub(super) fn report(&self, step: impl FnOnce() -> TraceStep) {
        let _ = self.report_checked(step);
    }

    /// report_checked is [`Tracer::report`] where an error ends the exchange.
    pub(super) fn report_checked(&self, step: impl FnOnce() -> TraceStep) -> Result<()> {
        self.target.as_ref().map_or(Ok(()), |to| to.trace.step(to.since.elapsed(), &step()))
    }

    /// dial_log is a dial's, to wake its caller by `event`.
    pub(super) fn dial_log(&self, event: &Arc<EventFd>) -> Option<Arc<DialLog>> {
        let log = || Arc::new(DialLog { steps: Mutex::default(), caller: event.clone() });
        self.is_on().then(log)
    }

    /// report_dial tells what a dial has seen so far.
    pub(super) fn report_dial(&self, log: Option<&Arc<DialLog>>) {
        let (Some(to), Some(log)) = (&self.target, log) else { return };
        for (at, step) in log.take() {
            let _ = to.trace.step(at.saturating_duration_since(to.since), &step);
        }
    }

    /// report_fields tells what a head had, where that is not the upload's.
    pub(super) fn report_fields<'a>(&self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        for (name, value) in fields {
            self.report(|| TraceStep::WroteField { name: name.to_ascii_lowercase(), value: value.to_vec() });
        }
    }

    /// report_written looks how far the request is, and tells what is new.
    pub(super) fn report_written(&mut self, writer: &RequestWriter, failed: Option<&Error>) {
        let Some(to) = &mut self.target else { return };
        let tell = |step: TraceStep| drop(to.trace.step(to.since.elapsed(), &step));
        if !to.reported_head && writer.head_is_sent() {
            to.reported_head = true;
            if !writer.is_body_only() {
                for (name, value) in writer.fields() {
                    tell(TraceStep::WroteField { name: name.to_vec(), value: value.to_vec() });
                }
            }
            tell(TraceStep::WroteHeaders);
            if writer.awaits_continue {
                tell(TraceStep::WaitContinue);
            }
        }
        if !to.reported_end && (writer.is_done() || failed.is_some()) {
            to.reported_end = true;
            tell(TraceStep::WroteRequest(failed.cloned()));
        }
    }
}

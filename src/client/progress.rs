//! Progress of bodies: sources that are counted on their way out, answers on their way in.
//!
//! A report costs the program time, so there is one in 100 ms at most, and one at each body's end.

use crate::duplex::Duplex;
use crate::error::{Error, Phase, Result};
use crate::message::header::Header;
use crate::message::progress::{Progress, ProgressAmounts};
use crate::message::request::{Request, RequestBody};
use crate::message::source::{LentSource, Source, SourceSlot};
use crate::transport::{ReadBody, Response, read_when_closed};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const PERIOD_MS: u64 = 100;

/// ProgressMeter is what one request's bodies share: they are on one thread, but not on one for ever.
pub(super) struct ProgressMeter {
    program: Arc<dyn Progress>,
    start: Instant,
    /// When the program was last told, in milliseconds from the start.
    reported_at: AtomicU64,
    sent: AtomicU64,
    to_send: AtomicI64,
    received: AtomicU64,
    to_receive: AtomicI64,
}

impl ProgressMeter {
    /// wrap_request gives a copy of a request that counts what it sends; `None` if nobody wants to know.
    pub(super) fn wrap_request(r: &Request) -> Option<(Arc<ProgressMeter>, Request)> {
        let program = r.progress.clone()?;
        let mut copy = r.share();
        if let RequestBody::Bytes(b) = &r.body {
            copy.content_length = i64::try_from((**b).as_ref().len()).unwrap_or(i64::MAX);
        }
        let meter = Arc::new(ProgressMeter {
            program,
            start: Instant::now(),
            reported_at: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            to_send: AtomicI64::new(copy.content_length),
            received: AtomicU64::new(0),
            to_receive: AtomicI64::new(-1),
        });
        let inner = match &r.body {
            RequestBody::Source(slot) => CountedInput::Slot { slot: slot.clone(), taken: None },
            RequestBody::Bytes(b) if !(**b).as_ref().is_empty() => {
                CountedInput::Bytes { data: b.clone(), at: 0 }
            }
            _ => return Some((meter, copy)),
        };
        copy.body = RequestBody::Source(SourceSlot::new(Box::new(CountedSource {
            inner,
            ended: false,
            meter: meter.clone(),
        })));
        Some((meter, copy))
    }

    /// wrap_response counts what is read of an answer.
    pub(super) fn wrap_response(self: Arc<ProgressMeter>, mut response: Box<Response>) -> Box<Response> {
        self.to_receive.store(response.content_length, Relaxed);
        response.map_body(|body| Box::new(CountedBody { body, meter: self, error: None, ended: false }));
        response
    }

    fn report(&self, end: bool) -> Result<()> {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if !end && now < self.reported_at.load(Relaxed).saturating_add(PERIOD_MS) {
            return Ok(());
        }
        self.reported_at.store(now, Relaxed);
        self.program.report(ProgressAmounts {
            sent: self.sent.load(Relaxed),
            to_send: self.to_send.load(Relaxed),
            received: self.received.load(Relaxed),
            to_receive: self.to_receive.load(Relaxed),
        })
    }
}

enum CountedInput {
    Bytes { data: Arc<dyn AsRef<[u8]> + Send + Sync>, at: usize },
    Slot { slot: SourceSlot, taken: Option<LentSource> },
}

struct CountedSource {
    inner: CountedInput,
    ended: bool,
    meter: Arc<ProgressMeter>,
}

impl Source for CountedSource {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = match &mut self.inner {
            CountedInput::Bytes { data, at } => {
                let rest = (**data).as_ref().get(*at..).unwrap_or_default();
                let n = rest.len().min(buf.len());
                if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
                    to.copy_from_slice(from);
                }
                *at += n;
                n
            }
            CountedInput::Slot { slot, taken } => {
                if taken.is_none() {
                    *taken = Some(slot.take()?);
                }
                taken.as_mut().map_or(Ok(0), |t| t.read(buf))?
            }
        };
        let sent = self.meter.sent.fetch_add(n as u64, Relaxed).saturating_add(n as u64);
        // A source that gave all it declared may not be asked for its end: the answer can come before.
        let end = n == 0 || i64::try_from(sent) == Ok(self.meter.to_send.load(Relaxed));
        if !std::mem::replace(&mut self.ended, end) {
            self.meter.report(end)?;
        }
        Ok(n)
    }

    fn rewind(&mut self) -> Result<bool> {
        self.meter.sent.store(0, Relaxed);
        self.ended = false;
        match &mut self.inner {
            CountedInput::Bytes { at, .. } => {
                *at = 0;
                Ok(true)
            }
            CountedInput::Slot { slot, taken } => {
                // The next read takes it anew, at its first byte.
                *taken = None;
                Ok(slot.can_rewind())
            }
        }
    }

    fn can_rewind(&self) -> bool {
        match &self.inner {
            CountedInput::Bytes { .. } => true,
            CountedInput::Slot { slot, .. } => slot.can_rewind(),
        }
    }
}

struct CountedBody {
    body: Box<dyn ReadBody>,
    meter: Arc<ProgressMeter>,
    error: Option<Error>,
    ended: bool,
}

impl ReadBody for CountedBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let n = self.body.read(buf)?;
        self.meter.received.fetch_add(n as u64, Relaxed);
        let first_end = n == 0 && !std::mem::replace(&mut self.ended, n == 0);
        if n > 0 || first_end {
            self.meter.report(n == 0).map_err(|e| {
                let e = e.with_phase(Phase::Body);
                self.error = Some(e.clone());
                self.body.close();
                e
            })?;
        }
        Ok(n)
    }

    fn take_trailer(&mut self) -> Option<Header> {
        self.body.take_trailer()
    }

    fn close(&mut self) {
        self.error.get_or_insert_with(read_when_closed);
        self.body.close();
    }

    fn hand_over(&mut self) -> Option<io::Result<Duplex>> {
        self.body.hand_over()
    }
}

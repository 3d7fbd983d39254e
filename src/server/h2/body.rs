//! `Http2RequestBody`: a request's body as its handler reads it, and what it tells of the stream.

use super::stream::{ServerStream, SharedStream};
use super::stream_state::StreamState;
use crate::address::Address;
use crate::error::{Error, Phase, Result};
use crate::h1::status_line;
use crate::message::header::Header;
use crate::message::request::{HTTP_11, IncomingBody};
use crate::runtime::{before_peer_wait, in_handler};
use crate::server::input::within_limit;
use crate::server::peer_timeouts::{timed_out, too_slow};
use crate::sync::MutexGuard;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many bytes that were read are given back before the reader waits for more.
const WINDOW_BATCH: usize = 32 * 1024;
/// A buffer that grew beyond this is let go once it is empty.
const KEEP_CAPACITY: usize = 16 * 1024;

pub(super) struct Http2RequestBody {
    pub(super) stream: SharedStream,
}

impl IncomingBody for Http2RequestBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut s = self.stream.state();
        if let Some(e) = &s.input.failed {
            return Err(e.clone());
        }
        if std::mem::take(&mut s.input.expect)
            && !s.output.head_queued
            && !s.input.ended
            && s.closed_error.is_none()
        {
            let mut head = Vec::new();
            status_line(&mut head, HTTP_11, 100);
            s.output.heads.push_back((100, head));
            self.stream.post_to_connection(&mut s);
        }
        let mut began = None;
        loop {
            if !s.input.data.is_empty() {
                let n = s.input.data.take(buf, KEEP_CAPACITY);
                s.input.consumed += n;
                s.input.rate_meter.moved(n);
                if s.input.consumed >= WINDOW_BATCH {
                    self.stream.post_to_connection(&mut s);
                }
                let input = &mut s.input;
                return within_limit(n, &mut input.limit, &mut input.failed);
            }
            if s.input.ended {
                return Ok(0);
            }
            if let Some(e) = s.closed_error.clone() {
                s.input.failed = Some(e.clone());
                return Err(e);
            }
            let Some((began, _)) = &began else {
                let waits = s.outbox.as_ref().map(|o| o.waits());
                drop(s);
                before_peer_wait();
                began = Some((Instant::now(), waits));
                s = self.stream.state();
                continue;
            };
            s = self.stream.wait_for_data(s, *began)?;
        }
    }

    fn take_trailer(&mut self) -> Option<Header> {
        self.stream.state().input.trailer.take()
    }

    fn set_limit(&mut self, bytes: u64) {
        self.stream.state().input.limit = bytes;
    }

    fn limit(&self) -> u64 {
        self.stream.state().input.limit
    }

    fn set_read_timeout(&mut self, limit: Option<Duration>) -> Result<()> {
        self.stream.state().input.deadline = limit.map(|d| Instant::now() + d);
        Ok(())
    }

    fn peer_disconnected(&self) -> bool {
        self.stream.state().closed_error.is_some()
    }

    fn on_disconnect(&self, callback: Box<dyn FnOnce() + Send>) -> Result<Box<dyn Any + Send + Sync>> {
        let watcher = &self.stream.core().disconnects;
        let id = self.stream.core().id();
        let watch = watcher.register(Box::new(move || in_handler(id, callback)))?;
        let mut s = self.stream.state();
        if s.closed_error.is_some() {
            watcher.fire(watch.token());
        } else {
            s.disconnect_watch = Some(watch.token());
        }
        Ok(Box::new(watch))
    }

    fn base_value(&self, key: &str) -> Option<&(dyn Any + Send + Sync)> {
        self.stream.core().base_value(key)
    }

    fn local_addr(&self) -> Option<Address> {
        self.stream.state().outbox.as_ref()?.local().cloned()
    }
}

impl ServerStream {
    /// wait_for_data waits until something has changed, no longer than the body's time, which began then.
    fn wait_for_data<'a>(
        self: &'a Arc<Self>,
        mut s: MutexGuard<'a, StreamState>,
        began: Instant,
    ) -> Result<MutexGuard<'a, StreamState>> {
        if s.input.consumed > 0 {
            self.post_to_connection(&mut s);
        }
        let progress = s.input.progress.map(|p| began + p);
        let until = [progress, s.input.deadline].into_iter().flatten().min();
        let before = Instant::now();
        let left = until.map(|at| at.saturating_duration_since(before));
        if left == Some(Duration::ZERO) {
            return Err(fail(&mut s, timed_out("read", Phase::Body)));
        }
        s.input.waits = true;
        let slice = s.input.rate_meter.slice(left);
        s = self.wait(s, slice);
        s.input.waits = false;
        let took = before.elapsed();
        s.waited += took;
        if s.input.rate_meter.waited(took) && self.core().is_low_on_handlers() {
            return Err(fail(&mut s, too_slow("read", Phase::Body)));
        }
        Ok(s)
    }
}

/// fail has all later reads of the body fail too.
fn fail(s: &mut StreamState, e: Error) -> Error {
    s.input.failed = Some(e.clone());
    e
}

/// The references of a turn to its stream: its own, its writer's and its body's.
pub(super) const REFERENCES: usize = 3;

/// is_unshared tells whether nobody but its turn refers to a stream.
pub(super) fn is_unshared(stream: &SharedStream) -> bool {
    Arc::strong_count(stream) == REFERENCES
}

//! A handler's time: what it writes is gathered, and if its time is up before it returns, another thread answers
//! in its place (Go's `TimeoutHandler`).
//!
//! The handler goes on, on its own thread and with its request and writer, and is told by its next write. Its
//! connection is its own until then and ends afterwards; the client knows that by the answer and does not wait
//! for it.

use super::{CompleteResponse, RequestInfo, ResponseStage, ResponseWriter};
use crate::error::{Error, Kind, Result};
use crate::h1::encode;
use crate::memory;
use crate::message::header::{Header, write_field};
use crate::message::request::{HTTP_10, HTTP_11};
use crate::message::sniff;
use crate::server::clock::append_date;
use crate::server::deadline_thread::DeadlineAction;
use crate::server::response_sink::ResponseSink;
use crate::server::wrapped_writer::{WrappedWriter, unsupported};
use crate::sync::{Mutex, MutexGuard};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

const TIMEOUT_STATUS: u16 = 503;
/// How long the answer waits for an output that the handler holds: 100 Continue is being sent.
const RETRY_AFTER: Duration = Duration::from_millis(5);

#[derive(Default)]
struct BufferedResponse {
    code: u16,
    body: Vec<u8>,
    /// The time was up, and the answer has been given.
    timed_out: bool,
    /// The handler has returned.
    done: bool,
}

struct TimeoutWriter {
    sink: ResponseSink,
    request_info: RequestInfo,
    /// What stands before the handler has set.
    header: Header,
    text: Arc<[u8]>,
    buffered: Mutex<BufferedResponse>,
}

impl TimeoutWriter {
    fn buffered(&self) -> MutexGuard<'_, BufferedResponse> {
        self.buffered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// check_deadline is the gathered answer while it may grow.
    fn check_deadline(&self) -> Result<MutexGuard<'_, BufferedResponse>> {
        let g = self.buffered();
        if g.timed_out { Err(Error::new(Kind::Timeout, "http: Handler timeout")) } else { Ok(g) }
    }

    /// response is the whole of it, and where its body begins.
    fn response(&self) -> (Vec<u8>, usize) {
        let mut out = Vec::with_capacity(512 + self.text.len());
        encode::status_line(
            &mut out,
            if self.request_info.version < HTTP_11 { HTTP_10 } else { HTTP_11 },
            TIMEOUT_STATUS,
        );
        let ours = [&b"connection"[..], b"content-length", b"transfer-encoding", b"trailer", b"date"];
        for (name, value) in
            self.header.iter().filter(|(n, _)| !ours.iter().any(|o| n.eq_ignore_ascii_case(o)))
        {
            write_field(&mut out, name, value);
        }
        out.extend_from_slice(b"Date: ");
        append_date(&mut out);
        out.extend_from_slice(b"\r\nContent-Length: ");
        encode::decimal(&mut out, self.text.len() as u64);
        out.extend_from_slice(b"\r\n");
        if !self.header.contains(b"content-type") {
            write_field(&mut out, b"Content-Type", sniff::detect(&self.text).to_bytes());
        }
        out.extend_from_slice(b"Connection: close\r\n\r\n");
        let head = out.len();
        if !self.request_info.head {
            out.extend_from_slice(&self.text);
        }
        (out, head)
    }
}

impl DeadlineAction for TimeoutWriter {
    fn on_deadline(&self) -> Option<Duration> {
        // Under this lock, which the handler's thread takes before it leaves: the wire is still the exchange's.
        let mut g = self.buffered();
        if g.done {
            return None;
        }
        let (answer, head) = self.response();
        let io = match &self.sink {
            ResponseSink::Http1(io) => io,
            ResponseSink::Http2(stream) => {
                g.timed_out = true;
                let (head, body) = answer.split_at_checked(head).unwrap_or_default();
                stream.respond(&CompleteResponse { status: TIMEOUT_STATUS, head, body, trailer: None }, true);
                return None;
            }
        };
        let Some(mut output) = io.try_output() else { return Some(RETRY_AFTER) };
        g.timed_out = true;
        io.response_begun.store(true, Ordering::Relaxed);
        output.buf.extend_from_slice(&answer);
        // What the socket does not take goes out when the handler has returned.
        let _ = output.send_some();
        None
    }
}

impl WrappedWriter for Arc<TimeoutWriter> {
    fn inner(&mut self) -> Option<&mut ResponseWriter> {
        None
    }

    fn write_header(&mut self, code: u16) -> Result<()> {
        if code < 200 {
            return Err(unsupported());
        }
        let mut g = self.check_deadline()?;
        if g.code != 0 {
            return Err(Error::new(Kind::State, "http: superfluous response.WriteHeader call"));
        }
        g.code = code;
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        let mut g = self.check_deadline()?;
        if g.code == 0 {
            g.code = 200;
        }
        memory::append(&mut g.body, data)
    }

    fn flush(&mut self) -> Result<()> {
        Err(unsupported())
    }

    fn overrides_write(&self) -> bool {
        true
    }
}

impl ResponseWriter {
    /// with_timeout runs `f` with a writer that gathers. If it takes longer than `limit`, the answer is 503 with
    /// `text`, at that time unless an answer has begun before `f`; what `f` has written is lost then.
    pub fn with_timeout(&mut self, limit: Duration, text: &Arc<[u8]>, f: impl FnOnce(&mut ResponseWriter)) {
        let started = Instant::now();
        let header = self.header().clone();
        let timed = Arc::new(TimeoutWriter {
            sink: self.sink.clone(),
            request_info: self.request_info,
            header,
            text: text.clone(),
            buffered: Mutex::default(),
        });
        let fresh = self.innermost().is_ok_and(|w| w.stage == ResponseStage::Fresh);
        let at = started.checked_add(limit).filter(|_| fresh);
        let deadline = at.and_then(|at| self.sink.core().deadlines.set(at, timed.clone()));
        let mut gathering = self.wrapped(Box::new(timed.clone()));
        f(&mut gathering);
        let gathered = {
            let mut g = timed.buffered();
            let gathered = std::mem::take(&mut *g);
            g.done = true;
            gathered
        };
        drop(deadline);
        if gathered.timed_out {
            return self.was_replaced(text.len());
        }
        if gathering.aborted {
            return self.abort();
        }
        // A failed write has broken the connection, which the server sees for itself.
        if started.elapsed() >= limit {
            let _ = self.write_header(TIMEOUT_STATUS).and_then(|()| self.write(text));
            return;
        }
        copy_fields(&gathering.header, self.header());
        copy_fields(&gathering.trailer, self.trailer());
        let code = if gathered.code == 0 { 200 } else { gathered.code };
        let _ = self.write_header(code);
        let _ = self.write(&gathered.body);
    }

    /// was_replaced: nothing is to be sent any more, and the connection ends.
    fn was_replaced(&mut self, len: usize) {
        (self.status, self.written) = (TIMEOUT_STATUS, len as u64);
        match self.wrapped.as_mut().and_then(|o| o.inner()) {
            Some(inner) => inner.was_replaced(len),
            None => self.stage = ResponseStage::Ended,
        }
    }
}

/// copy_fields replaces the fields whose names are in `from` by those there, as Go does.
fn copy_fields(from: &Header, to: &mut Header) {
    for (name, _) in from.iter() {
        to.del(name);
    }
    for (name, value) in from.iter() {
        to.add_unchecked(name, value);
    }
}

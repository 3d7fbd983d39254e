//! One request and the head of its answer on one connection; Go's `persistConn.roundTrip`.
//!
//! The common case is one `send` and one `recv`. While a body is being sent the socket is watched: a final
//! answer ends the wait for the rest, which the reads of the answer's body then pump.

use super::conn::{Deadline, IoError, PersistConn};
use super::pool::PoolCore;
use super::request_writer::RequestWriter;
use super::response::Response;
use super::response_head::into_response;
use super::settings::TransportSettings;
use super::trace::Tracer;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{self, HeadScan};
use crate::message::request::Request;
use crate::message::trace::TraceStep;
use crate::net::cancel::{CancelToken, Registration, canceled};
use crate::sys;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RoundTripCall is what an exchange needs to know of its request.
pub(super) struct RoundTripCall<'a> {
    pub(super) request: &'a Request,
    /// Where its connections are kept.
    pub(super) pool: &'a Arc<PoolCore>,
    pub(super) settings: Rc<TransportSettings>,
    pub(super) overall: Option<Instant>,
    pub(super) cancel: Option<&'a CancelToken>,
    pub(super) started: Instant,
}

/// Failure is an error and what it means for another try on another connection.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) retry: Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    No,
    /// The shared connection took no request any more.
    Unusable,
    /// The server has not looked at it, and said so.
    Refused,
    /// Nothing of the request left this machine.
    NothingSent,
    /// The connection ended before the first byte of an answer.
    NoAnswer,
}

pub(super) type ExchangeResult<T> = std::result::Result<T, Failure>;

pub(super) fn fatal(error: Error) -> Failure {
    Failure { error, retry: Retry::No }
}

/// Deadlines gives the deadline of a step, and the error that its passing means.
#[derive(Clone, Copy)]
pub(super) struct Deadlines {
    pub(super) overall: Option<Instant>,
}

impl Deadlines {
    /// deadline is the end of a wait that begins `now`.
    pub(super) fn deadline(&self, step: Option<Duration>, now: Instant) -> Deadline {
        match (self.overall, step) {
            (None, Some(step)) => Deadline::after(step, now),
            (Some(at), Some(step)) => Deadline::new(Some(at.min(now + step)), now),
            (at, None) => Deadline::new(at, now),
        }
    }

    pub(super) fn is_past(&self) -> bool {
        self.overall.is_some_and(|d| d <= Instant::now())
    }
}

pub(super) fn timeout(text: &str, phase: Phase) -> Error {
    Error::new(Kind::Timeout, text).with_phase(phase)
}

pub(crate) const AWAITING_HEADERS: &str =
    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";

/// run sends the request and reads the head of the final answer. The connection goes with the answer, or is
/// dropped with the failure. The connection was `asked` for then.
pub(super) fn run(
    conn: Box<PersistConn>,
    call: &RoundTripCall<'_>,
    writer: RequestWriter,
    tracer: Tracer,
    asked: Instant,
) -> ExchangeResult<Box<Response>> {
    let registered = match call.cancel.map(|t| t.register_socket(conn.fd())) {
        Some(None) => return Err(fatal(canceled())),
        Some(Some(r)) => Some(r),
        None => None,
    };
    let lifeline = match conn.pool().is_single() {
        true => conn.pool().closing.register_socket(conn.fd()),
        false => None,
    };
    // One that was there was had at once.
    let now = if conn.idle_for.is_some() { asked } else { Instant::now() };
    let mut exchange = Http1Exchange {
        registered: [registered, lifeline],
        conn,
        call,
        writer,
        deadlines: Deadlines { overall: call.overall },
        write_error: None,
        tracer,
        response: Response::empty(),
        connected: now,
        sent: now,
        first_byte: now,
        received_at: now,
    };
    let end = match exchange.head().and_then(|line| exchange.apply_head(line)) {
        Ok(end) => end,
        // Cancel wins: what a shut down socket said is of no interest.
        Err(_) if call.cancel.is_some_and(CancelToken::is_fired) => {
            return Err(fatal(canceled().with_phase(Phase::Head)));
        }
        Err(f) => return Err(f),
    };
    Ok(into_response(exchange, end))
}

pub(super) struct Http1Exchange<'a> {
    // Before `conn`: a descriptor leaves its token before it is closed. The second ends the exchange with a connection
    // that is closed by the program.
    pub(super) registered: [Option<Registration>; 2],
    pub(super) conn: Box<PersistConn>,
    pub(super) call: &'a RoundTripCall<'a>,
    pub(super) writer: RequestWriter,
    pub(super) deadlines: Deadlines,
    write_error: Option<Error>,
    pub(super) tracer: Tracer,
    /// The answer as far as it is known. It stays where it is: it is large.
    pub(super) response: Box<Response>,
    pub(super) connected: Instant,
    pub(super) sent: Instant,
    pub(super) first_byte: Instant,
    /// When the last of what is here came.
    pub(super) received_at: Instant,
}

impl Http1Exchange<'_> {
    /// head ends with the head of the final answer.
    fn head(&mut self) -> ExchangeResult<h1::StatusLine> {
        self.send()?;
        self.sent = Instant::now();
        let continue_until = self.sent + self.call.settings.expect_continue;
        let mut until = self.deadlines.deadline(self.head_limit(), self.sent);
        let mut scan = HeadScan::new();
        let mut budget = self.call.settings.max_head_bytes;
        let mut answered = false;
        loop {
            if let Some(len) = scan.find(self.conn.buffered()) {
                if len > budget {
                    return Err(fatal(self.too_large()));
                }
                budget -= len;
                let line = self.take_head(len).map_err(|e| fatal(self.wrap_broken(e)))?;
                if line.code / 100 != 1 || line.code == 101 {
                    return Ok(line);
                }
                if self.on_informational(line.code)? {
                    budget = self.call.settings.max_head_bytes;
                }
                scan.reset();
                continue;
            }
            if scan.take_first_line_end()
                && let Err(e) = h1::check_status_line(self.conn.buffered())
            {
                return Err(fatal(self.wrap_broken(e.with_phase(Phase::Head))));
            }
            if self.conn.buffered().len() >= budget {
                return Err(fatal(self.too_large()));
            }
            let got = if self.writer.is_done() || self.writer.is_stopped() {
                if answered {
                    until = Deadline::new(until.at, self.received_at);
                }
                self.conn.fill(until)
            } else {
                match self.step(continue_until) {
                    Ok(None) => {
                        // From the request's last byte on the answer's head has its own time.
                        self.sent = Instant::now();
                        until = self.deadlines.deadline(self.head_limit(), self.sent);
                        continue;
                    }
                    Ok(Some(n)) => Ok(n),
                    Err(f) => return Err(f),
                }
            };
            match got {
                Ok(n) if n > 0 => {
                    self.received_at = Instant::now();
                    if !std::mem::replace(&mut answered, true) {
                        self.first_byte = self.received_at;
                        self.tracer.report(|| TraceStep::FirstByte);
                    }
                }
                Ok(_) => return Err(self.ended(answered)),
                Err(IoError::Deadline) => return Err(fatal(self.head_timeout())),
                Err(stop) => return Err(self.reset(stop, answered)),
            }
        }
    }

    fn head_limit(&self) -> Option<Duration> {
        self.call.settings.head
    }

    fn head_timeout(&self) -> Error {
        match self.deadlines.is_past() {
            true => timeout(AWAITING_HEADERS, Phase::Head),
            false => timeout("net/http: timeout awaiting response headers", Phase::Head),
        }
    }

    /// step sends a piece of the request, or answers how many bytes of an early answer came.
    fn step(&mut self, continue_until: Instant) -> ExchangeResult<Option<usize>> {
        let mut until = self.deadlines.deadline(self.call.settings.progress, Instant::now()).at;
        if self.writer.awaits_continue {
            until = Some(until.map_or(continue_until, |u| u.min(continue_until)));
        }
        let sending = self.writer.wants_to_send();
        let events = sys::POLLIN | if sending { sys::POLLOUT } else { 0 };
        let ready = match self.conn.wait_io(events, until) {
            Ok(ready) => ready,
            Err(IoError::Deadline) if self.writer.awaits_continue && !self.deadlines.is_past() => {
                self.writer.awaits_continue = false;
                return Ok(None);
            }
            Err(IoError::Deadline) if self.deadlines.is_past() => {
                return Err(fatal(timeout(AWAITING_HEADERS, Phase::Write)));
            }
            Err(IoError::Deadline) => {
                return Err(fatal(timeout("net/http: timeout sending the request body", Phase::Write)));
            }
            Err(IoError::Os(e)) => return Err(fatal(Error::io(Kind::Io, "poll", &e))),
            Err(IoError::Failed(e)) => return Err(fatal(e)),
        };
        if ready & sys::POLLIN != 0 {
            match self.conn.fill_now() {
                Ok(Some(n)) => return Ok(Some(n)),
                Ok(None) => {}
                Err(IoError::Deadline) => {}
                Err(stop) => return Err(self.reset(stop, false)),
            }
        }
        if ready & sys::POLLOUT != 0 {
            self.writer.prepare().map_err(fatal)?;
            self.send()?;
        }
        Ok(None)
    }

    /// send sends what fits. A peer that stopped listening may have answered before: its answer is read, and
    /// the error kept for the case that there is none.
    fn send(&mut self) -> ExchangeResult<()> {
        match self.writer.send_some(&mut self.conn) {
            Ok(_) => {
                self.writer.probe_end().map_err(fatal)?;
                self.tracer.report_written(&self.writer, None);
                Ok(())
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(e) => {
                let error = self.conn.failure("write", &e).with_phase(Phase::Write);
                self.tracer.report_written(&self.writer, Some(&error));
                if self.writer.sent == 0 {
                    return Err(Failure { error: self.wrap_broken(error), retry: Retry::NothingSent });
                }
                self.writer.stop();
                self.write_error = Some(error);
                Ok(())
            }
        }
    }

    /// on_informational deals with an informational answer; `true`: a trace has seen it, and it counts against no limit, since
    /// the trace can end the exchange (Go's rule).
    fn on_informational(&mut self, code: u16) -> ExchangeResult<bool> {
        let header = std::mem::take(&mut self.response.header);
        if code == 100 {
            self.writer.awaits_continue = false;
            self.tracer.report(|| TraceStep::Continue);
        }
        let traced = self.tracer.is_on();
        self.tracer.report_checked(|| TraceStep::Informational { code, header }).map_err(fatal)?;
        Ok(traced)
    }

    /// take_head parses the head in front of the buffer.
    fn take_head(&mut self, len: usize) -> Result<h1::StatusLine> {
        let header = &mut self.response.header;
        let block = header.store_mut().block_mut();
        // A request that has left needs its head no more: the answer's takes its place.
        *block = self.writer.take_head();
        block.clear();
        block.extend_from_slice(self.conn.buffered().get(..len).unwrap_or_default());
        crate::log::head('<', block);
        self.conn.consume(len);
        let line = h1::parse_response(header, 0, len)?;
        let v = line.version;
        if v.major != 1 {
            // RFC 9110, 2.5: another major version is another syntax; what was parsed means nothing.
            let text = format!("malformed HTTP version \"HTTP/{}.{}\"", v.major, v.minor);
            return Err(Error::new(Kind::Protocol, text).with_phase(Phase::Head));
        }
        Ok(line)
    }

    fn too_large(&self) -> Error {
        let limit = self.call.settings.max_head_bytes;
        let text = format!("net/http: server response headers exceeded {limit} bytes; aborted");
        self.wrap_broken(Error::new(Kind::TooLarge, text).with_phase(Phase::Head))
    }

    /// wrap_broken decorates as Go does what ended a connection in the middle.
    pub(super) fn wrap_broken(&self, e: Error) -> Error {
        let text = format!("net/http: HTTP/1.x transport connection broken: {}", e.message());
        Error::new(e.kind(), text).with_cause(e)
    }

    fn ended(&mut self, answered: bool) -> Failure {
        if let Some(error) = self.write_error.take() {
            return Failure { error: self.wrap_broken(error), retry: Retry::NoAnswer };
        }
        if answered {
            // What cannot be the beginning of an answer was none: another protocol, as a rule.
            let e = match h1::not_a_response(self.conn.buffered()) {
                Some(e) => e,
                None => Error::new(Kind::UnexpectedEof, "unexpected EOF"),
            };
            return fatal(self.wrap_broken(e.with_phase(Phase::Head)));
        }
        Failure {
            error: Error::new(Kind::UnexpectedEof, "EOF").with_phase(Phase::Head),
            retry: Retry::NoAnswer,
        }
    }

    fn reset(&mut self, stop: IoError, answered: bool) -> Failure {
        let error = match stop {
            // An alert says more than the writes that failed for it.
            IoError::Failed(e) => e.with_phase(Phase::Head),
            IoError::Deadline => self.head_timeout(),
            IoError::Os(e) => {
                let error = self.conn.failure("read", &e).with_phase(Phase::Head);
                self.write_error.take().unwrap_or(error)
            }
        };
        Failure { error, retry: if answered { Retry::No } else { Retry::NoAnswer } }
    }
}

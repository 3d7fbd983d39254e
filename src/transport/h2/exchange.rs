//! One request and the head of its answer on one stream; Go's `clientStream.doRequest` and `handleResponseHeaders`.

use super::body::Http2Body;
use super::client_stream::{ClientStream, WaitResult};
use super::conn::{Http2State, StreamReservation};
use super::errors::unusable;
use super::fields::http2_fields;
use super::leader::{Wait, WaitError};
use super::receive::DirectRead;
use super::recv_stream::RecvStream;
use crate::error::{Error, Kind, Phase};
use crate::h1::StatusLine;
use crate::h2::{ByteQueue, Head, RequestHead, SendError};
use crate::message::header::Header;
use crate::message::request::HTTP_20;
use crate::message::trace::TraceStep;
use crate::transport::buffered_body::BufferedBody;
use crate::transport::exchange::{
    AWAITING_HEADERS, Deadlines, ExchangeResult, Failure, Retry, RoundTripCall, fatal, timeout,
};
use crate::transport::head;
use crate::transport::request_writer::RequestWriter;
use crate::transport::response::{Response, ResponseBody};
use crate::transport::timing::Timing;
use crate::transport::trace::Tracer;
use std::time::Instant;

/// ExchangeEvent is what an exchange hears of before its answer's body.
enum ExchangeEvent {
    Informational(u16, Header),
    Continue,
    Head(FinalResponse),
    Failed(Failure),
}

/// TimedEvent is what came, and when the first byte of an answer had.
type TimedEvent = (Option<Instant>, ExchangeEvent);

struct Http2Exchange<'a> {
    stream: ClientStream,
    call: &'a RoundTripCall<'a>,
    timing: Timing,
    responded: bool,
    /// What the body waits for its go-ahead.
    continue_until: Instant,
}

/// run sends the request and waits for the head of the final answer. The upload's head is that of HTTP/1, whose fields go
/// out.
pub(in crate::transport) fn run(
    lease: StreamReservation,
    call: &RoundTripCall<'_>,
    writer: RequestWriter,
    tracer: Tracer,
    asked: Instant,
) -> ExchangeResult<Box<Response>> {
    let conn = lease.conn.clone();
    // One that was there was had at once.
    let now = if lease.reused { asked } else { Instant::now() };
    let dial = if lease.reused { None } else { conn.lock().times.take() };
    let timing =
        Timing { started: call.started, connected: now, sent: now, first_byte: now, ended: None, dial };
    let deadlines = Deadlines { overall: call.overall };
    let (head, writer) = writer.into_body_only();
    crate::log::head('>', &head);
    let client_stream = ClientStream::new(
        conn,
        writer,
        &call.request.trailer,
        call.cancel,
        deadlines,
        call.settings.progress,
        tracer,
    );
    let mut exchange =
        Http2Exchange { stream: client_stream, call, timing, responded: false, continue_until: now };
    let done = exchange.open(lease, &head, asked).and_then(|first| exchange.await_response(first));
    match done {
        Err(_) if call.cancel.is_some_and(|t| t.is_fired()) => Err(fatal(canceled_in_head())),
        Ok(came) => Ok(exchange.respond(came)),
        Err(f) => Err(f),
    }
}

fn canceled_in_head() -> Error {
    crate::net::cancel::canceled().with_phase(Phase::Head)
}

/// FinalResponse is the final answer's head.
#[derive(Default)]
pub(super) struct FinalResponse {
    first: Option<Instant>,
    header: Header,
    code: u16,
    length: Option<u64>,
    /// There is no body, as the head said.
    no_body: bool,
    /// All the rest, if that is here.
    rest: Option<(ByteQueue, Option<Header>)>,
}

impl Http2Exchange<'_> {
    /// open waits for a stream, and sends the head and what goes with it. If that is all of the request, the wait goes on to
    /// the answer, so that the connection is locked once.
    fn open(
        &mut self,
        mut lease: StreamReservation,
        head: &[u8],
        asked: Instant,
    ) -> ExchangeResult<Option<Result<WaitResult<TimedEvent>, WaitError>>> {
        let (r, client_stream) = (self.call.request, &mut self.stream);
        let Some(target) = r.endpoint.as_deref() else { return Err(unusable()) };
        let method = head::method_of(r);
        let fields = || http2_fields(head);
        let host = fields().next().map_or(&target.authority[..], |(_, value)| value);
        let connect = method == b"CONNECT";
        let line = RequestHead {
            method,
            scheme: if connect { b"" } else { target.origin.scheme.as_bytes() },
            authority: host,
            path: if connect { b"" } else { head::path_of(target).map_err(fatal)? },
            protocol: b"",
        };
        let last = requests_close(self.call);
        let reused = lease.reused;
        let traced = client_stream.tracer.is_on();
        let cancel = client_stream.cancel.clone();
        let (until, cancel) = (self.call.overall, cancel.as_ref());
        let wait = Wait { stream: 0, until, cancel, waits_again: true, delivered: None, has_output: false };
        let (mut fresh, mut sent) = (false, asked);
        let opened = lease.conn.wait_for(wait, &mut DirectRead::none(), |state, _, wait| {
            if client_stream.id != 0 {
                return take(state, client_stream.id).map(|taken| Ok(Some(WaitResult::Got(taken))));
            }
            if !std::mem::replace(&mut fresh, true) {
                state.receive_pending();
            }
            if state.error.is_some() || state.quota.is_closed() {
                return Some(Err(unusable()));
            }
            if !state.engine.can_open()
                || state.engine.open_streams() + state.unconfirmed >= state.quota.limit()
            {
                return None;
            }
            let bare = client_stream.writer.is_done() && client_stream.trailer.is_empty();
            let id = match state.engine.request(&line, fields(), bare) {
                Ok(id) => id,
                Err(SendError::TooLarge) => {
                    let text = "http2: request header list larger than peer's advertised limit";
                    return Some(Err(fatal(Error::new(Kind::TooLarge, text).with_phase(Phase::Write))));
                }
                Err(_) => return Some(Err(unusable())),
            };
            state.streams.insert(id, RecvStream { traced, holds_quota: true, ..RecvStream::default() });
            state.expected = state.expected.saturating_sub(1);
            if reused && state.is_silent(&lease.conn.options) {
                state.send_ping(Instant::now());
            }
            client_stream.id = id;
            client_stream.start(state);
            if last {
                state.stop_accepting();
            }
            sent = Instant::now();
            if traced || !client_stream.sent {
                return Some(Ok(None));
            }
            (wait.stream, wait.until) =
                (id, client_stream.deadlines.deadline(self.call.settings.head, sent).at);
            (wait.waits_again, wait.has_output) = (false, true);
            wait.delivered = Some(|answer| Ok(Some(final_event(answer))));
            None
        });
        if self.stream.id != 0 {
            lease.keep();
        }
        self.timing.sent = sent;
        match opened {
            Ok(Ok(None)) => {}
            Ok(first) => return first.map(|turn| turn.map(Ok)),
            Err(halt) if self.stream.id != 0 => return Ok(Some(Err(halt))),
            Err(halt) => {
                let late = || timeout(AWAITING_HEADERS, Phase::Pool);
                return Err(fatal(ClientStream::wait_error(halt, late)));
            }
        }
        self.continue_until = self.timing.sent + self.call.settings.expect_continue;
        if self.stream.tracer.is_on() {
            let pseudo: [(&[u8], &[u8]); 4] = [
                (b":authority", line.authority),
                (b":method", line.method),
                (b":path", line.path),
                (b":scheme", line.scheme),
            ];
            let own = pseudo.into_iter().filter(|(_, value)| !value.is_empty());
            self.stream.tracer.report_fields(own.chain(fields().skip(1)));
        }
        self.stream.tracer.report_written(&self.stream.writer, None);
        Ok(None)
    }

    /// await_response waits for the head of the final answer, and sends the body meanwhile. The first step may have been done.
    fn await_response(
        &mut self,
        mut first: Option<Result<WaitResult<TimedEvent>, WaitError>>,
    ) -> ExchangeResult<FinalResponse> {
        loop {
            let deadlines = self.stream.deadlines;
            let sending = self.stream.is_sending();
            let until = match sending {
                true => deadlines.deadline(self.call.settings.progress, Instant::now()).at,
                false => deadlines.deadline(self.call.settings.head, self.timing.sent).at,
            };
            let held = sending && self.stream.writer.awaits_continue;
            let until = if held {
                Some(until.map_or(self.continue_until, |u| u.min(self.continue_until)))
            } else {
                until
            };
            let id = self.stream.id;
            let turn = match first.take() {
                Some(first) => first,
                None => self
                    .stream
                    .step(until, &mut DirectRead::none(), Some(final_event), |state, _| take(state, id)),
            };
            if let Ok(WaitResult::Got((Some(first), _))) = turn
                && !std::mem::replace(&mut self.responded, true)
            {
                self.timing.first_byte = first;
                self.stream.tracer.report(|| TraceStep::FirstByte);
            }
            match turn {
                Ok(WaitResult::Got((_, ExchangeEvent::Head(answer)))) => return Ok(answer),
                Ok(WaitResult::Got((_, ExchangeEvent::Failed(f)))) => return Err(self.failed(f)),
                Ok(WaitResult::Got((_, ExchangeEvent::Continue))) => {
                    self.stream.writer.awaits_continue = false
                }
                Ok(WaitResult::Got((_, ExchangeEvent::Informational(code, header)))) => {
                    if code == 100 {
                        self.stream.writer.awaits_continue = false;
                        self.stream.tracer.report(|| TraceStep::Continue);
                    }
                    self.stream
                        .tracer
                        .report_checked(|| TraceStep::Informational { code, header })
                        .map_err(fatal)?;
                }
                Ok(WaitResult::Sent) => {
                    // From the request's last byte on the answer's head has its own time.
                    self.timing.sent = Instant::now();
                    self.stream.tracer.report_written(&self.stream.writer, None);
                }
                Ok(WaitResult::Piece) => self.stream.next_piece().map_err(|e| {
                    self.stream.tracer.report_written(&self.stream.writer, Some(&e));
                    fatal(e)
                })?,
                Err(WaitError::Deadline) if held && !deadlines.is_past() => {
                    self.stream.writer.awaits_continue = false
                }
                Err(halt) => {
                    let late = || match (deadlines.is_past(), sending) {
                        (true, _) => timeout(AWAITING_HEADERS, Phase::Head),
                        (false, true) => timeout("net/http: timeout sending the request body", Phase::Write),
                        (false, false) => timeout("net/http: timeout awaiting response headers", Phase::Head),
                    };
                    return Err(fatal(ClientStream::wait_error(halt, late)));
                }
            }
        }
    }

    fn failed(&mut self, f: Failure) -> Failure {
        self.stream.tracer.report_written(&self.stream.writer, Some(&f.error));
        Failure { error: f.error.with_phase(Phase::Head), retry: f.retry }
    }

    /// respond makes the response; the stream goes with its body, if it is not over.
    fn respond(self, answer: FinalResponse) -> Box<Response> {
        let Http2Exchange { stream: mut client_stream, call, timing, .. } = self;
        let is_head = head::method_of(call.request) == b"HEAD";
        let FinalResponse { mut header, code, length, no_body: bare, rest, .. } = answer;
        let line = StatusLine::from_code(&mut header, HTTP_20, code);
        log(&header, &line);
        let announced = header.get(b"Trailer").map(<[u8]>::to_vec);
        if announced.is_some() {
            header.del(b"Trailer");
        }
        let content_length = match length {
            Some(n) => i64::try_from(n).unwrap_or(i64::MAX),
            None if bare && !is_head => 0,
            None => -1,
        };
        if code > 299 || client_stream.writer.awaits_continue {
            // Go's rule: the server does not care for the rest of the request.
            client_stream.writer.stop();
        }
        let (remote, local, tls) =
            (client_stream.conn.remote, client_stream.conn.local, client_stream.conn.info.clone());
        let stream = client_stream.id;
        let bodyless = is_head || matches!(code, 204 | 304);
        let body = match rest {
            Some((inbox, trailer)) => {
                client_stream.id = 0;
                ResponseBody::Buffered(BufferedBody::new(inbox, trailer))
            }
            None => ResponseBody::Other(Box::new(Http2Body::new(client_stream, bodyless))),
        };
        let mut r = Response::empty();
        (r.header, r.line, r.content_length, r.announced) = (header, line, content_length, announced);
        (r.remote, r.local, r.tls, r.stream) = (remote, local, tls, stream);
        (r.timing, r.body) = (Some(timing), body);
        r
    }
}

fn requests_close(call: &RoundTripCall<'_>) -> bool {
    let r = call.request;
    r.close || !call.settings.keep_alives || r.header.has_token(b"Connection", b"close")
}

fn final_event(answer: FinalResponse) -> WaitResult<TimedEvent> {
    WaitResult::Got((answer.first, ExchangeEvent::Head(answer)))
}

/// take hears what there is before the answer's body.
fn take(state: &mut Http2State, id: u32) -> Option<TimedEvent> {
    let slot = state.streams.get_mut(id)?;
    let first = slot.first;
    if let Some((code, header)) = slot.informational.pop_front() {
        slot.got_continue = false;
        if slot.informational.is_empty() {
            // What was told counts no more: the trace can end the exchange (Go's rule).
            slot.informational_bytes = 0;
        }
        return Some((first, ExchangeEvent::Informational(code, header)));
    }
    if std::mem::take(&mut slot.got_continue) && !slot.traced {
        return Some((first, ExchangeEvent::Continue));
    }
    if let Some(head) = slot.head.take() {
        return Some((first, ExchangeEvent::Head(state.final_response(id, head))));
    }
    let f = slot.failed.take()?;
    slot.failed = Some(Failure { error: f.error.clone(), retry: Retry::No });
    Some((first, ExchangeEvent::Failed(f)))
}

impl Http2State {
    /// final_response is what a final head becomes, with all behind it if that is here: the rest needs the connection no more.
    fn final_response(&mut self, id: u32, mut head: Box<Head>) -> FinalResponse {
        let mut answer = FinalResponse {
            header: std::mem::take(&mut head.header),
            code: head.status,
            length: head.content_length,
            ..FinalResponse::default()
        };
        self.engine.recycle(head);
        if let Some(slot) = self.streams.get_mut(id) {
            answer.first = slot.first;
            answer.no_body = slot.no_body;
            if slot.ended && slot.sent {
                let (inbox, trailer) = (std::mem::take(&mut slot.inbox), slot.trailer.take());
                self.engine.release(id, inbox.len());
                // It came to its end with what was read last, or before.
                self.leave(id, self.last_used.max(self.last_read));
                answer.rest = Some((inbox, trailer));
            }
        }
        answer
    }

    /// notify_caller tells the caller of a stream what came. A whole answer is brought to one that sleeps until it has one, and then
    /// need not look for it here.
    pub(super) fn notify_caller(&mut self, id: u32) {
        let Some(slot) = self.streams.get_mut(id) else { return };
        slot.notify_pending = false;
        let Some(p) = slot.sleeper.take() else { return };
        if slot.awaits_response
            && slot.ended
            && slot.sent
            && !slot.got_continue
            && slot.informational.is_empty()
            && let Some(head) = slot.head.take()
        {
            p.deliver(self.final_response(id, head));
        }
        self.wake(p);
    }
}

fn log(header: &Header, line: &StatusLine) {
    if crate::log::enabled(crate::log::Level::Debug) {
        let mut text = [b"HTTP/2.0 ", header.store().get(line.status), b"\r\n"].concat();
        header.write_to(&mut text);
        crate::log::head('<', &text);
    }
}

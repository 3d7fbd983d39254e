//! One request and the head of its answer on one stream; Go's `clientStream.doRequest` and `handleResponseHeaders`.

use super::body::Body;
use super::conn::{Lease, State};
use super::drive::{Halt, Wait};
use super::errors::unusable;
use super::fields::flow_fields;
use super::flow::{Flow, Turn};
use super::receive::Direct;
use super::slot::Slot;
use crate::error::{Error, Kind, Phase};
use crate::h1::StatusLine;
use crate::h2::{ByteQueue, Head, RequestHead, SendError};
use crate::message::header::Header;
use crate::message::request::HTTP_20;
use crate::message::trace::TraceStep;
use crate::transport::exchange::{AWAITING_HEADERS, Call, Clock, Failure, Outcome, Retry, fatal, timeout};
use crate::transport::head;
use crate::transport::response::{Response, ResponseBody};
use crate::transport::tell::Teller;
use crate::transport::timing::Timing;
use crate::transport::upload::Upload;
use crate::transport::whole::Whole;
use std::time::Instant;

/// Came is what an exchange hears of before its answer's body.
enum Came {
    Informed(u16, Header),
    GoAhead,
    Head(Answer),
    Failed(Failure),
}

/// Taken is what came, and when the first byte of an answer had.
type Taken = (Option<Instant>, Came);

struct Exchange<'a> {
    flow: Flow,
    call: &'a Call<'a>,
    timing: Timing,
    answered: bool,
    /// What the body waits for its go-ahead.
    continue_until: Instant,
}

/// run sends the request and waits for the head of the final answer. The upload's head is that of HTTP/1, whose fields go
/// out.
pub(in crate::transport) fn run(
    lease: Lease,
    call: &Call<'_>,
    upload: Upload,
    teller: Teller,
    asked: Instant,
) -> Outcome<Box<Response>> {
    let conn = lease.conn.clone();
    // One that was there was had at once.
    let now = if lease.reused { asked } else { Instant::now() };
    let dial = if lease.reused { None } else { conn.lock().times.take() };
    let timing =
        Timing { started: call.started, connected: now, sent: now, first_byte: now, ended: None, dial };
    let clock = Clock { overall: call.overall };
    let (head, upload) = upload.bare();
    crate::log::head('>', &head);
    let flow =
        Flow::new(conn, upload, &call.request.trailer, call.cancel, clock, call.settings.progress, teller);
    let mut exchange = Exchange { flow, call, timing, answered: false, continue_until: now };
    let done = exchange.open(lease, &head, asked).and_then(|first| exchange.answer(first));
    match done {
        Err(_) if call.cancel.is_some_and(|t| t.is_fired()) => Err(fatal(canceled_in_head())),
        Ok(came) => Ok(exchange.respond(came)),
        Err(f) => Err(f),
    }
}

fn canceled_in_head() -> Error {
    crate::net::cancel::canceled().with_phase(Phase::Head)
}

/// Answer is the final answer's head.
#[derive(Default)]
pub(super) struct Answer {
    first: Option<Instant>,
    header: Header,
    code: u16,
    length: Option<u64>,
    /// There is no body, as the head said.
    bare: bool,
    /// All the rest, if that is here.
    rest: Option<(ByteQueue, Option<Header>)>,
}

impl Exchange<'_> {
    /// open waits for a stream, and sends the head and what goes with it. If that is all of the request, the wait goes on to
    /// the answer, so that the connection is locked once.
    fn open(
        &mut self,
        mut lease: Lease,
        head: &[u8],
        asked: Instant,
    ) -> Outcome<Option<Result<Turn<Taken>, Halt>>> {
        let (r, flow) = (self.call.request, &mut self.flow);
        let Some(target) = r.endpoint.as_deref() else { return Err(unusable()) };
        let method = head::method_of(r);
        let fields = || flow_fields(head);
        let host = fields().next().map_or(&target.authority[..], |(_, value)| value);
        let connect = method == b"CONNECT";
        let line = RequestHead {
            method,
            scheme: if connect { b"" } else { target.origin.scheme.as_bytes() },
            authority: host,
            path: if connect { b"" } else { head::path_of(target).map_err(fatal)? },
            protocol: b"",
        };
        let last = asks_to_close(self.call);
        let reused = lease.reused;
        let traced = flow.teller.is_on();
        let cancel = flow.cancel.clone();
        let (until, cancel) = (self.call.overall, cancel.as_ref());
        let wait = Wait { stream: 0, until, cancel, stays: true, brought: None, put: false };
        let (mut fresh, mut sent) = (false, asked);
        let opened = lease.conn.until(wait, &mut Direct::none(), |state, _, wait| {
            if flow.id != 0 {
                return take(state, flow.id).map(|taken| Ok(Some(Turn::Got(taken))));
            }
            if !std::mem::replace(&mut fresh, true) {
                state.freshen();
            }
            if state.error.is_some() || state.gate.is_shut() {
                return Some(Err(unusable()));
            }
            if !state.engine.can_open() || state.engine.open_streams() + state.unproven >= state.gate.limit()
            {
                return None;
            }
            let bare = flow.upload.is_done() && flow.trailer.is_empty();
            let id = match state.engine.request(&line, fields(), bare) {
                Ok(id) => id,
                Err(SendError::TooLarge) => {
                    let text = "http2: request header list larger than peer's advertised limit";
                    return Some(Err(fatal(Error::new(Kind::TooLarge, text).with_phase(Phase::Write))));
                }
                Err(_) => return Some(Err(unusable())),
            };
            state.slots.insert(id, Slot { traced, counts: true, ..Slot::default() });
            state.expected = state.expected.saturating_sub(1);
            if reused && state.is_silent(&lease.conn.options) {
                state.ask(Instant::now());
            }
            flow.id = id;
            flow.start(state);
            if last {
                state.shut();
            }
            sent = Instant::now();
            if traced || !flow.sent {
                return Some(Ok(None));
            }
            (wait.stream, wait.until) = (id, flow.clock.until(self.call.settings.head, sent).at);
            (wait.stays, wait.put) = (false, true);
            wait.brought = Some(|answer| Ok(Some(got(answer))));
            None
        });
        if self.flow.id != 0 {
            lease.keep();
        }
        self.timing.sent = sent;
        match opened {
            Ok(Ok(None)) => {}
            Ok(first) => return first.map(|turn| turn.map(Ok)),
            Err(halt) if self.flow.id != 0 => return Ok(Some(Err(halt))),
            Err(halt) => {
                let late = || timeout(AWAITING_HEADERS, Phase::Pool);
                return Err(fatal(Flow::halted(halt, late)));
            }
        }
        self.continue_until = self.timing.sent + self.call.settings.expect_continue;
        if self.flow.teller.is_on() {
            let pseudo: [(&[u8], &[u8]); 4] = [
                (b":authority", line.authority),
                (b":method", line.method),
                (b":path", line.path),
                (b":scheme", line.scheme),
            ];
            let own = pseudo.into_iter().filter(|(_, value)| !value.is_empty());
            self.flow.teller.fields(own.chain(fields().skip(1)));
        }
        self.flow.teller.wrote(&self.flow.upload, None);
        Ok(None)
    }

    /// answer waits for the head of the final answer, and sends the body meanwhile. The first step may have been done.
    fn answer(&mut self, mut first: Option<Result<Turn<Taken>, Halt>>) -> Outcome<Answer> {
        loop {
            let clock = self.flow.clock;
            let sending = self.flow.is_sending();
            let until = match sending {
                true => clock.until(self.call.settings.progress, Instant::now()).at,
                false => clock.until(self.call.settings.head, self.timing.sent).at,
            };
            let held = sending && self.flow.upload.held;
            let until = if held {
                Some(until.map_or(self.continue_until, |u| u.min(self.continue_until)))
            } else {
                until
            };
            let id = self.flow.id;
            let turn = match first.take() {
                Some(first) => first,
                None => self.flow.step(until, &mut Direct::none(), Some(got), |state, _| take(state, id)),
            };
            if let Ok(Turn::Got((Some(first), _))) = turn
                && !std::mem::replace(&mut self.answered, true)
            {
                self.timing.first_byte = first;
                self.flow.teller.tell(|| TraceStep::FirstByte);
            }
            match turn {
                Ok(Turn::Got((_, Came::Head(answer)))) => return Ok(answer),
                Ok(Turn::Got((_, Came::Failed(f)))) => return Err(self.failed(f)),
                Ok(Turn::Got((_, Came::GoAhead))) => self.flow.upload.held = false,
                Ok(Turn::Got((_, Came::Informed(code, header)))) => {
                    if code == 100 {
                        self.flow.upload.held = false;
                        self.flow.teller.tell(|| TraceStep::Continue);
                    }
                    self.flow.teller.ask(|| TraceStep::Informational { code, header }).map_err(fatal)?;
                }
                Ok(Turn::Sent) => {
                    // From the request's last byte on the answer's head has its own time.
                    self.timing.sent = Instant::now();
                    self.flow.teller.wrote(&self.flow.upload, None);
                }
                Ok(Turn::Piece) => self.flow.piece().map_err(|e| {
                    self.flow.teller.wrote(&self.flow.upload, Some(&e));
                    fatal(e)
                })?,
                Err(Halt::Deadline) if held && !clock.passed() => self.flow.upload.held = false,
                Err(halt) => {
                    let late = || match (clock.passed(), sending) {
                        (true, _) => timeout(AWAITING_HEADERS, Phase::Head),
                        (false, true) => timeout("net/http: timeout sending the request body", Phase::Write),
                        (false, false) => timeout("net/http: timeout awaiting response headers", Phase::Head),
                    };
                    return Err(fatal(Flow::halted(halt, late)));
                }
            }
        }
    }

    fn failed(&mut self, f: Failure) -> Failure {
        self.flow.teller.wrote(&self.flow.upload, Some(&f.error));
        Failure { error: f.error.with_phase(Phase::Head), retry: f.retry }
    }

    /// respond makes the response; the stream goes with its body, if it is not over.
    fn respond(self, answer: Answer) -> Box<Response> {
        let Exchange { mut flow, call, timing, .. } = self;
        let is_head = head::method_of(call.request) == b"HEAD";
        let Answer { mut header, code, length, bare, rest, .. } = answer;
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
        if code > 299 || flow.upload.held {
            // Go's rule: the server does not care for the rest of the request.
            flow.upload.stop();
        }
        let (remote, local, tls) = (flow.conn.remote, flow.conn.local, flow.conn.info.clone());
        let stream = flow.id;
        let bodyless = is_head || matches!(code, 204 | 304);
        let body = match rest {
            Some((inbox, trailer)) => {
                flow.id = 0;
                ResponseBody::Whole(Whole::new(inbox, trailer))
            }
            None => ResponseBody::Other(Box::new(Body::new(flow, bodyless))),
        };
        let mut r = Response::blank();
        (r.header, r.line, r.content_length, r.announced) = (header, line, content_length, announced);
        (r.remote, r.local, r.tls, r.stream) = (remote, local, tls, stream);
        (r.timing, r.body) = (Some(timing), body);
        r
    }
}

fn asks_to_close(call: &Call<'_>) -> bool {
    let r = call.request;
    r.close || !call.settings.keep_alives || r.header.has_token(b"Connection", b"close")
}

fn got(answer: Answer) -> Turn<Taken> {
    Turn::Got((answer.first, Came::Head(answer)))
}

/// take hears what there is before the answer's body.
fn take(state: &mut State, id: u32) -> Option<Taken> {
    let slot = state.slots.get_mut(id)?;
    let first = slot.first;
    if let Some((code, header)) = slot.informed.pop_front() {
        slot.go_ahead = false;
        if slot.informed.is_empty() {
            // What was told counts no more: the trace can end the exchange (Go's rule).
            slot.informed_bytes = 0;
        }
        return Some((first, Came::Informed(code, header)));
    }
    if std::mem::take(&mut slot.go_ahead) && !slot.traced {
        return Some((first, Came::GoAhead));
    }
    if let Some(head) = slot.head.take() {
        return Some((first, Came::Head(state.answer(id, head))));
    }
    let f = slot.failed.take()?;
    slot.failed = Some(Failure { error: f.error.clone(), retry: Retry::No });
    Some((first, Came::Failed(f)))
}

impl State {
    /// answer is what a final head becomes, with all behind it if that is here: the rest needs the connection no more.
    fn answer(&mut self, id: u32, mut head: Box<Head>) -> Answer {
        let mut answer = Answer {
            header: std::mem::take(&mut head.header),
            code: head.status,
            length: head.content_length,
            ..Answer::default()
        };
        self.engine.recycle(head);
        if let Some(slot) = self.slots.get_mut(id) {
            answer.first = slot.first;
            answer.bare = slot.bare;
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

    /// tell tells the caller of a stream what came. A whole answer is brought to one that sleeps until it has one, and then
    /// need not look for it here.
    pub(super) fn tell(&mut self, id: u32) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.stirred = false;
        let Some(p) = slot.sleeper.take() else { return };
        if slot.awaits
            && slot.ended
            && slot.sent
            && !slot.go_ahead
            && slot.informed.is_empty()
            && let Some(head) = slot.head.take()
        {
            p.bring(self.answer(id, head));
        }
        self.call(p);
    }
}

fn log(header: &Header, line: &StatusLine) {
    if crate::log::enabled(crate::log::Level::Debug) {
        let mut text = [b"HTTP/2.0 ", header.store().get(line.status), b"\r\n"].concat();
        header.write_to(&mut text);
        crate::log::head('<', &text);
    }
}

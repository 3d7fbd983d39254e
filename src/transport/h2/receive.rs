//! What comes: bytes from the socket to the engine, its events to the streams they belong to.

use super::conn::Http2State;
use super::errors::{GoAway, stream_error};
use super::recv_stream::RecvStream;
use crate::error::{Error, Http2, Kind, Phase};
use crate::h2::{ErrorCode, Event, Fault, Head, StreamMap};
use crate::transport::conn::IoError;
use crate::transport::exchange::{Failure, Retry};
use std::time::Instant;

/// ROUNDS bounds how much is received at one go, so that what came is told to those who wait for it.
const ROUNDS: usize = 4;
/// BULK is the room for received data while much comes: four records of TLS.
const BULK: usize = 80 * 1024;
/// A field's overhead, as RFC 9113, 6.5.2 counts it.
const OVERHEAD: usize = 32;

/// DirectRead is where the leader's own data goes at once, without a stop in the stream's inbox.
pub(super) struct DirectRead<'a> {
    stream: u32,
    to: &'a mut [u8],
    pub(super) filled: usize,
}

impl<'a> DirectRead<'a> {
    pub(super) fn new(stream: u32, to: &'a mut [u8]) -> DirectRead<'a> {
        DirectRead { stream, to, filled: 0 }
    }

    pub(super) fn none() -> DirectRead<'static> {
        DirectRead { stream: 0, to: &mut [], filled: 0 }
    }

    /// room is what of the buffer has nothing in it yet.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.to.get_mut(self.filled..).unwrap_or_default()
    }
}

impl Http2State {
    /// receive takes in what is there; it does not wait.
    pub(super) fn receive(&mut self, direct: &mut DirectRead<'_>) {
        for _ in 0..ROUNDS {
            let Some(mut conn) = self.conn.take() else { return };
            let got = conn.fill_now();
            let mut events = std::mem::take(&mut self.events);
            match &got {
                Ok(Some(0)) => self.engine.eof(&mut events),
                Ok(Some(n)) => {
                    self.last_read = Instant::now();
                    self.confirmed = self.engine.last_opened();
                    let input = conn.buffered();
                    self.engine.recv(input, &mut events);
                    for event in events.drain(..) {
                        self.dispatch(event, input, direct);
                    }
                    conn.consume_all();
                    if *n >= conn.room() {
                        conn.widen(BULK);
                    }
                }
                Ok(None) | Err(_) => {}
            }
            let (holds, eof) = (conn.has_buffered(), matches!(got, Ok(Some(0))));
            let read_failure = match got {
                Ok(Some(0)) => Some(Error::new(Kind::UnexpectedEof, "unexpected EOF")),
                Err(IoError::Failed(e)) => Some(e),
                Err(IoError::Os(e)) => Some(conn.failure("read", &e)),
                Err(IoError::Deadline) | Ok(_) => None,
            };
            events.clear();
            self.events = events;
            self.conn = Some(conn);
            let mut stirred = std::mem::take(&mut self.to_notify);
            stirred.drain(..).for_each(|id| self.notify_caller(id));
            self.to_notify = stirred;
            if let Some(e) = self.protocol_error.take() {
                self.fail_all(e);
            }
            if let Some(e) = read_failure {
                // A GOAWAY says more than the end behind it, and a failed write more than none.
                let farewell = self.goaway.as_ref().map(GoAway::closed);
                let error = farewell.or_else(|| self.write_error.take()).unwrap_or(e);
                self.count(if eof { "read_frame_eof" } else { "read_frame_other" });
                self.fail_all(error);
            }
            if !holds {
                return;
            }
        }
    }

    /// count has a mishap told by its name, if anybody counts them.
    pub(super) fn count(&mut self, name: impl Into<String>) {
        self.deferred.counts.push(name.into());
    }

    fn dispatch(&mut self, event: Event, input: &[u8], direct: &mut DirectRead<'_>) {
        match event {
            Event::Settings => {
                self.deferred.widened |= self.quota.set_limit(self.engine.peer().max_streams);
                self.wake_stream_waiters();
            }
            Event::Headers { id, head, end } => self.on_response(id, head, end),
            Event::Data { id, range, end } => {
                let data = input.get(range).unwrap_or_default();
                self.data(id, data, direct);
                if end {
                    self.ended(id);
                }
            }
            Event::Trailers { id, head } if head.too_large => {
                self.engine.recycle(head);
                self.head_too_large(id);
            }
            Event::Trailers { id, mut head } => {
                if let Some(s) = live_stream(&mut self.streams, id) {
                    s.trailer = Some(std::mem::take(&mut head.header));
                }
                self.engine.recycle(head);
                self.ended(id);
            }
            Event::Reset { id, code, by_peer } => self.reset(id, code, by_peer),
            Event::Window { id: 0 } => self.wake_blocked(),
            Event::Window { id } => self.notify(id),
            Event::GoAway { last, code, debug } => {
                if code != ErrorCode::NO_ERROR {
                    self.count(format!("recv_goaway_{}", code.token()));
                }
                match &mut self.goaway {
                    Some(f) => f.merge(last, code, debug),
                    none => *none = Some(GoAway { last, code, debug }),
                }
                self.stop_accepting();
            }
            Event::Pong { .. } => {
                self.ping_sent = None;
                self.deferred.freed += std::mem::take(&mut self.unconfirmed);
                self.wake_stream_waiters();
            }
            Event::Closed { fault } => self.closed(fault),
        }
    }

    /// notify has the caller of a stream told of what came when all of that was looked at.
    fn notify(&mut self, id: u32) {
        if let Some(s) = self.streams.get_mut(id)
            && s.sleeper.is_some()
            && !std::mem::replace(&mut s.notify_pending, true)
        {
            self.to_notify.push(id);
        }
    }

    fn closed(&mut self, fault: Fault) {
        // An end of the stream has its own words.
        if fault.code != ErrorCode::NO_ERROR && fault.reason != "unexpected EOF" {
            self.count(format!("conn_close_error_{}", fault.code.token()));
            // The connection is in other hands while its bytes are looked at.
            let facts = Http2 { code: fault.code.0, ..Http2::default() };
            self.protocol_error = Some(fault.to_error().with_http2(facts));
        }
    }

    fn on_response(&mut self, id: u32, mut head: Box<Head>, end: bool) {
        let Some(s) = live_stream(&mut self.streams, id) else { return self.engine.recycle(head) };
        s.first.get_or_insert(self.last_read);
        if head.too_large {
            self.engine.recycle(head);
            return self.head_too_large(id);
        }
        if head.status >= 200 {
            s.head = Some(head);
            s.no_body = end;
            if end {
                return self.ended(id);
            }
            return self.notify(id);
        }
        let size: usize = head.header.iter().map(|(n, v)| n.len() + v.len() + OVERHEAD).sum();
        let (limit, code) = (self.engine.max_header_list(), head.status);
        s.informational_bytes += size;
        s.got_continue |= code == 100;
        if s.traced {
            s.informational.push_back((code, std::mem::take(&mut head.header)));
        }
        let flood = s.informational_bytes > limit;
        self.engine.recycle(head);
        if flood {
            let cause = "header list too large";
            return self.refuse(id, stream_error(Kind::TooLarge, id, ErrorCode::PROTOCOL_ERROR, cause));
        }
        self.notify(id);
    }

    fn head_too_large(&mut self, id: u32) {
        let cause = "http2: response header list larger than advertised limit";
        self.refuse(id, stream_error(Kind::TooLarge, id, ErrorCode::PROTOCOL_ERROR, cause));
    }

    /// refuse resets a stream for what came on it.
    fn refuse(&mut self, id: u32, error: Error) {
        self.engine.reset(id, ErrorCode::PROTOCOL_ERROR);
        self.fail(id, Failure { error: error.with_phase(Phase::Head), retry: Retry::No });
    }

    fn data(&mut self, id: u32, data: &[u8], direct: &mut DirectRead<'_>) {
        let Some(s) = live_stream(&mut self.streams, id) else { return self.engine.release(id, data.len()) };
        let mut rest = data;
        if id == direct.stream && s.inbox.is_empty() && s.head.is_none() {
            let room = direct.room();
            let n = room.len().min(data.len());
            let (now, later) = data.split_at_checked(n).unwrap_or((&[], data));
            if let Some(to) = room.get_mut(..n) {
                to.copy_from_slice(now);
            }
            direct.filled += n;
            rest = later;
            self.engine.release(id, n);
        }
        if let Err(error) = s.inbox.push(rest) {
            self.engine.release(id, rest.len());
            self.engine.reset(id, ErrorCode::CANCEL);
            return self.fail(id, Failure { error, retry: Retry::No });
        }
        self.notify(id);
    }

    fn ended(&mut self, id: u32) {
        let Some(s) = live_stream(&mut self.streams, id) else { return };
        s.ended = true;
        if s.sent {
            self.free(id, self.last_read);
        }
        self.notify(id);
    }

    fn reset(&mut self, id: u32, code: ErrorCode, by_peer: bool) {
        if by_peer {
            self.count(format!("recv_rststream_{}", code.token()));
            if code == ErrorCode::PROTOCOL_ERROR {
                // Go's rule: the two do not understand each other.
                self.stop_accepting();
            }
        }
        let Some(s) = self.streams.get_mut(id) else { return };
        if s.ended {
            // The answer was whole: nothing more of the request is wanted (RFC 9113, 8.1).
            s.stop_sending = true;
            self.free(id, self.last_read);
            return self.notify(id);
        }
        let failure = match (&self.goaway, by_peer) {
            (Some(f), true) if id > f.last => f.unprocessed(id),
            (_, true) => {
                let error = stream_error(Kind::Protocol, id, code, "received from peer");
                let retry = if code == ErrorCode::REFUSED_STREAM { Retry::Refused } else { Retry::No };
                Failure { error, retry }
            }
            (_, false) => {
                let cause = self.engine.reset_reason(id);
                Failure { error: stream_error(Kind::Protocol, id, code, cause), retry: Retry::No }
            }
        };
        self.fail(id, failure);
    }

    fn fail(&mut self, id: u32, failure: Failure) {
        if let Some(s) = self.streams.get_mut(id) {
            s.failed.get_or_insert(failure);
            s.stop_sending = true;
            self.free(id, self.last_read);
            self.notify(id);
        }
    }
}

/// live_stream is a stream that has not failed: what came with the cause of that is of no more use.
fn live_stream(slots: &mut StreamMap<RecvStream>, id: u32) -> Option<&mut RecvStream> {
    slots.get_mut(id).filter(|s| s.failed.is_none())
}

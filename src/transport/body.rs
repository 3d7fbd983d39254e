//! `ConnBody`: the body of a response, read by pull; Go's `bodyEOFSignal`.
//!
//! The connection goes back to the pool with the body's last byte. It is dropped when the body was not read to
//! its end (but for a small rest), when the request was not sent whole, and when bytes lie behind the body.

use super::conn::{Deadline, IoError, PersistConn};
use super::drain::{self, DrainProgress, DrainingBody};
use super::exchange::{Deadlines, timeout};
use super::pool::PoolCore;
use super::request_writer::RequestWriter;
use super::trace::Tracer;
use super::{ReadBody, read_when_closed};
use crate::duplex::Duplex;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{BodyDecoder, Framing};
use crate::message::header::Header;
use crate::message::trace::TraceStep;
use crate::net::cancel::{CancelToken, Registration, canceled};
use crate::sys;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const READING_BODY: &str =
    "context deadline exceeded (Client.Timeout or context cancellation while reading body)";

pub(super) struct ConnBody {
    // Before `conn`: a descriptor leaves its token before it is closed.
    pub(super) registered: [Option<Registration>; 2],
    pub(super) conn: Option<Box<PersistConn>>,
    pub(super) cancel: Option<CancelToken>,
    pub(super) decoder: BodyDecoder,
    pub(super) writer: Option<RequestWriter>,
    pub(super) tracer: Tracer,
    pub(super) keep: bool,
    /// What follows the head is no body, but another protocol's: it may be handed over.
    pub(super) switched: bool,
    /// Content-Length, -1 if unknown.
    pub(super) declared: i64,
    pub(super) progress: Option<Duration>,
    pub(super) deadlines: Deadlines,
    /// Sticky.
    pub(super) error: Option<Error>,
    pub(super) closed: bool,
    pub(super) trailer: Option<Box<Header>>,
    /// When the exchange ended with its connection.
    pub(super) ended: Option<Instant>,
}

impl ReadBody for ConnBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed {
            return Err(read_when_closed());
        }
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let result = self.read_until(buf, self.progress);
        result.map_err(|e| {
            let fired = self.cancel.as_ref().is_some_and(CancelToken::is_fired);
            let e = if fired { canceled() } else { e }.with_phase(Phase::Body);
            self.error = Some(e.clone());
            self.release(false);
            e
        })
    }

    fn take_trailer(&mut self) -> Option<Header> {
        self.trailer.take().map(|t| *t)
    }

    fn ended(&self) -> Option<Instant> {
        self.ended
    }

    fn hand_over(&mut self) -> Option<std::io::Result<Duplex>> {
        if !self.switched || self.closed || self.error.is_some() {
            return None;
        }
        let conn = self.conn.take()?;
        self.closed = true;
        (self.registered, self.writer) = ([None, None], None);
        Some(conn.into_duplex())
    }

    /// close ends the exchange: a rest that is small and comes soon is read to save the connection, but not waited for here.
    fn close(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        let sent = self.writer.as_ref().is_none_or(|u| u.is_done());
        if self.conn.is_some()
            && self.keep
            && sent
            && self.error.is_none()
            && self.declared <= drain::BYTES as i64
        {
            self.abandon();
        }
        self.release(false);
    }
}

impl ConnBody {
    /// read_until waits for no longer than `limit`; what is there already needs no look at the clock.
    fn read_until(&mut self, buf: &mut [u8], limit: Option<Duration>) -> Result<usize> {
        let mut wait = None;
        loop {
            if self.decoder.is_done() {
                self.finish_if_done();
                return Ok(0);
            }
            let Some(conn) = self.conn.as_mut() else { return Ok(0) };
            if !conn.buffered().is_empty() {
                let p = self.decoder.decode(conn.buffered(), buf)?;
                conn.consume(p.consumed);
                if p.done {
                    self.finish_if_done();
                }
                if p.done || p.produced > 0 {
                    return Ok(p.produced);
                }
                if p.consumed > 0 {
                    continue;
                }
            }
            let now = Instant::now();
            let end = wait.get_or_insert_with(|| self.deadlines.deadline(limit, now).at);
            let until = Deadline::new(*end, now);
            if self.is_sending_request() {
                self.pump(until.at)?;
                continue;
            }
            let Some(conn) = self.conn.as_mut() else { return Ok(0) };
            let direct = self.decoder.remaining().filter(|_| conn.buffered().is_empty());
            let got = match direct {
                Some(left) => {
                    let most = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    conn.read(buf.get_mut(..most).unwrap_or_default(), until)
                }
                None => conn.fill(until),
            };
            let n = got.map_err(|s| self.io_error(s))?;
            if n == 0 {
                self.ended()?;
            } else if direct.is_some() {
                self.decoder.advance(n);
                self.finish_if_done();
                return Ok(n);
            }
        }
    }

    fn is_sending_request(&self) -> bool {
        self.writer.as_ref().is_some_and(|u| u.wants_to_send())
    }

    /// pump waits until there is something to read, and sends what is unsent of the request meanwhile.
    fn pump(&mut self, until: Option<Instant>) -> Result<()> {
        let (Some(conn), Some(writer)) = (self.conn.as_mut(), self.writer.as_mut()) else { return Ok(()) };
        let ready = conn.wait_io(sys::POLLIN | sys::POLLOUT, until);
        let ready = match ready {
            Ok(r) => r,
            Err(s) => return Err(self.io_error(s)),
        };
        if ready & sys::POLLIN != 0 {
            match conn.fill_now() {
                Ok(Some(0)) => return self.ended(),
                // The reader's bytes come before the program's source, which may block until it has seen them.
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(s) => return Err(self.io_error(s)),
            }
        }
        if ready & sys::POLLOUT != 0 {
            writer.prepare()?;
            let sent = writer.send_some(conn);
            if sent.is_ok() {
                writer.probe_end()?;
            }
            self.tracer.report_written(writer, None);
            match sent {
                Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => {
                    // The server has heard enough; its answer may go on.
                    writer.stop();
                    self.keep = false;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// ended takes the connection's end for the body's, if that can be.
    fn ended(&mut self) -> Result<()> {
        self.keep = false;
        if self.conn.as_ref().is_some_and(|c| c.was_truncated()) && self.decoder.is_until_close() {
            return Err(Error::new(Kind::UnexpectedEof, "unexpected EOF"));
        }
        self.decoder.eof()
    }

    fn io_error(&self, s: IoError) -> Error {
        match s {
            IoError::Deadline => timed_out(self.deadlines),
            IoError::Failed(e) => e,
            IoError::Os(e) => match &self.conn {
                Some(c) => c.failure("read", &e),
                None => Error::io(Kind::Io, "read", &e),
            },
        }
    }

    /// finish_if_done gives the connection back when the body has ended.
    pub(super) fn finish_if_done(&mut self) {
        if !self.decoder.is_done() || self.conn.is_none() {
            return;
        }
        self.trailer = self.decoder.take_trailer().map(Box::new);
        self.release(true);
    }

    fn release(&mut self, whole: bool) {
        self.registered = [None, None];
        let sent = self.writer.take().is_none_or(|u| u.is_done());
        let Some(conn) = self.conn.take() else { return };
        let now = Instant::now();
        self.ended = Some(now);
        let pool = conn.pool().clone();
        release_connection(conn, &pool, whole && self.keep && sent, self.cancel.as_ref(), &self.tracer, now);
    }

    /// abandon takes in a rest that is here, and has the sweep wait for one that is not.
    fn abandon(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        // A descriptor leaves its token before another request has it.
        self.registered = [None, None];
        let pool = conn.pool().clone();
        let decoder = std::mem::replace(&mut self.decoder, BodyDecoder::new(Framing::None));
        match DrainingBody::new(conn, decoder).drain_now() {
            DrainProgress::Complete(conn) => {
                let now = Instant::now();
                self.ended = Some(now);
                release_connection(conn, &pool, true, self.cancel.as_ref(), &self.tracer, now);
            }
            DrainProgress::Pending(rest) if !self.cancel.as_ref().is_some_and(CancelToken::is_fired) => {
                pool.drain_later(rest);
            }
            DrainProgress::Pending(_) | DrainProgress::Abandoned => {}
        }
    }
}

/// release_connection ends an exchange's hold of its connection, which must be in no token any more: back `pool`, idle from `now` on, if
/// it may be kept and can be; else it ends.
pub(super) fn release_connection(
    mut conn: Box<PersistConn>,
    pool: &Arc<PoolCore>,
    keep: bool,
    cancel: Option<&CancelToken>,
    tracer: &Tracer,
    now: Instant,
) {
    let fired = cancel.is_some_and(CancelToken::is_fired);
    if !keep || fired || !conn.buffered().is_empty() || !conn.prepare_for_reuse() {
        return;
    }
    conn.idle_since = now;
    let put = pool.put_idle_since(conn);
    tracer.report(|| TraceStep::PutIdleConn(put.err().map(|why| Error::new(Kind::Closed, why))));
}

/// timed_out is the error of a body whose next byte came too late.
pub(super) fn timed_out(deadlines: Deadlines) -> Error {
    let text = if deadlines.is_past() { READING_BODY } else { "net/http: timeout awaiting response body" };
    timeout(text, Phase::Body)
}

impl Drop for ConnBody {
    fn drop(&mut self) {
        self.close();
    }
}

//! `Input`: the receiving side of a wire while a request's body is read, and the reader that handlers see.

use super::http1_io::SharedHttp1Io;
use super::peer_timeouts::{INPUT, PeerTimeouts, timed_out};
use super::server_core::ServerCore;
use super::tls_session::{TlsRead, TlsSession};
use crate::address::Address;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{BodyDecoder, Framing};
use crate::message::header::Header;
use crate::message::request::IncomingBody;
use crate::net::tls::IoError;
use crate::runtime::in_handler;
use crate::sys;
use std::io::ErrorKind;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const STAGE: usize = 16 * 1024;
/// Go's: an unread body of less than this is read to keep the connection.
pub(super) const DRAIN: u64 = 256 * 1024;

pub(crate) struct Input {
    pub(super) fd: RawFd,
    /// That of the connection, while a body is read.
    secure: Option<Arc<TlsSession>>,
    /// Bytes that were read behind the head and belong to the body, or to what follows it.
    stage: Vec<u8>,
    start: usize,
    decoder: BodyDecoder,
    failed: Option<Error>,
    /// The answer has begun, and what was left of the body is gone.
    closed: bool,
    /// The client waits for 100 Continue.
    pub(super) expect: bool,
    /// It asked for 100 Continue, whether that was sent or not.
    pub(super) expected_continue: bool,
    pub(super) timeouts: PeerTimeouts,
    /// Bytes that the body may still have.
    limit: u64,
    /// The last read left nothing behind in the socket.
    pub(super) drained: bool,
    trailer: Option<Header>,
}

impl Input {
    pub(super) fn new(core: &Arc<ServerCore>) -> Input {
        Input {
            fd: -1,
            secure: None,
            stage: Vec::new(),
            start: 0,
            decoder: BodyDecoder::new(Framing::None),
            failed: None,
            closed: false,
            expect: false,
            expected_continue: false,
            timeouts: PeerTimeouts::new(core),
            limit: u64::MAX,
            drained: true,
            trailer: None,
        }
    }

    pub(super) fn attach(&mut self, fd: RawFd) {
        self.fd = fd;
        self.secure = None;
    }

    /// read_by has a body that comes over TLS be read by its session.
    pub(super) fn read_by(&mut self, secure: Option<Arc<TlsSession>>) {
        self.secure = secure;
    }

    /// begin prepares for a body of that framing; `ahead` is what was read of it with the head.
    pub(super) fn begin(&mut self, framing: Framing, ahead: &[u8], limit: u64) {
        self.stage.clear();
        self.stage.extend_from_slice(ahead);
        self.start = 0;
        self.decoder = BodyDecoder::new(framing);
        self.failed = None;
        self.closed = false;
        self.expect = false;
        self.expected_continue = false;
        self.limit = limit;
        self.timeouts.waited = Duration::ZERO;
        self.drained = true;
        self.trailer = None;
    }

    /// fail has all later reads answer an error.
    pub(super) fn fail(&mut self, e: Error) {
        self.failed = Some(e);
    }

    /// is_done: the body was read to its end, and was no longer than its limit.
    pub(super) fn is_done(&self) -> bool {
        self.decoder.is_done() && self.failed.is_none()
    }

    /// unconsumed is what was read beyond the body: the next requests.
    pub(super) fn unconsumed(&self) -> &[u8] {
        self.stage.get(self.start..).unwrap_or_default()
    }

    pub(super) fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// read gives body bytes and waits for them if it must; failures stay.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        if self.closed {
            let text = "http: invalid Read on closed Body: the response has begun";
            return Err(Error::new(Kind::Closed, text).with_phase(Phase::Body));
        }
        match self.read_some(buf) {
            Ok(n) => within_limit(n, &mut self.limit, &mut self.failed),
            Err(e) => {
                self.failed = Some(e.clone());
                Err(e)
            }
        }
    }

    fn read_some(&mut self, buf: &mut [u8]) -> Result<usize> {
        loop {
            if self.decoder.is_done() {
                return Ok(0);
            }
            if self.start < self.stage.len() {
                let p = self.decoder.decode(self.stage.get(self.start..).unwrap_or_default(), buf)?;
                self.start += p.consumed;
                if p.done {
                    self.trailer = self.decoder.take_trailer();
                }
                if p.produced > 0 || p.done {
                    return Ok(p.produced);
                }
                if p.consumed > 0 {
                    continue;
                }
            }
            if let Some(left) = self.decoder.remaining() {
                // Straight into the caller's memory, but never a byte beyond this body.
                let room = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let n = self.receive(buf.get_mut(..room).unwrap_or_default())?;
                if n == 0 {
                    self.decoder.eof()?;
                    return Ok(0);
                }
                self.decoder.advance(n);
                return Ok(n);
            }
            self.refill()?;
        }
    }

    fn refill(&mut self) -> Result<()> {
        self.stage.drain(..self.start);
        self.start = 0;
        let have = self.stage.len();
        self.stage.resize(have + STAGE, 0);
        let mut stage = std::mem::take(&mut self.stage);
        let got = self.receive(stage.get_mut(have..).unwrap_or_default());
        stage.truncate(have + got.as_ref().map_or(0, |n| *n));
        self.stage = stage;
        if got? == 0 {
            self.decoder.eof()?;
        }
        Ok(())
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<usize> {
        loop {
            match receive_now(self.fd, self.secure.as_deref(), buf) {
                Ok(got) => {
                    self.drained = !got.more;
                    self.timeouts.rate_meter.moved(got.n);
                    return Ok(got.n);
                }
                Err(IoError::Os(e)) if e.kind() == ErrorKind::WouldBlock => {
                    self.drained = true;
                    self.timeouts.ready(self.fd, &INPUT)?;
                }
                Err(IoError::Failed(e)) => return Err(e.with_phase(Phase::Body)),
                Err(IoError::Os(e)) => return Err(Error::io(Kind::Io, "read", &e).with_phase(Phase::Body)),
                Err(IoError::Deadline) => return Err(timed_out("read", Phase::Body)),
            }
        }
    }

    /// drain reads on and throws away, less than Go's 256 KiB; `true`: the body is at its end. A handler that reads on
    /// finds an error then, if bytes were lost to it.
    pub(super) fn drain(&mut self) -> bool {
        if self.decoder.remaining().is_some_and(|n| n >= DRAIN) {
            return false;
        }
        let mut junk = [0; 8192];
        let mut left = DRAIN;
        while !self.is_done() {
            match self.read(&mut junk) {
                Ok(0) => break,
                Ok(n) => left = left.saturating_sub(n as u64),
                Err(_) => break,
            }
            if left == 0 {
                break;
            }
        }
        self.closed = left < DRAIN;
        self.is_done()
    }
}

/// receive_now reads from a connection, without waiting.
pub(super) fn receive_now(
    fd: RawFd,
    secure: Option<&TlsSession>,
    buf: &mut [u8],
) -> std::result::Result<TlsRead, IoError> {
    match secure {
        None => {
            let n = sys::recv(fd, buf, sys::MSG_DONTWAIT).map_err(IoError::Os)?;
            // A short read has drained the socket: the next byte is a new edge.
            Ok(TlsRead { n, more: n == buf.len() || n == 0 })
        }
        Some(secure) => secure.read(buf),
    }
}

/// within_limit takes `n` bytes off those that a body may still have; beyond them it is cut, and `failed` from then on.
pub(super) fn within_limit(n: usize, limit: &mut u64, failed: &mut Option<Error>) -> Result<usize> {
    let some = n.min(usize::try_from(*limit).unwrap_or(usize::MAX));
    *limit -= some as u64;
    if some < n {
        let e = Error::new(Kind::TooLarge, "http: request body too large").with_phase(Phase::Body);
        *failed = Some(e.clone());
        if some == 0 {
            return Err(e);
        }
    }
    Ok(some)
}

/// BodyReader is a request's body as its handler reads it.
pub(super) struct BodyReader(pub(super) SharedHttp1Io);

impl IncomingBody for BodyReader {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut input = self.0.input();
        if std::mem::take(&mut input.expect)
            && !self.0.response_begun.load(Ordering::Relaxed)
            && !input.is_done()
        {
            self.0.output().send_all(&[b"HTTP/1.1 100 Continue\r\n\r\n"])?;
        }
        input.read(buf)
    }

    fn take_trailer(&mut self) -> Option<Header> {
        self.0.input().trailer.take()
    }

    fn set_limit(&mut self, bytes: u64) {
        self.0.input().set_limit(bytes);
    }

    fn limit(&self) -> u64 {
        self.0.input().limit
    }

    fn set_read_timeout(&mut self, limit: Option<Duration>) -> Result<()> {
        self.0.input().timeouts.deadline = limit.map(|d| Instant::now() + d);
        Ok(())
    }

    fn peer_disconnected(&self) -> bool {
        let mut fds = [sys::poll_fd(self.0.input().fd, sys::POLLRDHUP)];
        !matches!(sys::poll(&mut fds, 0), Ok(0))
    }

    fn on_disconnect(
        &self,
        callback: Box<dyn FnOnce() + Send>,
    ) -> Result<Box<dyn std::any::Any + Send + Sync>> {
        let fd = self.0.input().fd;
        let id = self.0.core.id();
        Ok(Box::new(self.0.core.disconnects.watch(fd, Box::new(move || in_handler(id, callback)))?))
    }

    fn base_value(&self, key: &str) -> Option<&(dyn std::any::Any + Send + Sync)> {
        self.0.core.base_value(key)
    }

    fn local_addr(&self) -> Option<Address> {
        sys::getsockname(self.0.input().fd).ok()
    }
}

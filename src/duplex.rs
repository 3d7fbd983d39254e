//! `Duplex`: a connection that was handed over: bytes both ways, plain or under TLS, from two threads at once.
//!
//! Under TLS both directions share one session. Its lock is held for what can be done at once and never while the
//! socket is waited for: a reader that waits does not keep the writer from writing.

use crate::error::{Error, Kind, Phase, Result};
use crate::net::tls::{IoError, Tls, TlsInfo};
use crate::runtime::before_block;
use crate::sync::{Mutex, lock};
use crate::sys;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// DuplexTls is TLS on a connection, for a reader beside a writer. Nothing in it waits for the socket.
pub trait DuplexTls: Send + Sync {
    /// read_now answers data, or 0 at the end; `WouldBlock` where there is nothing now.
    fn read_now(&self, fd: RawFd, buf: &mut [u8]) -> std::result::Result<usize, IoError>;
    /// write_now tells how much was taken, and whether something taken is unsent.
    fn write_now(&self, fd: RawFd, data: &[u8]) -> io::Result<(usize, bool)>;
    /// was_closed: the end of the data was the peer's own word.
    fn was_closed(&self) -> bool;
    fn send_close_notify(&self, fd: RawFd);
}

impl DuplexTls for Mutex<Box<Tls>> {
    fn read_now(&self, fd: RawFd, buf: &mut [u8]) -> std::result::Result<usize, IoError> {
        let mut tls = lock(self);
        let n = tls.read(buf, &mut |b| sys::recv(fd, b, sys::MSG_DONTWAIT).map_err(IoError::Os));
        // What the peer asked for in between, such as new keys; it goes out with the next write if it must wait.
        if tls.has_unsent() {
            let _ = tls.flush(&mut |b| sys::send(fd, b, sys::MSG_DONTWAIT));
        }
        n
    }

    fn write_now(&self, fd: RawFd, data: &[u8]) -> io::Result<(usize, bool)> {
        let mut tls = lock(self);
        let taken = tls.write([data, &[]], &mut |b| sys::send(fd, b, sys::MSG_DONTWAIT))?.taken;
        Ok((taken, tls.has_unsent()))
    }

    fn was_closed(&self) -> bool {
        lock(self).was_closed()
    }

    fn send_close_notify(&self, fd: RawFd) {
        lock(self).send_close_notify(&mut |b| sys::send(fd, b, sys::MSG_DONTWAIT));
    }
}

pub struct Duplex {
    fd: OwnedFd,
    tls: Option<Arc<dyn DuplexTls>>,
    /// Bytes that were received before the connection was handed over.
    ahead: Mutex<Vec<u8>>,
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub info: Option<Arc<TlsInfo>>,
    /// Milliseconds that one read or write may wait; [`NO_LIMIT`] is for ever.
    read_limit: AtomicU64,
    write_limit: AtomicU64,
    closed: AtomicBool,
    /// What counts the connection where it came from; it goes with it.
    _origin: Box<dyn Send + Sync>,
}

const NO_LIMIT: u64 = u64::MAX;

/// DuplexParts is what a connection is made of.
pub struct DuplexParts {
    pub fd: OwnedFd,
    pub tls: Option<Arc<dyn DuplexTls>>,
    pub ahead: Vec<u8>,
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub info: Option<Arc<TlsInfo>>,
    pub origin: Box<dyn Send + Sync>,
}

impl Duplex {
    pub fn new(p: DuplexParts) -> Duplex {
        Duplex {
            fd: p.fd,
            tls: p.tls,
            ahead: Mutex::new(p.ahead),
            remote: p.remote,
            local: p.local,
            info: p.info,
            read_limit: AtomicU64::new(NO_LIMIT),
            write_limit: AtomicU64::new(NO_LIMIT),
            closed: AtomicBool::new(false),
            _origin: p.origin,
        }
    }

    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// set_read_limit bounds how long each read waits.
    pub fn set_read_limit(&self, limit: Option<Duration>) {
        self.read_limit.store(millis(limit), Relaxed);
    }

    pub fn set_write_limit(&self, limit: Option<Duration>) {
        self.write_limit.store(millis(limit), Relaxed);
    }

    /// read answers data as soon as there is any, or 0 at the end of the stream.
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.check()?;
        let n = take_ahead(&mut lock(&self.ahead), buf);
        if n > 0 || buf.is_empty() {
            return Ok(n);
        }
        let until = deadline(&self.read_limit);
        loop {
            match self.read_now(buf) {
                Ok(0) if self.closed.load(Relaxed) => return Err(use_of_closed()),
                Ok(0) if self.was_cut() => return Err(self.closed_or(unexpected_eof())),
                Ok(n) => return Ok(n),
                Err(IoError::Os(e)) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(sys::POLLIN, until, "read")?;
                }
                Err(IoError::Os(e)) => return Err(self.closed_or(self.failure("read", &e))),
                Err(IoError::Failed(e)) => return Err(e.with_phase(Phase::Body)),
                Err(IoError::Deadline) => return Err(timeout("read")),
            }
        }
    }

    fn read_now(&self, buf: &mut [u8]) -> std::result::Result<usize, IoError> {
        match &self.tls {
            Some(tls) => tls.read_now(self.fd(), buf),
            None => sys::recv(self.fd(), buf, sys::MSG_DONTWAIT).map_err(IoError::Os),
        }
    }

    /// was_cut: anybody on the way can end a TCP connection; under TLS the peer says so itself (RFC 8446, 6.1).
    fn was_cut(&self) -> bool {
        self.tls.as_ref().is_some_and(|t| !t.was_closed())
    }

    /// write sends all of it.
    pub fn write(&self, data: &[u8]) -> Result<()> {
        self.check()?;
        let until = deadline(&self.write_limit);
        let mut left = data;
        loop {
            match self.write_now(left) {
                Ok((taken, unsent)) => {
                    left = left.get(taken..).unwrap_or_default();
                    if left.is_empty() && !unsent {
                        return Ok(());
                    }
                    if unsent {
                        self.wait(sys::POLLOUT, until, "write")?;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(sys::POLLOUT, until, "write")?;
                }
                Err(e) => return Err(self.closed_or(self.failure("write", &e))),
            }
        }
    }

    /// write_now tells how much was taken, and whether something taken is unsent.
    fn write_now(&self, data: &[u8]) -> io::Result<(usize, bool)> {
        match &self.tls {
            Some(tls) => tls.write_now(self.fd(), data),
            None if data.is_empty() => Ok((0, false)),
            None => sys::send(self.fd(), data, sys::MSG_DONTWAIT).map(|n| (n, false)),
        }
    }

    /// close_write tells the peer that no more comes; reading goes on.
    pub fn close_write(&self) -> Result<()> {
        self.write(&[])?;
        if let Some(tls) = &self.tls {
            tls.send_close_notify(self.fd());
        }
        sys::shutdown(self.fd(), sys::SHUT_WR).map_err(|e| self.failure("close", &e))
    }

    /// close ends the connection; whoever reads or writes it fails at once. The descriptor goes with the value.
    pub fn close(&self) {
        if self.closed.swap(true, Relaxed) {
            return;
        }
        if let Some(tls) = &self.tls {
            tls.send_close_notify(self.fd());
        }
        let _ = sys::shutdown(self.fd(), sys::SHUT_RDWR);
    }

    fn check(&self) -> Result<()> {
        if self.closed.load(Relaxed) { Err(use_of_closed()) } else { Ok(()) }
    }

    fn closed_or(&self, e: Error) -> Error {
        if self.closed.load(Relaxed) { use_of_closed() } else { e }
    }

    fn wait(&self, events: i16, until: Option<Instant>, op: &str) -> Result<()> {
        before_block();
        let left = until.map(|at| at.saturating_duration_since(Instant::now()));
        let mut fds = [sys::poll_fd(self.fd(), events)];
        match sys::poll(&mut fds, left.map_or(-1, sys::millis)) {
            Ok(0) if left.is_some_and(|l| l.is_zero()) => Err(timeout(op)),
            Ok(_) => Ok(()),
            Err(e) => Err(self.failure(op, &e)),
        }
    }

    fn failure(&self, op: &str, e: &io::Error) -> Error {
        match (self.local, self.remote) {
            (Some(l), Some(r)) => Error::io(Kind::Io, format!("{op} tcp {l}->{r}: {op}"), e),
            _ => Error::io(Kind::Io, op, e),
        }
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        self.close();
    }
}

fn millis(limit: Option<Duration>) -> u64 {
    limit.map_or(NO_LIMIT, |d| u64::try_from(d.as_millis()).unwrap_or(NO_LIMIT - 1))
}

fn deadline(limit: &AtomicU64) -> Option<Instant> {
    match limit.load(Relaxed) {
        NO_LIMIT => None,
        ms => Instant::now().checked_add(Duration::from_millis(ms)),
    }
}

fn take_ahead(ahead: &mut Vec<u8>, buf: &mut [u8]) -> usize {
    let n = ahead.len().min(buf.len());
    if let (Some(to), Some(from)) = (buf.get_mut(..n), ahead.get(..n)) {
        to.copy_from_slice(from);
    }
    ahead.drain(..n);
    n
}

fn timeout(op: &str) -> Error {
    Error::new(Kind::Timeout, format!("{op}: i/o timeout"))
}

fn unexpected_eof() -> Error {
    Error::new(Kind::UnexpectedEof, "unexpected EOF")
}

fn use_of_closed() -> Error {
    Error::new(Kind::Closed, "use of closed network connection")
}

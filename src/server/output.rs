//! `Output`: the sending side of a wire. Answers gather in a buffer and leave together, in one system call.

use super::peer_timeouts::{PeerTimeouts, ROOM, timed_out};
use super::server_core::ServerCore;
use super::tls_session::TlsSession;
use crate::error::{Error, Kind, Phase, Result};
use crate::sys::{self, files};
use std::io::{ErrorKind, IoSlice};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Gathered output beyond this is sent before more is added.
pub(super) const FULL: usize = 16 * 1024;
/// Beyond this the next answer waits on the loop until the peer reads: a small one would find the buffer full, and hold its
/// handler's thread.
pub(super) const ENOUGH: usize = FULL - 4 * 1024;
/// So many encrypted bytes leave in one call.
const FLUSH: usize = 64 * 1024;

/// Bytes of a file that one call sends.
const FILE_PIECE: usize = 1 << 20;

pub(crate) struct Output {
    fd: RawFd,
    secure: Option<Arc<TlsSession>>,
    pub(super) buf: Vec<u8>,
    /// The first failure; it stays, and all later writes answer it.
    failed: Option<Error>,
    /// Their deadline is Go's WriteTimeout.
    pub(super) timeouts: PeerTimeouts,
}

impl Output {
    pub(super) fn new(core: &Arc<ServerCore>) -> Output {
        Output {
            fd: -1,
            secure: None,
            buf: Vec::with_capacity(FULL),
            failed: None,
            timeouts: PeerTimeouts::new(core),
        }
    }

    pub(super) fn attach(&mut self, fd: RawFd, secure: Option<&Arc<TlsSession>>, progress: Option<Duration>) {
        self.fd = fd;
        self.secure = secure.cloned();
        self.timeouts.begin(progress, None);
        self.failed = None;
        self.buf.clear();
    }

    pub(super) fn detach(&mut self, into: &mut Vec<u8>) {
        self.fd = -1;
        self.secure = None;
        if !self.buf.is_empty() {
            into.extend_from_slice(&self.buf);
            self.buf.clear();
        }
        if self.buf.capacity() > 4 * FULL {
            self.buf = Vec::with_capacity(FULL);
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd
    }

    pub(super) fn secure(&self) -> Option<Arc<TlsSession>> {
        self.secure.clone()
    }

    /// pending is how many bytes wait to be sent; `None`: a write has failed.
    pub(super) fn pending(&self) -> Option<usize> {
        self.failed.is_none().then_some(self.buf.len())
    }

    pub(super) fn fail(&mut self, e: Error) -> Error {
        self.buf.clear();
        self.failed.get_or_insert(e).clone()
    }

    /// check is the failure of an earlier write.
    pub(super) fn check(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// check_deadline is [`Output::check`], and breaks what comes after Go's WriteTimeout, also where the socket has room.
    fn check_deadline(&mut self) -> Result<()> {
        self.check()?;
        match self.timeouts.deadline {
            Some(at) if Instant::now() >= at => Err(self.fail(timed_out("write", Phase::Write))),
            _ => Ok(()),
        }
    }

    /// send_some sends what the socket takes now; `Ok(true)`: everything.
    pub(super) fn send_some(&mut self) -> Result<bool> {
        if self.fd < 0 {
            return Ok(true);
        }
        if self.buf.is_empty() {
            self.check()?;
        } else {
            self.check_deadline()?;
        }
        if let Some(secure) = &self.secure {
            let sent = secure.send(&self.buf);
            self.buf.clear();
            return sent.map_err(|e| self.fail(e));
        }
        while !self.buf.is_empty() {
            match sys::send(self.fd, &self.buf, sys::MSG_DONTWAIT) {
                Ok(n) if n >= self.buf.len() => self.buf.clear(),
                Ok(n) => drop(self.buf.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(self.fail(write_error(&e))),
            }
        }
        Ok(true)
    }

    /// push adds bytes to the buffer, or sends them with it at once if they would overfill it; it may block.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> Result<()> {
        self.check()?;
        let len: usize = parts.iter().map(|p| p.len()).sum();
        if self.buf.len() + len <= FULL {
            parts.iter().for_each(|p| self.buf.extend_from_slice(p));
            return Ok(());
        }
        self.send_all(parts)
    }

    /// send_all sends the buffer and then `parts`; it may block, up to the deadline or as long as some bytes go.
    pub(super) fn send_all(&mut self, parts: &[&[u8]]) -> Result<()> {
        self.check_deadline()?;
        if let Some(secure) = self.secure.clone() {
            return self.send_secure(&secure, parts).map_err(|e| self.fail(e));
        }
        let buf = std::mem::take(&mut self.buf);
        let mut all: Vec<IoSlice<'_>> = Vec::with_capacity(parts.len() + 1);
        all.push(IoSlice::new(&buf));
        all.extend(parts.iter().map(|p| IoSlice::new(p)));
        let sent = self.send_slices(&mut all);
        self.buf = buf;
        self.buf.clear();
        sent.map_err(|e| self.fail(e))
    }

    /// supports_sendfile tells whether [`Output::send_file`] can be used: the socket takes bytes as they are.
    pub(super) fn supports_sendfile(&self) -> bool {
        self.fd >= 0 && self.secure.is_none() && files::blocks_sigpipe()
    }

    /// send_file sends the buffer and then a piece of a file, without a copy, and tells how many bytes of the file went:
    /// fewer than `len` if it has ended. It may block as [`Output::send_all`].
    pub(super) fn send_file(&mut self, file: RawFd, offset: u64, len: u64) -> Result<u64> {
        self.check_deadline()?;
        let sent = self.send_file_now(file, offset, len);
        self.buf.clear();
        sent.map_err(|e| self.fail(e))
    }

    fn send_file_now(&mut self, file: RawFd, offset: u64, len: u64) -> Result<u64> {
        let mut head = 0;
        // Head and content share packets.
        while let Some(rest) = self.buf.get(head..).filter(|r| !r.is_empty()) {
            match sys::send(self.fd, rest, sys::MSG_DONTWAIT | sys::MSG_MORE) {
                Ok(n) => {
                    head += n;
                    self.timeouts.rate_meter.moved(n);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.wait()?,
                Err(e) => return Err(write_error(&e)),
            }
        }
        let mut sent = 0;
        while sent < len {
            let some = usize::try_from(len - sent).unwrap_or(usize::MAX).min(FILE_PIECE);
            match files::sendfile(self.fd, file, offset + sent, some) {
                Ok(0) => break,
                Ok(n) => {
                    sent += n as u64;
                    self.timeouts.rate_meter.moved(n);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.wait()?,
                Err(e) => {
                    if e.kind() == ErrorKind::BrokenPipe {
                        files::take_sigpipe();
                    }
                    return Err(write_error(&e));
                }
            }
        }
        Ok(sent)
    }

    fn send_slices(&mut self, slices: &mut [IoSlice<'_>]) -> Result<()> {
        let mut rest = slices;
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match sys::sendmsg(self.fd, rest, sys::MSG_DONTWAIT) {
                Ok(n) => {
                    IoSlice::advance_slices(&mut rest, n);
                    self.timeouts.rate_meter.moved(n);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.wait()?,
                Err(e) => return Err(write_error(&e)),
            }
        }
        Ok(())
    }

    /// send_secure gathers small pieces to one record, encrypts large ones where they are, and sends what that makes.
    fn send_secure(&mut self, secure: &TlsSession, parts: &[&[u8]]) -> Result<()> {
        for part in parts {
            if self.buf.len() + part.len() > FULL {
                secure.encrypt(&self.buf)?;
                self.buf.clear();
            }
            if self.buf.len() + part.len() <= FULL {
                self.buf.extend_from_slice(part);
                continue;
            }
            for piece in part.chunks(FLUSH) {
                if secure.encrypt(piece)? >= FLUSH {
                    self.flush_secure(secure)?;
                }
            }
        }
        secure.encrypt(&self.buf)?;
        self.buf.clear();
        self.flush_secure(secure)
    }

    fn flush_secure(&mut self, secure: &TlsSession) -> Result<()> {
        loop {
            let (sent, all) = secure.flush().map_err(|e| write_error(&e))?;
            if all {
                return Ok(());
            }
            self.timeouts.rate_meter.moved(sent);
            self.wait()?;
        }
    }

    fn wait(&mut self) -> Result<()> {
        self.timeouts.ready(self.fd, &ROOM)
    }
}

pub(super) fn write_error(e: &std::io::Error) -> Error {
    Error::io(Kind::Io, "write", e).with_phase(Phase::Write)
}

//! `Conn`: a persistent connection with its read buffer; Go's `persistConn` without the two goroutines.
//!
//! The socket is blocking with a receive timeout of one second, set once. A read with more time than that left
//! is a plain `recv`; only near its deadline does it poll first. So a deadline costs no system call.

use super::pool::Shared;
use crate::error::{Error, Kind, os_text};
use crate::message::outbound::Key;
use crate::net::dial::Dialed;
use crate::net::sys;
use crate::runtime::before_block;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SLICE: Duration = Duration::from_secs(1);
const FIRST_BUFFER: usize = 4096;
/// KEEP_BUFFER is the most that an idle connection holds on to.
const KEEP_BUFFER: usize = 16 * 1024;
/// FRESH: a connection that was idle for less than this goes out unlooked at.
const FRESH: Duration = Duration::from_millis(1);

pub(super) struct Conn {
    fd: OwnedFd,
    home: Arc<Shared>,
    key: Arc<Key>,
    pub(super) remote: SocketAddr,
    pub(super) local: SocketAddr,
    /// `buf[start..end]` was received and not yet used.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    pub(super) reused: bool,
    pub(super) idle_since: Instant,
}

/// Stop is why nothing could be received or sent.
#[derive(Debug)]
pub(super) enum Stop {
    Deadline,
    Os(io::Error),
}

impl Conn {
    pub(super) fn new(home: Arc<Shared>, key: Arc<Key>, d: Dialed) -> io::Result<Conn> {
        sys::set_recv_timeout(d.fd.as_raw_fd(), SLICE)?;
        Ok(Conn {
            fd: d.fd,
            home,
            key,
            remote: d.remote,
            local: d.local,
            buf: vec![0; FIRST_BUFFER],
            start: 0,
            end: 0,
            reused: false,
            idle_since: Instant::now(),
        })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(super) fn home(&self) -> &Arc<Shared> {
        &self.home
    }

    pub(super) fn key(&self) -> &Arc<Key> {
        &self.key
    }

    pub(super) fn buffered(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// fill receives what is there behind what is buffered; `Ok(0)` is the peer's end.
    pub(super) fn fill(&mut self, until: Option<Instant>) -> Result<usize, Stop> {
        let fd = self.fd();
        let n = recv_until(fd, self.room(), until)?;
        self.end += n;
        Ok(n)
    }

    /// fill_now is [`Conn::fill`] that does not wait; nothing there is `None`.
    pub(super) fn fill_now(&mut self) -> Result<Option<usize>, Stop> {
        let fd = self.fd();
        match sys::recv(fd, self.room(), sys::MSG_DONTWAIT) {
            Ok(n) => {
                self.end += n;
                Ok(Some(n))
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(Stop::Os(e)),
        }
    }

    fn room(&mut self) -> &mut [u8] {
        if self.start > 0 && self.end == self.buf.len() {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buf.len() {
            self.buf.resize(self.buf.len() * 2, 0);
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// rest readies the connection for the pool.
    pub(super) fn rest(&mut self) {
        (self.start, self.end) = (0, 0);
        if self.buf.len() > KEEP_BUFFER {
            self.buf = vec![0; FIRST_BUFFER];
        }
        self.reused = true;
        self.idle_since = Instant::now();
    }

    /// is_alive looks at a connection that was idle: an end or bytes that nobody asked for make it unusable;
    /// a late second answer must never answer the wrong request.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        if now.saturating_duration_since(self.idle_since) <= FRESH {
            return true;
        }
        matches!(sys::peek(self.fd()), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// failure puts a failed system call into Go's words.
    pub(super) fn failure(&self, op: &str, e: &io::Error) -> Error {
        let what = format!("{op} tcp {}->{}: {op}", self.local, self.remote);
        debug_assert!(!os_text(e).is_empty());
        Error::io(Kind::Io, what, e)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.home.clone().forget(&self.key);
    }
}

/// recv_until receives into `buf`, waiting up to `until`.
pub(super) fn recv_until(fd: RawFd, buf: &mut [u8], until: Option<Instant>) -> Result<usize, Stop> {
    before_block();
    loop {
        let mut flags = 0;
        if let Some(at) = until {
            let left = at.saturating_duration_since(Instant::now());
            if left < SLICE {
                wait(fd, sys::POLLIN, until)?;
                flags = sys::MSG_DONTWAIT;
            }
        }
        match sys::recv(fd, buf, flags) {
            Ok(n) => return Ok(n),
            // The slice has passed, or a wake came for nothing: the clock decides above.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(Stop::Os(e)),
        }
    }
}

/// wait answers which of `events` are there; errors and hang-ups count as all of them.
pub(super) fn wait(fd: RawFd, events: i16, until: Option<Instant>) -> Result<i16, Stop> {
    before_block();
    loop {
        let left = until.map(|at| at.saturating_duration_since(Instant::now()));
        let mut fds = [sys::poll_fd(fd, events)];
        let n = sys::poll(&mut fds, left.map_or(-1, sys::millis)).map_err(Stop::Os)?;
        if n > 0 {
            let got = fds[0].revents;
            return Ok(if got & !events != 0 { events } else { got });
        }
        if left.is_some_and(|l| l.is_zero()) {
            return Err(Stop::Deadline);
        }
    }
}

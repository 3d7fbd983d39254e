//! `PersistConn`: a persistent connection with its read buffer, plain or TLS; Go's `persistConn` without the two goroutines.
//!
//! The socket is blocking with a receive timeout of one second, set once. A read with more time than that left
//! is a plain `recv`; only near its deadline does it poll first. So a deadline costs no system call.

use super::pool::PoolCore;
use super::route::Route;
use super::timing::DialTimes;
use crate::duplex::{Duplex, DuplexParts, DuplexTls};
use crate::error::{Error, Kind};
use crate::log::{self, Level};
use crate::memory;
use crate::message::trace::TraceStep;
use crate::net::dial::{Dialed, endpoints_text};
pub(super) use crate::net::tls::IoError;
use crate::net::tls::{Tls, TlsInfo, Written};
use crate::runtime::before_block;
use crate::sync::Mutex;
use crate::sys;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SLICE: Duration = Duration::from_secs(1);
/// KEEP_BUFFER is the most that an idle connection holds on to.
const KEEP_BUFFER: usize = 16 * 1024;

pub(super) struct PersistConn {
    fd: OwnedFd,
    pool: Arc<PoolCore>,
    route: Route,
    tls: Option<Box<Tls>>,
    pub(super) info: Option<Arc<TlsInfo>>,
    pub(super) remote: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    /// `buf[start..end]` was received and not yet used.
    buf: Vec<u8>,
    /// How long it is at first.
    first: usize,
    start: usize,
    end: usize,
    pub(super) reused: bool,
    pub(super) idle_since: Instant,
    /// How long it was idle, if it was taken from the pool's idle ones.
    pub(super) idle_for: Option<Duration>,
    /// How it was made, until an exchange has told.
    pub(super) times: Option<DialTimes>,
}

impl PersistConn {
    /// new takes a socket for which [`prepare_socket`] was called, the session that was made on it, and what that agreed
    /// on with the server.
    pub(super) fn new(
        pool: Arc<PoolCore>,
        route: Route,
        d: Dialed,
        tls: Option<Box<Tls>>,
        info: Option<TlsInfo>,
    ) -> PersistConn {
        let first = pool.settings().read_buffer;
        PersistConn {
            fd: d.fd,
            pool,
            route,
            tls,
            info: info.map(Arc::new),
            remote: d.remote,
            local: d.local,
            buf: vec![0; first],
            first,
            start: 0,
            end: 0,
            reused: false,
            idle_since: Instant::now(),
            idle_for: None,
            times: None,
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(super) fn pool(&self) -> &Arc<PoolCore> {
        &self.pool
    }

    pub(super) fn route(&self) -> &Route {
        &self.route
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

    pub(super) fn consume_all(&mut self) {
        self.consume(self.end - self.start);
    }

    /// fill receives what is there behind what is buffered; `Ok(0)` is the peer's end.
    pub(super) fn fill(&mut self, until: Deadline) -> Result<usize, IoError> {
        self.fill_by(|fd, buf| recv_until(fd, buf, until))
    }

    /// fill_now is [`PersistConn::fill`] that does not wait; nothing there is `None`.
    pub(super) fn fill_now(&mut self) -> Result<Option<usize>, IoError> {
        match self.fill_by(recv_now) {
            Ok(n) => Ok(Some(n)),
            Err(IoError::Os(e)) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn fill_by(
        &mut self,
        recv: impl Fn(RawFd, &mut [u8]) -> Result<usize, IoError>,
    ) -> Result<usize, IoError> {
        self.make_room().map_err(IoError::Failed)?;
        let fd = self.fd();
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        let n = match &mut self.tls {
            Some(tls) => tls.read(room, &mut |b| recv(fd, b))?,
            None => recv(fd, room)?,
        };
        self.end += n;
        Ok(n)
    }

    /// read receives past the buffer, which must be empty, straight to its destination.
    pub(super) fn read(&mut self, out: &mut [u8], until: Deadline) -> Result<usize, IoError> {
        let fd = self.fd();
        match &mut self.tls {
            Some(tls) => tls.read(out, &mut |b| recv_until(fd, b, until)),
            None => recv_until(fd, out, until),
        }
    }

    /// write sends what goes without waiting; nothing at all is `WouldBlock`. What TLS has taken and not sent is
    /// kept: [`PersistConn::has_unsent`].
    pub(super) fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<Written> {
        let fd = self.fd();
        if let Some(tls) = &mut self.tls {
            return tls.write(parts, &mut |b| sys::send(fd, b, sys::MSG_DONTWAIT));
        }
        // sendmsg has the kernel read two structures more: 75 ns of the 2.6 us that sending and receiving cost.
        let n = match parts {
            [[], []] => 0,
            [one, []] | [[], one] => sys::send(fd, one, sys::MSG_DONTWAIT)?,
            both => sys::sendmsg(fd, &both.map(IoSlice::new), sys::MSG_DONTWAIT)?,
        };
        Ok(Written { taken: n, sent: n })
    }

    /// has_unsent: something that was written waits for the socket.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|t| t.has_unsent())
    }

    /// unsent is how much of what was written waits for the socket.
    pub(super) fn unsent(&self) -> usize {
        self.tls.as_ref().map_or(0, |t| t.unsent())
    }

    /// has_buffered tells that reading gives something that is here already.
    pub(super) fn has_buffered(&self) -> bool {
        self.tls.as_ref().is_some_and(|t| t.has_buffered())
    }

    /// room is how much is received at once, and widen and narrow change it while nothing is buffered.
    pub(super) fn room(&self) -> usize {
        self.buf.len()
    }

    pub(super) fn widen(&mut self, room: usize) {
        let more = room.saturating_sub(self.buf.len());
        if self.start == self.end && memory::grow_exact(&mut self.buf, more).is_ok() {
            self.buf.resize(self.buf.len() + more, 0);
        }
    }

    pub(super) fn narrow(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.shrink_buffers();
        }
        if self.start == self.end && self.buf.len() > self.first {
            self.buf = vec![0; self.first];
        }
    }

    /// wait_io is [`wait`], but does not wait for the socket while there is something to read already.
    pub(super) fn wait_io(&self, events: i16, until: Option<Instant>) -> Result<i16, IoError> {
        match &self.tls {
            Some(tls) if tls.has_buffered() => Ok(sys::POLLIN),
            _ => wait(self.fd(), events, until),
        }
    }

    /// was_truncated tells, of a connection that has ended, that its peer did not say so itself: anybody on the way can
    /// end a TCP connection, and what ends with it may be a part (RFC 8446, 6.1).
    pub(super) fn was_truncated(&self) -> bool {
        self.tls.as_ref().is_some_and(|t| !t.was_closed())
    }

    fn make_room(&mut self) -> crate::error::Result<()> {
        if self.start > 0 && self.end == self.buf.len() {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buf.len() {
            let len = self.buf.len();
            memory::grow_exact(&mut self.buf, len)?;
            self.buf.resize(len * 2, 0);
        }
        Ok(())
    }

    /// prepare_for_reuse readies the connection for the pool; `false`: there is more to read than was asked for.
    pub(super) fn prepare_for_reuse(&mut self) -> bool {
        if let Some(tls) = &mut self.tls {
            if !tls.process_buffered() {
                return false;
            }
            tls.shrink_buffers();
        }
        (self.start, self.end) = (0, 0);
        if self.buf.len() > KEEP_BUFFER.max(self.first) {
            self.buf = vec![0; self.first];
        }
        self.reused = true;
        true
    }

    /// trace_step is what a request's trace is told of the connection that it has got.
    pub(super) fn trace_step(&self) -> TraceStep {
        TraceStep::GotConn { remote: self.remote, reused: self.reused, idle: self.idle_for }
    }

    /// is_quiet: nothing has come, but for TLS's own records, which are dealt with. It is called before each reuse: an end
    /// makes a connection unusable, and bytes that nobody asked for must never answer the next request.
    pub(super) fn is_quiet(&mut self) -> bool {
        let fd = self.fd();
        match &mut self.tls {
            Some(tls) => tls.is_quiet(&mut |b| recv_now(fd, b)),
            None => sys::is_quiet(fd),
        }
    }

    /// into_duplex hands the connection over. It counts in the pool until that has ended.
    pub(super) fn into_duplex(mut self: Box<PersistConn>) -> io::Result<Duplex> {
        // This one closes its descriptor with itself.
        let fd = self.fd.try_clone()?;
        // The pool's receive timeout is of no meaning there: it never waits in a receive.
        Ok(Duplex::new(DuplexParts {
            fd,
            tls: self.tls.take().map(|t| Arc::new(Mutex::new(t)) as Arc<dyn DuplexTls>),
            ahead: self.buffered().to_vec(),
            remote: self.remote,
            local: self.local,
            info: self.info.clone(),
            origin: self,
        }))
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// failure puts a failed system call into Go's words.
    pub(super) fn failure(&self, op: &str, e: &io::Error) -> Error {
        let what = format!("{op} {}: {op}", endpoints_text(self.local, self.remote));
        debug_assert!(!sys::os_text(e).is_empty());
        Error::io(Kind::Io, what, e)
    }
}

impl Drop for PersistConn {
    fn drop(&mut self) {
        let fd = self.fd();
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify(&mut |b| sys::send(fd, b, sys::MSG_DONTWAIT));
        }
        self.pool.clone().conn_closed(&self.route);
        log::emit(Level::Info, || format!("nethttp: connection to {} ended", self.route.address()));
    }
}

/// prepare_socket readies a fresh socket for [`recv_until`].
pub(super) fn prepare_socket(fd: RawFd) -> io::Result<()> {
    sys::set_recv_timeout(fd, SLICE)
}

fn recv_now(fd: RawFd, buf: &mut [u8]) -> Result<usize, IoError> {
    sys::recv(fd, buf, sys::MSG_DONTWAIT).map_err(IoError::Os)
}

/// Deadline is the end of a wait that begins at once, so that it need not look at the clock again.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Option<Instant>,
    /// It comes before the socket's own timeout.
    near: bool,
}

impl Deadline {
    pub(super) fn new(at: Option<Instant>, now: Instant) -> Deadline {
        Deadline { at, near: at.is_some_and(|at| at.saturating_duration_since(now) < SLICE) }
    }

    /// after ends a wait that lasts so long.
    pub(super) fn after(wait: Duration, now: Instant) -> Deadline {
        Deadline { at: Some(now + wait), near: wait < SLICE }
    }
}

/// recv_until receives into `buf`, waiting for no longer than that.
pub(super) fn recv_until(fd: RawFd, buf: &mut [u8], until: Deadline) -> Result<usize, IoError> {
    before_block();
    let mut near = until.near;
    loop {
        let mut flags = 0;
        if near {
            wait(fd, sys::POLLIN, until.at)?;
            flags = sys::MSG_DONTWAIT;
        }
        match sys::recv(fd, buf, flags) {
            Ok(n) => return Ok(n),
            // The slice has passed, or a wake came for nothing: the clock decides above.
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                near = Deadline::new(until.at, Instant::now()).near;
            }
            Err(e) => return Err(IoError::Os(e)),
        }
    }
}

/// wait answers which of `events` are there; errors and hang-ups count as all of them.
pub(super) fn wait(fd: RawFd, events: i16, until: Option<Instant>) -> Result<i16, IoError> {
    before_block();
    loop {
        let left = until.map(|at| at.saturating_duration_since(Instant::now()));
        let mut fds = [sys::poll_fd(fd, events)];
        let n = sys::poll(&mut fds, left.map_or(-1, sys::millis)).map_err(IoError::Os)?;
        if n > 0 {
            let got = fds[0].revents;
            return Ok(if got & !events != 0 { events } else { got });
        }
        if left.is_some_and(|l| l.is_zero()) {
            return Err(IoError::Deadline);
        }
    }
}

//! `TlsSession`: a connection's TLS session, as its reader and its writer share it.
//!
//! A session is one object, while a body is read by one thread and the answer written by another. Its lock is held
//! for as long as it takes to encrypt, to decrypt, and for system calls that do not wait; who waits for the socket
//! has let go of it. So a blocked write does not stop a read.

use super::output::write_error;
use crate::duplex::DuplexTls;
use crate::error::Result;
use crate::message::protocols::Protocols;
use crate::net::tls::TlsInfo;
use crate::net::tls::{AcceptState, IoError, ServerAlpn, ServerIdentity, Tls, TlsBuffers};
use crate::sync::{Mutex, MutexGuard, OnceLock};
use crate::sys;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};

pub(crate) struct TlsSession {
    /// The connection's, which lives longer; another one once that is handed over.
    fd: AtomicI32,
    info: OnceLock<Arc<TlsInfo>>,
    calls_program: bool,
    state: Mutex<TlsSessionState>,
}

struct TlsSessionState {
    tls: Tls,
    /// The last read left nothing behind in the socket.
    drained: bool,
}

/// TlsRead is what one read has brought.
#[derive(Clone, Copy)]
pub(super) struct TlsRead {
    pub(super) n: usize,
    /// There may be more, of which no event will tell.
    pub(super) more: bool,
}

impl TlsSession {
    pub(super) fn new(identity: &ServerIdentity, protocols: Protocols, fd: RawFd) -> Result<TlsSession> {
        let alpn = match (protocols.has(Protocols::HTTP1), protocols.has(Protocols::HTTP2)) {
            (true, false) => ServerAlpn::Http1,
            (true, true) => ServerAlpn::Both,
            (false, _) => ServerAlpn::Http2,
        };
        let state = TlsSessionState { tls: Tls::server(identity, alpn)?, drained: true };
        let (asks_program, state) = (identity.calls_program(), Mutex::new(state));
        Ok(TlsSession { fd: AtomicI32::new(fd), info: OnceLock::new(), calls_program: asks_program, state })
    }

    fn fd(&self) -> RawFd {
        self.fd.load(Ordering::Relaxed)
    }

    /// move_to has the session go on with another descriptor of the same socket.
    pub(super) fn move_to(&self, fd: RawFd) {
        self.fd.store(fd, Ordering::Relaxed);
    }

    pub(super) fn set_info(&self, info: &Arc<TlsInfo>) {
        let _ = self.info.set(info.clone());
    }

    /// info is what was agreed on, once the handshake is over.
    pub(super) fn info(&self) -> Option<Arc<TlsInfo>> {
        self.info.get().cloned()
    }

    fn state(&self) -> MutexGuard<'_, TlsSessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// calls_program: the handshake calls the program, which may block.
    pub(super) fn calls_program(&self) -> bool {
        self.calls_program
    }

    /// accept goes on with the handshake; beside its answer: whether there may be more to read.
    pub(super) fn accept(&self) -> (AcceptState, bool) {
        let fd = self.fd();
        let TlsSessionState { tls, drained } = &mut *self.state();
        let mut recv = |b: &mut [u8]| receive(fd, b, drained);
        let accept = tls.accept(&mut recv, &mut |b| sys::send(fd, b, sys::MSG_DONTWAIT));
        (accept, !*drained || tls.has_buffered())
    }

    /// read gives data; `WouldBlock` where there is none now.
    pub(super) fn read(&self, buf: &mut [u8]) -> std::result::Result<TlsRead, IoError> {
        let fd = self.fd();
        let TlsSessionState { tls, drained } = &mut *self.state();
        let n = tls.read(buf, &mut |b| receive(fd, b, drained))?;
        Ok(TlsRead { n, more: n == 0 || !*drained || tls.has_buffered() || tls.was_closed() })
    }

    /// encrypt makes records of `text`, and tells how many bytes wait to be sent.
    pub(super) fn encrypt(&self, text: &[u8]) -> Result<usize> {
        let mut state = self.state();
        state.tls.encrypt(text)?;
        Ok(state.tls.unsent())
    }

    /// send makes records of `text`, and sends what the socket takes; `true`: everything.
    pub(super) fn send(&self, text: &[u8]) -> Result<bool> {
        let tls = &mut self.state().tls;
        tls.encrypt(text)?;
        Ok(self.flush_from(tls).map_err(|e| write_error(&e))?.1)
    }

    /// flush sends what the socket takes, and tells how much that was; `true`: everything.
    pub(super) fn flush(&self) -> io::Result<(usize, bool)> {
        self.flush_from(&mut self.state().tls)
    }

    fn flush_from(&self, tls: &mut Tls) -> io::Result<(usize, bool)> {
        let fd = self.fd();
        let sent = match tls.flush(&mut |b| sys::send(fd, b, sys::MSG_DONTWAIT)) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            sent => sent?,
        };
        Ok((sent, !tls.has_unsent()))
    }

    /// send_close_notify sends close_notify, or the alert that is due, if that goes without waiting.
    pub(super) fn send_close_notify(&self) {
        let fd = self.fd();
        self.state().tls.send_close_notify(&mut |b| sys::send(fd, b, sys::MSG_DONTWAIT));
    }

    pub(super) fn borrow(&self, buffers: &mut TlsBuffers) {
        self.state().tls.borrow(buffers);
    }

    pub(super) fn give_back(&self, buffers: &mut TlsBuffers) {
        self.state().tls.give_back(buffers);
    }
}

impl DuplexTls for TlsSession {
    fn read_now(&self, _: RawFd, buf: &mut [u8]) -> std::result::Result<usize, IoError> {
        let n = self.read(buf)?.n;
        // What the peer asked for in between; it goes out with the next write if it must wait.
        let _ = self.flush();
        Ok(n)
    }

    fn write_now(&self, _: RawFd, data: &[u8]) -> io::Result<(usize, bool)> {
        // No more is taken while something waits: memory is bounded by one piece.
        if !self.flush()?.1 {
            return Ok((0, true));
        }
        let piece = data.get(..data.len().min(PIECE)).unwrap_or_default();
        self.encrypt(piece).map_err(io::Error::other)?;
        Ok((piece.len(), !self.flush()?.1))
    }

    fn was_closed(&self) -> bool {
        self.state().tls.was_closed()
    }

    fn send_close_notify(&self, _: RawFd) {
        TlsSession::send_close_notify(self);
    }
}

/// PIECE is how much one write of a connection that was handed over takes.
const PIECE: usize = 64 * 1024;

fn receive(fd: RawFd, buf: &mut [u8], drained: &mut bool) -> std::result::Result<usize, IoError> {
    let n = sys::recv(fd, buf, sys::MSG_DONTWAIT).map_err(IoError::Os);
    *drained = n.as_ref().map_or(true, |n| *n < buf.len());
    n
}

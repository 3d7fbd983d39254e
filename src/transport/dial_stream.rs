//! `DialStream`: a connection that is being made: the socket, and the TLS of the proxy at its other end.

use super::conn::{Deadline, IoError, recv_until, wait};
use crate::error::{Error, Kind, Phase, Result};
use crate::net::dial::{Dialed, endpoints_text};
use crate::net::tls::{self, ClientIdentity, HandshakeIo, PeerKind, Tls, TlsInfo};
use crate::sys;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

pub(super) struct DialStream<'a> {
    pub(super) dialed: &'a Dialed,
    pub(super) tls: Option<Box<Tls>>,
}

/// DialSocket waits up to `until`.
struct DialSocket<'a> {
    dialed: &'a Dialed,
    until: Option<Instant>,
}

impl DialSocket<'_> {
    fn fd(&self) -> RawFd {
        self.dialed.fd.as_raw_fd()
    }
}

impl HandshakeIo for DialSocket<'_> {
    fn recv(&mut self, buf: &mut [u8]) -> std::result::Result<usize, IoError> {
        recv_until(self.fd(), buf, Deadline::new(self.until, Instant::now()))
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sys::send(self.fd(), bytes, sys::MSG_DONTWAIT)
    }

    fn wait_to_send(&mut self) -> std::result::Result<(), IoError> {
        wait(self.fd(), sys::POLLOUT, self.until).map(drop)
    }

    fn failure(&self, op: &str, e: &io::Error) -> Error {
        Error::io(
            Kind::Io,
            format!("{op} {}: {op}", endpoints_text(self.dialed.local, self.dialed.remote)),
            e,
        )
    }
}

impl DialStream<'_> {
    fn socket(&self, until: Option<Instant>) -> DialSocket<'_> {
        DialSocket { dialed: self.dialed, until }
    }

    /// secure makes a session with `host`, inside the one that is there.
    pub(super) fn secure(
        &mut self,
        identity: &ClientIdentity,
        end: PeerKind,
        host: &str,
        until: Option<Instant>,
    ) -> Result<TlsInfo> {
        let below = self.tls.take();
        let (tls, info) = tls::handshake(identity, end, host, below, &mut self.socket(until))?;
        self.tls = Some(tls);
        Ok(info)
    }

    /// send_all sends what a proxy is asked.
    pub(super) fn send_all(&mut self, mut bytes: &[u8], until: Option<Instant>) -> Result<()> {
        let mut socket = DialSocket { dialed: self.dialed, until };
        while !bytes.is_empty() || self.tls.as_ref().is_some_and(|t| t.has_unsent()) {
            let result = match &mut self.tls {
                Some(tls) => tls.write([bytes, &[]], &mut |b| socket.send(b)).map(|w| w.taken),
                None => socket.send(bytes),
            };
            match result {
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    socket.wait_to_send().map_err(|s| io_error(s, "write", &socket))?;
                }
                Err(e) => return Err(socket.failure("write", &e).with_phase(Phase::Proxy)),
            }
        }
        Ok(())
    }

    /// recv is what a proxy has answered; its end is an error.
    pub(super) fn recv(&mut self, buf: &mut [u8], until: Option<Instant>) -> Result<usize> {
        let mut socket = DialSocket { dialed: self.dialed, until };
        let result = match &mut self.tls {
            Some(tls) => tls.read(buf, &mut |b| socket.recv(b)),
            None => socket.recv(buf),
        };
        match result {
            Ok(0) => Err(Error::new(Kind::Proxy, "unexpected EOF").with_phase(Phase::Proxy)),
            Ok(n) => Ok(n),
            Err(s) => Err(io_error(s, "read", &socket)),
        }
    }

    /// recv_exact fills the buffer.
    pub(super) fn recv_exact(&mut self, buf: &mut [u8], until: Option<Instant>) -> Result<()> {
        let mut at = 0;
        while at < buf.len() {
            at += self.recv(buf.get_mut(at..).unwrap_or_default(), until)?;
        }
        Ok(())
    }
}

fn io_error(s: IoError, op: &str, socket: &DialSocket<'_>) -> Error {
    let e = match s {
        IoError::Deadline => Error::new(Kind::Timeout, "net/http: timeout awaiting the proxy's answer"),
        IoError::Os(e) => socket.failure(op, &e),
        IoError::Failed(e) => e,
    };
    e.with_phase(Phase::Proxy)
}

//! The TLS handshake of a dial: on its thread, on its socket, within its time.

use super::conn::{Stop, recv_until, wait};
use crate::error::{Error, Kind, Result};
use crate::net::cancel::{CancelToken, canceled};
use crate::net::dial::Dialed;
use crate::net::sys;
use crate::net::tls::{self, Identity, Info, Io, Tls};
use std::io;
use std::os::fd::AsRawFd;
use std::time::Instant;

/// handshake makes a session with `host` over a connected socket; the token ends it.
pub(super) fn handshake(
    identity: &Identity,
    host: &str,
    dialed: &Dialed,
    until: Option<Instant>,
    closing: &CancelToken,
) -> Result<(Box<Tls>, Info)> {
    let _registered = closing.register_socket(dialed.fd.as_raw_fd()).ok_or_else(canceled)?;
    tls::handshake(identity, host, None, &mut Socket { dialed, until })
}

struct Socket<'a> {
    dialed: &'a Dialed,
    until: Option<Instant>,
}

impl Io for Socket<'_> {
    fn recv(&mut self, buf: &mut [u8]) -> std::result::Result<usize, Stop> {
        recv_until(self.dialed.fd.as_raw_fd(), buf, self.until)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sys::send(self.dialed.fd.as_raw_fd(), bytes, sys::MSG_DONTWAIT)
    }

    fn wait_to_send(&mut self) -> std::result::Result<(), Stop> {
        wait(self.dialed.fd.as_raw_fd(), sys::POLLOUT, self.until).map(drop)
    }

    fn failure(&self, op: &str, e: &io::Error) -> Error {
        Error::io(Kind::Io, format!("{op} tcp {}->{}: {op}", self.dialed.local, self.dialed.remote), e)
    }
}

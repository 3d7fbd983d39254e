//! The handshake, driven to its end.

use super::stream::TlsStep;
use super::{ClientIdentity, IoError, PeerKind, Tls, TlsInfo};
use crate::error::{Error, Kind, Phase, Result};
use rustls::pki_types::ServerName;
use std::io;

/// HandshakeIo is a stream that waits: up to its own deadline, or until its descriptor is shut down.
pub trait HandshakeIo {
    fn recv(&mut self, buf: &mut [u8]) -> std::result::Result<usize, IoError>;
    /// send sends a part; `WouldBlock` is followed by `wait_to_send`.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;
    fn wait_to_send(&mut self) -> std::result::Result<(), IoError>;
    /// failure puts a failed system call into words.
    fn failure(&self, op: &str, e: &io::Error) -> Error;
}

/// handshake makes a session with the server of that name. `outer` is the session that it runs inside of.
pub fn handshake(
    identity: &ClientIdentity,
    end: PeerKind,
    host: &str,
    outer: Option<Box<Tls>>,
    io: &mut dyn HandshakeIo,
) -> Result<(Box<Tls>, TlsInfo)> {
    let name = identity.server_name(host);
    let parsed = server_name(&name)?;
    let mut tls = Box::new(Tls::new(identity, end, parsed, outer)?);
    match run(&mut tls, io) {
        Ok(()) => {
            let info = super::info::info(tls.session.common(), &name);
            Ok((tls, info))
        }
        Err(e) => {
            // The alert that says why; whether it arrives is not ours to wait for.
            let _ = tls.flush(&mut |b| io.send(b));
            let plain = e.kind() == Kind::Tls && e.tls_alert().is_none() && tls.first.starts_with(b"HTTP/");
            let e = match plain {
                true => Error::new(Kind::Tls, "http: server gave HTTP response to HTTPS client"),
                false => e,
            };
            Err(e.with_phase(Phase::TlsHandshake))
        }
    }
}

fn run(tls: &mut Tls, io: &mut dyn HandshakeIo) -> Result<()> {
    loop {
        match tls.step(&mut [], &[])? {
            TlsStep::NeedInput(true) => return flush(tls, io),
            TlsStep::NeedInput(false) => {
                flush(tls, io)?;
                tls.receive(&mut |b| io.recv(b)).map_err(|s| io_error(s, "read", io))?;
                if tls.is_ended() {
                    let text = if tls.input.is_empty() { "EOF" } else { "unexpected EOF" };
                    return Err(Error::new(Kind::UnexpectedEof, text));
                }
            }
            _ => {}
        }
    }
}

fn flush(tls: &mut Tls, io: &mut dyn HandshakeIo) -> Result<()> {
    while tls.has_unsent() {
        match tls.flush(&mut |b| io.send(b)) {
            Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(io.failure("write", &e)),
            _ if !tls.has_unsent() => {}
            _ => io.wait_to_send().map_err(|s| io_error(s, "write", io))?,
        }
    }
    Ok(())
}

fn io_error(s: IoError, op: &str, io: &dyn HandshakeIo) -> Error {
    match s {
        IoError::Deadline => Error::new(Kind::Timeout, "net/http: TLS handshake timeout"),
        IoError::Os(e) => io.failure(op, &e),
        IoError::Failed(e) => e,
    }
}

/// server_name is what the certificate must be for: a name, or an address without its zone.
fn server_name(host: &str) -> Result<ServerName<'static>> {
    let host = match host.split_once('%') {
        Some((ip, _)) if ip.contains(':') => ip,
        _ => host.strip_suffix('.').unwrap_or(host),
    };
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Error::new(Kind::Invalid, format!("tls: {host:?} is no name that a certificate could have"))
            .with_phase(Phase::TlsHandshake)
    })
}

//! TLS for clients and servers: rustls without a socket. Bytes come and go through closures, so that whoever owns the
//! descriptor decides how it waits, and one session can run inside another.
//!
//! * [`TlsSettings`]: what a program may choose. [`ClientIdentity`]: the same, made ready, with its session cache.
//! * [`ServerIdentity`]: the same for a server's listener. `client_auth`: which clients it lets in.
//! * [`Tls`]: one session, of either role. [`handshake`], [`AcceptState`]: its start. [`TlsInfo`]: what was agreed on.
//! * `verify`, `roots`, `names`, `x509`: whom to trust. `text`: failures in Go's words.

mod accept;
mod buffer;
mod client_auth;
mod config;
mod handshake;
mod info;
mod names;
mod pem;
mod roots;
mod server;
mod session;
mod signature;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod verify;
mod x509;

pub use crate::message::tls_info::TlsInfo;
pub use accept::{AcceptState, TlsBuffers};
pub use client_auth::ClientAuth;
pub use config::{ClientIdentity, PeerKind, TlsSettings, TlsVersion, parse_certificates, parse_key};
pub use handshake::{HandshakeIo, handshake};
pub use server::{ServerAlpn, ServerIdentity};
pub use stream::{Tls, Written};
pub use text::from_rustls;
pub use verify::Verify;

use crate::error::Error;
use std::io;

/// IoError is why nothing could be received or sent.
#[derive(Debug)]
pub enum IoError {
    Deadline,
    Os(io::Error),
    Failed(Error),
}

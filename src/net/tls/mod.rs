//! TLS for clients: rustls without a socket. Bytes come and go through closures, so that whoever owns the
//! descriptor decides how it waits, and one session can run inside another.
//!
//! * [`Settings`]: what a program may choose. [`Identity`]: the same, made ready, with its session cache.
//! * [`Tls`]: one session. [`handshake`]: its start. [`Info`]: what was agreed on.
//! * `verify`, `roots`: whom to trust. `text`: failures in Go's words.

mod block;
mod config;
mod handshake;
mod info;
mod roots;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod verify;

pub use config::{Identity, Settings, Version, parse_certificates, parse_key};
pub use handshake::{Io, handshake};
pub use info::Info;
pub use stream::{Tls, Written};
pub use text::from_rustls;
pub use verify::Verify;

use crate::error::Error;
use std::io;

/// Stop is why nothing could be received or sent.
#[derive(Debug)]
pub enum Stop {
    Deadline,
    Os(io::Error),
    Tls(Error),
}

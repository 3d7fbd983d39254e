//! HTTP/2 without I/O (RFC 9113): bytes in, events out; no socket, no clock.

pub mod error;
pub mod frame;
pub mod hpack;

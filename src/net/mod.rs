//! Sockets: system calls, addresses, the resolver, dialing, cancellation, TLS. No HTTP.

pub mod addr;
pub mod cancel;
pub mod dial;
pub mod event_fd;
pub mod resolve;
pub mod tls;

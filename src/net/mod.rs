//! Sockets: system calls, addresses, the resolver, dialing, cancellation. No HTTP.

pub mod addr;
pub mod cancel;
pub mod dial;
pub mod event;
pub mod resolve;
pub mod sys;

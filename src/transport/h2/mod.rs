//! HTTP/2 on the client: the driver of [`crate::h2`]'s engine; Go's `http2.Transport`.
//!
//! * `conn`: a connection that requests share, and its lock. `gate`: how many it takes. `config`: its settings.
//! * `drive`: who waits for the socket. `parker`, `seat`: how the others wait. `receive`, `slot`: what comes, by stream.
//! * `flow`, `exchange`, `fields`, `body`: one stream as its caller has it. `errors`: how they fail.
//! * `care`: what the sweep does for it.

mod body;
mod care;
mod config;
mod conn;
mod drive;
mod errors;
mod exchange;
mod fields;
mod flow;
mod gate;
mod parker;
mod receive;
mod seat;
mod slot;

pub(super) use conn::{H2Conn, Lease};
pub(super) use exchange::run;

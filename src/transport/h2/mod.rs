//! HTTP/2 on the client: the driver of [`crate::h2`]'s engine; Go's `http2.Transport`.
//!
//! * `conn`: a connection that requests share, and its lock. `stream_quota`: how many it takes. `config`: its settings.
//! * `leader`: who waits for the socket. `parker`, `futex_set`: how the others wait. `receive`, `recv_stream`: what comes, by stream.
//! * `client_stream`, `exchange`, `fields`, `body`: one stream as its caller has it. `errors`: how they fail.
//! * `maintenance`: what the sweep does for it.

mod body;
mod client_stream;
mod config;
mod conn;
mod errors;
mod exchange;
mod fields;
mod futex_set;
mod leader;
mod maintenance;
mod parker;
mod receive;
mod recv_stream;
mod stream_quota;

pub(super) use conn::{H2Conn, StreamReservation};
pub(super) use exchange::run;

//! HTTP/2: a connection is driven by its shard's leader alone, and each of its streams is a handler's exchange.
//!
//! [`Session`] is the connection: the engine, and the streams that are open. [`Stream`] is what a handler and its
//! connection share of one stream; what a handler off the loop leaves there, the connection is told of by its
//! [`Outbox`]. [`Turn`] is a request with its response writer, which moves to the thread that runs the handler.
//!
//! A handler that runs inline leaves what it does in its stream, where the leader finds it when the call returns. If the
//! shard is taken away meanwhile, the connection has stayed in it and goes on with its other streams, and this one goes
//! by way of the outbox from then on.

mod attend;
mod body;
mod drive;
mod end;
mod events;
mod outbox;
mod sending;
mod session;
mod state;
mod stream;
mod times;
mod turn;

pub(super) use session::Session;
pub(super) use stream::{SharedStream, Stream};
pub(super) use turn::Turn;

/// fields are those of a head that a response writer has written: its first line is left out.
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    let first = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
    let rest = head.get(first..).unwrap_or_default();
    rest.split(|&b| b == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((name, value.get(1..)?.trim_ascii()))
    })
}

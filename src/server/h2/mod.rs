//! HTTP/2: a connection is driven by its shard's leader alone, and each of its streams is a handler's exchange.
//!
//! [`Http2Session`] is the connection: the engine, and the streams that are open. [`ServerStream`] is what a handler and its
//! connection share of one stream; what a handler off the loop leaves there, the connection is told of by its
//! [`Outbox`]. [`StreamExchange`] is a request with its response writer, which moves to the thread that runs the handler.
//!
//! A handler that runs inline leaves what it does in its stream, where the leader finds it when the call returns. If the
//! shard is taken away meanwhile, the connection has stayed in it and goes on with its other streams, and this one goes
//! by way of the outbox from then on.

mod body;
mod connection;
mod end;
mod events;
mod outbox;
mod sending;
mod session;
mod stream;
mod stream_exchange;
mod stream_output;
mod stream_state;
mod times;

pub(super) use session::Http2Session;
pub(super) use stream::{ServerStream, SharedStream};
pub(super) use stream_exchange::StreamExchange;

//! `Event`: what came.

use super::error::{ErrorCode, Fault};
use super::head::Head;
use std::ops::Range;

/// Event is one step of the peer's, in the order of the wire.
#[derive(Debug)]
pub enum Event {
    /// The peer's settings came, or changed.
    Settings,
    /// A request, or a response; one below 200 is informational and another follows. Where the list was too large
    /// the stream is intact, and what the head has is what came before the limit.
    Headers { id: u32, head: Box<Head>, end: bool },
    /// A piece of a body: a range of the input of this call. Each byte is to be given back by `release`, once, whatever
    /// becomes of its stream.
    Data { id: u32, range: Range<usize>, end: bool },
    /// The body's end, with a trailer.
    Trailers { id: u32, head: Box<Head> },
    /// The stream is gone. REFUSED_STREAM: it was not processed, and the request may be sent again.
    Reset { id: u32, code: ErrorCode, by_peer: bool },
    /// A window that was empty is not any more; 0 is the connection's.
    Window { id: u32 },
    /// The peer will not process streams above `last`; those that there are get their `Reset` right after.
    GoAway { last: u32, code: ErrorCode, debug: Box<[u8]> },
    /// The answer to a ping of ours.
    Pong { data: [u8; 8] },
    /// The connection is over: send the output, then close.
    Closed { fault: Fault },
}

//! Streams: whole messages on any stream of the program's (Go's `ReadRequest` and `ReadResponse`), without a socket and a
//! thread; [`crate::duplex`] is a connection whose bytes are the program's.
//!
//! [`MessageReader`] is Go's `bufio.MessageReader` before a message and while its body is read. A body reads on from the same
//! stream, so it must be at its end before the next message is asked for.

mod body;
mod read;

pub use read::{ByteFeed, DEFAULT_HEAD, MessageReader};

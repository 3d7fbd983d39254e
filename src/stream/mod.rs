//! Streams: whole messages on any stream of the program's (Go's `ReadRequest` and `ReadResponse`), without a socket and a
//! thread; and [`Duplex`], a connection whose bytes are the program's.
//!
//! [`Reader`] is Go's `bufio.Reader` before a message and while its body is read. A body reads on from the same
//! stream, so it must be at its end before the next message is asked for.

mod body;
mod duplex;
mod read;

pub use duplex::{Duplex, Parts, Session};
pub use read::{DEFAULT_HEAD, Feed, Reader};

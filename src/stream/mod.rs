//! Whole messages on any stream: Go's `ReadRequest` and `ReadResponse`. No socket and no thread: the program's own
//! function gives the bytes.
//!
//! [`Reader`] is Go's `bufio.Reader` before a message and while its body is read. A body reads on from the same
//! stream, so it must be at its end before the next message is asked for.

mod body;
mod read;

pub use read::{DEFAULT_HEAD, Feed, Reader};

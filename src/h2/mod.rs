//! HTTP/2 without I/O (RFC 9113): bytes in, events out; no socket, no clock.
//!
//! An [`Engine`] is one connection. [`Engine::recv`] takes bytes and appends [`Event`]s; what is to be sent is gathered
//! in its output. `docs/http2.md` tells how a driver uses it, and which limits there are.

mod byte_queue;
mod control;
mod data;
mod engine;
pub mod error;
mod event;
mod flood_limits;
mod flow;
pub mod frame;
mod head;
mod headers;
pub mod hpack;
mod options;
mod priority;
mod recv;
mod send;
mod settings;
mod stream_map;
mod streams;

pub use byte_queue::ByteQueue;
pub use engine::Engine;
pub use error::{ErrorCode, Fault};
pub use event::Event;
pub use flow::DEFAULT_WINDOW;
pub use head::Head;
pub use options::{CountError, Options};
pub use priority::Priority;
pub use send::{Fields, RequestHead, SendError};
pub use settings::{EngineConfig, PeerSettings};
pub use stream_map::StreamMap;

#[cfg(test)]
mod tests;

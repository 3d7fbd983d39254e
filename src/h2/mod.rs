//! HTTP/2 without I/O (RFC 9113): bytes in, events out; no socket, no clock.
//!
//! An [`Engine`] is one connection. [`Engine::recv`] takes bytes and appends [`Event`]s; what is to be sent is gathered
//! in its output. `docs/http2.md` tells how a driver uses it, and which limits there are.

mod control;
mod data;
mod engine;
pub mod error;
mod event;
mod flow;
pub mod frame;
mod guard;
mod head;
mod headers;
pub mod hpack;
mod ids;
mod options;
mod priority;
mod queue;
mod recv;
mod send;
mod settings;
mod streams;

pub use engine::Engine;
pub use error::{Code, Fault};
pub use event::Event;
pub use flow::DEFAULT_WINDOW;
pub use head::Head;
pub use ids::ById;
pub use options::{CountError, Options};
pub use priority::Priority;
pub use queue::Queue;
pub use send::{Fields, Refusal, RequestHead};
pub use settings::{Config, PeerSettings};

#[cfg(test)]
mod tests;

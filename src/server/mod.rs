//! The server: listeners, connections and exchanges over the runtime (Go's `server.go`).
//!
//! [`Server`] is what a program holds; [`conn`] is one HTTP/1.1 connection as the runtime drives it;
//! [`exchange`] is a thread's buffers with the request and the [`ResponseWriter`] in them; [`wire`] is the
//! socket as both of them share it.

mod alarms;
pub mod answers;
mod arrive;
mod bound;
mod clock;
mod conn;
mod detach;
mod dispatch;
mod drive;
mod driver;
mod exchange;
mod gone;
mod h2;
mod hooks;
mod input;
mod line;
mod listen;
mod output;
mod over;
mod park;
mod peer_timeouts;
mod reject;
mod secure;
mod settings;
mod shared;
mod start;
mod stop;
mod wire;
mod writer;

pub use hooks::{Access, ConnState, Hooks, LogAccess, LogErrors, Peer, WatchConns};
pub use listen::Source;
pub use over::Over;
pub use peer_timeouts::MinRate;
pub use settings::Settings;
pub use shared::Value;
pub use stop::Server;
pub use writer::{Later, ResponseWriter};

use crate::message::request::Request;
use crate::mux::Mux;
use std::sync::Arc;

/// Handler answers requests; it may block. A handler that returns without writing sends 200 with no body.
pub trait Handler: Send + Sync {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request);

    /// as_mux is the mux that this is, if it is one: a server serves it without a detour.
    fn as_mux(self: Arc<Self>) -> Option<Arc<Mux>> {
        None
    }
}

impl<F: Fn(&mut ResponseWriter, &mut Request) + Send + Sync> Handler for F {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        self(w, r);
    }
}

#[cfg(test)]
mod tests;

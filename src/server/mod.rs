//! The server: listeners, connections and exchanges over the runtime (Go's `server.use_go_defaults`).
//!
//! [`Server`] is what a program holds; [`conn`] is one HTTP/1.1 connection as the runtime drives it;
//! [`exchange_buffers`] is a thread's buffers with the request and the [`ResponseWriter`] in them; [`http1_io`] is the
//! socket as both of them share it.

mod admit;
mod clock;
mod conn;
mod connection;
mod deadline_thread;
mod detach;
mod disconnect;
mod dispatch;
mod driver;
mod exchange_buffers;
mod fairness;
mod h2;
mod http1_io;
mod input;
mod keep_alive;
mod lifecycle;
mod listen;
mod observers;
mod output;
mod peer_timeouts;
mod reject;
mod response_sink;
pub mod responses;
mod server_core;
mod settings;
mod start;
mod tls_session;
mod wrapped_writer;
mod writer;

pub use lifecycle::Server;
pub use listen::AcceptSource;
pub use observers::{
    AccessLogger, AccessRecord, ConnState, ConnStateObserver, ErrorLogger, Observers, PeerInfo,
};
pub use peer_timeouts::MinRate;
pub use server_core::NamedValue;
pub use settings::ServerSettings;
pub use wrapped_writer::WrappedWriter;
pub use writer::{DetachedWriter, ResponseWriter};

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

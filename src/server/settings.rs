//! `ServerSettings`: the limits and times of a server, fixed when it starts.

use super::peer_timeouts::MinRate;
use crate::h1::MAX_REQUEST_FIELDS;
use crate::h2::Options;
use crate::message::protocols::Protocols;
use std::time::Duration;

/// ServerSettings with `None` for "no limit" in every time.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Event loops; 0 is one for each CPU.
    pub shards: usize,
    /// Handlers that may run off the loops at once.
    pub max_handlers: usize,
    /// Requests that may wait for a handler thread; more are answered 503.
    pub max_queue: usize,
    /// How long one may wait before it is answered 503.
    pub queue_timeout: Duration,
    /// From a head's first byte (on a new connection: from its acceptance) to its end.
    pub read_header_timeout: Option<Duration>,
    /// From a head's first byte to its body's end: Go's `ReadTimeout`.
    pub read_timeout: Option<Duration>,
    /// From a head's end to its answer's end: Go's `WriteTimeout`.
    pub write_timeout: Option<Duration>,
    /// From an answer to the next request's first byte.
    pub idle_timeout: Option<Duration>,
    /// While a body is being read: from byte to byte.
    pub read_progress: Option<Duration>,
    /// While an answer is being sent: from byte to byte.
    pub write_progress: Option<Duration>,
    /// What a peer must move of a body in a second while more than half of the handlers' threads are taken.
    pub min_rate: Option<MinRate>,
    /// The longest head; Go's `MaxHeaderBytes`, to which 4 KiB of slack are added.
    pub max_header_bytes: usize,
    /// The most fields of a head.
    pub max_header_fields: usize,
    /// The longest request body; `u64::MAX` is no limit.
    pub max_body_bytes: u64,
    pub keep_alive: bool,
    /// Whether the server itself answers `OPTIONS *`.
    pub general_options: bool,
    /// Connections that may be open at once.
    pub max_connections: Option<usize>,
    /// How long a stopping server goes on to accept and to serve, with `Connection: close` in each answer, before
    /// it ends idle connections.
    pub lame_duck: Duration,
    /// Whether other sockets that ask for it too may listen on the same addresses.
    pub reuse_port: bool,
    pub protocols: Protocols,
    pub http2: Options,
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        let s = |n| Some(Duration::from_secs(n));
        ServerSettings {
            shards: 0,
            max_handlers: 4096,
            max_queue: 16384,
            queue_timeout: Duration::from_secs(10),
            read_header_timeout: s(10),
            read_timeout: None,
            write_timeout: None,
            idle_timeout: s(120),
            read_progress: s(30),
            write_progress: s(30),
            min_rate: Some(MinRate { rate: 240, grace: Duration::from_secs(5) }),
            max_header_bytes: 1 << 20,
            max_header_fields: MAX_REQUEST_FIELDS,
            max_body_bytes: u64::MAX,
            keep_alive: true,
            general_options: true,
            max_connections: None,
            lame_duck: Duration::ZERO,
            reuse_port: false,
            protocols: Protocols::default(),
            http2: Options::default(),
        }
    }
}

impl ServerSettings {
    /// use_go_defaults sets the times that Go's zero `Server` has: none.
    pub fn use_go_defaults(&mut self) {
        self.read_header_timeout = None;
        self.idle_timeout = None;
        self.read_progress = None;
        self.write_progress = None;
        self.min_rate = None;
    }

    /// header_timeout is Go's: ReadTimeout where no other is set.
    pub(crate) fn header_timeout(&self) -> Option<Duration> {
        self.read_header_timeout.or(self.read_timeout)
    }

    /// handshake_timeout is Go's: the shortest of the times that the first request would have.
    pub(crate) fn handshake_timeout(&self) -> Option<Duration> {
        [self.read_header_timeout, self.read_timeout, self.write_timeout].into_iter().flatten().min()
    }

    /// http2_progress is how long a peer of HTTP/2 may take nothing.
    pub(crate) fn http2_progress(&self) -> Option<Duration> {
        self.http2.write_byte_timeout.unwrap_or(self.write_progress)
    }

    pub(crate) fn idle(&self) -> Option<Duration> {
        self.idle_timeout.or(self.read_timeout)
    }

    /// head_limit is how many bytes a head may have.
    pub(crate) fn head_limit(&self) -> usize {
        self.max_header_bytes.saturating_add(4096)
    }
}

//! When the parts of an exchange happened: what `curl -w` and Go's httptrace are asked for most.

use std::time::{Duration, Instant};

/// DialTimes is how long the parts of a dial took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialTimes {
    pub resolve: Duration,
    pub connect: Duration,
    /// The handshake with the server itself, not with a proxy.
    pub tls: Option<Duration>,
}

/// Timing is that of one exchange: after redirects, of the last one. Reading it costs nothing more than two looks at the
/// clock in each exchange.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub started: Instant,
    /// A connection was there, or had been made.
    pub connected: Instant,
    /// The request was written, or as much of it as went before the answer came.
    pub sent: Instant,
    pub first_byte: Instant,
    /// The body's last byte was read from the connection, or its end was, where no connection tells.
    pub ended: Option<Instant>,
    /// How the connection was made, if it was made for this exchange and not found idle, or left by another.
    pub dial: Option<DialTimes>,
}

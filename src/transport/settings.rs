//! `Settings`: limits and timeouts of a transport, with the library's defaults and Go's.

use std::time::Duration;

/// Settings are read when an exchange starts; a change counts from the next one on. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Resolution and connect together.
    pub dial: Option<Duration>,
    /// The TLS handshake, from its first byte to its last.
    pub tls_handshake: Option<Duration>,
    /// From the end of the request to the end of the response's head.
    pub head: Option<Duration>,
    /// Between two bytes of a body, in either direction.
    pub progress: Option<Duration>,
    /// How long an announced body waits for `100 Continue` before it is sent all the same.
    pub expect_continue: Duration,
    /// Everything, redirects and the response's body included: Go's `Client.Timeout`.
    pub overall: Option<Duration>,
    pub idle: Option<Duration>,
    /// 0 is no limit.
    pub max_idle: usize,
    pub max_idle_per_host: usize,
    /// 0 is no limit.
    pub max_conns_per_host: usize,
    pub max_head_bytes: usize,
    /// Received at once where it is not known how much comes, and given to the socket at once of a body.
    pub read_buffer: usize,
    pub write_buffer: usize,
    pub keep_alives: bool,
    /// Gzip is asked for, and undone.
    pub compression: bool,
    /// Bytes of a body that was decompressed.
    pub max_decompressed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            dial: Some(Duration::from_secs(30)),
            tls_handshake: Some(Duration::from_secs(10)),
            head: Some(Duration::from_secs(60)),
            progress: Some(Duration::from_secs(60)),
            expect_continue: Duration::from_secs(1),
            overall: None,
            idle: Some(Duration::from_secs(90)),
            max_idle: 100,
            // Go's 2 makes a program with more threads than that dial again and again.
            max_idle_per_host: 32,
            max_conns_per_host: 0,
            max_head_bytes: 1 << 20,
            read_buffer: 4 << 10,
            write_buffer: 64 << 10,
            keep_alives: true,
            compression: true,
            // A bomb must not fill the disk of a program that never asked for gzip.
            max_decompressed: Some(1 << 30),
        }
    }
}

impl Settings {
    /// go are the values of Go's `DefaultTransport` and `DefaultClient`.
    pub fn go() -> Settings {
        Settings {
            head: None,
            progress: None,
            max_idle_per_host: 2,
            max_head_bytes: 10 << 20,
            max_decompressed: None,
            ..Settings::default()
        }
    }
}

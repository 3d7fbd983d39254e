//! `Options`: what a program may choose for HTTP/2, on either side (Go's `HTTP2Config`).

use super::flow::DEFAULT_WINDOW;
use super::frame::{MAX_31, MAX_MAX_FRAME, MIN_MAX_FRAME};
use super::settings::EngineConfig;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// CountError is told the kind of each error, for a metric: lower-case letters, digits and underscores.
pub type CountError = Arc<dyn Fn(&str) + Send + Sync>;

/// Options has `None` for what keeps the default of the side that it is given to.
#[derive(Clone, Default)]
pub struct Options {
    /// A server's: streams that a client may have open.
    pub max_concurrent_streams: Option<u32>,
    /// A client's: wait for a stream of the one connection rather than dial another.
    pub strict_max_concurrent_requests: bool,
    pub max_decoder_header_table_size: Option<u32>,
    pub max_encoder_header_table_size: Option<u32>,
    pub max_read_frame_size: Option<u32>,
    pub max_receive_buffer_per_connection: Option<u32>,
    pub max_receive_buffer_per_stream: Option<u32>,
    /// Without a frame for so long, a ping is sent; `Some(None)`: never.
    pub send_ping_timeout: Option<Option<Duration>>,
    /// How long its answer may take.
    pub ping_timeout: Option<Duration>,
    /// How long nothing of what is to be sent may be taken by the peer; `Some(None)`: for ever.
    pub write_byte_timeout: Option<Option<Duration>>,
    /// A server's: equal turns for all streams.
    pub ignore_priorities: bool,
    /// A server's: extended CONNECT (RFC 8441).
    pub connect_protocol: bool,
    pub count_error: Option<CountError>,
}

impl Options {
    /// What a ping's answer may take where the program does not say; Go's.
    pub const PING_TIMEOUT: Duration = Duration::from_secs(15);
    pub const STREAMS: RangeInclusive<u32> = 1..=MAX_31;
    pub const TABLE: RangeInclusive<u32> = 1..=4 << 20;
    pub const FRAME: RangeInclusive<u32> = MIN_MAX_FRAME..=MAX_MAX_FRAME;
    pub const CONNECTION_BUFFER: RangeInclusive<u32> = DEFAULT_WINDOW..=MAX_31;
    pub const STREAM_BUFFER: RangeInclusive<u32> = 1..=MAX_31;

    /// OVERHEAD is Go's allowance for what HTTP/2 counts besides the bytes of a head: 32 of each of ten fields.
    const OVERHEAD: usize = 320;

    /// config is a side's own, with what the program chose in its place. A head may have `max_head` bytes.
    pub fn config(&self, mut own: EngineConfig, max_head: usize) -> EngineConfig {
        own.max_header_list = u32::try_from(max_head.saturating_add(Options::OVERHEAD)).unwrap_or(u32::MAX);
        self.apply(&mut own);
        own
    }

    fn apply(&self, config: &mut EngineConfig) {
        let set = |to: &mut u32, value: Option<u32>| *to = value.unwrap_or(*to);
        let streams = self.max_concurrent_streams.filter(|_| config.max_streams > 0);
        set(&mut config.max_streams, streams);
        set(&mut config.header_table, self.max_decoder_header_table_size);
        set(&mut config.encoder_table, self.max_encoder_header_table_size);
        set(&mut config.max_frame, self.max_read_frame_size);
        set(&mut config.connection_window, self.max_receive_buffer_per_connection);
        set(&mut config.stream_window, self.max_receive_buffer_per_stream);
        config.ignore_priorities = self.ignore_priorities;
        config.connect_protocol = self.connect_protocol;
    }

    pub fn ping_timeout(&self) -> Duration {
        self.ping_timeout.unwrap_or(Options::PING_TIMEOUT)
    }

    /// count tells the program's metric of an error.
    pub fn count(&self, kind: &str) {
        if let Some(count) = &self.count_error {
            count(kind);
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_keeps_what_is_not_its_own() {
        let options = Options {
            max_concurrent_streams: Some(7),
            max_read_frame_size: Some(1 << 20),
            max_receive_buffer_per_stream: Some(1000),
            ..Options::default()
        };
        let (mut server, mut client) = (EngineConfig::server(), EngineConfig::client());
        options.apply(&mut server);
        options.apply(&mut client);
        assert_eq!((server.max_streams, client.max_streams), (7, 0), "a client takes no streams");
        assert_eq!((server.max_frame, client.stream_window), (1 << 20, 1000));
        assert_eq!(server.connection_window, EngineConfig::server().connection_window);
    }
}

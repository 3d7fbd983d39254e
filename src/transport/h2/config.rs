//! `Http2`: what a program may choose for its HTTP/2 connections (Go's `HTTP2Config`).

use crate::h2::Config;
use crate::transport::settings::Settings;
use std::sync::Arc;
use std::time::Duration;

/// CountError is told a short name of each thing that goes wrong, as Go's `CountError` is, on any thread.
pub type CountError = Arc<dyn Fn(&str) + Send + Sync>;

/// Http2 counts for connections that are made from then on.
#[derive(Clone)]
pub struct Http2 {
    /// A request waits for a place on a connection that there is; else another one is made.
    pub strict: bool,
    pub decoder_table: u32,
    pub max_frame: u32,
    pub connection_window: u32,
    pub stream_window: u32,
    /// A connection on which nothing came for so long is sent a ping; `None` is never.
    pub send_ping: Option<Duration>,
    /// One whose answer takes longer is given up.
    pub ping: Duration,
    /// So long may what is to be sent wait without a byte of it leaving; `None` is for ever.
    pub write_byte: Option<Duration>,
    pub count_error: Option<CountError>,
}

impl Default for Http2 {
    fn default() -> Http2 {
        let c = Config::client();
        Http2 {
            strict: false,
            decoder_table: c.header_table,
            max_frame: c.max_frame,
            connection_window: c.connection_window,
            stream_window: c.stream_window,
            // Go's is never; a connection that has died unseen would cost the next request its timeout.
            send_ping: Some(Duration::from_secs(30)),
            ping: Duration::from_secs(15),
            write_byte: None,
            count_error: None,
        }
    }
}

impl Http2 {
    /// engine is the engine's part of it.
    pub(super) fn engine(&self, settings: &Settings) -> Config {
        // Go's allowance for what HTTP/2 counts besides the bytes of a head: 32 of each of ten fields.
        let list = settings.max_head_bytes.saturating_add(320);
        Config {
            header_table: self.decoder_table,
            max_frame: self.max_frame,
            connection_window: self.connection_window,
            stream_window: self.stream_window,
            max_header_list: u32::try_from(list).unwrap_or(u32::MAX),
            ..Config::client()
        }
    }
}

//! What a client makes of the program's choice for HTTP/2, and its own defaults.

use crate::h2::{Config, Options};
use crate::transport::settings::Settings;
use std::time::Duration;

/// PING_AFTER: a request that waits for so long on a silent connection asks whether the server lives. Go's default is
/// never; what a dead connection costs is then the system's to say.
const PING_AFTER: Duration = Duration::from_secs(15);
/// STUCK: what is to be sent waits for so long. Go's default is for ever.
const STUCK: Duration = Duration::from_secs(60);
/// Go's allowance for what HTTP/2 counts besides the bytes of a head: 32 of each of ten fields.
const OVERHEAD: usize = 320;

/// engine is the engine's part of it.
pub(super) fn engine(options: &Options, settings: &Settings) -> Config {
    let list = settings.max_head_bytes.saturating_add(OVERHEAD);
    let mut config = Config { max_header_list: u32::try_from(list).unwrap_or(u32::MAX), ..Config::client() };
    options.apply(&mut config);
    config
}

/// ping_after is how long a silence is borne; one that the program has chosen counts on an idle connection too.
pub(super) fn ping_after(options: &Options, in_use: bool) -> Option<Duration> {
    options.send_ping_timeout.unwrap_or(in_use.then_some(PING_AFTER))
}

pub(super) fn stuck_after(options: &Options) -> Option<Duration> {
    options.write_byte_timeout.unwrap_or(Some(STUCK))
}

//! A client's own times for HTTP/2, where the program has not chosen any.

use crate::h2::Options;
use std::time::Duration;

/// PING_AFTER: a request that waits for so long on a silent connection asks whether the server lives. Go's default is
/// never; what a dead connection costs is then the system's to say.
const PING_AFTER: Duration = Duration::from_secs(15);
/// STUCK: what is to be sent waits for so long. Go's default is for ever.
const STUCK: Duration = Duration::from_secs(60);

/// ping_after is how long a silence is borne; one that the program has chosen counts on an idle connection too.
pub(super) fn ping_after(options: &Options, in_use: bool) -> Option<Duration> {
    options.send_ping_timeout.unwrap_or(in_use.then_some(PING_AFTER))
}

pub(super) fn stuck_after(options: &Options) -> Option<Duration> {
    options.write_byte_timeout.unwrap_or(Some(STUCK))
}

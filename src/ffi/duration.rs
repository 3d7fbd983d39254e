//! How the C API tells a time.

use crate::error::{Result, invalid};
use std::time::Duration;

/// duration reads milliseconds, -1 for none.
pub(super) fn duration(ms: i64) -> Result<Option<Duration>> {
    match ms {
        -1 => Ok(None),
        0.. => Ok(Some(Duration::from_millis(ms as u64))),
        _ => Err(invalid("nethttp: a time must be milliseconds, or NH_TIMEOUT_NONE")),
    }
}

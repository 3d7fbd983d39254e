//! The `Date` field: formatted once a second for all threads.

use crate::message::date;
use crate::sys;
use std::cell::Cell;

/// append_date appends the value of `Date` (RFC 9110, 6.6.1). Each thread keeps its own copy, so that threads
/// share no cache line over it.
pub(super) fn append_date(out: &mut Vec<u8>) {
    thread_local! {
        static LAST: Cell<(i64, [u8; 29])> = const { Cell::new((i64::MIN, [0; 29])) };
    }
    let now = sys::process::wall_seconds();
    let (at, mut text) = LAST.get();
    if at != now {
        text = date::format(now);
        LAST.set((now, text));
    }
    out.extend_from_slice(&text);
}

//! Where the time of an exchange went, and over what it went.

use super::response::nh_response;
use super::{guard_or, ptr};
use crate::transport::Timing;
use std::time::{Duration, Instant};

/// NH_TIMING_POOL: from the start until there was a connection, with all of a dial that it waited for.
pub const NH_TIMING_POOL: i32 = 1;
/// NH_TIMING_DNS: how long the name's lookup took; -1 if the connection was there already.
pub const NH_TIMING_DNS: i32 = 2;
/// NH_TIMING_CONNECT: how long connecting took; -1 if the connection was there already.
pub const NH_TIMING_CONNECT: i32 = 3;
/// NH_TIMING_TLS: how long the TLS handshake with the server took; -1 without one.
pub const NH_TIMING_TLS: i32 = 4;
/// NH_TIMING_SENT: from the start until the request was written, or as much of it as went before the answer came.
pub const NH_TIMING_SENT: i32 = 5;
/// NH_TIMING_FIRST_BYTE: from the start until the answer's first byte.
pub const NH_TIMING_FIRST_BYTE: i32 = 6;
/// NH_TIMING_TOTAL: from the start until the body's end was read; -1 before.
pub const NH_TIMING_TOTAL: i32 = 7;

/// timing is that of a response that came over the network.
///
/// # Safety
/// P1 and P6.
unsafe fn timing<'a>(r: *const nh_response) -> Option<&'a Timing> {
    // SAFETY: P1, P6.
    unsafe { ptr::shared(r, "response") }.ok()?.timing()
}

/// nh_response_timing tells in microseconds what an NH_TIMING_ number stands for. After redirects it is that of the last
/// exchange. -1 where there is nothing to tell, for an unknown number, and for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_timing(r: *const nh_response, what: i32) -> i64 {
    guard_or(-1, || {
        // SAFETY: P1, P6.
        let t = unsafe { timing(r) }?;
        let since = |at: Instant| at.saturating_duration_since(t.started);
        let took: Duration = match what {
            NH_TIMING_POOL => since(t.connected),
            NH_TIMING_DNS => t.dial?.resolve,
            NH_TIMING_CONNECT => t.dial?.connect,
            NH_TIMING_TLS => t.dial?.tls?,
            NH_TIMING_SENT => since(t.sent),
            NH_TIMING_FIRST_BYTE => since(t.first_byte),
            NH_TIMING_TOTAL => since(t.ended?),
            _ => return None,
        };
        i64::try_from(took.as_micros()).ok()
    })
}

/// nh_response_reused is 1 if the request went over a connection that was there already, 0 if one was made for it,
/// and for NULL. Go's GotConnInfo.Reused.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_reused(r: *const nh_response) -> i32 {
    // SAFETY: P1, P6.
    guard_or(0, || Some(unsafe { timing(r) }?.dial.is_none().into()))
}

/// nh_response_http2_stream is the number of the stream of HTTP/2 that the response came on, 0 if it came by another
/// version, or over no connection, and for NULL. After redirects it is that of the last exchange.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_http2_stream(r: *const nh_response) -> u32 {
    // SAFETY: P1, P6.
    guard_or(0, || Some(unsafe { ptr::shared(r, "response") }.ok()?.stream()))
}

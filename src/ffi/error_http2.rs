//! What HTTP/2 itself says of a failure.

use super::error::nh_error;
use super::guard_or;
use std::ffi::c_char;

/// nh_error_http2_code is the HTTP/2 error code (RFC 9113, 7) that a stream was reset with or a connection ended with,
/// or -1 if none is behind the failure. Go's http2.StreamError, ConnectionError and GoAwayError.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_http2_code(e: *const nh_error) -> i64 {
    // SAFETY: P1.
    guard_or(-1, || unsafe { e.as_ref() }?.http2().map(|f| i64::from(f.code)))
}

/// nh_error_http2_stream is the number of the HTTP/2 stream that failed, or 0 if the whole connection did, or if HTTP/2
/// has nothing to say of the failure.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_http2_stream(e: *const nh_error) -> u32 {
    // SAFETY: P1.
    guard_or(0, || unsafe { e.as_ref() }?.http2().map(|f| f.stream))
}

/// nh_error_http2_last_stream is the last stream that the server has processed by its GOAWAY, or -1 if none came. Go's
/// GoAwayError.LastStreamID.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_http2_last_stream(e: *const nh_error) -> i64 {
    // SAFETY: P1.
    guard_or(-1, || unsafe { e.as_ref() }?.http2()?.last_stream.map(i64::from))
}

/// nh_error_http2_debug is the text that the server's GOAWAY had, up to 1024 bytes of it, with what is no printable
/// ASCII escaped; the empty text if there was none. Go's GoAwayError.DebugData.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_error_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_http2_debug(e: *const nh_error) -> *const c_char {
    // SAFETY: P1.
    guard_or(c"".as_ptr(), || unsafe { e.as_ref() }.map(|e| e.http2_debug().as_ptr()))
}

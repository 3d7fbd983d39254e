//! What may be asked of any request, sent or received: Go's fields of `Request`.

use super::header::nh_header;
use super::request::nh_request;
use super::{guard_or, ptr};
use crate::message::request::{HTTP_11, Version};
use std::ffi::{CStr, c_char};

/// proto is the text of a version, for C.
pub(super) fn proto(v: Version) -> *const c_char {
    const MINORS: [&CStr; 10] = [
        c"HTTP/1.0",
        c"HTTP/1.1",
        c"HTTP/1.2",
        c"HTTP/1.3",
        c"HTTP/1.4",
        c"HTTP/1.5",
        c"HTTP/1.6",
        c"HTTP/1.7",
        c"HTTP/1.8",
        c"HTTP/1.9",
    ];
    if v.major == 2 {
        return c"HTTP/2.0".as_ptr();
    }
    MINORS.get(usize::from(v.minor)).unwrap_or(&c"HTTP/1.1").as_ptr()
}

/// nh_request_url is the URL that was given to nh_request_new. For a received request it is Go's
/// Request.URL.String(): "/path?query", the whole URL if the request line has one, "*" of OPTIONS, "//host:port" of
/// CONNECT. Inside nh_strip_prefix and nh_allow_query_semicolons it is what these make of it. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the URL changes or the request ends
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_url(r: *const nh_request) -> *const c_char {
    // SAFETY: P1.
    guard_or(std::ptr::null(), || Some(unsafe { ptr::shared(r, "request") }.ok()?.0.display_url().as_ptr()))
}

/// nh_request_proto_major is the 1 of "HTTP/1.0"; 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_proto_major(r: *const nh_request) -> i32 {
    guard_or(0, || {
        // SAFETY: P1.
        let r = unsafe { ptr::shared(r, "request") };
        r.ok().map(|r| r.0.version.unwrap_or(HTTP_11).major.into())
    })
}

/// nh_request_proto_minor is the 0 of "HTTP/1.0"; 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_proto_minor(r: *const nh_request) -> i32 {
    guard_or(0, || {
        // SAFETY: P1.
        let r = unsafe { ptr::shared(r, "request") };
        r.ok().map(|r| r.0.version.unwrap_or(HTTP_11).minor.into())
    })
}

/// nh_request_transfer_encoding is "chunked" if the body is, else NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the program ends
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_transfer_encoding(r: *const nh_request) -> *const c_char {
    guard_or(std::ptr::null(), || {
        // SAFETY: P1.
        let r = unsafe { ptr::shared(r, "request") }.ok()?;
        r.0.chunked.then(|| c"chunked".as_ptr())
    })
}

/// nh_request_close is 1 if the connection ends after this exchange, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_close(r: *const nh_request) -> i32 {
    // SAFETY: P1.
    guard_or(0, || unsafe { ptr::shared(r, "request") }.ok().map(|r| r.0.close.into()))
}

/// nh_request_trailer is the trailer: what nh_request_set_trailer set, or what was received, whole once the body
/// was read to its end. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the request ends
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_trailer(r: *const nh_request) -> *const nh_header {
    guard_or(std::ptr::null(), || {
        // SAFETY: P1.
        let r = unsafe { ptr::shared(r, "request") }.ok()?;
        Some(nh_header::lend(&r.0.trailer))
    })
}

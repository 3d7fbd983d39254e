//! What handlers ask of a request's fields and answer by: credentials, cookies, the whole query.

use super::cookie::nh_cookie;
use super::request::nh_request;
use super::response_writer::{nh_response_writer, writer};
use super::server_request::shared;
use super::values::nh_values;
use super::{guard_or, guard_plain, nh_result, ptr};
use crate::error::{Error, Kind};
use crate::message::auth::BasicCredentials;
use crate::message::query::Values;
use std::ffi::c_char;

/// nh_request_basic_auth gives the user name and the password of a request's Authorization field: Go's
/// Request.BasicAuth. Both may hold NUL: use the lengths.
///
/// Errors: NH_ERR_INVALID (a pointer other than the buffers is NULL), NH_ERR_NOT_FOUND (there are no such
/// credentials), NH_ERR_TOO_LARGE (a buffer is too small; both lengths are set)
/// Ownership: username_buf, password_buf: the library copies to them
/// Threads: one thread at a time for r
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_basic_auth(
    r: *const nh_request,
    username_buf: *mut c_char,
    username_cap: usize,
    username_len_out: *mut usize,
    password_buf: *mut c_char,
    password_cap: usize,
    password_len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(username_len_out, 0, "username_len_out")?;
        ptr::out(password_len_out, 0, "password_len_out")?;
        // SAFETY: P1, P6.
        let pair = unsafe { shared(r)? }.header.get(b"Authorization").and_then(BasicCredentials::parse);
        let pair = pair.ok_or_else(|| Error::new(Kind::NotFound, "nethttp: no basic authentication"))?;
        // SAFETY: P3, P4.
        let (name, word) = unsafe {
            (
                ptr::copy_out(&pair.username, username_buf, username_cap, username_len_out),
                ptr::copy_out(&pair.password, password_buf, password_cap, password_len_out),
            )
        };
        name.and(word)
    })
}

/// nh_request_query is the decoded query of a request, sent or received, malformed pairs left out: Go's
/// URL.Query. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_values_free
/// Threads: one thread at a time for r
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_query(r: *const nh_request) -> *mut nh_values {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: P1, P6.
        let r = unsafe { shared(r) }.ok()?;
        Some(ptr::give(nh_values(Values::parse(r.raw_query()).0)))
    })
}

/// nh_response_writer_set_cookie adds a Set-Cookie field: Go's SetCookie.
///
/// Errors: NH_ERR_INVALID (w or c is NULL)
/// Ownership: c: the library copies
/// Threads: one thread at a time for w
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_set_cookie(
    w: *mut nh_response_writer,
    c: *const nh_cookie,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let (w, c) = unsafe { (writer(w)?, ptr::shared(c, "cookie")?) };
        w.header().add(b"Set-Cookie", &c.cookie.to_set())
    })
}

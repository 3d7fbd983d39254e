//! Whole requests in one call, on a client of the program's.

use super::client::{fill, live, nh_client, send_oneshot};
use super::request::nh_request;
use super::response::nh_response;
use super::values::nh_values;
use super::{guard, nh_error, nh_result, ptr};
use crate::error::Result;
use std::ffi::{c_char, c_void};

/// nh_client_get fetches a URL: Go's Client.Get.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
/// Ownership: *out: the caller owns; url: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_get(
    c: *mut nh_client,
    url: *const c_char,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P2, P4.
        unsafe { send_oneshot(Some(live(c)?), b"GET", url, out, |_| Ok(())) }
    })
}

/// nh_client_head asks for a URL's head: Go's Client.Head.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
/// Ownership: *out: the caller owns; url: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_head(
    c: *mut nh_client,
    url: *const c_char,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P2, P4.
        unsafe { send_oneshot(Some(live(c)?), b"HEAD", url, out, |_| Ok(())) }
    })
}

/// nh_client_post sends bytes to a URL: Go's Client.Post. content_type may be NULL.
///
/// Errors: NH_ERR_INVALID (c, url or out is NULL, data is NULL and len is not 0, the URL or the type is malformed),
/// and those of nh_client_do
/// Ownership: *out: the caller owns; url, content_type and data: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_post(
    c: *mut nh_client,
    url: *const c_char,
    content_type: *const c_char,
    data: *const c_void,
    len: usize,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P2, P3, P4.
        unsafe {
            let (c, body) = (live(c)?, ptr::bytes(data, len, "data")?);
            send_oneshot(Some(c), b"POST", url, out, |r| fill(r, content_type, body))
        }
    })
}

/// form makes the request that a browser makes of a form.
///
/// # Safety
/// P1.
unsafe fn form(r: &mut nh_request, form: *const nh_values) -> Result<()> {
    // SAFETY: P1.
    let body = unsafe { ptr::shared(form, "form")? }.0.encode();
    // SAFETY: P2: a literal.
    unsafe { fill(r, c"application/x-www-form-urlencoded".as_ptr(), &body) }
}

/// nh_client_post_form sends keys and values as application/x-www-form-urlencoded: Go's Client.PostForm.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
/// Ownership: *out: the caller owns; url and values: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_post_form(
    c: *mut nh_client,
    url: *const c_char,
    values: *const nh_values,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P2, P4.
        unsafe { send_oneshot(Some(live(c)?), b"POST", url, out, |r| form(r, values)) }
    })
}

/// nh_post_form sends keys and values with the default client: Go's PostForm.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the URL is malformed), and those of nh_client_do
/// Ownership: *out: the caller owns; url and values: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_post_form(
    url: *const c_char,
    values: *const nh_values,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    // SAFETY: P1, P2, P4.
    guard(err, || unsafe { send_oneshot(None, b"POST", url, out, |r| form(r, values)) })
}

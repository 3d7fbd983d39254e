//! Escaping for URLs and HTML. Input is bytes with a length; output goes to the caller's buffer.

use super::{guard, guard_plain, nh_error, nh_result, ptr};
use crate::message::escape::{UrlPart, escape, html, unescape};
use std::ffi::c_char;

/// nh_query_escape escapes text for a key or a value of a query: a space becomes "+".
///
/// Go's url.QueryEscape; RFC 3986, 2.1.
///
/// Errors: NH_ERR_INVALID (len_out is NULL, or text is NULL and len is not 0),
/// NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: text: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_query_escape(
    text: *const c_char,
    len: usize,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P3.
        let input = unsafe { ptr::bytes(text.cast(), len, "text")? };
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&escape(input, UrlPart::Query), buf, cap, len_out) }
    })
}

/// nh_path_escape escapes text for one segment of a path: "/" and "?" are escaped too.
///
/// Go's url.PathEscape; RFC 3986, 2.1.
///
/// Errors: NH_ERR_INVALID (len_out is NULL, or text is NULL and len is not 0),
/// NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: text: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_path_escape(
    text: *const c_char,
    len: usize,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P3.
        let input = unsafe { ptr::bytes(text.cast(), len, "text")? };
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&escape(input, UrlPart::Segment), buf, cap, len_out) }
    })
}

/// nh_html_escape escapes text so that it is safe inside HTML and its quoted attributes.
///
/// Escapes <, >, &, single and double quotes. Go's html.EscapeString.
///
/// Errors: NH_ERR_INVALID (len_out is NULL, or text is NULL and len is not 0),
/// NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: text: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_html_escape(
    text: *const c_char,
    len: usize,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P3.
        let input = unsafe { ptr::bytes(text.cast(), len, "text")? };
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&html(input), buf, cap, len_out) }
    })
}

/// nh_query_unescape undoes nh_query_escape: "%XX" becomes a byte and "+" a space.
///
/// The result may hold NUL: use the length. Go's url.QueryUnescape.
///
/// Errors: NH_ERR_INVALID (len_out is NULL, text is NULL and len is not 0, or "%" stands without two hex digits),
/// NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: text: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_query_unescape(
    text: *const c_char,
    len: usize,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P3.
        let input = unsafe { ptr::bytes(text.cast(), len, "text")? };
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&unescape(input, UrlPart::Query)?, buf, cap, len_out) }
    })
}

/// nh_path_unescape undoes nh_path_escape: "%XX" becomes a byte, "+" stays.
///
/// The result may hold NUL: use the length. Go's url.PathUnescape.
///
/// Errors: NH_ERR_INVALID (len_out is NULL, text is NULL and len is not 0, or "%" stands without two hex digits),
/// NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: text: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_path_unescape(
    text: *const c_char,
    len: usize,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P3.
        let input = unsafe { ptr::bytes(text.cast(), len, "text")? };
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&unescape(input, UrlPart::Segment)?, buf, cap, len_out) }
    })
}

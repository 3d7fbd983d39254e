//! Answers and handlers that are ready: not found, errors, redirects, prefixes.

use super::handler::nh_handler;
use super::request::nh_request;
use super::response_writer::{nh_response_writer, writer};
use super::server_request::request;
use super::{guard_plain, nh_result, ptr};
use crate::error::{Result, invalid};
use crate::handlers;
use crate::message::request::Request;
use crate::server::{ResponseWriter, responses};
use std::ffi::c_char;
use std::sync::Arc;

/// status reads a final status.
fn status(code: i32) -> Result<u16> {
    let code = u16::try_from(code).ok().filter(|c| (200..1000).contains(c));
    code.ok_or_else(|| invalid("nethttp: status is out of range"))
}

/// nh_respond_error answers a status with a line of plain text: Go's http.Error.
///
/// Errors: NH_ERR_INVALID (w or text is NULL, the code is out of range), NH_ERR_STATE (the header was written
/// already, and the text is added to the body), and those of nh_response_writer_write
/// Ownership: text: the library copies
/// Threads: one thread at a time for w. It may block: the peer, up to the write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_respond_error(
    w: *mut nh_response_writer,
    text: *const c_char,
    code: i32,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (w, text) = unsafe { (writer(w)?, ptr::text(text, "text")?) };
        responses::error(w, text, status(code)?)
    })
}

/// nh_not_found answers 404: Go's NotFound.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_STATE (the header was written already), and those of
/// nh_response_writer_write
/// Ownership: nothing changes hands
/// Threads: one thread at a time for w. It may block: the peer, up to the write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_not_found(w: *mut nh_response_writer, r: *mut nh_request) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let (w, _) = unsafe { (writer(w)?, request(r)?) };
        responses::not_found(w)
    })
}

/// nh_redirect leads to a URL by a status of 3xx, with a short page where a browser shows one: Go's Redirect. A
/// relative URL is made absolute by the request's path, and cleaned. The URL must be trusted: it may lead
/// anywhere.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the code is out of range, or url has control bytes), NH_ERR_STATE
/// (the header was written already), and those of nh_response_writer_write
/// Ownership: url: the library copies
/// Threads: one thread at a time for w and r. It may block: the peer, up to the write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_redirect(
    w: *mut nh_response_writer,
    r: *mut nh_request,
    url: *const c_char,
    code: i32,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (w, r, url) = unsafe { (writer(w)?, request(r)?, ptr::text(url, "url")?) };
        responses::redirect(w, r, url, status(code)?)
    })
}

/// nh_not_found_handler makes a handler that answers 404: Go's NotFoundHandler.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn nh_not_found_handler() -> *mut nh_handler {
    // A failed write has broken the connection, which the server sees for itself.
    nh_handler::give(|| Ok(Arc::new(|w: &mut ResponseWriter, _: &mut Request| drop(responses::not_found(w)))))
}

/// nh_redirect_handler makes a handler that does what nh_redirect does; NULL if url is NULL or has control bytes,
/// or the code is out of range. Go's RedirectHandler.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; url: the library copies
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_redirect_handler(url: *const c_char, code: i32) -> *mut nh_handler {
    nh_handler::give(|| {
        // SAFETY: P2.
        let url = unsafe { ptr::text(url, "url")? }.to_vec();
        let code = status(code)?;
        crate::message::header::check_field(b"Location", &url)?;
        Ok(Arc::new(move |w: &mut ResponseWriter, r: &mut Request| {
            drop(responses::redirect(w, r, &url, code))
        }))
    })
}

/// nh_strip_prefix makes a handler that takes a prefix away from the request's path and calls h; a path without
/// it is not found. NULL if an argument is NULL. Go's StripPrefix.
///
/// nh_request_path and the muxes and file servers behind it see the rest, nh_request_uri what was sent. "/files"
/// before a file server leaves "/a" of "/files/a".
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; prefix: the library copies; it has a share of
/// its own in h
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_strip_prefix(prefix: *const c_char, h: *mut nh_handler) -> *mut nh_handler {
    nh_handler::give(|| {
        // SAFETY: P1, P2.
        let (prefix, h) = unsafe { (ptr::text(prefix, "prefix")?, nh_handler::take(h)?) };
        Ok(handlers::strip_prefix(prefix, h))
    })
}

/// nh_allow_query_semicolons makes a handler that has h see semicolons in a query as ampersands; without it they
/// make a query malformed. NULL for NULL. Go's AllowQuerySemicolons.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; it has a share of its own in h
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_allow_query_semicolons(h: *mut nh_handler) -> *mut nh_handler {
    // SAFETY: P1.
    nh_handler::give(|| Ok(handlers::allow_query_semicolons(unsafe { nh_handler::take(h)? })))
}

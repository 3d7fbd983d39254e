//! `nh_request` as a handler sees it: what was received.

use super::duration::duration;
use super::error::nh_error;
use super::request::nh_request;
use super::{guard, guard_or, guard_plain, nh_result, ptr};
use crate::error::{Error, Kind, Result, invalid};
use crate::message::query;
use crate::message::request::{Request, RequestBody};
use std::ffi::{c_char, c_void};

/// request borrows a request for change.
///
/// # Safety
/// P1 and P6.
pub(super) unsafe fn request<'a>(r: *mut nh_request) -> Result<&'a mut Request> {
    // SAFETY: P1, P6: the pointer that C has is one to a Request.
    unsafe { ptr::unique(r.cast::<Request>(), "request") }
}

/// shared borrows a request to look at.
///
/// # Safety
/// P1 and P6.
pub(super) unsafe fn shared<'a>(r: *const nh_request) -> Result<&'a Request> {
    // SAFETY: P1, P6.
    unsafe { ptr::shared(r.cast::<Request>(), "request") }
}

fn text(r: *const nh_request, get: impl FnOnce(&Request) -> &std::ffi::CStr) -> *const c_char {
    // SAFETY: P1, P6.
    guard_or(std::ptr::null(), || Some(get(unsafe { shared(r) }.ok()?).as_ptr()))
}

/// nh_request_method is the method, "GET" for example.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_method(r: *const nh_request) -> *const c_char {
    text(r, |r| r.header.store().cstr(r.method))
}

/// nh_request_uri is the request-target as it was received (RFC 9112, 3.2; Go's RequestURI); "" in a
/// request to be sent.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_uri(r: *const nh_request) -> *const c_char {
    text(r, |r| r.header.store().cstr(r.target))
}

/// nh_request_host is the authority that the request is for: the target's in absolute form, else the Host
/// field's value.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_host(r: *const nh_request) -> *const c_char {
    text(r, |r| r.header.store().cstr(r.host))
}

/// nh_request_raw_query is what stands behind the target's first question mark, as it was received; "" if
/// there is none.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_raw_query(r: *const nh_request) -> *const c_char {
    text(r, |r| {
        let text = r.header.store().cstr(r.rewritten.map_or(r.target, |(_, query)| query));
        let mark = text.to_bytes().iter().position(|b| *b == b'?');
        let query = mark.and_then(|i| text.to_bytes_with_nul().get(i + 1..));
        query.and_then(|q| std::ffi::CStr::from_bytes_with_nul(q).ok()).unwrap_or_default()
    })
}

/// nh_request_path is the target's path, unescaped. It may hold any byte, NUL too: *len_out is its length.
/// NULL if r or len_out is NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_path(r: *mut nh_request, len_out: *mut usize) -> *const c_char {
    guard_or(std::ptr::null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1, P6.
        let r = unsafe { request(r) }.ok()?;
        if r.path.is_none() {
            let path = r.decoded_path().into_owned();
            r.path = Some(r.header.store_mut().intern(&path));
        }
        decoded(r, r.path?, len_out)
    })
}

/// nh_request_query_value is the first value of a query parameter, unescaped; NULL if there is none. It may
/// hold any byte, NUL too: *len_out is its length. Follows Go's URL.Query().Get, pairs that are malformed
/// left out.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_query_value(
    r: *mut nh_request,
    name: *const c_char,
    len_out: *mut usize,
) -> *const c_char {
    guard_or(std::ptr::null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1, P2, P6.
        let (r, name) = unsafe { (request(r).ok()?, ptr::text(name, "name").ok()?) };
        let value = query::lookup(r.raw_query(), name)?.into_owned();
        let span = r.header.store_mut().intern(&value);
        decoded(r, span, len_out)
    })
}

fn decoded(r: &Request, span: crate::message::text::Span, len_out: *mut usize) -> Option<*const c_char> {
    ptr::set_out(len_out, span.len());
    Some(r.text(span).as_ptr().cast())
}

/// nh_request_pattern is the mux pattern that the request matched, such as "GET /files/{name}"; "" if the mux answered
/// by itself, and in a request to be sent. Go's Request.Pattern.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_pattern(r: *const nh_request) -> *const c_char {
    text(r, |r| r.routes.as_ref().map_or(c"", |routes| routes.pattern(r.route)))
}

/// nh_request_path_value is what a wildcard of the pattern stands for, unescaped, or what nh_request_set_path_value
/// has set; NULL if there is no wildcard of that name. It may hold any byte, NUL too: *len_out is its length. Go's
/// Request.PathValue.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_path_value(
    r: *mut nh_request,
    name: *const c_char,
    len_out: *mut usize,
) -> *const c_char {
    guard_or(std::ptr::null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1, P2, P6.
        let (r, name) = unsafe { (request(r).ok()?, ptr::text(name, "name").ok()?) };
        let value = r.path_value(name)?;
        decoded(r, value, len_out)
    })
}

/// nh_request_set_path_value sets what nh_request_path_value answers for a name: for routers of the program's own.
/// Go's Request.SetPathValue.
///
/// Errors: NH_ERR_INVALID (r or name is NULL, or value is NULL and len is not 0)
/// Ownership: the library copies name and value.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_path_value(
    r: *mut nh_request,
    name: *const c_char,
    value: *const c_void,
    len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P3, P6.
        let (r, name, value) =
            unsafe { (request(r)?, ptr::text(name, "name")?, ptr::bytes(value, len, "value")?) };
        let store = r.header.store_mut();
        let pair = (store.intern(name), store.intern(value));
        let known = r.path_values.iter().position(|(n, _)| r.header.store().get(*n) == name);
        match known.and_then(|i| r.path_values.get_mut(i)) {
            Some(slot) => *slot = pair,
            None => r.path_values.push(pair),
        }
        Ok(())
    })
}

/// nh_request_header_value is the first value of a header field, its name in any case; NULL if it is
/// absent, "" if it is empty.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r's header changes or r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_header_value(r: *const nh_request, name: *const c_char) -> *const c_char {
    guard_or(std::ptr::null(), || {
        // SAFETY: P1, P2, P6.
        let (r, name) = unsafe { (shared(r).ok()?, ptr::text(name, "name").ok()?) };
        Some(r.header.get_c(name)?.as_ptr())
    })
}

/// nh_request_header_count is the number of header fields.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_header_count(r: *const nh_request) -> usize {
    // SAFETY: P1, P6.
    guard_or(0, || Some(unsafe { shared(r) }.ok()?.header.len()))
}

/// nh_request_header_at gives the index-th header field, in the order of the wire.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_NOT_FOUND (index is nh_request_header_count or
/// more)
/// Ownership: the library owns; borrowed until r's header changes or r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_header_at(
    r: *const nh_request,
    index: usize,
    name_out: *mut *const c_char,
    value_out: *mut *const c_char,
) -> nh_result {
    guard_plain(|| {
        ptr::out(name_out, std::ptr::null(), "name_out")?;
        ptr::out(value_out, std::ptr::null(), "value_out")?;
        // SAFETY: P1, P6.
        let r = unsafe { shared(r)? };
        let none = || Error::new(Kind::NotFound, "nethttp: no such header field");
        let (name, value) = r.header.at_c(index).ok_or_else(none)?;
        ptr::set_out(name_out, name.as_ptr());
        ptr::set_out(value_out, value.as_ptr());
        Ok(())
    })
}

/// nh_request_trailer_value is the first value of a trailer field; NULL if it is absent, or the body was
/// not read to its end yet.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_trailer_value(
    r: *const nh_request,
    name: *const c_char,
) -> *const c_char {
    guard_or(std::ptr::null(), || {
        // SAFETY: P1, P2, P6.
        let (r, name) = unsafe { (shared(r).ok()?, ptr::text(name, "name").ok()?) };
        Some(r.trailer.get_c(name)?.as_ptr())
    })
}

/// nh_request_content_length is the body's length in bytes, -1 if it is unknown (chunked), 0 if there is
/// none or r is NULL.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_content_length(r: *const nh_request) -> i64 {
    // SAFETY: P1, P6.
    guard_or(0, || Some(unsafe { shared(r) }.ok()?.content_length))
}

/// nh_request_proto is the protocol version, major times 10 plus minor: 11 is HTTP/1.1, 10 is HTTP/1.0; 0
/// if r is NULL.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_proto(r: *const nh_request) -> i32 {
    guard_or(0, || {
        // SAFETY: P1, P6.
        let v = unsafe { shared(r) }.ok()?.version.unwrap_or(crate::message::request::HTTP_11);
        Some(i32::from(v.major) * 10 + i32::from(v.minor))
    })
}

/// nh_request_body_read reads up to cap bytes of a received request's body and waits for them if it must.
/// The end is NH_OK with *n_out 0; data comes before its error; an error stays. The first read sends 100
/// Continue to a client that waits for it.
///
/// Errors: NH_ERR_INVALID (r, buf or n_out is NULL, cap is 0), NH_ERR_STATE (r was not received),
/// NH_ERR_UNEXPECTED_EOF (the peer ended the body early), NH_ERR_PROTOCOL (its framing is broken),
/// NH_ERR_TOO_LARGE (it is longer than the limit), NH_ERR_TIMEOUT (nothing came in time), NH_ERR_IO (the
/// connection broke), NH_ERR_NO_RESOURCES (there is no memory for what has come)
/// Ownership: the library copies to buf.
/// Threads: one thread at a time for r; beside one that writes the response. It may block: the peer, up to the read
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_body_read(
    r: *mut nh_request,
    buf: *mut c_void,
    cap: usize,
    n_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(n_out, 0, "n_out")?;
        // SAFETY: P1, P3, P6.
        let (r, buf) = unsafe { (request(r)?, ptr::buffer(buf, cap, "buf")?) };
        let n = r.read_body(buf)?;
        ptr::set_out(n_out, n);
        Ok(())
    })
}

/// nh_request_set_body_limit bounds the rest of this request's body to n bytes: reading more fails with
/// NH_ERR_TOO_LARGE, and the connection ends with the answer. Follows Go's MaxBytesReader.
///
/// Errors: NH_ERR_INVALID (r is NULL, n is negative), NH_ERR_STATE (r was not received)
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_body_limit(r: *mut nh_request, n: i64) -> nh_result {
    guard_plain(|| {
        let n = u64::try_from(n).map_err(|_| invalid("nethttp: a limit must not be negative"))?;
        // SAFETY: P1, P6.
        match &mut unsafe { request(r)? }.body {
            RequestBody::Incoming(b) => b.set_limit(n),
            _ => return Err(not_received()),
        }
        Ok(())
    })
}

/// nh_request_set_read_timeout bounds the rest of the reading of this body, in milliseconds from now;
/// NH_TIMEOUT_NONE lifts the bound. Follows Go's ResponseController.SetReadDeadline.
///
/// Errors: NH_ERR_INVALID (r is NULL, the time is below -1), NH_ERR_STATE (r was not received),
/// NH_ERR_UNSUPPORTED (r came from nh_read_request)
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_read_timeout(r: *mut nh_request, timeout_ms: i64) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1, P6.
        match &mut unsafe { request(r)? }.body {
            RequestBody::Incoming(b) => b.set_read_timeout(limit),
            _ => Err(not_received()),
        }
    })
}

/// nh_request_is_client_gone is 1 if the peer has closed its side or the connection broke, 0 if not: a long
/// handler asks it to stop work that nobody waits for.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_is_client_gone(r: *const nh_request) -> i32 {
    guard_or(0, || {
        // SAFETY: P1, P6.
        match &unsafe { shared(r) }.ok()?.body {
            RequestBody::Incoming(b) => Some(i32::from(b.peer_disconnected())),
            _ => None,
        }
    })
}

pub(super) fn not_received() -> Error {
    Error::new(Kind::State, "nethttp: the request was not received by a server")
}

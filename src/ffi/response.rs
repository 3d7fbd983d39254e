//! Responses: what was answered.

use super::cookie::nh_cookie;
use super::header::nh_header;
use super::request::nh_request;
use super::request_get::proto;
use super::{guard_or, guard_plain, ptr};
use crate::error::Result;
use crate::fork::Stamp;
use crate::message::cookie;
use crate::message::header::Header;
use crate::message::request::Request;
use crate::net::tls::TlsInfo;
use crate::sync::OnceLock;
use crate::transport::{Response, Timing};
use std::ffi::{CString, c_char};
use std::net::SocketAddr;
use std::sync::Arc;

/// nh_response is an answer: Go's Response. It must be freed, which closes its body.
pub struct nh_response {
    pub(super) response: Box<Response>,
    request: Option<Arc<nh_request>>,
    stamp: Stamp,
    remote: OnceLock<CString>,
    local: OnceLock<CString>,
    /// What nh_response_body_read_all has read.
    pub(super) all: Vec<u8>,
    /// Once they were asked for.
    cookies: OnceLock<Vec<nh_cookie>>,
}

impl nh_response {
    pub(super) fn new(response: Box<Response>, request: Option<Arc<nh_request>>) -> nh_response {
        nh_response {
            response,
            request,
            stamp: Stamp::now(),
            remote: OnceLock::new(),
            local: OnceLock::new(),
            all: Vec::new(),
            cookies: OnceLock::new(),
        }
    }

    /// live borrows a response of this process for a change.
    ///
    /// # Safety
    /// P1 and P6.
    pub(super) unsafe fn live<'a>(r: *mut nh_response) -> Result<&'a mut nh_response> {
        // SAFETY: P1, P6.
        let r = unsafe { ptr::unique(r, "response")? };
        r.stamp.check()?;
        Ok(r)
    }

    /// message is what a program may change; what was derived from it is made anew.
    pub(super) fn message(&mut self) -> &mut Response {
        self.cookies = OnceLock::new();
        &mut self.response
    }

    /// into_response takes the response out of its handle.
    pub(super) fn into_response(self) -> Result<Box<Response>> {
        self.stamp.check()?;
        Ok(self.response)
    }

    pub(super) fn cookies(&self) -> &[nh_cookie] {
        self.cookies.get_or_init(|| {
            let list = cookie::read_set(&self.response.header);
            list.into_iter().map(|c| nh_cookie::new(c, false)).collect()
        })
    }

    /// parts are the header and the request that was answered, if that is known.
    pub(super) fn parts(&self) -> (&Header, Option<&Request>) {
        (&self.response.header, self.request.as_ref().map(|r| &r.0))
    }

    pub(super) fn timing(&self) -> Option<&Timing> {
        self.response.timing.as_ref()
    }

    pub(super) fn stream(&self) -> u32 {
        self.response.stream
    }

    pub(super) fn tls_info(&self) -> Option<&TlsInfo> {
        self.response.tls.as_deref()
    }
}

/// get answers a getter.
fn get<T>(r: *const nh_response, neutral: T, f: impl FnOnce(&nh_response) -> Option<T>) -> T {
    // SAFETY: P1.
    guard_or(neutral, || f(unsafe { ptr::shared(r, "response") }.ok()?))
}

/// nh_response_status_code is the status, such as 200. 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_status_code(r: *const nh_response) -> i32 {
    get(r, 0, |r| Some(r.response.line.code.into()))
}

/// nh_response_status is the status with its text as it was received, such as "200 OK". NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_status(r: *const nh_response) -> *const c_char {
    get(r, std::ptr::null(), |r| Some(r.response.header.store().cstr(r.response.line.status).as_ptr()))
}

/// nh_response_proto is the version as the server sent it, such as "HTTP/1.1", "HTTP/1.0" or "HTTP/2.0". NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the program ends
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_proto(r: *const nh_response) -> *const c_char {
    get(r, std::ptr::null(), |r| Some(proto(r.response.line.version)))
}

/// nh_response_proto_major is the 1 of "HTTP/1.0". 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_proto_major(r: *const nh_response) -> i32 {
    get(r, 0, |r| Some(r.response.line.version.major.into()))
}

/// nh_response_proto_minor is the 0 of "HTTP/1.0". 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_proto_minor(r: *const nh_response) -> i32 {
    get(r, 0, |r| Some(r.response.line.version.minor.into()))
}

/// nh_response_header is the header, without Transfer-Encoding and Trailer, which the library has dealt with. NULL
/// for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_header(r: *const nh_response) -> *const nh_header {
    get(r, std::ptr::null(), |r| Some(nh_header::lend(&r.response.header)))
}

/// nh_response_trailer is what came behind a chunked body, whole once the body was read to its end, empty before.
/// NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_trailer(r: *const nh_response) -> *const nh_header {
    get(r, std::ptr::null(), |r| Some(nh_header::lend(&r.response.trailer)))
}

/// nh_response_content_length is the body's length in bytes, -1 if it is unknown; in an answer to HEAD what GET
/// would have. -1 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_content_length(r: *const nh_response) -> i64 {
    get(r, -1, |r| Some(r.response.content_length))
}

/// nh_response_transfer_encoding is "chunked" if the body came so, else NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the program ends
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_transfer_encoding(r: *const nh_response) -> *const c_char {
    get(r, std::ptr::null(), |r| r.response.chunked.then(|| c"chunked".as_ptr()))
}

/// nh_response_uncompressed is 1 if the body came in gzip, which the library asked for and undoes, else 0. Go's
/// Response.Uncompressed.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_uncompressed(r: *const nh_response) -> i32 {
    get(r, 0, |r| Some(r.response.uncompressed.into()))
}

/// nh_response_close is 1 if the server ends the connection after this answer, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_close(r: *const nh_response) -> i32 {
    get(r, 0, |r| Some(r.response.close.into()))
}

/// nh_response_request is the request as it was sent to get this answer, without its body: after redirects the last
/// one. Later changes of the caller's request do not show. NULL for NULL, and where nh_read_response was told of none.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_request(r: *const nh_response) -> *const nh_request {
    get(r, std::ptr::null(), |r| r.request.as_ref().map(Arc::as_ptr))
}

fn addr(slot: &OnceLock<CString>, a: SocketAddr) -> *const c_char {
    slot.get_or_init(|| CString::new(a.to_string()).unwrap_or_default()).as_ptr()
}

/// nh_response_remote_addr is the server's address and port, such as "127.0.0.1:80". NULL for NULL, and for a
/// response from nh_read_response.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_remote_addr(r: *const nh_response) -> *const c_char {
    get(r, std::ptr::null(), |r| r.response.remote.map(|a| addr(&r.remote, a)))
}

/// nh_response_local_addr is this side's address and port. NULL for NULL, and for a response from
/// nh_read_response.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_local_addr(r: *const nh_response) -> *const c_char {
    get(r, std::ptr::null(), |r| r.response.local.map(|a| addr(&r.local, a)))
}

/// nh_response_free closes the body and ends the response with all that was borrowed from it. NULL is fine.
///
/// Errors: none
/// Ownership: r: the library takes
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_free(r: *mut nh_response) {
    guard_plain(|| {
        // SAFETY: P1, and the caller gives it up.
        if let Some(r) = unsafe { ptr::owned(r) }
            && r.stamp.is_stale()
        {
            // The pool's locks and threads are the parent's.
            std::mem::forget(r);
        }
        Ok(())
    });
}

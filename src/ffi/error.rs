//! Errors: what happened in one particular call.

use super::{guard_or, nh_result, ptr};
use crate::error::{Error, Http2};
use std::ffi::{CStr, CString, c_char};

/// nh_error is an immutable description of a failure, owned by the caller and usable from any thread.
pub struct nh_error {
    error: Error,
    message: CString,
    op: CString,
    url: CString,
    addresses: Vec<CString>,
    http2_debug: CString,
    cause: Option<Box<nh_error>>,
}

/// NH_PHASE_NONE: the failure belongs to no phase of an exchange.
pub const NH_PHASE_NONE: i32 = 0;
/// NH_PHASE_PREPARE: the request was checked and built.
pub const NH_PHASE_PREPARE: i32 = 1;
/// NH_PHASE_POOL: the call waited for a connection of the pool.
pub const NH_PHASE_POOL: i32 = 2;
/// NH_PHASE_RESOLVE: the host's name was looked up.
pub const NH_PHASE_RESOLVE: i32 = 3;
/// NH_PHASE_CONNECT: a connection was being made.
pub const NH_PHASE_CONNECT: i32 = 4;
/// NH_PHASE_TLS: the TLS handshake went on.
pub const NH_PHASE_TLS: i32 = 5;
/// NH_PHASE_PROXY: the proxy was asked for a tunnel.
pub const NH_PHASE_PROXY: i32 = 6;
/// NH_PHASE_WRITE: the request's head or body was sent.
pub const NH_PHASE_WRITE: i32 = 7;
/// NH_PHASE_HEAD: the response's head was awaited or read.
pub const NH_PHASE_HEAD: i32 = 8;
/// NH_PHASE_BODY: the response's body was read.
pub const NH_PHASE_BODY: i32 = 9;
/// NH_PHASE_LISTEN: an address was bound.
pub const NH_PHASE_LISTEN: i32 = 10;
/// NH_PHASE_ACCEPT: a connection was accepted.
pub const NH_PHASE_ACCEPT: i32 = 11;

impl nh_error {
    /// into_error takes the error out of its handle.
    pub(super) fn into_error(self) -> Error {
        self.error
    }

    pub(super) fn http2(&self) -> Option<&Http2> {
        self.error.http2()
    }

    pub(super) fn http2_debug(&self) -> &CStr {
        &self.http2_debug
    }

    /// new makes every text once, so that getters of a shared error need no lock.
    pub(crate) fn new(error: Error) -> nh_error {
        nh_error {
            message: c_text(error.message()),
            op: c_text(error.op()),
            url: c_text(error.url()),
            addresses: error.addrs().iter().map(|a| c_text(&a.to_string())).collect(),
            http2_debug: c_text(
                &error.http2().map_or_else(String::new, |f| f.debug.escape_ascii().to_string()),
            ),
            cause: error.cause().map(|c| Box::new(nh_error::new(c.clone()))),
            error,
        }
    }
}

/// c_text is `s` as one line for C: what a peer or a program smuggled in of control bytes becomes "?".
fn c_text(s: &str) -> CString {
    let clean: String = s.chars().map(|c| if c.is_ascii_control() { '?' } else { c }).collect();
    CString::new(clean).unwrap_or_default()
}

/// nh_error_code returns the NH_ERR_ code of an error: the same that the failed call returned.
///
/// NULL, which is what a call that succeeded leaves behind, gives NH_OK.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_code(e: *const nh_error) -> nh_result {
    // SAFETY: P1.
    guard_or(super::result::NH_OK, || unsafe { e.as_ref() }.map(|e| e.error.kind() as nh_result))
}

/// nh_error_message returns one line that tells the whole chain in Go's words.
///
/// For example: Get "http://localhost:1/": dial tcp 127.0.0.1:1: connect: connection refused.
/// It ends in no newline, holds no control characters and never a password. NULL gives the empty text.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_error_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_message(e: *const nh_error) -> *const c_char {
    // SAFETY: P1.
    guard_or(c"".as_ptr(), || unsafe { e.as_ref() }.map(|e| e.message.as_ptr()))
}

/// nh_error_op returns what was tried: the method as Go's url.Error has it ("Get"), or the empty text.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_error_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_op(e: *const nh_error) -> *const c_char {
    // SAFETY: P1.
    guard_or(c"".as_ptr(), || unsafe { e.as_ref() }.map(|e| e.op.as_ptr()))
}

/// nh_error_url returns the URL that the call was about with its password replaced, or the empty text.
///
/// Go's url.Error.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_error_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_url(e: *const nh_error) -> *const c_char {
    // SAFETY: P1.
    guard_or(c"".as_ptr(), || unsafe { e.as_ref() }.map(|e| e.url.as_ptr()))
}

/// nh_error_phase returns the NH_PHASE_ number of what the call was doing when it failed.
///
/// NULL gives NH_PHASE_NONE.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_phase(e: *const nh_error) -> i32 {
    // SAFETY: P1.
    guard_or(NH_PHASE_NONE, || unsafe { e.as_ref() }.map(|e| e.error.phase() as i32))
}

/// nh_error_errno returns the operating system's error number, or 0 if none is behind the failure.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_errno(e: *const nh_error) -> i32 {
    // SAFETY: P1.
    guard_or(0, || unsafe { e.as_ref() }.map(|e| e.error.errno()))
}

/// nh_error_tls_alert returns the number of the TLS alert that the server has sent (RFC 8446, 6), or -1 if none is
/// behind the failure.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_tls_alert(e: *const nh_error) -> i32 {
    // SAFETY: P1.
    guard_or(-1, || unsafe { e.as_ref() }?.error.tls_alert().map(i32::from))
}

/// nh_error_is_timeout returns 1 if a deadline or the operating system's own timeout is the cause, else 0.
///
/// Go's net.Error.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_is_timeout(e: *const nh_error) -> i32 {
    // SAFETY: P1.
    guard_or(0, || unsafe { e.as_ref() }.map(|e| i32::from(e.error.is_timeout())))
}

/// nh_error_is_temporary returns 1 if the same call may well succeed when it is made again, else 0.
///
/// That holds for timeouts, connections that were reset and descriptors that ran out. Go's net.Error.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_is_temporary(e: *const nh_error) -> i32 {
    // SAFETY: P1.
    guard_or(0, || unsafe { e.as_ref() }.map(|e| i32::from(e.error.is_temporary())))
}

/// nh_error_address_count returns how many addresses were tried, 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_address_count(e: *const nh_error) -> usize {
    // SAFETY: P1.
    guard_or(0, || unsafe { e.as_ref() }.map(|e| e.addresses.len()))
}

/// nh_error_address_at returns an address that was tried, as "192.0.2.1:80" or "[2001:db8::1]:80".
///
/// An index past the last one gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_error_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_address_at(e: *const nh_error, index: usize) -> *const c_char {
    // SAFETY: P1.
    guard_or(std::ptr::null(), || unsafe { e.as_ref() }?.addresses.get(index).map(|a| a.as_ptr()))
}

/// nh_error_cause returns the error one step further down the chain, or NULL at its end.
///
/// Do not free it: it is part of the error it came from. Go's errors.Unwrap.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_error_free of the outermost error
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_cause(e: *const nh_error) -> *const nh_error {
    // SAFETY: P1.
    guard_or(std::ptr::null(), || unsafe { e.as_ref() }?.cause.as_deref().map(std::ptr::from_ref))
}

/// nh_error_free ends an error and all that was borrowed from it; NULL is fine.
///
/// Errors: none
/// Ownership: e: the library takes
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_error_free(e: *mut nh_error) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(e) }.map(drop));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Kind, Phase};

    #[test]
    fn phases_are_the_enum() {
        for (c, phase) in [
            (NH_PHASE_NONE, Phase::None),
            (NH_PHASE_PREPARE, Phase::Prepare),
            (NH_PHASE_POOL, Phase::Pool),
            (NH_PHASE_RESOLVE, Phase::Resolve),
            (NH_PHASE_CONNECT, Phase::Connect),
            (NH_PHASE_TLS, Phase::TlsHandshake),
            (NH_PHASE_PROXY, Phase::Proxy),
            (NH_PHASE_WRITE, Phase::Write),
            (NH_PHASE_HEAD, Phase::Head),
            (NH_PHASE_BODY, Phase::Body),
            (NH_PHASE_LISTEN, Phase::Listen),
            (NH_PHASE_ACCEPT, Phase::Accept),
        ] {
            assert_eq!(c, phase as i32);
        }
    }

    #[test]
    fn a_message_is_one_line() {
        let e = nh_error::new(Error::new(Kind::Protocol, "malformed: \"a\r\nb\0c\""));
        assert_eq!(e.message.as_c_str(), c"malformed: \"a??b?c\"");
    }
}

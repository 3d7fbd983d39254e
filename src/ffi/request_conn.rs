//! What a received request came by: both ends of its connection, and what TLS has agreed on.

use super::request::nh_request;
use super::server_request::{not_received, shared};
use super::{guard_or, guard_plain, nh_result, ptr};
use crate::message::request::RequestBody;
use crate::net::tls::TlsInfo;
use std::ffi::{CString, c_char, c_void};

/// nh_request_remote_addr writes the peer's address as "127.0.0.1:4711" to buf, with its NUL; *len_out is
/// its length without it, also when cap is too small. A Unix socket's is its path, or "@" if it has no name, as those
/// of clients.
///
/// Errors: NH_ERR_INVALID (r or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small),
/// NH_ERR_STATE (r was not received)
/// Ownership: the library copies to buf.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_remote_addr(
    r: *const nh_request,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1, P6.
        let addr = unsafe { shared(r)? }.remote.as_ref().ok_or_else(not_received)?;
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(addr.to_string().as_bytes(), buf, cap, len_out) }
    })
}

/// nh_request_local_addr writes the address that the peer is connected to, as nh_request_remote_addr does with the
/// peer's own. Follows Go's LocalAddrContextKey.
///
/// Errors: NH_ERR_INVALID (r or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small),
/// NH_ERR_STATE (r was not received, or its connection is gone)
/// Ownership: the library copies to buf.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_local_addr(
    r: *const nh_request,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1, P6.
        let addr = match &unsafe { shared(r)? }.body {
            RequestBody::Incoming(body) => body.local_addr(),
            _ => None,
        };
        let addr = addr.ok_or_else(not_received)?;
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(addr.to_string().as_bytes(), buf, cap, len_out) }
    })
}

fn info<T>(r: *const nh_request, neutral: T, f: impl FnOnce(&TlsInfo) -> Option<T>) -> T {
    // SAFETY: P1, P6.
    guard_or(neutral, || f(unsafe { shared(r) }.ok()?.tls.as_deref()?))
}

fn text(r: *const nh_request, f: impl FnOnce(&TlsInfo) -> Option<&CString>) -> *const c_char {
    info(r, std::ptr::null(), |i| Some(f(i)?.as_ptr()))
}

/// nh_request_tls_version is NH_TLS_1_2 or NH_TLS_1_3, or 0 if the request came without TLS. Follows Go's Request.TLS.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_tls_version(r: *const nh_request) -> i32 {
    info(r, 0, |i| Some(i.version.into()))
}

/// nh_request_tls_cipher_suite is the suite's name, such as "TLS_AES_128_GCM_SHA256". NULL without TLS.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_tls_cipher_suite(r: *const nh_request) -> *const c_char {
    text(r, |i| Some(&i.cipher_suite))
}

/// nh_request_tls_alpn is the protocol that was agreed on by ALPN, such as "http/1.1". NULL if none was, and without
/// TLS.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_tls_alpn(r: *const nh_request) -> *const c_char {
    text(r, |i| i.alpn.as_ref())
}

/// nh_request_tls_server_name is the name that the client asked for in its handshake, in small letters; "" if it asked
/// for none. NULL without TLS.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_tls_server_name(r: *const nh_request) -> *const c_char {
    text(r, |i| Some(&i.server_name))
}

/// nh_request_tls_resumed is 1 if the connection's session went on from an earlier one, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_tls_resumed(r: *const nh_request) -> i32 {
    info(r, 0, |i| Some(i.resumed.into()))
}

/// nh_request_tls_peer_certificate_count is how many certificates the client has shown. 0 without TLS.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_tls_peer_certificate_count(r: *const nh_request) -> usize {
    info(r, 0, |i| Some(i.certificates.len()))
}

/// nh_request_tls_peer_certificate_at is a certificate that the client has shown, in DER, its own at 0; *len_out, which
/// must not be NULL, is its length. NULL past the last.
///
/// Errors: none
/// Ownership: the library owns; borrowed until r ends.
/// Threads: one thread at a time for r; beside one that writes the response.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_tls_peer_certificate_at(
    r: *const nh_request,
    index: usize,
    len_out: *mut usize,
) -> *const c_void {
    if len_out.is_null() {
        return std::ptr::null();
    }
    ptr::set_out(len_out, 0);
    info(r, std::ptr::null(), |i| {
        let c = i.certificates.get(index)?;
        ptr::set_out(len_out, c.len());
        Some(c.as_ptr().cast())
    })
}

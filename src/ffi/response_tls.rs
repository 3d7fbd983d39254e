//! What TLS has agreed on for a response's connection; all of it absent without TLS.

use super::guard_or;
use super::ptr;
use super::response::nh_response;
use crate::net::tls::TlsInfo;
use std::ffi::{CString, c_char, c_void};

fn info<T>(r: *const nh_response, neutral: T, f: impl FnOnce(&TlsInfo) -> Option<T>) -> T {
    // SAFETY: P1.
    guard_or(neutral, || f(unsafe { ptr::shared(r, "response") }.ok()?.tls_info()?))
}

fn text(r: *const nh_response, f: impl FnOnce(&TlsInfo) -> Option<&CString>) -> *const c_char {
    info(r, std::ptr::null(), |i| Some(f(i)?.as_ptr()))
}

/// nh_response_tls_version is NH_TLS_1_2 or NH_TLS_1_3, or 0 if the response came without TLS.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_tls_version(r: *const nh_response) -> i32 {
    info(r, 0, |i| Some(i.version.into()))
}

/// nh_response_tls_cipher_suite is the suite's name, such as "TLS_AES_128_GCM_SHA256". NULL without TLS.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_tls_cipher_suite(r: *const nh_response) -> *const c_char {
    text(r, |i| Some(&i.cipher_suite))
}

/// nh_response_tls_alpn is the protocol that was agreed on by ALPN, such as "http/1.1". NULL if none was, and without
/// TLS.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_tls_alpn(r: *const nh_response) -> *const c_char {
    text(r, |i| i.alpn.as_ref())
}

/// nh_response_tls_server_name is the name that the certificate was checked for. NULL without TLS.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_tls_server_name(r: *const nh_response) -> *const c_char {
    text(r, |i| Some(&i.server_name))
}

/// nh_response_tls_resumed is 1 if the connection's session went on from an earlier one, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_tls_resumed(r: *const nh_response) -> i32 {
    info(r, 0, |i| Some(i.resumed.into()))
}

/// nh_response_tls_peer_certificate_count is how many certificates the server has shown. 0 without TLS.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_tls_peer_certificate_count(r: *const nh_response) -> usize {
    info(r, 0, |i| Some(i.certificates.len()))
}

/// nh_response_tls_peer_certificate_at is a certificate that the server has shown, in DER, its own at 0; *len_out,
/// which must not be NULL, is its length. NULL past the last.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_tls_peer_certificate_at(
    r: *const nh_response,
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

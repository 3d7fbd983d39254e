//! TLS settings of servers: further certificates, clients' certificates, session tickets.

use super::request::flag;
use super::tls_config::{change, nh_tls_config};
use super::tls_config_pem::{take_file, take_pair, take_pair_of_files, take_pem};
use super::{guard, guard_plain, nh_error, nh_result};
use crate::error::invalid;
use crate::net::tls::{ClientAuth, TlsSettings};
use std::ffi::{c_char, c_void};

/// NH_CLIENT_AUTH_NONE: clients are asked for no certificate. Go's NoClientCert.
pub const NH_CLIENT_AUTH_NONE: i32 = 0;
/// NH_CLIENT_AUTH_REQUEST: they are asked for one; it need not come, and is not verified. Go's RequestClientCert.
pub const NH_CLIENT_AUTH_REQUEST: i32 = 1;
/// NH_CLIENT_AUTH_REQUIRE_ANY: one must come, and is not verified. Go's RequireAnyClientCert.
pub const NH_CLIENT_AUTH_REQUIRE_ANY: i32 = 2;
/// NH_CLIENT_AUTH_VERIFY_IF_GIVEN: one that comes is verified. Go's VerifyClientCertIfGiven.
pub const NH_CLIENT_AUTH_VERIFY_IF_GIVEN: i32 = 3;
/// NH_CLIENT_AUTH_REQUIRE_AND_VERIFY: one must come, and is verified. Go's RequireAndVerifyClientCert.
pub const NH_CLIENT_AUTH_REQUIRE_AND_VERIFY: i32 = 4;

/// nh_tls_config_add_certificate_files gives a server one more certificate, as nh_tls_config_set_certificate_files gave
/// it the first: a PEM file with the certificate and what it was signed with, and a PEM file with its key.
///
/// A client is shown the first certificate whose names match the one that it asks for, wildcards included, and whose
/// key it can check; one that asks for another name or for none, the first of all. Go's Config.Certificates.
///
/// Errors: NH_ERR_INVALID (c or a path is NULL, a file holds no certificate or key in PEM, or the two do not belong
/// together), NH_ERR_IO (one cannot be read)
/// Ownership: certificate_path and key_path: the library copies
/// Threads: any thread, at the same time too. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_add_certificate_files(
    c: *mut nh_tls_config,
    certificate_path: *const c_char,
    key_path: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        unsafe { take_pair_of_files(c, certificate_path, key_path, TlsSettings::add_certificate) }
    })
}

/// nh_tls_config_add_certificate_pem is nh_tls_config_add_certificate_files for PEM in memory.
///
/// Errors: NH_ERR_INVALID (c, certificate or key is NULL, one is not in PEM, or the two do not belong together)
/// Ownership: certificate and key: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_add_certificate_pem(
    c: *mut nh_tls_config,
    certificate: *const c_void,
    certificate_len: usize,
    key: *const c_void,
    key_len: usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P3.
        unsafe { take_pair(c, (certificate, certificate_len), (key, key_len), TlsSettings::add_certificate) }
    })
}

/// nh_tls_config_set_client_auth says what a server asks of its clients: an NH_CLIENT_AUTH_ constant, at first
/// NH_CLIENT_AUTH_NONE. Go's ClientAuth.
///
/// Certificates are verified by the roots of nh_tls_config_add_client_roots_file; a function that was set by
/// nh_tls_config_set_verify has the last word on each that comes, its server_name is "" then, and connections that
/// wait for it hold up nobody else.
///
/// Errors: NH_ERR_INVALID (c is NULL, or auth is no such constant)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_client_auth(c: *mut nh_tls_config, auth: i32) -> nh_result {
    guard_plain(|| {
        let auth = match auth {
            NH_CLIENT_AUTH_NONE => ClientAuth::None,
            NH_CLIENT_AUTH_REQUEST => ClientAuth::Request,
            NH_CLIENT_AUTH_REQUIRE_ANY => ClientAuth::RequireAny,
            NH_CLIENT_AUTH_VERIFY_IF_GIVEN => ClientAuth::VerifyIfGiven,
            NH_CLIENT_AUTH_REQUIRE_AND_VERIFY => ClientAuth::RequireAndVerify,
            _ => return Err(invalid("nethttp: auth is no NH_CLIENT_AUTH_ constant")),
        };
        let set = |s: &mut TlsSettings| {
            s.client_auth = auth;
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

/// nh_tls_config_add_client_roots_file lets the certificates of a PEM file vouch for a server's clients, by the rules of
/// nh_tls_config_add_roots_file. The system's
/// never do. Go's ClientCAs.
///
/// A certificate among them that a client presents as its own is trusted as well.
///
/// Errors: NH_ERR_INVALID (c or path is NULL, or the file holds no certificate in PEM), NH_ERR_IO (it cannot be read)
/// Ownership: path: the library copies
/// Threads: any thread, at the same time too. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_add_client_roots_file(
    c: *mut nh_tls_config,
    path: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        unsafe { take_file(c, path, TlsSettings::add_client_roots) }
    })
}

/// nh_tls_config_add_client_roots_pem is nh_tls_config_add_client_roots_file for certificates in memory.
///
/// Errors: NH_ERR_INVALID (c or pem is NULL, or there is no certificate in PEM)
/// Ownership: pem: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_add_client_roots_pem(
    c: *mut nh_tls_config,
    pem: *const c_void,
    len: usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P3.
        unsafe { take_pem(c, pem, len, TlsSettings::add_client_roots) }
    })
}

/// nh_tls_config_set_session_tickets says with 0 that a server gives out no tickets, so that each connection shakes
/// hands in full, and with 1, the default, that it does. Tickets count for one listener until its settings change;
/// their keys are the library's and change by themselves. Go's SessionTicketsDisabled.
///
/// Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_session_tickets(c: *mut nh_tls_config, on: i32) -> nh_result {
    guard_plain(|| {
        let on = flag(on)?;
        let set = |s: &mut TlsSettings| {
            s.session_tickets = on;
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

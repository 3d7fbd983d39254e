//! PEM on its way into TLS settings, from files and from memory.

use super::ptr;
use super::tls_config::{change, nh_tls_config};
use crate::error::{Error, Kind, Result};
use crate::net::tls::TlsSettings;
use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;

/// file reads what a path names.
///
/// # Safety
/// P2.
unsafe fn file(path: *const c_char) -> Result<Vec<u8>> {
    // SAFETY: P2.
    let path = std::path::Path::new(OsStr::from_bytes(unsafe { ptr::text(path, "path")? }));
    std::fs::read(path).map_err(|e| Error::io(Kind::Io, format!("open {}", path.display()), &e))
}

/// SetPem is how settings take one piece of PEM.
type SetPem = fn(&mut TlsSettings, &[u8]) -> Result<()>;
/// SetPemPair is how they take a certificate's chain and its key.
type SetPemPair = fn(&mut TlsSettings, &[u8], &[u8]) -> Result<()>;

/// take_file gives settings the PEM of a file.
///
/// # Safety
/// P1 and P2.
pub(super) unsafe fn take_file(c: *mut nh_tls_config, path: *const c_char, take: SetPem) -> Result<()> {
    // SAFETY: P1.
    unsafe { ptr::shared(c, "config")? };
    // SAFETY: P2.
    let pem = unsafe { file(path)? };
    // SAFETY: P1.
    unsafe { change(c, |s| take(s, &pem)) }
}

/// take_pem is [`take_file`] for PEM in memory.
///
/// # Safety
/// P1 and P3.
pub(super) unsafe fn take_pem(
    c: *mut nh_tls_config,
    pem: *const c_void,
    len: usize,
    take: SetPem,
) -> Result<()> {
    // SAFETY: P3.
    let pem = unsafe { ptr::bytes(pem, len, "pem")? };
    // SAFETY: P1.
    unsafe { change(c, |s| take(s, pem)) }
}

/// take_pair_of_files gives settings a certificate and its key.
///
/// # Safety
/// P1 and P2.
pub(super) unsafe fn take_pair_of_files(
    c: *mut nh_tls_config,
    certificate_path: *const c_char,
    key_path: *const c_char,
    take: SetPemPair,
) -> Result<()> {
    // SAFETY: P1.
    unsafe { ptr::shared(c, "config")? };
    // SAFETY: P2.
    let (chain, key) = unsafe { (file(certificate_path)?, file(key_path)?) };
    // SAFETY: P1.
    unsafe { change(c, |s| take(s, &chain, &key)) }
}

/// take_pair is [`take_pair_of_files`] for PEM in memory.
///
/// # Safety
/// P1 and P3.
pub(super) unsafe fn take_pair(
    c: *mut nh_tls_config,
    certificate: (*const c_void, usize),
    key: (*const c_void, usize),
    take: SetPemPair,
) -> Result<()> {
    // SAFETY: P3.
    let chain = unsafe { ptr::bytes(certificate.0, certificate.1, "certificate")? };
    // SAFETY: P3.
    let key = unsafe { ptr::bytes(key.0, key.1, "key")? };
    // SAFETY: P1.
    unsafe { change(c, |s| take(s, chain, key)) }
}

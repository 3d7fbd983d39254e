//! TLS settings: whom a program trusts, and who it is.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::request::flag;
use super::tls_config_pem::{take_file, take_pair, take_pair_of_files, take_pem};
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr, result};
use crate::error::{Error, Kind, Result, invalid};
use crate::net::tls::{TlsSettings, TlsVersion, Verify};
use crate::sync::Mutex;
use std::ffi::{CString, c_char, c_void};
use std::sync::{Arc, PoisonError};

/// nh_tls_config holds settings for TLS: Go's tls.Config. It is copied when it is given to a client or a server, so
/// that later changes do not show there.
pub struct nh_tls_config {
    settings: Mutex<TlsSettings>,
}

/// NH_TLS_1_2 is TLS 1.2.
pub const NH_TLS_1_2: i32 = 0x0303;
/// NH_TLS_1_3 is TLS 1.3.
pub const NH_TLS_1_3: i32 = 0x0304;

/// nh_tls_verify_fn has the last word on the peer's certificate: NH_OK accepts it, any other result refuses it.
///
/// certificates are count blocks of DER with the given lengths, the peer's own first; verdict is what the library
/// itself says: NH_OK or NH_ERR_TLS. All of it is borrowed until the function returns. It is not called when a
/// session is resumed that was accepted before.
///
/// It is called on a thread of the library's that makes the connection, for several connections at the same time,
/// and may block; the handshake's time goes on. It must not call functions on the client.
pub type nh_tls_verify_fn = Option<
    unsafe extern "C-unwind" fn(
        userdata: *mut c_void,
        server_name: *const c_char,
        certificates: *const *const c_void,
        lengths: *const usize,
        count: usize,
        verdict: nh_result,
    ) -> nh_result,
>;

impl nh_tls_config {
    /// copy is the settings as they are now.
    pub(super) fn copy(&self) -> TlsSettings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// change changes the settings, or leaves them as they were.
///
/// # Safety
/// P1.
pub(super) unsafe fn change(
    c: *mut nh_tls_config,
    f: impl FnOnce(&mut TlsSettings) -> Result<()>,
) -> Result<()> {
    // SAFETY: P1.
    let c = unsafe { ptr::shared(c, "config")? };
    let mut settings = c.settings.lock().unwrap_or_else(PoisonError::into_inner);
    let mut changed = settings.clone();
    f(&mut changed)?;
    let old = std::mem::replace(&mut *settings, changed);
    drop(settings);
    // What was replaced may end userdata of the program's: not under the lock.
    drop(old);
    Ok(())
}

/// nh_tls_config_new makes settings with the library's defaults: the system's roots, TLS 1.2 or 1.3, no certificate
/// of the program's own. It never returns NULL.
///
/// Errors: none
/// Ownership: result: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_new() -> *mut nh_tls_config {
    guard_or(std::ptr::null_mut(), || {
        Some(ptr::give(nh_tls_config { settings: Mutex::new(TlsSettings::default()) }))
    })
}

/// nh_tls_config_clone makes a copy; NULL gives NULL. Go's Config.Clone.
///
/// Errors: none
/// Ownership: result: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_clone(c: *const nh_tls_config) -> *mut nh_tls_config {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: P1.
        let c = unsafe { ptr::shared(c, "config") }.ok()?;
        Some(ptr::give(nh_tls_config { settings: Mutex::new(c.copy()) }))
    })
}

/// nh_tls_config_free ends settings; clients that were given them keep their copies. NULL is fine.
///
/// Errors: none
/// Ownership: c: the library takes
/// Threads: any thread, once, while no other call uses the settings
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_free(c: *mut nh_tls_config) {
    guard_plain(|| {
        // SAFETY: P1, and the caller gives it up.
        drop(unsafe { ptr::owned(c) });
        Ok(())
    });
}

/// nh_tls_config_add_roots_file trusts the certificates of a PEM file, beside the system's: see
/// nh_tls_config_set_system_roots. Go's RootCAs.
///
/// Authorities among them vouch for others, within what their own certificates say: dates, path length, use of the key,
/// purposes and names. Any other certificate is trusted when a server presents it as its own, and vouches for nobody.
/// Malformed certificates are skipped if there is a good one.
///
/// Errors: NH_ERR_INVALID (c or path is NULL, or the file holds no certificate in PEM), NH_ERR_IO (it cannot be read)
/// Ownership: path: the library copies
/// Threads: any thread, at the same time too. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_add_roots_file(
    c: *mut nh_tls_config,
    path: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        unsafe { take_file(c, path, TlsSettings::add_roots) }
    })
}

/// nh_tls_config_add_roots_pem is nh_tls_config_add_roots_file for certificates in memory.
///
/// Errors: NH_ERR_INVALID (c or pem is NULL, or there is no certificate in PEM)
/// Ownership: pem: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_add_roots_pem(
    c: *mut nh_tls_config,
    pem: *const c_void,
    len: usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P3.
        unsafe { take_pem(c, pem, len, TlsSettings::add_roots) }
    })
}

/// nh_tls_config_set_system_roots says with 0 that only the roots that were added are trusted, and with 1, the
/// default, the system's too. Where the system has none, Mozilla's roots, which come with the library, take their
/// place.
///
/// Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_system_roots(c: *mut nh_tls_config, on: i32) -> nh_result {
    guard_plain(|| {
        let on = flag(on)?;
        let set = |s: &mut TlsSettings| {
            s.system_roots = on;
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

/// nh_tls_config_set_certificate_files gives a server its certificate, or a client one of its own, for servers that ask
/// for one: a PEM file with the certificate and what it was signed with, and a PEM file with its key. Go's
/// Certificates; nh_tls_config_add_certificate_files gives a server more of them.
///
/// Errors: NH_ERR_INVALID (c or a path is NULL, a file holds no certificate or key in PEM, or the two do not belong
/// together), NH_ERR_IO (one cannot be read)
/// Ownership: certificate_path and key_path: the library copies
/// Threads: any thread, at the same time too. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_certificate_files(
    c: *mut nh_tls_config,
    certificate_path: *const c_char,
    key_path: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        unsafe { take_pair_of_files(c, certificate_path, key_path, TlsSettings::set_certificate) }
    })
}

/// nh_tls_config_set_certificate_pem is nh_tls_config_set_certificate_files for PEM in memory.
///
/// Errors: NH_ERR_INVALID (c, certificate or key is NULL, one is not in PEM, or the two do not belong together)
/// Ownership: certificate and key: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_certificate_pem(
    c: *mut nh_tls_config,
    certificate: *const c_void,
    certificate_len: usize,
    key: *const c_void,
    key_len: usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P3.
        unsafe { take_pair(c, (certificate, certificate_len), (key, key_len), TlsSettings::set_certificate) }
    })
}

/// nh_tls_config_set_insecure accepts with 1 any certificate of any server, so that anybody on the way can read and
/// change all: for tests only. 0 is the default. Go's InsecureSkipVerify.
///
/// Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_insecure(c: *mut nh_tls_config, on: i32) -> nh_result {
    guard_plain(|| {
        let on = flag(on)?;
        let set = |s: &mut TlsSettings| {
            s.insecure = on;
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

/// nh_tls_config_set_server_name is the name that is asked for and checked, in place of the URL's host; NULL is that
/// host again. Go's ServerName.
///
/// Errors: NH_ERR_INVALID (c is NULL, or name is empty or no text)
/// Ownership: name: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_server_name(
    c: *mut nh_tls_config,
    name: *const c_char,
) -> nh_result {
    guard_plain(|| {
        let name = match name.is_null() {
            true => None,
            // SAFETY: P2.
            false => Some(unsafe { ptr::utf8(name, "name")? }.to_owned()),
        };
        if name.as_ref().is_some_and(|n| n.is_empty()) {
            return Err(invalid("nethttp: the server's name is empty"));
        }
        let set = |s: &mut TlsSettings| {
            s.server_name = name;
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

/// nh_tls_config_set_min_version is the lowest version that is spoken: NH_TLS_1_2, the default, or NH_TLS_1_3. Go's
/// MinVersion.
///
/// Errors: NH_ERR_INVALID (c is NULL, or version is neither)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_min_version(c: *mut nh_tls_config, version: i32) -> nh_result {
    guard_plain(|| {
        let version = match version {
            NH_TLS_1_2 => TlsVersion::Tls12,
            NH_TLS_1_3 => TlsVersion::Tls13,
            _ => return Err(invalid("nethttp: the version is neither TLS 1.2 nor TLS 1.3")),
        };
        let set = |s: &mut TlsSettings| {
            s.min_version = version;
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

/// nh_tls_config_set_alpn offers these protocols to the server, or takes them from clients (RFC 7301), the one that
/// is liked best first, and a count of 0 is none. Without this call a client offers what nh_client_set_protocols
/// says, and a server takes what nh_server_set_protocols says: "h2" and "http/1.1" by default. A server that speaks
/// HTTP/2 over TLS puts "h2" in front of a list that has others and not it. Go's NextProtos.
///
/// Errors: NH_ERR_INVALID (c, protocols or one of them is NULL, or one is empty or longer than 255 bytes)
/// Ownership: protocols: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_alpn(
    c: *mut nh_tls_config,
    protocols: *const *const c_char,
    count: usize,
) -> nh_result {
    guard_plain(|| {
        let size = count.checked_mul(size_of::<*const c_char>());
        let size = size.ok_or_else(|| invalid("nethttp: count is too large"))?;
        // SAFETY: P3: `count` readable pointers.
        unsafe { ptr::bytes(protocols.cast(), size, "protocols")? };
        let mut list = Vec::new();
        for i in 0..count {
            // SAFETY: P3: it was checked above that there are so many; they may be unaligned for all we know.
            let one = unsafe { protocols.add(i).read_unaligned() };
            // SAFETY: P2.
            let one = unsafe { ptr::text(one, "a protocol")? };
            match one.len() {
                1..=255 => list.push(one.to_vec()),
                _ => return Err(invalid("nethttp: a protocol's name has 1 to 255 bytes")),
            }
        }
        let set = |s: &mut TlsSettings| {
            s.alpn = Some(list);
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

struct CVerify {
    call: unsafe extern "C-unwind" fn(
        *mut c_void,
        *const c_char,
        *const *const c_void,
        *const usize,
        usize,
        nh_result,
    ) -> nh_result,
    userdata: Userdata,
}

impl Verify for CVerify {
    fn verify(&self, name: &str, chain: &[&[u8]], verdict: Result<()>) -> Result<()> {
        let name = CString::new(name).unwrap_or_default();
        let blocks: Vec<*const c_void> = chain.iter().map(|c| c.as_ptr().cast()).collect();
        let lengths: Vec<usize> = chain.iter().map(|c| c.len()).collect();
        let code = verdict.as_ref().map_or_else(|e| e.kind() as nh_result, |()| result::NH_OK);
        let (b, l) = (blocks.as_ptr(), lengths.as_ptr());
        // SAFETY: P5; what is lent lives through the call.
        let answer = no_unwind("nh_tls_verify_fn", || unsafe {
            (self.call)(self.userdata.ptr(), name.as_ptr(), b, l, chain.len(), code)
        });
        match (answer, verdict) {
            (result::NH_OK, _) => Ok(()),
            // The library's own words, where the program agrees.
            (_, Err(e)) => Err(e),
            (n, Ok(())) => {
                let text = format!("tls: the program's verification refused the certificate with result {n}");
                Err(Error::new(Kind::Tls, text))
            }
        }
    }
}

/// nh_tls_config_set_verify lets the program have the last word on servers' certificates, or in a server on those of
/// clients, if any are asked for: see nh_tls_config_set_client_auth. fn NULL takes that back.
/// Go's VerifyPeerCertificate.
///
/// free_userdata is called exactly once, when the settings and all copies of them are gone, also if this call fails.
///
/// Errors: NH_ERR_INVALID (c is NULL)
/// Ownership: userdata: the library takes, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_tls_config_set_verify(
    c: *mut nh_tls_config,
    verify: nh_tls_verify_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        let own = verify.map(|call| Arc::new(CVerify { call, userdata }) as Arc<dyn Verify>);
        let set = |s: &mut TlsSettings| {
            s.verify = own;
            Ok(())
        };
        // SAFETY: P1.
        unsafe { change(c, set) }
    })
}

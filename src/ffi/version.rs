//! Version: what a program can ask about the library that it was linked or loaded with.

use super::{guard_or, ptr};
use std::ffi::c_char;

/// NH_VERSION_NUMBER is the version of this header: major * 1000000 + minor * 1000 + patch.
pub const NH_VERSION_NUMBER: i32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
    + number(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
    + number(env!("CARGO_PKG_VERSION_PATCH"));
/// NH_ABI_VERSION counts incompatible changes of the binary interface; the SONAME's number is the same.
pub const NH_ABI_VERSION: i32 = number(env!("NETHTTP_ABI_VERSION"));

/// number reads a number of Cargo.toml.
const fn number(digits: &str) -> i32 {
    match i32::from_str_radix(digits, 10) {
        Ok(n) => n,
        Err(_) => panic!("not a number in Cargo.toml"),
    }
}

/// FEATURES are the words that `nh_has_feature` knows; each names a part that a program may have to do without.
const FEATURES: &[&[u8]] = &[b"http1", b"client", b"server", b"tls"];

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// nh_version returns the version of the library that is loaded, such as "0.1.0".
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the process ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_version() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// nh_version_number returns the version of the library that is loaded as one number.
///
/// It is major * 1000000 + minor * 1000 + patch; compare it with NH_VERSION_NUMBER, the header's.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_version_number() -> i32 {
    NH_VERSION_NUMBER
}

/// nh_abi_version returns the number of the binary interface; a program that loads the library at run time
/// compares it with the NH_ABI_VERSION that it was written for.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_abi_version() -> i32 {
    NH_ABI_VERSION
}

/// nh_has_feature returns 1 if this build has the named part, else 0; NULL and unknown names give 0.
///
/// Names: "http1", "client", "server", "tls". Later versions add names and keep these.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_has_feature(name: *const c_char) -> i32 {
    guard_or(0, || {
        // SAFETY: P2.
        let name = unsafe { ptr::text(name, "name") }.ok()?;
        Some(i32::from(FEATURES.contains(&name)))
    })
}

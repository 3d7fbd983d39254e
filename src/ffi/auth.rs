//! Basic authentication (RFC 7617).

use super::{guard_plain, nh_result, ptr};
use crate::error::{Error, Kind, invalid};
use crate::message::auth::{BasicCredentials, basic};
use std::ffi::c_char;

/// nh_basic_auth_make writes the value of an Authorization field for a user name and a password.
///
/// Go's Request.SetBasicAuth.
///
/// Errors: NH_ERR_INVALID (username, password or len_out is NULL, or the name holds a colon),
/// NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: username, password: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_basic_auth_make(
    username: *const c_char,
    password: *const c_char,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P2.
        let (name, word) = unsafe { (ptr::text(username, "username")?, ptr::text(password, "password")?) };
        if name.contains(&b':') {
            return Err(invalid("nethttp: a user name holds no colon"));
        }
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(basic(name, word).as_bytes(), buf, cap, len_out) }
    })
}

/// nh_basic_auth_parse reads user name and password from the value of an Authorization field.
///
/// Both are decoded bytes and may hold NUL: use the lengths. Go's Request.BasicAuth.
///
/// Errors: NH_ERR_INVALID (a pointer other than the buffers is NULL), NH_ERR_NOT_FOUND (the value is of another
/// scheme or malformed), NH_ERR_TOO_LARGE (a buffer is too small; both lengths are set)
/// Ownership: value: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_basic_auth_parse(
    value: *const c_char,
    username_buf: *mut c_char,
    username_cap: usize,
    username_len_out: *mut usize,
    password_buf: *mut c_char,
    password_cap: usize,
    password_len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(username_len_out, 0, "username_len_out")?;
        ptr::out(password_len_out, 0, "password_len_out")?;
        // SAFETY: P2.
        let value = unsafe { ptr::text(value, "value")? };
        let pair = BasicCredentials::parse(value)
            .ok_or_else(|| Error::new(Kind::NotFound, "nethttp: no basic authentication"))?;
        // SAFETY: P3, P4.
        let (name, word) = unsafe {
            (
                ptr::copy_out(&pair.username, username_buf, username_cap, username_len_out),
                ptr::copy_out(&pair.password, password_buf, password_cap, password_len_out),
            )
        };
        name.and(word)
    })
}

//! Dates of HTTP (RFC 9110, 5.6.7).

use super::{guard_plain, nh_result, ptr};
use crate::error::invalid;
use crate::message::date;
use std::ffi::c_char;

/// nh_date_format writes a time as HTTP has it, such as "Sun, 06 Nov 1994 08:49:37 GMT": 29 bytes and a NUL.
///
/// unix_seconds counts from 1970-01-01 00:00:00 UTC and may be negative. Go's TimeFormat.
///
/// Errors: NH_ERR_INVALID (len_out is NULL, or the year is not 0 to 9999), NH_ERR_TOO_LARGE (cap is below 30)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_date_format(
    unix_seconds: i64,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::set_out(len_out, 0);
        if !(date::MIN..=date::MAX).contains(&unix_seconds) {
            return Err(invalid("nethttp: the year is not 0 to 9999"));
        }
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&date::format(unix_seconds), buf, cap, len_out) }
    })
}

/// nh_date_parse reads a date in one of the three forms of HTTP: IMF-fixdate, RFC 850 and asctime.
///
/// *unix_seconds_out counts from 1970-01-01 00:00:00 UTC; earlier dates are refused. Go's ParseTime.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or text is no such date)
/// Ownership: text: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_date_parse(text: *const c_char, unix_seconds_out: *mut i64) -> nh_result {
    guard_plain(|| {
        ptr::out(unix_seconds_out, 0, "unix_seconds_out")?;
        // SAFETY: P2.
        let text = unsafe { ptr::text(text, "text")? };
        let secs = date::parse(text).ok_or_else(|| invalid("nethttp: not an HTTP date"))?;
        ptr::set_out(unix_seconds_out, secs);
        Ok(())
    })
}

//! Media types of content.

use super::{guard_or, ptr};
use crate::message::sniff;
use std::ffi::{c_char, c_void};

/// nh_detect_content_type tells the media type of content by its first 512 bytes, such as "image/png" or
/// "text/html; charset=utf-8"; "application/octet-stream" where none fits better. Go's DetectContentType.
///
/// A response writer does this for bodies whose handler has set no Content-Type. NULL with a length gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the program ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_detect_content_type(data: *const c_void, len: usize) -> *const c_char {
    guard_or(std::ptr::null(), || {
        // SAFETY: P3.
        Some(sniff::detect(unsafe { ptr::bytes(data, len, "data") }.ok()?).as_ptr())
    })
}

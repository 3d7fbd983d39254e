//! From C's pointers to Rust's references, in one place: each function here relies on one clause of the
//! pointer contract in `ffi/mod.rs` and answers `NH_ERR_INVALID` for what can be seen to break it.

use crate::error::{Error, Kind, Result, invalid};
use crate::handle::{self, HandleTarget};
use std::ffi::{CStr, c_char, c_void};

/// place is where the object behind a handle is. Most are addresses, which are even.
#[inline(always)]
fn place<T>(p: *const T, name: &str) -> Result<*mut T> {
    if p.addr() & 1 == 0 { Ok(p.cast_mut()) } else { named(p.cast(), name).map(<*mut ()>::cast) }
}

/// named is the same for the handle of an exchange's object, which says when that has ended.
#[inline(never)]
fn named(p: *const (), name: &str) -> Result<*mut ()> {
    match handle::resolve(p) {
        HandleTarget::Address => Ok(p.cast_mut()),
        HandleTarget::Object(object) => Ok(object),
        HandleTarget::Ended => {
            Err(Error::new(Kind::State, format!("nethttp: the {name}'s exchange has ended")))
        }
    }
}

/// shared borrows a handle.
///
/// # Safety
/// P1 and P6.
pub(crate) unsafe fn shared<'a, T>(p: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: P1: NULL or live.
    unsafe { place(p, name)?.as_ref() }.ok_or_else(|| null(name))
}

/// unique borrows a handle for change.
///
/// # Safety
/// P1 and P6.
pub(crate) unsafe fn unique<'a, T>(p: *mut T, name: &str) -> Result<&'a mut T> {
    // SAFETY: P1: NULL or live; P6: no other thread uses it.
    unsafe { place(p, name)?.as_mut() }.ok_or_else(|| null(name))
}

/// owned takes a handle back from C to drop it; NULL is fine.
///
/// # Safety
/// P1, and the caller gives up the pointer.
pub(crate) unsafe fn owned<T>(p: *mut T) -> Option<Box<T>> {
    // What an exchange has lent is not the program's to free.
    let is_address = matches!(handle::resolve(p.cast()), HandleTarget::Address);
    // SAFETY: P1: it came from `give`.
    (is_address && !p.is_null()).then(|| unsafe { Box::from_raw(p) })
}

/// give hands a value to C, which owns it from then on.
pub(crate) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// text borrows NUL-terminated text.
///
/// # Safety
/// P2.
pub(crate) unsafe fn text<'a>(p: *const c_char, name: &str) -> Result<&'a [u8]> {
    if p.is_null() {
        return Err(null(name));
    }
    // SAFETY: P2: not NULL, so NUL-terminated.
    Ok(unsafe { CStr::from_ptr(p) }.to_bytes())
}

/// utf8 is [`text`] for what must be text: paths, patterns, URLs.
///
/// # Safety
/// P2.
pub(crate) unsafe fn utf8<'a>(p: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: P2.
    let bytes = unsafe { text(p, name)? };
    std::str::from_utf8(bytes).map_err(|_| invalid(format!("nethttp: {name} is not UTF-8")))
}

/// bytes borrows a block of memory; `(NULL, 0)` is empty.
///
/// # Safety
/// P3.
pub(crate) unsafe fn bytes<'a>(p: *const c_void, len: usize, name: &str) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if p.is_null() || len > isize::MAX as usize {
        return Err(null(name));
    }
    // SAFETY: P3: `len` readable bytes.
    Ok(unsafe { std::slice::from_raw_parts(p.cast(), len) })
}

/// buffer borrows memory to write to; a capacity of 0 is `NH_ERR_INVALID`, since 0 bytes mean the end.
///
/// # Safety
/// P3.
pub(crate) unsafe fn buffer<'a>(p: *mut c_void, cap: usize, name: &str) -> Result<&'a mut [u8]> {
    if p.is_null() || cap == 0 {
        return Err(invalid(format!("nethttp: {name} is NULL or has no room")));
    }
    // SAFETY: P3: `cap` writable bytes; more than a slice may have is cut to what it may.
    Ok(unsafe { std::slice::from_raw_parts_mut(p.cast(), cap.min(isize::MAX as usize)) })
}

/// out checks an out parameter and sets it to its neutral value first.
pub(crate) fn out<T>(p: *mut T, neutral: T, name: &str) -> Result<()> {
    if p.is_null() {
        return Err(null(name));
    }
    set_out(p, neutral);
    Ok(())
}

/// set_out writes an out parameter if there is one.
pub(crate) fn set_out<T>(p: *mut T, value: T) {
    if !p.is_null() {
        // SAFETY: P4: writable and aligned; what was there is never read or dropped.
        unsafe { p.write(value) }
    }
}

/// copy_out hands new text to the caller's buffer: `*len_out` is always the whole length without the NUL; a
/// buffer that is too small, or NULL, is left alone and the result is `NH_ERR_TOO_LARGE`.
///
/// # Safety
/// P3 for `buf` and `cap`, P4 for `len_out`.
pub(crate) unsafe fn copy_out(text: &[u8], buf: *mut c_char, cap: usize, len_out: *mut usize) -> Result<()> {
    out(len_out, text.len(), "len_out")?;
    if buf.is_null() || cap <= text.len() {
        let need = text.len() + 1;
        return Err(Error::new(Kind::TooLarge, format!("nethttp: the buffer must have {need} bytes")));
    }
    // SAFETY: P3: `cap` writable bytes, more than the text has; the caller's buffer is none of ours.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buf.cast::<u8>(), text.len());
        buf.add(text.len()).write(0);
    }
    Ok(())
}

fn null(name: &str) -> Error {
    invalid(format!("nethttp: {name} is NULL"))
}

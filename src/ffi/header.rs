//! Header fields: looked up without regard to case, kept in order and with duplicates.

use super::{guard_or, guard_plain, nh_result, ptr};
use crate::error::Result;
use crate::message::header::{Header, canonical};
use std::ffi::c_char;
use std::ptr::null;

/// nh_header holds the fields of a message, or its trailers, in the order of the wire. Go's http.Header.
///
/// A header that a request, a response or a response writer gave out belongs to that object: do not free it.
/// Text that was borrowed from a header is good until the next change of that header or its owner's end.
pub struct nh_header {
    _opaque: [u8; 0],
}

impl nh_header {
    /// lend shows a header that another object owns to C.
    pub(crate) fn lend(header: &Header) -> *const nh_header {
        std::ptr::from_ref(header).cast()
    }

    /// lend_mut is [`nh_header::lend`] for a header that C may change.
    pub(crate) fn lend_mut(header: &mut Header) -> *mut nh_header {
        std::ptr::from_mut(header).cast()
    }

    /// borrow is the header behind a handle.
    ///
    /// # Safety
    /// P1 and P6.
    pub(crate) unsafe fn borrow<'a>(h: *const nh_header) -> Result<&'a Header> {
        // SAFETY: P1: every nh_header is the address of a Header.
        unsafe { ptr::shared(h.cast::<Header>(), "header") }
    }

    /// borrow_mut is [`nh_header::borrow`] for a change.
    ///
    /// # Safety
    /// P1 and P6.
    pub(crate) unsafe fn borrow_mut<'a>(h: *mut nh_header) -> Result<&'a mut Header> {
        // SAFETY: P1: every nh_header is the address of a Header.
        unsafe { ptr::unique(h.cast::<Header>(), "header") }
    }
}

/// nh_header_new makes an empty header.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_header_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_new() -> *mut nh_header {
    guard_or(std::ptr::null_mut(), || Some(ptr::give(Header::new()).cast()))
}

/// nh_header_clone makes a header with the same fields; NULL gives NULL. Go's Header.Clone.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_header_free
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_clone(h: *const nh_header) -> *mut nh_header {
    // SAFETY: P1.
    guard_or(std::ptr::null_mut(), || Some(ptr::give(unsafe { nh_header::borrow(h) }.ok()?.clone()).cast()))
}

/// nh_header_free ends a header that the caller owns; NULL is fine.
///
/// Errors: none
/// Ownership: h: the library takes
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_free(h: *mut nh_header) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(h.cast::<Header>()) }.map(drop));
}

/// nh_header_get returns the first value under a name: NULL if there is none, "" if it is empty.
///
/// The case of the name does not matter. Go's Header.Get.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_get(h: *const nh_header, name: *const c_char) -> *const c_char {
    guard_or(null(), || {
        // SAFETY: P1, P2.
        let (h, name) = unsafe { (nh_header::borrow(h).ok()?, ptr::text(name, "name").ok()?) };
        Some(h.get_c(name)?.as_ptr())
    })
}

/// nh_header_get_n is nh_header_get with the length of the name, and tells the length of the value.
///
/// len_out may be NULL; it becomes 0 where the result is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_get_n(
    h: *const nh_header,
    name: *const c_char,
    name_len: usize,
    len_out: *mut usize,
) -> *const c_char {
    ptr::set_out(len_out, 0);
    guard_or(null(), || {
        // SAFETY: P1, P3.
        let (h, name) =
            unsafe { (nh_header::borrow(h).ok()?, ptr::bytes(name.cast(), name_len, "name").ok()?) };
        let value = h.get_c(name)?;
        ptr::set_out(len_out, value.count_bytes());
        Some(value.as_ptr())
    })
}

/// nh_header_value returns the value at an index among those under one name, or NULL past the last.
///
/// Go's Header.Values.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_value(
    h: *const nh_header,
    name: *const c_char,
    index: usize,
) -> *const c_char {
    guard_or(null(), || {
        // SAFETY: P1, P2.
        let (h, name) = unsafe { (nh_header::borrow(h).ok()?, ptr::text(name, "name").ok()?) };
        Some(h.value_c(name, index)?.as_ptr())
    })
}

/// nh_header_has returns 1 if there is a field of that name, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_has(h: *const nh_header, name: *const c_char) -> i32 {
    guard_or(0, || {
        // SAFETY: P1, P2.
        let (h, name) = unsafe { (nh_header::borrow(h).ok()?, ptr::text(name, "name").ok()?) };
        Some(i32::from(h.contains(name)))
    })
}

/// nh_header_count returns the number of fields, duplicates included; 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_count(h: *const nh_header) -> usize {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { nh_header::borrow(h) }.ok()?.len()))
}

/// nh_header_name_at returns the name of the field at an index in the order of the wire, or NULL past the last.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_name_at(h: *const nh_header, index: usize) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || Some(unsafe { nh_header::borrow(h) }.ok()?.at_c(index)?.0.as_ptr()))
}

/// nh_header_value_at returns the value of the field at an index in the order of the wire, or NULL past the last.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of h or the end of its owner
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_value_at(h: *const nh_header, index: usize) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || Some(unsafe { nh_header::borrow(h) }.ok()?.at_c(index)?.1.as_ptr()))
}

/// nh_header_set replaces all fields of a name by one, at the place of the first, or appends it. Go's Header.Set.
///
/// The spelling of the name is kept. Values are any bytes but control characters other than tab.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, or the value holds CR, LF or another
/// control character)
/// Ownership: name, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_set(
    h: *mut nh_header,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (h, name, value) =
            unsafe { (nh_header::borrow_mut(h)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        h.set(name, value)
    })
}

/// nh_header_set_n is nh_header_set with lengths.
///
/// Errors: NH_ERR_INVALID (as nh_header_set)
/// Ownership: name, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_set_n(
    h: *mut nh_header,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let h = unsafe { nh_header::borrow_mut(h)? };
        // SAFETY: P3.
        let name = unsafe { ptr::bytes(name.cast(), name_len, "name")? };
        // SAFETY: P3.
        let value = unsafe { ptr::bytes(value.cast(), value_len, "value")? };
        h.set(name, value)
    })
}

/// nh_header_add appends a field, whatever is there already. Go's Header.Add.
///
/// The spelling of the name is kept. Values are any bytes but control characters other than tab.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, or the value holds CR, LF or another
/// control character)
/// Ownership: name, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_add(
    h: *mut nh_header,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (h, name, value) =
            unsafe { (nh_header::borrow_mut(h)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        h.add(name, value)
    })
}

/// nh_header_add_n is nh_header_add with lengths.
///
/// Errors: NH_ERR_INVALID (as nh_header_add)
/// Ownership: name, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_add_n(
    h: *mut nh_header,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let h = unsafe { nh_header::borrow_mut(h)? };
        // SAFETY: P3.
        let name = unsafe { ptr::bytes(name.cast(), name_len, "name")? };
        // SAFETY: P3.
        let value = unsafe { ptr::bytes(value.cast(), value_len, "value")? };
        h.add(name, value)
    })
}

/// nh_header_del removes all fields of a name; that there are none is NH_OK too. Go's Header.Del.
///
/// Errors: NH_ERR_INVALID (an argument is NULL)
/// Ownership: nothing changes hands
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_del(h: *mut nh_header, name: *const c_char) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (h, name) = unsafe { (nh_header::borrow_mut(h)?, ptr::text(name, "name")?) };
        h.del(name);
        Ok(())
    })
}

/// nh_header_write writes all fields as they go over the wire: "Name: value" and CR LF for each.
///
/// The empty line that ends a head is not written. Order is kept where Go's Header.Write sorts.
///
/// Errors: NH_ERR_INVALID (h or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too, while nobody changes h
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_write(
    h: *const nh_header,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        let mut text = Vec::new();
        // SAFETY: P1.
        unsafe { nh_header::borrow(h)? }.write_to(&mut text);
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&text, buf, cap, len_out) }
    })
}

/// nh_header_canonical_name writes a name as Go spells it: "accept-encoding" becomes "Accept-Encoding".
///
/// A name that is no token is written as it is. Go's CanonicalHeaderKey.
///
/// Errors: NH_ERR_INVALID (name or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: name: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_header_canonical_name(
    name: *const c_char,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P2.
        let name = unsafe { ptr::text(name, "name")? };
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&canonical(name), buf, cap, len_out) }
    })
}

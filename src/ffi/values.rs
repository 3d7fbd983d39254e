//! Values: the decoded keys and values of a query or a form. Go's url.Values.

use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::message::query::{NulText, Values};
use std::ffi::c_char;
use std::ptr::{null, null_mut};

/// nh_values holds keys and values, which may contain any byte, NUL too. Keys are looked up with regard to case.
///
/// Text that was borrowed is good until the next change of these values or their end.
pub struct nh_values(pub(crate) Values);

/// lend gives a decoded text and its length to C.
fn lend(text: &NulText, len_out: *mut usize) -> *const c_char {
    ptr::set_out(len_out, text.bytes().len());
    text.with_nul().as_ptr().cast()
}

/// nh_values_new makes an empty set of values.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_values_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_new() -> *mut nh_values {
    guard_or(null_mut(), || Some(ptr::give(nh_values(Values::new()))))
}

/// nh_values_parse decodes a query or an urlencoded form: "a=1&b=x+y".
///
/// One malformed pair makes the whole fail; nh_url_query keeps the others. Go's url.ParseQuery.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, an escape is malformed, or a bare semicolon stands in it),
/// NH_ERR_TOO_LARGE (more than 10000 pairs), NH_ERR_NO_RESOURCES (there is no memory for it)
/// Ownership: query: the library copies; *out: the caller owns, ends it by nh_values_free; *err: the caller
/// owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_parse(
    query: *const c_char,
    out: *mut *mut nh_values,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P2.
        let query = unsafe { ptr::text(query, "query")? };
        match Values::parse(query) {
            (values, None) => ptr::set_out(out, ptr::give(nh_values(values))),
            (_, Some(e)) => return Err(e),
        }
        Ok(())
    })
}

/// nh_values_parse_n is nh_values_parse with the length of the query, such as a body that was read.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, an escape is malformed, or a bare semicolon stands in it),
/// NH_ERR_TOO_LARGE (more than 10000 pairs), NH_ERR_NO_RESOURCES (there is no memory for it)
/// Ownership: query: the library copies; *out: the caller owns, ends it by nh_values_free; *err: the caller
/// owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_parse_n(
    query: *const c_char,
    len: usize,
    out: *mut *mut nh_values,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P3.
        let query = unsafe { ptr::bytes(query.cast(), len, "query")? };
        match Values::parse(query) {
            (values, None) => ptr::set_out(out, ptr::give(nh_values(values))),
            (_, Some(e)) => return Err(e),
        }
        Ok(())
    })
}

/// nh_values_clone makes a copy; NULL gives NULL. Go's Values.Clone.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_values_free
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_clone(v: *const nh_values) -> *mut nh_values {
    // SAFETY: P1.
    guard_or(null_mut(), || Some(ptr::give(nh_values(unsafe { v.as_ref() }?.0.clone()))))
}

/// nh_values_free ends values that the caller owns; NULL is fine.
///
/// Errors: none
/// Ownership: v: the library takes
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_free(v: *mut nh_values) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(v) }.map(drop));
}

/// nh_values_get returns the first value under a key and its length; NULL and 0 if there is none.
///
/// len_out is required, since values may hold NUL: without it the result is NULL. Go's Values.Get.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_get(
    v: *const nh_values,
    key: *const c_char,
    len_out: *mut usize,
) -> *const c_char {
    // SAFETY: as of nh_values_value.
    unsafe { nh_values_value(v, key, 0, len_out) }
}

/// nh_values_value returns the value at an index among those under one key, and its length.
///
/// Past the last it is NULL and 0, and also if len_out is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_value(
    v: *const nh_values,
    key: *const c_char,
    index: usize,
    len_out: *mut usize,
) -> *const c_char {
    guard_or(null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1, P2.
        let (v, key) = unsafe { (v.as_ref()?, ptr::text(key, "key").ok()?) };
        Some(lend(v.0.nth(key, index)?, len_out))
    })
}

/// nh_values_has returns 1 if there is a value under the key, else 0. Go's Values.Has.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_has(v: *const nh_values, key: *const c_char) -> i32 {
    guard_or(0, || {
        // SAFETY: P1, P2.
        let (v, key) = unsafe { (v.as_ref()?, ptr::text(key, "key").ok()?) };
        Some(i32::from(v.0.has(key)))
    })
}

/// nh_values_count returns the number of pairs; 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_count(v: *const nh_values) -> usize {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { v.as_ref() }?.0.len()))
}

/// nh_values_key_at returns the key of the pair at an index, in the order of the text, and its length.
///
/// Past the last it is NULL and 0, and also if len_out is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_key_at(
    v: *const nh_values,
    index: usize,
    len_out: *mut usize,
) -> *const c_char {
    guard_or(null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1.
        Some(lend(unsafe { v.as_ref() }?.0.text_at(index)?.0, len_out))
    })
}

/// nh_values_value_at returns the value of the pair at an index, in the order of the text, and its length.
///
/// Past the last it is NULL and 0, and also if len_out is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the next change of v or nh_values_free
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_value_at(
    v: *const nh_values,
    index: usize,
    len_out: *mut usize,
) -> *const c_char {
    guard_or(null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1.
        Some(lend(unsafe { v.as_ref() }?.0.text_at(index)?.1, len_out))
    })
}

/// nh_values_set replaces all values under a key by one. Go's Values.Set.
///
/// Errors: NH_ERR_INVALID (an argument is NULL)
/// Ownership: key, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_set(
    v: *mut nh_values,
    key: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let v = unsafe { ptr::unique(v, "values")? };
        // SAFETY: P2.
        let (key, value) = unsafe { (ptr::text(key, "key")?, ptr::text(value, "value")?) };
        v.0.set(key, value);
        Ok(())
    })
}

/// nh_values_set_n is nh_values_set for bytes with lengths, NULs among them.
///
/// Errors: NH_ERR_INVALID (v is NULL, or a pointer is NULL whose length is not 0)
/// Ownership: key, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_set_n(
    v: *mut nh_values,
    key: *const c_char,
    key_len: usize,
    value: *const c_char,
    value_len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let v = unsafe { ptr::unique(v, "values")? };
        // SAFETY: P3.
        let key = unsafe { ptr::bytes(key.cast(), key_len, "key")? };
        // SAFETY: P3.
        let value = unsafe { ptr::bytes(value.cast(), value_len, "value")? };
        v.0.set(key, value);
        Ok(())
    })
}

/// nh_values_add appends a value under a key. Go's Values.Add.
///
/// Errors: NH_ERR_INVALID (an argument is NULL)
/// Ownership: key, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_add(
    v: *mut nh_values,
    key: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let v = unsafe { ptr::unique(v, "values")? };
        // SAFETY: P2.
        let (key, value) = unsafe { (ptr::text(key, "key")?, ptr::text(value, "value")?) };
        v.0.add(key, value);
        Ok(())
    })
}

/// nh_values_add_n is nh_values_add for bytes with lengths, NULs among them.
///
/// Errors: NH_ERR_INVALID (v is NULL, or a pointer is NULL whose length is not 0)
/// Ownership: key, value: the library copies
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_add_n(
    v: *mut nh_values,
    key: *const c_char,
    key_len: usize,
    value: *const c_char,
    value_len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let v = unsafe { ptr::unique(v, "values")? };
        // SAFETY: P3.
        let key = unsafe { ptr::bytes(key.cast(), key_len, "key")? };
        // SAFETY: P3.
        let value = unsafe { ptr::bytes(value.cast(), value_len, "value")? };
        v.0.add(key, value);
        Ok(())
    })
}

/// nh_values_del removes all values under a key; that there are none is NH_OK too. Go's Values.Del.
///
/// Errors: NH_ERR_INVALID (an argument is NULL)
/// Ownership: nothing changes hands
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_del(v: *mut nh_values, key: *const c_char) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (v, key) = unsafe { (ptr::unique(v, "values")?, ptr::text(key, "key")?) };
        v.0.del(key);
        Ok(())
    })
}

/// nh_values_encode writes "key=value&..." sorted by key; values of one key keep their order.
///
/// Go's Values.Encode.
///
/// Errors: NH_ERR_INVALID (v or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too, while nobody changes v
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_values_encode(
    v: *const nh_values,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1.
        let text = unsafe { ptr::shared(v, "values")? }.0.encode();
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&text, buf, cap, len_out) }
    })
}

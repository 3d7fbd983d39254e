//! What a program attaches to a request on its way through handlers.

use super::callback::{Userdata, nh_free_fn};
use super::request::nh_request;
use super::{guard_or, guard_plain, nh_result, ptr};
use crate::error::invalid;
use std::ffi::{c_char, c_void};

/// nh_request_set_value attaches a value to a request by a name, to be read back by whoever serves it further down, or
/// answers it later. One of the same name is replaced. NULL takes it away. Go's context values.
///
/// free_value is called when the value is replaced, or the exchange has ended.
///
/// Errors: NH_ERR_INVALID (r or key is NULL, or r was not received by a server)
/// Ownership: key: the library copies; value: the library takes, also on failure, and ends it by free_value
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_value(
    r: *mut nh_request,
    key: *const c_char,
    value: *mut c_void,
    free_value: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let value = Userdata::new(value, free_value);
        // SAFETY: P1, P2, P6.
        let (r, key) = unsafe { (ptr::unique(r, "request")?, ptr::utf8(key, "key")?) };
        if !r.0.is_incoming() {
            return Err(invalid("nethttp: only a request that was received has values"));
        }
        let before = r.0.values.iter().position(|(k, _)| k == key).map(|at| r.0.values.swap_remove(at));
        if !value.ptr().is_null() {
            r.0.values.push((key.to_owned(), Box::new(value)));
        }
        drop(before);
        Ok(())
    })
}

/// nh_request_value is what was attached to a request by that name; NULL if nothing was.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the value is replaced or the exchange has ended
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_value(r: *const nh_request, key: *const c_char) -> *mut c_void {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: P1, P2, P6.
        let (r, key) = unsafe { (ptr::shared(r, "request").ok()?, ptr::utf8(key, "key").ok()?) };
        let (_, value) = r.0.values.iter().find(|(k, _)| k == key)?;
        value.downcast_ref::<Userdata>().map(Userdata::ptr)
    })
}

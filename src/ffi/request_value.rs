//! What a program attaches to a request on its way through handlers.

use super::callback::{Userdata, nh_free_fn};
use super::request::nh_request;
use super::server::{nh_server, server};
use super::{guard_or, guard_plain, nh_result, ptr};
use crate::error::invalid;
use crate::message::request::RequestBody;
use std::ffi::{c_char, c_void};

/// nh_request_set_value attaches a value to a request by a name, to be read back by whoever serves it further down, or
/// answers it later. One of the same name is replaced. NULL takes it away. Go's context values.
///
/// free_value is called when the value is replaced, or the exchange has ended.
///
/// Errors: NH_ERR_INVALID (r or key is NULL, key is empty, or r was not received by a server)
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
        if !r.0.is_incoming() || key.is_empty() {
            return Err(invalid("nethttp: key is empty, or the request was not received"));
        }
        let before = r.0.values.iter().position(|(k, _)| k == key).map(|at| r.0.values.swap_remove(at));
        if !value.ptr().is_null() {
            r.0.values.push((key.to_owned(), Box::new(value)));
        }
        drop(before);
        Ok(())
    })
}

/// nh_request_value is what was attached to a request by that name, or else to its server; NULL if nothing was.
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
        let own = r.0.values.iter().find(|(k, _)| k == key).map(|(_, v)| &**v);
        let value = match (own, &r.0.body) {
            (None, RequestBody::Incoming(body)) => body.base_value(key)?,
            (own, _) => own?,
        };
        value.downcast_ref::<Userdata>().map(Userdata::ptr)
    })
}

/// nh_server_set_base_value attaches a value to all requests of a server by a name, as nh_request_set_value does to one;
/// one of the same name is replaced. Set it before the server starts. Go's BaseContext.
///
/// Errors: NH_ERR_INVALID (s or key is NULL, or key is empty), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s
/// was made before a fork)
/// Ownership: key: the library copies; value: the library takes, also on failure, and ends it by free_value
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_base_value(
    s: *mut nh_server,
    key: *const c_char,
    value: *mut c_void,
    free_value: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let value = Userdata::new(value, free_value);
        // SAFETY: P1, P2.
        let (s, key) = unsafe { (server(s)?, ptr::utf8(key, "key")?) };
        if key.is_empty() {
            return Err(invalid("nethttp: key is empty"));
        }
        s.set_base_value((key.to_owned(), Box::new(value)))
    })
}

/// nh_request_conn_id is the number of the connection that a request came by, the same that nh_server_conn_id tells, so
/// that a program can keep something for each connection and end it with NH_CONN_STATE_CLOSED; 0 where
/// nh_server_set_conn_state_callback was not called. Go's ConnContext.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_conn_id(r: *const nh_request) -> u64 {
    // SAFETY: P1, P6.
    guard_or(0, || Some(unsafe { ptr::shared(r, "request") }.ok()?.0.conn_id))
}

//! Handlers that bound or refuse what the next one is asked: its time, a body's size, who asks.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::duration::duration;
use super::handler::nh_handler;
use super::ptr;
use crate::error::invalid;
use crate::handlers::{self, CheckCredentials};
use crate::message::auth::BasicCredentials;
use std::ffi::{c_char, c_void};

/// nh_timeout_handler makes a handler that gives h a time, in milliseconds: Go's TimeoutHandler. What h writes is
/// gathered and sent when it returns. If its time is up before, the client is answered 503 at once, with body, or
/// a page of the library's own if that is NULL or "".
///
/// h is not ended: it goes on with its w and r until it returns, its writes answer NH_ERR_TIMEOUT, and then its
/// connection is closed, but one of HTTP/2 is not. It should look for that, or at nh_request_is_client_gone. Its
/// writer cannot flush, and has no full duplex and no write timeout: NH_ERR_UNSUPPORTED. The 503 goes past writers
/// of nh_response_writer_wrap.
///
/// NH_TIMEOUT_NONE is h without a bound. NULL if h is NULL or the time is below -1.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; body: the library copies; it has a share of
/// its own in h
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_timeout_handler(
    h: *mut nh_handler,
    timeout_ms: i64,
    body: *const c_char,
) -> *mut nh_handler {
    nh_handler::give(|| {
        // SAFETY: P1.
        let h = unsafe { nh_handler::take(h)? };
        let Some(limit) = duration(timeout_ms)? else { return Ok(h) };
        // SAFETY: P2.
        let body = if body.is_null() { &[][..] } else { unsafe { ptr::text(body, "body")? } };
        Ok(handlers::timeout(h, limit, body))
    })
}

/// nh_max_bytes_handler makes a handler that bounds the request's body to n bytes before it calls h: Go's
/// MaxBytesHandler. Reading more is NH_ERR_TOO_LARGE, and the connection ends with the answer. NULL if h is NULL
/// or n negative.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; it has a share of its own in h
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_max_bytes_handler(h: *mut nh_handler, n: i64) -> *mut nh_handler {
    nh_handler::give(|| {
        // SAFETY: P1.
        let h = unsafe { nh_handler::take(h)? };
        let n = u64::try_from(n).map_err(|_| invalid("nethttp: a limit must not be negative"))?;
        Ok(handlers::max_bytes(h, n))
    })
}

/// nh_basic_auth_fn answers 1 if a user name and a password are good, else 0. Both are NUL-terminated and may
/// hold NUL besides. Compare passwords in constant time, or the time that it takes tells how much of one is
/// right. It runs on the threads of handlers, any number of them at once, and may block.
pub type nh_basic_auth_fn = Option<
    unsafe extern "C-unwind" fn(
        username: *const c_char,
        username_len: usize,
        password: *const c_char,
        password_len: usize,
        userdata: *mut c_void,
    ) -> i32,
>;

struct CCheckCredentials {
    call: unsafe extern "C-unwind" fn(*const c_char, usize, *const c_char, usize, *mut c_void) -> i32,
    userdata: Userdata,
}

impl CheckCredentials for CCheckCredentials {
    fn check(&self, who: &BasicCredentials) -> bool {
        let with_nul = |text: &[u8]| [text, b"\0"].concat();
        let (name, word) = (with_nul(&who.username), with_nul(&who.password));
        let (name_len, word_len) = (who.username.len(), who.password.len());
        // SAFETY: P5; the texts live until the call returns.
        let good = no_unwind("nh_basic_auth_fn", || unsafe {
            (self.call)(name.as_ptr().cast(), name_len, word.as_ptr().cast(), word_len, self.userdata.ptr())
        });
        good == 1
    }
}

/// nh_basic_auth_handler makes a handler that calls h for requests whose user name and password fn takes, and
/// answers 401 to others, with a challenge for realm (RFC 7617). NULL if h, realm or fn is NULL, or realm has
/// control bytes.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; realm: the library copies; userdata: the
/// library takes, also on failure; the result has a share of its own in h
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_basic_auth_handler(
    h: *mut nh_handler,
    realm: *const c_char,
    check_fn: nh_basic_auth_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> *mut nh_handler {
    nh_handler::give(|| {
        let userdata = Userdata::new(userdata, free_userdata);
        let call = check_fn.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
        // SAFETY: P1, P2.
        let (h, realm) = unsafe { (nh_handler::take(h)?, ptr::text(realm, "realm")?) };
        crate::message::header::check_field(b"WWW-Authenticate", realm)?;
        Ok(handlers::basic_auth(h, realm, Box::new(CCheckCredentials { call, userdata })))
    })
}

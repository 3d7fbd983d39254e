//! Cancel tokens.

use super::{guard_or, guard_plain, nh_result, ptr};
use crate::fork::Stamp;
use crate::net::cancel::CancelToken;

/// nh_cancel_token fires once and ends every request that was given it: before it starts, while it waits, and
/// while its response's body is read.
pub struct nh_cancel_token {
    pub(super) token: CancelToken,
    stamp: Stamp,
}

impl nh_cancel_token {
    pub(super) fn new() -> nh_cancel_token {
        nh_cancel_token { token: CancelToken::new(), stamp: Stamp::now() }
    }
}

/// nh_cancel_token_new makes a token. It never returns NULL.
///
/// Errors: none
/// Ownership: result: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cancel_token_new() -> *mut nh_cancel_token {
    guard_or(std::ptr::null_mut(), || Some(ptr::give(nh_cancel_token::new())))
}

/// nh_cancel_token_retain makes another handle of the same token; each handle is freed on its own.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cancel_token_retain(t: *const nh_cancel_token) -> *mut nh_cancel_token {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: P1.
        let t = unsafe { ptr::shared(t, "token") }.ok()?;
        Some(ptr::give(nh_cancel_token { token: t.token.clone(), stamp: t.stamp }))
    })
}

/// nh_cancel_token_fire ends all that runs under the token with NH_ERR_CANCELED, now and from now on.
///
/// It may be called from a signal handler; firing again does nothing. A request that was answered already is not
/// affected but for the reads of its body.
///
/// Errors: NH_ERR_INVALID (t is NULL), NH_ERR_FORKED (the token was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cancel_token_fire(t: *const nh_cancel_token) -> nh_result {
    // No error value is made on the way: that would allocate, which a signal handler must not.
    // SAFETY: P1.
    match unsafe { t.as_ref() } {
        None => super::result::NH_ERR_INVALID,
        // The sockets are shared with the parent process: shutting them down would reach it.
        Some(t) if t.stamp.is_stale() => super::result::NH_ERR_FORKED,
        Some(t) => {
            t.token.fire();
            super::result::NH_OK
        }
    }
}

/// nh_cancel_token_is_fired returns 1 if the token has fired, else 0; 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cancel_token_is_fired(t: *const nh_cancel_token) -> i32 {
    // SAFETY: P1.
    guard_or(0, || unsafe { ptr::shared(t, "token") }.ok().map(|t| i32::from(t.token.is_fired())))
}

/// nh_cancel_token_free ends this handle; requests and responses that use the token keep it. NULL is fine.
///
/// Errors: none
/// Ownership: t: the library takes
/// Threads: any thread, once
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cancel_token_free(t: *mut nh_cancel_token) {
    guard_plain(|| {
        // SAFETY: P1, and the caller gives the handle up.
        drop(unsafe { ptr::owned(t) });
        Ok(())
    });
}

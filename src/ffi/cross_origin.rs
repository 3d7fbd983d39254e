//! Protection from requests that browsers send for other sites (CSRF).

use super::handler::nh_handler;
use super::request::nh_request;
use super::server_request::shared;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::handlers::CrossOrigin;
use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::Arc;

/// nh_cross_origin decides which requests come from another origin by a browser and would change something: Go's
/// CrossOriginProtection. GET, HEAD and OPTIONS always pass, so they must change nothing. Others pass if
/// Sec-Fetch-Site is "same-origin" or "none"; without that field, if there is no Origin or its host is the
/// request's; or if their origin is trusted or they match a bypass pattern.
pub struct nh_cross_origin(Arc<CrossOrigin>);

/// nh_cross_origin_new makes a protection that trusts no other origin.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_cross_origin_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cross_origin_new() -> *mut nh_cross_origin {
    guard_or(null_mut(), || Some(ptr::give(nh_cross_origin(Arc::default()))))
}

/// nh_cross_origin_free gives up the program's share of a protection; NULL is fine. Handlers made of it go on.
///
/// Errors: none
/// Ownership: p: the library takes
/// Threads: any thread, once, while no other call uses p
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cross_origin_free(p: *mut nh_cross_origin) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(p) }.map(drop));
}

/// nh_cross_origin_add_trusted_origin lets requests pass whose Origin is exactly this one: "scheme://host[:port]".
/// Go's AddTrustedOrigin.
///
/// Errors: NH_ERR_INVALID (p or origin is NULL, or origin is no origin)
/// Ownership: origin: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too, also while p is used
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cross_origin_add_trusted_origin(
    p: *mut nh_cross_origin,
    origin: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (p, origin) = unsafe { (ptr::shared(p, "p")?, ptr::text(origin, "origin")?) };
        p.0.trust(origin)
    })
}

/// nh_cross_origin_add_bypass_pattern lets all requests pass that a pattern of nh_mux_handle matches: for routes
/// that have a protection of their own. Go's AddInsecureBypassPattern.
///
/// Errors: NH_ERR_INVALID (p or pattern is NULL, the pattern is malformed or conflicts with another)
/// Ownership: pattern: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too, also while p is used
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cross_origin_add_bypass_pattern(
    p: *mut nh_cross_origin,
    pattern: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (p, pattern) = unsafe { (ptr::shared(p, "p")?, ptr::utf8(pattern, "pattern")?) };
        p.0.bypass(pattern)
    })
}

/// nh_cross_origin_set_deny_handler has h answer what is refused; NULL goes back to 403 with a line of text. Go's
/// SetDenyHandler.
///
/// Errors: NH_ERR_INVALID (p is NULL)
/// Ownership: nothing changes hands: p has a share of its own in h
/// Threads: any thread, at the same time too, also while p is used
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cross_origin_set_deny_handler(
    p: *mut nh_cross_origin,
    h: *mut nh_handler,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let p = unsafe { ptr::shared(p, "p")? };
        // SAFETY: P1.
        let h = if h.is_null() { None } else { Some(unsafe { nh_handler::take(h)? }) };
        p.0.set_deny(h);
        Ok(())
    })
}

/// nh_cross_origin_check tells whether a request passes, and answers nothing: for handlers of the program's own. Go's
/// Check.
///
/// Errors: NH_ERR_CROSS_ORIGIN (it is to be refused), NH_ERR_INVALID (p or r is NULL)
/// Ownership: nothing changes hands; *err: the caller owns
/// Threads: any thread, at the same time too; one thread at a time for r
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cross_origin_check(
    p: *mut nh_cross_origin,
    r: *const nh_request,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P6.
        let (p, r) = unsafe { (ptr::shared(p, "p")?, shared(r)?) };
        p.0.check(r)
    })
}

/// nh_cross_origin_handler makes a handler that calls h for requests that pass, and the deny handler for others: Go's
/// CrossOriginProtection.Handler. NULL if p or h is NULL.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; it has shares of its own in p and h
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cross_origin_handler(
    p: *mut nh_cross_origin,
    h: *mut nh_handler,
) -> *mut nh_handler {
    nh_handler::give(|| {
        // SAFETY: P1.
        let (p, h) = unsafe { (ptr::shared(p, "p")?, nh_handler::take(h)?) };
        Ok(p.0.clone().wrap(h))
    })
}

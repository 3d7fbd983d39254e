//! `nh_mux`: patterns and their handlers.

use super::callback::nh_free_fn;
use super::error::nh_error;
use super::handler::{handler, nh_handler_fn};
use super::{guard, guard_or, nh_result, ptr};
use crate::mux::Mux;
use crate::sync::OnceLock;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// nh_mux holds patterns and their handlers; it may serve several servers at once.
pub struct nh_mux(pub(super) Arc<Mux>);

/// nh_mux_new makes a mux without patterns.
///
/// Errors: none
/// Ownership: the caller owns the result; nh_mux_free releases it.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn nh_mux_new() -> *mut nh_mux {
    guard_or(std::ptr::null_mut(), || Some(ptr::give(nh_mux(Arc::new(Mux::new())))))
}

/// nh_mux_free releases a mux; NULL is fine. Servers that use it keep what they need of it.
///
/// Errors: none
/// Ownership: the library takes m.
/// Threads: any thread; no other call may use m at the same time.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_mux_free(m: *mut nh_mux) {
    guard_or((), || {
        // SAFETY: P1.
        drop(unsafe { ptr::owned(m) });
        Some(())
    });
}

/// nh_mux_handle registers a handler for a pattern: "[METHOD ][HOST]/[PATH]", Go's ServeMux.Handle.
///
/// The path's segments are literals or wildcards: "{name}" is any one segment, "{name...}" at the end all that
/// follow, a slash at the end the same without a name, "{$}" at the end the slash alone. What a wildcard stood for is
/// told by nh_request_path_value. Without a method a pattern is for all; GET is for HEAD too. Of the patterns that
/// match a request the most specific answers it: one with the host before one without, then a literal before a
/// wildcard and one with the method before one without. Two patterns of which neither is more specific cannot both be
/// registered; the error names a path that both match.
///
/// Unclean paths, and "/tree" where only "/tree/" is registered, are redirected (307). A path that is registered for
/// other methods only is answered 405 with Allow. Patterns may be added while the mux is served.
///
/// Errors: NH_ERR_INVALID (m, pattern or fn is NULL, the pattern is malformed or conflicts with another)
/// Ownership: the library takes userdata, also on failure; free_userdata may be NULL.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_mux_handle(
    m: *mut nh_mux,
    pattern: *const c_char,
    handler_fn: nh_handler_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let handler = handler(handler_fn, userdata, free_userdata)?;
        // SAFETY: P1, P2.
        let (m, pattern) = unsafe { (ptr::shared(m, "mux")?, ptr::utf8(pattern, "pattern")?) };
        m.0.handle(pattern, handler)
    })
}

/// nh_default_mux is the process's own mux (Go's DefaultServeMux), made on first use; nothing uses it
/// unless it is named.
///
/// Errors: none
/// Ownership: the library owns; borrowed until the process ends.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn nh_default_mux() -> *mut nh_mux {
    struct Default(nh_mux);
    static DEFAULT: OnceLock<Default> = OnceLock::new();
    guard_or(std::ptr::null_mut(), || {
        let m = &DEFAULT.get_or_init(|| Default(nh_mux(Arc::new(Mux::new())))).0;
        Some(std::ptr::from_ref(m).cast_mut())
    })
}

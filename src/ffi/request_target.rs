//! The target that a request is sent with, where it is not its URL's.

use super::request::{change, nh_request};
use super::{guard_plain, nh_result, ptr};
use crate::error::invalid;
use crate::message::endpoint::Endpoint;
use std::ffi::c_char;
use std::sync::Arc;

/// nh_request_set_target sets what the request line says in place of the URL's path and query: "*" for OPTIONS, or an
/// absolute target, as Go's URL.Opaque. The URL says where the request goes. nh_request_set_url, and a redirect, take
/// it back.
///
/// HTTP/2 sends "*", a path, or the path of an absolute target with the URL's host; other targets fail there with
/// NH_ERR_INVALID, as does "*" with another method when it is sent.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or the target is empty or has a space or a control character),
/// NH_ERR_BUSY (r is being sent)
/// Ownership: target: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_target(r: *mut nh_request, target: *const c_char) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, target) = unsafe { (change(r)?, ptr::text(target, "target")?) };
        if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
            return Err(invalid("nethttp: the target is empty, or has a byte that no target has"));
        }
        let old = r.0.endpoint.as_deref().ok_or_else(|| invalid("http: nil Request.URL"))?;
        r.0.endpoint = Some(Arc::new(Endpoint { request_uri: target.to_vec(), ..old.clone() }));
        Ok(())
    })
}

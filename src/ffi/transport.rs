//! Transports: the connections of one client, or of several.

use super::client::{live, nh_client};
use super::request::nh_request;
use super::response::nh_response;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::error::Result;
use crate::fork::Stamp;
use crate::transport::Transport;
use std::sync::Arc;

/// nh_transport makes single exchanges over pooled connections: Go's Transport. Each client has one; several may
/// share one. What nh_client_set_ functions say of connections, TLS, proxies and limits is set on the client's
/// transport, and so counts for all clients that share it.
pub struct nh_transport {
    pub(super) transport: Arc<Transport>,
    stamp: Stamp,
}

impl nh_transport {
    fn new(transport: Arc<Transport>) -> nh_transport {
        nh_transport { transport, stamp: Stamp::now() }
    }
}

/// live borrows a transport of this process.
///
/// # Safety
/// P1.
pub(super) unsafe fn live_transport<'a>(t: *const nh_transport) -> Result<&'a nh_transport> {
    // SAFETY: P1.
    let t = unsafe { ptr::shared(t, "transport")? };
    t.stamp.check()?;
    Ok(t)
}

/// nh_transport_new makes a transport with the library's defaults, for nh_client_new_with_transport.
///
/// Errors: none
/// Ownership: result: the caller owns, and ends it by nh_transport_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_transport_new() -> *mut nh_transport {
    guard_or(std::ptr::null_mut(), || Some(ptr::give(nh_transport::new(Arc::default()))))
}

/// nh_transport_clone makes a transport with the same settings and registered schemes, and no connections: Go's
/// Transport.Clone.
///
/// Errors: NH_ERR_INVALID (t or out is NULL), NH_ERR_FORKED (t was made before a fork)
/// Ownership: *out: the caller owns, and ends it by nh_transport_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_transport_clone(t: *mut nh_transport, out: *mut *mut nh_transport) -> nh_result {
    guard_plain(|| {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1.
        let fresh = unsafe { live_transport(t)? }.transport.clone_settings();
        ptr::set_out(out, ptr::give(nh_transport::new(Arc::new(fresh))));
        Ok(())
    })
}

/// nh_transport_free gives a transport up; NULL is fine. Its idle connections close, and its threads end, with the last
/// of its clients.
///
/// Errors: none
/// Ownership: t: the library takes
/// Threads: any thread, once, while no other call uses t
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_transport_free(t: *mut nh_transport) {
    guard_or((), || {
        // SAFETY: P1, and the caller gives it up.
        let t = unsafe { ptr::owned(t) }?;
        if t.stamp.is_stale() {
            // Its threads exist in the parent only.
            std::mem::forget(t);
        }
        Some(())
    });
}

/// nh_transport_close_idle closes the connections that wait for a request: Go's CloseIdleConnections.
///
/// Errors: NH_ERR_INVALID (t is NULL), NH_ERR_FORKED (t was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_transport_close_idle(t: *mut nh_transport) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live_transport(t)? }.transport.close_idle();
        Ok(())
    })
}

/// nh_transport_round_trip sends a request and answers what came, without redirects, cookies or a client's settings:
/// Go's Transport.RoundTrip. Of a client's timeouts the request's own counts; a round-tripper forwards by this.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the request cannot be sent), NH_ERR_FORKED (t was made
/// before a fork), and those of nh_client_do that one exchange can have
/// Ownership: *out: the caller owns; r: the caller owns
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_transport_round_trip(
    t: *mut nh_transport,
    r: *mut nh_request,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1. The request is only looked at.
        let (t, r) = unsafe { (live_transport(t)?, ptr::shared(r, "request")?) };
        let _sending = r.start()?;
        let overall = r.0.timeout.map(|d| std::time::Instant::now() + d);
        let response = t.transport.round_trip(&r.0, overall, r.outgoing()?.cancel.as_ref())?;
        ptr::set_out(out, ptr::give(nh_response::new(response, Some(r.snapshot()?))));
        Ok(())
    })
}

/// nh_client_new_with_transport makes a client over a transport that other clients may use too: each has its own
/// jar, redirect policy and timeout. NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the caller owns; t: the caller owns, and may free it at any time
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_new_with_transport(t: *mut nh_transport) -> *mut nh_client {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: P1.
        let t = unsafe { live_transport(t) }.ok()?;
        Some(ptr::give(nh_client::over(t.transport.clone())))
    })
}

/// nh_client_transport is a client's transport, to share it. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the caller owns, and ends it by nh_transport_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_transport(c: *mut nh_client) -> *mut nh_transport {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: P1.
        let c = unsafe { live(c) }.ok()?;
        Some(ptr::give(nh_transport::new(c.client.transport.clone())))
    })
}

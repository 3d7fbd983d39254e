//! What comes after a switch of protocols.

use super::conn::nh_conn;
use super::response::nh_response;
use super::{guard, nh_error, nh_result, ptr};

/// nh_response_take_conn takes the connection of a response after which another protocol is spoken there: 101 Switching
/// Protocols, or a 2xx to CONNECT. What came behind the head is read first. The body is closed from then on. Go's
/// io.ReadWriteCloser in Response.Body.
///
/// Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_STATE (the response is no such one, its connection was taken, or
/// its body closed), NH_ERR_NO_RESOURCES (there is no descriptor left), NH_ERR_FORKED (r was made before a fork)
/// Ownership: *out: the caller owns, and ends it by nh_conn_free
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_take_conn(
    r: *mut nh_response,
    out: *mut *mut nh_conn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P6.
        let conn = unsafe { nh_response::live(r)? }.message().take_conn()?;
        ptr::set_out(out, ptr::give(nh_conn::new(conn)));
        Ok(())
    })
}

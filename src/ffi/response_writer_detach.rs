//! Answers that are given later, and connections that are taken over.

use super::conn::nh_conn;
use super::response_writer::{nh_response_writer, writer};
use super::{guard, guard_plain, nh_error, nh_result, ptr};

/// nh_response_writer_detach has the response given later: the handler may return, and w and its request stay good, to
/// be used from any thread, one at a time, until nh_response_writer_free. Nothing is to be done with them in the handler
/// once it has told another thread of them.
///
/// nh_response_writer_free ends the response, as the handler's return does otherwise; if nothing was written, it ends
/// the connection without an answer, so that a lost one does not hang. A shutdown waits for it. The connection's other
/// requests wait too. If the server is freed first, nothing more is sent, and w stays good until it is freed.
///
/// Errors: NH_ERR_INVALID (w is NULL), NH_ERR_STATE (it is detached already, or has ended), NH_ERR_UNSUPPORTED (w wraps
/// another, which its maker ends, or has a time that nh_timeout_handler gave it)
/// Ownership: w and its request: the caller owns, and ends both by nh_response_writer_free
/// Threads: that of the handler
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_detach(w: *mut nh_response_writer) -> nh_result {
    // SAFETY: P1, P6.
    guard_plain(|| unsafe { writer(w)? }.detach())
}

/// nh_response_writer_hijack takes the connection over: what was written is sent, and from then on its bytes are the
/// program's, those that came behind the request's head included. The writer and the request's body answer
/// NH_ERR_CLOSED. Go's Hijacker.
///
/// The connection outlives the handler. nh_server_shutdown waits until it was freed; nh_server_on_shutdown tells when
/// to do so. Its timeouts are those of nh_conn_set_read_timeout and nh_conn_set_write_timeout.
///
/// Errors: NH_ERR_INVALID (w or out is NULL), NH_ERR_STATE (the response has ended, or the client has sent more requests
/// behind this one, which asks for no other protocol), NH_ERR_BUSY (another thread reads the body), NH_ERR_CLOSED (it is
/// hijacked already), NH_ERR_NO_RESOURCES (there is no descriptor left), NH_ERR_UNSUPPORTED (w has a time that
/// nh_timeout_handler gave it), NH_ERR_IO (the connection is broken)
/// Ownership: *out: the caller owns, and ends it by nh_conn_free
/// Threads: that of the handler, or of who has the detached writer. It may block: the peer, up to the write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_hijack(
    w: *mut nh_response_writer,
    out: *mut *mut nh_conn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P6.
        let conn = unsafe { writer(w)? }.hijack()?;
        ptr::set_out(out, ptr::give(nh_conn::new(conn)));
        Ok(())
    })
}

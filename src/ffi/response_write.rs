//! Responses written to any stream.

use super::request_write::{nh_write_fn, sink};
use super::response::nh_response;
use super::{guard, nh_error, nh_result};
use crate::transport::write_response;
use std::ffi::c_void;

/// nh_response_write writes a response as it goes over the wire, and reads its body to the end for that. Go's
/// Response.Write. nh_read_response reads it at the other end. What answers a HEAD (nh_response_request) has no body.
///
/// The body is framed as it was: by its length, or by chunks with the trailer behind them; without either the end of
/// the stream ends it, and Connection: close says so.
///
/// Errors: NH_ERR_INVALID (r or fn is NULL), NH_ERR_BODY_LENGTH (the body is not as long as declared), NH_ERR_CLOSED (it
/// was closed), NH_ERR_IO (fn failed), NH_ERR_FORKED (r was made before a fork), and those of nh_response_body_read
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response. It may block: fn, and where the body comes from.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_write(
    r: *mut nh_response,
    write_fn: nh_write_fn,
    userdata: *mut c_void,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P6.
        let r = unsafe { nh_response::live(r)? };
        // SAFETY: P5.
        let mut sink = unsafe { sink(write_fn, userdata)? };
        let to_head = r.parts().1.is_some_and(|q| q.text(q.method) == b"HEAD");
        write_response(r.message(), to_head, &mut sink)
    })
}

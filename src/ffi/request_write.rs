//! Requests written to any stream.

use super::callback::no_unwind;
use super::request::nh_request;
use super::{guard, nh_error, nh_result, ptr, result};
use crate::error::{Error, Kind, Result, invalid};
use crate::transport::write_request;
use std::ffi::c_void;

/// nh_write_fn takes the next bytes of a message, all of them. NH_OK goes on; any other result ends the writing.
///
/// It is called only on the thread that is inside the function that writes, may block, and may call functions of the
/// library, but none on the message that is being written.
pub type nh_write_fn =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, data: *const c_void, len: usize) -> nh_result>;

/// write hands a request to the program, piece by piece.
///
/// # Safety
/// P1 and P5.
unsafe fn write(
    r: *mut nh_request,
    by_proxy: bool,
    write_fn: nh_write_fn,
    userdata: *mut c_void,
) -> Result<()> {
    // SAFETY: P1. The request is only looked at.
    let r = unsafe { ptr::shared(r, "request")? };
    // SAFETY: P5.
    let mut sink = unsafe { sink(write_fn, userdata)? };
    let _sending = r.start()?;
    write_request(&r.0, by_proxy, &mut sink)
}

/// sink is the program's function for the bytes of a message.
///
/// # Safety
/// P5.
pub(super) unsafe fn sink(
    write_fn: nh_write_fn,
    userdata: *mut c_void,
) -> Result<impl FnMut(&[u8]) -> Result<()>> {
    let call = write_fn.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
    Ok(move |data: &[u8]| {
        // SAFETY: P5; data lives until the call returns.
        match no_unwind("nh_write_fn", || unsafe { call(userdata, data.as_ptr().cast(), data.len()) }) {
            result::NH_OK => Ok(()),
            code => Err(Error::new(Kind::Io, format!("nethttp: the stream's function answered {code}"))),
        }
    })
}

/// nh_request_write writes a request that is to be sent as it goes over the wire, its body included. Go's
/// Request.Write. nh_read_request reads it at the other end.
///
/// Errors: NH_ERR_INVALID (r or fn is NULL, or the request cannot be sent), NH_ERR_BUSY (r is being sent),
/// NH_ERR_BODY_SPENT (its body was sent and cannot be rewound), NH_ERR_BODY_LENGTH (its body is not as long as
/// declared), NH_ERR_ABORTED (its body's callback asked to stop), NH_ERR_IO (fn failed), NH_ERR_FORKED (r was made
/// before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread. It may block: fn, and where the body comes from.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_write(
    r: *mut nh_request,
    write_fn: nh_write_fn,
    userdata: *mut c_void,
    err: *mut *mut nh_error,
) -> nh_result {
    // SAFETY: P1, P5.
    guard(err, || unsafe { write(r, false, write_fn, userdata) })
}

/// nh_request_write_proxy is nh_request_write for a proxy, which is told the whole URL: Go's Request.WriteProxy.
///
/// Errors: NH_ERR_INVALID (r or fn is NULL, or the request cannot be sent), and those of nh_request_write
/// Ownership: nothing changes hands
/// Threads: any thread. It may block: fn, and where the body comes from.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_write_proxy(
    r: *mut nh_request,
    write_fn: nh_write_fn,
    userdata: *mut c_void,
    err: *mut *mut nh_error,
) -> nh_result {
    // SAFETY: P1, P5.
    guard(err, || unsafe { write(r, true, write_fn, userdata) })
}

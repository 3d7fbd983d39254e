//! Clients that go away while their request is served.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::cancel::nh_cancel_token;
use super::request::nh_request;
use super::server_request::not_received;
use super::{guard, nh_error, nh_result, ptr};
use crate::error::Result;
use crate::message::request::RequestBody;
use std::ffi::c_void;

/// nh_gone_fn is called when the client has gone: it has closed its side, or the connection broke. It runs on a thread
/// of the server's for such calls, and should be brief, since others wait behind it. It must not touch the request or
/// its writer, which are another thread's.
pub type nh_gone_fn = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void)>;

struct CDisconnect {
    call: unsafe extern "C-unwind" fn(*mut c_void),
    userdata: Userdata,
}

/// watch has `callback` called when the client of a request goes, in the place of what was set before.
fn watch(r: &mut nh_request, callback: Option<Box<dyn FnOnce() + Send>>) -> Result<()> {
    let before = r.0.values.iter().position(|(k, _)| k.is_empty()).map(|at| r.0.values.swap_remove(at));
    // Its socket can be watched once at a time.
    drop(before);
    let RequestBody::Incoming(body) = &r.0.body else { return Err(not_received()) };
    if let Some(callback) = callback {
        let watch = body.on_disconnect(callback)?;
        r.0.values.push((String::new(), watch));
    }
    Ok(())
}

/// nh_request_set_gone_callback has fn called, once, if the client goes away before the exchange has ended; at once if
/// it has gone already. fn NULL takes it away, as nh_request_cancel_token does. When the exchange has ended fn is not
/// called any more, and a call that goes on is waited for.
///
/// A client that closes its sending side alone, to wait for the answer, counts as gone, as in Go. Under TLS it is the
/// end of the connection beneath that is told.
///
/// Errors: NH_ERR_INVALID (r is NULL), NH_ERR_STATE (r was not received by a server), NH_ERR_UNSUPPORTED (r came from an
/// nh_reader), NH_ERR_NO_RESOURCES (there is no descriptor or thread left)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_gone_callback(
    r: *mut nh_request,
    gone_fn: nh_gone_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let userdata = Userdata::new(userdata, free_userdata);
        // SAFETY: P1, P6.
        let r = unsafe { ptr::unique(r, "request")? };
        let callback = gone_fn.map(|call| {
            let gone = CDisconnect { call, userdata };
            Box::new(move || {
                let gone = gone;
                // SAFETY: P5.
                no_unwind("nh_gone_fn", || unsafe { (gone.call)(gone.userdata.ptr()) });
            }) as Box<dyn FnOnce() + Send>
        });
        watch(r, callback)
    })
}

/// nh_request_cancel_token gives a token that fires when the client goes away: for the requests that a handler makes on
/// its behalf, by nh_request_set_cancel. It takes the place of nh_request_set_gone_callback. Go's Request.Context.
///
/// Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_STATE (r was not received by a server), NH_ERR_UNSUPPORTED (r came
/// from an nh_reader), NH_ERR_NO_RESOURCES (there is no descriptor or thread left)
/// Ownership: *out: the caller owns, and ends it by nh_cancel_token_free
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_cancel_token(
    r: *mut nh_request,
    out: *mut *mut nh_cancel_token,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P6.
        let r = unsafe { ptr::unique(r, "request")? };
        let token = nh_cancel_token::new();
        let fired = token.token.clone();
        watch(r, Some(Box::new(move || fired.fire())))?;
        ptr::set_out(out, ptr::give(token));
        Ok(())
    })
}

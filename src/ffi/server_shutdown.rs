//! What happens when a server stops.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::server::{nh_server, server};
use super::{guard_plain, nh_result};
use crate::error::invalid;
use std::ffi::c_void;

/// nh_shutdown_fn is called when a server begins to stop. It runs on a thread of its own, after those that were
/// registered before it, may block, and may call every function of its server. Where no thread can
/// be had it runs inside the call that waits for the server's end, nh_server_free at the latest.
pub type nh_shutdown_fn = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void)>;

struct OnShutdown {
    call: unsafe extern "C-unwind" fn(*mut c_void),
    userdata: Userdata,
}

/// nh_server_on_shutdown has fn called, once, when the server begins to stop, by whatever: to say goodbye on connections
/// that were hijacked, to end streams of events. nh_server_free waits for it. Go's RegisterOnShutdown.
///
/// Errors: NH_ERR_INVALID (s or fn is NULL), NH_ERR_SERVER_CLOSED (the server stops already), NH_ERR_FORKED (s was made
/// before a fork)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_on_shutdown(
    s: *mut nh_server,
    shutdown_fn: nh_shutdown_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let userdata = Userdata::new(userdata, free_userdata);
        let call = shutdown_fn.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
        let callback = OnShutdown { call, userdata };
        // SAFETY: P1.
        let s = unsafe { server(s)? };
        s.on_shutdown(Box::new(move || {
            let callback = callback;
            // SAFETY: P5.
            no_unwind("nh_shutdown_fn", || unsafe { (callback.call)(callback.userdata.ptr()) });
        }))
    })
}

//! Connections of the program's own making.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::client::{live, nh_client};
use super::{guard_plain, nh_result, result};
use crate::error::{Error, Kind, Result, invalid};
use crate::transport::Dial;
use std::ffi::{CString, c_char, c_void};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// nh_dial_fn makes a connection: it sets *fd_out to a connected stream socket, which the library takes, and answers
/// NH_OK; or it answers an NH_ERR_ code, or one of its own, which ends the dial. host has no brackets. It should give up
/// after timeout_ms, NH_TIMEOUT_NONE for never: nh_client_free waits for it.
///
/// A dial belongs to the pool: it runs on one of its threads, several at the same time, and may block; the request that
/// it was begun for may have got another connection, or have ended, meanwhile. It must not call functions on the client.
pub type nh_dial_fn = Option<
    unsafe extern "C-unwind" fn(
        host: *const c_char,
        port: i32,
        timeout_ms: i64,
        fd_out: *mut isize,
        userdata: *mut c_void,
    ) -> nh_result,
>;

struct CDial {
    call: unsafe extern "C-unwind" fn(*const c_char, i32, i64, *mut isize, *mut c_void) -> nh_result,
    userdata: Userdata,
}

/// answered makes an error of what a callback answered.
pub(super) fn answered(what: &str, code: nh_result) -> Error {
    let kind = result::kind_of(code).unwrap_or(Kind::Aborted);
    Error::new(kind, format!("nethttp: the {what} callback answered {code}"))
}

impl Dial for CDial {
    fn dial(&self, host: &str, port: u16, limit: Option<Duration>) -> Result<OwnedFd> {
        let host = CString::new(host).map_err(|_| invalid("nethttp: the host has a NUL"))?;
        let ms = limit.map_or(-1, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
        let mut fd = -1;
        // SAFETY: P5; host and fd live until the call returns.
        let code = no_unwind("nh_dial_fn", || unsafe {
            (self.call)(host.as_ptr(), i32::from(port), ms, &mut fd, self.userdata.ptr())
        });
        let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0);
        match (code, fd) {
            // SAFETY: P5: the program has given the descriptor up.
            (result::NH_OK, Some(fd)) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            (result::NH_OK, None) => Err(invalid("nethttp: the dial callback gave no socket")),
            (code, _) => Err(answered("dial", code)),
        }
    }
}

fn dial(f: nh_dial_fn, data: *mut c_void, free: nh_free_fn) -> Option<Arc<dyn Dial>> {
    let userdata = Userdata::new(data, free);
    Some(Arc::new(CDial { call: f?, userdata }))
}

/// nh_client_set_dial has a function make the connections of the client's transport: to servers, and to proxies. fn
/// NULL goes back to the library's own way. Go's Transport.DialContext.
///
/// It counts for the requests to come: idle connections are closed, and connections in use serve nobody afterwards.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_dial(
    c: *mut nh_client,
    dial_fn: nh_dial_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let new = dial(dial_fn, userdata, free_userdata);
        // SAFETY: P1.
        unsafe { live(c)? }.client.transport.set_dial(new);
        Ok(())
    })
}

/// nh_client_set_dial_tls has a function make the connections for https URLs, where there is no proxy, with TLS of its
/// own: what is written to the socket is what the server is to read, such as one end of a socketpair at whose other end
/// the program encrypts. The client's TLS settings and its handshake's timeout do not count there. fn NULL goes back to
/// the library's own way. Go's Transport.DialTLSContext.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_dial_tls(
    c: *mut nh_client,
    dial_fn: nh_dial_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let new = dial(dial_fn, userdata, free_userdata);
        // SAFETY: P1.
        unsafe { live(c)? }.client.transport.set_dial_tls(new);
        Ok(())
    })
}

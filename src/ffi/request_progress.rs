//! Progress of a request's body and of its answer's.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::request::{change, nh_request};
use super::{guard_plain, nh_result, result};
use crate::error::{Error, Kind, Result};
use crate::message::progress::{Progress, ProgressAmounts};
use std::ffi::c_void;
use std::sync::Arc;

/// nh_progress_fn is told how many bytes of the request's body were sent and how many of the answer's were read, and
/// how many there are in all, -1 if that is not known. Any answer but NH_OK ends the exchange with NH_ERR_ABORTED.
///
/// It is called once in 100 ms at most, and at the end of each body, on the thread that is inside nh_client_do or
/// reads the answer. What was handed to the system counts as sent; what gzip makes of an answer counts as read, and
/// its whole is unknown. A body that is sent again, for a redirect or on another connection, counts anew.
pub type nh_progress_fn = Option<
    unsafe extern "C-unwind" fn(
        sent: i64,
        to_send: i64,
        received: i64,
        to_receive: i64,
        userdata: *mut c_void,
    ) -> nh_result,
>;

struct CallbackProgress {
    call: unsafe extern "C-unwind" fn(i64, i64, i64, i64, *mut c_void) -> nh_result,
    userdata: Userdata,
}

impl Progress for CallbackProgress {
    fn report(&self, a: ProgressAmounts) -> Result<()> {
        let bytes = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (sent, received) = (bytes(a.sent), bytes(a.received));
        // SAFETY: P5.
        let code = no_unwind("nh_progress_fn", || unsafe {
            (self.call)(sent, a.to_send, received, a.to_receive, self.userdata.ptr())
        });
        match code {
            result::NH_OK => Ok(()),
            code => {
                let text = format!("nethttp: the progress callback answered {code}");
                Err(Error::new(Kind::Aborted, text))
            }
        }
    }
}

/// nh_request_set_progress has a callback told how far the request and its answer are. fn NULL takes it away.
///
/// free_userdata is called exactly once: when the callback is replaced or the request freed, and no response is left
/// that may still call it, or at once if this call fails.
///
/// Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being sent)
/// Ownership: userdata: the library takes, and ends it by free_userdata
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_progress(
    r: *mut nh_request,
    callback: nh_progress_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        let new = callback.map(|call| Arc::new(CallbackProgress { call, userdata }) as Arc<dyn Progress>);
        let old = std::mem::replace(&mut r.0.progress, new);
        drop(old);
        Ok(())
    })
}

//! Round-trippers: functions of the program that answer requests in a transport's place.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::client::{live, nh_client};
use super::error::nh_error;
use super::request::nh_request;
use super::response::nh_response;
use super::transport::{live_transport, nh_transport};
use super::{guard, guard_plain, nh_result, ptr, result};
use crate::error::{Error, Kind, Result, invalid};
use crate::message::request::Request;
use crate::net::cancel::CancelToken;
use crate::transport::{RoundTripResult, RoundTripper};
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Instant;

/// NH_ROUND_TRIP_SKIP is what a round-tripper answers to leave a request to the transport. Go's ErrSkipAltProtocol.
pub const NH_ROUND_TRIP_SKIP: nh_result = 2;

/// nh_round_trip_fn makes one exchange in the place of a transport: Go's RoundTripper. r is a copy of the request that
/// is to be sent; it may be changed, and is borrowed until the function returns. Redirects and cookies are not
/// its business.
///
/// NH_OK with a response in *out, which the library takes; or NH_ROUND_TRIP_SKIP; or an error, with an nh_error of
/// another call in *err, which the library takes, or NULL there. It runs on the thread that is inside nh_client_do,
/// any number of them at once, may block, and may call every function of the library.
pub type nh_round_trip_fn = Option<
    unsafe extern "C-unwind" fn(
        r: *mut nh_request,
        out: *mut *mut nh_response,
        err: *mut *mut nh_error,
        userdata: *mut c_void,
    ) -> nh_result,
>;

struct CRoundTripper {
    call: unsafe extern "C-unwind" fn(
        *mut nh_request,
        *mut *mut nh_response,
        *mut *mut nh_error,
        *mut c_void,
    ) -> nh_result,
    userdata: Userdata,
}

impl RoundTripper for CRoundTripper {
    fn round_trip(
        &self,
        r: &Request,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<RoundTripResult> {
        let mut copy = nh_request::wrap(r.share());
        copy.0.timeout = overall.map(|at| at.saturating_duration_since(Instant::now()));
        copy.outgoing_mut()?.cancel = cancel.cloned();
        let (mut out, mut err) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: P5; copy, out and err live until the call returns.
        let code = no_unwind("nh_round_trip_fn", || unsafe {
            (self.call)(&mut copy, &mut out, &mut err, self.userdata.ptr())
        });
        // SAFETY: P1: what the program put there it has given up.
        let (response, error) = unsafe { (ptr::owned(out), ptr::owned(err)) };
        match (code, response, error) {
            (result::NH_OK, Some(response), _) => Ok(RoundTripResult::Response(response.into_response()?)),
            (NH_ROUND_TRIP_SKIP, ..) => Ok(RoundTripResult::Skip),
            (_, _, Some(error)) => Err(error.into_error()),
            (result::NH_OK, None, None) => {
                Err(invalid("http: the round-tripper returned neither a response nor an error"))
            }
            (code, _, None) => {
                let kind = result::kind_of(code).unwrap_or(Kind::Aborted);
                Err(Error::new(kind, format!("nethttp: the round-tripper answered {code}")))
            }
        }
    }
}

pub(super) fn tripper(
    f: nh_round_trip_fn,
    data: *mut c_void,
    free: nh_free_fn,
) -> Result<Arc<dyn RoundTripper>> {
    // Made first, so that free_userdata runs also when something is refused.
    let userdata = Userdata::new(data, free);
    let call = f.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
    Ok(Arc::new(CRoundTripper { call, userdata }))
}

/// nh_client_set_round_tripper has a function answer this client's requests: to log, to sign, to test without a
/// network. It may forward to nh_transport_round_trip. fn NULL goes back to the transport alone. Go's
/// Client.Transport.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_round_tripper(
    c: *mut nh_client,
    round_trip_fn: nh_round_trip_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let new = match round_trip_fn {
            None => {
                drop(Userdata::new(userdata, free_userdata));
                None
            }
            f => Some(tripper(f, userdata, free_userdata)?),
        };
        // SAFETY: P1.
        unsafe { live(c)? }.client.set_round_tripper(new);
        Ok(())
    })
}

/// nh_transport_register_protocol has a function answer the requests to URLs of a scheme, such as "file" or "https".
/// Go's RegisterProtocol. NH_ROUND_TRIP_SKIP leaves a request of "http" or "https" to the transport itself.
///
/// Errors: NH_ERR_INVALID (t, scheme or fn is NULL, or the scheme is registered already), NH_ERR_FORKED (t was made
/// before a fork)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_transport_register_protocol(
    t: *mut nh_transport,
    scheme: *const c_char,
    round_trip_fn: nh_round_trip_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let new = tripper(round_trip_fn, userdata, free_userdata)?;
        // SAFETY: P1, P2.
        let (t, scheme) = unsafe { (live_transport(t)?, ptr::utf8(scheme, "scheme")?) };
        t.transport.register(&scheme.to_ascii_lowercase(), &new)
    })
}

//! Redirects: how many are followed, and a callback that decides.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::client::{live, nh_client};
use super::header::nh_header;
use super::request::nh_request;
use super::response::nh_response;
use super::url::nh_url;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr, result};
use crate::client::redirect::{CheckRedirect, RedirectAction, RedirectPolicy};
use crate::error::{Error, Kind, invalid};
use crate::message::request::Request;
use crate::message::url::Url;
use std::ffi::c_void;
use std::sync::Arc;

/// NH_REDIRECTS_OFF hands every redirect to the program as it is: for nh_client_set_max_redirects.
pub const NH_REDIRECTS_OFF: i32 = -1;
/// NH_REDIRECT_USE_LAST is what a redirect callback answers to have the redirect itself as the answer, its body
/// unread. Go's ErrUseLastResponse.
pub const NH_REDIRECT_USE_LAST: nh_result = 1;

/// nh_redirect_fn decides about a redirect: Go's CheckRedirect. next is the request that would be sent, and may be
/// changed; via are the requests that led to it, the first one first. All are borrowed until it returns.
///
/// NH_OK follows, NH_REDIRECT_USE_LAST makes the redirect the answer, and anything else ends nh_client_do with
/// NH_ERR_REDIRECT. It runs on the thread that is inside nh_client_do, and may block and call every function of the
/// library, but those that send or free next and via.
pub type nh_redirect_fn = Option<
    unsafe extern "C-unwind" fn(
        next: *mut nh_request,
        via: *const *const nh_request,
        via_count: usize,
        userdata: *mut c_void,
    ) -> nh_result,
>;

struct CCheckRedirect {
    call: unsafe extern "C-unwind" fn(
        *mut nh_request,
        *const *const nh_request,
        usize,
        *mut c_void,
    ) -> nh_result,
    userdata: Userdata,
}

impl CheckRedirect for CCheckRedirect {
    fn check(&self, next: &mut Request, via: &[&Request]) -> RedirectAction {
        // A request's handle is transparent, and so is a pointer to it.
        let list = via.as_ptr().cast::<*const nh_request>();
        let next = nh_request::lend(next);
        // SAFETY: P5; next and via live until the call returns.
        let code = no_unwind("nh_redirect_fn", || unsafe {
            (self.call)(next, list, via.len(), self.userdata.ptr())
        });
        match code {
            result::NH_OK => RedirectAction::Follow,
            NH_REDIRECT_USE_LAST => RedirectAction::UseLast,
            code => {
                let text = format!("nethttp: the redirect callback answered {code}");
                RedirectAction::Refuse(Error::new(Kind::Redirect, text))
            }
        }
    }
}

/// nh_client_set_max_redirects says which redirect in a row is one too many, 10 by default as in Go: the tenth is
/// NH_ERR_REDIRECT, "stopped after 10 redirects". NH_REDIRECTS_OFF: none is followed, and a redirect is an answer like
/// any other. It takes the place of a callback.
///
/// Errors: NH_ERR_INVALID (c is NULL, or n is below -1), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_max_redirects(c: *mut nh_client, n: i32) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        c.client.set_policy(match n {
            NH_REDIRECTS_OFF => RedirectPolicy::Off,
            _ => RedirectPolicy::Max(usize::try_from(n).map_err(|_| invalid("nethttp: n is below -1"))?),
        });
        Ok(())
    })
}

/// nh_client_set_redirect_callback has the program decide about each redirect, alone: there is no other limit then,
/// so look at via_count. fn NULL goes back to the limit of 10. Go's CheckRedirect.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: userdata: the library takes, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_redirect_callback(
    c: *mut nh_client,
    callback: nh_redirect_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        c.client.set_policy(match callback {
            Some(call) => RedirectPolicy::Ask(Arc::new(CCheckRedirect { call, userdata })),
            None => RedirectPolicy::default(),
        });
        Ok(())
    })
}

/// nh_response_location is where the Location field leads, resolved against the request's URL where that is known:
/// Go's Response.Location.
///
/// Errors: NH_ERR_INVALID (r or out is NULL, or the field holds no URL), NH_ERR_NOT_FOUND (there is no such field)
/// Ownership: *out: the caller owns, ends it by nh_url_free; *err: the caller owns
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_location(
    r: *const nh_response,
    out: *mut *mut nh_url,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1.
        let (header, request) = unsafe { ptr::shared(r, "response")? }.parts();
        let Some(location) = header.get(b"Location").filter(|l| !l.is_empty()) else {
            return Err(Error::new(Kind::NotFound, "http: no Location header in response"));
        };
        let location = Url::parse(location)?;
        let url = match request {
            Some(asked) => Url::parse(asked.text(asked.url))?.resolve(&location)?,
            None => location,
        };
        ptr::set_out(out, ptr::give(nh_url::new(url)));
        Ok(())
    })
}

/// nh_request_redirect_status is the status of the redirect that led to this request, for the requests of an
/// nh_redirect_fn and of nh_response_request; 0 if none did, and for NULL. Go's Request.Response.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_redirect_status(r: *const nh_request) -> i32 {
    // SAFETY: P1, P6.
    guard_or(0, || Some(unsafe { ptr::shared(r, "request") }.ok()?.0.redirect.as_ref()?.code.into()))
}

/// nh_request_redirect_header is the header of the redirect that led to this request; NULL if none did, and for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the request is freed
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_redirect_header(r: *const nh_request) -> *const nh_header {
    guard_or(std::ptr::null(), || {
        // SAFETY: P1, P6.
        let redirect = unsafe { ptr::shared(r, "request") }.ok()?.0.redirect.as_ref()?;
        Some(nh_header::lend(&redirect.header))
    })
}

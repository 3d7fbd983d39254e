//! Cookies: made, read from messages, and put into requests.

use super::request::{change, nh_request};
use super::response::nh_response;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::client::jar::StoredCookie;
use crate::error::{Error, Kind};
use crate::message::cookie::{self, Cookie};
use std::ffi::{CString, c_char};
use std::ptr::null;

/// nh_cookie is one cookie, immutable. Go's http.Cookie.
///
/// Text is borrowed from it until its end: nh_cookie_free, or that of the object that lends it.
pub struct nh_cookie {
    pub(super) cookie: Cookie,
    name: CString,
    value: CString,
    path: CString,
    domain: CString,
    host_only: bool,
}

impl nh_cookie {
    pub(super) fn new(cookie: Cookie, host_only: bool) -> nh_cookie {
        // No part can hold NUL: that is checked where cookies are made.
        let text = |t: &[u8]| CString::new(t).unwrap_or_default();
        let (name, value) = (text(&cookie.name), text(&cookie.value));
        let (path, domain) = (text(&cookie.path), text(&cookie.domain));
        nh_cookie { cookie, name, value, path, domain, host_only }
    }

    pub(super) fn kept(k: StoredCookie) -> nh_cookie {
        nh_cookie::new(k.cookie, k.host_only)
    }
}

/// NH_SAME_SITE_UNSET: a cookie has no SameSite attribute.
pub const NH_SAME_SITE_UNSET: i32 = 0;
/// NH_SAME_SITE_DEFAULT: the attribute says what nobody knows.
pub const NH_SAME_SITE_DEFAULT: i32 = 1;
/// NH_SAME_SITE_LAX: SameSite=Lax.
pub const NH_SAME_SITE_LAX: i32 = 2;
/// NH_SAME_SITE_STRICT: SameSite=Strict.
pub const NH_SAME_SITE_STRICT: i32 = 3;
/// NH_SAME_SITE_NONE: SameSite=None.
pub const NH_SAME_SITE_NONE: i32 = 4;

/// nh_cookie_new makes a cookie of a name and a value, to be sent by nh_request_add_cookie.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, name is no token, or value has a byte that no cookie has)
/// Ownership: *out: the caller owns, ends it by nh_cookie_free; name, value: the library copies; *err: the caller
/// owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_new(
    name: *const c_char,
    value: *const c_char,
    out: *mut *mut nh_cookie,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P2.
        let (name, value) = unsafe { (ptr::text(name, "name")?, ptr::text(value, "value")?) };
        ptr::set_out(out, ptr::give(nh_cookie::new(Cookie::new(name, value)?, false)));
        Ok(())
    })
}

/// nh_cookie_parse_set reads the value of a Set-Cookie field: Go's ParseSetCookie. Attributes that nobody knows, or
/// that make no sense, are passed over.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or line does not begin with a name and a value)
/// Ownership: *out: the caller owns, ends it by nh_cookie_free; line: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_parse_set(
    line: *const c_char,
    out: *mut *mut nh_cookie,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P2.
        let c = Cookie::parse_set(unsafe { ptr::text(line, "line")? })?;
        ptr::set_out(out, ptr::give(nh_cookie::new(c, false)));
        Ok(())
    })
}

/// nh_cookie_free ends a cookie that the caller owns; NULL is fine.
///
/// Errors: none
/// Ownership: c: the library takes
/// Threads: any thread, once
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_free(c: *mut nh_cookie) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(c) }.map(drop));
}

/// get answers a getter.
fn get<T>(c: *const nh_cookie, neutral: T, f: impl FnOnce(&nh_cookie) -> T) -> T {
    // SAFETY: P1.
    guard_or(neutral, || Some(f(unsafe { ptr::shared(c, "cookie") }.ok()?)))
}

/// nh_cookie_name is the name. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the cookie ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_name(c: *const nh_cookie) -> *const c_char {
    get(c, null(), |c| c.name.as_ptr())
}

/// nh_cookie_value is the value, without the quotes that may have stood around it. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the cookie ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_value(c: *const nh_cookie) -> *const c_char {
    get(c, null(), |c| c.value.as_ptr())
}

/// nh_cookie_path is the Path attribute, "" if there is none. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the cookie ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_path(c: *const nh_cookie) -> *const c_char {
    get(c, null(), |c| c.path.as_ptr())
}

/// nh_cookie_domain is the Domain attribute as it was sent, "" if there is none; of a jar's cookie its domain. NULL
/// for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the cookie ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_domain(c: *const nh_cookie) -> *const c_char {
    get(c, null(), |c| c.domain.as_ptr())
}

/// nh_cookie_expires is the Expires attribute in Unix seconds, at least 0, or -1 if there is none; of a jar's cookie
/// when it ends, -1 with the session.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_expires(c: *const nh_cookie) -> i64 {
    get(c, -1, |c| c.cookie.expires.map_or(-1, |at| at.max(0)))
}

/// nh_cookie_max_age is the Max-Age attribute in seconds, 0 for what ends at once, or -1 if there is none.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_max_age(c: *const nh_cookie) -> i64 {
    get(c, -1, |c| c.cookie.max_age.map_or(-1, |s| s.max(0)))
}

/// nh_cookie_is_secure is 1 if the cookie has the attribute Secure, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_is_secure(c: *const nh_cookie) -> i32 {
    get(c, 0, |c| c.cookie.secure.into())
}

/// nh_cookie_is_http_only is 1 if the cookie has the attribute HttpOnly, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_is_http_only(c: *const nh_cookie) -> i32 {
    get(c, 0, |c| c.cookie.http_only.into())
}

/// nh_cookie_is_partitioned is 1 if the cookie has the attribute Partitioned, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_is_partitioned(c: *const nh_cookie) -> i32 {
    get(c, 0, |c| c.cookie.partitioned.into())
}

/// nh_cookie_is_host_only is 1 for a jar's cookie that goes to the very host of nh_cookie_domain and to none beneath
/// it, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_is_host_only(c: *const nh_cookie) -> i32 {
    get(c, 0, |c| c.host_only.into())
}

/// nh_cookie_same_site is the SameSite attribute, one of the NH_SAME_SITE constants.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_same_site(c: *const nh_cookie) -> i32 {
    get(c, NH_SAME_SITE_UNSET, |c| c.cookie.same_site as i32)
}

/// nh_cookie_text writes the cookie as the value of a Set-Cookie field: Go's Cookie.String.
///
/// Errors: NH_ERR_INVALID (c or len_out is NULL), NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_cookie_text(
    c: *const nh_cookie,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1, P3, P4.
        unsafe { ptr::copy_out(&ptr::shared(c, "cookie")?.cookie.to_set(), buf, cap, len_out) }
    })
}

/// nh_response_cookie_count is how many well-formed Set-Cookie fields a response has: Go's Response.Cookies. More than
/// 3000 fields count as none, as in Go. 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_cookie_count(r: *const nh_response) -> usize {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { ptr::shared(r, "response") }.ok()?.cookies().len()))
}

/// nh_response_cookie_at is a cookie that a response sets, by its index in their order; NULL past the last.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the response is freed
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_cookie_at(r: *const nh_response, index: usize) -> *const nh_cookie {
    guard_or(null(), || {
        // SAFETY: P1.
        let r = unsafe { ptr::shared(r, "response") }.ok()?;
        r.cookies().get(index).map(std::ptr::from_ref)
    })
}

/// nh_request_cookie gives the first cookie of a name out of a request's Cookie fields: Go's Request.Cookie.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_NOT_FOUND (there is none of that name)
/// Ownership: *out: the caller owns, ends it by nh_cookie_free
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_cookie(
    r: *const nh_request,
    name: *const c_char,
    out: *mut *mut nh_cookie,
) -> nh_result {
    guard_plain(|| {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P2.
        let (r, name) = unsafe { (ptr::shared(r, "request")?, ptr::text(name, "name")?) };
        let found = cookie::read(&r.0.header).into_iter().find(|c| c.name == name);
        let found = found.ok_or_else(|| Error::new(Kind::NotFound, "http: named cookie not present"))?;
        ptr::set_out(out, ptr::give(nh_cookie::new(found, false)));
        Ok(())
    })
}

/// nh_request_cookie_at gives a well-formed cookie of a request by its index in their order: Go's Request.Cookies.
///
/// Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_NOT_FOUND (there are not so many)
/// Ownership: *out: the caller owns, ends it by nh_cookie_free
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_cookie_at(
    r: *const nh_request,
    index: usize,
    out: *mut *mut nh_cookie,
) -> nh_result {
    guard_plain(|| {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1.
        let r = unsafe { ptr::shared(r, "request")? };
        let found = r.0.cookie_at(index);
        let found = found.ok_or_else(|| Error::new(Kind::NotFound, "http: named cookie not present"))?;
        ptr::set_out(out, ptr::give(nh_cookie::new(found, false)));
        Ok(())
    })
}

/// nh_request_add_cookie puts a cookie's name and value behind those of the Cookie field: Go's Request.AddCookie.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
/// Ownership: c: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_add_cookie(r: *mut nh_request, c: *const nh_cookie) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let (r, c) = unsafe { (change(r)?, ptr::shared(c, "cookie")?) };
        let mut pair = Vec::new();
        c.cookie.pair(&mut pair);
        cookie::add(&mut r.0.header, &pair)
    })
}

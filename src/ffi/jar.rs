//! Cookie jars: kept for a client, by RFC 6265bis and the public suffix list.

use super::callback::no_unwind;
use super::client::{live, nh_client};
use super::cookie::nh_cookie;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::client::jar::{CookieJar, CookieOrigin, Jar};
use crate::client::now;
use crate::error::{Error, Kind, Result, invalid};
use crate::message::cookie::Cookie;
use crate::message::url::Url;
use std::ffi::{OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// nh_jar keeps cookies; one may serve several clients. Go's cookiejar.Jar, with at most 50 cookies of 4 KiB for a
/// domain and 3000 in all; beyond that the longest unused go.
pub struct nh_jar {
    pub(super) jar: JarKind,
}

/// JarKind is what a jar is made of.
pub(super) enum JarKind {
    Own(Arc<Jar>),
    Program(Arc<dyn CookieJar>),
}

impl nh_jar {
    fn dynamic(&self) -> Arc<dyn CookieJar> {
        match &self.jar {
            JarKind::Own(j) => j.clone(),
            JarKind::Program(j) => j.clone(),
        }
    }

    fn own(&self) -> Result<&Arc<Jar>> {
        match &self.jar {
            JarKind::Own(j) => Ok(j),
            JarKind::Program(_) => {
                Err(Error::new(Kind::Unsupported, "nethttp: the program keeps this jar's cookies"))
            }
        }
    }
}

/// nh_cookie_fn is shown a cookie, which is borrowed until it returns.
pub type nh_cookie_fn = Option<unsafe extern "C-unwind" fn(c: *const nh_cookie, userdata: *mut c_void)>;

/// nh_jar_new makes an empty jar.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_jar_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_new() -> *mut nh_jar {
    guard_or(std::ptr::null_mut(), || Some(ptr::give(nh_jar { jar: JarKind::Own(Arc::default()) })))
}

/// nh_jar_free ends this handle; clients that have the jar keep it. NULL is fine.
///
/// Errors: none
/// Ownership: j: the library takes
/// Threads: any thread, once
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_free(j: *mut nh_jar) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(j) }.map(drop));
}

/// nh_client_set_jar has a client send the jar's cookies and put into it those that are set, also by redirects. NULL,
/// the default: no jar. A cookie that the program put into a request is left out once a redirect has set one of that
/// name. Go's Client.Jar.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_jar(c: *mut nh_client, j: *const nh_jar) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let (c, j) = unsafe { (live(c)?, j.as_ref()) };
        c.client.set_jar(j.map(nh_jar::dynamic));
        Ok(())
    })
}

/// origin reads the URL that cookies are for.
///
/// # Safety
/// P2.
unsafe fn origin(url: *const c_char) -> Result<CookieOrigin> {
    // SAFETY: P2.
    let url = Url::parse(unsafe { ptr::text(url, "url")? })?;
    CookieOrigin::from_url(&url, b"")
        .ok_or_else(|| invalid("nethttp: the URL is not of http or https, or has no host"))
}

/// nh_jar_set_cookies has the jar judge, and keep or drop, count cookies that url has set: Go's Jar.SetCookies.
///
/// Errors: NH_ERR_INVALID (j or url is NULL, cookies is NULL and count is not 0, one of them is NULL, or the URL is
/// malformed or not of http or https)
/// Ownership: url, cookies: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_set_cookies(
    j: *const nh_jar,
    url: *const c_char,
    cookies: *const *const nh_cookie,
    count: usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (j, origin) = unsafe { (ptr::shared(j, "jar")?, origin(url)?) };
        let size = count.saturating_mul(size_of::<*const nh_cookie>());
        // SAFETY: P3: an array of count pointers.
        unsafe { ptr::bytes(cookies.cast(), size, "cookies")? };
        let mut list: Vec<Cookie> = Vec::new();
        for i in 0..count {
            // SAFETY: P3, as above; P1 for each.
            list.push(unsafe { ptr::shared(*cookies.add(i), "cookie")? }.cookie.clone());
        }
        j.dynamic().set(&origin, &list, now());
        Ok(())
    })
}

/// nh_jar_cookies writes the value of the Cookie field that goes to url; "" if there is none. Go's Jar.Cookies.
///
/// Errors: NH_ERR_INVALID (j, url or len_out is NULL, or the URL is malformed or not of http or https),
/// NH_ERR_TOO_LARGE (cap is not above *len_out)
/// Ownership: url: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_cookies(
    j: *const nh_jar,
    url: *const c_char,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1, P2.
        let (j, origin) = unsafe { (ptr::shared(j, "jar")?, origin(url)?) };
        let value = j.dynamic().cookies(&origin, now()).unwrap_or_default();
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(&value, buf, cap, len_out) }
    })
}

/// nh_jar_count is how many cookies the jar keeps, those included that have ended and are not yet removed. 0 for NULL,
/// and for a jar of the program's own.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_count(j: *const nh_jar) -> usize {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { ptr::shared(j, "jar") }.ok()?.own().ok()?.len()))
}

/// nh_jar_each shows all cookies that have not ended, as they were when the call began, by domain. The callback runs
/// on this thread, and may change the jar.
///
/// Errors: NH_ERR_INVALID (j or callback is NULL), NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_each(
    j: *const nh_jar,
    callback: nh_cookie_fn,
    userdata: *mut c_void,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let j = unsafe { ptr::shared(j, "jar")? };
        let call = callback.ok_or_else(|| invalid("nethttp: callback is NULL"))?;
        for k in j.own()?.stored_cookies(now()) {
            let c = nh_cookie::kept(k);
            // SAFETY: P5; the cookie lives until it returns.
            no_unwind("nh_cookie_fn", || unsafe { call(&c, userdata) });
        }
        Ok(())
    })
}

/// nh_jar_clear removes all cookies.
///
/// Errors: NH_ERR_INVALID (j is NULL), NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_clear(j: *mut nh_jar) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { ptr::shared(j, "jar")? }.own()?.clear();
        Ok(())
    })
}

/// nh_jar_load adds the cookies of a file in the Netscape format, as curl, Python's MozillaCookieJar and extensions of
/// browsers write it. Lines that are none, and cookies that have ended, are passed over.
///
/// Errors: NH_ERR_INVALID (j or path is NULL, or the file has lines and no cookie), NH_ERR_IO (the file cannot be
/// read), NH_ERR_TOO_LARGE (it has over 32 MiB), NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
/// Ownership: path: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_load(
    j: *mut nh_jar,
    path: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (j, path) = unsafe { (ptr::shared(j, "jar")?, ptr::text(path, "path")?) };
        j.own()?.load(Path::new(OsStr::from_bytes(path)), now())
    })
}

/// nh_jar_save writes the cookies to a file in the Netscape format, which only its owner may read. It replaces the
/// file at once: no reader sees half of it, and a failure leaves the old one. Cookies that end with the session are
/// written with with_session 1, not with 0.
///
/// Errors: NH_ERR_INVALID (j or path is NULL, or with_session is not 0 or 1), NH_ERR_IO (the file cannot be written),
/// NH_ERR_UNSUPPORTED (the program keeps this jar's cookies)
/// Ownership: path: the library copies; *err: the caller owns
/// Threads: any thread, at the same time too. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_save(
    j: *const nh_jar,
    path: *const c_char,
    with_session: i32,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (j, path) = unsafe { (ptr::shared(j, "jar")?, ptr::text(path, "path")?) };
        let with_session = super::request::flag(with_session)?;
        j.own()?.save(Path::new(OsStr::from_bytes(path)), with_session, now())
    })
}

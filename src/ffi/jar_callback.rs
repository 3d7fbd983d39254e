//! Jars whose cookies the program keeps.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::cookie::nh_cookie;
use super::jar::{JarKind, nh_jar};
use super::{guard_plain, nh_result, ptr, result};
use crate::client::jar::{CookieJar, CookieOrigin};
use crate::error::invalid;
use crate::message::cookie::Cookie;
use crate::message::header::is_value;
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

/// MAX_FIELD is the longest Cookie field that a program's jar may give.
const MAX_FIELD: usize = 256 * 1024;

/// nh_jar_get_fn writes the value of the Cookie field for a URL to buf, without a NUL, and its length to *len_out; 0
/// is no field. Where cap is too small it sets *len_out all the same and answers NH_ERR_TOO_LARGE: it is then called
/// once more, with room for that much, up to 256 KiB. Any other answer but NH_OK is no field.
///
/// It runs on the threads that are inside nh_client_do, at the same time too.
pub type nh_jar_get_fn = Option<
    unsafe extern "C-unwind" fn(
        url: *const c_char,
        buf: *mut c_char,
        cap: usize,
        len_out: *mut usize,
        userdata: *mut c_void,
    ) -> nh_result,
>;

/// nh_jar_set_fn is given the cookies that a URL has set, as they were sent: which of them it keeps, and for whom, is
/// its affair. They are borrowed until it returns. It runs on the threads that are inside nh_client_do, at the same
/// time too.
pub type nh_jar_set_fn = Option<
    unsafe extern "C-unwind" fn(
        url: *const c_char,
        cookies: *const *const nh_cookie,
        count: usize,
        userdata: *mut c_void,
    ),
>;

struct ProgramJar {
    get: unsafe extern "C-unwind" fn(*const c_char, *mut c_char, usize, *mut usize, *mut c_void) -> nh_result,
    set: unsafe extern "C-unwind" fn(*const c_char, *const *const nh_cookie, usize, *mut c_void),
    userdata: Userdata,
}

impl ProgramJar {
    /// ask answers the result and the length that was told.
    fn ask(&self, url: &CString, buf: &mut [u8]) -> (nh_result, usize) {
        let (at, mut len) = (buf.as_mut_ptr().cast::<c_char>(), 0usize);
        let cap = buf.len();
        // SAFETY: P5; the URL, the buffer and the length live through the call.
        let code = no_unwind("nh_jar_get_fn", || unsafe {
            (self.get)(url.as_ptr(), at, cap, &mut len, self.userdata.ptr())
        });
        (code, len)
    }
}

impl CookieJar for ProgramJar {
    fn cookies(&self, origin: &CookieOrigin, _now: i64) -> Option<Vec<u8>> {
        let url = CString::new(origin.url.as_str()).ok()?;
        let mut buf = vec![0u8; 4096];
        let (mut code, mut len) = self.ask(&url, &mut buf);
        if code == result::NH_ERR_TOO_LARGE && len > buf.len() && len <= MAX_FIELD {
            buf.resize(len, 0);
            (code, len) = self.ask(&url, &mut buf);
        }
        let value = buf.get(..len)?;
        (code == result::NH_OK && !value.is_empty() && is_value(value)).then(|| value.to_vec())
    }

    fn set(&self, origin: &CookieOrigin, cookies: &[Cookie], _now: i64) {
        let Ok(url) = CString::new(origin.url.as_str()) else { return };
        let list: Vec<nh_cookie> = cookies.iter().map(|c| nh_cookie::new(c.clone(), false)).collect();
        let pointers: Vec<*const nh_cookie> = list.iter().map(std::ptr::from_ref).collect();
        let (at, count) = (pointers.as_ptr(), pointers.len());
        // SAFETY: P5; URL and cookies live through the call.
        no_unwind("nh_jar_set_fn", || unsafe { (self.set)(url.as_ptr(), at, count, self.userdata.ptr()) });
    }
}

/// nh_jar_new_with_callbacks makes a jar whose cookies the program keeps: Go's interface CookieJar. free_userdata is
/// called when the last client and handle that has the jar is gone, or at once if this call fails.
///
/// Errors: NH_ERR_INVALID (get, set or out is NULL)
/// Ownership: *out: the caller owns, ends it by nh_jar_free; userdata: the library takes, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_jar_new_with_callbacks(
    get: nh_jar_get_fn,
    set: nh_jar_set_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    out: *mut *mut nh_jar,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        let (Some(get), Some(set)) = (get, set) else {
            return Err(invalid("nethttp: get or set is NULL"));
        };
        let jar = JarKind::Program(Arc::new(ProgramJar { get, set, userdata }));
        ptr::set_out(out, ptr::give(nh_jar { jar }));
        Ok(())
    })
}

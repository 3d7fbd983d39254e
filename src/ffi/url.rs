//! URLs: parsed with the rules of Go's net/url, and never changed once they are made.

use super::values::nh_values;
use super::{guard, guard_or, nh_error, nh_result, ptr};
use crate::error::Result;
use crate::message::query::Values;
use crate::message::text::{Span, Store};
use crate::message::url::Url;
use std::ffi::c_char;
use std::ptr::{null, null_mut};

/// nh_url is a parsed URL, immutable. Go's url.URL.
///
/// Text is borrowed from it until nh_url_free. Decoded parts (path, fragment, user name, password) may hold NUL,
/// so their getters require len_out and give NULL without it.
pub struct nh_url {
    url: Url,
    store: Store,
    texts: [Span; COUNT],
    has_password: bool,
}

const COUNT: usize = 14;

/// UrlField is an index into the texts that are made with the handle, so that getters of a shared URL need no lock.
#[derive(Clone, Copy)]
enum UrlField {
    Text,
    Scheme,
    Opaque,
    Username,
    Password,
    Host,
    Hostname,
    Port,
    Path,
    EscapedPath,
    RawQuery,
    Fragment,
    RequestUri,
    Redacted,
}

impl nh_url {
    pub(crate) fn new(url: Url) -> nh_url {
        let user = url.user().cloned();
        let (username, password) = user.map_or((Vec::new(), None), |u| (u.username, u.password));
        let has_password = password.is_some();
        let mut store = Store::default();
        // In the order of Part.
        let texts = [
            &*url.to_bytes(),
            url.scheme(),
            url.opaque(),
            &username,
            &password.unwrap_or_default(),
            url.host(),
            url.hostname(),
            url.port(),
            url.path(),
            &url.escaped_path(),
            url.raw_query(),
            url.fragment(),
            &url.request_uri(),
            url.redacted().as_bytes(),
        ]
        .map(|text| store.intern(text));
        nh_url { url, store, texts, has_password }
    }

    fn span(&self, part: UrlField) -> Span {
        self.texts.get(part as usize).copied().unwrap_or_default()
    }

    fn text(&self, part: UrlField) -> *const c_char {
        self.store.cstr(self.span(part)).as_ptr()
    }
}

fn give(url: Url, out: *mut *mut nh_url) -> Result<()> {
    ptr::set_out(out, ptr::give(nh_url::new(url)));
    Ok(())
}

/// nh_url_parse reads an absolute or a relative URL.
///
/// Nothing is repaired: what Go refuses is refused, with Go's words in *err and without the password. Go's url.Parse.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or text is no URL)
/// Ownership: text: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the caller
/// owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_parse(
    text: *const c_char,
    out: *mut *mut nh_url,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P2.
        let text = unsafe { ptr::text(text, "text")? };
        give(Url::parse(text)?, out)
    })
}

/// nh_url_parse_request_uri reads an absolute URL or an absolute path as it came in a request.
///
/// "#" is no delimiter there. Go's url.ParseRequestURI.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or text is no URL)
/// Ownership: text: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the caller
/// owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_parse_request_uri(
    text: *const c_char,
    out: *mut *mut nh_url,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P2.
        let text = unsafe { ptr::text(text, "text")? };
        give(Url::parse_request_uri(text)?, out)
    })
}

/// nh_url_resolve reads a reference in the context of a base URL: "../b" against "http://h/a/c".
///
/// An absolute reference stays itself. Go's URL.Parse and ResolveReference; RFC 3986, 5.2.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or reference is no URL)
/// Ownership: reference: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the
/// caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_resolve(
    base: *const nh_url,
    reference: *const c_char,
    out: *mut *mut nh_url,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P1, P2.
        let (base, text) = unsafe { (ptr::shared(base, "base")?, ptr::text(reference, "reference")?) };
        give(base.url.resolve(&Url::parse(text)?)?, out)
    })
}

/// nh_url_join_path adds one or more escaped path elements and cleans the path.
///
/// No ".", ".." or doubled "/" is left, and nothing climbs above the root. Go's URL.JoinPath.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or an escape is malformed)
/// Ownership: path: the library copies; *out: the caller owns, ends it by nh_url_free; *err: the caller
/// owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_join_path(
    base: *const nh_url,
    path: *const c_char,
    out: *mut *mut nh_url,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P1, P2.
        let (base, path) = unsafe { (ptr::shared(base, "base")?, ptr::text(path, "path")?) };
        give(base.url.join(&[path])?, out)
    })
}

/// nh_url_clone makes a copy; NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_clone(u: *const nh_url) -> *mut nh_url {
    // SAFETY: P1.
    guard_or(null_mut(), || Some(ptr::give(nh_url::new(unsafe { u.as_ref() }?.url.clone()))))
}

/// nh_url_free ends a URL and all that was borrowed from it; NULL is fine.
///
/// Errors: none
/// Ownership: u: the library takes
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_free(u: *mut nh_url) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(u) }.map(drop));
}

/// nh_url_text returns the whole URL. Go's URL.String.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_text(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::Text)))
}

/// nh_url_redacted returns the whole URL with the password replaced by "xxxxx". Go's URL.Redacted.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_redacted(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::Redacted)))
}

/// nh_url_scheme returns the scheme in lower case; "" if the URL is relative.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_scheme(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::Scheme)))
}

/// nh_url_opaque returns what follows the scheme of a URL without slashes, such as "mailto:"; else "".
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_opaque(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::Opaque)))
}

/// nh_url_host returns "host" or "host:port", brackets of IPv6 included; "" if there is none.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_host(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::Host)))
}

/// nh_url_hostname returns the host without port and brackets. Go's URL.Hostname.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_hostname(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::Hostname)))
}

/// nh_url_port returns the digits of the port; "" if there are none. Go's URL.Port.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_port(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::Port)))
}

/// nh_url_escaped_path returns the path as it was given if it is a valid encoding, else encoded. Go's URL.EscapedPath.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_escaped_path(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::EscapedPath)))
}

/// nh_url_raw_query returns what follows "?", as it was given; "" if there is none.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_raw_query(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::RawQuery)))
}

/// nh_url_request_uri returns the target of a request line: path and query. Go's URL.RequestURI.
///
/// NULL gives NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_request_uri(u: *const nh_url) -> *const c_char {
    // SAFETY: P1.
    guard_or(null(), || unsafe { u.as_ref() }.map(|u| u.text(UrlField::RequestUri)))
}

/// nh_url_path returns the decoded path, and its length.
///
/// NULL and 0 if u or len_out is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_path(u: *const nh_url, len_out: *mut usize) -> *const c_char {
    guard_or(null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1.
        let u = unsafe { u.as_ref() }?;
        ptr::set_out(len_out, u.span(UrlField::Path).len());
        Some(u.text(UrlField::Path))
    })
}

/// nh_url_fragment returns the decoded text behind "#"; "" if there is none, and its length.
///
/// NULL and 0 if u or len_out is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_fragment(u: *const nh_url, len_out: *mut usize) -> *const c_char {
    guard_or(null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1.
        let u = unsafe { u.as_ref() }?;
        ptr::set_out(len_out, u.span(UrlField::Fragment).len());
        Some(u.text(UrlField::Fragment))
    })
}

/// nh_url_username returns the decoded user name; "" if there is none, and its length.
///
/// NULL and 0 if u or len_out is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_username(u: *const nh_url, len_out: *mut usize) -> *const c_char {
    guard_or(null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1.
        let u = unsafe { u.as_ref() }?;
        ptr::set_out(len_out, u.span(UrlField::Username).len());
        Some(u.text(UrlField::Username))
    })
}

/// nh_url_password returns the decoded password; NULL if there is no colon in the user information, and its length.
///
/// NULL and 0 if u or len_out is NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until nh_url_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_password(u: *const nh_url, len_out: *mut usize) -> *const c_char {
    guard_or(null(), || {
        ptr::out(len_out, 0, "len_out").ok()?;
        // SAFETY: P1.
        let u = unsafe { u.as_ref() }.filter(|u| u.has_password)?;
        ptr::set_out(len_out, u.span(UrlField::Password).len());
        Some(u.text(UrlField::Password))
    })
}

/// nh_url_is_abs returns 1 if the URL has a scheme, else 0. Go's URL.IsAbs.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_is_abs(u: *const nh_url) -> i32 {
    // SAFETY: P1.
    guard_or(0, || unsafe { u.as_ref() }.map(|u| i32::from(u.url.is_abs())))
}

/// nh_url_query decodes the query and leaves malformed pairs out; NULL gives NULL.
///
/// More than 10000 pairs give none. Go's URL.Query.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_values_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_url_query(u: *const nh_url) -> *mut nh_values {
    guard_or(null_mut(), || {
        // SAFETY: P1.
        let (values, _) = Values::parse(unsafe { u.as_ref() }?.url.raw_query());
        Some(ptr::give(nh_values(values)))
    })
}

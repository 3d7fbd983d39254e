//! Copies of requests, to send them elsewhere or once more.

use super::request::{change, make, nh_request};
use super::{guard, nh_error, nh_result, ptr};
use std::collections::HashSet;
use std::ffi::c_char;

/// nh_request_clone copies a request that is to be sent. A body of bytes is shared, not copied; one of a file or a
/// callback is shared too, so only one of the two requests can send it at a time.
///
/// Errors: NH_ERR_INVALID (r or out is NULL, or r was received by a server), NH_ERR_BUSY (r is being sent)
/// Ownership: *out: the caller owns
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_clone(
    r: *mut nh_request,
    out: *mut *mut nh_request,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        let mut copy = nh_request::wrap(r.0.clone_head());
        copy.0.body = r.0.body.share();
        copy.0.progress = r.0.progress.clone();
        copy.outgoing_mut()?.cancel = r.outgoing()?.cancel.clone();
        ptr::set_out(out, ptr::give(copy));
        Ok(())
    })
}

/// nh_request_clone_outbound makes a request to be sent from one that a server received: method, header and host
/// are copied, fields that belong to the connection and the body are not. url is where it goes.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or the URL is malformed)
/// Ownership: *out: the caller owns; url: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_clone_outbound(
    r: *const nh_request,
    url: *const c_char,
    out: *mut *mut nh_request,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P2.
        let (r, url) = unsafe { (ptr::shared(r, "request")?, ptr::utf8(url, "url")?) };
        let mut copy = make(r.0.text(r.0.method), url)?;
        let listed: HashSet<Vec<u8>> =
            r.0.header
                .values(b"Connection")
                .flat_map(|v| v.split(|&b| b == b','))
                .map(|t| t.trim_ascii().to_ascii_lowercase())
                .collect();
        for (name, value) in r.0.header.iter() {
            let of_connection = HOP_BY_HOP.iter().any(|h| h.eq_ignore_ascii_case(name))
                || (!listed.is_empty() && listed.contains(&name.to_ascii_lowercase()));
            if !of_connection {
                copy.0.header.add(name, value)?;
            }
        }
        copy.0.host = copy.0.header.store_mut().intern(r.0.text(r.0.host));
        ptr::set_out(out, ptr::give(copy));
        Ok(())
    })
}

/// Fields that say something about one connection or one framing (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&[u8]; 12] = [
    b"Connection",
    b"Proxy-Connection",
    b"Keep-Alive",
    b"Proxy-Authenticate",
    b"Proxy-Authorization",
    b"TE",
    b"Trailer",
    b"Transfer-Encoding",
    b"Upgrade",
    b"Content-Length",
    b"Host",
    b"Expect",
];

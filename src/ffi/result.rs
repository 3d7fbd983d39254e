//! Results: what a call that can fail returns. Codes are grouped by twenties and never reused.

use super::guard_or;
use crate::error::Kind;
use std::ffi::{CStr, c_char};

/// nh_result is what functions that can fail return: NH_OK, or one of the negative NH_ERR_ codes.
pub type nh_result = i32;

/// NH_OK: the call did what its documentation says.
pub const NH_OK: nh_result = 0;
/// NH_ERR_INVALID: an argument is NULL, out of range or malformed.
pub const NH_ERR_INVALID: nh_result = -1;
/// NH_ERR_STATE: the object is not in a state in which the call is allowed.
pub const NH_ERR_STATE: nh_result = -2;
/// NH_ERR_UNSUPPORTED: this build or this object cannot do what was asked.
pub const NH_ERR_UNSUPPORTED: nh_result = -3;
/// NH_ERR_NO_RESOURCES: memory, threads or descriptors are exhausted.
pub const NH_ERR_NO_RESOURCES: nh_result = -4;
/// NH_ERR_PANIC: a bug in the library was caught at the border.
pub const NH_ERR_PANIC: nh_result = -5;
/// NH_ERR_FORKED: the handle was made before a fork and is dead in the child.
pub const NH_ERR_FORKED: nh_result = -6;
/// NH_ERR_WOULD_DEADLOCK: the call would wait for the thread that makes it.
pub const NH_ERR_WOULD_DEADLOCK: nh_result = -7;
/// NH_ERR_BUSY: the object is in use by another call.
pub const NH_ERR_BUSY: nh_result = -8;
/// NH_ERR_NOT_FOUND: nothing is there under that name or index.
pub const NH_ERR_NOT_FOUND: nh_result = -9;
/// NH_ERR_TIMEOUT: a deadline passed.
pub const NH_ERR_TIMEOUT: nh_result = -20;
/// NH_ERR_CANCELED: a cancel token fired.
pub const NH_ERR_CANCELED: nh_result = -21;
/// NH_ERR_CLOSED: the object was closed while, or before, it was used.
pub const NH_ERR_CLOSED: nh_result = -22;
/// NH_ERR_SERVER_CLOSED: nh_server_shutdown, _close or _request_stop ended the server.
pub const NH_ERR_SERVER_CLOSED: nh_result = -23;
/// NH_ERR_DNS: the name could not be resolved.
pub const NH_ERR_DNS: nh_result = -40;
/// NH_ERR_CONNECT: no address could be connected to, or bound.
pub const NH_ERR_CONNECT: nh_result = -41;
/// NH_ERR_IO: a read or a write failed on an established connection.
pub const NH_ERR_IO: nh_result = -42;
/// NH_ERR_UNEXPECTED_EOF: the peer ended the stream before the message was whole.
pub const NH_ERR_UNEXPECTED_EOF: nh_result = -43;
/// NH_ERR_TLS: TLS failed.
pub const NH_ERR_TLS: nh_result = -44;
/// NH_ERR_PROXY: the proxy refused or could not be spoken to.
pub const NH_ERR_PROXY: nh_result = -45;
/// NH_ERR_PROTOCOL: the peer does not speak HTTP as RFC 9110 and RFC 9112 demand.
pub const NH_ERR_PROTOCOL: nh_result = -60;
/// NH_ERR_TOO_LARGE: a configured limit was passed.
pub const NH_ERR_TOO_LARGE: nh_result = -61;
/// NH_ERR_BODY_LENGTH: a body is longer or shorter than its declared length.
pub const NH_ERR_BODY_LENGTH: nh_result = -62;
/// NH_ERR_BODY_NOT_ALLOWED: the status or the method allows no body.
pub const NH_ERR_BODY_NOT_ALLOWED: nh_result = -63;
/// NH_ERR_REDIRECT: redirects were refused or did not end.
pub const NH_ERR_REDIRECT: nh_result = -64;
/// NH_ERR_BODY_SPENT: a request body that was consumed cannot be sent again.
pub const NH_ERR_BODY_SPENT: nh_result = -65;
/// NH_ERR_CROSS_ORIGIN: a browser sent the request for another site.
pub const NH_ERR_CROSS_ORIGIN: nh_result = -66;
/// NH_ERR_ABORTED: a callback of the program asked to stop.
pub const NH_ERR_ABORTED: nh_result = -80;

/// NH_TIMEOUT_NONE is the duration that means no limit; durations are milliseconds in int64_t.
pub const NH_TIMEOUT_NONE: i64 = -1;

const TEXTS: &[(nh_result, &CStr)] = &[
    (NH_OK, c"OK"),
    (NH_ERR_INVALID, c"invalid argument"),
    (NH_ERR_STATE, c"not allowed in this state"),
    (NH_ERR_UNSUPPORTED, c"not supported"),
    (NH_ERR_NO_RESOURCES, c"out of memory, threads or descriptors"),
    (NH_ERR_PANIC, c"internal error"),
    (NH_ERR_FORKED, c"handle made before fork"),
    (NH_ERR_WOULD_DEADLOCK, c"call would deadlock"),
    (NH_ERR_BUSY, c"object in use"),
    (NH_ERR_NOT_FOUND, c"not found"),
    (NH_ERR_TIMEOUT, c"timeout"),
    (NH_ERR_CANCELED, c"canceled"),
    (NH_ERR_CLOSED, c"closed"),
    (NH_ERR_SERVER_CLOSED, c"server closed"),
    (NH_ERR_DNS, c"name resolution failed"),
    (NH_ERR_CONNECT, c"connection failed"),
    (NH_ERR_IO, c"input or output failed"),
    (NH_ERR_UNEXPECTED_EOF, c"unexpected end of stream"),
    (NH_ERR_TLS, c"TLS failed"),
    (NH_ERR_PROXY, c"proxy failed"),
    (NH_ERR_PROTOCOL, c"malformed HTTP"),
    (NH_ERR_TOO_LARGE, c"limit exceeded"),
    (NH_ERR_BODY_LENGTH, c"body length differs from what was declared"),
    (NH_ERR_BODY_NOT_ALLOWED, c"body not allowed"),
    (NH_ERR_REDIRECT, c"redirect failed"),
    (NH_ERR_BODY_SPENT, c"body already sent"),
    (NH_ERR_CROSS_ORIGIN, c"cross-origin request"),
    (NH_ERR_ABORTED, c"aborted by callback"),
];

const KINDS: &[Kind] = &[
    Kind::Invalid,
    Kind::State,
    Kind::Unsupported,
    Kind::NoResources,
    Kind::Panic,
    Kind::Forked,
    Kind::WouldDeadlock,
    Kind::Busy,
    Kind::NotFound,
    Kind::Timeout,
    Kind::Canceled,
    Kind::Closed,
    Kind::ServerClosed,
    Kind::Dns,
    Kind::Connect,
    Kind::Io,
    Kind::UnexpectedEof,
    Kind::Tls,
    Kind::Proxy,
    Kind::Protocol,
    Kind::TooLarge,
    Kind::BodyLength,
    Kind::BodyNotAllowed,
    Kind::Redirect,
    Kind::BodySpent,
    Kind::CrossOrigin,
    Kind::Aborted,
];

/// kind_of is the kind of a result code that a callback of the program answered.
pub(super) fn kind_of(code: nh_result) -> Option<Kind> {
    KINDS.iter().copied().find(|k| *k as nh_result == code)
}

/// nh_result_text returns a short description of a result code, such as "timeout" for NH_ERR_TIMEOUT.
///
/// A value that is no result code gives "unknown result". What happened in one particular call is told by
/// its nh_error.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the process ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_result_text(result: nh_result) -> *const c_char {
    guard_or(c"".as_ptr(), || {
        let text = TEXTS.iter().find(|(code, _)| *code == result).map(|(_, text)| *text);
        Some(text.unwrap_or(c"unknown result").as_ptr())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The literals above are what a C compiler sees; they must be the kinds' own numbers.
    #[test]
    fn codes_are_the_kinds() {
        let pairs = [
            (NH_ERR_INVALID, Kind::Invalid),
            (NH_ERR_STATE, Kind::State),
            (NH_ERR_UNSUPPORTED, Kind::Unsupported),
            (NH_ERR_NO_RESOURCES, Kind::NoResources),
            (NH_ERR_PANIC, Kind::Panic),
            (NH_ERR_FORKED, Kind::Forked),
            (NH_ERR_WOULD_DEADLOCK, Kind::WouldDeadlock),
            (NH_ERR_BUSY, Kind::Busy),
            (NH_ERR_NOT_FOUND, Kind::NotFound),
            (NH_ERR_TIMEOUT, Kind::Timeout),
            (NH_ERR_CANCELED, Kind::Canceled),
            (NH_ERR_CLOSED, Kind::Closed),
            (NH_ERR_SERVER_CLOSED, Kind::ServerClosed),
            (NH_ERR_DNS, Kind::Dns),
            (NH_ERR_CONNECT, Kind::Connect),
            (NH_ERR_IO, Kind::Io),
            (NH_ERR_UNEXPECTED_EOF, Kind::UnexpectedEof),
            (NH_ERR_TLS, Kind::Tls),
            (NH_ERR_PROXY, Kind::Proxy),
            (NH_ERR_PROTOCOL, Kind::Protocol),
            (NH_ERR_TOO_LARGE, Kind::TooLarge),
            (NH_ERR_BODY_LENGTH, Kind::BodyLength),
            (NH_ERR_BODY_NOT_ALLOWED, Kind::BodyNotAllowed),
            (NH_ERR_REDIRECT, Kind::Redirect),
            (NH_ERR_BODY_SPENT, Kind::BodySpent),
            (NH_ERR_CROSS_ORIGIN, Kind::CrossOrigin),
            (NH_ERR_ABORTED, Kind::Aborted),
        ];
        for (code, kind) in pairs {
            assert_eq!(code, kind as nh_result, "{kind:?}");
        }
        assert_eq!(TEXTS.len(), pairs.len() + 1);
        assert!(pairs.iter().all(|(code, kind)| kind_of(*code) == Some(*kind)));
        let mut codes: Vec<_> = TEXTS.iter().map(|t| t.0).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TEXTS.len());
    }
}

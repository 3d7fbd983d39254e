//! Status codes: what a response says about its request (RFC 9110, 15).

use super::guard_or;
use crate::message::status;
use std::ffi::{CStr, c_char};

/// NH_STATUS_CONTINUE: Continue (RFC 9110, 15.2.1).
pub const NH_STATUS_CONTINUE: i32 = 100;
/// NH_STATUS_SWITCHING_PROTOCOLS: Switching Protocols (RFC 9110, 15.2.2).
pub const NH_STATUS_SWITCHING_PROTOCOLS: i32 = 101;
/// NH_STATUS_PROCESSING: Processing (RFC 2518, 10.1).
pub const NH_STATUS_PROCESSING: i32 = 102;
/// NH_STATUS_EARLY_HINTS: Early Hints (RFC 8297).
pub const NH_STATUS_EARLY_HINTS: i32 = 103;
/// NH_STATUS_OK: OK (RFC 9110, 15.3.1).
pub const NH_STATUS_OK: i32 = 200;
/// NH_STATUS_CREATED: Created (RFC 9110, 15.3.2).
pub const NH_STATUS_CREATED: i32 = 201;
/// NH_STATUS_ACCEPTED: Accepted (RFC 9110, 15.3.3).
pub const NH_STATUS_ACCEPTED: i32 = 202;
/// NH_STATUS_NON_AUTHORITATIVE_INFO: Non-Authoritative Information (RFC 9110, 15.3.4).
pub const NH_STATUS_NON_AUTHORITATIVE_INFO: i32 = 203;
/// NH_STATUS_NO_CONTENT: No Content (RFC 9110, 15.3.5).
pub const NH_STATUS_NO_CONTENT: i32 = 204;
/// NH_STATUS_RESET_CONTENT: Reset Content (RFC 9110, 15.3.6).
pub const NH_STATUS_RESET_CONTENT: i32 = 205;
/// NH_STATUS_PARTIAL_CONTENT: Partial Content (RFC 9110, 15.3.7).
pub const NH_STATUS_PARTIAL_CONTENT: i32 = 206;
/// NH_STATUS_MULTI_STATUS: Multi-Status (RFC 4918, 11.1).
pub const NH_STATUS_MULTI_STATUS: i32 = 207;
/// NH_STATUS_ALREADY_REPORTED: Already Reported (RFC 5842, 7.1).
pub const NH_STATUS_ALREADY_REPORTED: i32 = 208;
/// NH_STATUS_IM_USED: IM Used (RFC 3229, 10.4.1).
pub const NH_STATUS_IM_USED: i32 = 226;
/// NH_STATUS_MULTIPLE_CHOICES: Multiple Choices (RFC 9110, 15.4.1).
pub const NH_STATUS_MULTIPLE_CHOICES: i32 = 300;
/// NH_STATUS_MOVED_PERMANENTLY: Moved Permanently (RFC 9110, 15.4.2).
pub const NH_STATUS_MOVED_PERMANENTLY: i32 = 301;
/// NH_STATUS_FOUND: Found (RFC 9110, 15.4.3).
pub const NH_STATUS_FOUND: i32 = 302;
/// NH_STATUS_SEE_OTHER: See Other (RFC 9110, 15.4.4).
pub const NH_STATUS_SEE_OTHER: i32 = 303;
/// NH_STATUS_NOT_MODIFIED: Not Modified (RFC 9110, 15.4.5).
pub const NH_STATUS_NOT_MODIFIED: i32 = 304;
/// NH_STATUS_USE_PROXY: Use Proxy (RFC 9110, 15.4.6).
pub const NH_STATUS_USE_PROXY: i32 = 305;
/// NH_STATUS_TEMPORARY_REDIRECT: Temporary Redirect (RFC 9110, 15.4.8).
pub const NH_STATUS_TEMPORARY_REDIRECT: i32 = 307;
/// NH_STATUS_PERMANENT_REDIRECT: Permanent Redirect (RFC 9110, 15.4.9).
pub const NH_STATUS_PERMANENT_REDIRECT: i32 = 308;
/// NH_STATUS_BAD_REQUEST: Bad Request (RFC 9110, 15.5.1).
pub const NH_STATUS_BAD_REQUEST: i32 = 400;
/// NH_STATUS_UNAUTHORIZED: Unauthorized (RFC 9110, 15.5.2).
pub const NH_STATUS_UNAUTHORIZED: i32 = 401;
/// NH_STATUS_PAYMENT_REQUIRED: Payment Required (RFC 9110, 15.5.3).
pub const NH_STATUS_PAYMENT_REQUIRED: i32 = 402;
/// NH_STATUS_FORBIDDEN: Forbidden (RFC 9110, 15.5.4).
pub const NH_STATUS_FORBIDDEN: i32 = 403;
/// NH_STATUS_NOT_FOUND: Not Found (RFC 9110, 15.5.5).
pub const NH_STATUS_NOT_FOUND: i32 = 404;
/// NH_STATUS_METHOD_NOT_ALLOWED: Method Not Allowed (RFC 9110, 15.5.6).
pub const NH_STATUS_METHOD_NOT_ALLOWED: i32 = 405;
/// NH_STATUS_NOT_ACCEPTABLE: Not Acceptable (RFC 9110, 15.5.7).
pub const NH_STATUS_NOT_ACCEPTABLE: i32 = 406;
/// NH_STATUS_PROXY_AUTH_REQUIRED: Proxy Authentication Required (RFC 9110, 15.5.8).
pub const NH_STATUS_PROXY_AUTH_REQUIRED: i32 = 407;
/// NH_STATUS_REQUEST_TIMEOUT: Request Timeout (RFC 9110, 15.5.9).
pub const NH_STATUS_REQUEST_TIMEOUT: i32 = 408;
/// NH_STATUS_CONFLICT: Conflict (RFC 9110, 15.5.10).
pub const NH_STATUS_CONFLICT: i32 = 409;
/// NH_STATUS_GONE: Gone (RFC 9110, 15.5.11).
pub const NH_STATUS_GONE: i32 = 410;
/// NH_STATUS_LENGTH_REQUIRED: Length Required (RFC 9110, 15.5.12).
pub const NH_STATUS_LENGTH_REQUIRED: i32 = 411;
/// NH_STATUS_PRECONDITION_FAILED: Precondition Failed (RFC 9110, 15.5.13).
pub const NH_STATUS_PRECONDITION_FAILED: i32 = 412;
/// NH_STATUS_REQUEST_ENTITY_TOO_LARGE: Request Entity Too Large (RFC 9110, 15.5.14).
pub const NH_STATUS_REQUEST_ENTITY_TOO_LARGE: i32 = 413;
/// NH_STATUS_REQUEST_URI_TOO_LONG: Request URI Too Long (RFC 9110, 15.5.15).
pub const NH_STATUS_REQUEST_URI_TOO_LONG: i32 = 414;
/// NH_STATUS_UNSUPPORTED_MEDIA_TYPE: Unsupported Media Type (RFC 9110, 15.5.16).
pub const NH_STATUS_UNSUPPORTED_MEDIA_TYPE: i32 = 415;
/// NH_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE: Requested Range Not Satisfiable (RFC 9110, 15.5.17).
pub const NH_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE: i32 = 416;
/// NH_STATUS_EXPECTATION_FAILED: Expectation Failed (RFC 9110, 15.5.18).
pub const NH_STATUS_EXPECTATION_FAILED: i32 = 417;
/// NH_STATUS_TEAPOT: I'm a teapot (RFC 9110, 15.5.19 (Unused)).
pub const NH_STATUS_TEAPOT: i32 = 418;
/// NH_STATUS_MISDIRECTED_REQUEST: Misdirected Request (RFC 9110, 15.5.20).
pub const NH_STATUS_MISDIRECTED_REQUEST: i32 = 421;
/// NH_STATUS_UNPROCESSABLE_ENTITY: Unprocessable Entity (RFC 9110, 15.5.21).
pub const NH_STATUS_UNPROCESSABLE_ENTITY: i32 = 422;
/// NH_STATUS_LOCKED: Locked (RFC 4918, 11.3).
pub const NH_STATUS_LOCKED: i32 = 423;
/// NH_STATUS_FAILED_DEPENDENCY: Failed Dependency (RFC 4918, 11.4).
pub const NH_STATUS_FAILED_DEPENDENCY: i32 = 424;
/// NH_STATUS_TOO_EARLY: Too Early (RFC 8470, 5.2.).
pub const NH_STATUS_TOO_EARLY: i32 = 425;
/// NH_STATUS_UPGRADE_REQUIRED: Upgrade Required (RFC 9110, 15.5.22).
pub const NH_STATUS_UPGRADE_REQUIRED: i32 = 426;
/// NH_STATUS_PRECONDITION_REQUIRED: Precondition Required (RFC 6585, 3).
pub const NH_STATUS_PRECONDITION_REQUIRED: i32 = 428;
/// NH_STATUS_TOO_MANY_REQUESTS: Too Many Requests (RFC 6585, 4).
pub const NH_STATUS_TOO_MANY_REQUESTS: i32 = 429;
/// NH_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE: Request Header Fields Too Large (RFC 6585, 5).
pub const NH_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE: i32 = 431;
/// NH_STATUS_UNAVAILABLE_FOR_LEGAL_REASONS: Unavailable For Legal Reasons (RFC 7725, 3).
pub const NH_STATUS_UNAVAILABLE_FOR_LEGAL_REASONS: i32 = 451;
/// NH_STATUS_INTERNAL_SERVER_ERROR: Internal Server Error (RFC 9110, 15.6.1).
pub const NH_STATUS_INTERNAL_SERVER_ERROR: i32 = 500;
/// NH_STATUS_NOT_IMPLEMENTED: Not Implemented (RFC 9110, 15.6.2).
pub const NH_STATUS_NOT_IMPLEMENTED: i32 = 501;
/// NH_STATUS_BAD_GATEWAY: Bad Gateway (RFC 9110, 15.6.3).
pub const NH_STATUS_BAD_GATEWAY: i32 = 502;
/// NH_STATUS_SERVICE_UNAVAILABLE: Service Unavailable (RFC 9110, 15.6.4).
pub const NH_STATUS_SERVICE_UNAVAILABLE: i32 = 503;
/// NH_STATUS_GATEWAY_TIMEOUT: Gateway Timeout (RFC 9110, 15.6.5).
pub const NH_STATUS_GATEWAY_TIMEOUT: i32 = 504;
/// NH_STATUS_HTTP_VERSION_NOT_SUPPORTED: HTTP Version Not Supported (RFC 9110, 15.6.6).
pub const NH_STATUS_HTTP_VERSION_NOT_SUPPORTED: i32 = 505;
/// NH_STATUS_VARIANT_ALSO_NEGOTIATES: Variant Also Negotiates (RFC 2295, 8.1).
pub const NH_STATUS_VARIANT_ALSO_NEGOTIATES: i32 = 506;
/// NH_STATUS_INSUFFICIENT_STORAGE: Insufficient Storage (RFC 4918, 11.5).
pub const NH_STATUS_INSUFFICIENT_STORAGE: i32 = 507;
/// NH_STATUS_LOOP_DETECTED: Loop Detected (RFC 5842, 7.2).
pub const NH_STATUS_LOOP_DETECTED: i32 = 508;
/// NH_STATUS_NOT_EXTENDED: Not Extended (RFC 2774, 7).
pub const NH_STATUS_NOT_EXTENDED: i32 = 510;
/// NH_STATUS_NETWORK_AUTHENTICATION_REQUIRED: Network Authentication Required (RFC 6585, 6).
pub const NH_STATUS_NETWORK_AUTHENTICATION_REQUIRED: i32 = 511;

/// nh_status_text returns the reason phrase of a status code, such as "Not Found" for 404.
///
/// A code without one, registered or not, gives the empty text, never NULL.
/// Go's StatusText; RFC 9110, 15.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the process ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_status_text(code: i32) -> *const c_char {
    guard_or(c"".as_ptr(), || {
        let code = u16::try_from(code).ok()?;
        Some(text_c(code)?.as_ptr())
    })
}

/// text_c is [`status::text`] with a NUL, made once for all codes.
fn text_c(code: u16) -> Option<&'static CStr> {
    static TEXTS: crate::sync::OnceLock<Vec<std::ffi::CString>> = crate::sync::OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        (0..600u16).map(|c| std::ffi::CString::new(status::text(c)).unwrap_or_default()).collect()
    });
    texts.get(usize::from(code)).map(|t| t.as_c_str())
}

//! Requests: what a program builds to send, and what it may ask of any request.

use super::cancel::nh_cancel_token;
use super::duration::duration;
use super::header::nh_header;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::error::{Error, Kind, Result, invalid};
use crate::fork::Stamp;
use crate::message::endpoint::Endpoint;
use crate::message::header::is_token;
use crate::message::request::Request;
use crate::message::text::Span;
use crate::net::cancel::CancelToken;
use crate::sync::Mutex;
use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, PoisonError};

/// nh_request is a request: one to be sent, made by nh_request_new, or one that a server received.
// Written so that cbindgen does not look through it: to C the handle is opaque.
#[cfg_attr(all(), repr(transparent))]
pub struct nh_request(pub(crate) Request);

// SAFETY: P6: the program uses a request from one thread at a time, and a snapshot is never changed.
unsafe impl Sync for nh_request {}

/// Outgoing is what the C API keeps with a request that is to be sent.
pub(super) struct Outgoing {
    busy: AtomicBool,
    pub(super) stamp: Stamp,
    pub(super) cancel: Option<CancelToken>,
    /// The head as it was sent last, for responses; gone after a change.
    sent: Mutex<Option<Arc<nh_request>>>,
    /// The header was lent for changes that nobody can see.
    lent: bool,
}

impl Outgoing {
    fn new() -> Outgoing {
        Outgoing {
            busy: AtomicBool::new(false),
            stamp: Stamp::now(),
            cancel: None,
            sent: Mutex::new(None),
            lent: false,
        }
    }
}

/// ProgramOwned marks a received request that the program owns.
struct ProgramOwned;

/// InUse marks a request as in use until it is dropped.
pub(super) struct InUse<'a>(&'a AtomicBool);

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}

impl nh_request {
    pub(super) fn wrap(mut r: Request) -> nh_request {
        r.extra = Some(Box::new(Outgoing::new()));
        nh_request(r)
    }

    /// received is a request that was read from a program's stream, for the program to own.
    pub(super) fn received(mut r: Request) -> nh_request {
        r.extra = Some(Box::new(ProgramOwned));
        nh_request(r)
    }

    /// lend gives C a request of ours for the time of a callback.
    pub(super) fn lend(r: &mut Request) -> *mut nh_request {
        r.extra.get_or_insert_with(|| Box::new(Outgoing::new()));
        // The handle is transparent.
        std::ptr::from_mut(r).cast()
    }

    pub(super) fn outgoing(&self) -> Result<&Outgoing> {
        self.0.extra.as_ref().and_then(|e| e.downcast_ref()).ok_or_else(received)
    }

    pub(super) fn outgoing_mut(&mut self) -> Result<&mut Outgoing> {
        self.0.extra.as_mut().and_then(|e| e.downcast_mut()).ok_or_else(received)
    }

    /// start is the beginning of a send; a second one at the same time is refused.
    pub(super) fn start(&self) -> Result<InUse<'_>> {
        let o = self.outgoing()?;
        o.stamp.check()?;
        if o.busy.swap(true, SeqCst) {
            return Err(busy());
        }
        Ok(InUse(&o.busy))
    }

    /// snapshot is the request as it is sent now, for the response to show.
    pub(super) fn snapshot(&self) -> Result<Arc<nh_request>> {
        let o = self.outgoing()?;
        let mut sent = o.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(s) = sent.as_ref().filter(|_| !o.lent) {
            return Ok(s.clone());
        }
        let s = Arc::new(nh_request::wrap(self.0.clone_head()));
        *sent = Some(s.clone());
        Ok(s)
    }
}

fn received() -> Error {
    invalid("nethttp: a received request is not sent as it is: use nh_request_clone_outbound")
}

fn busy() -> Error {
    Error::new(Kind::Busy, "nethttp: the request is in use by another thread")
}

/// change borrows an outgoing request to change it.
///
/// # Safety
/// P1 and P6.
pub(super) unsafe fn change<'a>(r: *mut nh_request) -> Result<&'a mut nh_request> {
    {
        // SAFETY: P1. A request that is being sent is only looked at.
        let o = unsafe { ptr::shared(r, "request")? }.outgoing()?;
        if o.busy.load(SeqCst) {
            return Err(busy());
        }
    }
    // SAFETY: P1, P6: no call is sending it.
    let r = unsafe { ptr::unique(r, "request")? };
    r.outgoing_mut()?.sent = Mutex::new(None);
    Ok(r)
}

/// make builds a request to be sent.
pub(super) fn make(method: &[u8], url: &str) -> Result<nh_request> {
    let method = if method.is_empty() { b"GET" } else { method };
    if !is_token(method) {
        return Err(invalid(format!("net/http: invalid method {:?}", String::from_utf8_lossy(method))));
    }
    let target = Endpoint::parse(url)?;
    let mut r = Request { endpoint: Some(Arc::new(target)), ..Request::default() };
    r.method = r.header.store_mut().intern(method);
    r.url = r.header.store_mut().intern(url.as_bytes());
    Ok(nh_request::wrap(r))
}

/// nh_request_new makes a request of a method ("" is GET) and an absolute URL: Go's NewRequest.
///
/// The URL is checked here; a scheme that cannot be sent is refused by nh_client_do.
///
/// Errors: NH_ERR_INVALID (method, url or out is NULL, the method is no token, the URL is malformed)
/// Ownership: *out: the caller owns; method and url: the library copies
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_new(
    method: *const c_char,
    url: *const c_char,
    out: *mut *mut nh_request,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P2.
        let (method, url) = unsafe { (ptr::text(method, "method")?, ptr::utf8(url, "url")?) };
        ptr::set_out(out, ptr::give(make(method, url)?));
        Ok(())
    })
}

/// nh_request_free ends a request that the caller owns. A body that an unread response still sends is kept until
/// that is closed. NULL is fine; so is a request that a server's handler got, for which nothing happens.
///
/// Errors: none
/// Ownership: r: the library takes
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_free(r: *mut nh_request) {
    guard_plain(|| {
        // SAFETY: P1. What a handler got belongs to its exchange and is left alone.
        if unsafe { ptr::shared(r, "request")? }.0.extra.is_some() {
            // SAFETY: P1, and the caller gives it up.
            drop(unsafe { ptr::owned(r) });
        }
        Ok(())
    });
}

fn intern(r: &mut nh_request, text: &[u8]) -> Span {
    r.0.header.store_mut().intern(text)
}

/// nh_request_set_method changes the method; "" is GET.
///
/// Errors: NH_ERR_INVALID (r or method is NULL, or it is no token), NH_ERR_BUSY (r is being sent)
/// Ownership: method: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_method(r: *mut nh_request, method: *const c_char) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, method) = unsafe { (change(r)?, ptr::text(method, "method")?) };
        let method = if method.is_empty() { b"GET" } else { method };
        if !is_token(method) {
            return Err(invalid("net/http: invalid method"));
        }
        r.0.method = intern(r, method);
        Ok(())
    })
}

/// nh_request_set_url changes where the request goes.
///
/// Errors: NH_ERR_INVALID (r or url is NULL, or the URL is malformed), NH_ERR_BUSY (r is being sent)
/// Ownership: url: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_url(
    r: *mut nh_request,
    url: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2, P6.
        let (r, url) = unsafe { (change(r)?, ptr::utf8(url, "url")?) };
        r.0.endpoint = Some(Arc::new(Endpoint::parse(url)?));
        r.0.url = intern(r, url.as_bytes());
        Ok(())
    })
}

/// nh_request_set_header sets a field to one value, in place of all that it had: Go's Header.Set.
///
/// Host, Content-Length, Transfer-Encoding and Trailer are made from the request's other parts and are not sent
/// from the header.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, name is no token, value has control bytes), NH_ERR_BUSY (r is
/// being sent)
/// Ownership: name and value: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_header(
    r: *mut nh_request,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, name, value) = unsafe { (change(r)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        r.0.header.set(name, value)
    })
}

/// nh_request_add_header adds a field to those that are there: Go's Header.Add.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, name is no token, value has control bytes), NH_ERR_BUSY (r is
/// being sent)
/// Ownership: name and value: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_add_header(
    r: *mut nh_request,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, name, value) = unsafe { (change(r)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        r.0.header.add(name, value)
    })
}

/// nh_request_header lends the header for reading and changing. NULL for NULL, and while r is being sent.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the request is freed
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_header(r: *mut nh_request) -> *mut nh_header {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: P1, P6.
        let r = match unsafe { change(r) } {
            Ok(r) => {
                r.outgoing_mut().ok()?.lent = true;
                r
            }
            Err(e) if e.kind() == Kind::Busy => return None,
            // SAFETY: P1, P6: a received request.
            Err(_) => unsafe { ptr::unique(r, "request") }.ok()?,
        };
        Some(nh_header::lend_mut(&mut r.0.header))
    })
}

/// nh_request_set_trailer adds a field that is sent behind a body of unknown length (RFC 9110, 6.5).
///
/// Errors: NH_ERR_INVALID (an argument is NULL, name is no token or may not be in a trailer, value has control
/// bytes), NH_ERR_BUSY (r is being sent)
/// Ownership: name and value: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_trailer(
    r: *mut nh_request,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, name, value) = unsafe { (change(r)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        if crate::h1::is_forbidden_in_trailer(name) {
            return Err(invalid("http: invalid Trailer key"));
        }
        r.0.trailer.set(name, value)
    })
}

/// nh_request_set_host sets what the Host field says; "" is what the URL says.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
/// Ownership: host: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_host(r: *mut nh_request, host: *const c_char) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, host) = unsafe { (change(r)?, ptr::text(host, "host")?) };
        r.0.host = intern(r, host);
        Ok(())
    })
}

/// nh_request_set_close asks with 1 that the connection ends after this exchange; 0 is the default.
///
/// Errors: NH_ERR_INVALID (r is NULL, or on is not 0 or 1), NH_ERR_BUSY (r is being sent)
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_close(r: *mut nh_request, on: i32) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        r.0.close = flag(on)?;
        Ok(())
    })
}

pub(super) fn flag(on: i32) -> Result<bool> {
    match on {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid("nethttp: a flag is not 0 or 1")),
    }
}

/// nh_request_set_timeout bounds the whole exchange, reading the body included, in milliseconds; in place of what
/// nh_client_set_timeout says. NH_TIMEOUT_NONE, the default, leaves it to the client.
///
/// Errors: NH_ERR_INVALID (r is NULL, or ms is negative and not -1), NH_ERR_BUSY (r is being sent)
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_timeout(r: *mut nh_request, ms: i64) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        r.0.timeout = duration(ms)?;
        Ok(())
    })
}

/// nh_request_set_cancel has the token end the request, and the reading of its response's body, when it fires.
///
/// NULL takes the token away.
///
/// Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being sent)
/// Ownership: nothing changes hands
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_cancel(r: *mut nh_request, t: *const nh_cancel_token) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        // SAFETY: P1.
        r.outgoing_mut()?.cancel = unsafe { t.as_ref() }.map(|t| t.token.clone());
        Ok(())
    })
}

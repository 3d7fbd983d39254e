//! Clients: send requests over pooled connections.

use super::request::{make, nh_request};
use super::response::nh_response;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::client::{Client, ClientResponse};
use crate::error::Result;
use crate::fork::Stamp;
use crate::message::request::RequestBody;
use crate::sync::Mutex;
use crate::transport::Transport;
use std::ffi::{c_char, c_void};
use std::sync::{Arc, PoisonError};

/// nh_client sends requests and keeps their connections for the next ones. Make one and share it: Go's Client with
/// a Transport of its own.
pub struct nh_client {
    pub(super) client: Client,
    stamp: Stamp,
}

impl nh_client {
    fn new() -> nh_client {
        nh_client { client: Client::default(), stamp: Stamp::now() }
    }

    pub(super) fn over(transport: Arc<Transport>) -> nh_client {
        nh_client { client: Client::with_transport(transport), stamp: Stamp::now() }
    }
}

/// live borrows a client of this process.
///
/// # Safety
/// P1.
pub(super) unsafe fn live<'a>(c: *const nh_client) -> Result<&'a nh_client> {
    // SAFETY: P1.
    let c = unsafe { ptr::shared(c, "client")? };
    c.stamp.check()?;
    Ok(c)
}

/// nh_client_new makes a client with the library's defaults. It starts no thread and opens nothing.
///
/// Errors: none
/// Ownership: result: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_new() -> *mut nh_client {
    guard_or(std::ptr::null_mut(), || Some(ptr::give(nh_client::new())))
}

/// nh_client_free closes the idle connections and ends the client; responses that are still open may be read on.
/// It waits for the client's own threads, which takes milliseconds. NULL is fine, and so is nh_default_client(),
/// for which nothing happens.
///
/// Errors: none
/// Ownership: c: the library takes
/// Threads: any thread, once, while no other call uses the client. It may block: the program's own dials.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_free(c: *mut nh_client) {
    guard_plain(|| {
        if DEFAULT.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|d| std::ptr::eq(d.0, c)) {
            return Ok(());
        }
        // SAFETY: P1, and the caller gives it up.
        if let Some(c) = unsafe { ptr::owned(c) }
            && c.stamp.is_stale()
        {
            // Its threads exist in the parent only: nothing can be joined, and no lock is sure to be free.
            std::mem::forget(c);
        }
        Ok(())
    });
}

/// The default client, and its process: a child of a fork makes its own.
static DEFAULT: Mutex<Option<(&'static nh_client, Stamp)>> = Mutex::new(None);

/// nh_default_client is a client that all parts of a program may share: Go's DefaultClient. It is made on first use
/// and never freed.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the program ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_default_client() -> *mut nh_client {
    guard_or(std::ptr::null_mut(), || {
        let mut slot = DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
        let client = match *slot {
            Some((c, stamp)) if !stamp.is_stale() => c,
            _ => {
                let c: &'static nh_client = Box::leak(Box::new(nh_client::new()));
                *slot = Some((c, c.stamp));
                c
            }
        };
        Some(std::ptr::from_ref(client).cast_mut())
    })
}

/// nh_client_do sends a request and answers when the head of the response is there: Go's Client.Do.
///
/// A status of 400 or 500 is no error. The response must be freed; its body is read by nh_response_body_read. The
/// request is unchanged and may be sent again. A connection that went stale in the pool is replaced without notice
/// where sending again is safe.
///
/// Redirects are followed: 301, 302 and 303 by GET (HEAD stays HEAD) without a body, 307 and 308 by the same method and
/// body; where that was a callback's that cannot rewind, the redirect itself is the answer. Authorization and Cookie
/// go to the same host and those beneath it only. Timeout and token count for all of it. Where a redirect is refused,
/// *out is the answer that asked for it, its body closed: the one case in which *out is set beside an error.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the request cannot be sent), NH_ERR_BUSY (another thread
/// sends it), NH_ERR_BODY_SPENT (its body was sent and cannot be rewound), NH_ERR_BODY_LENGTH (its body is not as
/// long as declared), NH_ERR_ABORTED (its body's callback asked to stop), NH_ERR_DNS, NH_ERR_CONNECT, NH_ERR_PROXY,
/// NH_ERR_TLS, NH_ERR_IO, NH_ERR_UNEXPECTED_EOF, NH_ERR_PROTOCOL, NH_ERR_TOO_LARGE (the response's head),
/// NH_ERR_REDIRECT (too many, refused, or to what is no URL), NH_ERR_TIMEOUT, NH_ERR_CANCELED,
/// NH_ERR_NO_RESOURCES (no thread or descriptor is left), NH_ERR_FORKED
/// Ownership: *out: the caller owns; r: the caller owns
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_do(
    c: *mut nh_client,
    r: *mut nh_request,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1. The request is only looked at, so a second thread that breaks P6 is told so.
        let (c, r) = unsafe { (live(c)?, ptr::shared(r, "request")?) };
        send(c, r, out)
    })
}

/// send answers through `out`; a refused redirect gives both the response and the error.
fn send(c: &nh_client, r: &nh_request, out: *mut *mut nh_response) -> Result<()> {
    let _sending = r.start()?;
    let give = |d: ClientResponse| -> Result<()> {
        let request = match d.last {
            Some(last) => Arc::new(nh_request::wrap(*last)),
            None => r.snapshot()?,
        };
        ptr::set_out(out, ptr::give(nh_response::new(d.response, Some(request))));
        Ok(())
    };
    match c.client.run(&r.0, r.0.timeout, r.outgoing()?.cancel.as_ref()) {
        Ok(d) => give(d),
        Err(f) => {
            if let Some(d) = f.answer {
                give(*d)?;
            }
            Err(f.error)
        }
    }
}

/// send_oneshot is a whole exchange on a client, or on the default one.
///
/// # Safety
/// P1, P2 and P4.
pub(super) unsafe fn send_oneshot(
    c: Option<&nh_client>,
    method: &[u8],
    url: *const c_char,
    out: *mut *mut nh_response,
    change: impl FnOnce(&mut nh_request) -> Result<()>,
) -> Result<()> {
    ptr::out(out, std::ptr::null_mut(), "out")?;
    // SAFETY: P2.
    let mut r = make(method, unsafe { ptr::utf8(url, "url")? })?;
    change(&mut r)?;
    let c = match c {
        Some(c) => c,
        // SAFETY: P1: it is ours.
        None => unsafe { live(nh_default_client())? },
    };
    send(c, &r, out)
}

/// fill gives a request its content.
///
/// # Safety
/// P2.
pub(super) unsafe fn fill(r: &mut nh_request, content_type: *const c_char, body: &[u8]) -> Result<()> {
    if !content_type.is_null() {
        // SAFETY: P2.
        r.0.header.set(b"Content-Type", unsafe { ptr::text(content_type, "content_type")? })?;
    }
    if !body.is_empty() {
        r.0.body = RequestBody::Bytes(Arc::new(body.to_vec()));
        r.0.content_length = i64::try_from(body.len()).unwrap_or(i64::MAX);
    }
    Ok(())
}

/// nh_get fetches a URL with the default client: Go's Get.
///
/// Errors: NH_ERR_INVALID (url or out is NULL, or the URL is malformed), and those of nh_client_do
/// Ownership: *out: the caller owns; url: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_get(
    url: *const c_char,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    // SAFETY: P2, P4.
    guard(err, || unsafe { send_oneshot(None, b"GET", url, out, |_| Ok(())) })
}

/// nh_head asks for a URL's head with the default client: Go's Head.
///
/// Errors: NH_ERR_INVALID (url or out is NULL, or the URL is malformed), and those of nh_client_do
/// Ownership: *out: the caller owns; url: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_head(
    url: *const c_char,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    // SAFETY: P2, P4.
    guard(err, || unsafe { send_oneshot(None, b"HEAD", url, out, |_| Ok(())) })
}

/// nh_post sends bytes to a URL with the default client: Go's Post. content_type may be NULL.
///
/// Errors: NH_ERR_INVALID (url or out is NULL, data is NULL and len is not 0, the URL or the type is malformed),
/// and those of nh_client_do
/// Ownership: *out: the caller owns; url, content_type and data: the library copies
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_post(
    url: *const c_char,
    content_type: *const c_char,
    data: *const c_void,
    len: usize,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P3.
        let body = unsafe { ptr::bytes(data, len, "data")? };
        // SAFETY: P2, P4.
        unsafe { send_oneshot(None, b"POST", url, out, |r| fill(r, content_type, body)) }
    })
}

/// nh_client_close_idle closes the connections that wait for a request; those in use are pooled again afterwards.
/// Go's CloseIdleConnections.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_close_idle(c: *mut nh_client) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live(c)? }.client.transport.close_idle();
        Ok(())
    })
}

/// nh_client_idle_count is how many connections wait for a request now. 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_idle_count(c: *const nh_client) -> usize {
    // SAFETY: P1.
    guard_or(0, || unsafe { live(c) }.ok().map(|c| c.client.transport.stats().idle))
}

/// nh_client_dialed_count is how many connections were made so far. 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_dialed_count(c: *const nh_client) -> usize {
    // SAFETY: P1.
    guard_or(0, || unsafe { live(c) }.ok().map(|c| c.client.transport.stats().dialed))
}

/// nh_client_reused_count is how many requests so far went over a connection that was there. 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_reused_count(c: *const nh_client) -> usize {
    // SAFETY: P1.
    guard_or(0, || unsafe { live(c) }.ok().map(|c| c.client.transport.stats().reused))
}

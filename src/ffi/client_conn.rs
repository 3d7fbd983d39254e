//! Single connections, for a program with a pool of its own.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::request::nh_request;
use super::response::nh_response;
use super::transport::{live_transport, nh_transport};
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::error::Result;
use crate::fork::Stamp;
use crate::transport::{ClientConn, ConnWatcher};
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Instant;

/// nh_client_conn is one connection to a server, outside a transport's pool: Go's ClientConn. It is never replaced. It
/// has one slot: a request takes it, and it comes back when the answer's body has been read or closed.
pub struct nh_client_conn {
    conn: ClientConn,
    stamp: Stamp,
}

/// live borrows a connection of this process.
///
/// # Safety
/// P1.
unsafe fn live<'a>(c: *const nh_client_conn) -> Result<&'a ClientConn> {
    // SAFETY: P1.
    let c = unsafe { ptr::shared(c, "connection")? };
    c.stamp.check()?;
    Ok(&c.conn)
}

/// nh_client_conn_new connects to a server, by the transport's settings, proxy and callbacks. scheme is "http" or
/// "https", address is "host:port"; the transport may be freed before the connection. Go's Transport.NewClientConn.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the scheme or address is none), NH_ERR_DNS, NH_ERR_CONNECT,
/// NH_ERR_PROXY, NH_ERR_TLS, NH_ERR_TIMEOUT, NH_ERR_FORKED (t was made before a fork)
/// Ownership: *out: the caller owns, and ends it by nh_client_conn_free
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_new(
    t: *mut nh_transport,
    scheme: *const c_char,
    address: *const c_char,
    out: *mut *mut nh_client_conn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1, P2.
        let (t, scheme, address) =
            unsafe { (live_transport(t)?, ptr::utf8(scheme, "scheme")?, ptr::utf8(address, "address")?) };
        let conn = t.transport.new_conn(scheme, address, None, None)?;
        ptr::set_out(out, ptr::give(nh_client_conn { conn, stamp: Stamp::now() }));
        Ok(())
    })
}

/// nh_client_conn_free closes the connection and releases it; NULL is fine. A response that is still open fails.
///
/// Errors: none
/// Ownership: c: the library takes
/// Threads: any thread, while no other call uses the connection
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_free(c: *mut nh_client_conn) {
    guard_or((), || {
        // SAFETY: P1, and the caller gives it up.
        let c = unsafe { ptr::owned(c) }?;
        if c.stamp.is_stale() {
            // Its threads and its socket are the parent's.
            std::mem::forget(c);
            return Some(());
        }
        c.conn.set_watcher(None);
        c.conn.close();
        Some(())
    });
}

/// nh_client_conn_round_trip sends a request over the connection, whatever host its URL names, and answers when the head
/// of the response is there. It uses the slot that nh_client_conn_reserve has kept, or else a free one. There are no
/// redirects, no cookies, and no second try.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or the request cannot be sent), NH_ERR_BUSY (the slot is taken,
/// or r is being sent), NH_ERR_CLOSED (the connection has ended), and those of nh_transport_round_trip
/// Ownership: *out: the caller owns, and ends it by nh_response_free
/// Threads: any thread, at the same time too. It may block: names, connections and the peer, up to the client's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_round_trip(
    c: *mut nh_client_conn,
    r: *mut nh_request,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1. The request is only looked at.
        let (c, r) = unsafe { (live(c)?, ptr::shared(r, "request")?) };
        let _sending = r.start()?;
        let overall = r.0.timeout.map(|d| Instant::now() + d);
        let response = c.round_trip(&r.0, overall, r.outgoing()?.cancel.as_ref())?;
        ptr::set_out(out, ptr::give(nh_response::new(response, Some(r.snapshot()?))));
        Ok(())
    })
}

/// nh_client_conn_reserve keeps the slot, or over HTTP/2 one of them, for the caller's next request.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_BUSY (the slot is taken), NH_ERR_CLOSED (the connection has ended),
/// NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_reserve(c: *mut nh_client_conn) -> nh_result {
    // SAFETY: P1.
    guard_plain(|| unsafe { live(c)? }.reserve())
}

/// nh_client_conn_release gives back a slot that was reserved and not used.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_release(c: *mut nh_client_conn) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live(c)? }.release();
        Ok(())
    })
}

/// nh_client_conn_available is how many requests could begin now: 1 or 0, or over HTTP/2 as many as the server permits.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_available(c: *const nh_client_conn) -> usize {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { live(c) }.ok()?.available()))
}

/// nh_client_conn_in_flight is how many requests are under way, or reserved.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_in_flight(c: *const nh_client_conn) -> usize {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { live(c) }.ok()?.in_flight()))
}

/// nh_client_conn_check is NH_OK while the connection can carry requests, now or later. Go's ClientConn.Err.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_CLOSED (the connection has ended), NH_ERR_FORKED (c was made before a
/// fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_check(c: *const nh_client_conn) -> nh_result {
    // SAFETY: P1.
    guard_plain(|| unsafe { live(c)? }.error().map_or(Ok(()), Err))
}

/// nh_client_conn_close ends the connection at once, and with it the exchange that uses it.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_close(c: *mut nh_client_conn) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live(c)? }.close();
        Ok(())
    })
}

/// nh_client_conn_fn is told that a request has ended, or the connection has: nh_client_conn_available, _in_flight and
/// _check may answer otherwise than before. It may be told when nothing has changed. It runs on the thread that ended
/// it: one that reads or closes a response, one that closes the connection, or one of the pool's, which looks after
/// idle connections. It must not wait, and may call functions on the connection but nh_client_conn_free.
pub type nh_client_conn_fn = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void)>;

struct CConnWatcher {
    call: unsafe extern "C-unwind" fn(*mut c_void),
    userdata: Userdata,
}

impl ConnWatcher for CConnWatcher {
    fn changed(&self) {
        // SAFETY: P5.
        no_unwind("nh_client_conn_fn", || unsafe { (self.call)(self.userdata.ptr()) });
    }
}

/// nh_client_conn_set_state_callback has a function told of changes; fn NULL takes it away. Go's SetStateHook.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_conn_set_state_callback(
    c: *mut nh_client_conn,
    state_fn: nh_client_conn_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    guard_plain(|| {
        let userdata = Userdata::new(userdata, free_userdata);
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        c.set_watcher(state_fn.map(|call| Arc::new(CConnWatcher { call, userdata }) as Arc<dyn ConnWatcher>));
        Ok(())
    })
}

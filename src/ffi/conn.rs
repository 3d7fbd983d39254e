//! Connections that were handed over: bytes both ways.

use super::duration::duration;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::duplex::Duplex;
use crate::error::Result;
use crate::fork::Stamp;
use std::ffi::{CString, c_char, c_void};
use std::net::SocketAddr;

/// nh_conn is a connection that is the program's: after a switch of protocols, a CONNECT, or for a protocol that was
/// agreed on by ALPN. Go's net.Conn, with what was read ahead in it. Under TLS it is read and written in the clear.
pub struct nh_conn {
    conn: Duplex,
    stamp: Stamp,
    remote: Option<CString>,
    local: Option<CString>,
}

impl nh_conn {
    pub(super) fn new(conn: Duplex) -> nh_conn {
        let text = |a: Option<SocketAddr>| a.map(|a| c_text(a.to_string().into_bytes()));
        nh_conn { remote: text(conn.remote), local: text(conn.local), conn, stamp: Stamp::now() }
    }
}

fn c_text(bytes: Vec<u8>) -> CString {
    CString::new(bytes).unwrap_or_default()
}

/// live borrows a connection of this process.
///
/// # Safety
/// P1.
unsafe fn live<'a>(c: *const nh_conn) -> Result<&'a Duplex> {
    // SAFETY: P1.
    let c = unsafe { ptr::shared(c, "connection")? };
    c.stamp.check()?;
    Ok(&c.conn)
}

fn get<T>(c: *const nh_conn, neutral: T, f: impl FnOnce(&nh_conn) -> Option<T>) -> T {
    // SAFETY: P1.
    guard_or(neutral, || f(unsafe { ptr::shared(c, "connection") }.ok()?))
}

/// nh_conn_read waits for bytes and reads what is there, at most cap. NH_OK with 0 bytes is the end.
///
/// Errors: NH_ERR_INVALID (c, buf or n_out is NULL, or cap is 0), NH_ERR_TIMEOUT (nothing came in time),
/// NH_ERR_CLOSED (nh_conn_close was called), NH_ERR_UNEXPECTED_EOF (under TLS, the end was not the peer's word),
/// NH_ERR_TLS (a record is broken, or the peer sent an alert), NH_ERR_IO (the connection broke), NH_ERR_FORKED (c was
/// made before a fork)
/// Ownership: buf: the caller owns
/// Threads: one reading thread at a time, beside one that writes. It may block: the peer, up to the connection's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_read(
    c: *mut nh_conn,
    buf: *mut c_void,
    cap: usize,
    n_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(n_out, 0, "n_out")?;
        // SAFETY: P1, P3.
        let (c, buf) = unsafe { (live(c)?, ptr::buffer(buf, cap, "buf")?) };
        ptr::set_out(n_out, c.read(buf)?);
        Ok(())
    })
}

/// nh_conn_write sends all of the bytes; it waits while the peer does not take them.
///
/// Errors: NH_ERR_INVALID (c is NULL, or data is NULL and len is not 0), NH_ERR_TIMEOUT (not all was sent in time),
/// NH_ERR_CLOSED (nh_conn_close was called), NH_ERR_IO (the connection broke), NH_ERR_FORKED (c was made before a fork)
/// Ownership: data: nothing changes hands
/// Threads: one writing thread at a time, beside one that reads. It may block: the peer, up to the connection's
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_write(
    c: *mut nh_conn,
    data: *const c_void,
    len: usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P3.
        let (c, data) = unsafe { (live(c)?, ptr::bytes(data, len, "data")?) };
        c.write(data)
    })
}

/// nh_conn_close_write tells the peer that no more bytes come; reading goes on. Go's CloseWrite.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_CLOSED (nh_conn_close was called), NH_ERR_IO (the connection broke),
/// NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: as nh_conn_write. It may block: the peer, up to the connection's timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_close_write(c: *mut nh_conn, err: *mut *mut nh_error) -> nh_result {
    // SAFETY: P1.
    guard(err, || unsafe { live(c)? }.close_write())
}

/// nh_conn_close ends the connection at once: a thread that reads or writes it gets NH_ERR_CLOSED. The handle is still
/// to be freed. Again, or for NULL, it does nothing.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_close(c: *mut nh_conn) {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live(c)? }.close();
        Ok(())
    });
}

/// nh_conn_free closes the connection and releases it; NULL is fine.
///
/// Errors: none
/// Ownership: c: the library takes
/// Threads: any thread, while no other call uses the connection
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_free(c: *mut nh_conn) {
    guard_or((), || {
        // SAFETY: P1, and the caller gives it up.
        let c = unsafe { ptr::owned(c) }?;
        if c.stamp.is_stale() {
            // The connection is the parent's; it must not be told goodbye by the child.
            std::mem::forget(c);
        }
        Some(())
    });
}

/// nh_conn_set_read_timeout bounds how many milliseconds each read to come waits; NH_TIMEOUT_NONE, the default, is for
/// ever.
///
/// Errors: NH_ERR_INVALID (c is NULL, or ms is negative and not NH_TIMEOUT_NONE), NH_ERR_FORKED (c was made before a
/// fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_set_read_timeout(c: *mut nh_conn, ms: i64) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live(c)? }.set_read_limit(duration(ms)?);
        Ok(())
    })
}

/// nh_conn_set_write_timeout bounds how many milliseconds each write to come takes; NH_TIMEOUT_NONE, the default, is for
/// ever.
///
/// Errors: NH_ERR_INVALID (c is NULL, or ms is negative and not NH_TIMEOUT_NONE), NH_ERR_FORKED (c was made before a
/// fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_set_write_timeout(c: *mut nh_conn, ms: i64) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { live(c)? }.set_write_limit(duration(ms)?);
        Ok(())
    })
}

/// nh_conn_fd is the connection's socket, to wait on it; -1 for NULL. It stays the library's: what was read ahead, and
/// all that TLS keeps, is not to be had from it.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the connection is freed
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_fd(c: *const nh_conn) -> isize {
    get(c, -1, |c| isize::try_from(c.conn.fd()).ok())
}

/// nh_conn_remote_addr is the peer's address and port. NULL for NULL, and where the socket is none of TCP.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the connection is freed
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_remote_addr(c: *const nh_conn) -> *const c_char {
    get(c, std::ptr::null(), |c| c.remote.as_ref().map(|t| t.as_ptr()))
}

/// nh_conn_local_addr is this side's address and port. NULL for NULL, and where the socket is none of TCP.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the connection is freed
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_local_addr(c: *const nh_conn) -> *const c_char {
    get(c, std::ptr::null(), |c| c.local.as_ref().map(|t| t.as_ptr()))
}

/// nh_conn_tls_version is NH_TLS_1_2 or NH_TLS_1_3, or 0 without TLS.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_tls_version(c: *const nh_conn) -> i32 {
    get(c, 0, |c| Some(c.conn.info.as_ref()?.version.into()))
}

/// nh_conn_tls_alpn is the protocol that was agreed on by ALPN. NULL if none was, and without TLS.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the connection is freed
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_tls_alpn(c: *const nh_conn) -> *const c_char {
    get(c, std::ptr::null(), |c| Some(c.conn.info.as_ref()?.alpn.as_ref()?.as_ptr()))
}

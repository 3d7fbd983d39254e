//! `nh_server`: it listens, serves and ends.

use super::callback::nh_free_fn;
use super::error::nh_error;
use super::handler::{handler, nh_handler_fn};
use super::mux::{nh_default_mux, nh_mux};
use super::server_pull::PullQueue;
use super::{guard, guard_or, guard_plain, nh_result, ptr};
use crate::error::{Result, invalid};
use crate::fork::Stamp;
use crate::mux::Mux;
use crate::server::{Server, ServerSettings};
use std::ffi::{c_char, c_void};
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// nh_server listens on addresses and answers requests by the handlers of its mux.
pub struct nh_server {
    pub(super) stamp: Stamp,
    pub(super) server: ManuallyDrop<Server>,
    /// Requests that wait for nh_server_next.
    pub(super) queue: Arc<PullQueue>,
}

/// server borrows a live server of this process.
///
/// # Safety
/// P1.
pub(super) unsafe fn server<'a>(s: *const nh_server) -> Result<&'a Server> {
    // SAFETY: P1.
    let s = unsafe { ptr::shared(s, "server")? };
    s.stamp.check()?;
    Ok(&s.server)
}

/// nh_server_new makes a server with a mux of its own and safe defaults: 10 s for a request's head, 120 s
/// idle, 30 s without progress in a body or an answer, 1 MiB of head.
///
/// Errors: none
/// Ownership: the caller owns the result; nh_server_free releases it.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn nh_server_new() -> *mut nh_server {
    guard_or(std::ptr::null_mut(), || Some(give(Arc::new(Mux::new()))))
}

fn give(mux: Arc<Mux>) -> *mut nh_server {
    let (server, queue) = (Server::new(mux), Arc::<PullQueue>::default());
    let woken = queue.clone();
    server.on_end(Box::new(move || woken.wake()));
    ptr::give(nh_server { stamp: Stamp::now(), server: ManuallyDrop::new(server), queue })
}

/// pulled is where a live server's requests wait for nh_server_next.
///
/// # Safety
/// P1.
pub(super) unsafe fn pulled<'a>(s: *const nh_server) -> Result<&'a Arc<PullQueue>> {
    // SAFETY: P1.
    Ok(&unsafe { ptr::shared(s, "server")? }.queue)
}

/// nh_server_new_with_mux makes a server that serves m; NULL is the default mux.
///
/// Errors: none
/// Ownership: the caller owns the result; nh_server_free releases it. m may be freed at any time.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_new_with_mux(m: *mut nh_mux) -> *mut nh_server {
    guard_or(std::ptr::null_mut(), || {
        let m = if m.is_null() { nh_default_mux() } else { m };
        // SAFETY: P1.
        let m = unsafe { ptr::shared(m, "mux") }.ok()?;
        Some(give(m.0.clone()))
    })
}

/// nh_server_handle registers a handler with the server's mux: see nh_mux_handle.
///
/// Errors: NH_ERR_INVALID (s, pattern or fn is NULL, the pattern is malformed or conflicts with another),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: the library takes userdata, also on failure; free_userdata may be NULL.
/// Threads: any thread, also while the server runs.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_handle(
    s: *mut nh_server,
    pattern: *const c_char,
    handler_fn: nh_handler_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let handler = handler(handler_fn, userdata, free_userdata)?;
        // SAFETY: P1, P2.
        let (s, pattern) = unsafe { (server(s)?, ptr::utf8(pattern, "pattern")?) };
        s.mux().handle(pattern, handler)
    })
}

/// nh_server_set_request_hook has fn called with each request before its handler, those included that the mux
/// answers itself. It is for counting and logging, and is not to write or to read the body. Set it before the
/// server starts.
///
/// Errors: NH_ERR_INVALID (s or fn is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was
/// made before a fork)
/// Ownership: the library takes userdata, also on failure; free_userdata may be NULL.
/// Threads: any thread; fn runs on the thread of the handler
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_request_hook(
    s: *mut nh_server,
    hook_fn: nh_handler_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let hook = handler(hook_fn, userdata, free_userdata)?;
        // SAFETY: P1.
        unsafe { server(s)? }.set_hook(hook)
    })
}

/// nh_server_set_blocking says whether the handler of a pattern blocks: 1 it does and always runs off the
/// event loops, 0 it does not, -1 (the default) the server finds out. A wrong 0 is corrected at each call,
/// at a cost.
///
/// Errors: NH_ERR_INVALID (s or pattern is NULL, blocks is none of the three), NH_ERR_NOT_FOUND (no such
/// pattern), NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_blocking(
    s: *mut nh_server,
    pattern: *const c_char,
    blocks: i32,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2.
        let (s, pattern) = unsafe { (server(s)?, ptr::utf8(pattern, "pattern")?) };
        if !(-1..=1).contains(&blocks) {
            return Err(invalid("nethttp: blocks must be -1, 0 or 1"));
        }
        s.mux().set_blocking(pattern, blocks)
    })
}

/// nh_server_listen binds "host:port" and begins to queue connections; they are accepted once the server
/// runs. An empty host is all addresses, port 0 any free port: nh_server_port tells it. May be called
/// several times.
///
/// Errors: NH_ERR_INVALID (s or addr is NULL, addr is malformed), NH_ERR_DNS (the host is unknown),
/// NH_ERR_CONNECT (the address cannot be bound), NH_ERR_SERVER_CLOSED (the server was stopped),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, also while the server runs. It may block: the lookup of the host's name.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_listen(
    s: *mut nh_server,
    addr: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (s, addr) = unsafe { (server(s)?, ptr::utf8(addr, "addr")?) };
        s.listen(addr)
    })
}

/// nh_server_port is the port of the index-th listener, counted from 0 over all functions that listen; 0 if there is
/// none.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_port(s: *const nh_server, index: usize) -> i32 {
    // SAFETY: P1.
    guard_or(0, || Some(i32::from(unsafe { server(s) }.ok()?.addr(index)?.port())))
}

/// nh_server_addr writes the address of the index-th listener, counted as for nh_server_port, as "127.0.0.1:8080",
/// "[::1]:8080", "/run/a.sock" or "@name" to buf, with its NUL; *len_out is its length without it, also when cap is
/// too small. The listener of nh_server_listen_callback has none.
///
/// Errors: NH_ERR_INVALID (s or len_out is NULL), NH_ERR_NOT_FOUND (no such listener, or it has no address),
/// NH_ERR_TOO_LARGE (buf is NULL or cap too small), NH_ERR_FORKED (s was made before a fork)
/// Ownership: the library copies to buf.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_addr(
    s: *const nh_server,
    index: usize,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1.
        let s = unsafe { server(s)? };
        let text = s.address(index).map(|a| a.to_string()).unwrap_or_default();
        if text.is_empty() {
            return Err(crate::error::Error::new(crate::error::Kind::NotFound, "nethttp: no such listener"));
        }
        // SAFETY: P3.
        unsafe { ptr::copy_out(text.as_bytes(), buf, cap, len_out) }
    })
}

/// nh_server_start begins to serve on library threads and returns.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server listens nowhere, or has started),
/// NH_ERR_SERVER_CLOSED (it was stopped), NH_ERR_NO_RESOURCES (threads cannot be made), NH_ERR_FORKED (s
/// was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_start(s: *mut nh_server, err: *mut *mut nh_error) -> nh_result {
    // SAFETY: P1.
    guard(err, || unsafe { server(s)? }.start())
}

/// nh_server_run serves until the server is stopped and its last connection has ended. It starts the server
/// unless nh_server_start did. It never returns NH_OK: NH_ERR_SERVER_CLOSED is the good end (Go's
/// ErrServerClosed).
///
/// Errors: NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the
/// server listens nowhere), NH_ERR_NO_RESOURCES (threads cannot be made), NH_ERR_WOULD_DEADLOCK (called in
/// a handler of s), NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread but the server's own. It may block: the server, until it has ended.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_run(s: *mut nh_server, err: *mut *mut nh_error) -> nh_result {
    // SAFETY: P1.
    guard(err, || unsafe { server(s)? }.run())
}

/// nh_listen_and_serve is Go's ListenAndServe: binds addr, serves m (NULL: the default mux) and blocks.
/// There is no way to stop it: programs that want to end in order use an nh_server.
///
/// Errors: NH_ERR_INVALID (addr is NULL or malformed), NH_ERR_DNS (the host is unknown), NH_ERR_CONNECT
/// (the address cannot be bound), NH_ERR_NO_RESOURCES (threads cannot be made)
/// Ownership: nothing changes hands.
/// Threads: any thread. It may block: the server, until it has ended.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_listen_and_serve(
    addr: *const c_char,
    m: *mut nh_mux,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P2.
        let addr = unsafe { ptr::utf8(addr, "addr")? };
        let m = if m.is_null() { nh_default_mux() } else { m };
        // SAFETY: P1.
        let s = Server::new(unsafe { ptr::shared(m, "mux")? }.0.clone());
        s.listen(addr)?;
        s.run()
    })
}

/// nh_server_connections is how many connections are open now.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: any thread.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_connections(s: *const nh_server) -> usize {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { server(s) }.ok()?.connections()))
}

/// configure changes a setting of a server that has not started.
///
/// # Safety
/// P1.
pub(super) unsafe fn configure(s: *mut nh_server, change: impl FnOnce(&mut ServerSettings)) -> Result<()> {
    // SAFETY: P1.
    unsafe { server(s)? }.configure(change)
}

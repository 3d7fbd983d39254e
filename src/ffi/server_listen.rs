//! Where a server's connections come from: TLS, Unix sockets, and descriptors of the program's.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::server::{nh_server, server};
use super::tls_config::nh_tls_config;
use super::{guard, nh_error, nh_result, ptr, result};
use crate::error::{Result, invalid};
use crate::net::tls::TlsSettings;
use crate::server::AcceptSource;
use std::ffi::{c_char, c_void};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// settings copies what TLS is to be; NULL is none.
///
/// # Safety
/// P1.
unsafe fn settings(tls: *const nh_tls_config) -> Option<TlsSettings> {
    // SAFETY: P1.
    unsafe { tls.as_ref() }.map(|t| t.copy())
}

/// descriptor takes a descriptor over.
///
/// # Safety
/// P7.
unsafe fn descriptor(fd: isize) -> Result<OwnedFd> {
    match RawFd::try_from(fd) {
        // SAFETY: P7: the caller gives it up.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(invalid("nethttp: fd is no descriptor")),
    }
}

/// nh_server_listen_tls is nh_server_listen for https: connections are to begin with TLS 1.2 or 1.3, as tls says,
/// which must have a certificate. Go's ListenAndServeTLS.
///
/// Of the protocols of nh_tls_config_set_alpn, "http/1.1" unless that was called, and "h2" before them unless
/// nh_server_set_protocols leaves it out or that list is empty, a client that names some must know one. A handshake
/// may take as long as the shortest of the times of nh_server_set_read_header_timeout,
/// nh_server_set_read_timeout and nh_server_set_write_timeout: 10 s by default. Failures go to
/// nh_server_set_error_log. A client that speaks plain HTTP is answered 400.
///
/// Errors: NH_ERR_INVALID (s, addr or tls is NULL, addr is malformed, tls has no certificate, or is to verify clients
/// and has no roots for them), NH_ERR_DNS (the host is unknown), NH_ERR_CONNECT (the address cannot be bound),
/// NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
/// Ownership: tls: the library copies.
/// Threads: any thread, also while the server runs. It may block: the lookup of the host's name.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_listen_tls(
    s: *mut nh_server,
    addr: *const c_char,
    tls: *const nh_tls_config,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (s, addr) = unsafe { (server(s)?, ptr::utf8(addr, "addr")?) };
        // SAFETY: P1.
        let tls = unsafe { ptr::shared(tls, "tls")? }.copy();
        s.listen_tls(addr, &tls)
    })
}

/// nh_server_set_tls_config gives the index-th listener, counted from 0, other TLS settings while it serves: new
/// certificates, for one. Handshakes that begin from now on use them; connections that are there go on as they are.
/// Sessions of before are not resumed.
///
/// Errors: NH_ERR_INVALID (s or tls is NULL, tls has no certificate, or is to verify clients and has no roots for
/// them), NH_ERR_NOT_FOUND (no such listener), NH_ERR_STATE (that listener speaks no TLS), NH_ERR_FORKED (s was made
/// before a fork)
/// Ownership: tls: the library copies.
/// Threads: any thread, also while the server runs.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_tls_config(
    s: *mut nh_server,
    index: usize,
    tls: *const nh_tls_config,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1.
        let (s, tls) = unsafe { (server(s)?, ptr::shared(tls, "tls")?.copy()) };
        s.set_tls(index, &tls)
    })
}

/// nh_server_listen_unix listens on a Unix socket: a path, or an abstract name, which begins with '@' and is no file.
/// tls may be NULL, for none. The file is removed when the server has stopped accepting, as Go does. One that is there
/// already, even if nobody listens on it any more, is NH_ERR_CONNECT: the program knows whether to remove it.
///
/// Errors: NH_ERR_INVALID (s or path is NULL, path is empty or too long, tls as for nh_server_listen_tls),
/// NH_ERR_CONNECT (the path cannot be bound), NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made
/// before a fork)
/// Ownership: path and tls: the library copies.
/// Threads: any thread, also while the server runs. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_listen_unix(
    s: *mut nh_server,
    path: *const c_char,
    tls: *const nh_tls_config,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (s, path) = unsafe { (server(s)?, ptr::text(path, "path")?) };
        // SAFETY: P1.
        let tls = unsafe { settings(tls) };
        s.listen_unix(path, tls.as_ref())
    })
}

/// nh_server_listen_fd listens with a socket of the program's, bound and listening, as systemd's socket activation or a
/// parent process hands them over. tls may be NULL, for none. The socket becomes nonblocking. Go's Serve.
///
/// Errors: NH_ERR_INVALID (s is NULL, fd is no stream socket that listens, tls as for nh_server_listen_tls),
/// NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
/// Ownership: fd: the library takes, and closes it, also on failure. tls: the library copies.
/// Threads: any thread, also while the server runs.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_listen_fd(
    s: *mut nh_server,
    fd: isize,
    tls: *const nh_tls_config,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P7.
        let socket = unsafe { descriptor(fd)? };
        // SAFETY: P1.
        let (s, tls) = unsafe { (server(s)?, settings(tls)) };
        s.listen_fd(socket, tls.as_ref())
    })
}

/// nh_server_serve_fd serves one connection that the program has made: a connected stream socket, such as an end of
/// a socketpair. tls may be NULL, for none. Before the start it waits for that.
///
/// Errors: NH_ERR_INVALID (s is NULL, fd is no connected stream socket, tls as for nh_server_listen_tls),
/// NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
/// Ownership: fd: the library takes, and closes it, also on failure. tls: the library copies.
/// Threads: any thread, also while the server runs.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_serve_fd(
    s: *mut nh_server,
    fd: isize,
    tls: *const nh_tls_config,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P7.
        let socket = unsafe { descriptor(fd)? };
        // SAFETY: P1.
        let (s, tls) = unsafe { (server(s)?, settings(tls)) };
        s.serve_fd(socket, tls.as_ref())
    })
}

/// nh_accept_fn waits for a connection and puts a connected stream socket to *fd_out, which is the library's from then
/// on. Any result but NH_OK ends its listener, and is logged unless the server stops.
///
/// It runs on a thread of its own, and blocks as long as it likes; the library cannot wake it. When the server is to
/// end, the program has it return another result, by closing what it waits on for example: nh_server_free waits for
/// that. It must not call nh_server_run, nh_server_shutdown or nh_server_free of its server.
pub type nh_accept_fn =
    Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, fd_out: *mut isize) -> nh_result>;

struct CAcceptSource {
    call: unsafe extern "C-unwind" fn(*mut c_void, *mut isize) -> nh_result,
    userdata: Userdata,
}

impl AcceptSource for CAcceptSource {
    fn accept(&mut self) -> std::result::Result<OwnedFd, i32> {
        let mut fd: isize = -1;
        // SAFETY: P5; `fd` lives through the call.
        match no_unwind("nh_accept_fn", || unsafe { (self.call)(self.userdata.ptr(), &raw mut fd) }) {
            // SAFETY: P7.
            result::NH_OK => unsafe { descriptor(fd) }.map_err(|_| result::NH_ERR_INVALID),
            code => Err(code),
        }
    }
}

/// nh_server_listen_callback lets the program accept connections: see nh_accept_fn. tls may be NULL, for none. It counts
/// as a listener, without an address. Go's Serve with a Listener of the program's own.
///
/// Errors: NH_ERR_INVALID (s or accept_fn is NULL, tls as for nh_server_listen_tls), NH_ERR_NO_RESOURCES (the thread
/// cannot be made), NH_ERR_SERVER_CLOSED (the server was stopped), NH_ERR_FORKED (s was made before a fork)
/// Ownership: userdata: the library takes, also on failure; free_userdata may be NULL. tls: the library copies.
/// Threads: any thread, also while the server runs.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_listen_callback(
    s: *mut nh_server,
    accept_fn: nh_accept_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    tls: *const nh_tls_config,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // Made first, so that free_userdata runs also when something is refused.
        let userdata = Userdata::new(userdata, free_userdata);
        let call = accept_fn.ok_or_else(|| invalid("nethttp: accept_fn is NULL"))?;
        // SAFETY: P1.
        let (s, tls) = unsafe { (server(s)?, settings(tls)) };
        s.listen_source(Box::new(CAcceptSource { call, userdata }), tls.as_ref())
    })
}

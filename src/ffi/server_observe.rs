//! What a program may watch of its server: connections, errors, and exchanges that have ended.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::server::{nh_server, server};
use super::{guard_or, guard_plain, nh_result, ptr};
use crate::error::{Result, invalid};
use crate::message::request::Request;
use crate::message::text::Span;
use crate::server::{
    AccessLogger, AccessRecord, ConnState, ConnStateObserver, ErrorLogger, Observers, PeerInfo,
};
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

/// NH_CONN_STATE_NEW: a connection was accepted. Go's StateNew.
pub const NH_CONN_STATE_NEW: i32 = 0;
/// NH_CONN_STATE_ACTIVE: the first byte of a request has come. Go's StateActive.
pub const NH_CONN_STATE_ACTIVE: i32 = 1;
/// NH_CONN_STATE_IDLE: all requests are answered, and it waits for another. Go's StateIdle.
pub const NH_CONN_STATE_IDLE: i32 = 2;
/// NH_CONN_STATE_HIJACKED: it is the program's own; its end is not told. Go's StateHijacked.
pub const NH_CONN_STATE_HIJACKED: i32 = 3;
/// NH_CONN_STATE_CLOSED: it has ended. Go's StateClosed.
pub const NH_CONN_STATE_CLOSED: i32 = 4;

/// nh_conn_state_text is a state's name: "new", "active", "idle", "hijacked", "closed", or "" for what is none. Go's
/// ConnState.String.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the process ends
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_conn_state_text(state: i32) -> *const c_char {
    let text = match state {
        NH_CONN_STATE_NEW => c"new",
        NH_CONN_STATE_ACTIVE => c"active",
        NH_CONN_STATE_IDLE => c"idle",
        NH_CONN_STATE_HIJACKED => c"hijacked",
        NH_CONN_STATE_CLOSED => c"closed",
        _ => c"",
    };
    text.as_ptr()
}

/// nh_server_conn is a connection of a server's, as nh_conn_state_fn sees it.
pub struct nh_server_conn(PeerInfo);

/// nh_access is an exchange that has ended, as nh_access_fn sees it.
pub struct nh_access(());

/// nh_conn_state_fn is told that a connection is in another state, an NH_CONN_STATE_ constant. c is borrowed until it
/// returns.
///
/// It runs on the server's event loops, for several connections at the same time, one call after the other for each. It
/// must not block, and may call no function of the library but the getters of c.
pub type nh_conn_state_fn =
    Option<unsafe extern "C-unwind" fn(c: *const nh_server_conn, state: i32, userdata: *mut c_void)>;

/// nh_error_log_fn receives a line of a server's error log, without a newline, borrowed until it returns.
///
/// It runs on any thread of the server's, at the same time too, event loops included. It should not block, and may call
/// no function on the server.
pub type nh_error_log_fn = Option<unsafe extern "C-unwind" fn(line: *const c_char, userdata: *mut c_void)>;

/// nh_access_fn is told of an exchange that has ended. a is borrowed until it returns.
///
/// It runs where the exchange's handler has run, before the answer's last bytes have left, and may block as that may; it
/// may call no function of the library but the getters of a.
pub type nh_access_fn = Option<unsafe extern "C-unwind" fn(a: *const nh_access, userdata: *mut c_void)>;

struct CObserver<F> {
    call: F,
    userdata: Userdata,
}

impl ConnStateObserver for CObserver<unsafe extern "C-unwind" fn(*const nh_server_conn, i32, *mut c_void)> {
    fn changed(&self, conn: &PeerInfo, state: ConnState) {
        let c = std::ptr::from_ref(conn).cast();
        // SAFETY: P5; what is lent lives through the call.
        no_unwind("nh_conn_state_fn", || unsafe { (self.call)(c, state as i32, self.userdata.ptr()) });
    }
}

impl ErrorLogger for CObserver<unsafe extern "C-unwind" fn(*const c_char, *mut c_void)> {
    fn error(&self, line: &str) {
        let line = CString::new(line.replace('\0', "?")).unwrap_or_default();
        // SAFETY: P5; what is lent lives through the call.
        no_unwind("nh_error_log_fn", || unsafe { (self.call)(line.as_ptr(), self.userdata.ptr()) });
    }
}

impl AccessLogger for CObserver<unsafe extern "C-unwind" fn(*const nh_access, *mut c_void)> {
    fn ended(&self, access: &AccessRecord<'_>) {
        let a = std::ptr::from_ref(access).cast();
        // SAFETY: P5; what is lent lives through the call.
        no_unwind("nh_access_fn", || unsafe { (self.call)(a, self.userdata.ptr()) });
    }
}

/// watch sets what `change` says of a server that has not started.
///
/// # Safety
/// P1.
unsafe fn watch<F>(
    s: *mut nh_server,
    call: Option<F>,
    userdata: Userdata,
    change: impl FnOnce(&mut Observers, Option<Arc<CObserver<F>>>),
) -> Result<()> {
    let own = call.map(|call| Arc::new(CObserver { call, userdata }));
    // SAFETY: P1.
    unsafe { server(s)? }.configure_observers(|h| change(h, own))
}

/// nh_server_set_conn_state_callback has fn called when a connection changes its state; fn NULL takes that back. Go's
/// ConnState.
///
/// Connections that are refused for nh_server_set_max_connections are not told of.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
/// Ownership: userdata: the library takes, also on failure; free_userdata may be NULL.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_conn_state_callback(
    s: *mut nh_server,
    r#fn: nh_conn_state_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    // SAFETY: P1.
    guard_plain(|| unsafe { watch(s, r#fn, userdata, |h, own| h.conns = own.map(|o| o as _)) })
}

/// nh_server_set_error_log sends what goes wrong without a caller to a function instead of to nh_set_log's: accept
/// errors, failed handshakes, a status that is written twice. fn NULL takes that back. Go's ErrorLog.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
/// Ownership: userdata: the library takes, also on failure; free_userdata may be NULL.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_error_log(
    s: *mut nh_server,
    r#fn: nh_error_log_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    // SAFETY: P1.
    guard_plain(|| unsafe { watch(s, r#fn, userdata, |h, own| h.errors = own.map(|o| o as _)) })
}

/// nh_server_set_access_log has fn called once for each exchange, after its end; fn NULL takes that back. What was
/// refused before any handler could see it, such as a malformed head, is no exchange.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
/// Ownership: userdata: the library takes, also on failure; free_userdata may be NULL.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_access_log(
    s: *mut nh_server,
    r#fn: nh_access_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    // SAFETY: P1.
    guard_plain(|| unsafe { watch(s, r#fn, userdata, |h, own| h.access = own.map(|o| o as _)) })
}

/// nh_server_conn_id is a number that no other connection of the process has or had. 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_conn_id(c: *const nh_server_conn) -> u64 {
    // SAFETY: P1.
    guard_or(0, || Some(unsafe { ptr::shared(c, "conn") }.ok()?.0.id))
}

/// nh_server_conn_remote_addr writes the peer's address to buf: see nh_request_remote_addr.
///
/// Errors: NH_ERR_INVALID (c or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small)
/// Ownership: the library copies to buf.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_conn_remote_addr(
    c: *const nh_server_conn,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1.
        let addr = unsafe { ptr::shared(c, "conn")? }.0.remote.to_string();
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(addr.as_bytes(), buf, cap, len_out) }
    })
}

fn access<T>(a: *const nh_access, neutral: T, f: impl FnOnce(&AccessRecord<'_>) -> Option<T>) -> T {
    // SAFETY: P1: the pointer that C has is one to an Access.
    guard_or(neutral, || f(unsafe { ptr::shared(a.cast::<AccessRecord<'_>>(), "access") }.ok()?))
}

fn text(a: *const nh_access, span: impl FnOnce(&Request) -> Span) -> *const c_char {
    access(a, std::ptr::null(), |a| Some(a.request.header.store().cstr(span(a.request)).as_ptr()))
}

/// nh_access_method is the request's method. NULL for NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until the callback returns.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_access_method(a: *const nh_access) -> *const c_char {
    text(a, |r| r.method)
}

/// nh_access_target is the request-target as it was received. NULL for NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until the callback returns.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_access_target(a: *const nh_access) -> *const c_char {
    text(a, |r| r.target)
}

/// nh_access_host is the authority that the request was for. NULL for NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until the callback returns.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_access_host(a: *const nh_access) -> *const c_char {
    text(a, |r| r.host)
}

/// nh_access_status is the answer's status; 0 if the exchange was aborted before there was one.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_access_status(a: *const nh_access) -> i32 {
    access(a, 0, |a| Some(a.status.into()))
}

/// nh_access_bytes is how many bytes of a body the handler has written.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_access_bytes(a: *const nh_access) -> u64 {
    access(a, 0, |a| Some(a.written))
}

/// nh_access_duration_us is the time from the end of the request's head to the end of the exchange, in microseconds.
/// What a request has waited for a thread is not in it.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_access_duration_us(a: *const nh_access) -> i64 {
    access(a, 0, |a| i64::try_from(a.took.as_micros()).ok())
}

/// nh_access_remote_addr writes the peer's address to buf: see nh_request_remote_addr.
///
/// Errors: NH_ERR_INVALID (a or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small)
/// Ownership: the library copies to buf.
/// Threads: the thread of the callback.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_access_remote_addr(
    a: *const nh_access,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1: the pointer that C has is one to an Access.
        let a = unsafe { ptr::shared(a.cast::<AccessRecord<'_>>(), "access")? };
        let addr = a.request.remote.as_ref().map(|r| r.to_string()).ok_or_else(|| invalid("no address"))?;
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(addr.as_bytes(), buf, cap, len_out) }
    })
}

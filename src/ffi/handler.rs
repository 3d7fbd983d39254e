//! Handlers as values: made of functions and of muxes, called by other handlers, put behind patterns.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::mux::nh_mux;
use super::request::nh_request;
use super::response_writer::{nh_response_writer, writer};
use super::result::NH_OK;
use super::server::{nh_server, server};
use super::server_request::{request, shared};
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::error::{Result, invalid};
use crate::message::request::Request;
use crate::server::{Handler, ResponseWriter, responses};
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// nh_handler answers requests: Go's http.Handler. It is counted: who is given one keeps it for as long as it is
/// needed, and the program frees its own at any time.
pub struct nh_handler(pub(super) Arc<dyn Handler>);

impl nh_handler {
    /// take is a share of the handler behind a handle.
    ///
    /// # Safety
    /// P1.
    pub(super) unsafe fn take(h: *const nh_handler) -> Result<Arc<dyn Handler>> {
        // SAFETY: P1.
        Ok(unsafe { ptr::shared(h, "handler")? }.0.clone())
    }

    /// give hands a new handler to C; NULL if it could not be made.
    pub(super) fn give(make: impl FnOnce() -> Result<Arc<dyn Handler>>) -> *mut nh_handler {
        guard_or(null_mut(), || Some(ptr::give(nh_handler(make().ok()?))))
    }
}

/// nh_handler_fn answers a request. It runs on a library thread, any number of them at once, and may block;
/// other connections do not notice. `w` and `r` are borrowed until it returns. It may call every function
/// but nh_server_run, nh_server_wait and nh_server_shutdown of its own server. It must return normally: an
/// exception or longjmp out of it ends the process.
pub type nh_handler_fn = Option<
    unsafe extern "C-unwind" fn(w: *mut nh_response_writer, r: *mut nh_request, userdata: *mut c_void),
>;

struct CHandler {
    call: unsafe extern "C-unwind" fn(*mut nh_response_writer, *mut nh_request, *mut c_void),
    userdata: Userdata,
}

impl Handler for CHandler {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let (w, r) = (w.handle().cast(), r.handle().cast());
        no_unwind("nh_handler_fn", || {
            // SAFETY: P5; w and r live until the call returns.
            unsafe { (self.call)(w, r, self.userdata.ptr()) }
        });
    }
}

pub(super) fn handler(f: nh_handler_fn, data: *mut c_void, free: nh_free_fn) -> Result<Arc<dyn Handler>> {
    // Made first, so that free_userdata runs also when something is refused.
    let userdata = Userdata::new(data, free);
    let call = f.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
    Ok(Arc::new(CHandler { call, userdata }))
}

/// nh_handler_new makes a handler of a function; NULL if fn is NULL.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; userdata: the library takes, also on failure
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_handler_new(
    handler_fn: nh_handler_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> *mut nh_handler {
    nh_handler::give(|| handler(handler_fn, userdata, free_userdata))
}

/// nh_handler_result_fn answers a request, and tells whether it could: it is nh_handler_fn for languages whose
/// exceptions must not become a good answer. What is not NH_OK ends the exchange: by 500 Internal Server Error if
/// nothing was written, else as nh_response_writer_abort does, so that no client takes a part for the whole. A detached
/// response is left to whoever has it.
pub type nh_handler_result_fn = Option<
    unsafe extern "C-unwind" fn(
        w: *mut nh_response_writer,
        r: *mut nh_request,
        userdata: *mut c_void,
    ) -> nh_result,
>;

struct CResultHandler {
    call: unsafe extern "C-unwind" fn(*mut nh_response_writer, *mut nh_request, *mut c_void) -> nh_result,
    userdata: Userdata,
}

impl Handler for CResultHandler {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let exchange = w.detach_check();
        let names = (w.handle().cast(), r.handle().cast());
        let code = no_unwind("nh_handler_result_fn", || {
            // SAFETY: P5; w and r live until the call returns.
            unsafe { (self.call)(names.0, names.1, self.userdata.ptr()) }
        });
        if code != NH_OK
            && !exchange.is_detached()
            && (w.status() != 0 || responses::internal_error(w).is_err())
        {
            w.abort();
        }
    }
}

/// nh_handler_new_result makes a handler of a function that tells whether it could answer; NULL if fn is NULL.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; userdata: the library takes, also on failure
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_handler_new_result(
    handler_fn: nh_handler_result_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> *mut nh_handler {
    nh_handler::give(|| {
        // Made first, so that free_userdata runs also when something is refused.
        let userdata = Userdata::new(userdata, free_userdata);
        let call = handler_fn.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
        Ok(Arc::new(CResultHandler { call, userdata }))
    })
}

/// nh_handler_free gives up the program's share of a handler; NULL is fine. Its userdata is freed with the last
/// share.
///
/// Errors: none
/// Ownership: h: the library takes
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_handler_free(h: *mut nh_handler) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(h) }.map(drop));
}

/// nh_handler_serve has a handler answer a request: how a handler calls the next one. w may be a writer of
/// nh_response_writer_wrap.
///
/// Errors: NH_ERR_INVALID (an argument is NULL)
/// Ownership: nothing changes hands
/// Threads: that of the handler that was given w and r. It may block: the handler.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_handler_serve(
    h: *mut nh_handler,
    w: *mut nh_response_writer,
    r: *mut nh_request,
) -> nh_result {
    guard_plain(|| {
        // A share of its own: the handler may free the handle.
        // SAFETY: P1.
        let h = unsafe { nh_handler::take(h)? };
        // SAFETY: P1, P6.
        let (w, r) = unsafe { (writer(w)?, request(r)?) };
        h.serve(w, r);
        Ok(())
    })
}

/// nh_mux_handler is a mux as a handler, for another mux, a server or middleware; NULL for NULL. Patterns may be
/// added to the mux later on.
///
/// A mux beneath another looks at the whole path, without what nh_strip_prefix has taken away; pattern and path
/// values are then its own. A mux must not stand beneath itself.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_mux_handler(m: *mut nh_mux) -> *mut nh_handler {
    // SAFETY: P1.
    nh_handler::give(|| Ok(unsafe { ptr::shared(m, "mux")? }.0.clone()))
}

/// nh_mux_handle_handler registers a handler for a pattern: see nh_mux_handle.
///
/// Errors: NH_ERR_INVALID (m, pattern or h is NULL, the pattern is malformed or conflicts with another)
/// Ownership: nothing changes hands: the mux has a share of its own in h; *err: the caller owns
/// Threads: any thread, also while the mux is served
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_mux_handle_handler(
    m: *mut nh_mux,
    pattern: *const c_char,
    h: *mut nh_handler,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (m, pattern) = unsafe { (ptr::shared(m, "mux")?, ptr::utf8(pattern, "pattern")?) };
        // SAFETY: P1.
        m.0.handle(pattern, unsafe { nh_handler::take(h)? })
    })
}

/// nh_server_handle_handler registers a handler with the server's mux: see nh_mux_handle.
///
/// Errors: NH_ERR_INVALID (s, pattern or h is NULL, the pattern is malformed or conflicts with another),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands: the mux has a share of its own in h; *err: the caller owns
/// Threads: any thread, also while the server runs
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_handle_handler(
    s: *mut nh_server,
    pattern: *const c_char,
    h: *mut nh_handler,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (s, pattern) = unsafe { (server(s)?, ptr::utf8(pattern, "pattern")?) };
        // SAFETY: P1.
        s.mux().handle(pattern, unsafe { nh_handler::take(h)? })
    })
}

/// nh_server_set_handler has a handler answer all requests in the place of the server's mux, but for OPTIONS *:
/// Go's Server.Handler. The server learns of it as a whole whether it blocks; of a nh_mux_handler it learns that
/// of each pattern. Set it before the server starts.
///
/// Errors: NH_ERR_INVALID (s or h is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made
/// before a fork)
/// Ownership: nothing changes hands: the server has a share of its own in h; *err: the caller owns
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_handler(
    s: *mut nh_server,
    h: *mut nh_handler,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1.
        let (s, h) = unsafe { (server(s)?, nh_handler::take(h)?) };
        s.set_handler(h)
    })
}

/// nh_mux_match finds who would answer a request, without serving it: Go's ServeMux.Handler. r may also be one of
/// nh_request_new or nh_read_request; it is not changed, and gets no path values.
///
/// The pattern goes to buf, with its NUL; *len_out is its length without it, also when cap is too small. It is ""
/// where the mux would answer by itself, but for redirects, where it is the pattern that they lead to.
/// *handler_out, which may be NULL if it is not wanted, is the pattern's handler or one that gives the mux's own
/// answer.
///
/// Errors: NH_ERR_INVALID (m, r or len_out is NULL), NH_ERR_TOO_LARGE (buf is NULL or cap too small)
/// Ownership: *handler_out: the caller owns, ends it by nh_handler_free; buf: the library copies to it
/// Threads: any thread; one at a time for r
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_mux_match(
    m: *mut nh_mux,
    r: *const nh_request,
    handler_out: *mut *mut nh_handler,
    buf: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::set_out(handler_out, null_mut());
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1, P6.
        let (m, r) = unsafe { (ptr::shared(m, "mux")?, shared(r)?) };
        let (found, pattern) = m.0.find(r);
        // SAFETY: P3, P4.
        unsafe { ptr::copy_out(pattern.as_bytes(), buf, cap, len_out)? };
        if !handler_out.is_null() {
            ptr::set_out(handler_out, ptr::give(nh_handler(found)));
        }
        Ok(())
    })
}

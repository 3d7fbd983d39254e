//! `nh_response_writer`.

use super::duration::duration;
use super::error::nh_error;
use super::{guard, guard_or, guard_plain, nh_result, ptr};
use crate::error::{Result, invalid};
use crate::message::header::Header;
use crate::server::ResponseWriter;
use std::ffi::{c_char, c_void};

/// nh_response_writer is a response while its handler writes it. The first write, or the handler's return,
/// sends the header with status 200 unless nh_response_writer_write_header chose another.
pub struct nh_response_writer {
    _opaque: [u8; 0],
}

/// writer borrows a response writer.
///
/// # Safety
/// P1 and P6.
pub(super) unsafe fn writer<'a>(w: *mut nh_response_writer) -> Result<&'a mut ResponseWriter> {
    // SAFETY: P1, P6: the pointer that a handler got is one to a ResponseWriter.
    unsafe { ptr::unique(w.cast::<ResponseWriter>(), "writer") }
}

/// place is where a field goes that the header is given: behind the body, if its name has Go's TrailerPrefix.
fn place<'a>(w: &'a mut ResponseWriter, name: &'a [u8]) -> (&'a mut Header, &'a [u8]) {
    match name.strip_prefix(b"Trailer:") {
        Some(rest) => (w.trailer(), rest),
        None => (w.header(), name),
    }
}

/// nh_response_writer_set_header replaces all fields of that name by one. Changes count until the first
/// write.
///
/// Without a Content-Type one is found by the body's first bytes, as nh_detect_content_type does; one that is
/// set to the empty text is not sent, and none is looked for.
///
/// A name that begins with "Trailer:" is that of a trailer field, sent without being announced: Go's TrailerPrefix. It
/// may be set until the handler returns, as by nh_response_writer_set_trailer.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes)
/// Ownership: the library copies name and value.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_set_header(
    w: *mut nh_response_writer,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (w, name, value) = unsafe { (writer(w)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        let (header, name) = place(w, name);
        header.set(name, value)
    })
}

/// nh_response_writer_add_header adds a field beside those of the same name. Changes count until the first
/// write.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes)
/// Ownership: the library copies name and value.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_add_header(
    w: *mut nh_response_writer,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (w, name, value) = unsafe { (writer(w)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        let (header, name) = place(w, name);
        header.add(name, value)
    })
}

/// nh_response_writer_del_header removes all fields of that name; none is fine. Changes count until the
/// first write.
///
/// Errors: NH_ERR_INVALID (an argument is NULL)
/// Ownership: the library copies name and value.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_del_header(
    w: *mut nh_response_writer,
    name: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (w, name) = unsafe { (writer(w)?, ptr::text(name, "name")?) };
        w.header().del(name);
        Ok(())
    })
}

/// nh_response_writer_set_trailer sets a trailer field, sent behind a chunked body (RFC 9110, 6.5).
/// Announce it by a Trailer field before the first write; it may be set until the handler returns. Framing
/// fields are left out.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes)
/// Ownership: the library copies name and value.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_set_trailer(
    w: *mut nh_response_writer,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (w, name, value) = unsafe { (writer(w)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        w.trailer().set(name, value)
    })
}

/// nh_response_writer_write_header settles the status (100 to 999 but 101) and the header. Informational
/// ones (1xx) go out at once and settle nothing. Follows Go's ResponseWriter.WriteHeader.
///
/// Errors: NH_ERR_INVALID (w is NULL, the code is out of range), NH_ERR_STATE (the header was written
/// already), NH_ERR_IO (an informational response could not be sent)
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
/// write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_write_header(w: *mut nh_response_writer, code: i32) -> nh_result {
    guard_plain(|| {
        let code = u16::try_from(code).map_err(|_| invalid("nethttp: status is out of range"))?;
        // SAFETY: P1, P6.
        unsafe { writer(w)? }.write_header(code)
    })
}

/// nh_response_writer_write adds len bytes to the body and returns when they are sent or buffered. A body
/// that is whole within 2048 bytes when the handler returns gets a Content-Length; a longer one without a
/// declared length is sent chunked. For HEAD bytes are counted and dropped. It blocks while the peer does
/// not read, up to the write timeouts.
///
/// Errors: NH_ERR_INVALID (w is NULL, data is NULL and len is not 0), NH_ERR_BODY_NOT_ALLOWED (the status
/// has no body), NH_ERR_BODY_LENGTH (more than the declared Content-Length), NH_ERR_IO (the peer is gone),
/// NH_ERR_TIMEOUT (the peer does not read, or the time of a nh_timeout_handler is up)
/// Ownership: the library copies data.
/// Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
/// write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_write(
    w: *mut nh_response_writer,
    data: *const c_void,
    len: usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P3, P6.
        let (w, data) = unsafe { (writer(w)?, ptr::bytes(data, len, "data")?) };
        w.write(data)
    })
}

/// nh_response_writer_write_str is nh_response_writer_write for NUL-terminated text.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BODY_NOT_ALLOWED (the status has no body),
/// NH_ERR_BODY_LENGTH (more than the declared Content-Length), NH_ERR_IO (the peer is gone), NH_ERR_TIMEOUT
/// (the peer does not read)
/// Ownership: the library copies text.
/// Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
/// write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_write_str(
    w: *mut nh_response_writer,
    text: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2, P6.
        let (w, text) = unsafe { (writer(w)?, ptr::text(text, "text")?) };
        w.write(text)
    })
}

/// nh_response_writer_flush sends everything that was written so far, the header included (Go's Flusher).
///
/// Errors: NH_ERR_INVALID (w is NULL), NH_ERR_IO (the peer is gone), NH_ERR_TIMEOUT (the peer does not
/// read), NH_ERR_UNSUPPORTED (w is that of a nh_timeout_handler)
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
/// write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_flush(
    w: *mut nh_response_writer,
    err: *mut *mut nh_error,
) -> nh_result {
    // SAFETY: P1, P6.
    guard(err, || unsafe { writer(w)? }.flush())
}

/// nh_response_writer_abort has the connection closed when the handler returns; what was not sent is lost,
/// so that the peer cannot take the answer for whole (Go's ErrAbortHandler).
///
/// Errors: NH_ERR_INVALID (w is NULL)
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_abort(w: *mut nh_response_writer) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        unsafe { writer(w)? }.abort();
        Ok(())
    })
}

/// nh_response_writer_set_full_duplex lets the handler write while it still reads the request's body.
/// Without it the rest of a small body (256 KiB) is read before the answer's header is sent, as in Go.
///
/// Errors: NH_ERR_INVALID (w is NULL), NH_ERR_UNSUPPORTED (w is that of a nh_timeout_handler)
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_set_full_duplex(w: *mut nh_response_writer) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        unsafe { writer(w)? }.set_full_duplex()
    })
}

/// nh_response_writer_set_write_timeout bounds the rest of this response, in milliseconds from now;
/// NH_TIMEOUT_NONE lifts the bound. Follows Go's ResponseController.SetWriteDeadline.
///
/// Errors: NH_ERR_INVALID (w is NULL, the time is below -1), NH_ERR_UNSUPPORTED (w is that of a nh_timeout_handler)
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_set_write_timeout(
    w: *mut nh_response_writer,
    timeout_ms: i64,
) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1, P6.
        unsafe { writer(w)? }.set_write_timeout(limit)
    })
}

/// nh_response_writer_status is the status that was written, 0 before.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_status(w: *mut nh_response_writer) -> i32 {
    // SAFETY: P1, P6.
    guard_or(0, || Some(i32::from(unsafe { writer(w) }.ok()?.status())))
}

/// nh_response_writer_written is how many body bytes were written.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: one thread at a time for w; beside one that reads the request's body.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_written(w: *mut nh_response_writer) -> u64 {
    // SAFETY: P1, P6.
    guard_or(0, || Some(unsafe { writer(w) }.ok()?.written()))
}

/// nh_respond writes a whole answer: status, Content-Type and len bytes of body. A type of NULL is found by the
/// body's first bytes, "" is none.
///
/// Errors: NH_ERR_INVALID (w is NULL, data is NULL and len is not 0, the code or the type is malformed),
/// NH_ERR_STATE (the header was written already), NH_ERR_BODY_NOT_ALLOWED (the status has no body),
/// NH_ERR_IO (the peer is gone), NH_ERR_TIMEOUT (the peer does not read)
/// Ownership: the library copies data.
/// Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
/// write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_respond(
    w: *mut nh_response_writer,
    code: i32,
    content_type: *const c_char,
    data: *const c_void,
    len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P3, P6.
        let (w, data) = unsafe { (writer(w)?, ptr::bytes(data, len, "data")?) };
        let code = u16::try_from(code)
            .ok()
            .filter(|c| *c >= 200)
            .ok_or_else(|| invalid("nethttp: status is out of range"))?;
        if !content_type.is_null() {
            // SAFETY: P2.
            w.header().set(b"Content-Type", unsafe { ptr::text(content_type, "content_type")? })?;
        }
        w.write_header(code)?;
        w.write(data)
    })
}

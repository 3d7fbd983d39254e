//! Forms to be sent: urlencoded, or multipart with files.

use super::callback::{Userdata, nh_free_fn};
use super::header::nh_header;
use super::request::{change, nh_request};
use super::request_body::{nh_body_read_fn, nh_body_rewind_fn, of_callback, of_fd, of_path, set};
use super::values::nh_values;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::error::Result;
use crate::message::multipart::writer::MultipartWriter;
use crate::message::request::RequestBody;
use crate::message::source::SourceSlot;
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

/// nh_multipart is a form with files, built part by part and then given to a request: Go's multipart.Writer. Files are
/// read while they are sent.
pub struct nh_multipart {
    form: MultipartWriter,
    boundary: CString,
}

/// nh_request_set_form gives the request keys and values as its body, and the Content-Type of a form. The method stays
/// what it is: POST, as a rule.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
/// Ownership: values: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_form(r: *mut nh_request, values: *const nh_values) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P6.
        let (r, values) = unsafe { (change(r)?, ptr::shared(values, "values")?) };
        let body = values.0.encode();
        r.0.header.set(b"Content-Type", b"application/x-www-form-urlencoded")?;
        let length = i64::try_from(body.len()).unwrap_or(i64::MAX);
        set(r, if body.is_empty() { RequestBody::None } else { RequestBody::Bytes(Arc::new(body)) }, length);
        Ok(())
    })
}

/// nh_multipart_new makes a form without parts, and with a boundary that nobody can guess.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_multipart_free or gives it to a request
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_new() -> *mut nh_multipart {
    guard_or(std::ptr::null_mut(), || {
        let form = MultipartWriter::default();
        let boundary = CString::new(form.boundary()).unwrap_or_default();
        Some(ptr::give(nh_multipart { form, boundary }))
    })
}

/// nh_multipart_free ends a form that was given to no request; NULL is fine.
///
/// Errors: none
/// Ownership: m: the library takes
/// Threads: any thread, once
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_free(m: *mut nh_multipart) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(m) }.map(drop));
}

/// nh_multipart_boundary is the line between the parts, without its dashes. NULL for NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the form ends or its boundary changes
/// Threads: one thread at a time per form
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_boundary(m: *const nh_multipart) -> *const c_char {
    // SAFETY: P1.
    guard_or(std::ptr::null(), || Some(unsafe { ptr::shared(m, "form") }.ok()?.boundary.as_ptr()))
}

/// nh_multipart_set_boundary sets another boundary, before the first part: 1 to 70 of the characters of RFC 2046,
/// 5.1.1. Contents must not hold it.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, there are parts already, or it is no boundary)
/// Ownership: boundary: the library copies
/// Threads: one thread at a time per form
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_set_boundary(
    m: *mut nh_multipart,
    boundary: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (m, text) = unsafe { (ptr::unique(m, "form")?, ptr::text(boundary, "boundary")?) };
        m.form.set_boundary(text)?;
        m.boundary = CString::new(text).unwrap_or_default();
        Ok(())
    })
}

/// nh_multipart_length is how many bytes the whole form has with the parts it has now, or -1 if the length of one is
/// unknown. -1 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per form
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_length(m: *const nh_multipart) -> i64 {
    // SAFETY: P1.
    guard_or(-1, || Some(unsafe { ptr::shared(m, "form") }.ok()?.form.length()))
}

/// nh_multipart_add_field adds a field with a value of len bytes: Go's Writer.WriteField. Quotes, backslashes and line
/// ends in the name are escaped as Go does.
///
/// Errors: NH_ERR_INVALID (m or name is NULL, or value is NULL and len is not 0)
/// Ownership: name, value: the library copies
/// Threads: one thread at a time per form
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_add_field(
    m: *mut nh_multipart,
    name: *const c_char,
    value: *const c_void,
    len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P3, P6.
        let (m, name, value) =
            unsafe { (ptr::unique(m, "form")?, ptr::text(name, "name")?, ptr::bytes(value, len, "value")?) };
        m.form.field(name, value);
        Ok(())
    })
}

/// optional borrows a text that may be NULL.
///
/// # Safety
/// P2.
unsafe fn optional<'a>(p: *const c_char, name: &str) -> Result<Option<&'a [u8]>> {
    if p.is_null() {
        return Ok(None);
    }
    // SAFETY: P2.
    unsafe { ptr::text(p, name) }.map(Some)
}

/// nh_multipart_add_file adds a file, which is opened now and read while it is sent. filename is what the server is
/// told, NULL for the path's last part; content_type NULL is application/octet-stream. Go's Writer.CreateFormFile.
///
/// Errors: NH_ERR_INVALID (m, name or path is NULL, path is a directory, or the type is malformed), NH_ERR_IO (the
/// file cannot be opened)
/// Ownership: name, path, filename, content_type: the library copies; *err: the caller owns
/// Threads: one thread at a time per form. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_add_file(
    m: *mut nh_multipart,
    name: *const c_char,
    path: *const c_char,
    filename: *const c_char,
    content_type: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2, P6.
        let (m, name, path) =
            unsafe { (ptr::unique(m, "form")?, ptr::text(name, "name")?, ptr::text(path, "path")?) };
        // SAFETY: P2.
        let (filename, kind) =
            unsafe { (optional(filename, "filename")?, optional(content_type, "content_type")?) };
        let last = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
        let (source, length) = of_path(path)?;
        m.form.file(name, filename.unwrap_or(last), kind, source, length)
    })
}

/// nh_multipart_add_fd adds what can be read from a descriptor, from where it stands, as a file. The descriptor is
/// duplicated; both share one position. content_type NULL is application/octet-stream.
///
/// Errors: NH_ERR_INVALID (m, name or filename is NULL, fd is negative or a directory, or the type is malformed),
/// NH_ERR_IO (fd is not open)
/// Ownership: fd: the caller owns; name, filename, content_type: the library copies; *err: the caller owns
/// Threads: one thread at a time per form
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_add_fd(
    m: *mut nh_multipart,
    name: *const c_char,
    fd: isize,
    filename: *const c_char,
    content_type: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2, P6.
        let (m, name, filename) =
            unsafe { (ptr::unique(m, "form")?, ptr::text(name, "name")?, ptr::text(filename, "filename")?) };
        // SAFETY: P2.
        let kind = unsafe { optional(content_type, "content_type")? };
        let (source, length) = of_fd(fd)?;
        m.form.file(name, filename, kind, source, length)
    })
}

/// nh_multipart_add_callback adds what the program makes while it is sent as a file. length is in bytes, or -1: then
/// the form's is unknown. rewind may be NULL: then the form can be sent once only. free_userdata is called exactly
/// once, also if this call fails.
///
/// Errors: NH_ERR_INVALID (m, name, filename or read is NULL, length is below -1, or the type is malformed)
/// Ownership: name, filename, content_type: the library copies; userdata: the library takes, and ends it by
/// free_userdata
/// Threads: one thread at a time per form
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_add_callback(
    m: *mut nh_multipart,
    name: *const c_char,
    filename: *const c_char,
    content_type: *const c_char,
    length: i64,
    read: nh_body_read_fn,
    rewind: nh_body_rewind_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1, P2, P6.
        let (m, name, filename) =
            unsafe { (ptr::unique(m, "form")?, ptr::text(name, "name")?, ptr::text(filename, "filename")?) };
        // SAFETY: P2.
        let kind = unsafe { optional(content_type, "content_type")? };
        let source = of_callback(length, read, rewind, userdata)?;
        m.form.file(name, filename, kind, source, length)
    })
}

/// nh_multipart_add_part adds bytes under a header of the program's own: Go's Writer.CreatePart. h NULL is an empty
/// header.
///
/// Errors: NH_ERR_INVALID (m is NULL, or data is NULL and len is not 0)
/// Ownership: h, data: the library copies
/// Threads: one thread at a time per form
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_add_part(
    m: *mut nh_multipart,
    h: *const nh_header,
    data: *const c_void,
    len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P3, P6.
        let (m, data) = unsafe { (ptr::unique(m, "form")?, ptr::bytes(data, len, "data")?) };
        let none = crate::message::header::Header::new();
        // SAFETY: P1.
        m.form.part(unsafe { nh_header::borrow(h) }.unwrap_or(&none), data);
        Ok(())
    })
}

/// nh_request_set_multipart gives the request a form as its body, and its Content-Type. The length is declared where
/// that of each part is known, else the body is chunked. It can be sent again, for a redirect too, where each part
/// can.
///
/// Errors: NH_ERR_INVALID (an argument is NULL), NH_ERR_BUSY (r is being sent)
/// Ownership: m: the library takes
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_multipart(r: *mut nh_request, m: *mut nh_multipart) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, and the caller gives it up.
        let m = unsafe { ptr::owned(m) };
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        let mut form = m.ok_or_else(|| crate::error::invalid("nethttp: form is NULL"))?.form;
        form.close();
        r.0.header.set(b"Content-Type", form.content_type().as_bytes())?;
        let length = form.length();
        set(r, RequestBody::Source(SourceSlot::new(Box::new(form))), length);
        Ok(())
    })
}

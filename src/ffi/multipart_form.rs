//! Multipart forms as handlers receive them: part by part, or whole with large files on disk.

use super::header::nh_header;
use super::request::nh_request;
use super::server_request::request;
use super::values::nh_values;
use super::{guard, guard_or, nh_error, nh_result, ptr};
use crate::handlers::multipart_form::{self, FormFile, MultipartForm, PartReader};
use crate::message::header::Header;
use crate::message::multipart::reader::Disposition;
use crate::message::request::Request;
use std::ffi::{CString, c_char, c_void};
use std::ptr::{null, null_mut};

/// nh_multipart_reader gives the parts of a received request one after the other: Go's multipart.Reader.
pub struct nh_multipart_reader {
    request: *mut Request,
    reader: PartReader,
    part: Option<CurrentPart>,
}

struct CurrentPart {
    header: Header,
    name: CString,
    filename: CString,
}

/// text is a name for C; one with NUL inside ends there.
fn text(bytes: &[u8]) -> CString {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    CString::new(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// nh_request_multipart_reader begins to read a received request's multipart body (multipart/form-data,
/// multipart/mixed) part by part, without gathering anything: Go's Request.MultipartReader.
///
/// Errors: NH_ERR_INVALID (r or out is NULL, Content-Type is not multipart or has no boundary), NH_ERR_STATE (r
/// was not received, or its parts were asked for already)
/// Ownership: *out: the caller owns, ends it by nh_multipart_reader_free before r ends; *err: the caller owns
/// Threads: one thread at a time for r; beside one that writes the response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_multipart_reader(
    r: *mut nh_request,
    out: *mut *mut nh_multipart_reader,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P1, P6.
        let reader = PartReader::new(unsafe { request(r)? })?;
        ptr::set_out(out, ptr::give(nh_multipart_reader { request: r.cast(), reader, part: None }));
        Ok(())
    })
}

/// nh_multipart_reader_free ends a reader; NULL is fine. What was not read of the body is treated as any unread
/// body.
///
/// Errors: none
/// Ownership: m: the library takes
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_reader_free(m: *mut nh_multipart_reader) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(m) }.map(drop));
}

/// nh_multipart_reader_next goes on to the next part, past what was not read of the one before. *more_out is 1 if
/// there is one, 0 behind the last.
///
/// A part's header has at most 10 MiB and 10000 fields.
///
/// Errors: NH_ERR_INVALID (m or more_out is NULL), NH_ERR_PROTOCOL (the body is malformed), NH_ERR_TOO_LARGE (a
/// header is), NH_ERR_UNEXPECTED_EOF (the body ends before its last boundary), and those of nh_request_body_read
/// Ownership: *err: the caller owns
/// Threads: one thread at a time for the request. It may block: the peer, up to the read timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_reader_next(
    m: *mut nh_multipart_reader,
    more_out: *mut i32,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(more_out, 0, "more_out")?;
        // SAFETY: P1, P6.
        let m = unsafe { ptr::unique(m, "reader")? };
        m.part = None;
        // SAFETY: P1, P6: the program ends a reader before its request.
        let Some(header) = m.reader.next(unsafe { ptr::unique(m.request, "request")? })? else {
            return Ok(());
        };
        let d = Disposition::from_header(&header);
        m.part = Some(CurrentPart { header, name: text(&d.name), filename: text(&d.filename) });
        ptr::set_out(more_out, 1);
        Ok(())
    })
}

fn part<T>(m: *const nh_multipart_reader, neutral: T, f: impl FnOnce(&CurrentPart) -> T) -> T {
    // SAFETY: P1.
    guard_or(neutral, || Some(f(unsafe { ptr::shared(m, "reader") }.ok()?.part.as_ref()?)))
}

/// nh_multipart_reader_name is the current part's form name, "" if it has none; NULL before the first part and
/// behind the last.
///
/// Errors: none
/// Ownership: the library owns; borrowed until the next part
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_reader_name(m: *const nh_multipart_reader) -> *const c_char {
    part(m, null(), |p| p.name.as_ptr())
}

/// nh_multipart_reader_filename is the last segment of the current part's file name, "" if it has none; NULL
/// before the first part and behind the last. The name is the client's: it may be ".." or begin with a dot.
///
/// Errors: none
/// Ownership: the library owns; borrowed until the next part
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_reader_filename(m: *const nh_multipart_reader) -> *const c_char {
    part(m, null(), |p| p.filename.as_ptr())
}

/// nh_multipart_reader_header is the current part's header; NULL before the first part and behind the last.
///
/// Errors: none
/// Ownership: the library owns; borrowed until the next part
/// Threads: one thread at a time
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_reader_header(m: *const nh_multipart_reader) -> *const nh_header {
    part(m, null(), |p| nh_header::lend(&p.header))
}

/// nh_multipart_reader_read reads up to cap bytes of the current part's content. The end is NH_OK with *n_out 0.
///
/// Errors: NH_ERR_INVALID (m, buf or n_out is NULL, cap is 0), NH_ERR_UNEXPECTED_EOF (the body ends within the
/// part), and those of nh_request_body_read
/// Ownership: buf: the library copies to it; *err: the caller owns
/// Threads: one thread at a time for the request. It may block: the peer, up to the read timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_reader_read(
    m: *mut nh_multipart_reader,
    buf: *mut c_void,
    cap: usize,
    n_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(n_out, 0, "n_out")?;
        // SAFETY: P1, P3, P6.
        let (m, buf) = unsafe { (ptr::unique(m, "reader")?, ptr::buffer(buf, cap, "buf")?) };
        // SAFETY: P1, P6: the program ends a reader before its request.
        let n = m.reader.read(unsafe { ptr::unique(m.request, "request")? }, buf)?;
        ptr::set_out(n_out, n);
        Ok(())
    })
}

/// nh_multipart_form holds a whole multipart form: Go's multipart.Form.
pub struct nh_multipart_form {
    values: nh_values,
    files: Vec<nh_multipart_file>,
}

/// nh_multipart_file is a file of a form, in memory or on disk: Go's multipart.FileHeader. It belongs to its form.
pub struct nh_multipart_file {
    file: FormFile,
    name: CString,
    filename: CString,
}

/// nh_request_parse_multipart reads a received request's whole multipart/form-data: Go's ParseMultipartForm.
/// Files stay in memory up to max_memory bytes in all; what is more goes to a temporary file without a name,
/// which is gone with the form or with the process. Values and headers may take 10 MiB besides, in at most 1000
/// parts. The query's values are those of nh_request_query.
///
/// Errors: NH_ERR_INVALID (r or out is NULL, Content-Type is not multipart/form-data or has no boundary),
/// NH_ERR_STATE (r was not received, or its parts were asked for already), NH_ERR_PROTOCOL (the body is
/// malformed), NH_ERR_TOO_LARGE (a limit was passed), NH_ERR_UNEXPECTED_EOF (the body ends before its last
/// boundary), NH_ERR_NO_RESOURCES (there is no memory for it), and those of nh_request_body_read
/// Ownership: *out: the caller owns, ends it by nh_multipart_form_free; *err: the caller owns
/// Threads: one thread at a time for r; beside one that writes the response. It may block: the peer, up to the read
/// timeouts, and the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_parse_multipart(
    r: *mut nh_request,
    max_memory: usize,
    out: *mut *mut nh_multipart_form,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P1, P6.
        let MultipartForm { values, files } = multipart_form::parse(unsafe { request(r)? }, max_memory)?;
        let file = |upload: FormFile| nh_multipart_file {
            name: text(&upload.name),
            filename: text(&upload.filename),
            file: upload,
        };
        let files = files.into_iter().map(file).collect();
        ptr::set_out(out, ptr::give(nh_multipart_form { values: nh_values(values), files }));
        Ok(())
    })
}

/// nh_multipart_form_free ends a form and removes what it has on disk; NULL is fine.
///
/// Errors: none
/// Ownership: f: the library takes
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_form_free(f: *mut nh_multipart_form) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(f) }.map(drop));
}

/// nh_multipart_form_values are the parts that are no files. NULL for NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until nh_multipart_form_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_form_values(f: *const nh_multipart_form) -> *const nh_values {
    // SAFETY: P1.
    guard_or(null(), || Some(std::ptr::from_ref(&unsafe { ptr::shared(f, "form") }.ok()?.values)))
}

/// nh_multipart_form_file is the first file under a form name: Go's FormFile; NULL if there is none.
///
/// Errors: none
/// Ownership: the library owns; borrowed until nh_multipart_form_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_form_file(
    f: *const nh_multipart_form,
    name: *const c_char,
) -> *const nh_multipart_file {
    guard_or(null(), || {
        // SAFETY: P1, P2.
        let (f, name) = unsafe { (ptr::shared(f, "form").ok()?, ptr::text(name, "name").ok()?) };
        f.files.iter().find(|file| file.file.name == name).map(std::ptr::from_ref)
    })
}

/// nh_multipart_form_file_at is a file by its index in the order of the body; NULL past the last.
///
/// Errors: none
/// Ownership: the library owns; borrowed until nh_multipart_form_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_form_file_at(
    f: *const nh_multipart_form,
    index: usize,
) -> *const nh_multipart_file {
    // SAFETY: P1.
    guard_or(null(), || unsafe { ptr::shared(f, "form") }.ok()?.files.get(index).map(std::ptr::from_ref))
}

fn file<T>(f: *const nh_multipart_file, neutral: T, get: impl FnOnce(&nh_multipart_file) -> T) -> T {
    // SAFETY: P1.
    guard_or(neutral, || Some(get(unsafe { ptr::shared(f, "file") }.ok()?)))
}

/// nh_multipart_file_name is a file's form name. NULL for NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until nh_multipart_form_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_file_name(f: *const nh_multipart_file) -> *const c_char {
    file(f, null(), |f| f.name.as_ptr())
}

/// nh_multipart_file_filename is the last segment of a file's own name: see nh_multipart_reader_filename. NULL
/// for NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until nh_multipart_form_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_file_filename(f: *const nh_multipart_file) -> *const c_char {
    file(f, null(), |f| f.filename.as_ptr())
}

/// nh_multipart_file_header is the header of a file's part. NULL for NULL.
///
/// Errors: none
/// Ownership: the library owns; borrowed until nh_multipart_form_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_file_header(f: *const nh_multipart_file) -> *const nh_header {
    file(f, null(), |f| nh_header::lend(&f.file.header))
}

/// nh_multipart_file_size is a file's length in bytes. 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_file_size(f: *const nh_multipart_file) -> u64 {
    file(f, 0, |f| f.file.size)
}

/// nh_multipart_file_read_at reads up to cap bytes of a file from an offset on. NH_OK with *n_out 0 is the end.
///
/// Errors: NH_ERR_INVALID (f, buf or n_out is NULL, or cap is 0)
/// Ownership: buf: the library copies to it; *err: the caller owns
/// Threads: any thread, at the same time too. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_multipart_file_read_at(
    f: *const nh_multipart_file,
    offset: u64,
    buf: *mut c_void,
    cap: usize,
    n_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(n_out, 0, "n_out")?;
        // SAFETY: P1, P3.
        let (f, buf) = unsafe { (ptr::shared(f, "file")?, ptr::buffer(buf, cap, "buf")?) };
        ptr::set_out(n_out, f.file.read_at(offset, buf)?);
        Ok(())
    })
}

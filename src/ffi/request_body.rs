//! Bodies of requests: bytes, files, callbacks.

use super::callback::{NO_COUNT, Userdata, check_count, nh_free_fn, no_unwind};
use super::request::{change, nh_request};
use super::{guard, guard_plain, nh_error, nh_result, ptr, result};
use crate::error::{Error, Kind, Result, invalid};
use crate::message::request::RequestBody;
use crate::message::source::{Source, SourceSlot};
use std::ffi::{OsStr, c_char, c_void};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// nh_body_read_fn gives the next piece of a request's body: it writes at most cap bytes to buf and their number to
/// *n_out. NH_OK with 0 bytes ends the body; any other result aborts the request and is told in its error, as does NH_OK
/// that leaves *n_out as it was.
///
/// It is called only on the thread that is inside nh_client_do, or inside nh_response_body_read or
/// nh_response_body_close of the request's response. It may block, and may call functions of the library, but none
/// on this request or its response.
pub type nh_body_read_fn = Option<
    unsafe extern "C-unwind" fn(
        userdata: *mut c_void,
        buf: *mut c_void,
        cap: usize,
        n_out: *mut usize,
    ) -> nh_result,
>;

/// nh_body_rewind_fn goes back to the body's first byte, so that it can be sent again. NH_OK if that worked.
///
/// It is called on the thread that is inside nh_client_do, and may block.
pub type nh_body_rewind_fn = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void) -> nh_result>;

/// Borrowed is memory of the program.
pub(super) struct Borrowed {
    data: *const c_void,
    len: usize,
    _userdata: Userdata,
}

impl Borrowed {
    /// new takes bytes that stay as they are until the userdata is ended.
    ///
    /// # Safety
    /// P3.
    pub(super) unsafe fn new(data: *const c_void, len: usize, userdata: Userdata) -> Result<Borrowed> {
        // SAFETY: P3.
        unsafe { ptr::bytes(data, len, "data")? };
        Ok(Borrowed { data, len, _userdata: userdata })
    }
}

// SAFETY: P3 and P5: the program keeps the bytes unchanged until its free function is called.
unsafe impl Send for Borrowed {}
// SAFETY: as above; they are only read.
unsafe impl Sync for Borrowed {}

impl AsRef<[u8]> for Borrowed {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: P3, checked when it was set.
        unsafe { ptr::bytes(self.data, self.len, "data") }.unwrap_or_default()
    }
}

pub(super) fn set(r: &mut nh_request, body: RequestBody, length: i64) {
    let old = std::mem::replace(&mut r.0.body, body);
    r.0.content_length = length;
    r.0.chunked = length < 0;
    drop(old);
}

fn length_of(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// nh_request_set_body gives the request a body of bytes. (NULL, 0) takes the body away.
///
/// Errors: NH_ERR_INVALID (r is NULL, or data is NULL and len is not 0), NH_ERR_BUSY (r is being sent)
/// Ownership: data: the library copies
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_body(
    r: *mut nh_request,
    data: *const c_void,
    len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P3, P6.
        let (r, data) = unsafe { (change(r)?, ptr::bytes(data, len, "data")?) };
        set(
            r,
            if len == 0 { RequestBody::None } else { RequestBody::Bytes(Arc::new(data.to_vec())) },
            length_of(len),
        );
        Ok(())
    })
}

/// nh_request_set_body_borrowed gives the request a body of bytes that are not copied.
///
/// They must stay as they are until free_userdata(userdata) is called: when the body is replaced or the request
/// freed, and no response is left that may still send it. It is called exactly once, also if this call fails.
///
/// Errors: NH_ERR_INVALID (r is NULL, or data is NULL and len is not 0), NH_ERR_BUSY (r is being sent)
/// Ownership: data: the caller owns; userdata: the library takes, and ends it by free_userdata
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_body_borrowed(
    r: *mut nh_request,
    data: *const c_void,
    len: usize,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        // SAFETY: P3.
        let bytes = unsafe { Borrowed::new(data, len, userdata)? };
        set(r, RequestBody::Bytes(Arc::new(bytes)), length_of(len));
        Ok(())
    })
}

/// FileSource reads a file from where it stood when it was set.
struct FileSource {
    file: File,
    start: Option<u64>,
}

impl Source for FileSource {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.file.read(buf).map_err(|e| Error::io(Kind::Io, "read the body's file", &e))
    }
    fn rewind(&mut self) -> Result<bool> {
        let Some(start) = self.start else { return Ok(false) };
        self.file
            .seek(SeekFrom::Start(start))
            .map(|_| true)
            .map_err(|e| Error::io(Kind::Io, "seek in the body's file", &e))
    }
    fn can_rewind(&self) -> bool {
        self.start.is_some()
    }
}

/// of_file is a source of a file and its length.
fn of_file(mut file: File) -> Result<(Box<dyn Source>, i64)> {
    let io = |e: std::io::Error| Error::io(Kind::Io, "look at the body's file", &e);
    let meta = file.metadata().map_err(io)?;
    if meta.is_dir() {
        return Err(invalid("nethttp: the body's file is a directory"));
    }
    let start = file.stream_position().ok();
    let length = match start {
        Some(at) if meta.is_file() => i64::try_from(meta.len().saturating_sub(at)).unwrap_or(i64::MAX),
        // A pipe or a device ends when it ends.
        _ => -1,
    };
    let start = start.filter(|_| meta.is_file());
    Ok((Box::new(FileSource { file, start }), length))
}

/// of_path opens a file to be sent.
pub(super) fn of_path(path: &[u8]) -> Result<(Box<dyn Source>, i64)> {
    let path = std::path::Path::new(OsStr::from_bytes(path));
    let file = File::open(path).map_err(|e| Error::io(Kind::Io, format!("open {}", path.display()), &e))?;
    of_file(file)
}

/// of_fd duplicates a descriptor to be read and sent.
pub(super) fn of_fd(fd: isize) -> Result<(Box<dyn Source>, i64)> {
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0);
    let fd = fd.ok_or_else(|| invalid("nethttp: fd is no descriptor"))?;
    // SAFETY: not -1; whether it is open is for the kernel to say, and nothing but a dup is done with it.
    let own = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned();
    of_file(File::from(own.map_err(|e| Error::io(Kind::Io, "dup", &e))?))
}

/// nh_request_set_body_file gives the request the content of a file, which is opened now and read while it is
/// sent. What is no regular file is sent with unknown length.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or path is a directory), NH_ERR_IO (the file cannot be opened),
/// NH_ERR_BUSY (r is being sent)
/// Ownership: path: the library copies
/// Threads: one thread at a time per request. It may block: the file system.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_body_file(
    r: *mut nh_request,
    path: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2, P6.
        let (r, path) = unsafe { (change(r)?, ptr::text(path, "path")?) };
        let (source, length) = of_path(path)?;
        set(r, RequestBody::Source(SourceSlot::new(source)), length);
        Ok(())
    })
}

/// nh_request_set_body_fd gives the request what can be read from a descriptor, from where it stands. The
/// descriptor is duplicated: the caller may close its own at once, but both share one position.
///
/// Errors: NH_ERR_INVALID (r is NULL, or fd is negative or a directory), NH_ERR_IO (fd is not open), NH_ERR_BUSY (r
/// is being sent)
/// Ownership: fd: the caller owns
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_body_fd(
    r: *mut nh_request,
    fd: isize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        let (source, length) = of_fd(fd)?;
        set(r, RequestBody::Source(SourceSlot::new(source)), length);
        Ok(())
    })
}

struct CallbackSource {
    read: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize, *mut usize) -> nh_result,
    rewind: nh_body_rewind_fn,
    userdata: Userdata,
}

impl Source for CallbackSource {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut n = NO_COUNT;
        let (at, cap) = (buf.as_mut_ptr().cast(), buf.len());
        // SAFETY: P5; the buffer and n live through the call.
        let code =
            no_unwind("nh_body_read_fn", || unsafe { (self.read)(self.userdata.ptr(), at, cap, &mut n) });
        if code != result::NH_OK {
            let text = format!("nethttp: the body's callback answered {code}");
            return Err(Error::new(Kind::Aborted, text));
        }
        check_count(n, cap, "body's callback", Kind::Aborted)
    }

    fn rewind(&mut self) -> Result<bool> {
        let Some(f) = self.rewind else { return Ok(false) };
        // SAFETY: P5.
        Ok(no_unwind("nh_body_rewind_fn", || unsafe { f(self.userdata.ptr()) }) == result::NH_OK)
    }

    fn can_rewind(&self) -> bool {
        self.rewind.is_some()
    }
}

/// of_callback is a source that the program's callbacks make.
pub(super) fn of_callback(
    length: i64,
    read: nh_body_read_fn,
    rewind: nh_body_rewind_fn,
    userdata: Userdata,
) -> Result<Box<dyn Source>> {
    let read = read.ok_or_else(|| invalid("nethttp: read is NULL"))?;
    if length < -1 {
        return Err(invalid("nethttp: length is below -1"));
    }
    Ok(Box::new(CallbackSource { read, rewind, userdata }))
}

/// nh_request_set_body_callback gives the request a body that the program makes while it is sent.
///
/// length is in bytes, or -1 for an unknown one, which is sent chunked; a body of another length than declared is an
/// error. rewind may be NULL: then the body can be sent once only. free_userdata is called exactly once, also if
/// this call fails.
///
/// Errors: NH_ERR_INVALID (r or read is NULL, or length is below -1), NH_ERR_BUSY (r is being sent)
/// Ownership: userdata: the library takes, and ends it by free_userdata
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_body_callback(
    r: *mut nh_request,
    length: i64,
    read: nh_body_read_fn,
    rewind: nh_body_rewind_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        let source = of_callback(length, read, rewind, userdata)?;
        set(r, RequestBody::Source(SourceSlot::new(source)), length);
        Ok(())
    })
}

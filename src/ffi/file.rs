//! Files and other content, served whole, in ranges or not at all, as the request's conditions say.

use super::callback::{NO_COUNT, Userdata, check_count, nh_free_fn, no_unwind};
use super::handler::nh_handler;
use super::request::nh_request;
use super::response_writer::{nh_response_writer, writer};
use super::result::NH_OK;
use super::server_request::request;
use super::{guard, nh_error, nh_result, ptr};
use crate::error::{Error, Kind, Result, invalid};
use crate::handlers::{self, Content, Dir, FileServer};
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// nh_file_server makes a handler that answers with the files beneath a directory, by the request's path: Go's
/// FileServer of a Dir. NULL for NULL; "" is the current directory.
///
/// Directories are shown by their index.html, or else listed; a path of a directory without a slash at its end is
/// redirected to one with it, and ".../index.html" to its directory. Ranges, conditions and HEAD are those of
/// nh_serve_content, times those of the files. The media type is found by the extension, or else by the content.
///
/// No path leads out of the directory, but a symbolic link in it is followed wherever it leads, and files that
/// begin with a dot are served, as by Go: do not serve what others may write to. What is neither a file nor a
/// directory is forbidden. nh_strip_prefix takes away what stands before the paths.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; root: the library copies
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_server(root: *const c_char) -> *mut nh_handler {
    nh_handler::give(|| {
        // SAFETY: P2.
        let root = unsafe { ptr::text(root, "root")? };
        Ok(Arc::new(FileServer::new(Arc::new(Dir::new(root)))))
    })
}

/// nh_serve_file answers with one file, or with a directory as nh_file_server does: Go's ServeFile. path is the
/// program's and may lead anywhere; a request whose own path has a ".." is answered 400 all the same, since path
/// may have been made of it, and one whose path ends in "/index.html" is redirected.
///
/// What cannot be opened is answered 404, 403 or 500, and NH_OK.
///
/// Errors: NH_ERR_INVALID (w, r or path is NULL), NH_ERR_STATE (the header was written already), and those of
/// nh_response_writer_write
/// Ownership: path: the library copies; *err: the caller owns
/// Threads: that of the handler that was given w and r. It may block: the file system, and the peer, up to the write
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_serve_file(
    w: *mut nh_response_writer,
    r: *mut nh_request,
    path: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2, P6.
        let (w, r, path) = unsafe { (writer(w)?, request(r)?, ptr::text(path, "path")?) };
        handlers::serve_file(w, r, path)
    })
}

/// nh_read_at_fn gives bytes of a content: it writes at most cap bytes of what stands at offset to buf and their
/// number to *n_out; 0 is the content's end. Any result but NH_OK ends the answer, and its connection if that was
/// begun; so does NH_OK that leaves *n_out as it was.
pub type nh_read_at_fn = Option<
    unsafe extern "C-unwind" fn(
        userdata: *mut c_void,
        offset: u64,
        buf: *mut c_void,
        cap: usize,
        n_out: *mut usize,
    ) -> nh_result,
>;

pub(super) struct CContent {
    call: unsafe extern "C-unwind" fn(*mut c_void, u64, *mut c_void, usize, *mut usize) -> nh_result,
    userdata: Userdata,
    size: u64,
}

impl CContent {
    /// new refuses what cannot be a content; the userdata is ended with it.
    pub(super) fn new(read_fn: nh_read_at_fn, userdata: Userdata, size: i64) -> Result<CContent> {
        let call = read_fn.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
        let size = u64::try_from(size).map_err(|_| invalid("negative content size computed"))?;
        Ok(CContent { call, userdata, size })
    }
}

impl Content for CContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut n = NO_COUNT;
        // SAFETY: P5; buf and n live until the call returns.
        let code = no_unwind("nh_read_at_fn", || unsafe {
            (self.call)(self.userdata.ptr(), offset, buf.as_mut_ptr().cast(), buf.len(), &mut n)
        });
        if code != NH_OK {
            return Err(Error::new(Kind::Io, format!("nethttp: the content's function answered {code}")));
        }
        check_count(n, buf.len(), "content's function", Kind::Invalid)
    }
}

/// nh_serve_content answers with size bytes that a function gives, whole or in the ranges that the request asks
/// for, or not at all if its conditions say so: Go's ServeContent.
///
/// mtime, in Unix seconds, is the Last-Modified of the answer; 0 is unknown. An ETag that was set by
/// nh_response_writer_set_header counts for If-Match, If-None-Match and If-Range. Without a Content-Type one is
/// found by name's extension, or by the content; name may be "" and is not sent. Errors (412, 416) are answered,
/// and NH_OK, without the ETag, Last-Modified, Cache-Control and Content-Encoding that were set.
///
/// Errors: NH_ERR_INVALID (an argument but userdata, free_userdata and err is NULL, size is negative),
/// NH_ERR_STATE (the header was written already), NH_ERR_IO (read_fn failed, or the peer is gone),
/// NH_ERR_ABORTED (read_fn answered NH_OK and left *n_out as it was),
/// NH_ERR_UNEXPECTED_EOF (read_fn had less than size), and those of nh_response_writer_write
/// Ownership: name: the library copies; userdata: the library takes, also on failure, and frees it before it
/// returns; *err: the caller owns
/// Threads: that of the handler that was given w and r, on which read_fn runs. It may block: read_fn, and the peer, up
/// to the write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_serve_content(
    w: *mut nh_response_writer,
    r: *mut nh_request,
    name: *const c_char,
    mtime: i64,
    size: i64,
    read_fn: nh_read_at_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let mut content = CContent::new(read_fn, Userdata::new(userdata, free_userdata), size)?;
        // SAFETY: P1, P2, P6.
        let (w, r, name) = unsafe { (writer(w)?, request(r)?, ptr::text(name, "name")?) };
        handlers::serve_content(w, r, name, Some(mtime).filter(|t| *t != 0), &mut content)
    })
}

/// nh_response_writer_send_fd adds len bytes of a file, from offset on, to the body. Where the length was
/// declared by a Content-Length field and the connection takes bytes as they are, they go out without a copy;
/// else they are read and written. The descriptor's own offset does not move.
///
/// Errors: NH_ERR_INVALID (w is NULL, fd is none, offset is negative), NH_ERR_UNEXPECTED_EOF (the file has ended),
/// NH_ERR_IO (the file cannot be read at an offset, or the peer is gone), and those of nh_response_writer_write
/// Ownership: nothing changes hands: fd stays open; *err: the caller owns
/// Threads: one thread at a time for w; beside one that reads the request's body. It may block: the peer, up to the
/// write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_send_fd(
    w: *mut nh_response_writer,
    fd: isize,
    offset: i64,
    len: u64,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let offset = u64::try_from(offset).map_err(|_| invalid("nethttp: offset is negative"))?;
        let fd = i32::try_from(fd).ok().filter(|fd| crate::sys::files::is_open(*fd));
        let fd = fd.ok_or_else(|| invalid("nethttp: fd is no descriptor"))?;
        // SAFETY: P1, P6.
        unsafe { writer(w)? }.send_file(fd, offset, len)
    })
}

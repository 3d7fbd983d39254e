//! `nh_reader`: messages from any stream.

use super::callback::{NO_COUNT, Userdata, check_count, nh_free_fn, no_unwind};
use super::request::nh_request;
use super::response::nh_response;
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr, result};
use crate::error::{Error, Kind, Result, invalid};
use crate::stream::{ByteFeed, MessageReader};
use std::ffi::c_void;
use std::sync::Arc;

/// nh_reader reads messages from a stream of the program's, and holds what was read ahead: Go's bufio.Reader.
pub struct nh_reader(MessageReader);

/// nh_read_fn gives a stream's next bytes: it writes at most cap bytes to buf and their number to *n_out. NH_OK with 0
/// bytes is the stream's end; any other result is its failure, which is NH_ERR_IO to whoever reads, and stays. NH_OK
/// that leaves *n_out as it was is a failure too, NH_ERR_ABORTED.
///
/// It is called only on the thread that is inside a function that reads from its nh_reader: nh_read_request,
/// nh_read_response, nh_request_body_read and nh_response_body_read. It may block, and may call functions of the
/// library, but none that reads from the same nh_reader.
pub type nh_read_fn = Option<
    unsafe extern "C-unwind" fn(
        userdata: *mut c_void,
        buf: *mut c_void,
        cap: usize,
        n_out: *mut usize,
    ) -> nh_result,
>;

struct CFeed {
    call: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize, *mut usize) -> nh_result,
    userdata: Userdata,
}

impl ByteFeed for CFeed {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut n = NO_COUNT;
        // SAFETY: P5; buf and n live until the call returns.
        let code = no_unwind("nh_read_fn", || unsafe {
            (self.call)(self.userdata.ptr(), buf.as_mut_ptr().cast(), buf.len(), &mut n)
        });
        if code != result::NH_OK {
            return Err(Error::new(Kind::Io, format!("nethttp: the stream's function answered {code}")));
        }
        check_count(n, buf.len(), "stream's function", Kind::Invalid)
    }
}

/// nh_reader_new makes a reader of a stream.
///
/// Errors: NH_ERR_INVALID (fn or out is NULL)
/// Ownership: *out: the caller owns, and ends it by nh_reader_free; userdata: the library takes, also on failure, and
/// ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_reader_new(
    read_fn: nh_read_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    out: *mut *mut nh_reader,
) -> nh_result {
    guard_plain(|| {
        let userdata = Userdata::new(userdata, free_userdata);
        ptr::out(out, std::ptr::null_mut(), "out")?;
        let call = read_fn.ok_or_else(|| invalid("nethttp: fn is NULL"))?;
        ptr::set_out(out, ptr::give(nh_reader(MessageReader::new(Box::new(CFeed { call, userdata })))));
        Ok(())
    })
}

/// nh_reader_free ends a reader; NULL is fine. Messages that were read from it keep the stream until they are freed.
///
/// Errors: none
/// Ownership: r: the library takes
/// Threads: any thread, while no other call uses the reader
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_reader_free(r: *mut nh_reader) {
    guard_or((), || {
        // SAFETY: P1.
        drop(unsafe { ptr::owned(r) });
        Some(())
    });
}

/// nh_reader_set_max_head_bytes bounds the heads to come. Default: 1 MiB. 0 is the default.
///
/// Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being read)
/// Ownership: nothing changes hands
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_reader_set_max_head_bytes(r: *mut nh_reader, n: usize) -> nh_result {
    guard_plain(|| {
        let n = if n == 0 { crate::stream::DEFAULT_HEAD } else { n };
        // SAFETY: P1.
        unsafe { ptr::shared(r, "reader")? }.0.set_max_head(n)
    })
}

/// nh_reader_buffered moves bytes that were read ahead to buf, at most cap, without reading on: what follows a message
/// after a switch of protocols. NH_OK with 0 bytes: there are none left.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, or cap is 0), NH_ERR_BUSY (r is being read)
/// Ownership: buf: the caller owns
/// Threads: any thread
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_reader_buffered(
    r: *mut nh_reader,
    buf: *mut c_void,
    cap: usize,
    n_out: *mut usize,
) -> nh_result {
    guard_plain(|| {
        ptr::out(n_out, 0, "n_out")?;
        // SAFETY: P1, P3.
        let (r, buf) = unsafe { (ptr::shared(r, "reader")?, ptr::buffer(buf, cap, "buf")?) };
        ptr::set_out(n_out, r.0.take_buffered(buf)?);
        Ok(())
    })
}

/// nh_read_request reads the next request's head, as strictly as a server: Go's ReadRequest. The body is read by
/// nh_request_body_read, to its end before the next message is read.
///
/// A stream that ends before a first byte gives NH_ERR_UNEXPECTED_EOF with the message "EOF".
///
/// Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_UNEXPECTED_EOF (the stream has ended), NH_ERR_PROTOCOL (it is no
/// request), NH_ERR_TOO_LARGE (the head is), NH_ERR_STATE (the body of the message before was not read to its end),
/// NH_ERR_BUSY (r is being read), NH_ERR_IO (the stream's function failed)
/// Ownership: *out: the caller owns, and ends it by nh_request_free
/// Threads: any thread; one at a time per reader. It may block: the reader's function.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_read_request(
    r: *mut nh_reader,
    out: *mut *mut nh_request,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1.
        let request = unsafe { ptr::shared(r, "reader")? }.0.read_request()?;
        ptr::set_out(out, ptr::give(nh_request::received(request)));
        Ok(())
    })
}

/// nh_read_response reads the next response's head: Go's ReadResponse. The body is read by nh_response_body_read, to
/// its end before the next message is read. Informational responses (1xx) are given like others.
///
/// request is what the response answers, which decides about a body after HEAD and CONNECT; NULL is a GET.
///
/// Errors: NH_ERR_INVALID (r or out is NULL), NH_ERR_UNEXPECTED_EOF (the stream has ended), NH_ERR_PROTOCOL (it is no
/// response), NH_ERR_TOO_LARGE (the head is), NH_ERR_STATE (the body of the message before was not read to its end),
/// NH_ERR_BUSY (r is being read), NH_ERR_IO (the stream's function failed)
/// Ownership: *out: the caller owns, and ends it by nh_response_free; request: the library copies
/// Threads: any thread; one at a time per reader. It may block: the reader's function.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_read_response(
    r: *mut nh_reader,
    request: *const nh_request,
    out: *mut *mut nh_response,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        // SAFETY: P1.
        let r = unsafe { ptr::shared(r, "reader")? };
        // SAFETY: P1, P6.
        let request = unsafe { request.as_ref() };
        let method = request.map_or(&b"GET"[..], |q| q.0.text(q.0.method));
        let response = r.0.read_response(method)?;
        let request = request.map(|q| Arc::new(nh_request::wrap(q.0.clone_head())));
        ptr::set_out(out, ptr::give(nh_response::new(response, request)));
        Ok(())
    })
}

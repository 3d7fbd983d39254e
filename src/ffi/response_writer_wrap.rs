//! Response writers of the program's own, for middleware that looks at what is written, or changes it.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::response_writer::{nh_response_writer, writer};
use super::result::{NH_OK, kind_of, nh_result};
use super::{guard_or, guard_plain, ptr};
use crate::error::{Error, Kind, Result};
use crate::server::{ResponseWriter, WrappedWriter};
use std::ffi::c_void;
use std::ptr::null_mut;

/// nh_wrap_write_header_fn is told the status that a handler writes, informational ones too. inner is the writer
/// beneath, to which it may hand it on. What it answers is what the handler's function answers.
pub type nh_wrap_write_header_fn = Option<
    unsafe extern "C-unwind" fn(
        inner: *mut nh_response_writer,
        code: i32,
        userdata: *mut c_void,
    ) -> nh_result,
>;

/// nh_wrap_write_fn is given the bytes that a handler writes, borrowed until it returns. inner is the writer
/// beneath. What it answers is what the handler's function answers. If the handler wrote no status, none was
/// told: writing to inner sends 200.
pub type nh_wrap_write_fn = Option<
    unsafe extern "C-unwind" fn(
        inner: *mut nh_response_writer,
        data: *const c_void,
        len: usize,
        userdata: *mut c_void,
    ) -> nh_result,
>;

/// nh_wrap_flush_fn is called where a handler flushes. inner is the writer beneath. What it answers is what the
/// handler's function answers.
pub type nh_wrap_flush_fn =
    Option<unsafe extern "C-unwind" fn(inner: *mut nh_response_writer, userdata: *mut c_void) -> nh_result>;

struct CWrap {
    inner: *mut nh_response_writer,
    write_header: nh_wrap_write_header_fn,
    write: nh_wrap_write_fn,
    flush: nh_wrap_flush_fn,
    userdata: Userdata,
}

// SAFETY: P6: both writers are used by one thread at a time.
unsafe impl Send for CWrap {}

impl CWrap {
    fn inner_writer(&mut self) -> Result<&mut ResponseWriter> {
        // SAFETY: P1, P6: the program ends a wrapped writer before the one beneath.
        unsafe { writer(self.inner) }
    }
}

fn answered(code: nh_result) -> Result<()> {
    if code == NH_OK {
        return Ok(());
    }
    let kind = kind_of(code).unwrap_or(Kind::Aborted);
    Err(Error::new(kind, format!("nethttp: the wrapped writer's function answered {code}")))
}

impl WrappedWriter for CWrap {
    fn inner(&mut self) -> Option<&mut ResponseWriter> {
        self.inner_writer().ok()
    }

    fn write_header(&mut self, code: u16) -> Result<()> {
        let Some(call) = self.write_header else { return self.inner_writer()?.write_header(code) };
        // SAFETY: P5; inner lives until the call returns.
        answered(no_unwind("nh_wrap_write_header_fn", || unsafe {
            call(self.inner, code.into(), self.userdata.ptr())
        }))
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        let Some(call) = self.write else { return self.inner_writer()?.write(data) };
        let (at, len) = (data.as_ptr().cast(), data.len());
        // SAFETY: P5; inner and data live until the call returns.
        answered(no_unwind("nh_wrap_write_fn", || unsafe { call(self.inner, at, len, self.userdata.ptr()) }))
    }

    fn flush(&mut self) -> Result<()> {
        let Some(call) = self.flush else { return self.inner_writer()?.flush() };
        // SAFETY: P5; inner lives until the call returns.
        answered(no_unwind("nh_wrap_flush_fn", || unsafe { call(self.inner, self.userdata.ptr()) }))
    }

    fn overrides_write(&self) -> bool {
        self.write.is_some()
    }
}

/// nh_response_writer_wrap makes a writer whose status, body and flushes go to functions of the program, for
/// nh_handler_serve. Each of the three may be NULL: what it would get goes to w. They may call all functions of w.
///
/// The header and the trailer are w's. nh_response_writer_status and nh_response_writer_written of the result
/// count what was written to it. Everything else passes through to w: abort, full duplex, the write timeout.
/// Writers may be wrapped again.
///
/// Errors: NH_ERR_INVALID (w or out is NULL)
/// Ownership: *out: the caller owns, ends it by nh_response_writer_free before the handler that was given w
/// returns; userdata: the library takes, also on failure
/// Threads: that of the handler that was given w; the functions run on the thread that writes
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_wrap(
    w: *mut nh_response_writer,
    write_header_fn: nh_wrap_write_header_fn,
    write_fn: nh_wrap_write_fn,
    flush_fn: nh_wrap_flush_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
    out: *mut *mut nh_response_writer,
) -> nh_result {
    guard_plain(|| {
        let userdata = Userdata::new(userdata, free_userdata);
        ptr::out(out, null_mut(), "out")?;
        // SAFETY: P1, P6.
        let beneath = unsafe { writer(w)? };
        let wrap =
            CWrap { inner: w, write_header: write_header_fn, write: write_fn, flush: flush_fn, userdata };
        ptr::set_out(out, ptr::give(beneath.wrapped(Box::new(wrap))).cast());
        Ok(())
    })
}

/// nh_response_writer_free ends a writer of nh_response_writer_wrap, or a response that nh_response_writer_detach or
/// nh_server_next gave to the caller: see there. NULL is fine, and a writer that a handler was given and has not
/// detached is left alone.
///
/// Errors: none
/// Ownership: w: the library takes
/// Threads: that of the handler; for a detached one any thread. It may block: the peer, up to the write timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_writer_free(w: *mut nh_response_writer) {
    guard_or((), || {
        // SAFETY: P1, P6; the borrow ends before the writer does.
        let (is_over, later) = unsafe { writer(w) }.ok().map(|w| (w.is_wrapped(), w.detached_writer()))?;
        if is_over {
            // SAFETY: P1: it came from nh_response_writer_wrap, and the caller gives it up.
            drop(unsafe { ptr::owned(w.cast::<ResponseWriter>()) });
        } else if let Some(later) = later {
            later.end();
        }
        Some(())
    });
}

//! A response's body, by pull.

use super::response::nh_response;
use super::{guard, guard_plain, nh_error, nh_result, ptr};
use crate::error::{Error, Kind, Phase, Result};
use crate::memory;
use std::ffi::{OsStr, c_char, c_void};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

/// nh_response_body_read reads what is there of the body, at least one byte, at most cap, waiting if there is
/// nothing. NH_OK with 0 bytes is the end. After an error all reads fail with it.
///
/// The connection returns to the client's pool with the last byte.
///
/// Errors: NH_ERR_INVALID (an argument but err is NULL, or cap is 0), NH_ERR_UNEXPECTED_EOF (the body was cut),
/// NH_ERR_PROTOCOL (its framing or its gzip is broken), NH_ERR_TOO_LARGE (its framing or trailer is, or what gzip makes
/// of it), NH_ERR_IO,
/// NH_ERR_TIMEOUT, NH_ERR_CANCELED, NH_ERR_CLOSED (after nh_response_body_close), NH_ERR_ABORTED (the request's
/// body, which is still being sent, has failed), NH_ERR_BODY_LENGTH (likewise), NH_ERR_NO_RESOURCES (no
/// memory for what has come), NH_ERR_FORKED
/// Ownership: buf: the caller owns
/// Threads: one thread at a time per response. It may block: the peer, up to the client's timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_body_read(
    r: *mut nh_response,
    buf: *mut c_void,
    cap: usize,
    n_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(n_out, 0, "n_out")?;
        // SAFETY: P1, P3, P6.
        let (r, buf) = unsafe { (nh_response::live(r)?, ptr::buffer(buf, cap, "buf")?) };
        ptr::set_out(n_out, r.response.read_body(buf)?);
        Ok(())
    })
}

/// nh_response_body_read_all reads the rest of the body, at most max bytes, and lends it, with a NUL behind it.
///
/// A longer body is NH_ERR_TOO_LARGE, and its connection is dropped.
///
/// Errors: NH_ERR_INVALID (r, data_out or len_out is NULL), NH_ERR_TOO_LARGE (the body is longer than max),
/// NH_ERR_NO_RESOURCES (there is no memory for it; its connection is dropped), and those of nh_response_body_read
/// Ownership: *data_out: the library owns; borrowed until the next call for this response
/// Threads: one thread at a time per response. It may block: the peer, up to the client's timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_body_read_all(
    r: *mut nh_response,
    max: usize,
    data_out: *mut *const c_void,
    len_out: *mut usize,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::set_out(len_out, 0);
        ptr::out(data_out, std::ptr::null(), "data_out")?;
        ptr::out(len_out, 0, "len_out")?;
        // SAFETY: P1, P6.
        let r = unsafe { nh_response::live(r)? };
        r.all.clear();
        read_all(r, max)?;
        let len = r.all.len();
        memory::grow_exact(&mut r.all, 1).inspect_err(|_| r.all.clear())?;
        r.all.push(0);
        ptr::set_out(data_out, r.all.as_ptr().cast());
        ptr::set_out(len_out, len);
        Ok(())
    })
}

fn read_all(r: &mut nh_response, max: usize) -> Result<()> {
    const STEP: usize = 16 * 1024;
    let nh_response { response, all, .. } = r;
    let too_large =
        || Error::new(Kind::TooLarge, "nethttp: the body is longer than allowed").with_phase(Phase::Body);
    if let Ok(n) = usize::try_from(response.content_length)
        && n > max
    {
        response.close_body();
        return Err(too_large());
    }
    // What is past `at` was zeroed for reads that filled less of it.
    let mut at = all.len();
    let result = loop {
        // One more than allowed, to see that there is more.
        let room = STEP.max(at).min((max - at).saturating_add(1));
        if all.len() < at + STEP.min(room) {
            if let Err(e) = memory::grow(all, at + room - all.len()) {
                response.close_body();
                break Err(e);
            }
            all.resize(at + room, 0);
        }
        match response.read_body(all.get_mut(at..).unwrap_or_default()) {
            Ok(0) => break Ok(()),
            Ok(n) => at += n,
            Err(e) => break Err(e),
        }
        if at > max {
            response.close_body();
            break Err(too_large());
        }
    };
    all.truncate(at);
    result
}

/// nh_response_body_save writes the rest of the body to a file, which is created or emptied first. *n_out, which may
/// be NULL, is how many bytes were written, also where the call failed.
///
/// Errors: NH_ERR_INVALID (r or path is NULL), NH_ERR_IO (the file cannot be written), and those of
/// nh_response_body_read
/// Ownership: path: the library copies
/// Threads: one thread at a time per response. It may block: the peer, up to the client's timeouts, and the file.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_body_save(
    r: *mut nh_response,
    path: *const c_char,
    n_out: *mut u64,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::set_out(n_out, 0);
        // SAFETY: P1, P2, P6.
        let (r, path) = unsafe { (nh_response::live(r)?, ptr::text(path, "path")?) };
        let path = std::path::Path::new(OsStr::from_bytes(path));
        let failed =
            |what: &str, e: &std::io::Error| Error::io(Kind::Io, format!("{what} {}", path.display()), e);
        let mut file = std::fs::File::create(path).map_err(|e| failed("open", &e))?;
        let mut buf = vec![0u8; 64 * 1024];
        let mut total = 0u64;
        loop {
            let n = r.response.read_body(&mut buf)?;
            if n == 0 {
                return Ok(());
            }
            file.write_all(buf.get(..n).unwrap_or_default()).map_err(|e| failed("write", &e))?;
            total += n as u64;
            ptr::set_out(n_out, total);
        }
    })
}

/// nh_response_body_close ends the exchange: Go's Body.Close. A small rest of the body is read so that the connection
/// can be used again, for 50 ms at most; else the connection is closed. Reads fail with NH_ERR_CLOSED from then on.
/// NULL is fine.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_body_close(r: *mut nh_response) {
    guard_plain(|| {
        // SAFETY: P1, P6.
        unsafe { nh_response::live(r)? }.response.close_body();
        Ok(())
    });
}

//! Responses that a program makes, for its round-trippers.

use super::response::nh_response;
use super::{guard_plain, nh_result, ptr};
use crate::error::{Result, invalid};
use crate::h1::{Framing, ResponseFacts, StatusLine};
use crate::message::header::Header;
use crate::message::request::HTTP_11;
use crate::transport::{ReadBody, Response, read_when_closed};
use std::ffi::{c_char, c_void};

/// MemoryBody is a body in memory.
struct MemoryBody {
    data: Vec<u8>,
    at: usize,
    closed: bool,
}

impl ReadBody for MemoryBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if self.closed {
            return Err(read_when_closed());
        }
        let rest = self.data.get(self.at..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        self.at += n;
        Ok(n)
    }

    fn take_trailer(&mut self) -> Option<Header> {
        None
    }

    fn close(&mut self) {
        self.closed = true;
        self.data = Vec::new();
    }
}

fn bytes(data: &[u8]) -> Box<dyn ReadBody> {
    Box::new(MemoryBody { data: data.to_vec(), at: 0, closed: false })
}

/// nh_response_new makes a response with an empty header and body, for a round-tripper to answer.
///
/// Errors: NH_ERR_INVALID (out is NULL, or the status is not 200 to 999)
/// Ownership: *out: the caller owns, and ends it by nh_response_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_new(code: i32, out: *mut *mut nh_response) -> nh_result {
    guard_plain(|| {
        ptr::out(out, std::ptr::null_mut(), "out")?;
        let code = u16::try_from(code)
            .ok()
            .filter(|c| (200..1000).contains(c))
            .ok_or_else(|| invalid("nethttp: status is out of range"))?;
        let mut header = Header::new();
        let line = StatusLine::from_code(&mut header, HTTP_11, code);
        let facts = ResponseFacts {
            framing: Framing::None,
            keep_alive: true,
            content_length: 0,
            chunked: false,
            nothing_to_strip: true,
        };
        let response = Response::from_parts(header, line, facts, bytes(&[]));
        ptr::set_out(out, ptr::give(nh_response::new(response, None)));
        Ok(())
    })
}

/// nh_response_set_header replaces all fields of that name by one.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes), NH_ERR_FORKED (r
/// was made before a fork)
/// Ownership: name and value: the library copies
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_set_header(
    r: *mut nh_response,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, name, value) =
            unsafe { (nh_response::live(r)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        r.message().header.set(name, value)
    })
}

/// nh_response_add_header adds a field beside those of the same name.
///
/// Errors: NH_ERR_INVALID (an argument is NULL, the name is no token, the value has control bytes), NH_ERR_FORKED (r
/// was made before a fork)
/// Ownership: name and value: the library copies
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_add_header(
    r: *mut nh_response,
    name: *const c_char,
    value: *const c_char,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2, P6.
        let (r, name, value) =
            unsafe { (nh_response::live(r)?, ptr::text(name, "name")?, ptr::text(value, "value")?) };
        r.message().header.add(name, value)
    })
}

/// nh_response_set_body puts bytes in the place of the body; what was there is closed.
///
/// Errors: NH_ERR_INVALID (r is NULL, or data is NULL and len is not 0), NH_ERR_FORKED (r was made before a fork)
/// Ownership: data: the library copies
/// Threads: one thread at a time per response
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_response_set_body(
    r: *mut nh_response,
    data: *const c_void,
    len: usize,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P3, P6.
        let (r, data) = unsafe { (nh_response::live(r)?, ptr::bytes(data, len, "data")?) };
        let response = r.message();
        response.close_body();
        response.set_body(bytes(data));
        response.content_length = i64::try_from(len).unwrap_or(i64::MAX);
        response.chunked = false;
        Ok(())
    })
}

//! Forms: what a handler was sent in the query and in an urlencoded body.

use super::request::nh_request;
use super::server_request::request;
use super::values::nh_values;
use super::{guard, nh_error, nh_result, ptr};
use crate::error::{Error, Kind, Result};
use crate::memory;
use crate::message::form::{Form, MAX_BODY, has_form_body};
use crate::message::request::Request;
use std::ptr::null_mut;

/// nh_request_parse_form decodes a received request's query and, of POST, PUT and PATCH with the type
/// application/x-www-form-urlencoded, its body.
///
/// *form_out has the body's pairs first and then the query's: Go's Request.Form. *post_out, which may be NULL if
/// it is not wanted, has the body's only: Go's PostForm. The body is read to its end, so a second call finds the
/// query only. max is how many bytes of body are taken; 0 is 10 MiB, as in Go. A body of another type is not read.
///
/// Errors: NH_ERR_INVALID (r or form_out is NULL, Content-Type is malformed, or a pair is), NH_ERR_STATE (r was not
/// received), NH_ERR_TOO_LARGE (the body is longer than max, or there are more than 10000 pairs), NH_ERR_NO_RESOURCES
/// (there is no memory for it), and those of nh_request_body_read
/// Ownership: *form_out, *post_out: the caller owns, ends them by nh_values_free; *err: the caller owns
/// Threads: one thread at a time for r; beside one that writes the response. It may block: the peer, up to the read
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_parse_form(
    r: *mut nh_request,
    max: usize,
    form_out: *mut *mut nh_values,
    post_out: *mut *mut nh_values,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::set_out(post_out, null_mut());
        ptr::out(form_out, null_mut(), "form_out")?;
        // SAFETY: P1, P6.
        let r = unsafe { request(r)? };
        let form = parse(r, if max == 0 { MAX_BODY } else { max })?;
        ptr::set_out(form_out, ptr::give(nh_values(form.all)));
        if !post_out.is_null() {
            ptr::set_out(post_out, ptr::give(nh_values(form.post)));
        }
        Ok(())
    })
}

fn parse(r: &mut Request, max: usize) -> Result<Form> {
    if !r.is_incoming() {
        return Err(Error::new(Kind::State, "nethttp: only a received request has a form"));
    }
    let mut body = Vec::new();
    if has_form_body(r.text(r.method), r.header.get(b"Content-Type"))? {
        let mut buf = [0; 4096];
        loop {
            let n = r.read_body(&mut buf)?;
            if n == 0 {
                break;
            }
            if body.len() + n > max {
                return Err(Error::new(Kind::TooLarge, "http: POST too large"));
            }
            memory::append(&mut body, buf.get(..n).unwrap_or_default())?;
        }
    }
    match Form::parse(r.raw_query(), &body) {
        (form, None) => Ok(form),
        (_, Some(e)) => Err(e),
    }
}

//! What goes out: first lines, chunk framing, trailers. Nothing a caller sets can end a line here.

use super::trailer::is_forbidden_in_trailer;
use crate::error::{Result, invalid};
use crate::message::bytes::VISIBLE;
use crate::message::header::{Header, is_token, write_field};
use crate::message::request::{HTTP_11, Version};
use crate::message::status;

/// What stands behind a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";
/// The size line of the last chunk; a trailer section, be it but an empty line, must follow.
pub const LAST_CHUNK: &[u8] = b"0\r\n";

/// status_line appends the first line of a response, CRLF included. As in Go, a version below 1.1 is answered as
/// 1.0, and a code without a text has "status code N".
pub fn status_line(out: &mut Vec<u8>, version: Version, code: u16) {
    let at = out.len();
    let usual: &[u8] = match code {
        200 => b"HTTP/1.1 200 OK\r\n",
        204 => b"HTTP/1.1 204 No Content\r\n",
        206 => b"HTTP/1.1 206 Partial Content\r\n",
        302 => b"HTTP/1.1 302 Found\r\n",
        304 => b"HTTP/1.1 304 Not Modified\r\n",
        404 => b"HTTP/1.1 404 Not Found\r\n",
        _ => b"",
    };
    out.extend_from_slice(usual);
    if usual.is_empty() {
        unregistered_status(out, code);
    }
    if version < HTTP_11
        && let Some(minor) = out.get_mut(at + 7)
    {
        *minor = b'0';
    }
}

fn unregistered_status(out: &mut Vec<u8>, code: u16) {
    out.extend_from_slice(b"HTTP/1.1 ");
    // Three digits always (RFC 9112, 4).
    if code < 100 {
        out.extend_from_slice(if code < 10 { b"00" } else { b"0" });
    }
    decimal(out, u64::from(code));
    out.push(b' ');
    match status::text(code) {
        "" => {
            out.extend_from_slice(b"status code ");
            decimal(out, u64::from(code));
        }
        text => out.extend_from_slice(text.as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
}

/// request_line appends the first line of a request, CRLF included. `method` must be a token; `target` must have
/// no space and no control byte.
pub fn request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8]) -> Result<()> {
    if !is_token(method) {
        return Err(invalid(format!("net/http: invalid method {:?}", String::from_utf8_lossy(method))));
    }
    if target.is_empty() || !VISIBLE.has_all(target) {
        return Err(invalid("net/http: can't write control character in Request.URL"));
    }
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    Ok(())
}

/// chunk_header gives the size line of a chunk of `n` bytes, CRLF included, and how many of the bytes it has.
/// `n` is not 0: that would be the last chunk.
pub fn chunk_header(n: usize) -> ([u8; 18], usize) {
    debug_assert_ne!(n, 0);
    let digits = (usize::BITS - n.leading_zeros()).div_ceil(4).max(1) as usize;
    let mut line = [0; 18];
    let mut rest = n;
    for b in line.iter_mut().take(digits).rev() {
        *b = b"0123456789abcdef".get(rest & 15).copied().unwrap_or(b'0');
        rest >>= 4;
    }
    for (b, end) in line.iter_mut().skip(digits).zip(CHUNK_END) {
        *b = *end;
    }
    (line, digits + 2)
}

/// last_chunk appends the end of a chunked body: the last chunk, the trailer's fields but those that RFC 9110,
/// 6.5.1 bars, and the empty line.
pub fn last_chunk(out: &mut Vec<u8>, trailer: Option<&Header>) {
    out.extend_from_slice(LAST_CHUNK);
    for (name, value) in trailer.into_iter().flat_map(Header::iter) {
        if !is_forbidden_in_trailer(name) {
            write_field(out, name, value);
        }
    }
    out.extend_from_slice(CHUNK_END);
}

/// decimal appends `n` in digits.
pub fn decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut used = 0;
    for d in digits.iter_mut().rev() {
        *d = b'0' + (n % 10) as u8;
        n /= 10;
        used += 1;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

//! Answers to what is no valid request, in Go's words. The connection always ends after one.

use crate::h1::{Reject, encode};
use crate::message::request::{HTTP_10, HTTP_11, Version};

/// write appends the whole answer to a request that was refused before any handler saw it.
pub(super) fn write(out: &mut Vec<u8>, reject: &Reject, asked: Option<Version>) {
    if reject.text.is_empty() {
        // Go answers an unknown expectation through its response writer: with a date and an empty body.
        let old = asked.is_some_and(|v| v < HTTP_11);
        encode::status_line(out, if old { HTTP_10 } else { HTTP_11 }, reject.status);
        out.extend_from_slice(b"Connection: close\r\n");
        put_date(out);
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        return;
    }
    // A reason that says more than the code's own text stands in the status line too.
    if reject.text.starts_with(&format!("{} ", reject.status)) {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(reject.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    } else {
        encode::status_line(out, HTTP_11, reject.status);
    }
    put_date(out);
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    out.extend_from_slice(reject.text.as_bytes());
}

/// put_date: RFC 9110, 6.6.1, demands it of every response but 1xx and 5xx, where it is good to have.
fn put_date(out: &mut Vec<u8>) {
    out.extend_from_slice(b"Date: ");
    super::clock::append_date(out);
    out.extend_from_slice(b"\r\n");
}

/// service_unavailable answers a request for which no thread was to be had in time; beside the response: where its body begins.
pub(super) fn service_unavailable() -> (Vec<u8>, usize) {
    const TEXT: &[u8] = b"503 Service Unavailable";
    let mut out = b"HTTP/1.1 503 Service Unavailable\r\n".to_vec();
    put_date(&mut out);
    out.extend_from_slice(
        b"Content-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\nConnection: close\r\n",
    );
    out.extend_from_slice(b"Content-Length: 23\r\n\r\n");
    let body = out.len();
    out.extend_from_slice(TEXT);
    (out, body)
}

/// not_tls is Go's answer to plain HTTP where TLS is spoken.
pub(super) fn not_tls(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.0 400 Bad Request\r\n");
    put_date(out);
    out.extend_from_slice(b"\r\nClient sent an HTTP request to an HTTPS server.\n");
}

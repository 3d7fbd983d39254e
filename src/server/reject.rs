//! Answers to what is no valid request, in Go's words. The connection always ends after one.

use crate::h1::{Reject, encode};
use crate::message::request::{HTTP_10, HTTP_11, Version};

/// write appends the whole answer to a request that was refused before any handler saw it.
pub(super) fn write(out: &mut Vec<u8>, reject: &Reject, asked: Option<Version>) {
    if reject.text.is_empty() {
        // Go answers an unknown expectation through its response writer: with a date and an empty body.
        let old = asked.is_some_and(|v| v < HTTP_11);
        encode::status_line(out, if old { HTTP_10 } else { HTTP_11 }, reject.status);
        out.extend_from_slice(b"Connection: close\r\nDate: ");
        super::clock::append_date(out);
        out.extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
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
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    out.extend_from_slice(reject.text.as_bytes());
}

/// BUSY answers a request for which no thread was to be had in time.
pub(super) const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
Retry-After: 1\r\nConnection: close\r\nContent-Length: 23\r\n\r\n503 Service Unavailable";

//! What a head said about its message goes into the message's fields, and out of its header: as in Go, framing that
//! was understood is no part of the header, so that who forwards it cannot repeat it.

use super::framing::{Framing, RequestFacts, ResponseFacts};
use super::request::RequestLine;
use super::response::StatusLine;
use crate::message::header::Header;
use crate::message::request::{HTTP_11, Request};

/// describe_request fills a received request whose header was parsed.
pub fn describe_request(r: &mut Request, line: &RequestLine, facts: &RequestFacts) {
    r.method = line.method;
    r.target = line.target;
    r.host = facts.host;
    r.version = Some(line.version);
    r.close = !facts.keep_alive;
    (r.content_length, r.chunked) = match facts.framing {
        Framing::Length(n) => (i64::try_from(n).unwrap_or(i64::MAX), false),
        Framing::Chunked => (-1, true),
        _ => (0, false),
    };
    match facts.framing {
        Framing::Chunked => {
            r.header.del(b"Transfer-Encoding");
            // RFC 9112, 6.3: the coding overrides a length, which may be there to mislead whoever reads it.
            r.header.del(b"Content-Length");
            if facts.has_trailer_decl {
                r.header.del(b"Trailer");
            }
        }
        Framing::Length(_) => one_length(&mut r.header),
        _ => {}
    }
    if !line.authority.is_empty() && r.header.contains(b"Host") {
        // RFC 9112, 3.2.2: the target's host takes the field's place.
        let host = r.text(line.authority).to_vec();
        r.header.del(b"Host");
        r.header.add_unchecked(b"Host", &host);
    }
}

/// strip_framing takes the framing, and the end of the connection, out of a response's header; it answers which trailer
/// fields were announced.
pub fn strip_framing(header: &mut Header, line: &StatusLine, facts: &ResponseFacts) -> Option<Vec<u8>> {
    if facts.nothing_to_strip {
        return None;
    }
    header.del(b"Transfer-Encoding");
    let mut announced = None;
    if facts.chunked {
        header.del(b"Content-Length");
        announced = header.get(b"Trailer").map(<[u8]>::to_vec);
        header.del(b"Trailer");
    }
    one_length(header);
    if line.version >= HTTP_11 && header.has_token(b"Connection", b"close") {
        header.del(b"Connection");
    }
    announced
}

/// one_length leaves one of several Content-Length fields: all say the same (RFC 9110, 8.6).
fn one_length(header: &mut Header) {
    if header.values(b"Content-Length").nth(1).is_some() {
        let length = header.get(b"Content-Length").map(<[u8]>::to_vec).unwrap_or_default();
        header.del(b"Content-Length");
        header.add_unchecked(b"Content-Length", &length);
    }
}

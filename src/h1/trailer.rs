//! Trailer sections: read with a bound, and without the fields that have no place there.

use super::HeadScan;
use super::fields::{BadFields, FieldRules, MAX_REQUEST_FIELDS, parse_fields};
use crate::error::{Error, Kind};
use crate::message::header::Header;

/// The size of a trailer section: that of the buffer in which Go looks for its end.
const MAX_BYTES: usize = 4096;

/// TrailerReader collects the section, which comes in any number of pieces.
#[derive(Debug, Default)]
pub(super) struct TrailerReader {
    bytes: Vec<u8>,
    scan: HeadScan,
}

impl TrailerReader {
    /// feed takes as much of `input` as belongs to the section and says how much; the trailer comes with the
    /// last piece, `None` in it if there are no fields.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<Option<Header>>), Error> {
        let before = self.bytes.len();
        if before == 0 && input.starts_with(b"\r\n") {
            return Ok((2, Some(None)));
        }
        let room = (MAX_BYTES + 1).saturating_sub(before);
        let piece = input.get(..room).unwrap_or(input);
        self.bytes.extend_from_slice(piece);
        match self.scan.find(&self.bytes) {
            Some(end) if end <= MAX_BYTES => {
                self.bytes.truncate(end);
                let trailer = parse(std::mem::take(&mut self.bytes))?;
                Ok((end - before, Some(trailer)))
            }
            None if self.bytes.len() <= MAX_BYTES => Ok((piece.len(), None)),
            _ => Err(Error::new(Kind::TooLarge, "http: suspiciously long trailer after chunked body")),
        }
    }
}

fn parse(mut section: Vec<u8>) -> Result<Option<Header>, Error> {
    let mut h = Header::new();
    match parse_fields(&mut h, &mut section, 0, FieldRules::Strict, MAX_REQUEST_FIELDS) {
        Ok(()) => {}
        Err(BadFields::Malformed(text) | BadFields::SpaceInName(text)) => {
            return Err(Error::new(Kind::Protocol, text));
        }
        Err(BadFields::TooMany) => return Err(Error::new(Kind::TooLarge, "message too large")),
    }
    *h.store_mut().block_mut() = section;
    for name in FORBIDDEN {
        h.del(name);
    }
    Ok((!h.is_empty()).then_some(h))
}

/// What RFC 9110, 6.5.1 bars from trailers: framing, routing, request modifiers, authentication, response control
/// and the handling of content.
const FORBIDDEN: [&[u8]; 33] = [
    b"Transfer-Encoding",
    b"Content-Length",
    b"Trailer",
    b"Host",
    b"Connection",
    b"Keep-Alive",
    b"Proxy-Connection",
    b"Upgrade",
    b"TE",
    b"Content-Encoding",
    b"Content-Type",
    b"Content-Range",
    b"Cache-Control",
    b"Expect",
    b"Max-Forwards",
    b"Pragma",
    b"Range",
    b"If-Match",
    b"If-None-Match",
    b"If-Modified-Since",
    b"If-Unmodified-Since",
    b"If-Range",
    b"Authorization",
    b"Proxy-Authorization",
    b"Proxy-Authenticate",
    b"WWW-Authenticate",
    b"Cookie",
    b"Set-Cookie",
    b"Age",
    b"Expires",
    b"Location",
    b"Retry-After",
    b"Vary",
];

/// is_forbidden_in_trailer tells whether a field may not be sent as a trailer; received ones are dropped.
pub fn is_forbidden_in_trailer(name: &[u8]) -> bool {
    FORBIDDEN.iter().any(|n| n.eq_ignore_ascii_case(name))
}

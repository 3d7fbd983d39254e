//! How a message's body is framed, and whether its connection lasts (RFC 9112, 6 and 9.3).
//!
//! Go's choices are kept but where RFC 9112 has a MUST: a message with both Content-Length and Transfer-Encoding
//! ends its connection (6.1); so does Transfer-Encoding in HTTP/1.0, which Go ignores (6.1); a request whose last
//! coding is not chunked is 400 (6.3), all other unknown codings are Go's 501; a Host is demanded of CONNECT too,
//! and must be a host (3.2).

use super::fields::trim_ows;
use super::quote::{quote, quote_all};
use super::request::{Reject, RequestLine};
use super::response::StatusLine;
use super::target::valid_host;
use crate::error::{Error, Kind};
use crate::message::header::Header;
use crate::message::request::{HTTP_11, Version};
use crate::message::text::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// Exactly so many bytes; never 0.
    Length(u64),
    Chunked,
    /// Responses only: all until the peer closes.
    UntilClose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    pub framing: Framing,
    /// The peer permits another request on this connection.
    pub keep_alive: bool,
    /// A body is announced and the peer waits for 100 (RFC 9110, 10.1.1).
    pub expect_continue: bool,
    /// The target's authority, else the Host field's value; sealed; empty if there is neither.
    pub host: Span,
    /// A Trailer field announces trailers.
    pub has_trailer_decl: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseFacts {
    pub framing: Framing,
    /// The connection may be used again once the body was read.
    pub keep_alive: bool,
    /// As Go's `Response.ContentLength`: -1 is unknown; in answers to HEAD, what GET would have had.
    pub content_length: i64,
    /// The message names the coding `chunked`, whether a body follows or not.
    pub chunked: bool,
    /// The header has nothing that [`super::strip_framing`] takes out.
    pub nothing_to_strip: bool,
}

/// FramingFields is what the fields say that requests and responses have in common.
struct FramingFields {
    codings: FieldSummary,
    lengths: FieldSummary,
    close: bool,
    keep_alive: bool,
    trailer: bool,
}

/// FieldSummary is what there is under one name.
#[derive(Default)]
struct FieldSummary {
    count: usize,
    last: Span,
    differ: bool,
}

fn summarize(h: &Header, name: &[u8]) -> FieldSummary {
    let mut all = FieldSummary::default();
    for f in h.named(name) {
        all.differ |= all.count > 0 && h.store().get(all.last) != h.store().get(f.value);
        all.count += 1;
        all.last = f.value;
    }
    all
}

fn scan_fields(h: &Header) -> FramingFields {
    let (mut close, mut keep_alive) = (false, false);
    for value in h.values(b"Connection") {
        if value.eq_ignore_ascii_case(b"keep-alive") {
            // What most say needs no splitting.
            keep_alive = true;
            continue;
        }
        // Go looks for "close" between spaces as well, and for "keep-alive" between commas only.
        close |= value.split(|b| matches!(b, b',' | b' ' | b'\t')).any(|t| t.eq_ignore_ascii_case(b"close"));
        keep_alive |= value.split(|&b| b == b',').any(|t| trim_ows(t).eq_ignore_ascii_case(b"keep-alive"));
    }
    let (codings, lengths) = (summarize(h, b"Transfer-Encoding"), summarize(h, b"Content-Length"));
    FramingFields { codings, lengths, close, keep_alive, trailer: h.contains(b"Trailer") }
}

impl FramingFields {
    fn keeps_connection(&self, version: Version) -> bool {
        match version {
            Version { major: 0, .. } => false,
            Version { major: 1, minor: 0 } => self.keep_alive && !self.close,
            _ => !self.close,
        }
    }

    fn is_chunked(&self, h: &Header) -> bool {
        self.codings.count == 1 && h.store().get(self.codings.last).eq_ignore_ascii_case(b"chunked")
    }
}

/// request_facts checks all that Go's server checks between a request's head and its handler.
pub fn request_facts(h: &Header, line: &RequestLine) -> Result<RequestFacts, Reject> {
    let seen = scan_fields(h);
    let host = summarize(h, b"Host");
    if host.count > 1 {
        return Err(Reject::BAD_REQUEST);
    }
    if seen.codings.count > 0 && line.version < HTTP_11 {
        return Err(Reject::BAD_REQUEST);
    }
    let chunked = seen.is_chunked(h);
    if seen.codings.count > 0 && !chunked {
        let last =
            h.store().get(seen.codings.last).rsplit(|&b| b == b',').map(trim_ows).find(|c| !c.is_empty());
        let ends_chunked = last.is_some_and(|c| c.eq_ignore_ascii_case(b"chunked"));
        return Err(if ends_chunked { Reject::CODING } else { Reject::BAD_REQUEST });
    }
    if seen.lengths.differ {
        return Err(Reject::BAD_REQUEST);
    }
    let length = match seen.lengths.count {
        0 => 0,
        _ => content_length(h.store().get(seen.lengths.last)).ok_or(Reject::BAD_REQUEST)?,
    };
    if chunked && seen.trailer && forbidden_trailer(h).is_some() {
        return Err(Reject::BAD_REQUEST);
    }
    if line.version.major != 1 {
        let text = |s: Span| h.store().get(s);
        // The preface of HTTP/2 reaches the mux in Go, which answers so.
        let preface = text(line.method) == b"PRI" && text(line.target) == b"*" && line.version.major == 2;
        return Err(if preface { Reject::BAD_REQUEST } else { Reject::VERSION });
    }
    if host.count == 0 && line.version >= HTTP_11 {
        return Err(Reject::NO_HOST);
    }
    if !valid_host(h.store().get(host.last)) {
        return Err(Reject::BAD_HOST);
    }
    let framing = match length {
        _ if chunked => Framing::Chunked,
        0 => Framing::None,
        n => Framing::Length(n),
    };
    let mut expect_continue = false;
    if let Some(expect) = h.get(b"Expect").filter(|e| !e.is_empty()) {
        let mut words = expect.split(|b| matches!(b, b',' | b' ' | b'\t'));
        if !words.any(|w| w.eq_ignore_ascii_case(b"100-continue")) {
            return Err(Reject::EXPECTATION);
        }
        expect_continue = line.version >= HTTP_11 && framing != Framing::None;
    }
    Ok(RequestFacts {
        framing,
        keep_alive: seen.keeps_connection(line.version) && !(chunked && seen.lengths.count > 0),
        expect_continue,
        host: if line.authority.is_empty() { host.last } else { line.authority },
        has_trailer_decl: seen.trailer,
    })
}

/// response_facts follows RFC 9112, 6.3 and Go's `readTransfer`, whose texts its errors have. `connect` is true
/// in answers to CONNECT.
pub fn response_facts(
    request_is_head: bool,
    connect: bool,
    line: &StatusLine,
    h: &Header,
) -> Result<ResponseFacts, Error> {
    if connect && (200..300).contains(&line.code) {
        // From here on it is a tunnel, and both framing fields are to be ignored.
        return Ok(ResponseFacts {
            framing: Framing::None,
            keep_alive: false,
            content_length: -1,
            chunked: false,
            nothing_to_strip: false,
        });
    }
    let seen = scan_fields(h);
    let tidy = seen.codings.count == 0 && seen.lengths.count <= 1 && !seen.close;
    let lasts = seen.keeps_connection(line.version);
    // In HTTP/1.0 the framing is faulty if it names a coding, whatever the length says.
    let faulty = seen.codings.count > 0 && line.version < HTTP_11;
    let chunked = !faulty && seen.is_chunked(h);
    if seen.codings.count > 0 && !faulty && !chunked {
        return Err(protocol(match seen.codings.count {
            1 => format!("unsupported transfer encoding: {}", quote(h.store().get(seen.codings.last))),
            _ => format!("too many transfer encodings: {}", quote_all(h.values(b"Transfer-Encoding"))),
        }));
    }
    if seen.lengths.differ {
        return Err(protocol(format!(
            "http: message cannot contain multiple Content-Length headers; got {}",
            quote_all(h.values(b"Content-Length"))
        )));
    }
    let length = match seen.lengths.count {
        0 => None,
        _ => Some(
            content_length(h.store().get(seen.lengths.last))
                .ok_or_else(|| bad_length(h, seen.lengths.last))?,
        ),
    };
    if chunked
        && seen.trailer
        && let Some(name) = forbidden_trailer(h)
    {
        return Err(protocol(format!("bad trailer key {}", quote(name))));
    }
    let as_i64 = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1);
    if request_is_head || matches!(line.code, 100..=199 | 204 | 304) {
        let content_length = match request_is_head {
            true if chunked => -1,
            true => as_i64(length),
            false => 0,
        };
        let keep_alive = lasts && !faulty;
        return Ok(ResponseFacts {
            framing: Framing::None,
            keep_alive,
            content_length,
            chunked,
            nothing_to_strip: tidy,
        });
    }
    let framing = match length {
        _ if chunked => Framing::Chunked,
        _ if faulty => Framing::UntilClose,
        Some(0) => Framing::None,
        Some(n) => Framing::Length(n),
        None => Framing::UntilClose,
    };
    let both = chunked && seen.lengths.count > 0;
    Ok(ResponseFacts {
        framing,
        keep_alive: lasts && !both && framing != Framing::UntilClose,
        content_length: if chunked || faulty { -1 } else { as_i64(length) },
        chunked,
        nothing_to_strip: tidy,
    })
}

/// content_length takes digits only, up to 2^63 - 1.
fn content_length(value: &[u8]) -> Option<u64> {
    let mut n: u64 = 0;
    for b in value {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n = n.checked_mul(10)?.checked_add(digit)?;
    }
    (!value.is_empty() && n <= i64::MAX as u64).then_some(n)
}

fn bad_length(h: &Header, value: Span) -> Error {
    let what = if value.is_empty() { "invalid empty Content-Length" } else { "bad Content-Length" };
    protocol(format!("{what} {}", quote(h.store().get(value))))
}

/// forbidden_trailer finds, among the announced trailers, one that Go refuses to hear announced.
fn forbidden_trailer(h: &Header) -> Option<&'static [u8]> {
    const NAMES: [&[u8]; 3] = [b"Transfer-Encoding", b"Trailer", b"Content-Length"];
    h.values(b"Trailer")
        .flat_map(|v| v.split(|&b| b == b','))
        .find_map(|t| NAMES.into_iter().find(|n| trim_ows(t).eq_ignore_ascii_case(n)))
}

fn protocol(text: String) -> Error {
    Error::new(Kind::Protocol, text)
}

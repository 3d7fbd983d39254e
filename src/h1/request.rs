//! `parse_request`: the head of a request, in place.

use super::fields::{BadFields, FieldRules, MAX_REQUEST_FIELDS, parse_fields};
use super::target;
use crate::message::header::{Header, is_token};
use crate::message::request::Version;
use crate::message::text::Span;
use memchr::memchr;
use std::borrow::Cow;
use std::ops::Range;

/// RequestLine names the parts of the first line. All spans are sealed.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine {
    pub method: Span,
    pub target: Span,
    pub version: Version,
    /// The target's host and port in absolute form and for CONNECT, without userinfo; empty in all others.
    pub authority: Span,
}

/// Reject is the answer to a request that reaches no handler; the connection ends with it. `text` is the whole
/// body, as text/plain; where it is more than "code reason", Go's status line says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    pub status: u16,
    pub text: Cow<'static, str>,
}

impl Reject {
    const fn new(status: u16, text: &'static str) -> Reject {
        Reject { status, text: Cow::Borrowed(text) }
    }
    pub const BAD_REQUEST: Reject = Reject::new(400, "400 Bad Request");
    pub const HEADER_TOO_LARGE: Reject = Reject::new(431, "431 Request Header Fields Too Large");
    pub const NO_MEMORY: Reject = Reject::new(503, "503 Service Unavailable");
    pub(super) const BAD_NAME: Reject = Reject::new(400, "400 Bad Request: invalid header name");
    pub(super) const NO_HOST: Reject = Reject::new(400, "400 Bad Request: missing required Host header");
    pub(super) const BAD_HOST: Reject = Reject::new(400, "400 Bad Request: malformed Host header");
    pub(super) const CODING: Reject = Reject::new(501, "Unsupported transfer encoding");
    pub(super) const VERSION: Reject =
        Reject::new(505, "505 HTTP Version Not Supported: unsupported protocol version");
    /// Go answers this one with no body.
    pub(super) const EXPECTATION: Reject = Reject::new(417, "");
}

/// parse_request reads the head that lies at `start` of the block, `head_len` bytes with its empty line, as
/// [`super::HeadScan`] found it. Fields become spans of the block; the bytes behind all texts become NUL. Up to
/// 32 fields nothing is allocated. After a refusal the block is as good as garbage.
pub fn parse_request(h: &mut Header, start: usize, head_len: usize) -> Result<RequestLine, Reject> {
    parse_request_within(h, start, head_len, MAX_REQUEST_FIELDS)
}

/// parse_request_within is [`parse_request`] for a head of at most `max_fields` fields.
pub fn parse_request_within(
    h: &mut Header,
    start: usize,
    head_len: usize,
    max_fields: usize,
) -> Result<RequestLine, Reject> {
    let mut block = std::mem::take(h.store_mut().block_mut());
    let parsed = parse(h, &mut block, start, head_len, max_fields);
    *h.store_mut().block_mut() = block;
    let (first, authority) = parsed?;
    let text = |r: &Range<usize>| Span::block(start + r.start, r.len());
    let (method, target) = (text(&first.method), text(&first.target));
    h.store_mut().seal(method);
    h.store_mut().seal(target);
    let authority = match authority {
        Some(host) => h.store_mut().intern(&host),
        None => Span::default(),
    };
    Ok(RequestLine { method, target, version: first.version, authority })
}

struct FirstLine {
    method: Range<usize>,
    target: Range<usize>,
    version: Version,
    /// Where the host stands in the target.
    authority: Option<Range<usize>>,
    len: usize,
}

fn parse(
    h: &mut Header,
    block: &mut [u8],
    start: usize,
    head_len: usize,
    max_fields: usize,
) -> Result<(FirstLine, Option<Vec<u8>>), Reject> {
    let head = start.checked_add(head_len).and_then(|end| block.get_mut(start..end)).unwrap_or_default();
    let first = first_line(head)?;
    let authority = first.authority.clone().map(|r| {
        head.get(first.target.start + r.start..first.target.start + r.end).unwrap_or_default().to_vec()
    });
    let section = head.get_mut(first.len..).unwrap_or_default();
    match parse_fields(h, section, start + first.len, FieldRules::Strict, max_fields) {
        Ok(()) => Ok((first, authority)),
        Err(BadFields::TooMany) => Err(Reject::HEADER_TOO_LARGE),
        Err(BadFields::SpaceInName(_)) => Err(Reject::BAD_NAME),
        Err(BadFields::Malformed(_)) => Err(Reject::BAD_REQUEST),
    }
}

fn first_line(head: &[u8]) -> Result<FirstLine, Reject> {
    let bad = Reject::BAD_REQUEST;
    let Some(lf) = memchr(b'\n', head) else { return Err(bad) };
    let Some(line) = head.get(..lf).and_then(|l| l.strip_suffix(b"\r")) else { return Err(bad) };
    let Some(one) = line.iter().position(|&b| b == b' ') else { return Err(bad) };
    let rest = line.get(one + 1..).unwrap_or_default();
    let Some(two) = memchr(b' ', rest) else { return Err(bad) };
    let method = line.get(..one).unwrap_or_default();
    let target = rest.get(..two).unwrap_or_default();
    let Some(version) = parse_version(rest.get(two + 1..).unwrap_or_default()) else { return Err(bad) };
    if !is_token(method) {
        return Err(bad);
    }
    let Ok(authority) = target::check(method, target) else { return Err(bad) };
    Ok(FirstLine { method: 0..one, target: one + 1..one + 1 + two, version, authority, len: lf + 1 })
}

/// check_first_line refuses a request whose first line is whole and wrong before the rest of its head is there,
/// as Go does. `msg` begins with the line and may hold more.
pub fn check_first_line(msg: &[u8]) -> Result<(), Reject> {
    first_line(msg).map(|_| ())
}

/// parse_version reads "HTTP/" DIGIT "." DIGIT (RFC 9112, 2.3).
pub(super) fn parse_version(text: &[u8]) -> Option<Version> {
    match *text.strip_prefix(b"HTTP/")? {
        [major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            Some(Version { major: major - b'0', minor: minor - b'0' })
        }
        _ => None,
    }
}

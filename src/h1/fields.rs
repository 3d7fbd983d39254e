//! The field section of a head or a trailer, parsed by `httparse` into spans of the block it was read into.
//!
//! What the crate leaves open is decided here: line ends, obs-fold, space before the colon, how many fields.

use super::quote::quote;
use crate::message::header::{Header, is_tchar, is_value};
use crate::message::text::Span;
use httparse::{EMPTY_HEADER, Status};
use memchr::{memchr, memchr_iter};

/// The number of fields a request may have: Go's `DefaultMaxHeaderValueCount`.
pub const MAX_REQUEST_FIELDS: usize = 500;
/// The number of fields a response may have. Go bounds a response's head by bytes alone; a field costs several
/// times its bytes once it is parsed, so the bombs that this leaves room for are refused by number (as curl does).
pub const MAX_RESPONSE_FIELDS: usize = 5000;

/// Heads of up to this many fields are parsed without allocation; more would cost each of them the clearing.
const ON_STACK: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldRules {
    /// Requests and trailers: each line ends in CRLF, a name ends at its colon.
    Strict,
    /// Responses: bare LF ends a line, and space before the colon is dropped, as RFC 9112, 5.1 has proxies do.
    Lenient,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadFields {
    /// The text is Go's.
    Malformed(String),
    /// A name with spaces: Go parses these, and its server refuses them later, with a text of its own.
    SpaceInName(String),
    TooMany,
}

/// parse_fields reads the section that begins at `base` of the block and ends with its empty line. `section` is
/// that part of the block, which the caller has taken out of `h`. Names and values are sealed.
pub(super) fn parse_fields(
    h: &mut Header,
    section: &mut [u8],
    base: usize,
    rules: FieldRules,
    max: usize,
) -> Result<(), BadFields> {
    let first = h.fields().len();
    if !read(h, section, base, rules, max)? {
        let wrong = first_error(section, rules);
        let tidied = normalize(section, rules).and_then(|len| section.get(..len));
        let Some(tidied) = tidied else { return Err(wrong) };
        if !read(h, tidied, base, rules, max)? {
            return Err(wrong);
        }
    }
    for f in h.fields().get(first..).unwrap_or_default() {
        for span in [f.name, f.value] {
            if let Some(b) = span.end().checked_sub(base).and_then(|at| section.get_mut(at)) {
                *b = 0;
            }
        }
    }
    Ok(())
}

/// read says `false` if the section is not well-formed as it stands.
fn read(
    h: &mut Header,
    section: &[u8],
    base: usize,
    rules: FieldRules,
    max: usize,
) -> Result<bool, BadFields> {
    let mut few = [EMPTY_HEADER; ON_STACK];
    let mut many;
    let parsed = match httparse::parse_headers(section, &mut few) {
        Err(httparse::Error::TooManyHeaders) => {
            let lines = memchr_iter(b'\n', section).count();
            many = vec![EMPTY_HEADER; lines.min(max)];
            httparse::parse_headers(section, &mut many)
        }
        parsed => parsed,
    };
    let fields = match parsed {
        Ok(Status::Complete((len, fields))) if len == section.len() => fields,
        Err(httparse::Error::TooManyHeaders) => return Err(BadFields::TooMany),
        _ => return Ok(false),
    };
    if fields.len() > max {
        return Err(BadFields::TooMany);
    }
    let origin = section.as_ptr() as usize;
    let at = |text: &[u8]| text.as_ptr() as usize - origin;
    if rules == FieldRules::Strict {
        // The crate refuses a bare CR and takes a bare LF. Before each name, and before the end, stands the
        // LF of a line; before that must be CR.
        let cr = |end: usize| end.checked_sub(2).and_then(|i| section.get(i)) == Some(&b'\r');
        let inner = fields.iter().skip(1).all(|f| cr(at(f.name.as_bytes())));
        let last = cr(section.len()) && (fields.is_empty() || cr(section.len() - 2));
        if !inner || !last {
            return Ok(false);
        }
    }
    for f in fields {
        let name = Span::block(base + at(f.name.as_bytes()), f.name.len());
        h.push_block_field(name, Span::block(base + at(f.value), f.value.len()));
    }
    Ok(true)
}

/// normalize rewrites in place what may be rewritten, and gives the new length: an obs-fold becomes one space, as in
/// Go (RFC 9112, 5.2), and by lenient rules a name loses the space before its colon. `None`: it cannot help.
fn normalize(section: &mut [u8], rules: FieldRules) -> Option<usize> {
    let mut out: Vec<u8> = Vec::with_capacity(section.len());
    let mut changed = false;
    // Of the line that is being continued, if it is: a fold follows.
    let (mut named, mut folded) = (false, false);
    for line in section.split_inclusive(|&b| b == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let (text, end): (_, &[u8]) = match bare.strip_suffix(b"\r") {
            Some(text) => (text, b"\r\n"),
            None if rules == FieldRules::Strict => return None,
            None => (bare, b"\n"),
        };
        if memchr(b'\r', text).is_some() {
            // Trimmed, it could pass for a part of a line end.
            return None;
        }
        if matches!(text.first(), Some(b' ' | b'\t')) {
            // It continues a line whose name is whole, never the first line or a piece of a name.
            if !named {
                return None;
            }
            out.truncate(out.strip_suffix(b"\r\n").or(out.strip_suffix(b"\n"))?.len());
            if !folded {
                out.truncate(trim_ows_end(&out).len());
            }
            out.push(b' ');
            out.extend_from_slice(trim_ows(text));
            out.extend_from_slice(end);
            (changed, folded) = (true, true);
            continue;
        }
        let colon = memchr(b':', text);
        (named, folded) = (colon.is_some(), false);
        let (name, value) = colon.and_then(|at| text.split_at_checked(at)).unwrap_or((text, b""));
        let mut name = name;
        if rules == FieldRules::Lenient && named && name.last() == Some(&b' ') {
            while let [rest @ .., b' '] = name {
                name = rest;
            }
            changed = true;
            // Whoever sent or forwarded it may have taken it for the framing, or not.
            if [&b"Content-Length"[..], b"Transfer-Encoding"].iter().any(|n| name.eq_ignore_ascii_case(n)) {
                return None;
            }
        }
        for piece in [name, value, end] {
            out.extend_from_slice(piece);
        }
    }
    for (to, from) in section.iter_mut().zip(&out) {
        *to = *from;
    }
    changed.then_some(out.len())
}

/// first_error finds the first line that is wrong and says so as Go does.
fn first_error(section: &[u8], rules: FieldRules) -> BadFields {
    let mut spaced = None;
    for (i, line) in section.split(|&b| b == b'\n').enumerate() {
        let bare = line.strip_suffix(b"\r");
        let text = bare.unwrap_or(line);
        let malformed =
            |what: &str| BadFields::Malformed(format!("malformed MIME header{what}: {}", quoted(text)));
        if matches!(text.first(), Some(b' ' | b'\t')) {
            if i == 0 {
                return malformed(" initial line");
            }
            if !is_value(text) {
                return malformed(" line");
            }
            continue;
        }
        if text.is_empty() && (bare.is_some() || line.is_empty()) {
            continue;
        }
        let Some((name, value)) = memchr(b':', text).and_then(|at| text.split_at_checked(at)) else {
            return malformed(": missing colon");
        };
        let known = !name.is_empty() && name.iter().all(|&b| is_tchar(b) || b == b' ');
        if !known || !is_value(value) || (bare.is_none() && rules == FieldRules::Strict) {
            return malformed(" line");
        }
        if spaced.is_none() && name.contains(&b' ') {
            spaced = Some(format!("malformed MIME header line: {}", quoted(text)));
        }
    }
    match spaced {
        Some(text) => BadFields::SpaceInName(text),
        None => BadFields::Malformed("malformed MIME header line: \"\"".to_owned()),
    }
}

/// quoted is a line for an error, without what a field for credentials says.
fn quoted(line: &[u8]) -> String {
    const SECRET: [&[u8]; 5] =
        [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"authentication-info"];
    let end = line.iter().position(|&b| !is_tchar(b)).unwrap_or(line.len());
    match line.split_at_checked(end) {
        Some((name, _)) if SECRET.iter().any(|s| s.eq_ignore_ascii_case(name)) => {
            quote(&[name, b": ***"].concat())
        }
        _ => quote(trim_ows_end(line)),
    }
}

pub(super) fn trim_ows(s: &[u8]) -> &[u8] {
    trim_ows_end(trim_ows_start(s))
}

fn trim_ows_start(mut s: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = s {
        s = rest;
    }
    s
}

fn trim_ows_end(mut s: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = s {
        s = rest;
    }
    s
}

//! Content with a name, a time and a size, served whole or in ranges, or not at all (Go's `ServeContent`; RFC
//! 9110, 13 and 14).

use super::file_response::{Content, FileResponse, ResponsePart};
use super::mime;
use super::ranges::{self, Range, RangeError};
use crate::error::Result;
use crate::message::date;
use crate::message::header::Header;
use crate::message::request::Request;
use crate::message::sniff;
use crate::server::ResponseWriter;
use std::hash::{BuildHasher, RandomState};

/// serve_content answers a request with a content. `name` may tell its type; `modified` is Unix seconds, if they
/// are known.
pub fn serve_content(
    w: &mut ResponseWriter,
    r: &Request,
    name: &[u8],
    modified: Option<i64>,
    content: &mut dyn Content,
) -> Result<()> {
    prepare(w.header(), r, name, modified, content)?.send(w, Some(content))
}

/// prepare decides what a request for a content is answered; `h` may have what the handler says of it.
pub(super) fn prepare(
    h: &mut Header,
    r: &Request,
    name: &[u8],
    modified: Option<i64>,
    content: &mut dyn Content,
) -> Result<FileResponse> {
    set_last_modified(h, modified)?;
    let asked = match check(h, r, modified) {
        Precondition::Send(range) => range,
        Precondition::NotModified => return Ok(not_modified(h)),
        Precondition::Failed => return Ok(FileResponse::new(412, [])),
    };
    let media = match h.get(b"Content-Type") {
        Some(set) => set.to_vec(),
        None => {
            let found = match mime::by_name(name) {
                Some(known) => known.as_bytes().to_vec(),
                None => sniffed(content),
            };
            h.set(b"Content-Type", &found)?;
            found
        }
    };
    let size = content.size();
    let mut ranges = match ranges::parse(&asked, size) {
        Ok(ranges) => ranges,
        // Some clients send Range with each request: what is empty is sent whole.
        Err(RangeError::NoOverlap) if size == 0 => Vec::new(),
        Err(RangeError::NoOverlap) => {
            h.set(b"Content-Range", format!("bytes */{size}").as_bytes())?;
            return error(h, b"invalid range: failed to overlap", 416);
        }
        Err(RangeError::Invalid) => return error(h, b"invalid range", 416),
    };
    // An attack, or a client that knows no better (RFC 9110, 14.2).
    if ranges.iter().map(|r| r.len).fold(0, u64::saturating_add) > size {
        ranges.clear();
    }
    h.set(b"Accept-Ranges", b"bytes")?;
    let answer = match *ranges {
        [] => {
            // Middleware that compresses has said so, and knows the length itself.
            if h.get(b"Content-Encoding").is_none_or(<[u8]>::is_empty) {
                set_length(h, size)?;
            }
            FileResponse::new(200, [ResponsePart::Content { offset: 0, len: size }])
        }
        [one] => {
            h.set(b"Content-Range", one.text(size).as_bytes())?;
            set_length(h, one.len)?;
            FileResponse::new(206, [ResponsePart::Content { offset: one.start, len: one.len }])
        }
        _ => in_parts(h, &ranges, &media, size)?,
    };
    if r.text(r.method) == b"HEAD" {
        return Ok(FileResponse::new(answer.status, []));
    }
    Ok(answer)
}

fn in_parts(h: &mut Header, ranges: &[Range], media: &[u8], size: u64) -> Result<FileResponse> {
    let boundary: String =
        (0..4).map(|i: u32| format!("{:015x}", RandomState::new().hash_one(i) >> 4)).collect();
    let mut whole = 0;
    let mut parts = Vec::new();
    for (i, range) in ranges.iter().enumerate() {
        let line_end = if i == 0 { "" } else { "\r\n" };
        let mut intro =
            format!("{line_end}--{boundary}\r\nContent-Range: {}\r\n", range.text(size)).into_bytes();
        intro.extend_from_slice(b"Content-Type: ");
        intro.extend_from_slice(media);
        intro.extend_from_slice(b"\r\n\r\n");
        whole += intro.len() as u64 + range.len;
        parts.push(ResponsePart::text(intro));
        parts.push(ResponsePart::Content { offset: range.start, len: range.len });
    }
    let end = format!("\r\n--{boundary}--\r\n").into_bytes();
    set_length(h, whole + end.len() as u64)?;
    parts.push(ResponsePart::text(end));
    h.set(b"Content-Type", format!("multipart/byteranges; boundary={boundary}").as_bytes())?;
    Ok(FileResponse::new(206, parts))
}

fn sniffed(content: &mut dyn Content) -> Vec<u8> {
    let mut first = [0; sniff::LOOKED_AT];
    let mut have = 0;
    while let Some(room) = first.get_mut(have..).filter(|r| !r.is_empty()) {
        match content.read_at(have as u64, room) {
            Ok(n) if n > 0 => have += n,
            // What cannot be read is found when it is sent.
            _ => break,
        }
    }
    sniff::detect(first.get(..have).unwrap_or_default()).to_bytes().to_vec()
}

fn set_length(h: &mut Header, n: u64) -> Result<()> {
    h.set(b"Content-Length", n.to_string().as_bytes())
}

pub(super) fn set_last_modified(h: &mut Header, modified: Option<i64>) -> Result<()> {
    match modified {
        Some(at) => h.set(b"Last-Modified", &date::format(at)),
        None => Ok(()),
    }
}

/// error answers an error without what was meant for the content.
pub(super) fn error(h: &mut Header, text: &[u8], code: u16) -> Result<FileResponse> {
    for name in [&b"Cache-Control"[..], b"Content-Encoding", b"Etag", b"Last-Modified"] {
        h.del(name);
    }
    FileResponse::error(h, text, code)
}

pub(super) fn not_modified(h: &mut Header) -> FileResponse {
    for name in [&b"Content-Type"[..], b"Content-Length", b"Content-Encoding"] {
        h.del(name);
    }
    if h.get(b"Etag").is_some_and(|e| !e.is_empty()) {
        h.del(b"Last-Modified");
    }
    FileResponse::new(304, [])
}

enum Precondition {
    /// The Range field that counts, or nothing.
    Send(Vec<u8>),
    NotModified,
    Failed,
}

/// check is RFC 9110, 13.2.2, in its order.
fn check(h: &Header, r: &Request, modified: Option<i64>) -> Precondition {
    let field = |name: &[u8]| r.header.get(name).filter(|v| !v.is_empty());
    let etag = h.get(b"Etag").unwrap_or_default();
    let reads = matches!(r.text(r.method), b"GET" | b"HEAD");
    let holds = match field(b"If-Match") {
        Some(list) => any_tag(list, |tag| strong_match(tag, etag)),
        None => times(field(b"If-Unmodified-Since"), modified).is_none_or(|(then, now)| now <= then),
    };
    if !holds {
        return Precondition::Failed;
    }
    match field(b"If-None-Match") {
        Some(list) if any_tag(list, |tag| without_weak(tag) == without_weak(etag)) => {
            return if reads { Precondition::NotModified } else { Precondition::Failed };
        }
        None if !is_modified_since(r, modified) => return Precondition::NotModified,
        _ => {}
    }
    let range = r.header.get(b"Range").unwrap_or_default();
    let counts = match field(b"If-Range").filter(|_| reads && !range.is_empty()) {
        None => true,
        Some(value) => match scan_tag(value) {
            Some((tag, _)) => strong_match(tag, etag),
            None => times(Some(value), modified).is_some_and(|(then, now)| now == then),
        },
    };
    Precondition::Send(if counts { range.to_vec() } else { Vec::new() })
}

/// is_modified_since is false where If-Modified-Since says that the peer has it.
pub(super) fn is_modified_since(r: &Request, modified: Option<i64>) -> bool {
    if !matches!(r.text(r.method), b"GET" | b"HEAD") {
        return true;
    }
    times(r.header.get(b"If-Modified-Since"), modified).is_none_or(|(then, now)| now > then)
}

/// times is a field's time and the content's; `None` if either is not known.
fn times(field: Option<&[u8]>, modified: Option<i64>) -> Option<(i64, i64)> {
    Some((date::parse(field?)?, modified?))
}

/// any_tag tells whether a list has `*`, or a tag for which `matches`; it ends at what is no tag.
fn any_tag(list: &[u8], matches: impl Fn(&[u8]) -> bool) -> bool {
    let mut rest = list;
    loop {
        rest = rest.trim_ascii();
        match rest {
            [] => return false,
            [b',', behind @ ..] => rest = behind,
            [b'*', ..] => return true,
            _ => match scan_tag(rest) {
                Some((tag, _)) if matches(tag) => return true,
                Some((_, behind)) => rest = behind,
                None => return false,
            },
        }
    }
}

/// scan_tag splits an entity tag off (RFC 9110, 8.8.3).
fn scan_tag(s: &[u8]) -> Option<(&[u8], &[u8])> {
    let s = s.trim_ascii();
    let quote = if s.starts_with(b"W/") { 2 } else { 0 };
    let inside = s.get(quote..)?.strip_prefix(b"\"")?;
    let len = inside.iter().position(|&b| !(b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80))?;
    if inside.get(len) != Some(&b'"') {
        return None;
    }
    s.split_at_checked(quote + 1 + len + 1)
}

fn strong_match(a: &[u8], b: &[u8]) -> bool {
    a == b && a.starts_with(b"\"")
}

fn without_weak(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        assert_eq!(scan_tag(b" \"a\" , x"), Some((&b"\"a\""[..], &b" , x"[..])));
        assert_eq!(scan_tag(b"W/\"\""), Some((&b"W/\"\""[..], &b""[..])));
        for bad in [&b"a"[..], b"\"a", b"w/\"a\"", b"\"a b\"", b"W/", b""] {
            assert_eq!(scan_tag(bad), None, "{bad:?}");
        }
        let has = |list: &str| any_tag(list.as_bytes(), |t| strong_match(t, b"\"x\""));
        assert!(has("\"x\"") && has(", \"a\", \"x\"") && has("\"a\" *"));
        assert!(!has("W/\"x\"") && !has("a, \"x\"") && !has(""));
        assert!(!strong_match(b"W/\"x\"", b"W/\"x\""));
    }
}

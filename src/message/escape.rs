//! Percent and HTML escaping: which bytes stand for themselves in which part of a URL, as Go's `url` and
//! `html` have it (RFC 3986, 2).

use crate::error::{Result, invalid};
use crate::memory;
use std::borrow::Cow;

/// UrlPart is the place in a URL that text is escaped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlPart {
    /// A whole path: `/` separates.
    Path,
    /// One segment of a path: `/`, `;` and `,` are escaped.
    Segment,
    Host,
    /// The zone of an IPv6 literal (RFC 6874).
    Zone,
    UserInfo,
    /// A key or a value of a query or a form: a space is `+`.
    Query,
    Fragment,
}

/// is_literal tells whether a byte stands for itself in that part.
pub fn is_literal(b: u8, part: UrlPart) -> bool {
    if b.is_ascii_alphanumeric() {
        return true;
    }
    match b {
        b'-' | b'_' | b'.' | b'~' => true,
        b'!' | b'(' | b')' | b'*' => matches!(part, UrlPart::Host | UrlPart::Zone | UrlPart::Fragment),
        b'\'' | b'"' | b'<' | b'>' | b'[' | b']' => matches!(part, UrlPart::Host | UrlPart::Zone),
        b'$' | b'&' | b'+' | b'=' => part != UrlPart::Query,
        b':' => !matches!(part, UrlPart::Query | UrlPart::UserInfo),
        b',' | b';' => !matches!(part, UrlPart::Query | UrlPart::Segment),
        b'/' => matches!(part, UrlPart::Path | UrlPart::Fragment),
        b'@' => matches!(part, UrlPart::Path | UrlPart::Segment | UrlPart::Fragment),
        b'?' => part == UrlPart::Fragment,
        _ => false,
    }
}

/// escape writes every byte that is not literal in `part` as `%XX`.
pub fn escape(s: &[u8], part: UrlPart) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    escape_to(&mut out, s, part);
    out
}

/// escape_to is [`escape`] that appends.
pub fn escape_to(out: &mut Vec<u8>, s: &[u8], part: UrlPart) {
    for &b in s {
        if is_literal(b, part) {
            out.push(b);
        } else if b == b' ' && part == UrlPart::Query {
            out.push(b'+');
        } else {
            out.extend_from_slice(&[b'%', hex(b >> 4), hex(b & 15)]);
        }
    }
}

/// unescape undoes [`escape`]; a `%` without two hex digits behind it is an error. In a host only bytes from
/// 0x80 on and `%25` may be escaped (RFC 3986, 3.2.2; RFC 6874), and nothing else may stand there.
pub fn unescape(s: &[u8], part: UrlPart) -> Result<Cow<'_, [u8]>> {
    if is_plain(s, part) {
        return Ok(Cow::Borrowed(s));
    }
    unescape_within(Vec::with_capacity(s.len()), s, part)
}

/// try_unescape is unescape, for what a peer sends: memory that cannot be had is an error.
pub fn try_unescape(s: &[u8], part: UrlPart) -> Result<Cow<'_, [u8]>> {
    if is_plain(s, part) {
        return Ok(Cow::Borrowed(s));
    }
    let mut out = Vec::new();
    memory::grow_exact(&mut out, s.len())?;
    unescape_within(out, s, part)
}

fn is_plain(s: &[u8], part: UrlPart) -> bool {
    !matches!(part, UrlPart::Host | UrlPart::Zone)
        && memchr::memchr2(b'%', if part == UrlPart::Query { b'+' } else { b'%' }, s).is_none()
}

fn unescape_within(mut out: Vec<u8>, s: &[u8], part: UrlPart) -> Result<Cow<'_, [u8]>> {
    let host = matches!(part, UrlPart::Host | UrlPart::Zone);
    let mut rest = s;
    while let Some((&b, tail)) = rest.split_first() {
        match b {
            b'%' => {
                let (value, after) = match tail {
                    [h, l, after @ ..] if h.is_ascii_hexdigit() && l.is_ascii_hexdigit() => {
                        (unhex(*h) << 4 | unhex(*l), after)
                    }
                    _ => return Err(bad_escape(rest)),
                };
                let allowed = match part {
                    UrlPart::Host => value >= 0x80 || value == b'%',
                    // Windows has zones with spaces in them.
                    UrlPart::Zone => value == b'%' || value == b' ' || is_literal(value, UrlPart::Host),
                    _ => true,
                };
                if !allowed {
                    return Err(bad_escape(rest));
                }
                out.push(value);
                rest = after;
                continue;
            }
            b'+' if part == UrlPart::Query => out.push(b' '),
            _ if host && b < 0x80 && !is_literal(b, part) => {
                return Err(invalid(format!("invalid character {} in host name", quote(&[b]))));
            }
            _ => out.push(b),
        }
        rest = tail;
    }
    Ok(Cow::Owned(out))
}

/// html makes text safe inside HTML and its quoted attributes, with Go's choice of entities.
pub fn html(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for &b in s {
        match b {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            _ => out.push(b),
        }
    }
    out
}

/// quote is Go's `%q`: how outside text is shown in messages, with nothing in it that a terminal obeys.
pub fn quote(s: &[u8]) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for chunk in s.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x0b' => out.push_str("\\v"),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
                c if is_invisible(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
                c => out.push(c),
            }
        }
        for b in chunk.invalid() {
            out.push_str(&format!("\\x{b:02x}"));
        }
    }
    out.push('"');
    out
}

/// is_invisible finds what is neither printed nor harmless: C1 controls, spaces but U+0020, text direction
/// marks, the byte order mark.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c != ' ' && c.is_whitespace())
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn bad_escape(at: &[u8]) -> crate::error::Error {
    invalid(format!("invalid URL escape {}", quote(at.get(..3).unwrap_or(at))))
}

fn hex(n: u8) -> u8 {
    if n < 10 { b'0' + n } else { b'A' + n - 10 }
}

fn unhex(b: u8) -> u8 {
    match b {
        b'0'..=b'9' => b - b'0',
        b'a'..=b'f' => b - b'a' + 10,
        b'A'..=b'F' => b - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for part in [UrlPart::Path, UrlPart::Segment, UrlPart::UserInfo, UrlPart::Query, UrlPart::Fragment] {
            let escaped = escape(&all, part);
            assert!(escaped.iter().all(|b| (0x21..0x7f).contains(b)));
            assert_eq!(&*unescape(&escaped, part).unwrap(), &all[..], "{part:?}");
        }
    }

    #[test]
    fn query_and_path_differ_as_in_go() {
        assert_eq!(escape(b"a b&c=d/e+f", UrlPart::Query), b"a+b%26c%3Dd%2Fe%2Bf");
        assert_eq!(escape(b"a b&c=d/e+f", UrlPart::Segment), b"a%20b&c=d%2Fe+f");
        assert_eq!(&*unescape(b"a+b%2b", UrlPart::Query).unwrap(), b"a b+");
        assert_eq!(&*unescape(b"a+b%2b", UrlPart::Segment).unwrap(), b"a+b+");
    }

    #[test]
    fn bad_escapes_are_named() {
        for (s, want) in [
            (&b"%"[..], "\"%\""),
            (b"a%1", "\"%1\""),
            (b"%zz", "\"%zz\""),
            (b"123%45%6", "\"%6\""),
            (b"%x\nab", "\"%x\\n\""),
        ] {
            let e = unescape(s, UrlPart::Path).unwrap_err();
            assert_eq!(e.message(), format!("invalid URL escape {want}"));
        }
    }

    #[test]
    fn hosts_are_strict() {
        assert!(unescape(b"a b", UrlPart::Host).is_err());
        assert!(unescape(b"%41", UrlPart::Host).is_err());
        assert_eq!(&*unescape(b"%c3%a4", UrlPart::Host).unwrap(), "ä".as_bytes());
        assert!(unescape(b"a%0a", UrlPart::Zone).is_err());
    }

    #[test]
    fn html_and_quotes() {
        assert_eq!(html(b"<a href=\"x\">'&'"), b"&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;");
        assert_eq!(
            quote(b"a\"\\\n\x00\x7f\xff\xc3\xa4\xe2\x80\xae"),
            "\"a\\\"\\\\\\n\\x00\\x7f\\xff\u{e4}\\u202e\""
        );
    }
}

//! Media types and dispositions with their parameters (RFC 2045, 5.1; RFC 2183), with the rules of Go's
//! `ParseMediaType`.

use super::escape::{Part, unescape};
use super::header::{is_tchar, is_token};
use crate::error::{Result, invalid};

/// Media is `type; name=value`: the type and the names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    pub kind: Vec<u8>,
    pub params: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Media {
    pub fn parse(value: &[u8]) -> Result<Media> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let kind = value.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase();
        if kind.is_empty() {
            return Err(invalid("mime: no media type"));
        }
        if !kind.splitn(2, |&b| b == b'/').all(is_token) {
            return Err(invalid("mime: unexpected content in media type"));
        }
        let mut media = Media { kind, params: Vec::new() };
        let mut rest = value.get(end..).unwrap_or_default();
        while !rest.is_empty() {
            rest = rest.trim_ascii_start();
            if rest.is_empty() || rest == b";" {
                break;
            }
            let (name, param, behind) =
                param(rest).ok_or_else(|| invalid("mime: invalid media parameter"))?;
            media.add(name, param)?;
            rest = behind;
        }
        Ok(media)
    }

    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| &**v)
    }

    /// add takes `name*` of RFC 8187 for `name`, before which it goes.
    fn add(&mut self, name: Vec<u8>, value: Vec<u8>) -> Result<()> {
        let (name, value, extended) = match name.strip_suffix(b"*") {
            Some(base) => match extended(&value) {
                Some(v) => (base.to_vec(), v, true),
                None => return Ok(()),
            },
            None => (name, value, false),
        };
        match self.params.iter_mut().find(|(n, _)| *n == name) {
            Some(known) if extended => known.1 = value,
            Some(known) if known.1 == value => {}
            Some(_) => return Err(invalid("mime: duplicate parameter name")),
            None => self.params.push((name, value)),
        }
        Ok(())
    }
}

type Param<'a> = (Vec<u8>, Vec<u8>, &'a [u8]);

/// param reads `; name=value` and what stands behind it.
fn param(s: &[u8]) -> Option<Param<'_>> {
    let s = s.strip_prefix(b";")?.trim_ascii_start();
    let len = s.iter().position(|&b| !is_tchar(b)).filter(|n| *n > 0)?;
    let (name, rest) = s.split_at_checked(len)?;
    let rest = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (value, rest) = match rest.strip_prefix(b"\"") {
        Some(quoted) => unquote(quoted)?,
        None => {
            let len = rest.iter().position(|&b| !is_tchar(b)).unwrap_or(rest.len());
            let (token, rest) = rest.split_at_checked(len).filter(|_| len > 0)?;
            (token.to_vec(), rest)
        }
    };
    Some((name.to_ascii_lowercase(), value, rest))
}

/// unquote reads up to the closing quote. A backslash stands for itself but before what must be escaped: some
/// clients send paths of Windows as they are.
fn unquote(s: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut out, mut i) = (Vec::new(), 0);
    loop {
        match *s.get(i)? {
            b'"' => return Some((out, s.get(i + 1..)?)),
            b'\\' if s.get(i + 1).is_some_and(|b| b"()<>@,;:\\\"/[]?=".contains(b)) => {
                out.push(*s.get(i + 1)?);
                i += 2;
            }
            b'\r' | b'\n' => return None,
            b => {
                out.push(b);
                i += 1;
            }
        }
    }
}

/// extended decodes `UTF-8'en'a%20b`.
fn extended(value: &[u8]) -> Option<Vec<u8>> {
    let mut pieces = value.splitn(3, |&b| b == b'\'');
    let (charset, _, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let known = charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"us-ascii");
    unescape(text, Part::Path).ok().filter(|_| known).map(|t| t.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media() {
        let m = |s: &str| {
            Media::parse(s.as_bytes()).map(|m| {
                let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
                (text(&m.kind), m.params.iter().map(|(n, v)| (text(n), text(v))).collect::<Vec<_>>())
            })
        };
        let one = |k: &str, n: &str, v: &str| (k.to_owned(), vec![(n.to_owned(), v.to_owned())]);
        assert_eq!(m("Form-Data; NAME=x").unwrap(), one("form-data", "name", "x"));
        assert_eq!(m("form-data ; name = \"a\\\"b\" ;").unwrap(), one("form-data", "name", "a\"b"));
        assert_eq!(m("a/b; filename=\"C:\\dir\\x\"").unwrap(), one("a/b", "filename", "C:\\dir\\x"));
        assert_eq!(m("a; f=x; f*=utf-8''%e2%82%ac").unwrap(), one("a", "f", "\u{20ac}"));
        assert_eq!(m("a; f*=x").unwrap(), ("a".to_owned(), vec![]));
        for bad in ["", ";", "a b", "a; x", "a; x=", "a; x=\"y", "a; x=1; x=2", "a; =y", "a/", "a; x=y z"] {
            assert!(m(bad).is_err(), "{bad}");
        }
    }
}

//! Media types and dispositions with their parameters (RFC 2045, 5.1; RFC 2183), with the rules of Go's
//! `ParseMediaType`.

use super::escape::{UrlPart, unescape};
use super::header::{is_tchar, is_token};
use crate::error::{Result, invalid};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// MAX_PARAMS is more than any type has; what is longer is an attack.
const MAX_PARAMS: usize = 200;

/// MediaType is `type; name=value`: the type and the names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaType {
    pub kind: Vec<u8>,
    params: HashMap<Vec<u8>, Vec<u8>>,
}

impl MediaType {
    pub fn parse(value: &[u8]) -> Result<MediaType> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let kind = value.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase();
        if kind.is_empty() {
            return Err(invalid("mime: no media type"));
        }
        if !kind.splitn(2, |&b| b == b'/').all(is_token) {
            return Err(invalid("mime: unexpected content in media type"));
        }
        let mut said = HashMap::new();
        let mut rest = value.get(end..).unwrap_or_default();
        while !rest.is_empty() {
            rest = rest.trim_ascii_start();
            if rest.is_empty() || rest == b";" {
                break;
            }
            let (name, param, behind) =
                param(rest).ok_or_else(|| invalid("mime: invalid media parameter"))?;
            if said.len() == MAX_PARAMS {
                return Err(invalid("mime: too many media parameters"));
            }
            match said.entry(name) {
                Entry::Vacant(place) => drop(place.insert(param)),
                Entry::Occupied(known) if *known.get() == param => {}
                Entry::Occupied(_) => return Err(invalid("mime: duplicate parameter name")),
            }
            rest = behind;
        }
        Ok(MediaType { kind, params: joined(said) })
    }

    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.params.get(name).map(Vec::as_slice)
    }
}

/// joined puts what RFC 2231 has spread over several parameters into one: `name*` and `name*0`, `name*1*`. It goes before
/// a plain one of that name, wherever that stands.
fn joined(mut said: HashMap<Vec<u8>, Vec<u8>>) -> HashMap<Vec<u8>, Vec<u8>> {
    let base = |name: &Vec<u8>| Some(name.get(..memchr::memchr(b'*', name)?)?.to_vec());
    let bases: HashSet<Vec<u8>> = said.keys().filter_map(base).collect();
    for base in bases {
        if let Some(value) = extended_value(&said, &base) {
            said.insert(base, value);
        }
    }
    said.retain(|name, _| !name.contains(&b'*'));
    said
}

fn extended_value(said: &HashMap<Vec<u8>, Vec<u8>>, base: &[u8]) -> Option<Vec<u8>> {
    let named = |suffix: &str| said.get(&[base, suffix.as_bytes()].concat());
    if let Some(whole) = named("*") {
        return extended(whole);
    }
    let mut all = Vec::new();
    for i in 0.. {
        match (named(&format!("*{i}")), named(&format!("*{i}*"))) {
            (Some(plain), _) => all.extend_from_slice(plain),
            // The first piece names the charset of all.
            (None, Some(piece)) if i == 0 => all.extend(extended(piece)?),
            (None, Some(piece)) => all.extend_from_slice(&unescape(piece, UrlPart::Path).ok()?),
            (None, None) if i == 0 => return None,
            (None, None) => break,
        }
    }
    Some(all)
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
    unescape(text, UrlPart::Path).ok().filter(|_| known).map(|t| t.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(s: &str) -> Result<String> {
        let m = MediaType::parse(s.as_bytes())?;
        let mut all: Vec<_> = m.params.iter().collect();
        all.sort();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let params = all.into_iter().map(|(n, v)| format!("; {}={}", text(n), text(v)));
        Ok(text(&m.kind) + &params.collect::<String>())
    }

    #[test]
    fn media() {
        for (value, want) in [
            ("Form-Data; NAME=x", "form-data; name=x"),
            ("form-data ; name = \"a\\\"b\" ;", "form-data; name=a\"b"),
            ("a/b; filename=\"C:\\dir\\x\"", "a/b; filename=C:\\dir\\x"),
            ("a; f=x; f*=utf-8''%e2%82%ac", "a; f=\u{20ac}"),
            ("a; f*=utf-8''%e2%82%ac; f=x", "a; f=\u{20ac}"),
            ("a; f*=x", "a"),
            ("a; f*=x; f=y", "a; f=y"),
            ("a; x=1; x=1", "a; x=1"),
            ("a; f*0=x; f*1=\" y\"; f*3=z", "a; f=x y"),
            ("a; f*1*=%20y; f*0*=UTF-8'en'%e2; f*2=\"%20\"; f=no", "a; f=\u{fffd} y%20"),
            ("a; f*1=x", "a"),
            ("a; f*0*=latin-9'x'y; f=z", "a; f=z"),
        ] {
            assert_eq!(read(value).unwrap(), want, "{value}");
        }
        for bad in ["", ";", "a b", "a; x", "a; x=", "a; x=\"y", "a; x=1; x=2", "a; =y", "a/", "a; x=y z"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let many = |n: usize| format!("a{}", (0..n).map(|i| format!("; p{i}=1")).collect::<String>());
        assert!(read(&many(MAX_PARAMS)).is_ok());
        let e = read(&many(MAX_PARAMS + 1)).unwrap_err();
        assert_eq!(e.message(), "mime: too many media parameters");
    }
}

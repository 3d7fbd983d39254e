//! `Values`: the keys and values of a query or a form, with the rules of Go's `url.Values`.
//!
//! The order of the text is kept for iteration; lookups see keys with regard to case.

use super::cursor::IndexCursor;
use super::escape::{self, UrlPart, escape_to, unescape};
use crate::error::{Error, Kind, Result, invalid};
use crate::memory;
use std::borrow::Cow;

/// MAX_PARAMS is Go's limit of pairs in one query, against floods of tiny ones.
pub const MAX_PARAMS: usize = 10_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    pairs: Vec<(NulText, NulText)>,
    cursor: IndexCursor,
}

/// NulText is a decoded key or value; it may hold NULs, and a last one stands behind it for C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NulText(Box<[u8]>);

impl NulText {
    fn new(s: &[u8]) -> NulText {
        NulText::within(Vec::with_capacity(s.len() + 1), s)
    }

    fn try_new(s: &[u8]) -> Result<NulText> {
        let mut bytes = Vec::new();
        memory::grow_exact(&mut bytes, s.len() + 1)?;
        Ok(NulText::within(bytes, s))
    }

    fn within(mut bytes: Vec<u8>, s: &[u8]) -> NulText {
        bytes.extend_from_slice(s);
        bytes.push(0);
        NulText(bytes.into_boxed_slice())
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.split_last().map_or(&[], |(_, bytes)| bytes)
    }

    pub fn with_nul(&self) -> &[u8] {
        &self.0
    }
}

impl Values {
    pub fn new() -> Values {
        Values::default()
    }

    /// parse gives all pairs that are well-formed, and an error if some were not: that of a semicolon, which
    /// proxies and servers split at differently, else that of the first bad escape. Too many pairs give none.
    pub fn parse(raw: &[u8]) -> (Values, Option<Error>) {
        let mut values = Values::new();
        let error = values.parse_into(raw).err();
        (values, error)
    }

    /// parse_into appends what [`Values::parse`] finds.
    pub fn parse_into(&mut self, raw: &[u8]) -> Result<()> {
        if raw.iter().filter(|&&b| b == b'&').count() >= MAX_PARAMS {
            return Err(Error::new(Kind::TooLarge, "number of URL query parameters exceeded limit"));
        }
        let mut first = Ok(());
        for pair in raw.split(|&b| b == b'&').filter(|p| !p.is_empty()) {
            match decode_pair(pair, escape::try_unescape) {
                Ok((key, value)) => self.try_add(&key, &value)?,
                Err(e) if e.kind() == Kind::NoResources => return Err(e),
                Err(e) if first.is_ok() || pair.contains(&b';') => first = Err(e),
                Err(_) => {}
            }
        }
        first
    }

    /// get is the first value under `key`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.nth(key, 0).map(NulText::bytes)
    }

    /// nth is the `index`-th value under `key`.
    pub fn nth(&self, key: &[u8], index: usize) -> Option<&NulText> {
        let is_key = |at: usize| self.pairs.get(at).is_some_and(|(k, _)| k.bytes() == key);
        let (from, before) = self.cursor.start(index, is_key);
        let rest = self.pairs.iter().enumerate().skip(from);
        let (at, (_, value)) = rest.filter(|(_, (k, _))| k.bytes() == key).nth(index - before)?;
        self.cursor.found(index, at);
        Some(value)
    }

    /// all are the values under `key`, in order.
    pub fn all<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.pairs.iter().filter(move |(k, _)| k.bytes() == key).map(|(_, v)| v.bytes())
    }

    pub fn has(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.pairs.push((NulText::new(key), NulText::new(value)));
    }

    /// try_add is add, for what a peer sends.
    pub fn try_add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        memory::grow(&mut self.pairs, 1)?;
        self.pairs.push((NulText::try_new(key)?, NulText::try_new(value)?));
        Ok(())
    }

    /// try_clone is clone, for what a peer sends.
    pub fn try_clone(&self) -> Result<Values> {
        let mut copy = Values::new();
        memory::grow_exact(&mut copy.pairs, self.pairs.len())?;
        for (key, value) in &self.pairs {
            copy.try_add(key.bytes(), value.bytes())?;
        }
        Ok(copy)
    }

    /// set replaces all values under `key` by one, at the place of the first.
    pub fn set(&mut self, key: &[u8], value: &[u8]) {
        let mut done = false;
        self.cursor.clear();
        self.pairs.retain_mut(|(k, v)| {
            if k.bytes() != key {
                return true;
            }
            if !done {
                *v = NulText::new(value);
            }
            !std::mem::replace(&mut done, true)
        });
        if !done {
            self.add(key, value);
        }
    }

    /// del removes all values under `key` and says whether there were any.
    pub fn del(&mut self, key: &[u8]) -> bool {
        let before = self.pairs.len();
        self.cursor.clear();
        self.pairs.retain(|(k, _)| k.bytes() != key);
        self.pairs.len() != before
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub fn at(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.text_at(index).map(|(k, v)| (k.bytes(), v.bytes()))
    }

    pub fn text_at(&self, index: usize) -> Option<(&NulText, &NulText)> {
        self.pairs.get(index).map(|(k, v)| (k, v))
    }

    /// append moves the pairs of `other` behind these.
    pub fn append(&mut self, mut other: Values) {
        self.pairs.append(&mut other.pairs);
    }

    /// encode gives `key=value&...` sorted by key; values of one key stay in their order.
    pub fn encode(&self) -> Vec<u8> {
        let mut sorted: Vec<_> = self.pairs.iter().collect();
        sorted.sort_by(|a, b| a.0.bytes().cmp(b.0.bytes()));
        let mut out = Vec::new();
        for (key, value) in sorted {
            if !out.is_empty() {
                out.push(b'&');
            }
            escape_to(&mut out, key.bytes(), UrlPart::Query);
            out.push(b'=');
            escape_to(&mut out, value.bytes(), UrlPart::Query);
        }
        out
    }
}

/// lookup finds the first value of one key in a raw query without building [`Values`]; it sees the same.
pub fn lookup<'a>(raw: &'a [u8], key: &[u8]) -> Option<Cow<'a, [u8]>> {
    if raw.iter().filter(|&&b| b == b'&').count() >= MAX_PARAMS {
        return None;
    }
    raw.split(|&b| b == b'&').filter(|p| !p.is_empty()).find_map(|pair| {
        let (name, _) = cut(pair, b'=');
        // An escaped key is longer than its text, so a key that is shorter cannot be it.
        if name.len() < key.len() {
            return None;
        }
        let (k, v) = decode_pair(pair, unescape).ok()?;
        (*k == *key).then_some(v)
    })
}

type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

type Unescape = fn(&[u8], UrlPart) -> Result<Cow<'_, [u8]>>;

fn decode_pair(pair: &[u8], unescape: Unescape) -> Result<Pair<'_>> {
    if pair.contains(&b';') {
        return Err(invalid("invalid semicolon separator in query"));
    }
    let (key, value) = cut(pair, b'=');
    Ok((unescape(key, UrlPart::Query)?, unescape(value.unwrap_or_default(), UrlPart::Query)?))
}

/// cut splits at the first `sep`; without one the second half is `None`.
pub fn cut(s: &[u8], sep: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(sep, s).and_then(|i| s.split_at_checked(i)) {
        Some((head, tail)) => (head, tail.get(1..)),
        None => (s, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_keeps_the_good_and_names_the_first_error() {
        let (v, e) = Values::parse(b"a=1&b=%zz&c;d=2&a=2&&=x&k&e+f=%26");
        assert_eq!(e.unwrap().message(), "invalid semicolon separator in query");
        assert_eq!(v.all(b"a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(v.get(b""), Some(&b"x"[..]));
        assert_eq!(v.get(b"k"), Some(&b""[..]));
        assert_eq!(v.get(b"e f"), Some(&b"&"[..]));
        assert_eq!(v.len(), 5);
        let (_, e) = Values::parse(b"a=%zz&b=%yy");
        assert_eq!(e.unwrap().message(), "invalid URL escape \"%zz\"");
    }

    #[test]
    fn limit_of_parameters() {
        let at = |n: usize| Values::parse(&b"&a".repeat(n)[1..]);
        assert!(at(MAX_PARAMS).1.is_none());
        let (v, e) = at(MAX_PARAMS + 1);
        assert!(v.is_empty());
        assert_eq!(e.unwrap().kind(), Kind::TooLarge);
        assert_eq!(lookup(&b"&a".repeat(MAX_PARAMS + 1), b"a"), None);
    }

    #[test]
    fn change_and_encode() {
        let mut v = Values::new();
        v.add(b"z", b"1");
        v.add(b"a", b"x y");
        v.add(b"z", b"0");
        assert_eq!(v.encode(), b"a=x+y&z=1&z=0");
        v.set(b"z", b"9");
        v.set(b"n", b"");
        assert_eq!(v.encode(), b"a=x+y&n=&z=9");
        assert_eq!(v.at(0), Some((&b"z"[..], &b"9"[..])));
        assert!(v.del(b"z") && !v.del(b"z") && !v.has(b"z"));
    }

    #[test]
    fn lookup_sees_what_parse_sees() {
        for raw in [&b"a=1&b=2"[..], b"b=%zz&b=3", b"%62=4", b"b", b"b;=1", b"", b"a=b", b"bb=1&b+=2&b=%26"] {
            let (v, _) = Values::parse(raw);
            for key in [&b"a"[..], b"b", b"b ", b"", b"bb"] {
                assert_eq!(lookup(raw, key).as_deref(), v.get(key), "{raw:?} {key:?}");
            }
        }
    }
}

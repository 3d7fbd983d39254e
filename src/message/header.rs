//! `Header`: the fields of a message, in the order of the wire, looked up without regard to case.
//!
//! Follows Go's `Header`, but keeps order, duplicates and the spelling of names. Names are tokens
//! (RFC 9110, 5.1) and values hold no CR, LF, NUL or other control bytes but HTAB (5.5): what a program sets
//! is checked here, what a peer sent was checked by the engine that parsed it.

use super::bytes::ByteSet;
use super::cursor::IndexCursor;
use super::text::{Span, Store};
use crate::error::{Result, invalid};
use std::ffi::CStr;

/// USUAL_FIELDS is room for the fields of most messages.
const USUAL_FIELDS: usize = 8;

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: Span,
    pub value: Span,
}

#[derive(Debug, Default)]
pub struct Header {
    store: Store,
    fields: Vec<Field>,
    /// The lengths of names that occur, a bit for each (those from 63 on have the last): most fields that are asked for
    /// are not there, and few of those have the length of one that is.
    lengths: u64,
    cursor: IndexCursor,
    /// How often fields were changed since the head was parsed.
    changes: u32,
}

/// length_bit stands for the names of a length.
const fn length_bit(len: usize) -> u64 {
    1 << if len < 63 { len } else { 63 }
}

impl Header {
    pub fn new() -> Header {
        Header::default()
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// get is the first value under `name`; `None` is absent, empty is empty.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.find(name).map(|f| self.store.get(f.value))
    }

    /// get_c is [`Header::get`] with the NUL that C wants.
    pub fn get_c(&self, name: &[u8]) -> Option<&CStr> {
        self.find(name).map(|f| self.store.cstr(f.value))
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        self.find(name).is_some()
    }

    /// values are all values under `name`, in order.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.named(name).map(|f| self.store.get(f.value))
    }

    /// value_c is the `index`-th value under `name`, for C.
    pub fn value_c(&self, name: &[u8], index: usize) -> Option<&CStr> {
        let (from, before) =
            self.cursor.start(index, |at| self.fields.get(at).is_some_and(|f| self.is(f, name)));
        let mut at = self.position(name, from)?;
        for _ in before..index {
            at = self.position(name, at + 1)?;
        }
        self.cursor.found(index, at);
        self.fields.get(at).map(|f| self.store.cstr(f.value))
    }

    pub fn at(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.fields.get(index).map(|f| (self.store.get(f.name), self.store.get(f.value)))
    }

    pub fn at_c(&self, index: usize) -> Option<(&CStr, &CStr)> {
        self.fields.get(index).map(|f| (self.store.cstr(f.name), self.store.cstr(f.value)))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.fields.iter().map(|f| (self.store.get(f.name), self.store.get(f.value)))
    }

    /// add appends a field, whatever is there already.
    pub fn add(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        check_field(name, value)?;
        self.add_unchecked(name, value);
        Ok(())
    }

    /// set replaces all fields of that name by one, at the place of the first.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        check_field(name, value)?;
        let Some(first) = self.position(name, 0) else {
            self.add_unchecked(name, value);
            return Ok(());
        };
        let new = Field { name: self.store.intern(name), value: self.store.intern(value) };
        self.changed();
        let store = &self.store;
        let mut index = 0;
        self.fields.retain(|f| {
            let keep = index == first || !store.get(f.name).eq_ignore_ascii_case(name);
            index += 1;
            keep
        });
        if let Some(slot) = self.fields.get_mut(first) {
            *slot = new;
        }
        Ok(())
    }

    /// add_unchecked appends a field that is known to be well-formed: a literal of ours, or parsed text.
    pub fn add_unchecked(&mut self, name: &[u8], value: &[u8]) {
        let field = Field { name: self.store.intern(name), value: self.store.intern(value) };
        self.lengths |= length_bit(name.len());
        self.changes = self.changes.wrapping_add(1);
        self.fields.push(field);
    }

    /// changes is another number after each change of the fields.
    pub fn changes(&self) -> u32 {
        self.changes
    }

    fn changed(&mut self) {
        self.cursor.clear();
        self.changes = self.changes.wrapping_add(1);
    }

    /// del removes all fields of that name and says whether there were any.
    pub fn del(&mut self, name: &[u8]) -> bool {
        if !self.may_contain(name.len()) {
            return false;
        }
        let before = self.fields.len();
        self.changed();
        let store = &self.store;
        self.fields.retain(|f| !store.get(f.name).eq_ignore_ascii_case(name));
        self.fields.len() != before
    }

    /// clear forgets fields and added text; the block stays, for the next head to be read into.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.changed();
        self.lengths = 0;
        self.store.clear_arena();
    }

    /// has_token tells whether a comma-separated list under `name` holds `token`, without regard to case
    /// (RFC 9110, 5.6.1).
    pub fn has_token(&self, name: &[u8], token: &[u8]) -> bool {
        self.values(name).any(|v| v.split(|&b| b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(token)))
    }

    /// write_to appends the fields as they go over the wire, without the empty line.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            write_field(out, name, value);
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// push_block_field records a field whose name and value lie in the store's block, checked by the parser.
    pub fn push_block_field(&mut self, name: Span, value: Span) {
        if self.fields.capacity() == 0 {
            self.fields = Vec::with_capacity(USUAL_FIELDS);
        }
        self.lengths |= length_bit(name.len());
        self.fields.push(Field { name, value });
    }

    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// may_contain is `false` where no field's name has that length.
    fn may_contain(&self, len: usize) -> bool {
        self.lengths & length_bit(len) != 0
    }

    /// named are the fields under `name`, in order.
    pub fn named<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = &'a Field> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let at = self.position(name, from)?;
            from = at + 1;
            self.fields.get(at)
        })
    }

    fn find(&self, name: &[u8]) -> Option<&Field> {
        self.named(name).next()
    }

    fn position(&self, name: &[u8], from: usize) -> Option<usize> {
        if self.may_contain(name.len()) { self.search(name, from) } else { None }
    }

    /// search is in one place, so that the lookups of a message find it in the processor's cache.
    #[inline(never)]
    fn search(&self, name: &[u8], from: usize) -> Option<usize> {
        let rest = self.fields.get(from..)?;
        rest.iter().position(|f| self.is(f, name)).map(|at| from + at)
    }

    #[inline(always)]
    fn is(&self, f: &Field, name: &[u8]) -> bool {
        f.name.len() == name.len() && {
            let own = self.store.get(f.name);
            // Most are spelt alike, which is the quicker comparison.
            own == name || own.eq_ignore_ascii_case(name)
        }
    }
}

impl Clone for Header {
    fn clone(&self) -> Header {
        let mut h = Header::new();
        for (n, v) in self.iter() {
            h.add_unchecked(n, v);
        }
        h
    }
}

pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.trim_ascii());
    out.extend_from_slice(b"\r\n");
}

/// written_fields are those of a head that was written as text, behind its first line; each line ends with a line feed.
pub fn written_fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    let mut ends = memchr::memchr_iter(b'\n', head);
    let mut begin = ends.next().map_or(head.len(), |at| at + 1);
    ends.filter_map(move |end| {
        let line = head.get(std::mem::replace(&mut begin, end + 1)..end)?;
        let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        Some((name, value.get(1..)?.trim_ascii()))
    })
}

/// check_field is the rule for everything that a program sets; the value is never printed, it may be secret.
pub fn check_field(name: &[u8], value: &[u8]) -> Result<()> {
    if !is_token(name) {
        return Err(invalid(format!(
            "net/http: invalid header field name {:?}",
            String::from_utf8_lossy(name)
        )));
    }
    if !is_value(value) {
        return Err(invalid(format!(
            "net/http: invalid header field value for {:?}",
            String::from_utf8_lossy(name)
        )));
    }
    Ok(())
}

/// is_token tells whether `s` is an RFC 9110 token (5.6.2).
pub fn is_token(s: &[u8]) -> bool {
    !s.is_empty() && TCHARS.has_all(s)
}

static TCHARS: ByteSet = ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`|~");

pub fn is_tchar(b: u8) -> bool {
    TCHARS.has(b)
}

/// is_value tells whether `s` may be a field value: any byte from 0x20 on but DEL, and HTAB.
pub fn is_value(s: &[u8]) -> bool {
    // Without an early end the compiler looks at many bytes at a time.
    s.iter().fold(true, |good, &b| good & ((b >= 0x20) & (b != 0x7f) | (b == b'\t')))
}

/// canonical is Go's `CanonicalHeaderKey`: "accept-encoding" becomes "Accept-Encoding"; what is no token
/// stays as it is.
pub fn canonical(name: &[u8]) -> Vec<u8> {
    if !is_token(name) {
        return name.to_vec();
    }
    let mut upper = true;
    name.iter()
        .map(|&b| {
            let c = if upper { b.to_ascii_uppercase() } else { b.to_ascii_lowercase() };
            upper = b == b'-';
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        let mut h = Header::new();
        h.add(b"Accept", b"a").unwrap();
        h.add(b"X-One", b"1").unwrap();
        h.add(b"accept", b"b").unwrap();
        h
    }

    #[test]
    fn order_and_duplicates_are_kept() {
        let h = sample();
        let mut out = Vec::new();
        h.write_to(&mut out);
        assert_eq!(out, b"Accept: a\r\nX-One: 1\r\naccept: b\r\n");
        assert_eq!(h.values(b"ACCEPT").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(h.get_c(b"x-one"), Some(c"1"));
        assert_eq!(h.get(b"none"), None);
    }

    #[test]
    fn set_replaces_in_place_and_del_removes_all() {
        let mut h = sample();
        h.set(b"ACCEPT", b"").unwrap();
        assert_eq!(h.len(), 2);
        assert_eq!(h.at(0), Some((&b"ACCEPT"[..], &b""[..])));
        h.set(b"New", b"n").unwrap();
        assert_eq!(h.at(2), Some((&b"New"[..], &b"n"[..])));
        assert!(h.del(b"x-ONE"));
        assert!(!h.del(b"x-ONE"));
        assert_eq!(h.len(), 2);
    }

    #[test]
    fn injection_is_refused() {
        let mut h = Header::new();
        for (n, v) in [
            (&b"A\r\nB"[..], &b"v"[..]),
            (b"", b"v"),
            (b"A:", b"v"),
            (b"A", b"v\r\nX: y"),
            (b"A", b"v\0"),
            (b"A", b"\x7f"),
        ] {
            assert!(h.add(n, v).is_err());
            assert!(h.set(n, v).is_err());
        }
        assert!(h.is_empty());
        h.add(b"A", b"\xff\x80\t ok").unwrap();
    }

    #[test]
    fn names_are_told_apart_by_their_lengths_first() {
        let mut h = sample();
        assert!(h.may_contain(6) && h.may_contain(5) && !h.may_contain(7));
        assert!(!h.del(b"X-Two") && !h.del(b"Absent-") && h.del(b"x-one") && h.get(b"x-one").is_none());
        for len in [62, 63, 64, 200] {
            let name = vec![b'n'; len];
            assert!(h.get(&name).is_none());
            h.add(&name, b"v").unwrap();
            assert_eq!((h.get(&name), h.values(&name).count()), (Some(&b"v"[..]), 1));
        }
        assert_eq!(h.clone().get(&[b'N'; 200]), Some(&b"v"[..]));
        h.clear();
        assert!((0..300).all(|len| !h.may_contain(len)));
        h.set(b"Set", b"s").unwrap();
        assert!(h.contains(b"sEt"));
    }

    #[test]
    fn canonical_is_gos() {
        assert_eq!(canonical(b"aCCEPT-encoding"), b"Accept-Encoding");
        assert_eq!(canonical(b"a b"), b"a b");
    }

    #[test]
    fn tokens_of_lists() {
        let mut h = Header::new();
        h.add(b"Connection", b"keep-alive, Close ,").unwrap();
        assert!(h.has_token(b"connection", b"close"));
        assert!(!h.has_token(b"connection", b"clos"));
    }
}

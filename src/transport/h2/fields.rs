//! A request's fields as HTTP/2 sends them, from its head of HTTP/1.

use crate::message::header::written_fields;

/// http2_fields are the fields of a head of HTTP/1, Host first. A cookie is a field for each of its pairs, which the tables
/// then know one by one (RFC 9113, 8.2.3).
pub(super) fn http2_fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    Crumbs { fields: written_fields(head), cookie: &[], name: b"Cookie" }
}

/// Crumbs are fields, and the pairs of cookies.
#[derive(Clone)]
struct Crumbs<'a, I> {
    fields: I,
    /// What is left of a cookie.
    cookie: &'a [u8],
    name: &'a [u8],
}

impl<'a, I: Iterator<Item = (&'a [u8], &'a [u8])>> Iterator for Crumbs<'a, I> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut whole = self.cookie;
        if whole.is_empty() {
            let (name, value) = self.fields.next()?;
            if name.len() != b"cookie".len() || !name.eq_ignore_ascii_case(b"cookie") {
                return Some((name, value));
            }
            (self.name, whole) = (name, value);
        }
        let (pair, rest) = match memchr::memchr(b';', whole).and_then(|at| whole.split_at_checked(at)) {
            Some((pair, rest)) => (pair, rest.get(1..).map(<[u8]>::trim_ascii_start)),
            None => (whole, None),
        };
        self.cookie = rest.unwrap_or_default();
        Some((self.name, pair))
    }
}

#[cfg(test)]
mod tests {
    use super::http2_fields;

    #[test]
    fn a_cookie_is_a_field_for_each_pair() {
        let pairs = |value: &str| -> Vec<String> {
            let head = format!("GET / HTTP/1.1\r\nHost: a;b\r\nCookie: {value}\r\nX: c; d\r\n\r\n");
            let text = |t: &[u8]| String::from_utf8_lossy(t).into_owned();
            let all: Vec<_> = http2_fields(head.as_bytes()).map(|(n, v)| (text(n), text(v))).collect();
            assert_eq!(all[0], ("Host".into(), "a;b".into()));
            assert_eq!(all[all.len() - 1], ("X".into(), "c; d".into()));
            all[1..all.len() - 1].iter().map(|(n, v)| (n == "Cookie").then(|| v.clone()).unwrap()).collect()
        };
        assert_eq!(pairs("a=1"), ["a=1"]);
        assert_eq!(pairs("a=1; b=2;c=3;   d=4"), ["a=1", "b=2", "c=3", "d=4"]);
        assert_eq!(pairs("a=1; "), ["a=1"]);
        assert_eq!(pairs("a=1;; b"), ["a=1", "", "b"]);
    }
}

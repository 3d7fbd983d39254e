//! Paths of request-targets as muxes and file servers see them: escaped, cleaned, compared by segments.

use super::escape::{UrlPart, escape, is_literal};
use std::borrow::Cow;

/// of_target is the escaped path of a request-target in any of its forms.
pub(crate) fn of_target<'a>(target: &'a [u8], method: &[u8]) -> &'a [u8] {
    let behind_host = |rest: &'a [u8]| {
        let slash = rest.iter().position(|b| b"/?".contains(b)).unwrap_or(rest.len());
        rest.get(slash..).unwrap_or_default()
    };
    let path = if target.starts_with(b"/") {
        target
    } else if method == b"CONNECT" {
        behind_host(target)
    } else {
        let colon = memchr::memchr(b':', target).map_or(target.len(), |i| i + 1);
        match target.get(colon..).unwrap_or_default() {
            [b'/', b'/', rest @ ..] => behind_host(rest),
            rest @ [b'/', ..] => rest,
            // A rootless path is opaque.
            _ => return b"",
        }
    };
    let end = memchr::memchr(b'?', path).unwrap_or(path.len());
    path.get(..end).unwrap_or_default()
}

/// query_of is what stands behind the first question mark, with it, or nothing.
pub(crate) fn query_of(target: &[u8]) -> &[u8] {
    memchr::memchr(b'?', target).and_then(|i| target.get(i..)).unwrap_or_default()
}

/// escaped is Go's `EscapedPath`: as it came if all bytes may stand in a path, else escaped anew.
pub(crate) fn escaped(path: &[u8]) -> Cow<'_, [u8]> {
    let valid = |b: &u8| is_literal(*b, UrlPart::Path) || b"!'()*[]%".contains(b);
    if path.iter().all(valid) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(escape(&unescape(path), UrlPart::Path))
}

pub(crate) fn is_clean(path: &[u8]) -> bool {
    if !path.starts_with(b"/") {
        return false;
    }
    let mut slash = 0;
    for at in memchr::memchr_iter(b'/', path.get(1..).unwrap_or_default()).map(|i| i + 1) {
        if matches!(path.get(slash + 1..at), Some(b"" | b"." | b"..")) {
            return false;
        }
        slash = at;
    }
    !matches!(path.get(slash + 1..), Some(b"." | b".."))
}

/// clean is Go's `cleanPath`: no empty, "." or ".." segments; a slash at the end stays.
pub(crate) fn clean(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<&[u8]> = Vec::new();
    for segment in path.split(|&b| b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(out.pop()),
            s => out.push(s),
        }
    }
    let mut s = b"/".to_vec();
    s.extend_from_slice(&out.join(&b'/'));
    if path.ends_with(b"/") && s.len() > 1 {
        s.push(b'/');
    }
    s
}

/// hides_dots tells whether a segment of an escaped path has `..` between slashes of its own (`a%2F..%2Fb`): such a path
/// cannot be cleaned, and must not reach who unescapes it.
pub(crate) fn hides_dots(path: &[u8]) -> bool {
    memchr::memchr(b'%', path).is_some()
        && path.split(|&b| b == b'/').map(unescape).any(|segment| {
            segment.contains(&b'/') && segment.split(|&b| b == b'/').any(|piece| piece == b"..")
        })
}

/// plain_dots writes the segments `%2e` and `%2e%2e` of an escaped path as what they are (RFC 3986, 6.2.2.2), so that they
/// are cleaned too.
pub(crate) fn plain_dots(path: &[u8]) -> Cow<'_, [u8]> {
    let dots = |segment: &[u8]| match &*unescape(segment) {
        b"." => Some(&b"."[..]),
        b".." => Some(&b".."[..]),
        _ => None,
    };
    let is_odd = |s: &[u8]| s.contains(&b'%') && dots(s).is_some();
    if memchr::memchr(b'%', path).is_none() || !path.split(|&b| b == b'/').any(is_odd) {
        return Cow::Borrowed(path);
    }
    let plain: Vec<&[u8]> = path.split(|&b| b == b'/').map(|s| dots(s).unwrap_or(s)).collect();
    Cow::Owned(plain.join(&b'/'))
}

pub(crate) fn host_without_port(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(i) if !host.ends_with(b"]") => host.get(..i).unwrap_or_default(),
        _ => host,
    }
}

/// unescape is Go's `PathUnescape`; what is no escape stays.
pub(crate) fn unescape(s: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', s).is_none() {
        return Cow::Borrowed(s);
    }
    let digit = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16)).map(|d| d as u8);
    let (mut out, mut i) = (Vec::with_capacity(s.len()), 0);
    while let Some(&b) = s.get(i) {
        match (b, digit(s.get(i + 1)), digit(s.get(i + 2))) {
            (b'%', Some(hi), Some(lo)) => {
                out.push(hi << 4 | lo);
                i += 3;
            }
            _ => {
                out.push(b);
                i += 1;
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning() {
        for (dirty, want) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/a//b", "/a/b"),
            ("/a/./b/", "/a/b/"),
            ("/../a", "/a"),
            ("/a/..", "/"),
            ("/a/b/..", "/a"),
            ("/a/.", "/a"),
            ("/.a/..b", "/.a/..b"),
        ] {
            assert_eq!(clean(dirty.as_bytes()), want.as_bytes(), "{dirty}");
            assert_eq!(is_clean(dirty.as_bytes()), dirty == want, "{dirty}");
        }
    }

    #[test]
    fn escaped_dots() {
        for (path, plain, hides) in [
            ("/a/b%20", "/a/b%20", false),
            ("/%2e%2E/a", "/../a", false),
            ("/.%2e/%2e/x%2e", "/.././x%2e", false),
            ("/a%2Fb", "/a%2Fb", false),
            ("/a%2f..b", "/a%2f..b", false),
            ("/a%2f..", "/a%2f..", true),
            ("/..%2Fa", "/..%2Fa", true),
            ("/a%2F%2e%2E%2Fb", "/a%2F%2e%2E%2Fb", true),
            ("/%252e%252e/", "/%252e%252e/", false),
        ] {
            assert_eq!(&*plain_dots(path.as_bytes()), plain.as_bytes(), "{path}");
            assert_eq!(hides_dots(path.as_bytes()), hides, "{path}");
        }
    }

    #[test]
    fn targets() {
        assert_eq!(of_target(b"http://h/x?y", b"GET"), b"/x");
        assert_eq!(of_target(b"http://h?y", b"GET"), b"");
        assert_eq!(of_target(b"mailto:x", b"GET"), b"");
        assert_eq!(of_target(b"http:/x", b"GET"), b"/x");
        assert_eq!(of_target(b"h:80", b"CONNECT"), b"");
        assert_eq!(*escaped(b"/a%20b[x]"), *b"/a%20b[x]");
        assert_eq!(*escaped("/\u{e9}%20\"".as_bytes()), *b"/%C3%A9%20%22");
        assert_eq!(query_of(b"/x?y?z"), b"?y?z");
    }
}

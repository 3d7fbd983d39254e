//! References: one URL in the context of another (RFC 3986, 5.2), and paths joined.

use super::Url;
use crate::error::Result;

impl Url {
    /// resolve gives `reference` in the context of this URL; an absolute reference stays itself.
    pub fn resolve(&self, reference: &Url) -> Result<Url> {
        let mut url = reference.clone();
        if reference.scheme.is_empty() {
            url.scheme = self.scheme.clone();
        }
        if !reference.scheme.is_empty() || !reference.host.is_empty() || reference.user.is_some() {
            url.set_path(&resolve_path(&reference.escaped_path(), b""))?;
            return Ok(url);
        }
        if !reference.opaque.is_empty() {
            url.path.clear();
            url.raw_path.clear();
            return Ok(url);
        }
        if reference.path.is_empty() && !reference.has_query() {
            url.raw_query = self.raw_query.clone();
            if reference.fragment.is_empty() {
                url.fragment = self.fragment.clone();
                url.raw_fragment = self.raw_fragment.clone();
            }
        }
        if reference.path.is_empty() && !self.opaque.is_empty() {
            url.opaque = self.opaque.clone();
            return Ok(url);
        }
        url.host = self.host.clone();
        url.user = self.user.clone();
        url.set_path(&resolve_path(&self.escaped_path(), &reference.escaped_path()))?;
        Ok(url)
    }

    /// join adds escaped path elements to the path and cleans the whole: no `.`, `..` or doubled `/` is left,
    /// and nothing climbs above the root. A slash at the end of the last element is kept.
    pub fn join(&self, elements: &[&[u8]]) -> Result<Url> {
        let base = self.escaped_path();
        let absolute = base.starts_with(b"/");
        let mut segments: Vec<&[u8]> = Vec::new();
        let parts = std::iter::once(&*base).chain(elements.iter().copied());
        for segment in parts.flat_map(|p| p.split(|&b| b == b'/')) {
            match segment {
                b"" | b"." => {}
                b".." => drop(segments.pop()),
                _ => segments.push(segment),
            }
        }
        let mut path = if absolute { b"/".to_vec() } else { Vec::new() };
        path.extend_from_slice(&segments.join(&b'/'));
        let last = match elements.last() {
            Some(last) => last,
            None if base.is_empty() => &b"/"[..],
            None => &base,
        };
        if last.ends_with(b"/") && !path.ends_with(b"/") {
            path.push(b'/');
        }
        let mut url = self.clone();
        url.set_path(&path)?;
        Ok(url)
    }
}

/// resolve_path merges a base path with a reference's and removes dot segments (RFC 3986, 5.2.3 and 5.2.4).
/// The result is empty or begins with a slash.
fn resolve_path(base: &[u8], reference: &[u8]) -> Vec<u8> {
    let full = if reference.is_empty() {
        base.to_vec()
    } else if reference.starts_with(b"/") {
        reference.to_vec()
    } else {
        let dir = memchr::memrchr(b'/', base).map_or(0, |i| i + 1);
        [base.get(..dir).unwrap_or_default(), reference].concat()
    };
    if full.is_empty() {
        return full;
    }
    // Kept as Go keeps them: the empty text before a leading slash counts as a segment until a ".." comes
    // back to it, so that "/a/..//b" is "/b".
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_in_dots = false;
    for segment in full.split(|&b| b == b'/') {
        ends_in_dots = matches!(segment, b"." | b"..");
        match segment {
            b"." if kept.is_empty() => kept.push(b""),
            b"." => {}
            b".." => {
                kept.pop();
                if kept == [b""] {
                    kept.clear();
                }
            }
            _ => kept.push(segment),
        }
    }
    let mut out = kept.join(&b'/');
    if ends_in_dots {
        out.push(b'/');
    }
    if !out.starts_with(b"/") {
        out.insert(0, b'/');
    }
    out
}

//! `Pattern`: `[METHOD ][HOST]/[PATH]` taken apart (Go's `pattern.go`).
//!
//! A path is segments; each is a literal, `{name}` for any one, or at the end `{name...}` for all that follow, a slash
//! for the same without a name, or `{$}` for the slash alone.

use crate::error::{Result, invalid};
use crate::message::header::is_token;
use crate::message::path;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Unescaped.
    Literal(Vec<u8>),
    /// `{$}`.
    End,
    /// `{name}`.
    One(String),
    /// `{name...}`, or a slash at the end, whose name is empty.
    Rest(String),
}

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    /// "" is any method.
    pub(super) method: String,
    pub(super) host: String,
    pub(super) segments: Vec<Segment>,
}

impl Pattern {
    /// parse reads a pattern; what is wrong is told in Go's words, with its place.
    pub(super) fn parse(text: &str) -> Result<Pattern> {
        if text.is_empty() {
            return Err(invalid("http: invalid pattern"));
        }
        parse(text).map_err(|(at, why)| invalid(format!("parsing {text:?}: at offset {at}: {why}")))
    }

    /// names are those of the wildcards, in the order of the path.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|s| match s {
            Segment::One(name) | Segment::Rest(name) if !name.is_empty() => Some(name.as_str()),
            _ => None,
        })
    }

    /// ends_open tells whether the last segment takes all that follows.
    pub(super) fn ends_open(&self) -> bool {
        matches!(self.segments.last(), Some(Segment::Rest(_)))
    }

    /// is_plain tells whether the pattern matches one path only.
    pub(super) fn is_plain(&self) -> bool {
        self.segments.iter().all(|s| matches!(s, Segment::Literal(_) | Segment::End))
    }
}

/// PatternError is an offset into the pattern and what is wrong there.
type PatternError = (usize, String);

fn parse(text: &str) -> std::result::Result<Pattern, PatternError> {
    let fail = |at: usize, why: &str| Err((at, why.to_owned()));
    let (method, rest) = match text.split_once([' ', '\t']) {
        Some((method, rest)) => (method, rest.trim_start_matches([' ', '\t'])),
        None => ("", text),
    };
    if !method.is_empty() && !is_token(method.as_bytes()) {
        return Err((0, format!("invalid method {method:?}")));
    }
    let behind_method = if rest.len() == text.len() { 0 } else { method.len() + 1 };
    let Some(slash) = rest.find('/') else { return fail(behind_method, "host/path missing /") };
    let (host, path) = rest.split_at(slash);
    if let Some(at) = host.find('{') {
        return fail(behind_method + at, "host contains '{' (missing initial '/'?)");
    }
    let cleaned = path::clean(path.as_bytes());
    if !method.is_empty() && method != "CONNECT" && cleaned != path.as_bytes() {
        let why = "non-CONNECT pattern with unclean path can never match";
        return fail(behind_method + slash, why);
    }
    let mut p = Pattern {
        text: text.to_owned(),
        method: method.to_owned(),
        host: host.to_owned(),
        segments: Vec::new(),
    };
    let mut rest = path;
    while let Some(behind) = rest.strip_prefix('/') {
        let at = text.len() - behind.len();
        let (piece, next) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
        if piece.is_empty() && next.is_empty() {
            p.segments.push(Segment::Rest(String::new()));
            return Ok(p);
        }
        let segment = parse_segment(piece, next.is_empty()).map_err(|why| (at, why))?;
        if let Segment::One(name) | Segment::Rest(name) = &segment
            && p.names().any(|n| n == name)
        {
            return Err((at, format!("duplicate wildcard name {name:?}")));
        }
        p.segments.push(segment);
        rest = next;
    }
    Ok(p)
}

fn parse_segment(piece: &str, is_last: bool) -> std::result::Result<Segment, String> {
    let Some(brace) = piece.find('{') else {
        return Ok(Segment::Literal(path::unescape(piece.as_bytes()).into_owned()));
    };
    if brace != 0 {
        return Err("bad wildcard segment (must start with '{')".to_owned());
    }
    let Some(name) = piece.strip_prefix('{').and_then(|p| p.strip_suffix('}')) else {
        return Err("bad wildcard segment (must end with '}')".to_owned());
    };
    if name == "$" {
        return if is_last { Ok(Segment::End) } else { Err("{$} not at end".to_owned()) };
    }
    let (name, open) = match name.strip_suffix("...") {
        Some(name) => (name, true),
        None => (name, false),
    };
    if open && !is_last {
        return Err("{...} wildcard not at end".to_owned());
    }
    if name.is_empty() {
        return Err("empty wildcard".to_owned());
    }
    let letter = |c: char| c.is_alphabetic() || c == '_';
    let is_name = name.chars().enumerate().all(|(i, c)| letter(c) || (i > 0 && c.is_numeric()));
    if !is_name {
        return Err(format!("bad wildcard name {name:?}"));
    }
    Ok(if open { Segment::Rest(name.to_owned()) } else { Segment::One(name.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Pattern::parse(text).unwrap_err().message().to_owned()
    }

    #[test]
    fn parts() {
        let p = Pattern::parse("GET \t h.example/a%2Fb/{x}/{rest...}").unwrap();
        assert_eq!((p.method.as_str(), p.host.as_str()), ("GET", "h.example"));
        let want =
            [Segment::Literal(b"a/b".to_vec()), Segment::One("x".into()), Segment::Rest("rest".into())];
        assert_eq!(p.segments, want);
        assert_eq!(p.names().collect::<Vec<_>>(), ["x", "rest"]);
        assert_eq!(Pattern::parse("/").unwrap().segments, [Segment::Rest(String::new())]);
        assert_eq!(Pattern::parse("/{$}").unwrap().segments, [Segment::End]);
    }

    #[test]
    fn faults_in_gos_words() {
        assert_eq!(fault(""), "http: invalid pattern");
        assert_eq!(fault("A=B /"), "parsing \"A=B /\": at offset 0: invalid method \"A=B\"");
        assert_eq!(fault(" "), "parsing \" \": at offset 1: host/path missing /");
        assert_eq!(
            fault("{a}/b"),
            "parsing \"{a}/b\": at offset 0: host contains '{' (missing initial '/'?)"
        );
        assert_eq!(
            fault("GET //"),
            "parsing \"GET //\": at offset 4: non-CONNECT pattern with unclean path can never match"
        );
        for (pattern, why) in [
            ("/a{b}", "at offset 1: bad wildcard segment (must start with '{')"),
            ("/{b}c", "at offset 1: bad wildcard segment (must end with '}')"),
            ("/{", "at offset 1: bad wildcard segment (must end with '}')"),
            ("/{$}/", "at offset 1: {$} not at end"),
            ("/{a...}/b", "at offset 1: {...} wildcard not at end"),
            ("/a/{}", "at offset 3: empty wildcard"),
            ("/{...}", "at offset 1: empty wildcard"),
            ("/{1a}", "at offset 1: bad wildcard name \"1a\""),
            ("/{a}/{a}", "at offset 5: duplicate wildcard name \"a\""),
        ] {
            assert_eq!(fault(pattern), format!("parsing {pattern:?}: {why}"));
        }
    }
}

//! Whether two patterns may stand side by side, and what to tell where they may not.
//!
//! Of two patterns that match one request, that with the more specific method and path must win. Two conflict if
//! neither is: they match the same requests, or each matches some that the other does not.

use super::pattern::{Pattern, Segment};
use std::fmt::Write;

/// Relation says how the requests of one pattern lie to those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// None is in both.
    Disjoint,
    /// Some are in both; which of the two has more beside those?
    Shared { left_more: bool, right_more: bool },
}

const SAME: Relation = Relation::Shared { left_more: false, right_more: false };
const LEFT_MORE: Relation = Relation::Shared { left_more: true, right_more: false };
const RIGHT_MORE: Relation = Relation::Shared { left_more: false, right_more: true };
const CROSSED: Relation = Relation::Shared { left_more: true, right_more: true };

impl Relation {
    /// and is the relation where both hold of independent parts.
    fn and(self, other: Relation) -> Relation {
        match (self, other) {
            (
                Relation::Shared { left_more: a, right_more: b },
                Relation::Shared { left_more: c, right_more: d },
            ) => Relation::Shared { left_more: a || c, right_more: b || d },
            _ => Relation::Disjoint,
        }
    }
}

/// conflict describes why the two cannot stand side by side; `None`: they can.
pub(super) fn conflict(new: &Pattern, old: &Pattern) -> Option<String> {
    // A host wins over none, and two hosts share no request.
    if new.host != old.host {
        return None;
    }
    let (by_method, by_path) = (methods(new, old), paths(&new.segments, &old.segments));
    let (a, b) = (&new.text, &old.text);
    let why = match by_method.and(by_path) {
        SAME => format!("{a} matches the same requests as {b}"),
        CROSSED if by_path == CROSSED => {
            let shared = example(&new.segments, &old.segments, true);
            let (mine, theirs) =
                (example(&new.segments, &old.segments, false), example(&old.segments, &new.segments, false));
            format!(
                "{a} and {b} both match some paths, like {shared:?}. But neither is more specific than the other. \
                 {a} matches {mine:?}, but {b} doesn't. {b} matches {theirs:?}, but {a} doesn't."
            )
        }
        CROSSED if by_method == LEFT_MORE => {
            format!("{a} matches more methods than {b}, but has a more specific path pattern")
        }
        CROSSED => format!("{a} matches fewer methods than {b}, but has a more general path pattern"),
        _ => return None,
    };
    Some(format!("pattern {a:?} conflicts with pattern {b:?}: {why}"))
}

fn methods(a: &Pattern, b: &Pattern) -> Relation {
    match (a.method.as_str(), b.method.as_str()) {
        (a, b) if a == b => SAME,
        // GET is HEAD too.
        ("", _) | ("GET", "HEAD") => LEFT_MORE,
        (_, "") | ("HEAD", "GET") => RIGHT_MORE,
        _ => Relation::Disjoint,
    }
}

fn paths(a: &[Segment], b: &[Segment]) -> Relation {
    let mut all = SAME;
    for (x, y) in a.iter().zip(b) {
        all = all.and(segments(x, y));
        if all == Relation::Disjoint {
            return all;
        }
    }
    let open = |s: &[Segment]| matches!(s.last(), Some(Segment::Rest(_)));
    match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Equal => all,
        std::cmp::Ordering::Less if open(a) => all.and(LEFT_MORE),
        std::cmp::Ordering::Greater if open(b) => all.and(RIGHT_MORE),
        _ => Relation::Disjoint,
    }
}

fn segments(a: &Segment, b: &Segment) -> Relation {
    match (a, b) {
        (Segment::Rest(_), Segment::Rest(_)) | (Segment::One(_), Segment::One(_)) => SAME,
        (Segment::Rest(_), _) => LEFT_MORE,
        (_, Segment::Rest(_)) => RIGHT_MORE,
        (Segment::One(_), Segment::Literal(_)) => LEFT_MORE,
        (Segment::Literal(_), Segment::One(_)) => RIGHT_MORE,
        (a, b) if a == b => SAME,
        _ => Relation::Disjoint,
    }
}

/// example is a path that `a` matches, and `b` too if it is to be `shared`, or else does not.
fn example(a: &[Segment], b: &[Segment], shared: bool) -> String {
    let mut out = String::new();
    for i in 0..a.len().max(b.len()) {
        let (x, y) = (a.get(i), b.get(i));
        match (x, y) {
            (Some(Segment::One(name)), Some(Segment::Literal(l))) if !shared => {
                // The wildcard's own name, as long as it is not the literal.
                let tail = if name.as_bytes() == l.as_slice() { "x" } else { "" };
                let _ = write!(out, "/{name}{tail}");
            }
            (Some(Segment::Rest(name)), Some(s)) if !shared && !matches!(s, Segment::Rest(_)) => {
                // A slash alone tells the two apart, unless the other ends in just that.
                let name = if name.is_empty() { "x" } else { name };
                let _ = write!(out, "/{}", if *s == Segment::End { name } else { "" });
                return out;
            }
            (Some(Segment::One(_) | Segment::Rest(_)), Some(s)) if shared => segment(&mut out, s),
            (Some(s), _) | (None, Some(s)) => segment(&mut out, s),
            (None, None) => {}
        }
    }
    out
}

fn segment(out: &mut String, s: &Segment) {
    let _ = match s {
        Segment::Literal(l) => write!(out, "/{}", String::from_utf8_lossy(l)),
        Segment::One(name) => write!(out, "/{name}"),
        Segment::Rest(_) | Segment::End => write!(out, "/"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str) -> Option<String> {
        conflict(&Pattern::parse(a).unwrap(), &Pattern::parse(b).unwrap())
    }

    #[test]
    fn which_may_stand_side_by_side() {
        for (a, b, fine) in [
            ("/a", "/a", false),
            ("/a", "/b", true),
            ("/a", "GET /a", true),
            ("GET /a", "HEAD /a", true),
            ("GET /a", "POST /a", true),
            ("h/a", "/a", true),
            ("/{x}", "/{y}", false),
            ("/{x}", "/a", true),
            ("/{x}", "/{$}", true),
            ("/", "/{$}", true),
            ("/{x}/b", "/a/{y}", false),
            ("/a/", "/{x}/b", false),
            ("/a/{x...}", "/a/", false),
            ("/a/b/", "/a/", true),
            ("GET /{x}", "/a", false),
            ("GET /", "/a/b", false),
        ] {
            assert_eq!(check(a, b).is_none(), fine, "{a} {b}");
            assert_eq!(check(b, a).is_none(), fine, "{b} {a}");
        }
    }

    #[test]
    fn told_with_examples() {
        assert_eq!(
            check("/{x}/b", "/a/{y}").unwrap(),
            "pattern \"/{x}/b\" conflicts with pattern \"/a/{y}\": /{x}/b and /a/{y} both match some paths, like \
             \"/a/b\". But neither is more specific than the other. /{x}/b matches \"/x/b\", but /a/{y} doesn't. \
             /a/{y} matches \"/a/y\", but /{x}/b doesn't."
        );
        assert!(
            check("GET /{x}", "/a")
                .unwrap()
                .ends_with("GET /{x} matches fewer methods than /a, but has a more general path pattern")
        );
        assert!(
            check("/a", "GET /{x}")
                .unwrap()
                .ends_with("/a matches more methods than GET /{x}, but has a more specific path pattern")
        );
    }
}

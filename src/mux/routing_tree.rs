//! `RoutingTree`: patterns by host, method and segment (Go's `routing_tree.go`). A lookup costs a hash for each segment of the
//! path, however many patterns there are, and goes back only where a wildcard stands beside a literal.

use super::pattern::{Pattern, Segment};
use crate::message::path;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct RoutingTree {
    hosts: HashMap<String, Vec<(String, TreeNode)>>,
}

/// TreeNode is what may follow a part of a path.
#[derive(Default)]
struct TreeNode {
    literals: HashMap<Vec<u8>, TreeNode>,
    one: Option<Box<TreeNode>>,
    /// The route of a pattern that takes all the rest.
    rest: Option<u32>,
    /// That of one that ends in `{$}`.
    end: Option<u32>,
    /// That of one that ends here.
    here: Option<u32>,
}

impl RoutingTree {
    pub(super) fn add(&mut self, pattern: &Pattern, route: u32) {
        let methods = self.hosts.entry(pattern.host.clone()).or_default();
        let at = methods.iter().position(|(m, _)| *m == pattern.method).unwrap_or_else(|| {
            methods.push((pattern.method.clone(), TreeNode::default()));
            methods.len() - 1
        });
        let Some((_, mut node)) = methods.get_mut(at).map(|(m, n)| (m, n)) else { return };
        for s in &pattern.segments {
            match s {
                Segment::Literal(l) => node = node.literals.entry(l.clone()).or_default(),
                Segment::One(_) => node = node.one.get_or_insert_default(),
                Segment::Rest(_) => return node.rest = Some(route),
                Segment::End => return node.end = Some(route),
            }
        }
        node.here = Some(route);
    }

    /// find is the route whose pattern fits best: one with the host before one without, one with the method before
    /// one without. GET serves HEAD.
    pub(super) fn find(&self, host: &str, method: &[u8], path: &[u8]) -> Option<u32> {
        let with_host = if host.is_empty() { None } else { self.hosts.get(host) };
        with_host.into_iter().chain(self.hosts.get("")).find_map(|methods| {
            let of = |m: &[u8]| methods.iter().find(|(n, _)| n.as_bytes() == m)?.1.find(path);
            of(method).or_else(|| if method == b"HEAD" { of(b"GET") } else { None }).or_else(|| of(b""))
        })
    }

    /// methods are those with which the path would be found, in order.
    pub(super) fn methods(&self, host: &str, path: &[u8]) -> Vec<&str> {
        let with_host = if host.is_empty() { None } else { self.hosts.get(host) };
        let all = with_host.into_iter().chain(self.hosts.get("")).flatten();
        let mut found: Vec<&str> = all
            .filter(|(m, node)| !m.is_empty() && node.find(path).is_some())
            .map(|(m, _)| m.as_str())
            .collect();
        if found.contains(&"GET") {
            found.push("HEAD");
        }
        found
    }
}

impl TreeNode {
    fn find(&self, path: &[u8]) -> Option<u32> {
        let Some(behind) = path.strip_prefix(b"/") else { return self.here };
        if behind.is_empty() {
            return self.end.or(self.rest);
        }
        let len = memchr::memchr(b'/', behind).unwrap_or(behind.len());
        let (segment, next) = behind.split_at_checked(len).unwrap_or_default();
        let literal = self.literals.get(&*path::unescape(segment));
        literal.and_then(|n| n.find(next)).or_else(|| self.one.as_ref()?.find(next)).or(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(patterns: &[&str]) -> RoutingTree {
        let mut t = RoutingTree::default();
        for (i, p) in patterns.iter().enumerate() {
            t.add(&Pattern::parse(p).unwrap(), i as u32);
        }
        t
    }

    #[test]
    fn the_most_specific_wins() {
        let t = tree(&["/", "/a/{x}", "/a/b", "/a/{x}/c", "/a/{rest...}", "/a/{$}", "h/a/b", "POST /a/b"]);
        let get = |path: &str| t.find("", b"GET", path.as_bytes());
        assert_eq!(get("/"), Some(0));
        assert_eq!(get("/x/y"), Some(0));
        assert_eq!(get("/a/z"), Some(1));
        assert_eq!(get("/a/b"), Some(2));
        assert_eq!(get("/a/%62"), Some(2));
        assert_eq!(get("/a/b/c"), Some(3));
        assert_eq!(get("/a/b/d"), Some(4));
        assert_eq!(get("/a/"), Some(5));
        assert_eq!(get("/a/b%2Fc"), Some(1));
        assert_eq!(t.find("h", b"GET", b"/a/b"), Some(6));
        assert_eq!(t.find("h", b"GET", b"/a/z"), Some(1));
        assert_eq!(t.find("", b"POST", b"/a/b"), Some(7));
    }

    #[test]
    fn methods_that_would_do() {
        let t = tree(&["GET /a", "POST /a", "HEAD /b", "PUT h/a", "GET /c/"]);
        assert_eq!(t.find("", b"HEAD", b"/a"), Some(0));
        assert_eq!(t.find("", b"DELETE", b"/a"), None);
        assert_eq!(t.methods("", b"/a"), ["GET", "POST", "HEAD"]);
        assert_eq!(t.methods("h", b"/a"), ["PUT", "GET", "POST", "HEAD"]);
        assert!(t.methods("", b"/none").is_empty());
    }
}

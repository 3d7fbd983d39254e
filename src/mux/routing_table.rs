//! `RoutingTable`: the routes at one moment, immutable, and how a request finds its own.

use super::builtin;
use super::pattern::{Pattern, Segment};
use super::routing_tree::RoutingTree;
use crate::message::path;
use crate::message::request::{Request, RouteLookup};
use crate::runtime::BlockingStats;
use crate::server::Handler;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;

pub(super) struct MuxEntry {
    /// None: one of the mux's own.
    pub(super) pattern: Option<Pattern>,
    /// The pattern's text for C; empty for the mux's own.
    text: CString,
    handler: Arc<dyn Handler>,
    pub(super) blocking_stats: BlockingStats,
}

impl MuxEntry {
    pub(super) fn new(pattern: Option<Pattern>, handler: Arc<dyn Handler>) -> Arc<MuxEntry> {
        let text = pattern.as_ref().and_then(|p| CString::new(p.text.as_str()).ok()).unwrap_or_default();
        Arc::new(MuxEntry { pattern, text, handler, blocking_stats: BlockingStats::new() })
    }
}

/// PathHasher is a quick hash of paths: only the program adds any, so nobody else can make those of a table collide.
#[derive(Default)]
struct PathHasher(u64);

impl PathHasher {
    fn mix(&mut self, n: u64) {
        // An odd number without a pattern: that of the golden ratio.
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for PathHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.mix(rest.iter().fold(0, |n, &b| n << 8 | u64::from(b)));
    }

    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes the lowest bits, which a product mixes least.
        self.0.rotate_left(26)
    }
}

pub(crate) struct RoutingTable {
    /// The built-in ones come first, at the indices of [`builtin`]. Only added to: an index stays good.
    routes: Vec<Arc<MuxEntry>>,
    tree: RoutingTree,
    /// The patterns without host and wildcard, by path and then method: what most requests ask for, in one hash.
    plain: HashMap<Vec<u8>, Vec<(String, u32)>, BuildHasherDefault<PathHasher>>,
    has_hosts: bool,
    /// The route that takes all requests, where there is one handler in the mux's place.
    catch_all: Option<u32>,
}

impl RoutingTable {
    pub(super) fn new(routes: Vec<Arc<MuxEntry>>, whole: Option<u32>) -> RoutingTable {
        let mut t = RoutingTable {
            routes: Vec::new(),
            tree: RoutingTree::default(),
            plain: HashMap::default(),
            has_hosts: false,
            catch_all: whole,
        };
        for (i, route) in routes.iter().enumerate() {
            let Some(p) = &route.pattern else { continue };
            t.tree.add(p, i as u32);
            t.has_hosts |= !p.host.is_empty();
            if p.host.is_empty() && p.is_plain() {
                let same = t.plain.entry(plain_path(p)).or_default();
                same.push((p.method.clone(), i as u32));
                // The one for any method comes last.
                same.sort_by_key(|(m, _)| m.is_empty());
            }
        }
        t.routes = routes;
        t
    }

    pub(crate) fn blocking_stats(&self, route: u32) -> &BlockingStats {
        static NONE: BlockingStats = BlockingStats::new();
        self.routes.get(route as usize).map_or(&NONE, |r| &r.blocking_stats)
    }

    pub(crate) fn handler(&self, route: u32) -> Option<&Arc<dyn Handler>> {
        self.routes.get(route as usize).map(|r| &r.handler)
    }

    /// is_builtin tells whether a route's handler is the mux's own.
    pub(super) fn is_builtin(&self, route: u32) -> bool {
        self.catch_all.is_none() && self.routes.get(route as usize).is_some_and(|r| r.pattern.is_none())
    }

    /// route_incoming is [`RoutingTable::route`] for a request that has just come: `OPTIONS *` is the server's own affair if it
    /// wants it.
    pub(crate) fn route_incoming(&self, r: &Request, general_options: bool) -> u32 {
        if general_options && r.text(r.target) == b"*" && r.text(r.method) == b"OPTIONS" {
            return builtin::OPTIONS;
        }
        self.route(r)
    }

    /// route finds the handler for a request.
    pub(crate) fn route(&self, r: &Request) -> u32 {
        let (target, method) = (r.text(r.target), r.text(r.method));
        if let Some(whole) = self.catch_all {
            return whole;
        }
        if target == b"*" {
            return builtin::BAD_REQUEST;
        }
        let path = r.raw_path();
        if method != b"CONNECT" {
            let is_escaped = path.contains(&b'%');
            if is_escaped && path::hides_dots(path) {
                return builtin::BAD_REQUEST;
            }
            let plain = if is_escaped { path::plain_dots(path) } else { Cow::Borrowed(path) };
            if !path::is_clean(&plain) {
                // One redirect does for both.
                return match self.find_at(self.host_of(r), method, &path::clean(&plain)) {
                    builtin::ADD_SLASH => builtin::CLEAN_ADD_SLASH,
                    _ => builtin::CLEAN,
                };
            }
        }
        self.find_at(self.host_of(r), method, path)
    }

    /// host_of is the request's host as patterns name it: without its port, but for CONNECT.
    fn host_of<'a>(&self, r: &'a Request) -> &'a str {
        if !self.has_hosts {
            return "";
        }
        let host = r.authority();
        let host = if r.text(r.method) == b"CONNECT" { host } else { path::host_without_port(host) };
        std::str::from_utf8(host).unwrap_or_default()
    }

    fn find_at(&self, host: &str, method: &[u8], path: &[u8]) -> u32 {
        if !self.has_hosts
            && let Some(same) = self.plain.get(path)
            && let Some(i) = by_method(same, method)
        {
            return i;
        }
        let found = self.tree.find(host, method, path);
        if !found.is_some_and(|i| self.is_exact(i, path)) && !path.ends_with(b"/") && !path.is_empty() {
            let with_slash = [path, b"/"].concat();
            let other = self.tree.find(host, method, &with_slash);
            if other.is_some_and(|i| self.is_exact(i, &with_slash)) {
                return builtin::ADD_SLASH;
            }
        }
        found.unwrap_or_else(|| match self.allowed_at(host, path).is_empty() {
            true => builtin::NOT_FOUND,
            false => builtin::METHOD_NOT_ALLOWED,
        })
    }

    /// is_exact tells whether a pattern that takes all the rest was given nothing but its slash.
    fn is_exact(&self, route: u32, path: &[u8]) -> bool {
        let Some(p) = self.routes.get(route as usize).and_then(|r| r.pattern.as_ref()) else { return false };
        let slashes = memchr::memchr_iter(b'/', path).count();
        !p.ends_open() || (path.ends_with(b"/") && slashes == p.segments.len())
    }

    fn allowed_at(&self, host: &str, path: &[u8]) -> Vec<&str> {
        let mut all = self.tree.methods(host, path);
        if !path.ends_with(b"/") {
            all.extend(self.tree.methods(host, &[path, b"/"].concat()));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// displayed_route is the route whose pattern Go's `Handler` names for a request that went to `route`: of redirects that of
    /// where they lead.
    pub(super) fn displayed_route(&self, r: &Request, route: u32) -> u32 {
        let (host, method) = (self.host_of(r), r.text(r.method));
        let found = match route {
            builtin::ADD_SLASH => self.tree.find(host, method, &[r.raw_path(), b"/"].concat()),
            builtin::CLEAN_ADD_SLASH => {
                self.tree.find(host, method, &[&*path::clean(&path::plain_dots(r.raw_path())), b"/"].concat())
            }
            builtin::CLEAN => self.tree.find(host, method, &path::clean(&path::plain_dots(r.raw_path()))),
            other => return other,
        };
        found.unwrap_or(route)
    }

    /// is_options tells whether the route is the server's own answer to `OPTIONS *`.
    pub(crate) fn is_options(&self, route: u32) -> bool {
        route == builtin::OPTIONS
    }
}

impl RouteLookup for RoutingTable {
    fn pattern(&self, route: u32) -> &CStr {
        self.routes.get(route as usize).map_or(c"", |r| &r.text)
    }

    fn allowed(&self, r: &Request) -> String {
        let path = r.raw_path();
        self.allowed_at(self.host_of(r), path).join(", ")
    }

    fn names(&self, route: u32) -> Vec<&str> {
        let pattern = self.routes.get(route as usize).and_then(|r| r.pattern.as_ref());
        pattern.map(|p| p.names().collect()).unwrap_or_default()
    }

    fn value(&self, r: &Request, name: &str) -> Option<Range<usize>> {
        let pattern = self.routes.get(r.route as usize)?.pattern.as_ref()?;
        let path = r.raw_path();
        let mut at = 0;
        for s in &pattern.segments {
            at += 1;
            let rest = path.get(at..)?;
            let len = memchr::memchr(b'/', rest).unwrap_or(rest.len());
            match s {
                Segment::One(n) if n == name => return Some(at..at + len),
                Segment::Rest(n) if n == name && !n.is_empty() => return Some(at..path.len()),
                _ => at += len,
            }
        }
        None
    }
}

/// plain_path is the one path that the pattern matches, as it comes without escapes.
fn plain_path(p: &Pattern) -> Vec<u8> {
    let mut path = Vec::new();
    for s in &p.segments {
        path.push(b'/');
        if let Segment::Literal(l) = s {
            path.extend_from_slice(l);
        }
    }
    path
}

fn by_method(same: &[(String, u32)], method: &[u8]) -> Option<u32> {
    let of = |m: &[u8]| same.iter().find(|(n, _)| n.as_bytes() == m).map(|(_, i)| *i);
    match same {
        [(any, i)] if any.is_empty() => Some(*i),
        _ => of(method).or_else(|| if method == b"HEAD" { of(b"GET") } else { None }).or_else(|| of(b"")),
    }
}

//! `Table`: the routes at one moment, immutable. Looking up costs a hash for each segment of the path at most,
//! however many routes there are.

use super::builtin;
use super::path;
use crate::error::{Result, invalid};
use crate::message::request::Request;
use crate::runtime::Learn;
use crate::server::Handler;
use std::collections::HashMap;
use std::sync::Arc;

struct Route {
    pattern: String,
    host: String,
    path: String,
    handler: Box<dyn Handler>,
    learn: Learn,
}

pub(crate) struct Table {
    /// The built-in ones come first, at the indices of [`builtin`]. Only added to: an index stays good.
    routes: Vec<Arc<Route>>,
    /// By host and path; subtrees with their slash.
    by_path: HashMap<Vec<u8>, u32>,
    has_hosts: bool,
}

impl Table {
    pub(super) fn new() -> Table {
        let routes = builtin::handlers().into_iter().map(|handler| {
            let none = String::new;
            Arc::new(Route { pattern: none(), host: none(), path: none(), handler, learn: Learn::new() })
        });
        Table { routes: routes.collect(), by_path: HashMap::new(), has_hosts: false }
    }

    /// with is this table and one route more.
    pub(super) fn with(
        &self,
        pattern: &str,
        host: &str,
        path: &str,
        handler: Box<dyn Handler>,
    ) -> Result<Table> {
        let key = [host.as_bytes(), path.as_bytes()].concat();
        if self.by_path.contains_key(&key) {
            return Err(invalid(format!("http: multiple registrations for {pattern}")));
        }
        let mut routes = self.routes.clone();
        let mut by_path = self.by_path.clone();
        by_path.insert(key, routes.len() as u32);
        routes.push(Arc::new(Route {
            pattern: pattern.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            handler,
            learn: Learn::new(),
        }));
        Ok(Table { routes, by_path, has_hosts: self.has_hosts || !host.is_empty() })
    }

    pub(super) fn tell(&self, pattern: &str, blocks: i32) -> bool {
        let found = self.routes.iter().find(|r| !r.pattern.is_empty() && r.pattern == pattern);
        found.inspect(|r| r.learn.tell(blocks)).is_some()
    }

    pub(crate) fn learn(&self, route: u32) -> &Learn {
        static NONE: Learn = Learn::new();
        self.routes.get(route as usize).map_or(&NONE, |r| &r.learn)
    }

    pub(crate) fn handler(&self, route: u32) -> Option<&dyn Handler> {
        self.routes.get(route as usize).map(|r| &*r.handler)
    }

    /// route finds the handler for a request.
    pub(crate) fn route(&self, r: &Request) -> u32 {
        let (target, method) = (r.text(r.target), r.text(r.method));
        if target == b"*" {
            return if method == b"OPTIONS" { builtin::OPTIONS } else { builtin::BAD_REQUEST };
        }
        let path = path::of_target(target, method);
        let host = if self.has_hosts { path::host_without_port(r.text(r.host)) } else { b"" };
        if method != b"CONNECT" && !path::is_clean(path) {
            // One redirect does for both.
            return match self.find_at(host, &path::clean(path)) {
                builtin::ADD_SLASH => builtin::CLEAN_ADD_SLASH,
                _ => builtin::CLEAN,
            };
        }
        self.find_at(host, path)
    }

    fn find_at(&self, host: &[u8], path: &[u8]) -> u32 {
        if !host.is_empty()
            && let Some(found) = self.find(host, path)
        {
            return found;
        }
        self.find(b"", path).unwrap_or(builtin::NOT_FOUND)
    }

    /// is_options tells whether the route is the server's own answer to `OPTIONS *`.
    pub(crate) fn is_options(&self, route: u32) -> bool {
        route == builtin::OPTIONS
    }

    fn find(&self, host: &[u8], path: &[u8]) -> Option<u32> {
        if memchr::memchr(b'%', path).is_some() {
            return self.find_escaped(host, path);
        }
        if host.is_empty()
            && let Some(i) = self.by_path.get(path)
        {
            return Some(*i);
        }
        let mut key = [host, path].concat();
        if !host.is_empty()
            && let Some(i) = self.by_path.get(&key)
        {
            return Some(*i);
        }
        key.push(b'/');
        if self.by_path.contains_key(&key) {
            return Some(builtin::ADD_SLASH);
        }
        key.pop();
        while key.len() > host.len() {
            if key.ends_with(b"/")
                && let Some(i) = self.by_path.get(&key)
            {
                return Some(*i);
            }
            key.pop();
            let slash = memchr::memrchr(b'/', &key).map_or(0, |i| i + 1);
            key.truncate(slash.max(host.len()));
        }
        None
    }

    /// find_escaped compares segment by segment, each unescaped: an escaped slash separates nothing.
    fn find_escaped(&self, host: &[u8], path: &[u8]) -> Option<u32> {
        let mut best: Option<(usize, u32)> = None;
        let (mut exact, mut slash) = (false, false);
        for (i, r) in self.routes.iter().enumerate() {
            if r.path.is_empty() || r.host.as_bytes() != host {
                continue;
            }
            let subtree = r.path.strip_suffix('/');
            slash |= subtree.is_some_and(|p| !p.is_empty() && path::matches(p.as_bytes(), path));
            let matches = path::matches(r.path.as_bytes(), path);
            exact |= matches && subtree.is_none();
            if matches && best.is_none_or(|(len, _)| r.path.len() > len) {
                best = Some((r.path.len(), i as u32));
            }
        }
        if slash && !exact {
            return Some(builtin::ADD_SLASH);
        }
        best.map(|(_, i)| i)
    }
}

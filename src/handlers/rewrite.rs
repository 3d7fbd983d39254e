//! Handlers that give the next one another path, or another query.

use crate::message::escape::{UrlPart, escape, unescape};
use crate::message::path;
use crate::message::request::Request;
use crate::server::{Handler, ResponseWriter, responses};
use std::sync::Arc;

struct StripPrefix {
    prefix: Vec<u8>,
    next: Arc<dyn Handler>,
}

/// strip_prefix takes a prefix away from the path; a request without it is not found.
pub fn strip_prefix(prefix: &[u8], next: Arc<dyn Handler>) -> Arc<dyn Handler> {
    if prefix.is_empty() {
        return next;
    }
    Arc::new(StripPrefix { prefix: prefix.to_vec(), next })
}

impl Handler for StripPrefix {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        match self.stripped(r) {
            Some(path) => {
                let query = r.raw_query_part().to_vec();
                serve_rewritten(&*self.next, w, r, &path, &query);
            }
            // A failed write has broken the connection, which the server sees for itself.
            None => drop(responses::not_found(w)),
        }
    }
}

impl StripPrefix {
    /// stripped is the escaped path without the prefix, which stands before both its forms: before the one that
    /// was sent only where that is not the usual spelling of the other.
    fn stripped(&self, r: &Request) -> Option<Vec<u8>> {
        let (raw, decoded) = (path::escaped(r.raw_path()), r.decoded_path());
        let rest = decoded.strip_prefix(&*self.prefix)?;
        let usual = escape(rest, UrlPart::Path);
        if *raw == *escape(&decoded, UrlPart::Path) {
            return Some(usual);
        }
        let raw_rest = raw.strip_prefix(&*self.prefix)?;
        let same = unescape(raw_rest, UrlPart::Path).is_ok_and(|p| *p == *rest);
        Some(if same { raw_rest.to_vec() } else { usual })
    }
}

/// serve_rewritten calls the next handler with another path and query, which are the request's for this call or, if that
/// detaches it, for the rest of its exchange.
fn serve_rewritten(next: &dyn Handler, w: &mut ResponseWriter, r: &mut Request, path: &[u8], query: &[u8]) {
    let exchange = w.detach_check();
    r.rewrite(path, query, |r| {
        next.serve(w, r);
        !exchange.is_detached()
    });
}

struct Semicolons(Arc<dyn Handler>);

/// allow_query_semicolons has the next handler see `;` in a query as `&`.
pub fn allow_query_semicolons(next: Arc<dyn Handler>) -> Arc<dyn Handler> {
    Arc::new(Semicolons(next))
}

impl Handler for Semicolons {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        if !r.raw_query_part().contains(&b';') {
            return self.0.serve(w, r);
        }
        let query: Vec<u8> = r.raw_query_part().iter().map(|&b| if b == b';' { b'&' } else { b }).collect();
        let path = r.raw_path().to_vec();
        serve_rewritten(&*self.0, w, r, &path, &query);
    }
}

//! Requests that a browser sends for another site (Go's `CrossOriginProtection`).

use crate::error::{Error, Kind, Result, invalid};
use crate::message::escape::quote;
use crate::message::request::Request;
use crate::message::url::Url;
use crate::mux::Mux;
use crate::server::{Handler, ResponseWriter, responses};
use crate::sync::RwLock;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

/// CrossOrigin refuses requests that change something and come from another origin. It may be changed while it is
/// used.
#[derive(Default)]
pub struct CrossOrigin {
    /// Its patterns let a request pass.
    bypass: Mux,
    trusted: RwLock<HashSet<Vec<u8>>>,
    deny: RwLock<Option<Arc<dyn Handler>>>,
}

impl CrossOrigin {
    /// trust lets requests of an origin pass: `scheme://host[:port]`, compared byte by byte with the Origin field.
    pub fn trust(&self, origin: &[u8]) -> Result<()> {
        let wrong = |why: &str| invalid(format!("invalid origin {}: {why}", quote(origin)));
        let url = Url::parse(origin).map_err(|e| wrong(e.message()))?;
        if url.scheme().is_empty() {
            return Err(wrong("scheme is required"));
        }
        if url.host().is_empty() {
            return Err(wrong("host is required"));
        }
        if !url.path().is_empty() || !url.raw_query().is_empty() || !url.fragment().is_empty() {
            return Err(wrong("path, query, and fragment are not allowed"));
        }
        self.trusted.write().unwrap_or_else(PoisonError::into_inner).insert(origin.to_vec());
        Ok(())
    }

    /// bypass lets the requests that match a pattern pass.
    pub fn bypass(&self, pattern: &str) -> Result<()> {
        let nothing: Arc<dyn Handler> = Arc::new(|_: &mut ResponseWriter, _: &mut Request| {});
        self.bypass.handle(pattern, nothing)
    }

    /// set_deny has a handler answer what is refused; `None`: 403.
    pub fn set_deny(&self, handler: Option<Arc<dyn Handler>>) {
        let old = std::mem::replace(&mut *self.deny.write().unwrap_or_else(PoisonError::into_inner), handler);
        // It may end userdata of the program's: not under the lock.
        drop(old);
    }

    /// check refuses what a browser says, or shows, to come from another origin.
    pub fn check(&self, r: &Request) -> Result<()> {
        if matches!(r.text(r.method), b"GET" | b"HEAD" | b"OPTIONS") {
            return Ok(());
        }
        let field = |name: &[u8]| r.header.get(name).unwrap_or_default();
        let origin = field(b"Origin");
        let why = match field(b"Sec-Fetch-Site") {
            b"same-origin" | b"none" => return Ok(()),
            // Not a browser, or one from before 2023.
            b"" if origin.is_empty() => return Ok(()),
            b"" => {
                if Url::parse(origin).is_ok_and(|o| o.host() == r.authority()) {
                    return Ok(());
                }
                "cross-origin request detected, and/or browser is out of date: \
                 Sec-Fetch-Site is missing, and Origin does not match Host"
            }
            _ => "cross-origin request detected from Sec-Fetch-Site header",
        };
        if self.bypass.matches(r) || self.trusts(origin) {
            return Ok(());
        }
        Err(Error::new(Kind::CrossOrigin, why))
    }

    fn trusts(&self, origin: &[u8]) -> bool {
        self.trusted.read().unwrap_or_else(PoisonError::into_inner).contains(origin)
    }

    /// wrap makes a handler that calls `next` for what passes.
    pub fn wrap(self: Arc<Self>, next: Arc<dyn Handler>) -> Arc<dyn Handler> {
        Arc::new(CrossOriginHandler { rules: self, next })
    }
}

struct CrossOriginHandler {
    rules: Arc<CrossOrigin>,
    next: Arc<dyn Handler>,
}

impl Handler for CrossOriginHandler {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let Err(refused) = self.rules.check(r) else { return self.next.serve(w, r) };
        let deny = self.rules.deny.read().unwrap_or_else(PoisonError::into_inner).clone();
        match deny {
            Some(handler) => handler.serve(w, r),
            // A failed write has broken the connection, which the server sees for itself.
            None => drop(responses::error(w, refused.message().as_bytes(), 403)),
        }
    }
}

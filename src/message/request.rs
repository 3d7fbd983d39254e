//! `Request`: a request that a program builds and sends, or that a server received.

use super::cookie::{self, Cookie};
use super::endpoint::Endpoint;
use super::escape::{UrlPart, unescape};
use super::header::Header;
use super::path;
use super::progress::Progress;
use super::source::SourceSlot;
use super::text::Span;
use super::tls_info::TlsInfo;
use super::trace::Trace;
use super::url::Url;
use crate::address::Address;
use crate::error::{Error, Kind, Result};
use crate::handle::Handle;
use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u8,
    pub minor: u8,
}

pub const HTTP_10: Version = Version { major: 1, minor: 0 };
pub const HTTP_11: Version = Version { major: 1, minor: 1 };
pub const HTTP_20: Version = Version { major: 2, minor: 0 };

/// IncomingBody is the body of a received message, read by pull. End of body is `Ok(0)`; data comes before its
/// error; an error stays.
pub trait IncomingBody: Send {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize>;
    /// trailer is whole once `read` has answered `Ok(0)`.
    fn take_trailer(&mut self) -> Option<Header>;
    /// set_limit bounds the bytes still to be read; more of them fail with `TooLarge`.
    fn set_limit(&mut self, bytes: u64);
    /// limit is how many bytes may still be read.
    fn limit(&self) -> u64;
    /// set_read_timeout bounds the rest of the reading, where the library waits for it.
    fn set_read_timeout(&mut self, limit: Option<std::time::Duration>) -> Result<()>;
    /// peer_disconnected tells whether the peer has closed its side or the connection broke.
    fn peer_disconnected(&self) -> bool;
    /// on_disconnect has `callback` called, once, when that has happened, as long as what it answers is kept.
    fn on_disconnect(
        &self,
        callback: Box<dyn FnOnce() + Send>,
    ) -> Result<Box<dyn std::any::Any + Send + Sync>> {
        drop(callback);
        Err(Error::new(Kind::Unsupported, "nethttp: nobody watches this message's stream"))
    }
    /// base_value is what the server has for all its requests by that name.
    fn base_value(&self, _key: &str) -> Option<&(dyn std::any::Any + Send + Sync)> {
        None
    }
    /// local_addr is this end of the connection that the message came by, while it is there.
    fn local_addr(&self) -> Option<Address> {
        None
    }
}

/// RouteLookup is what a mux tells of a request that it has routed.
pub trait RouteLookup: Send + Sync {
    /// pattern is the text of a route's pattern; "" for answers of the mux's own.
    fn pattern(&self, route: u32) -> &CStr;
    /// value is where in the request's [`Request::raw_path`] the value of a wildcard of its route stands, escaped as it
    /// came.
    fn value(&self, r: &Request, name: &str) -> Option<Range<usize>>;
    /// names are those of a route's wildcards.
    fn names(&self, route: u32) -> Vec<&str>;
    /// allowed is a list of the methods with which the request would have found a route.
    fn allowed(&self, r: &Request) -> String;
}

/// RequestBody says where a request's body comes from.
#[derive(Default)]
pub enum RequestBody {
    #[default]
    None,
    /// Bytes in memory, sent as often as needed; an upload that outlives the call keeps them.
    Bytes(Arc<dyn AsRef<[u8]> + Send + Sync>),
    Source(SourceSlot),
    /// The request was received: the server's reader.
    Incoming(Box<dyn IncomingBody>),
}

impl RequestBody {
    /// share is the same body for another request; a source serves one exchange at a time. What is received
    /// cannot be shared.
    pub fn share(&self) -> RequestBody {
        match self {
            RequestBody::Bytes(b) => RequestBody::Bytes(b.clone()),
            RequestBody::Source(s) => RequestBody::Source(s.clone()),
            RequestBody::None | RequestBody::Incoming(_) => RequestBody::None,
        }
    }
}

/// Redirected is the head of an answer that led to another request.
#[derive(Debug)]
pub struct Redirected {
    pub code: u16,
    pub header: Header,
}

/// MultipartUse tells how a received request's parts were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultipartUse {
    #[default]
    Fresh,
    /// One after the other.
    Read,
    /// As a whole form.
    Parsed,
}

/// ParsedCookies are those of a header, and which change of it they were read after.
type ParsedCookies = (u32, Vec<Cookie>);

/// Request owns all its text: spans name pieces of `header.store()`.
#[derive(Default)]
pub struct Request {
    pub header: Header,
    pub method: Span,
    /// The request-target as it was received; empty in a request to be sent.
    pub target: Span,
    /// The authority the request is for: Host, or the target's in absolute form. In a request to be sent,
    /// what overrides the URL's.
    pub host: Span,
    /// The URL as the program gave it; empty in a received request.
    pub url: Span,
    /// The URL of a received request, once it was asked for.
    pub display_url: OnceLock<CString>,
    /// Where `url` leads to.
    pub endpoint: Option<Arc<Endpoint>>,
    /// The whole exchange, its body included, takes at most this long.
    pub timeout: Option<std::time::Duration>,
    pub version: Option<Version>,
    /// Body length in bytes, -1 if unknown, 0 if there is none.
    pub content_length: i64,
    pub chunked: bool,
    /// The connection ends after this exchange.
    pub close: bool,
    pub trailer: Header,
    pub multipart_use: MultipartUse,
    pub body: RequestBody,
    pub remote: Option<Address>,
    /// What TLS has agreed on, if the request came through it.
    pub tls: Option<Arc<TlsInfo>>,
    /// The number of the connection that it came by, where those are told of.
    pub conn_id: u64,
    /// What the program has attached while the request is served: Go's context values.
    pub values: Vec<(String, Box<dyn std::any::Any + Send + Sync>)>,
    /// What led here, if that was a redirect: Go's `Request.Response`.
    pub redirect: Option<Arc<Redirected>>,
    /// Who is told how far the bodies are; not copied with the head.
    pub progress: Option<Arc<dyn Progress>>,
    /// Who is told each step of the exchange, on every hop of a redirect too.
    pub trace: Option<Arc<dyn Trace>>,
    /// What the layer above keeps with the request.
    pub extra: Option<Box<dyn std::any::Any + Send + Sync>>,
    /// The unescaped path, once it was asked for.
    pub path: Option<Span>,
    /// What a handler has put in the place of the target's path and of its query with the question mark, for those
    /// that it calls.
    pub rewritten: Option<(Span, Span)>,
    /// The routes of the mux that serves this request, and which of them that is.
    pub routes: Option<Arc<dyn RouteLookup>>,
    pub route: u32,
    /// Other routes than the server's have taken their place.
    pub entered: bool,
    /// Read when one was asked for by its index.
    pub cookies: Mutex<Option<Box<ParsedCookies>>>,
    /// Path values that the program has set, or asked for: name and decoded value.
    pub path_values: Vec<(Span, Span)>,
    /// The program refers to it by a name that is good for one exchange.
    pub handle: Option<Handle>,
}

impl Request {
    pub fn text(&self, s: Span) -> &[u8] {
        self.header.store().get(s)
    }

    /// cookie_at is a well-formed cookie by its index. They are read once for all.
    pub fn cookie_at(&self, index: usize) -> Option<Cookie> {
        let mut known = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.header.changes();
        if known.as_ref().is_none_or(|k| k.0 != changes) {
            *known = Some(Box::new((changes, cookie::read(&self.header))));
        }
        known.as_ref()?.1.get(index).cloned()
    }

    /// raw_path is the escaped path by which muxes and file servers look.
    pub fn raw_path(&self) -> &[u8] {
        match (self.rewritten, &self.endpoint) {
            (Some((path, _)), _) => self.text(path),
            (None, Some(to)) if self.target.is_empty() => {
                path::of_target(&to.request_uri, self.text(self.method))
            }
            _ => path::of_target(self.text(self.target), self.text(self.method)),
        }
    }

    /// decoded_path is the unescaped path: Go's `URL.Path`.
    pub fn decoded_path(&self) -> Cow<'_, [u8]> {
        if self.rewritten.is_none() && self.text(self.target) == b"*" {
            return Cow::Borrowed(b"*");
        }
        let raw = self.raw_path();
        unescape(raw, UrlPart::Path).unwrap_or(Cow::Borrowed(raw))
    }

    /// display_url is the URL as the program gave it, or that of a received request: Go's `URL.String()`.
    pub fn display_url(&self) -> &CStr {
        if self.target.is_empty() {
            return self.header.store().cstr(self.url);
        }
        self.display_url.get_or_init(|| {
            let target = self.text(self.target);
            let (path, query) = (self.raw_path(), self.raw_query_part());
            let url = Url::of_target(target, self.text(self.method), path, query);
            // A target that was taken is one; none has a NUL.
            CString::new(url.map_or_else(|_| target.to_vec(), |u| u.to_bytes())).unwrap_or_default()
        })
    }

    /// raw_query_part is the query with its question mark, or nothing.
    pub fn raw_query_part(&self) -> &[u8] {
        match (self.rewritten, &self.endpoint) {
            (Some((_, query)), _) => self.text(query),
            (None, Some(to)) if self.target.is_empty() => path::query_of(&to.request_uri),
            _ => path::query_of(self.text(self.target)),
        }
    }

    /// raw_query is the query without its question mark.
    pub fn raw_query(&self) -> &[u8] {
        self.raw_query_part().get(1..).unwrap_or_default()
    }

    /// authority is the host that the request is for, with its port.
    pub fn authority(&self) -> &[u8] {
        match &self.endpoint {
            Some(to) if self.host.is_empty() => &to.authority,
            _ => self.text(self.host),
        }
    }

    /// enter has a mux's route answer for the request's pattern and path values from here on, as in Go: values of the
    /// route before are gone, those that the program has set under other names stay.
    pub fn enter(&mut self, routes: Arc<dyn RouteLookup>, route: u32) {
        if let Some(before) = self.routes.take() {
            let names = before.names(self.route);
            let store = self.header.store();
            self.path_values.retain(|(name, _)| !names.iter().any(|n| n.as_bytes() == store.get(*name)));
        }
        (self.routes, self.route, self.entered) = (Some(routes), route, true);
    }

    /// path_value is what a wildcard of the route's pattern stands for, or what the program has set.
    pub fn path_value(&mut self, name: &[u8]) -> Option<Span> {
        if let Some((_, value)) = self.path_values.iter().find(|(n, _)| self.text(*n) == name) {
            return Some(*value);
        }
        let at = self.routes.as_ref()?.value(self, std::str::from_utf8(name).ok()?)?;
        let raw = self.raw_path().get(at)?;
        let value = unescape(raw, UrlPart::Path).map_or_else(|_| raw.to_vec(), |v| v.into_owned());
        let store = self.header.store_mut();
        let pair = (store.intern(name), store.intern(&value));
        self.path_values.push(pair);
        Some(pair.1)
    }

    /// rewrite runs `f` with another escaped path, and another query with its question mark, in the place of the
    /// target's; what `f` has found by them is forgotten behind it. `f` answers whether the request is still the caller's:
    /// one that is answered later stays as it is, for whoever answers it.
    pub fn rewrite(&mut self, path: &[u8], query: &[u8], f: impl FnOnce(&mut Request) -> bool) {
        // The pattern's values stand in the path that goes away.
        if let Some(routes) = self.routes.clone() {
            for name in routes.names(self.route) {
                self.path_value(name.as_bytes());
            }
        }
        let before = (self.path, self.rewritten, self.routes.clone(), self.route, self.path_values.clone());
        let shown = std::mem::take(&mut self.display_url);
        let store = self.header.store_mut();
        self.rewritten = Some((store.intern(path), store.intern(query)));
        self.path = None;
        if !f(self) {
            return;
        }
        (self.path, self.rewritten, self.routes, self.route, self.path_values) = before;
        self.display_url = shown;
    }

    /// handle is how the program refers to the request.
    pub fn handle(&mut self) -> *mut () {
        let me = std::ptr::from_mut(self).cast();
        self.handle.as_ref().map_or(me, |t| t.name(me))
    }

    pub fn is_incoming(&self) -> bool {
        matches!(self.body, RequestBody::Incoming(_))
    }

    /// has_spent_body tells whether there is a body that cannot be sent a second time.
    pub fn has_spent_body(&self) -> bool {
        matches!(&self.body, RequestBody::Source(s) if self.content_length != 0 && !s.can_rewind())
    }

    /// share is a copy that sends the same body.
    pub fn share(&self) -> Request {
        Request { body: self.body.share(), ..self.clone_head() }
    }

    /// clone_head copies everything but the body, also of a received request.
    pub fn clone_head(&self) -> Request {
        let mut r =
            Request { header: self.header.clone(), trailer: self.trailer.clone(), ..Request::default() };
        for (from, to) in [
            (self.method, &mut r.method),
            (self.target, &mut r.target),
            (self.host, &mut r.host),
            (self.url, &mut r.url),
        ] {
            *to = r.header.store_mut().intern(self.text(from));
        }
        r.endpoint = self.endpoint.clone();
        r.rewritten = self.rewritten.map(|(path, query)| {
            let store = r.header.store_mut();
            (store.intern(self.text(path)), store.intern(self.text(query)))
        });
        (r.routes, r.route) = (self.routes.clone(), self.route);
        for (name, value) in &self.path_values {
            let store = r.header.store_mut();
            let pair = (store.intern(self.text(*name)), store.intern(self.text(*value)));
            r.path_values.push(pair);
        }
        r.timeout = self.timeout;
        r.trace = self.trace.clone();
        r.redirect = self.redirect.clone();
        r.version = self.version;
        r.content_length = self.content_length;
        r.chunked = self.chunked;
        r.close = self.close;
        r.remote = self.remote.clone();
        r.tls = self.tls.clone();
        r
    }

    /// read_body reads a received request's body.
    pub fn read_body(&mut self, buf: &mut [u8]) -> Result<usize> {
        let RequestBody::Incoming(body) = &mut self.body else {
            return Err(Error::new(Kind::State, "nethttp: only a received request's body can be read"));
        };
        let n = body.read(buf)?;
        if n == 0
            && let Some(t) = body.take_trailer()
        {
            self.trailer = t;
        }
        Ok(n)
    }
}

//! `Client`: what Go's `Client` does above a transport: redirects, cookies, the overall timeout, errors that name
//! the URL.

pub mod jar;
mod progress;
pub mod redirect;

use crate::error::{Error, Kind, Result};
use crate::message::cookie;
use crate::message::escape::quote;
use crate::message::request::{Redirected, Request, RequestBody};
use crate::message::url::{Url, without_password};
use crate::net::cancel::CancelToken;
use crate::sync::RwLock;
use crate::transport::{Response, RoundTripResult, RoundTripper, Transport};
use jar::{CookieJar, CookieOrigin};
use progress::ProgressMeter;
use redirect::{RedirectAction, RedirectChain, RedirectPolicy};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Default)]
pub struct Client {
    /// Several clients may share one.
    pub transport: Arc<Transport>,
    round_tripper: OptionalShared<dyn RoundTripper>,
    policy: RwLock<RedirectPolicy>,
    jar: OptionalShared<dyn CookieJar>,
    /// Redirects to another port or scheme of a host carry credentials, as in Go.
    go_credentials: AtomicBool,
}

/// OptionalShared is what a program may have set; where it has not, requests take no lock to find that out.
struct OptionalShared<T: ?Sized> {
    any: AtomicBool,
    value: RwLock<Option<Arc<T>>>,
}

impl<T: ?Sized> Default for OptionalShared<T> {
    fn default() -> OptionalShared<T> {
        OptionalShared { any: AtomicBool::new(false), value: RwLock::default() }
    }
}

impl<T: ?Sized> OptionalShared<T> {
    fn get(&self) -> Option<Arc<T>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, new: Option<Arc<T>>) {
        let mut value = self.value.write().unwrap_or_else(PoisonError::into_inner);
        self.any.store(new.is_some(), Ordering::Release);
        let old = std::mem::replace(&mut *value, new);
        drop(value);
        // After the lock: the end of a callback's userdata is the program's code.
        drop(old);
    }
}

/// ClientResponse is a final answer.
pub struct ClientResponse {
    pub response: Box<Response>,
    /// The request that was answered, if it is not the caller's own as it is: one with the jar's cookies, or that of a
    /// later hop.
    pub last: Option<Box<Request>>,
}

/// ClientError is an error; where a redirect was refused, the answer that asked for it comes too, its body closed.
pub struct ClientError {
    pub error: Error,
    pub answer: Option<Box<ClientResponse>>,
}

impl From<Error> for ClientError {
    fn from(error: Error) -> ClientError {
        ClientError { error, answer: None }
    }
}

impl Client {
    /// set_policy says which redirects are followed by the requests to come.
    pub fn set_policy(&self, policy: RedirectPolicy) {
        let mut slot = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *slot, policy);
        drop(slot);
        // After the lock: the end of a callback's userdata is the program's code.
        drop(old);
    }

    /// use_go_credentials is for the requests to come.
    pub fn use_go_credentials(&self) {
        self.go_credentials.store(true, Ordering::Relaxed);
    }

    /// set_jar gives the requests to come a jar, or none.
    pub fn set_jar(&self, jar: Option<Arc<dyn CookieJar>>) {
        self.jar.set(jar);
    }

    /// with_transport is a client of its own over a transport that others may use too.
    pub fn with_transport(transport: Arc<Transport>) -> Client {
        Client { transport, ..Client::default() }
    }

    /// set_round_tripper has the requests to come answered in the transport's place, or not any more.
    pub fn set_round_tripper(&self, round_tripper: Option<Arc<dyn RoundTripper>>) {
        self.round_tripper.set(round_tripper);
    }

    fn round_trip(
        &self,
        r: &Request,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<Box<Response>> {
        let round_tripper = self.round_tripper.get();
        match round_tripper.map(|t| t.round_trip(r, overall, cancel)) {
            Some(Ok(RoundTripResult::Response(response))) => Ok(response),
            Some(Err(e)) => Err(e),
            Some(Ok(RoundTripResult::Skip)) | None => self.transport.round_trip(r, overall, cancel),
        }
    }

    /// send is [`Client::run`] for who wants the answer alone.
    pub fn send(
        &self,
        r: &Request,
        timeout: Option<Duration>,
        cancel: Option<&CancelToken>,
    ) -> Result<Box<Response>> {
        self.run(r, timeout, cancel).map(|d| d.response).map_err(|f| f.error)
    }

    /// run sends the request and follows redirects; time and token count for all of it. A failure reads
    /// `Get "http://host/": what went wrong`.
    pub fn run(
        &self,
        r: &Request,
        timeout: Option<Duration>,
        cancel: Option<&CancelToken>,
    ) -> std::result::Result<ClientResponse, ClientError> {
        let Some((meter, copy)) = ProgressMeter::wrap_request(r) else {
            return self.follow(r, timeout, cancel);
        };
        let ClientResponse { response, last } = self.follow(&copy, timeout, cancel)?;
        Ok(ClientResponse { response: meter.wrap_response(response), last })
    }

    fn follow(
        &self,
        first: &Request,
        timeout: Option<Duration>,
        cancel: Option<&CancelToken>,
    ) -> std::result::Result<ClientResponse, ClientError> {
        let timeout = timeout.or_else(|| self.transport.overall());
        let overall = timeout.map(|d| Instant::now() + d);
        let failed = |e: Error, url: &str| e.wrap_url(&op(first.text(first.method)), url);
        let jar = self.jar.get();
        let mut came = None;
        if jar.is_none() {
            let result = self.round_trip(first, overall, cancel);
            let response = result.map_err(|e| failed(e, &display_url(first)))?;
            if !redirect::is_redirect_code(response.line.code) {
                return Ok(ClientResponse { response, last: None });
            }
            came = Some(response);
        }
        let mut hops: Vec<Request> = Vec::new();
        let mut chain = RedirectChain::new(first, self.go_credentials.load(Ordering::Relaxed));
        // The first request with the jar's cookies: the caller's own stays as it is.
        let mut own: Option<Box<Request>> = None;
        loop {
            let origin = jar.as_ref().and_then(|_| origin_of(hops.last().unwrap_or(first)));
            if let (Some(jar), Some(origin)) = (&jar, &origin)
                && let Some(pairs) = jar.cookies(origin, now())
            {
                let hop = hops.last_mut().unwrap_or_else(|| own.insert(Box::new(first.share())));
                cookie::add(&mut hop.header, &pairs)?;
            }
            let current = hops.last().or(own.as_deref()).unwrap_or(first);
            let result = came.take().map_or_else(|| self.round_trip(current, overall, cancel), Ok);
            let mut response = result.map_err(|e| failed(e, &display_url(current)))?;
            if let (Some(jar), Some(origin)) = (&jar, &origin) {
                let cookies = cookie::receive(&response.header);
                if !cookies.is_empty() {
                    jar.set(origin, &cookies, now());
                    chain.note_cookies(&cookies);
                }
            }
            let Some(location) = chain.redirect_location(current, &response).map(<[u8]>::to_vec) else {
                return Ok(done(response, hops, own));
            };
            let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone();
            if matches!(policy, RedirectPolicy::Off) {
                return Ok(done(response, hops, own));
            }
            let mut hop = match chain.next(current, &location) {
                Ok(hop) => hop,
                Err(e) => {
                    response.close_body();
                    let location = quote(&without_password(&location));
                    let text = format!("failed to parse Location header {location}: {}", e.message());
                    let e = Error::new(Kind::Redirect, text).with_cause(e);
                    return Err(failed(e, &display_url(current)).into());
                }
            };
            hop.redirect =
                Some(Arc::new(Redirected { code: response.line.code, header: response.header.clone() }));
            let via: Vec<&Request> = std::iter::once(first).chain(&hops).collect();
            let verdict = policy.check(&mut hop, &via);
            if matches!(verdict, RedirectAction::UseLast) {
                return Ok(done(response, hops, own));
            }
            redirect::drain_body(&mut response);
            if let RedirectAction::Refuse(e) = verdict {
                let error = failed(e, &String::from_utf8_lossy(&without_password(&location)));
                return Err(ClientError { error, answer: Some(Box::new(done(response, hops, own))) });
            }
            hops.push(hop);
        }
    }
}

fn done(response: Box<Response>, mut hops: Vec<Request>, own: Option<Box<Request>>) -> ClientResponse {
    let mut last = hops.pop().map(Box::new).or(own);
    if let Some(r) = &mut last {
        // An upload that goes on has it on loan itself.
        r.body = RequestBody::None;
    }
    ClientResponse { response, last }
}

/// origin_of is who a request's cookies are for: the host that it names to the server.
fn origin_of(r: &Request) -> Option<CookieOrigin> {
    CookieOrigin::from_url(&Url::parse(r.text(r.url)).ok()?, r.text(r.host))
}

/// now is Unix seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// display_url is the request's URL for an error, without its password.
fn display_url(r: &Request) -> String {
    match &r.endpoint {
        Some(t) => t.display.clone(),
        None => String::from_utf8_lossy(r.text(r.url)).into_owned(),
    }
}

/// op is the method as Go's `url.Error` shows it: "Get", "Post".
fn op(method: &[u8]) -> String {
    let method = if method.is_empty() { "GET".into() } else { String::from_utf8_lossy(method) };
    let mut letters = method.chars();
    letters.next().map_or_else(String::new, |c| c.to_string() + &letters.as_str().to_lowercase())
}

//! `Client`: what Go's `Client` does above a transport: redirects, the overall timeout, errors that name the URL.

pub mod redirect;

use crate::error::{Error, Kind, Result};
use crate::message::escape::quote;
use crate::message::request::{Body, Request};
use crate::net::cancel::CancelToken;
use crate::sync::RwLock;
use crate::transport::{Response, Transport};
use redirect::{Chain, Policy, Verdict};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Client {
    pub transport: Transport,
    policy: RwLock<Policy>,
}

/// Done is a final answer.
pub struct Done {
    pub response: Response,
    /// The request that was answered, if it is not the caller's own as it is: that of a later hop.
    pub last: Option<Box<Request>>,
}

/// Failed is an error; where a redirect was refused, the answer that asked for it comes too, its body closed.
pub struct Failed {
    pub error: Error,
    pub answer: Option<Box<Done>>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed { error, answer: None }
    }
}

impl Client {
    /// set_policy says which redirects are followed by the requests to come.
    pub fn set_policy(&self, policy: Policy) {
        let mut slot = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *slot, policy);
        drop(slot);
        // After the lock: the end of a callback's userdata is the program's code.
        drop(old);
    }

    /// send is [`Client::run`] for who wants the answer alone.
    pub fn send(
        &self,
        r: &Request,
        timeout: Option<Duration>,
        cancel: Option<&CancelToken>,
    ) -> Result<Response> {
        self.run(r, timeout, cancel).map(|d| d.response).map_err(|f| f.error)
    }

    /// run sends the request and follows redirects; time and token count for all of it. A failure reads
    /// `Get "http://host/": what went wrong`.
    pub fn run(
        &self,
        first: &Request,
        timeout: Option<Duration>,
        cancel: Option<&CancelToken>,
    ) -> std::result::Result<Done, Failed> {
        let timeout = timeout.or(self.transport.settings().overall);
        let overall = timeout.map(|d| Instant::now() + d);
        let failed = |e: Error, url: &str| e.wrap_url(&op(first.text(first.method)), url);
        let mut hops: Vec<Request> = Vec::new();
        let mut chain = Chain::new(first);
        loop {
            let current = hops.last().unwrap_or(first);
            let result = self.transport.round_trip(current, overall, cancel);
            let mut response = result.map_err(|e| failed(e, &shown(current)))?;
            let Some(location) = chain.leads_on(current, &response).map(<[u8]>::to_vec) else {
                return Ok(done(response, hops));
            };
            let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone();
            if matches!(policy, Policy::Off) {
                return Ok(done(response, hops));
            }
            let mut hop = match chain.next(current, &location) {
                Ok(hop) => hop,
                Err(e) => {
                    response.close_body();
                    let location = quote(&location);
                    let text = format!("failed to parse Location header {location}: {}", e.message());
                    let e = Error::new(Kind::Redirect, text).with_cause(e);
                    return Err(failed(e, &shown(current)).into());
                }
            };
            let via: Vec<&Request> = std::iter::once(first).chain(&hops).collect();
            let verdict = policy.check(&mut hop, &via);
            if matches!(verdict, Verdict::UseLast) {
                return Ok(done(response, hops));
            }
            redirect::finish(&mut response);
            if let Verdict::Refuse(e) = verdict {
                let error = failed(e, &String::from_utf8_lossy(&location));
                return Err(Failed { error, answer: Some(Box::new(done(response, hops))) });
            }
            hops.push(hop);
        }
    }
}

fn done(response: Response, mut hops: Vec<Request>) -> Done {
    let mut last = hops.pop().map(Box::new);
    if let Some(r) = &mut last {
        // An upload that goes on has it on loan itself.
        r.body = Body::None;
    }
    Done { response, last }
}

/// shown is the request's URL for an error, without its password.
fn shown(r: &Request) -> String {
    match &r.outbound {
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

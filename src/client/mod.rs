//! `Client`: what Go's `Client` does above a transport: the overall timeout and errors that name the URL.

use crate::error::Result;
use crate::message::request::Request;
use crate::net::cancel::CancelToken;
use crate::transport::{Response, Transport};
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Client {
    pub transport: Transport,
}

impl Client {
    /// send sends the request; a failure reads `Get "http://host/": what went wrong`.
    pub fn send(
        &self,
        r: &Request,
        timeout: Option<Duration>,
        cancel: Option<&CancelToken>,
    ) -> Result<Response> {
        let timeout = timeout.or(self.transport.settings().overall);
        let overall = timeout.map(|d| Instant::now() + d);
        self.transport.round_trip(r, overall, cancel).map_err(|e| {
            let url = match &r.outbound {
                Some(t) => t.display.clone(),
                None => String::from_utf8_lossy(r.text(r.url)).into_owned(),
            };
            e.wrap_url(&op(r.text(r.method)), &url)
        })
    }
}

/// op is the method as Go's `url.Error` shows it: "Get", "Post".
fn op(method: &[u8]) -> String {
    let method = if method.is_empty() { "GET".into() } else { String::from_utf8_lossy(method) };
    let mut letters = method.chars();
    letters.next().map_or_else(String::new, |c| c.to_string() + &letters.as_str().to_lowercase())
}

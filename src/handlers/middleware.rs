//! Handlers that bound or refuse what the next one is asked: its time, a body's size, who asks.

use crate::message::auth::BasicCredentials;
use crate::message::request::{Request, RequestBody};
use crate::server::{Handler, ResponseWriter, responses};
use std::sync::Arc;
use std::time::Duration;

struct Timeout {
    next: Arc<dyn Handler>,
    limit: Duration,
    text: Arc<[u8]>,
}

const TIMED_OUT: &[u8] = b"<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>";

/// timeout answers 503 with `text`, or with a page of its own if that is empty, where `next` takes longer than
/// `limit`.
pub fn timeout(next: Arc<dyn Handler>, limit: Duration, text: &[u8]) -> Arc<dyn Handler> {
    let text = if text.is_empty() { TIMED_OUT } else { text }.into();
    Arc::new(Timeout { next, limit, text })
}

impl Handler for Timeout {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        w.with_timeout(self.limit, &self.text, |w| self.next.serve(w, r));
    }
}

struct MaxBytes(Arc<dyn Handler>, u64);

/// max_bytes bounds the bodies that `next` may read; a bound that is there already is not widened.
pub fn max_bytes(next: Arc<dyn Handler>, n: u64) -> Arc<dyn Handler> {
    Arc::new(MaxBytes(next, n))
}

impl Handler for MaxBytes {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        if let RequestBody::Incoming(body) = &mut r.body {
            let n = self.1.min(body.limit());
            body.set_limit(n);
        }
        self.0.serve(w, r);
    }
}

/// CheckCredentials tells whether a user name and a password are good.
pub trait CheckCredentials: Send + Sync {
    fn check(&self, who: &BasicCredentials) -> bool;
}

struct BasicAuth {
    next: Arc<dyn Handler>,
    challenge: Vec<u8>,
    check: Box<dyn CheckCredentials>,
}

/// basic_auth answers 401 unless the request has credentials that `check` takes.
pub fn basic_auth(
    next: Arc<dyn Handler>,
    realm: &[u8],
    check: Box<dyn CheckCredentials>,
) -> Arc<dyn Handler> {
    let mut challenge = b"Basic realm=\"".to_vec();
    for &b in realm {
        if b == b'"' || b == b'\\' {
            challenge.push(b'\\');
        }
        challenge.push(b);
    }
    challenge.extend_from_slice(b"\", charset=\"UTF-8\"");
    Arc::new(BasicAuth { next, challenge, check })
}

impl Handler for BasicAuth {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let who = r.header.get(b"Authorization").and_then(BasicCredentials::parse);
        if who.is_some_and(|who| self.check.check(&who)) {
            return self.next.serve(w, r);
        }
        // A failed write has broken the connection, which the server sees for itself.
        let challenged = w.header().set(b"WWW-Authenticate", &self.challenge);
        let _ = challenged.and_then(|()| responses::error(w, b"Unauthorized", 401));
    }
}

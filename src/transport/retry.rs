//! When a request that failed is sent again; Go's `shouldRetryRequest`, for both versions of HTTP.

use super::exchange::{Failure, Retry};
use super::head::method_of;
use crate::error::{Error, Kind, Result};
use crate::message::request::{Body, Request};
use crate::net::cancel::{CancelToken, canceled};
use crate::net::event::Event;
use crate::runtime::before_block;
use std::time::{Duration, Instant};

/// REFUSALS is how often a server may refuse a request; Go's.
const REFUSALS: u32 = 6;

/// may tells whether sending again is safe: the connection died of old age, or the server has not looked at the request.
pub(super) fn may(r: &Request, f: &Failure, reused: bool) -> bool {
    match f.retry {
        Retry::No => false,
        Retry::Unusable => true,
        Retry::Refused => is_rewindable(r),
        Retry::NothingSent => reused && (is_rewindable(r) || matches!(&r.body, Body::Source(_))),
        Retry::NoAnswer => reused && is_rewindable(r) && is_idempotent(r),
    }
}

fn is_rewindable(r: &Request) -> bool {
    match &r.body {
        Body::None | Body::Bytes(_) => true,
        Body::Source(s) => s.can_rewind(),
        Body::Incoming(_) => false,
    }
}

fn is_idempotent(r: &Request) -> bool {
    matches!(method_of(r), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
        || r.header.contains(b"Idempotency-Key")
        || r.header.contains(b"X-Idempotency-Key")
}

/// cannot says so where only the body stood against another try.
pub(super) fn cannot(r: &Request, reused: bool, f: Failure) -> Error {
    let spent = matches!(&r.body, Body::Source(s) if !s.can_rewind());
    let text = match f.retry {
        Retry::NoAnswer if reused && spent && is_idempotent(r) => {
            "net/http: cannot rewind body after connection loss".to_owned()
        }
        Retry::Refused if spent => format!(
            "http2: Transport: cannot retry err [{}] after Request.Body was written; \
             define Request.GetBody to avoid this error",
            f.error.message()
        ),
        _ => return f.error,
    };
    Error::new(Kind::BodySpent, text).with_cause(f.error)
}

/// back_off waits before a refused request is sent once more: not at all at first, then 1 s, 2 s and so on, with a tenth
/// that is left to chance; after the last try the refusal is the error.
pub(super) fn back_off(
    refusals: &mut u32,
    f: Failure,
    overall: Option<Instant>,
    cancel: Option<&CancelToken>,
) -> Result<()> {
    *refusals += 1;
    let now = Instant::now();
    let wait = match *refusals {
        1 => return Ok(()),
        n if n > REFUSALS + 1 => return Err(f.error),
        n => Duration::from_secs(1 << (n - 2)),
    };
    let until = now + wait + wait / 1000 * (now.elapsed().subsec_nanos() % 100);
    let event = Event::of_thread().map_err(|e| Error::io(Kind::NoResources, "eventfd", &e))?;
    let registered = cancel.map(|t| t.register_event(event.fd()));
    while Instant::now() < until {
        if cancel.is_some_and(CancelToken::is_fired) || matches!(registered, Some(None)) {
            return Err(canceled());
        }
        if overall.is_some_and(|at| at <= Instant::now()) {
            return Err(super::exchange::timeout(
                super::exchange::AWAITING_HEADERS,
                crate::error::Phase::Head,
            ));
        }
        before_block();
        let end = overall.map_or(until, |at| at.min(until));
        event.wait(Some(end)).map_err(|e| Error::io(Kind::NoResources, "poll", &e))?;
    }
    Ok(())
}

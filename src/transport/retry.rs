//! When a request that failed is sent again; Go's `shouldRetryRequest`, for both versions of HTTP.

use super::exchange::{AWAITING_HEADERS, Failure, Retry, timeout};
use super::head::method_of;
use crate::error::{Error, Kind, Phase, Result};
use crate::message::request::{Request, RequestBody};
use crate::net::cancel::{CancelToken, canceled};
use crate::net::event_fd::EventFd;
use crate::runtime::before_block;
use std::time::{Duration, Instant};

/// REFUSALS is how often a server may refuse a request; Go's.
const REFUSALS: u32 = 6;

/// should_retry tells whether sending again is safe: the connection died of old age, or the server has not looked at the request.
pub(super) fn should_retry(r: &Request, f: &Failure, reused: bool) -> bool {
    match f.retry {
        Retry::No => false,
        Retry::Unusable => true,
        Retry::Refused => is_rewindable(r),
        Retry::NothingSent => reused && (is_rewindable(r) || matches!(&r.body, RequestBody::Source(_))),
        Retry::NoAnswer => reused && is_rewindable(r) && is_idempotent(r),
    }
}

fn is_rewindable(r: &Request) -> bool {
    match &r.body {
        RequestBody::None | RequestBody::Bytes(_) => true,
        RequestBody::Source(s) => s.can_rewind(),
        RequestBody::Incoming(_) => false,
    }
}

fn is_idempotent(r: &Request) -> bool {
    matches!(method_of(r), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
        || r.header.contains(b"Idempotency-Key")
        || r.header.contains(b"X-Idempotency-Key")
}

/// retry_error says so where only the body stood against another try.
pub(super) fn retry_error(r: &Request, reused: bool, f: Failure) -> Error {
    let spent = matches!(&r.body, RequestBody::Source(s) if !s.can_rewind());
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

/// RefusalBackoff counts how often a request was refused, and tells how long to wait before it is sent once more.
#[derive(Default)]
pub(super) struct RefusalBackoff(u32);

impl RefusalBackoff {
    /// next is no time at all at first, then 1 s, 2 s and so on, with up to a tenth that is left to `chance`, of 100; there
    /// is none after the last try.
    fn next(&mut self, chance: u32) -> Option<Duration> {
        self.0 += 1;
        match self.0 {
            1 => Some(Duration::ZERO),
            n if n > REFUSALS + 1 => None,
            n => {
                let wait = Duration::from_secs(1 << (n - 2));
                Some(wait + wait / 1000 * (chance % 100))
            }
        }
    }

    /// back_off waits before a refused request is sent once more; after the last try the refusal is the error.
    pub(super) fn back_off(
        &mut self,
        f: Failure,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<()> {
        let now = Instant::now();
        match self.next(now.elapsed().subsec_nanos()) {
            None => Err(f.error),
            Some(Duration::ZERO) => Ok(()),
            Some(wait) => pause(now + wait, overall, cancel),
        }
    }
}

/// pause waits, unless the request ends before, or has ended when it wakes.
fn pause(until: Instant, overall: Option<Instant>, cancel: Option<&CancelToken>) -> Result<()> {
    let event = EventFd::for_thread().map_err(|e| Error::io(Kind::NoResources, "eventfd", &e))?;
    let registered = cancel.map(|t| t.register_event(event.fd()));
    loop {
        if cancel.is_some_and(CancelToken::is_fired) || matches!(registered, Some(None)) {
            return Err(canceled());
        }
        let now = Instant::now();
        if overall.is_some_and(|at| at <= now) {
            return Err(timeout(AWAITING_HEADERS, Phase::Head));
        }
        if until <= now {
            return Ok(());
        }
        before_block();
        let end = overall.map_or(until, |at| at.min(until));
        event.wait(Some(end)).map_err(|e| Error::io(Kind::NoResources, "poll", &e))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_between_tries_double() {
        let mut refusals = RefusalBackoff::default();
        let least: Vec<_> = std::iter::from_fn(|| refusals.next(100)).map(|d| d.as_millis()).collect();
        assert_eq!(least, [0, 1000, 2000, 4000, 8000, 16_000, 32_000]);
        assert_eq!(refusals.next(0), None);
        let mut refusals = RefusalBackoff::default();
        let most: Vec<_> = std::iter::from_fn(|| refusals.next(99)).map(|d| d.as_millis()).collect();
        assert_eq!(most, [0, 1099, 2198, 4396, 8792, 17_584, 35_168]);
    }

    #[test]
    fn a_pause_ends_with_its_request() {
        let (now, far) = (Instant::now(), Instant::now() + Duration::from_secs(3600));
        assert!(pause(now, Some(far), None).is_ok());
        assert_eq!(pause(now, Some(now), None).unwrap_err().kind(), Kind::Timeout, "both are over");
        let late = pause(far, Some(now + Duration::from_millis(1)), None).unwrap_err();
        assert_eq!((late.kind(), late.phase()), (Kind::Timeout, Phase::Head));
        let token = CancelToken::new();
        let other = token.clone();
        let firing = std::thread::spawn(move || other.fire());
        assert_eq!(pause(far, None, Some(&token)).unwrap_err().kind(), Kind::Canceled);
        firing.join().unwrap();
        assert_eq!(pause(far, Some(far), Some(&token)).unwrap_err().kind(), Kind::Canceled);
    }
}

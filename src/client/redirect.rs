//! Redirects: which answers lead on, and what the next request is made of. Go's `redirectBehavior` and the middle
//! of its `Client.do`.

use crate::error::{Error, Kind, Result};
use crate::message::cookie::{self, Cookie};
use crate::message::endpoint::{Endpoint, Origin};
use crate::message::header::Header;
use crate::message::request::{Request, RequestBody};
use crate::message::url::Url;
use crate::transport::Response;
use std::collections::HashSet;
use std::sync::Arc;

/// DEFAULT_MAX is the redirect at which a chain ends unless the program says otherwise; Go's.
pub const DEFAULT_MAX: usize = 10;

/// CheckRedirect decides about each redirect in the program's stead; it may change the next request's header.
pub trait CheckRedirect: Send + Sync {
    /// check is given the request that would be sent next and those that led to it, the first one first.
    fn check(&self, next: &mut Request, via: &[&Request]) -> RedirectAction;
}

/// RedirectPolicy says which redirects are followed.
#[derive(Clone)]
pub enum RedirectPolicy {
    /// The so many-th redirect in a row is refused, as Go counts.
    Max(usize),
    /// None: the answer is handed out as it is.
    Off,
    Ask(Arc<dyn CheckRedirect>),
}

/// RedirectAction is what becomes of one redirect.
pub enum RedirectAction {
    Follow,
    /// The answer that asks for it is the result, its body unread.
    UseLast,
    Refuse(Error),
}

impl Default for RedirectPolicy {
    fn default() -> RedirectPolicy {
        RedirectPolicy::Max(DEFAULT_MAX)
    }
}

impl RedirectPolicy {
    pub(super) fn check(&self, next: &mut Request, via: &[&Request]) -> RedirectAction {
        match self {
            RedirectPolicy::Max(n) if via.len() >= *n => {
                RedirectAction::Refuse(Error::new(Kind::Redirect, format!("stopped after {n} redirects")))
            }
            RedirectPolicy::Max(_) => RedirectAction::Follow,
            RedirectPolicy::Off => RedirectAction::UseLast,
            RedirectPolicy::Ask(judge) => judge.check(next, via),
        }
    }
}

/// SENSITIVE fields do not go to another host. Once they were left out they stay out, also when the chain comes
/// back: what brought it there may be another's doing.
const SENSITIVE: [&[u8]; 6] = [
    b"Authorization",
    b"Www-Authenticate",
    b"Cookie",
    b"Cookie2",
    b"Proxy-Authorization",
    b"Proxy-Authenticate",
];

/// OF_BODY fields go with the body.
const OF_BODY: [&[u8]; 4] = [b"Content-Encoding", b"Content-Language", b"Content-Location", b"Content-Type"];

/// RedirectChain is what a sequence of redirects has to remember.
pub(super) struct RedirectChain<'a> {
    first: &'a Request,
    keeps_method: bool,
    keeps_body: bool,
    strips_credentials: bool,
    /// Go's rule for who may see secrets.
    go_rules: bool,
    /// The names of cookies that were set on the way, if there is a jar: it has their new values.
    set: HashSet<Vec<u8>>,
}

/// is_redirect_code tells whether an answer with that code can lead on, by [`RedirectChain::redirect_location`].
pub(super) fn is_redirect_code(code: u16) -> bool {
    matches!(code, 301..=303 | 307 | 308)
}

impl<'a> RedirectChain<'a> {
    pub(super) fn new(first: &'a Request, go: bool) -> RedirectChain<'a> {
        RedirectChain {
            first,
            keeps_method: true,
            keeps_body: true,
            strips_credentials: false,
            go_rules: go,
            set: HashSet::new(),
        }
    }

    /// note_cookies: a hop has set cookies, which the jar has now.
    pub(super) fn note_cookies(&mut self, cookies: &[Cookie]) {
        self.set.extend(cookies.iter().map(|c| c.name.clone()));
    }

    /// redirect_location is the Location of an answer that is to be followed.
    pub(super) fn redirect_location<'r>(
        &mut self,
        current: &Request,
        response: &'r Response,
    ) -> Option<&'r [u8]> {
        let code = response.line.code;
        let same = match code {
            _ if !is_redirect_code(code) => return None,
            301..=303 => matches!(current.text(current.method), b"" | b"GET" | b"HEAD"),
            _ if self.first.has_spent_body() => return None,
            _ => true,
        };
        let location = response.header.get(b"Location").filter(|l| !l.is_empty())?;
        self.keeps_method = same;
        // A body that one hop dropped is not sent by a later one.
        self.keeps_body &= code >= 307;
        Some(location)
    }

    /// next makes the request that follows.
    pub(super) fn next(&mut self, current: &Request, location: &[u8]) -> Result<Request> {
        let first = self.first;
        let base = Url::parse(current.text(current.url))?;
        let reference = Url::parse(location)?;
        let url = base.resolve(&reference)?;
        let target = Endpoint::from_url(&url)?;
        self.strips_credentials |= !may_send_credentials(first, &target.origin, self.go_rules);
        let (timeout, trace) = (first.timeout, first.trace.clone());
        let mut r = Request { timeout, trace, ..Request::default() };
        for (name, value) in first.header.iter() {
            let is_in = |list: &[&[u8]]| list.iter().any(|n| n.eq_ignore_ascii_case(name));
            if !(self.strips_credentials && is_in(&SENSITIVE) || !self.keeps_body && is_in(&OF_BODY)) {
                r.header.add_unchecked(name, value);
            }
        }
        self.remove_replaced_cookies(&mut r.header)?;
        set_referer(&mut r.header, &base, &url)?;
        let method = if self.keeps_method { current.text(current.method) } else { b"GET" };
        r.method = r.header.store_mut().intern(method);
        r.url = r.header.store_mut().intern(&url.to_bytes());
        // A Host of the program's own counts for its server: it stays where the Location names none.
        if reference.scheme().is_empty() && reference.host().is_empty() {
            r.host = r.header.store_mut().intern(current.text(current.host));
        }
        if self.keeps_body {
            r.body = first.body.share();
            if !matches!(r.body, RequestBody::None) {
                r.content_length = first.content_length;
                r.chunked = first.chunked;
            }
        }
        r.endpoint = Some(Arc::new(target));
        Ok(r)
    }
}

impl RedirectChain<'_> {
    /// remove_replaced_cookies takes the program's own cookies out of a header where a hop has set others of that name.
    fn remove_replaced_cookies(&self, header: &mut Header) -> Result<()> {
        if self.set.is_empty() || !header.contains(b"Cookie") {
            return Ok(());
        }
        let all = cookie::read(header);
        let mut left: Vec<Vec<u8>> = Vec::new();
        for c in all.iter().filter(|c| !self.set.contains(&c.name)) {
            let mut pair = Vec::new();
            c.pair(&mut pair);
            left.push(pair);
        }
        if left.len() == all.len() {
            return Ok(());
        }
        header.del(b"Cookie");
        if left.is_empty() {
            return Ok(());
        }
        left.sort();
        header.set(b"Cookie", &left.join(&b"; "[..]))
    }
}

/// may_send_credentials: the same host or one beneath it, at the same port and by the same scheme: another port may be another
/// program's, and another user's (CVE-2022-27776). By Go's rule ports do not count, and TLS may take the clear's place.
fn may_send_credentials(first: &Request, to: &Origin, go: bool) -> bool {
    let Some(from) = first.endpoint.as_ref().map(|t| &*t.origin) else { return false };
    if from.scheme == "https" && to.scheme != "https" {
        return false;
    }
    if !go && (from.scheme != to.scheme || from.port != to.port) {
        return false;
    }
    // What has a colon or a zone is an address, beneath which nothing is.
    let beneath = || {
        !to.host.contains([':', '%']) && to.host.strip_suffix(&from.host).is_some_and(|s| s.ends_with('.'))
    };
    to.host == from.host || beneath()
}

/// set_referer names the page that led here (RFC 9110, 10.1.3): without user and fragment, and nothing of TLS in the clear.
fn set_referer(header: &mut Header, from: &Url, to: &Url) -> Result<()> {
    let leaks = from.scheme() == b"https" && to.scheme() == b"http";
    if leaks || header.get(b"Referer").is_some_and(|r| !r.is_empty()) {
        return Ok(());
    }
    header.set(b"Referer", &from.for_referer())
}

/// drain_body reads a small rest of an answer that is left behind, so that its connection can be used again.
pub(super) fn drain_body(response: &mut Response) {
    const MOST: usize = 2 << 10;
    if response.content_length <= MOST as i64 {
        let mut waste = [0; MOST];
        let mut left = MOST;
        while left > 0 {
            match response.read_body(waste.get_mut(..left).unwrap_or_default()) {
                Ok(n) if n > 0 => left -= n.min(left),
                _ => break,
            }
        }
    }
    response.close_body();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_see_secrets() {
        for (from, to) in [
            ("http://a.test/", "http://a.test:81/"),
            ("http://a.test/", "https://A.TEST/"),
            ("http://a.test/", "http://b.a.test:81/"),
            ("https://a.test/", "https://a.test:444/"),
        ] {
            let (from, to) = (Endpoint::parse(from).unwrap(), Endpoint::parse(to).unwrap());
            let first = Request { endpoint: Some(Arc::new(from)), ..Request::default() };
            assert!(
                may_send_credentials(&first, &to.origin, true)
                    && !may_send_credentials(&first, &to.origin, false)
            );
        }
        for (from, to, want) in [
            ("http://a.test/", "http://a.test:80/", true),
            ("https://a.test:443/", "https://A.TEST/", true),
            ("http://a.test/", "http://b.a.test/", true),
            ("http://b\u{fc}cher.test/", "http://x.xn--bcher-kva.test/", true),
            ("http://a.test/", "http://ba.test/", false),
            ("http://b.a.test/", "http://a.test/", false),
            ("http://a.test/", "http://a.test.evil/", false),
            ("http://[::1]/", "http://[::1]:80/", true),
            ("http://[fe80::1]/", "http://[fe80::1%25x.fe80::1]/", false),
            ("https://a.test/", "https://a.test/", true),
            ("https://a.test/", "http://a.test/", false),
        ] {
            let first =
                Request { endpoint: Some(Arc::new(Endpoint::parse(from).unwrap())), ..Request::default() };
            for go in [false, true] {
                let to = &Endpoint::parse(to).unwrap().origin;
                assert_eq!(may_send_credentials(&first, to, go), want, "{from} {to:?}");
            }
        }
    }

    #[test]
    fn a_referer_is_not_carried_out_of_tls() {
        let (tls, plain) = (Url::parse("https://u:p@a/x#f").unwrap(), Url::parse("http://a/").unwrap());
        let mut h = Header::new();
        set_referer(&mut h, &tls, &plain).unwrap();
        assert!(h.is_empty());
        set_referer(&mut h, &tls, &tls).unwrap();
        assert_eq!(h.get(b"Referer"), Some(&b"https://a/x"[..]));
    }
}

//! What a jar stores for whom, and what it sends where: RFC 6265bis, 5.6 to 5.8.

use super::{MAX_BYTES, StoredCookie};
use crate::message::cookie::Cookie;
use crate::message::url::{Url, ip_address, to_ascii};

/// MAX_ATTRIBUTE is the longest Domain or Path that counts (RFC 6265bis, 5.6).
const MAX_ATTRIBUTE: usize = 1024;

/// CookieOrigin is who sets or is sent cookies: the facts of a URL that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieOrigin {
    /// In ASCII, lower case, without port, brackets and the dot of the root.
    host: String,
    path: Vec<u8>,
    secure: bool,
    /// The URL, with the host that the request names (Go's rule since 1.26), for jars of a program's own.
    pub url: String,
}

impl CookieOrigin {
    /// from_url is `None` for what is not HTTP or has no host. `host` is what the Host field says, if not the URL's.
    pub fn from_url(url: &Url, host: &[u8]) -> Option<CookieOrigin> {
        let tls = url.scheme() == b"https";
        if !tls && url.scheme() != b"http" {
            return None;
        }
        let name = |name: &[u8]| {
            let name = String::from_utf8(to_ascii(name).ok()?.to_ascii_lowercase()).ok()?;
            Some(name.strip_suffix('.').unwrap_or(&name).to_owned())
        };
        let server = name(url.hostname())?;
        // A browser's loopback is as good as TLS; where the request goes counts, not what its Host says.
        let secure = tls || is_loopback(&server);
        let (host, shown) = match host {
            b"" => (server, url.to_bytes()),
            own => {
                let other = Url::parse([b"http://", own].concat()).ok()?;
                let shown = [url.scheme(), b"://", own, &url.request_uri()].concat();
                (name(other.hostname())?, shown)
            }
        };
        if host.is_empty() {
            return None;
        }
        let path = if url.path().is_empty() { b"/".to_vec() } else { url.path().to_vec() };
        Some(CookieOrigin { host, path, secure, url: String::from_utf8_lossy(&shown).into_owned() })
    }

    /// key is the domain that a registrar sells, under which all cookies of a site are.
    pub(super) fn key(&self) -> &str {
        key_of(&self.host)
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }
}

/// key_of is the registrable domain of a host; an address or a public suffix is its own.
pub(super) fn key_of(host: &str) -> &str {
    if is_address(host) {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

pub(super) fn is_address(host: &str) -> bool {
    host.contains([':', '%']) || ip_address(host).is_some()
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit('.').next().unwrap_or(host);
    name == "localhost" || ip_address(host).is_some_and(|a| a.is_loopback())
}

/// is_same_or_subdomain tells whether `host` is `domain` or ends in `.domain`.
fn is_same_or_subdomain(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn path_matches(request: &[u8], path: &[u8]) -> bool {
    request.strip_prefix(path).is_some_and(|r| r.is_empty() || path.ends_with(b"/") || r.starts_with(b"/"))
}

/// JarEntry is a stored cookie.
#[derive(Clone, Debug)]
pub(super) struct JarEntry {
    pub(super) cookie: Cookie,
    pub(super) domain: String,
    pub(super) host_only: bool,
    pub(super) path: Vec<u8>,
    /// `None`: it ends with the session.
    pub(super) expires: Option<i64>,
    pub(super) created: u64,
    pub(super) used: u64,
}

impl JarEntry {
    /// new judges a cookie that `origin` has sent; one that has ended already is there to remove its elder.
    pub(super) fn new(origin: &CookieOrigin, c: &Cookie, now: i64) -> Option<JarEntry> {
        if c.name.len() + c.value.len() > MAX_BYTES {
            return None;
        }
        // An attribute that is too long counts as if it were not there.
        let said = |a: &[u8]| if a.len() <= MAX_ATTRIBUTE { a.to_vec() } else { Vec::new() };
        let (domain, host_only) = domain_of(&origin.host, &said(&c.domain))?;
        let said_path = said(&c.path);
        let path = if said_path.starts_with(b"/") { said_path } else { default_path(&origin.path) };
        if c.secure && !origin.secure {
            return None;
        }
        let has = |prefix: &[u8]| {
            c.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if has(b"__Secure-") && !c.secure {
            return None;
        }
        if has(b"__Host-") && !(c.secure && c.domain.is_empty() && c.path == b"/") {
            return None;
        }
        let ends = match c.max_age {
            Some(s) if s <= 0 => Some(i64::MIN),
            Some(s) => Some(now.saturating_add(s)),
            None => c.expires,
        };
        Some(JarEntry { cookie: c.clone(), domain, host_only, path, expires: ends, created: 0, used: 0 })
    }

    pub(super) fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// is_for tells whether the cookie goes along with a request.
    pub(super) fn is_for(&self, o: &CookieOrigin) -> bool {
        let domain =
            if self.host_only { o.host == self.domain } else { is_same_or_subdomain(&o.host, &self.domain) };
        domain && path_matches(&o.path, &self.path) && (o.secure || !self.cookie.secure)
    }

    pub(super) fn is_same(&self, new: &JarEntry) -> bool {
        self.cookie.name == new.cookie.name && self.domain == new.domain && self.path == new.path
    }

    /// protects_secure_from: this one is Secure, and `new`, which is not and came in the clear, would be sent where this
    /// one is (RFC 6265bis, 5.7: leave secure cookies alone).
    pub(super) fn protects_secure_from(&self, new: &JarEntry) -> bool {
        self.cookie.secure
            && self.cookie.name == new.cookie.name
            && (is_same_or_subdomain(&self.domain, &new.domain)
                || is_same_or_subdomain(&new.domain, &self.domain))
            && path_matches(&new.path, &self.path)
    }

    pub(super) fn to_stored(&self) -> StoredCookie {
        let mut cookie = self.cookie.clone();
        cookie.domain = self.domain.clone().into_bytes();
        cookie.path = self.path.clone();
        (cookie.expires, cookie.max_age) = (self.expires, None);
        StoredCookie { cookie, host_only: self.host_only }
    }
}

/// domain_of gives the domain that a cookie is for, and whether it is for that host alone; `None` refuses it.
fn domain_of(host: &str, attribute: &[u8]) -> Option<(String, bool)> {
    if attribute.is_empty() {
        return Some((host.to_owned(), true));
    }
    let said = std::str::from_utf8(attribute).ok()?;
    if is_address(host) {
        return (said == host).then(|| (host.to_owned(), true));
    }
    let domain = said.strip_prefix('.').unwrap_or(said).to_ascii_lowercase();
    if domain.is_empty() || domain.starts_with('.') || domain.ends_with('.') || !domain.is_ascii() {
        return None;
    }
    if is_public_suffix(&domain) {
        // Its owner may have a cookie for itself.
        return (host == domain).then_some((domain, true));
    }
    is_same_or_subdomain(host, &domain).then_some((domain, false))
}

/// is_public_suffix: anybody can have a name beneath it.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain).is_none_or(|s| s == domain)
}

/// default_path is the directory of a request's path (RFC 6265, 5.1.4).
fn default_path(path: &[u8]) -> Vec<u8> {
    match memchr::memrchr(b'/', path) {
        Some(i) if i > 0 && path.starts_with(b"/") => path.get(..i).unwrap_or(b"/").to_vec(),
        _ => b"/".to_vec(),
    }
}

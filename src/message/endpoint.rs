//! `Endpoint`: where an absolute URL leads: which server, what goes into the request line, what may be shown.

use super::auth::basic;
use super::url::{Url, host_header, to_ascii};
use crate::error::{Result, invalid};
use crate::sync::OnceLock;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Origin is a server: requests to the same one may share connections. Its hash is made once, since the pool looks for it
/// under a lock. It is compared by all threads, and its first owner counts its references: on another line of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Origin {
    hash: u64,
    pub scheme: String,
    /// Without brackets, in ASCII, lower case.
    pub host: String,
    pub port: u16,
}

impl Origin {
    pub fn new(scheme: String, host: String, port: u16) -> Origin {
        static SEED: OnceLock<RandomState> = OnceLock::new();
        let hash = SEED.get_or_init(RandomState::new).hash_one((&scheme, &host, port));
        Origin { hash, scheme, host, port }
    }

    /// hash is the same for the same server, and known to nobody who chooses names of servers.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

#[derive(Clone, Debug)]
pub struct Endpoint {
    pub origin: Arc<Origin>,
    /// The Host field: as in the URL, without user information and IPv6 zone.
    pub authority: Vec<u8>,
    /// Path and query, for the request line.
    pub request_uri: Vec<u8>,
    /// The URL with its password replaced by `***`.
    pub display: String,
    /// The value of Authorization that the URL's user information makes.
    pub authorization: Option<String>,
}

impl Endpoint {
    /// parse refuses what Go's `url.Parse` refuses. A URL without a host, or of a foreign scheme, is an error
    /// only when it is sent, as in Go.
    pub fn parse(text: &str) -> Result<Endpoint> {
        Endpoint::from_url(&Url::parse(text)?)
    }

    /// from_url is [`Endpoint::parse`] for a URL that was parsed already.
    pub fn from_url(url: &Url) -> Result<Endpoint> {
        let scheme = String::from_utf8_lossy(url.scheme()).into_owned();
        let host = to_ascii(url.hostname())?;
        let port = match url.port() {
            b"" if scheme == "https" => 443,
            b"" => 80,
            digits => {
                let port = std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok());
                port.ok_or_else(|| {
                    let digits = if url.may_split_password() { b"***" } else { digits };
                    let port = String::from_utf8_lossy(digits);
                    invalid(format!("address {port}: invalid port")).wrap_url("parse", &url.for_errors())
                })?
            }
        };
        let authorization = url.user().map(|u| basic(&u.username, u.password.as_deref().unwrap_or_default()));
        let host = String::from_utf8_lossy(&host).to_ascii_lowercase();
        Ok(Endpoint {
            origin: Arc::new(Origin::new(scheme, host, port)),
            authority: host_header(url.host())?,
            request_uri: url.request_uri(),
            display: url.for_errors(),
            authorization,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn targets() {
        for (url, host, port, authority, uri) in [
            ("http://a", "a", 80, "a", "/"),
            ("HTTP://A:81/x?y#z", "a", 81, "A:81", "/x?y"),
            ("http://a?q=1 2", "a", 80, "a", "/?q=1%202"),
            ("http://[::1]:8080/%41", "::1", 8080, "[::1]:8080", "/%41"),
            ("http://[fe80::1%25lo]/", "fe80::1%lo", 80, "[fe80::1]", "/"),
            ("http://bücher.example/ü", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/%C3%BC"),
        ] {
            let t = Endpoint::parse(url).unwrap();
            assert_eq!((t.origin.host.as_str(), t.origin.port), (host, port), "{url}");
            assert_eq!(String::from_utf8_lossy(&t.authority), authority, "{url}");
            assert_eq!(String::from_utf8_lossy(&t.request_uri), uri, "{url}");
        }
        let t = Endpoint::parse("http://u%40:p%3A@h/").unwrap();
        assert!(!t.display.contains("p%3A") && t.display.contains("***"), "{}", t.display);
        assert!(t.authorization.is_some_and(|a| a.starts_with("Basic ")));
    }

    #[test]
    fn refused_without_showing_the_password() {
        for url in [
            "http://a:x/",
            "http://a:65536/",
            "http://a b/",
            "http://[::1/",
            "http://u:secret@a b/",
            "http://a\n/",
            "http://u:secret#more@a/",
            "http://u:secret#more@a:b/",
            "http://u:99secret?#@a/",
            "http://u:999999#more@a/",
        ] {
            let e = Endpoint::parse(url).unwrap_err();
            assert_eq!(e.kind(), Kind::Invalid, "{url}");
            let text = format!("{e} {}", e.url());
            assert!(["secret", "999999", "more"].iter().all(|s| !text.contains(s)), "{text}");
        }
        let t = Endpoint::parse("http://u:99#more@a/").unwrap();
        assert_eq!(t.display, "http://u:***@a/");
    }
}

//! `Proxy`: an intermediary of the program's choice, and the rules by which one is chosen.

use super::environment::Environment;
use crate::error::{Result, invalid};
use crate::message::auth::basic;
use crate::message::endpoint::Origin;
use crate::message::url::{Url, to_ascii};
use crate::sys::process;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyScheme {
    Http,
    Https,
    /// The names socks5 and socks5h mean the same, as in Go: the proxy resolves.
    Socks5,
}

/// Proxy is equal to another one only if their credentials are, too: a connection that was let in for one user
/// serves nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    pub scheme: ProxyScheme,
    pub host: String,
    pub port: u16,
    pub user: Option<(Vec<u8>, Vec<u8>)>,
}

impl Proxy {
    /// parse reads a proxy's URL; "host:port" alone is an HTTP proxy's.
    pub fn parse(text: &str) -> Result<Proxy> {
        let url = match Url::parse(text) {
            Ok(u) if !u.scheme().is_empty() && !u.host().is_empty() => u,
            _ if text.contains("://") => return Err(invalid_proxy("is malformed")),
            _ => Url::parse(format!("http://{text}")).map_err(|_| invalid_proxy("is malformed"))?,
        };
        let (scheme, usual) = match url.scheme() {
            b"http" => (ProxyScheme::Http, 80),
            b"https" => (ProxyScheme::Https, 443),
            b"socks5" | b"socks5h" => (ProxyScheme::Socks5, 1080),
            other => {
                return Err(invalid_proxy(&format!(
                    "has the unknown scheme {:?}",
                    String::from_utf8_lossy(other)
                )));
            }
        };
        let host = to_ascii(url.hostname()).map_err(|_| invalid_proxy("has a malformed host"))?;
        if host.is_empty() {
            return Err(invalid_proxy("has no host"));
        }
        let port = match url.port() {
            b"" => usual,
            p => std::str::from_utf8(p)
                .ok()
                .and_then(|p| p.parse().ok())
                .ok_or_else(|| invalid_proxy("has a bad port"))?,
        };
        Ok(Proxy {
            scheme,
            host: String::from_utf8_lossy(&host).to_ascii_lowercase(),
            port,
            user: url.user().map(|u| (u.username.clone(), u.password.clone().unwrap_or_default())),
        })
    }

    /// authorization is the value of Proxy-Authorization, if the URL had credentials.
    pub fn authorization(&self) -> Option<String> {
        self.user.as_ref().map(|(name, password)| basic(name, password))
    }

    /// forwards: plain requests are sent to the proxy as they are, in absolute form.
    pub fn forwards(&self, server: &Origin) -> bool {
        self.scheme != ProxyScheme::Socks5 && server.scheme == "http"
    }
}

/// invalid_proxy shows nothing of the URL: its password may be anywhere in what is malformed.
fn invalid_proxy(why: &str) -> crate::error::Error {
    invalid(format!("invalid proxy address: it {why}"))
}

/// ProxyChooser is the program's own choice for each request.
pub trait ProxyChooser: Send + Sync {
    /// choose is asked with the request's URL, without its password; `None` is no proxy.
    fn choose(&self, url: &str) -> Result<Option<Proxy>>;
}

/// ProxyRule says by which proxy a request goes.
#[derive(Clone)]
pub enum ProxyRule {
    Direct,
    Fixed(Arc<Proxy>),
    Environment(Arc<Environment>),
    Program(Arc<dyn ProxyChooser>),
}

impl Default for ProxyRule {
    fn default() -> ProxyRule {
        ProxyRule::from_environment()
    }
}

impl ProxyRule {
    /// from_environment reads the variables as they are now.
    pub fn from_environment() -> ProxyRule {
        match Environment::read(|name| process::variable(name)?.into_string().ok()) {
            Some(e) => ProxyRule::Environment(Arc::new(e)),
            None => ProxyRule::Direct,
        }
    }

    /// proxy_for answers but where the program is to be asked.
    pub(super) fn proxy_for(&self, server: &Origin) -> Result<Option<Arc<Proxy>>> {
        match self {
            ProxyRule::Direct | ProxyRule::Program(_) => Ok(None),
            ProxyRule::Fixed(p) => Ok(Some(p.clone())),
            ProxyRule::Environment(e) => e.proxy_for(server),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, scheme, host, port, user) in [
            ("http://p", ProxyScheme::Http, "p", 80, None),
            ("p:3128", ProxyScheme::Http, "p", 3128, None),
            ("127.0.0.1:3128", ProxyScheme::Http, "127.0.0.1", 3128, None),
            ("https://P/", ProxyScheme::Https, "p", 443, None),
            ("socks5h://u:p%40@[::1]", ProxyScheme::Socks5, "::1", 1080, Some(("u", "p@"))),
            ("u:p@h:1", ProxyScheme::Http, "h", 1, Some(("u", "p"))),
        ] {
            let user = user.map(|(a, b): (&str, &str)| (a.into(), b.into()));
            let want = Proxy { scheme, host: host.into(), port, user };
            assert_eq!(Proxy::parse(text).unwrap(), want, "{text}");
        }
        for text in
            ["", "ftp://a", "http://", "http://u:secret@a b/", "http://h:99999", "socks4://u:secret@h"]
        {
            let e = Proxy::parse(text).unwrap_err();
            assert!(!e.message().contains("secret"), "{e}");
        }
    }
}

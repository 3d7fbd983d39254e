//! `Environment`: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, by the rules of Go's `httpproxy`.

use super::proxy::Proxy;
use crate::error::{Result, invalid};
use crate::message::endpoint::Origin;
use crate::message::url::{ip_address, to_ascii};
use crate::net::addr::split_host_port;
use std::net::IpAddr;
use std::sync::Arc;

/// Environment is what the variables said when they were read.
#[derive(Debug, Default)]
pub struct Environment {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    /// Each spares some servers the proxy.
    no_proxy: Vec<NoProxy>,
    /// In a CGI program HTTP_PROXY is what the request's field `Proxy` said.
    cgi: bool,
}

#[derive(Debug)]
enum NoProxy {
    All,
    Net(IpAddr, u8),
    Ip(IpAddr, String),
    /// `.a.example`, and whether `a.example` itself is meant.
    Domain {
        suffix: String,
        port: String,
        itself: bool,
    },
}

impl Environment {
    /// read asks for the variables; as in Go the upper case name wins, and a proxy that cannot be read is none.
    /// `None` if no proxy is named.
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Option<Environment> {
        let any = |upper: &str| {
            let set = |name: &str| var(name).filter(|v| !v.is_empty());
            set(upper).or_else(|| set(&upper.to_ascii_lowercase()))
        };
        let proxy = |name: &str| any(name).and_then(|v| Proxy::parse(&v).ok()).map(Arc::new);
        let (http, https) = (proxy("HTTP_PROXY"), proxy("HTTPS_PROXY"));
        if http.is_none() && https.is_none() {
            return None;
        }
        let except = any("NO_PROXY").unwrap_or_default();
        let except = except.split(',').filter_map(|e| NoProxy::parse(&e.trim().to_lowercase())).collect();
        let cgi = var("REQUEST_METHOD").is_some_and(|v| !v.is_empty());
        Some(Environment { http, https, no_proxy: except, cgi })
    }

    /// proxy_for is the proxy to a server; this machine itself has none.
    pub fn proxy_for(&self, server: &Origin) -> Result<Option<Arc<Proxy>>> {
        let proxy = if server.scheme == "https" { &self.https } else { &self.http };
        let Some(proxy) = proxy else { return Ok(None) };
        if self.cgi && server.scheme == "http" {
            return Err(invalid(
                "refusing to use HTTP_PROXY value in CGI environment; see golang.org/s/cgihttpproxy",
            ));
        }
        // A name with the root's dot is the same name.
        let host = server.host.strip_suffix('.').unwrap_or(&server.host);
        let ip = ip_address(host);
        let here = host == "localhost" || ip.is_some_and(|ip| ip.to_canonical().is_loopback());
        let port = server.port.to_string();
        if here || self.no_proxy.iter().any(|e| e.matches(host, &port, ip)) {
            return Ok(None);
        }
        Ok(Some(proxy.clone()))
    }
}

impl NoProxy {
    fn parse(text: &str) -> Option<NoProxy> {
        if text.is_empty() {
            return None;
        }
        if text == "*" {
            return Some(NoProxy::All);
        }
        if let Some((net, bits)) = text.split_once('/')
            && let (Some(net), Ok(bits)) = (ip_address(net), bits.parse::<u8>())
            && bits <= if net.is_ipv4() { 32 } else { 128 }
        {
            return Some(NoProxy::Net(net, bits));
        }
        let (host, port) = split_host_port(text).unwrap_or((text, ""));
        if let Some(ip) = ip_address(host) {
            return Some(NoProxy::Ip(ip, port.to_owned()));
        }
        let host = host.strip_prefix('*').filter(|h| h.starts_with('.')).unwrap_or(host);
        if host.is_empty() {
            return None;
        }
        let itself = !host.starts_with('.');
        let name = host.strip_prefix('.').unwrap_or(host);
        let name = name.strip_suffix('.').unwrap_or(name);
        let name = to_ascii(name.as_bytes())
            .map_or_else(|_| name.to_owned(), |n| String::from_utf8_lossy(&n).into());
        Some(NoProxy::Domain { suffix: format!(".{name}"), port: port.to_owned(), itself })
    }

    fn matches(&self, host: &str, port: &str, ip: Option<IpAddr>) -> bool {
        let port_fits = |p: &str| p.is_empty() || p == port;
        match self {
            NoProxy::All => true,
            NoProxy::Net(net, bits) => ip.is_some_and(|ip| contains(*net, *bits, ip)),
            NoProxy::Ip(own, p) => ip.is_some_and(|ip| ip == *own) && port_fits(p),
            NoProxy::Domain { suffix, port: p, itself } => {
                (host.ends_with(suffix.as_str()) || (*itself && suffix.strip_prefix('.') == Some(host)))
                    && port_fits(p)
            }
        }
    }
}

fn contains(net: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let cut = |x: u128, width: u32| x.checked_shr(width - u32::from(bits)).unwrap_or(0);
    match (net, ip.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => cut(a.to_bits().into(), 32) == cut(b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => cut(a.to_bits(), 128) == cut(b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Option<Environment> {
        Environment::read(|n| vars.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned()))
    }

    fn key(scheme: &str, host: &str, port: u16) -> Origin {
        Origin::new(scheme.into(), host.into(), port)
    }

    fn host(e: &Environment, scheme: &str) -> Option<String> {
        e.proxy_for(&key(scheme, "a.example", 80)).unwrap().map(|p| p.host.clone())
    }

    #[test]
    fn which_variable_counts() {
        assert!(read(&[]).is_none() && read(&[("HTTP_PROXY", ""), ("NO_PROXY", "*")]).is_none());
        let e = read(&[("HTTP_PROXY", "upper"), ("http_proxy", "lower")]).unwrap();
        assert_eq!((host(&e, "http").as_deref(), host(&e, "https")), (Some("upper"), None));
        let e = read(&[("HTTP_PROXY", ""), ("http_proxy", "http://lower:1"), ("https_proxy", "socks5://s")])
            .unwrap();
        assert_eq!((host(&e, "http").as_deref(), host(&e, "https").as_deref()), (Some("lower"), Some("s")));
        let e = read(&[("HTTP_PROXY", "p"), ("HTTPS_PROXY", "p"), ("REQUEST_METHOD", "GET")]).unwrap();
        assert!(
            e.proxy_for(&key("http", "a.example", 80)).unwrap_err().message().starts_with("refusing to use")
        );
        assert_eq!(host(&e, "https").as_deref(), Some("p"));
    }

    #[test]
    fn who_is_spared() {
        for (except, host, port, spared) in [
            ("", "localhost", 80, true),
            ("", "127.9.9.9", 80, true),
            ("", "::1", 80, true),
            ("", "::ffff:127.0.0.1", 80, true),
            ("", "a.example", 80, false),
            ("*", "a.example", 80, true),
            ("a.example", "a.example", 80, true),
            ("a.example", "b.a.example", 80, true),
            ("a.example.", "b.a.example", 80, true),
            ("a.example", "a.example.", 80, true),
            (".a.example.:80", "b.a.example.", 80, true),
            ("", "localhost.", 80, true),
            ("a.example", "xa.example", 80, false),
            (".a.example", "a.example", 80, false),
            (".a.example", "b.a.example", 80, true),
            ("*.a.example", "b.a.example", 80, true),
            ("*.a.example", "a.example", 80, false),
            (" x.example , A.Example:81", "a.example", 81, true),
            ("a.example:81", "a.example", 80, false),
            ("10.0.0.0/8", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "11.1.2.3", 80, false),
            ("0.0.0.0/0", "11.1.2.3", 80, true),
            ("2001:db8::/32", "2001:db8:1::1", 80, true),
            ("::/0", "2001:db8:1::1", 80, true),
            ("2001:db8::/32", "10.0.0.1", 80, false),
            ("10.0.0.1", "10.0.0.1", 80, true),
            ("10.0.0.1:81", "10.0.0.1", 80, false),
            ("[2001:db8::1]:80", "2001:db8::1", 80, true),
            ("10.0.0.0/99,:80,", "10.0.0.1", 80, false),
            ("bücher.example", "xn--bcher-kva.example", 80, true),
        ] {
            let e = read(&[("HTTP_PROXY", "p"), ("NO_PROXY", except)]).unwrap();
            let got = e.proxy_for(&key("http", host, port)).unwrap().is_none();
            assert_eq!(got, spared, "NO_PROXY={except} {host}:{port}");
        }
    }
}

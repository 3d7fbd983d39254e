//! `Route`: what makes a connection somebody's own; the key of the pool.

use super::hooks::{Dial, DialHooks};
use super::proxy::{Proxy, ProxyScheme};
use crate::message::endpoint::Origin;
use crate::message::header::Header;
use crate::net::addr::join_host_port;
use crate::net::tls::ClientIdentity;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

/// Route is equal to another one if a connection of the one may carry a request of the other.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) server: Arc<Origin>,
    /// With its credentials.
    pub(super) proxy: Option<Arc<Proxy>>,
    /// Who the client is, and whom it trusts: two identities never share, whatever they hold.
    pub(super) tls: Option<Arc<ClientIdentity>>,
    /// What a tunnel was asked for with.
    pub(super) headers: Option<Arc<Header>>,
    /// Who makes the connection, and who may take it over.
    pub(super) hooks: Option<Arc<DialHooks>>,
    /// HTTP/2 is spoken there without being agreed on.
    pub(super) prior: bool,
}

impl Route {
    pub(super) fn new(
        server: &Arc<Origin>,
        proxy: Option<Arc<Proxy>>,
        identity: impl FnOnce() -> Arc<ClientIdentity>,
        headers: &Arc<Header>,
        hooks: Option<&Arc<DialHooks>>,
    ) -> Route {
        let own_tls = proxy.is_none() && hooks.is_some_and(|h| h.dial_tls.is_some());
        let secure = (server.scheme == "https" && !own_tls)
            || proxy.as_ref().is_some_and(|p| p.scheme == ProxyScheme::Https);
        let tunnel = proxy.as_ref().is_some_and(|p| p.scheme != ProxyScheme::Socks5 && !p.forwards(server));
        Route {
            server: server.clone(),
            tls: secure.then(identity),
            headers: tunnel.then(|| headers.clone()),
            hooks: hooks.cloned(),
            proxy,
            prior: false,
        }
    }

    /// with_prior has HTTP/2 be spoken to a server without TLS, if `prior`; a proxy that forwards is no such server.
    pub(super) fn with_prior(mut self, prior: bool) -> Route {
        self.prior = prior && self.server.scheme == "http" && self.forwarder().is_none();
        self
    }

    /// direct is a plain connection to the server itself, made by the library.
    pub(super) fn direct(server: &Arc<Origin>) -> Route {
        Route { server: server.clone(), proxy: None, tls: None, headers: None, hooks: None, prior: false }
    }

    /// forwarder is the proxy that requests are sent to as they are: its connections serve all servers.
    pub(super) fn forwarder(&self) -> Option<&Arc<Proxy>> {
        self.proxy.as_ref().filter(|p| p.forwards(&self.server))
    }

    /// dial_hook is the program's own way to make this connection.
    pub(super) fn dial_hook(&self) -> Option<&Arc<dyn Dial>> {
        let hooks = self.hooks.as_ref()?;
        let tls = hooks.dial_tls.as_ref().filter(|_| self.proxy.is_none() && self.server.scheme == "https");
        tls.or(hooks.dial.as_ref())
    }

    /// address is where a connection is made to.
    pub(super) fn address(&self) -> String {
        match &self.proxy {
            Some(p) => join_host_port(&p.host, p.port),
            None => join_host_port(&self.server.host, self.server.port),
        }
    }

    fn server_id(&self) -> Option<&Origin> {
        if self.forwarder().is_some() { None } else { Some(&self.server) }
    }

    fn tls_id(&self) -> usize {
        self.tls.as_ref().map_or(0, |t| Arc::as_ptr(t) as usize)
    }

    fn headers_id(&self) -> usize {
        self.headers.as_ref().map_or(0, |h| Arc::as_ptr(h) as usize)
    }

    fn hooks_id(&self) -> usize {
        self.hooks.as_ref().map_or(0, |h| Arc::as_ptr(h) as usize)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Route) -> bool {
        (Arc::ptr_eq(&self.server, &other.server) || self.server_id() == other.server_id())
            && self.proxy == other.proxy
            && self.tls_id() == other.tls_id()
            && self.headers_id() == other.headers_id()
            && self.hooks_id() == other.hooks_id()
            && self.prior == other.prior
    }
}

impl Eq for Route {}

impl Hash for Route {
    /// hash is of what nearly always tells routes apart; the rest is left to a comparison.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let server = self.server_id().map_or(0, Origin::hash);
        state.write_u64(server ^ (self.tls_id() as u64).rotate_left(32));
        if let Some(proxy) = &self.proxy {
            proxy.hash(state);
        }
    }
}

/// RouteMap finds what there is for a route.
pub(super) type RouteMap<T> = HashMap<Route, T, BuildHasherDefault<PrehashedHasher>>;

/// PrehashedHasher is a hasher of what is a hash already.
#[derive(Default)]
pub(super) struct PrehashedHasher(u64);

impl Hasher for PrehashedHasher {
    fn write_u64(&mut self, n: u64) {
        self.0 ^= n;
    }

    /// write is for a proxy's texts, which the program or its environment has chosen: nobody else makes them collide.
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn server(scheme: &str, host: &str, port: u16) -> Arc<Origin> {
        Arc::new(Origin::new(scheme.into(), host.into(), port))
    }

    fn proxy(url: &str) -> Option<Arc<Proxy>> {
        Some(Arc::new(Proxy::parse(url).unwrap()))
    }

    /// Two owners for each field: no two of these share, and each shares with itself made anew.
    #[test]
    fn no_field_is_shared_by_two_owners() {
        let (one, two) = (Arc::new(ClientIdentity::default()), Arc::new(ClientIdentity::default()));
        let (plain, other) = (Arc::new(Header::new()), Arc::new(Header::new()));
        let (hooks, others) = (Arc::new(DialHooks::default()), Arc::new(DialHooks::default()));
        let all = || {
            let a = server("https", "a", 443);
            let route = |s: &Arc<Origin>, p: Option<Arc<Proxy>>, t: &Arc<ClientIdentity>, h: &Arc<Header>| {
                Route::new(s, p, || t.clone(), h, None)
            };
            let hooked = |h: &Arc<DialHooks>| Route::new(&a, None, || one.clone(), &plain, Some(h));
            vec![
                route(&a, None, &one, &plain),
                route(&a, None, &two, &plain),
                route(&server("http", "a", 443), None, &one, &plain),
                route(&server("https", "b", 443), None, &one, &plain),
                route(&server("https", "a", 444), None, &one, &plain),
                route(&a, proxy("http://p"), &one, &plain),
                route(&a, proxy("http://p"), &two, &plain),
                route(&a, proxy("http://p"), &one, &other),
                route(&a, proxy("https://p:80"), &one, &plain),
                route(&a, proxy("socks5://p:80"), &one, &plain),
                route(&a, proxy("http://q"), &one, &plain),
                route(&a, proxy("http://p:81"), &one, &plain),
                route(&a, proxy("http://u@p"), &one, &plain),
                route(&a, proxy("http://v@p"), &one, &plain),
                route(&a, proxy("http://u:x@p"), &one, &plain),
                route(&a, proxy("http://u:y@p"), &one, &plain),
                route(&server("http", "a", 80), proxy("http://u:x@p"), &one, &plain),
                route(&server("http", "a", 80), proxy("http://u:y@p"), &one, &plain),
                route(&server("http", "a", 80), proxy("https://p"), &one, &plain),
                route(&server("http", "a", 80), proxy("https://p"), &two, &plain),
                route(&server("http", "a", 80), proxy("socks5://p"), &one, &plain),
                route(&server("http", "b", 80), proxy("socks5://p"), &one, &plain),
                hooked(&hooks),
                hooked(&others),
            ]
        };
        let (first, second) = (all(), all());
        for (i, a) in first.iter().enumerate() {
            for (j, b) in second.iter().enumerate() {
                assert_eq!(a == b, i == j, "{i} {j}");
            }
        }
        #[allow(clippy::mutable_key_type)]
        let set: HashSet<Route> = first.into_iter().chain(second.clone()).collect();
        assert_eq!(set.len(), second.len());
    }

    #[test]
    fn a_forwarding_proxy_serves_all_servers() {
        let h = Arc::new(Header::new());
        let via = |s: &str| Route::new(&server("http", s, 80), proxy("http://p"), Arc::default, &h, None);
        assert!(via("a") == via("b"));
    }
}

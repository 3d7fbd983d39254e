//! `ServerIdentity`: who a server is and whom it lets in, made of [`TlsSettings`].

use super::TlsSettings;
use super::client_auth::ClientVerifier;
use super::config::{TlsVersion, provider};
use super::text::from_rustls;
use super::x509::facts;
use crate::error::{Error, Kind, Result, invalid};
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// ServerAlpn is which protocols of its own a server offers (RFC 7301), beside those of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerAlpn {
    Http1,
    /// HTTP/2 first.
    Both,
    Http2,
}

/// ServerIdentity is one listener's TLS. Sessions are resumed within it, and never with another one: what a client
/// was let in for by old settings counts for nothing under new ones.
pub struct ServerIdentity {
    /// By protocols: HTTP/1.1, both, HTTP/2. No suite that RFC 9113, 9.2.2 prohibits is in any of them.
    configs: [Arc<ServerConfig>; 3],
    /// The program judges clients' certificates; that may block.
    calls_program: bool,
}

impl ServerIdentity {
    pub fn new(s: &TlsSettings) -> Result<ServerIdentity> {
        let versions: &[_] = match s.min_version {
            TlsVersion::Tls12 => &[&version::TLS13, &version::TLS12],
            TlsVersion::Tls13 => &[&version::TLS13],
        };
        let certificates = Certificates::new(s)?;
        let failed = |e| Error::new(Kind::Tls, "tls: bad configuration").with_cause(from_rustls(&e, true));
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(failed)?;
        let builder = match ClientVerifier::new(s)? {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificates));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match s.session_tickets {
            true => config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(failed)?,
            false => config.send_tls13_tickets = 0,
        }
        let asks_program = s.verify.is_some() && s.client_auth.requests_certificate();
        let configs = [ServerAlpn::Http1, ServerAlpn::Both, ServerAlpn::Http2].map(|speaks| {
            let mut config = config.clone();
            config.alpn_protocols = offered(s.alpn.as_deref(), speaks);
            Arc::new(config)
        });
        Ok(ServerIdentity { configs, calls_program: asks_program })
    }

    pub(super) fn config(&self, alpn: ServerAlpn) -> Arc<ServerConfig> {
        let [http1, both, http2] = &self.configs;
        match alpn {
            ServerAlpn::Http1 => http1.clone(),
            ServerAlpn::Both => both.clone(),
            ServerAlpn::Http2 => http2.clone(),
        }
    }

    /// calls_program: a handshake may call the program back, and so block.
    pub fn calls_program(&self) -> bool {
        self.calls_program
    }
}

/// offered is the list of a server that speaks these, and what the program names. As in Go, HTTP/2 comes first unless the
/// program has said where. A program that names none wants nothing to be agreed on.
fn offered(named: Option<&[Vec<u8>]>, speaks: ServerAlpn) -> Vec<Vec<u8>> {
    let mut list = named.map_or_else(|| vec![b"http/1.1".to_vec()], <[_]>::to_vec);
    if speaks == ServerAlpn::Http1 {
        list.retain(|p| p != b"h2");
    } else if !list.iter().any(|p| p == b"h2") && (!list.is_empty() || speaks == ServerAlpn::Http2) {
        list.insert(0, b"h2".to_vec());
    }
    if speaks == ServerAlpn::Http2 {
        list.retain(|p| p != b"http/1.1");
    }
    list
}

/// Certificates finds a certificate by the name that a client asks for (RFC 6066, 3).
#[derive(Debug)]
struct Certificates {
    all: Vec<Arc<CertifiedKey>>,
    /// Which of them are for a name, or for "*.name", in small letters.
    by_name: HashMap<String, Vec<usize>>,
}

impl Certificates {
    fn new(s: &TlsSettings) -> Result<Certificates> {
        let all: Vec<_> = s.certificate.iter().chain(&s.more_certificates).cloned().collect();
        if all.is_empty() {
            return Err(invalid("tls: the server has no certificate"));
        }
        let mut by_name = HashMap::<String, Vec<usize>>::new();
        for (i, pair) in all.iter().enumerate() {
            for name in pair.cert.first().map(names).unwrap_or_default() {
                by_name.entry(name).or_default().push(i);
            }
        }
        Ok(Certificates { all, by_name })
    }

    /// find is the first certificate for that name whose key the client can check, else the first of all that it
    /// can check, else the first.
    fn find(&self, name: Option<&str>, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = |pair: &&Arc<CertifiedKey>| pair.key.choose_scheme(hello.signature_schemes()).is_some();
        let named = |key: &str| {
            let list = self.by_name.get(key).map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(|i| self.all.get(*i)).find(fits)
        };
        let found = name.and_then(|name| {
            let wild = || Some(format!("*{}", name.get(name.find('.')?..)?));
            named(name).or_else(|| named(&wild()?))
        });
        found.or_else(|| self.all.iter().find(fits)).or(self.all.first()).cloned()
    }
}

/// names are a certificate's DNS names. Addresses are never asked for by name.
fn names(certificate: &CertificateDer<'static>) -> Vec<String> {
    let names = facts(certificate).map(|f| f.dns_names).unwrap_or_default();
    names.iter().filter_map(|n| std::str::from_utf8(n).ok()).map(str::to_ascii_lowercase).collect()
}

thread_local! {
    static ASKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// requested_name takes the name that the ClientHello asked for which this thread has just processed: an unbuffered session
/// does not tell it, but its resolver is told.
pub(super) fn requested_name() -> Option<String> {
    ASKED.take()
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let found = self.find(name.as_deref(), &hello);
        ASKED.set(name);
        found
    }
}

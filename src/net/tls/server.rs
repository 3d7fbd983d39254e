//! `ServerIdentity`: who a server is and whom it lets in, made of [`Settings`].

use super::Settings;
use super::client_auth::ClientVerifier;
use super::config::{Version, provider};
use super::text::from_rustls;
use crate::error::{Error, Kind, Result, invalid};
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// ServerIdentity is one listener's TLS. Sessions are resumed within it, and never with another one: what a client
/// was let in for by old settings counts for nothing under new ones.
pub struct ServerIdentity {
    config: Arc<ServerConfig>,
    /// The program judges clients' certificates; that may block.
    asks_program: bool,
}

impl ServerIdentity {
    pub fn new(s: &Settings) -> Result<ServerIdentity> {
        let versions: &[_] = match s.min_version {
            Version::Tls12 => &[&version::TLS13, &version::TLS12],
            Version::Tls13 => &[&version::TLS13],
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
        // The place for "h2", in front of it, once the server speaks that.
        config.alpn_protocols = s.alpn.clone().unwrap_or_else(|| vec![b"http/1.1".to_vec()]);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match s.session_tickets {
            true => config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(failed)?,
            false => config.send_tls13_tickets = 0,
        }
        let asks_program = s.verify.is_some() && s.client_auth.asks();
        Ok(ServerIdentity { config: Arc::new(config), asks_program })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// asks_program: a handshake may call the program back, and so block.
    pub fn asks_program(&self) -> bool {
        self.asks_program
    }
}

/// Certificates finds a certificate by the name that a client asks for (RFC 6066, 3).
#[derive(Debug)]
struct Certificates {
    all: Vec<Arc<CertifiedKey>>,
    /// Which of them are for a name, or for "*.name", in small letters.
    by_name: HashMap<String, Vec<usize>>,
}

impl Certificates {
    fn new(s: &Settings) -> Result<Certificates> {
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
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    parsed.valid_dns_names().map(str::to_ascii_lowercase).collect()
}

thread_local! {
    static ASKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// asked_name takes the name that the ClientHello asked for which this thread has just processed: an unbuffered session
/// does not tell it, but its resolver is told.
pub(super) fn asked_name() -> Option<String> {
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

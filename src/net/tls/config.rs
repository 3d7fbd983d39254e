//! `TlsSettings` and `ClientIdentity`: what a program chooses for TLS, and what is made of it for one transport.

use super::client_auth::ClientAuth;
use super::text::from_rustls;
use super::verify::{Verifier, Verify};
use super::x509::{self, KeyKind};
use super::{pem, roots};
use crate::error::{Error, Kind, Result, invalid};
use crate::sync::OnceLock;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, version};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    #[default]
    Tls12 = 0x0303,
    Tls13 = 0x0304,
}

/// TlsSettings is a value: what is made of it does not see later changes.
#[derive(Clone)]
pub struct TlsSettings {
    pub roots: Vec<CertificateDer<'static>>,
    pub system_roots: bool,
    /// The program's own certificate and its key; a server's default.
    pub certificate: Option<Arc<CertifiedKey>>,
    /// A server's further ones, chosen by name.
    pub more_certificates: Vec<Arc<CertifiedKey>>,
    /// What a server asks of its clients, and whom it trusts to vouch for them.
    pub client_auth: ClientAuth,
    pub client_roots: Vec<CertificateDer<'static>>,
    /// A server gives out tickets with which sessions are resumed.
    pub session_tickets: bool,
    /// Any certificate will do: Go's InsecureSkipVerify.
    pub insecure: bool,
    /// `None` is the host of the URL.
    pub server_name: Option<String>,
    pub min_version: TlsVersion,
    /// `None` leaves it to who makes the connection.
    pub alpn: Option<Vec<Vec<u8>>>,
    pub verify: Option<Arc<dyn Verify>>,
}

impl Default for TlsSettings {
    fn default() -> TlsSettings {
        TlsSettings {
            roots: Vec::new(),
            system_roots: true,
            certificate: None,
            more_certificates: Vec::new(),
            client_auth: ClientAuth::None,
            client_roots: Vec::new(),
            session_tickets: true,
            insecure: false,
            server_name: None,
            min_version: TlsVersion::default(),
            alpn: None,
            verify: None,
        }
    }
}

impl TlsSettings {
    /// add_roots takes certificates in PEM; text without any is an error, and so is one that cannot be a root.
    pub fn add_roots(&mut self, pem: &[u8]) -> Result<()> {
        self.roots.extend(parse_roots(pem)?);
        Ok(())
    }

    /// add_client_roots is [`TlsSettings::add_roots`] for those that vouch for a server's clients.
    pub fn add_client_roots(&mut self, pem: &[u8]) -> Result<()> {
        self.client_roots.extend(parse_roots(pem)?);
        Ok(())
    }

    /// set_certificate takes a chain, the program's own first, and the first one's key.
    pub fn set_certificate(&mut self, chain: &[u8], key: &[u8]) -> Result<()> {
        self.certificate = Some(parse_pair(chain, key)?);
        Ok(())
    }

    /// add_certificate gives a server another one, beside those that it has.
    pub fn add_certificate(&mut self, chain: &[u8], key: &[u8]) -> Result<()> {
        self.more_certificates.push(parse_pair(chain, key)?);
        Ok(())
    }
}

/// parse_roots skips malformed certificates, as Go's AppendCertsFromPEM does, and those with fields of RFC 1421.
fn parse_roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let blocks = pem::blocks(pem).filter(|b| b.label == b"CERTIFICATE" && !b.has_fields);
    let certificates = blocks.map(|b| CertificateDer::from(b.der)).filter(|c| x509::facts(c).is_some());
    match certificates.collect::<Vec<_>>() {
        list if list.is_empty() => Err(invalid("tls: failed to find any PEM data in certificate input")),
        list => Ok(list),
    }
}

fn parse_pair(chain: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>> {
    let (chain, key) = (parse_certificates(chain)?, parse_key(key)?);
    let own = chain.first().and_then(x509::facts).map(|f| f.key());
    let own = own.ok_or_else(|| invalid("tls: malformed certificate"))?;
    let key = provider().key_provider.load_private_key(key);
    let key =
        key.map_err(|_| invalid("tls: the private key is malformed, or of a kind that is not supported"))?;
    match key.public_key() {
        Some(public) if public == own => Ok(Arc::new(CertifiedKey::new(chain, key))),
        _ => Err(invalid("tls: private key does not match public key")),
    }
}

/// parse_certificates reads PEM; at least one certificate must be in it.
pub fn parse_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let blocks = pem::blocks(pem).filter(|b| b.label == b"CERTIFICATE");
    match blocks.map(|b| CertificateDer::from(b.der)).collect::<Vec<_>>() {
        list if list.is_empty() => Err(invalid("tls: failed to find any PEM data in certificate input")),
        list => Ok(list),
    }
}

/// parse_key reads the first private key in PEM: PKCS#8, PKCS#1 or SEC1. As in Go, its content says which.
pub fn parse_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    let block = pem::blocks(pem).find(|b| b.label == b"PRIVATE KEY" || b.label.ends_with(b" PRIVATE KEY"));
    let block = block.ok_or_else(|| invalid("tls: failed to find any PEM data in key input"))?;
    match x509::key_kind(&block.der) {
        Some(KeyKind::Pkcs1) => Ok(PrivatePkcs1KeyDer::from(block.der).into()),
        Some(KeyKind::Pkcs8) => Ok(PrivatePkcs8KeyDer::from(block.der).into()),
        Some(KeyKind::Sec1) => Ok(PrivateSec1KeyDer::from(block.der).into()),
        None => Err(invalid("tls: the private key is malformed or encrypted")),
    }
}

/// provider is the library's own; the process's default is neither used nor set.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())).clone()
}

/// ClientIdentity is one transport's TLS: connections and resumable sessions are shared within it, and never with
/// another one.
#[derive(Default)]
pub struct ClientIdentity {
    settings: TlsSettings,
    config: OnceLock<Result<Arc<ClientConfig>>>,
    for_proxies: OnceLock<Result<Arc<ClientConfig>>>,
}

/// PeerKind is whom a session is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerKind {
    Server,
    /// One is asked for tunnels and forwards in HTTP/1.1, whatever else it speaks.
    Proxy,
}

impl ClientIdentity {
    pub fn new(settings: TlsSettings) -> ClientIdentity {
        ClientIdentity { settings, config: OnceLock::new(), for_proxies: OnceLock::new() }
    }

    /// server_name is the name to ask for and to check where the URL says `host`.
    pub fn server_name(&self, host: &str) -> String {
        self.settings.server_name.clone().unwrap_or_else(|| host.to_owned())
    }

    /// config is made on first use, which reads the system's roots.
    pub(super) fn config(&self, end: PeerKind) -> Result<Arc<ClientConfig>> {
        let config = self.config.get_or_init(|| build(&self.settings)).clone();
        match end {
            PeerKind::Server => config,
            PeerKind::Proxy => self.for_proxies.get_or_init(|| config.map(without_http2)).clone(),
        }
    }
}

fn without_http2(config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(&config);
    config.alpn_protocols.retain(|name| name != b"h2");
    Arc::new(config)
}

fn build(s: &TlsSettings) -> Result<Arc<ClientConfig>> {
    let versions: &[_] = match s.min_version {
        TlsVersion::Tls12 => &[&version::TLS13, &version::TLS12],
        TlsVersion::Tls13 => &[&version::TLS13],
    };
    let trusts = roots::with(&s.roots, s.system_roots && !(s.insecure && s.verify.is_none()));
    let verifier = Verifier::new(trusts, s);
    let failed = |e| Error::new(Kind::Tls, "tls: bad configuration").with_cause(from_rustls(&e, true));
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &s.certificate {
        Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair.clone()))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = s.alpn.clone().unwrap_or_else(|| vec![b"http/1.1".to_vec()]);
    config.enable_sni = true;
    Ok(Arc::new(config))
}

//! Certificates made for the test, and a TLS server of scripts.

use crate::scripted_server::Origin;
use nethttp::net::tls::TlsSettings;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ConnectionCommon, RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

pub type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Authority signs what it is asked to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// Pair is a certificate and its key, in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        Authority::with(name, |_| {})
    }

    pub fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
        let mut p = CertificateParams::new(Vec::new()).unwrap();
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut p);
        p.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = p.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(p, key), pem }
    }

    pub fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut p =
            CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        change(&mut p);
        let key = KeyPair::generate().unwrap();
        Pair { certificate: p.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    pub fn leaf(&self) -> Pair {
        self.sign(&["localhost", "127.0.0.1"], |_| {})
    }

    /// trust is a client that trusts this authority alone.
    pub fn trust(&self) -> TlsSettings {
        let mut s = TlsSettings { system_roots: false, ..TlsSettings::default() };
        s.add_roots(self.pem.as_bytes()).unwrap();
        s
    }
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

pub const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// config is a server's; with `clients` it demands a certificate that they have signed.
pub fn config(
    pair: &Pair,
    versions: &[&'static SupportedProtocolVersion],
    clients: Option<&Authority>,
) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(|c| c.unwrap()).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    // Not with_single_cert, which refuses what it cannot read.
    let pair = CertifiedKey::new(chain, provider().key_provider.load_private_key(key).unwrap());
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// accept is the server's side of one connection.
pub fn accept(config: &Arc<ServerConfig>, s: &TcpStream) -> Stream {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), s.try_clone().unwrap())
}

/// serve runs a script on each connection, within TLS.
pub fn serve(
    config: Arc<ServerConfig>,
    script: impl Fn(&mut Stream, usize) + Send + Sync + 'static,
) -> (Origin, String) {
    let o = Origin::serve(move |s, n| script(&mut accept(&config, s), n));
    let url = o.url.replace("http:", "https:");
    (o, url)
}

/// end says goodbye as RFC 8446 demands.
pub fn end<S, T>(s: &mut StreamOwned<S, TcpStream>)
where
    S: DerefMut + Deref<Target = ConnectionCommon<T>>,
    T: rustls::SideData,
{
    s.conn.send_close_notify();
    let _ = s.conn.write_tls(&mut s.sock);
}

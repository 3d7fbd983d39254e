//! `Verifier`: whether a server's certificate will do, by the roots, the program, or not at all.

use super::Settings;
use super::config::provider;
use super::text::from_rustls;
use crate::error::{Error, Kind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// Verify is the program's own verification.
pub trait Verify: Send + Sync {
    /// verify has the last word. `name` is the server's, empty where a client is judged; `chain` is in DER, the peer's
    /// own certificate first; `verdict` is what the roots say. It is not asked again when a session is resumed.
    fn verify(&self, name: &str, chain: &[&[u8]], verdict: Result<()>) -> Result<()>;
}

/// last_word asks the program about a chain, of which the roots say `verdict`.
pub(super) fn last_word(
    program: &dyn Verify,
    name: &str,
    leaf: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
    verdict: std::result::Result<(), rustls::Error>,
) -> std::result::Result<(), rustls::Error> {
    let chain: Vec<&[u8]> = std::iter::once(leaf).chain(rest).map(|c| c.as_ref()).collect();
    let verdict = verdict.map_err(|e| from_rustls(&e, true));
    program.verify(name, &chain, verdict).map_err(|e| CertificateError::Other(OtherError(Arc::new(e))).into())
}

pub(super) struct Verifier {
    /// `None` where there are no roots: then nobody is trusted.
    webpki: Option<Arc<WebPkiServerVerifier>>,
    own: Vec<CertificateDer<'static>>,
    insecure: bool,
    program: Option<Arc<dyn Verify>>,
    provider: Arc<CryptoProvider>,
}

type Verdict = std::result::Result<ServerCertVerified, rustls::Error>;

impl Verifier {
    pub(super) fn new(roots: Arc<RootCertStore>, s: &Settings) -> Result<Verifier> {
        let webpki = match roots.is_empty() {
            true => None,
            false => {
                let built = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
                Some(built.map_err(|e| Error::new(Kind::Tls, format!("tls: bad roots: {e}")))?)
            }
        };
        Ok(Verifier {
            webpki,
            own: s.roots.clone(),
            insecure: s.insecure,
            program: s.verify.clone(),
            provider: provider(),
        })
    }

    fn by_roots(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Verdict {
        let Some(webpki) = &self.webpki else { return Err(CertificateError::UnknownIssuer.into()) };
        match webpki.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // As in Go, a certificate that is itself a root is trusted: `openssl req -x509` makes such. Its dates
            // were looked at before its kind.
            Err(e) if is_ca_as_end_entity(&e) => {
                if !self.own.iter().any(|c| c == end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            r => r,
        }
    }
}

pub(super) fn is_ca_as_end_entity(e: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = e else {
        return false;
    };
    matches!(inner.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Verdict {
        let Some(program) = &self.program else {
            return match self.insecure {
                true => Ok(ServerCertVerified::assertion()),
                false => self.by_roots(end_entity, intermediates, server_name, ocsp_response, now),
            };
        };
        let verdict = self.by_roots(end_entity, intermediates, server_name, ocsp_response, now);
        let name = server_name.to_str();
        last_word(&**program, &name, end_entity, intermediates, verdict.map(drop))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

//! `ClientVerifier`: which clients a server lets in by their certificates (Go's ClientAuthType).

use super::config::{Settings, provider};
use super::verify::{Verify, is_ca_as_end_entity, last_word};
use crate::error::{Error, Kind, Result, invalid};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// ClientAuth is what a server asks of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    #[default]
    None,
    /// A certificate is asked for; it need not come, and is not verified.
    Request,
    /// Any certificate must come.
    RequireAny,
    /// What comes is verified.
    VerifyIfGiven,
    /// One must come, and is verified.
    RequireAndVerify,
}

impl ClientAuth {
    pub fn asks(self) -> bool {
        self != ClientAuth::None
    }

    fn requires(self) -> bool {
        matches!(self, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
    }

    fn verifies(self) -> bool {
        matches!(self, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify)
    }
}

pub(super) struct ClientVerifier {
    auth: ClientAuth,
    webpki: Option<Arc<dyn ClientCertVerifier>>,
    own: Vec<CertificateDer<'static>>,
    /// The roots' names, for clients that have several certificates.
    hints: Vec<DistinguishedName>,
    program: Option<Arc<dyn Verify>>,
    provider: Arc<CryptoProvider>,
}

type Verdict = std::result::Result<ClientCertVerified, rustls::Error>;

impl ClientVerifier {
    /// new is `None` where no client is asked for a certificate.
    pub(super) fn new(s: &Settings) -> Result<Option<ClientVerifier>> {
        if !s.client_auth.asks() {
            return Ok(None);
        }
        if s.client_auth.verifies() && s.client_roots.is_empty() {
            // The system's roots would let in whoever can get a certificate for any site.
            return Err(invalid("tls: clients are to be verified, and there are no roots for them"));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(s.client_roots.iter().cloned());
        let hints = roots.subjects();
        let webpki = match roots.is_empty() {
            true => None,
            false => {
                let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
                Some(built.map_err(|e| Error::new(Kind::Tls, format!("tls: bad roots: {e}")))?)
            }
        };
        Ok(Some(ClientVerifier {
            auth: s.client_auth,
            webpki,
            own: s.client_roots.clone(),
            hints,
            program: s.verify.clone(),
            provider: provider(),
        }))
    }

    fn by_roots(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) -> Verdict {
        let Some(webpki) = &self.webpki else { return Err(CertificateError::UnknownIssuer.into()) };
        match webpki.verify_client_cert(leaf, rest, now) {
            // As in Go, a certificate that is itself a root is trusted; its dates were looked at before its kind.
            Err(e) if is_ca_as_end_entity(&e) => match self.own.iter().any(|c| c == leaf) {
                true => Ok(ClientCertVerified::assertion()),
                false => Err(CertificateError::UnknownIssuer.into()),
            },
            r => r,
        }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.auth.requires()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Verdict {
        let verdict = match self.auth.verifies() {
            true => self.by_roots(end_entity, intermediates, now),
            false => Ok(ClientCertVerified::assertion()),
        };
        let Some(program) = &self.program else { return verdict };
        last_word(&**program, "", end_entity, intermediates, verdict.map(drop))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl std::fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientVerifier").field("auth", &self.auth).finish_non_exhaustive()
    }
}

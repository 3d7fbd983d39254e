//! `ClientVerifier`: which clients a server lets in by their certificates (Go's ClientAuthType).

use super::config::{TlsSettings, provider};
use super::roots::{self, TrustStore};
use super::signature;
use super::verify::{Verify, verify_by_program};
use super::x509::Purpose;
use crate::error::{Result, invalid};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
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
    pub fn requests_certificate(self) -> bool {
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
    trust: Arc<TrustStore>,
    program: Option<Arc<dyn Verify>>,
    algorithms: WebPkiSupportedAlgorithms,
}

type ClientVerdict = std::result::Result<ClientCertVerified, rustls::Error>;

impl ClientVerifier {
    /// new is `None` where no client is asked for a certificate.
    pub(super) fn new(s: &TlsSettings) -> Result<Option<ClientVerifier>> {
        if !s.client_auth.requests_certificate() {
            return Ok(None);
        }
        if s.client_auth.verifies() && s.client_roots.is_empty() {
            // The system's roots would let in whoever can get a certificate for any site.
            return Err(invalid("tls: clients are to be verified, and there are no roots for them"));
        }
        Ok(Some(ClientVerifier {
            auth: s.client_auth,
            trust: roots::with(&s.client_roots, false),
            program: s.verify.clone(),
            algorithms: provider().signature_verification_algorithms,
        }))
    }

    fn verify_by_roots(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> std::result::Result<(), rustls::Error> {
        self.trust.verify(leaf, rest, Purpose::Client, self.algorithms.all, now)
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.auth.requires()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.trust.hints()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> ClientVerdict {
        let verdict = match self.auth.verifies() {
            true => self.verify_by_roots(end_entity, intermediates, now),
            false => Ok(()),
        };
        match &self.program {
            Some(program) => verify_by_program(&**program, "", end_entity, intermediates, verdict)?,
            None => verdict?,
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        signature::tls12(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        signature::tls13(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl std::fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientVerifier").field("auth", &self.auth).finish_non_exhaustive()
    }
}

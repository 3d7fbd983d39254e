//! `Verifier`: whether a server's certificate will do, by the roots, the program, or not at all.

use super::TlsSettings;
use super::config::provider;
use super::roots::TrustStore;
use super::text::from_rustls;
use super::x509::Purpose;
use super::{names, signature};
use crate::error::Result;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use std::sync::Arc;

/// Verify is the program's own verification.
pub trait Verify: Send + Sync {
    /// verify has the last word. `name` is the server's, empty where a client is judged; `chain` is in DER, the peer's
    /// own certificate first; `verdict` is what the roots say. It is not asked again when a session is resumed.
    fn verify(&self, name: &str, chain: &[&[u8]], verdict: Result<()>) -> Result<()>;
}

/// verify_by_program asks the program about a chain, of which the roots say `verdict`.
pub(super) fn verify_by_program(
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
    trust: Arc<TrustStore>,
    insecure: bool,
    program: Option<Arc<dyn Verify>>,
    algorithms: WebPkiSupportedAlgorithms,
}

type ServerVerdict = std::result::Result<ServerCertVerified, rustls::Error>;

impl Verifier {
    pub(super) fn new(trust: Arc<TrustStore>, s: &TlsSettings) -> Verifier {
        Verifier {
            trust,
            insecure: s.insecure,
            program: s.verify.clone(),
            algorithms: provider().signature_verification_algorithms,
        }
    }

    fn verify_by_roots(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> std::result::Result<(), rustls::Error> {
        let algorithms = self.algorithms.all;
        self.trust.verify(end_entity, intermediates, Purpose::Server, algorithms, now)?;
        names::check(end_entity, name)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> ServerVerdict {
        let verdict = || self.verify_by_roots(end_entity, intermediates, server_name, now);
        match &self.program {
            Some(program) => {
                let name = server_name.to_str();
                verify_by_program(&**program, &name, end_entity, intermediates, verdict())?;
            }
            None if self.insecure => {}
            None => verdict()?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        signature::tls12(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        signature::tls13(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

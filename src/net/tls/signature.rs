//! The peer's signature of a handshake, by the key of its certificate. The rest of the certificate is not looked at:
//! whoever trusts it has done so, or trusts any.

use super::text::from_webpki;
use super::x509::facts;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, DigitallySignedStruct, PeerMisbehaved};
use webpki::{Error, RawPublicKeyEntity};

type Valid = Result<HandshakeSignatureValid, rustls::Error>;

pub(super) fn tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Valid {
    let key = facts(certificate).ok_or(CertificateError::BadEncoding)?.key();
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}

/// tls12 tries each algorithm that the scheme may stand for: TLS 1.2 does not name the curve (RFC 5246, 7.4.1.4.1).
pub(super) fn tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Valid {
    let key = facts(certificate).ok_or(CertificateError::BadEncoding)?.key();
    let key = RawPublicKeyEntity::try_from(&key).map_err(from_webpki)?;
    let possible = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    let (_, possible) = possible.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let mut failure = None;
    for algorithm in *possible {
        match key.verify_signature(*algorithm, message, signed.signature()) {
            Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
            Err(e @ Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => failure = Some(e),
            Err(e) => return Err(from_webpki(e)),
        }
    }
    Err(failure.map_or_else(|| CertificateError::BadSignature.into(), from_webpki))
}

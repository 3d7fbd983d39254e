//! What went wrong with TLS, in the words of Go's `crypto/tls` and `crypto/x509`.

use crate::error::{Error, Kind, Phase};
use crate::message::date;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, InvalidMessage, OtherError, PeerIncompatible};
use std::sync::Arc;

/// from_rustls makes the error; `early` says that no data has come yet, so that it belongs to the handshake.
pub fn from_rustls(e: &rustls::Error, early: bool) -> Error {
    let error = match e {
        rustls::Error::AlertReceived(alert) => {
            let text = format!("remote error: tls: {}", alert_text(*alert));
            Error::new(Kind::Tls, text).with_tls_alert(u8::from(*alert))
        }
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
            if inner.downcast_ref::<Error>().is_some() =>
        {
            // The program's own word.
            inner.downcast_ref::<Error>().cloned().unwrap_or_else(|| Error::new(Kind::Tls, "tls: refused"))
        }
        rustls::Error::InvalidCertificate(c) => {
            let text = format!("tls: failed to verify certificate: x509: {}", certificate_text(c));
            Error::new(Kind::Tls, text)
        }
        rustls::Error::DecryptError => Error::new(Kind::Tls, "local error: tls: bad record MAC"),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) if early => {
            Error::new(Kind::Tls, "tls: first record does not look like a TLS handshake")
        }
        e => Error::new(Kind::Tls, format!("tls: {}", protocol_text(e))),
    };
    if early { error.with_phase(Phase::TlsHandshake) } else { error }
}

/// protocol_text says what went wrong with the peer's messages. rustls names types of its own there.
fn protocol_text(e: &rustls::Error) -> &str {
    match e {
        rustls::Error::NoCertificatesPresented => "client didn't provide a certificate",
        rustls::Error::NoApplicationProtocol => "client requested unsupported application protocols",
        rustls::Error::InvalidMessage(m) => match m {
            InvalidMessage::InvalidContentType => "received record with an unknown content type",
            InvalidMessage::UnknownProtocolVersion => "received record with an unsupported version",
            InvalidMessage::MessageTooLarge => "oversized record received",
            InvalidMessage::CertificatePayloadTooLarge => "the peer's certificates are larger than 64 KiB",
            InvalidMessage::HandshakePayloadTooLarge => "the peer's handshake message is too large",
            _ => "received a malformed handshake message",
        },
        rustls::Error::InappropriateMessage { .. } | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "received unexpected handshake message"
        }
        rustls::Error::PeerSentOversizedRecord => "oversized record received",
        rustls::Error::PeerIncompatible(p) => match p {
            PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite supported by both client and server",
            PeerIncompatible::NoKxGroupsInCommon => {
                "no key exchange group supported by both client and server"
            }
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
                "peer doesn't support any of the certificate's signature algorithms"
            }
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired => {
                "client offered only unsupported versions"
            }
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
                "server selected unsupported protocol version"
            }
            _ => "peer lacks what this handshake needs",
        },
        rustls::Error::PeerMisbehaved(_) => "peer broke the rules of the handshake",
        rustls::Error::FailedToGetRandomBytes => "the system gave no random bytes",
        rustls::Error::FailedToGetCurrentTime => "the system's time cannot be read",
        rustls::Error::EncryptError => "cannot encrypt",
        rustls::Error::UnsupportedNameType => "the server's name is of an unsupported kind",
        _ => "the handshake failed",
    }
}

/// from_webpki gives an error of webpki the variant by which rustls chooses its alert.
pub(super) fn from_webpki(e: webpki::Error) -> rustls::Error {
    use webpki::Error as E;
    let error = match e {
        E::BadDer | E::BadDerTime | E::TrailingData(_) => CertificateError::BadEncoding,
        E::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        E::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        E::InvalidCertValidity => CertificateError::Expired,
        // As a server's or client's own, an authority's certificate is trusted only if it is a root.
        E::UnknownIssuer | E::CaUsedAsEndEntity => CertificateError::UnknownIssuer,
        E::CertNotValidForName(c) => {
            CertificateError::NotValidForNameContext { expected: c.expected, presented: c.presented }
        }
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => CertificateError::InvalidPurpose,
        E::UnsupportedCriticalExtension => CertificateError::UnhandledCriticalExtension,
        e => CertificateError::Other(OtherError(Arc::new(e))),
    };
    error.into()
}

fn certificate_text(c: &CertificateError) -> String {
    match c {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".into(),
        CertificateError::Expired | CertificateError::NotValidYet => {
            "certificate has expired or is not yet valid".into()
        }
        CertificateError::ExpiredContext { time, not_after } => expired(*time, "after", *not_after),
        CertificateError::NotValidYetContext { time, not_before } => expired(*time, "before", *not_before),
        CertificateError::NotValidForName => "certificate is not valid for the server's name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => wrong_name(expected, presented),
        CertificateError::BadSignature => "invalid signature".into(),
        CertificateError::Revoked => "certificate has been revoked".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate specifies an incompatible key usage".into()
        }
        CertificateError::UnhandledCriticalExtension => "unhandled critical extension".into(),
        CertificateError::Other(OtherError(e)) => {
            e.downcast_ref().map_or("malformed certificate", other_text).into()
        }
        _ => "malformed certificate".into(),
    }
}

fn other_text(e: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match e {
        E::EndEntityUsedAsCa => "certificate is not authorized to sign other certificates",
        E::PathLenConstraintViolated => "too many intermediates for path length constraint",
        E::NameConstraintViolation => {
            "a root or intermediate certificate is not authorized to sign for this name"
        }
        E::MaximumPathDepthExceeded => "too many intermediates",
        E::MaximumSignatureChecksExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumNameConstraintComparisonsExceeded => {
            "signature check attempts limit reached while verifying certificate chain"
        }
        E::UnsupportedSignatureAlgorithmContext(c) => insecure(&c.signature_algorithm_id),
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "cannot verify signature: its algorithm does not fit the key"
        }
        E::UnsupportedCertVersion => "certificates of this version are not verified",
        E::CertDistrusted => "certificate signed by a distrusted authority",
        _ => "malformed certificate",
    }
}

/// insecure tells the algorithms that are refused from those that are unknown. `id` is an AlgorithmIdentifier's content.
fn insecure(id: &[u8]) -> &'static str {
    const PKCS1: [u8; 10] = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
    match id.strip_prefix(&PKCS1) {
        Some([4, ..]) => "cannot verify signature: insecure algorithm MD5-RSA",
        Some([5, ..]) => "cannot verify signature: insecure algorithm SHA1-RSA",
        _ if id.starts_with(&[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]) => {
            "cannot verify signature: insecure algorithm ECDSA-SHA1"
        }
        _ => "cannot verify signature: algorithm unimplemented",
    }
}

fn expired(now: UnixTime, order: &str, limit: UnixTime) -> String {
    let (now, limit) = (rfc3339(now), rfc3339(limit));
    format!("certificate has expired or is not yet valid: current time {now} is {order} {limit}")
}

fn rfc3339(t: UnixTime) -> String {
    date::format_rfc3339(i64::try_from(t.as_secs()).unwrap_or(i64::MAX))
}

/// wrong_name has the names as rustls shows them: `DnsName("a.example")`, `IpAddress(127.0.0.1)`.
fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let inner = |s: &String| {
        let inner = s.split_once('(').and_then(|(_, r)| r.strip_suffix(')')).unwrap_or(s);
        inner.trim_matches('"').to_owned()
    };
    let want = expected.to_str();
    let is_ip = matches!(expected, ServerName::IpAddress(_));
    let names: Vec<String> =
        presented.iter().filter(|p| p.starts_with("IpAddress") == is_ip).map(inner).collect();
    match (is_ip, names.is_empty()) {
        (true, true) => {
            format!("cannot validate certificate for {want} because it doesn't contain any IP SANs")
        }
        (false, true) => format!("certificate is not valid for any names, but wanted to match {want}"),
        _ => format!("certificate is valid for {}, not {want}", names.join(", ")),
    }
}

fn alert_text(alert: AlertDescription) -> String {
    let text = match u8::from(alert) {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        21 => "decryption failed",
        22 => "record overflow",
        30 => "decompression failure",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "revoked certificate",
        45 => "expired certificate",
        46 => "unknown certificate",
        47 => "illegal parameter",
        48 => "unknown certificate authority",
        49 => "access denied",
        50 => "error decoding message",
        51 => "error decrypting message",
        60 => "export restriction",
        70 => "protocol version not supported",
        71 => "insufficient security level",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        100 => "no renegotiation",
        109 => "missing extension",
        110 => "unsupported extension",
        112 => "unrecognized name",
        115 => "unknown PSK identity",
        116 => "certificate required",
        120 => "no application protocol",
        n => return format!("alert({n})"),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn gos_words() {
        let at = |s| UnixTime::since_unix_epoch(Duration::from_secs(s));
        let name = |n: &str| ServerName::try_from(n.to_owned()).unwrap();
        for (c, want) in [
            (CertificateError::UnknownIssuer, "certificate signed by unknown authority"),
            (
                CertificateError::ExpiredContext { time: at(1_000_000_000), not_after: at(0) },
                "certificate has expired or is not yet valid: current time 2001-09-09T01:46:40Z is after 1970-01-01T00:00:00Z",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: name("c.example"),
                    presented: vec!["DnsName(\"a.example\")".into(), "DnsName(\"b.example\")".into()],
                },
                "certificate is valid for a.example, b.example, not c.example",
            ),
            (
                CertificateError::NotValidForNameContext { expected: name("127.0.0.1"), presented: vec![] },
                "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
            ),
        ] {
            let e = from_rustls(&rustls::Error::InvalidCertificate(c), true);
            assert_eq!(e.message(), format!("tls: failed to verify certificate: x509: {want}"));
            assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake));
        }
        let e = from_rustls(&rustls::Error::AlertReceived(AlertDescription::HandshakeFailure), true);
        assert_eq!((e.message(), e.tls_alert()), ("remote error: tls: handshake failure", Some(40)));
    }
}

//! `TrustStore`: whom a program trusts. Authorities vouch for others, within what their certificates say; any other
//! certificate that is given as a root is trusted as the peer's own, and for nothing else.

use super::text::from_webpki;
use super::x509::{CertificateFacts, Purpose, Purposes, facts};
use crate::sync::OnceLock;
use crate::sys::process;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use webpki::{EndEntityCert, Error, KeyPurposeId, KeyPurposeIdIter, KeyUsage, VerifiedPath};

#[derive(Clone, Default)]
pub(super) struct TrustStore {
    anchors: Vec<TrustAnchor<'static>>,
    /// What the anchors' certificates say, in the same order; `None` for those that come without a certificate.
    limits: Vec<Option<AnchorLimits>>,
    /// Roots that are trusted when a peer presents them itself, byte by byte.
    exact: HashSet<Vec<u8>>,
    hints: Vec<DistinguishedName>,
}

#[derive(Clone, Copy)]
struct AnchorLimits {
    not_before: u64,
    not_after: u64,
    path_len: Option<u64>,
    purposes: Option<Purposes>,
}

static SYSTEM: OnceLock<Arc<TrustStore>> = OnceLock::new();

/// system reads SSL_CERT_FILE and SSL_CERT_DIR, or the places of this system; what cannot be parsed is skipped. Mozilla's
/// roots, compiled in, take their place where there are none.
fn system() -> Arc<TrustStore> {
    SYSTEM
        .get_or_init(|| {
            let mut trust = TrustStore::default();
            for certificate in &installed() {
                match facts(certificate) {
                    Some(f) if f.is_authority() => trust.add_anchor(certificate, &f),
                    Some(_) => drop(trust.exact.insert(certificate.to_vec())),
                    None => {}
                }
            }
            if trust.anchors.is_empty() {
                trust.anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
                trust.limits = vec![None; trust.anchors.len()];
            }
            Arc::new(trust)
        })
        .clone()
}

/// installed are the system's certificates. What the environment says of them does not count where the program has more
/// rights than who has started it.
fn installed() -> Vec<CertificateDer<'static>> {
    const USUAL: [&str; 5] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    if !process::is_privileged() {
        return rustls_native_certs::load_native_certs().certs;
    }
    let found = USUAL.into_iter().map(Path::new).find(|p| p.exists());
    found.map_or_else(Vec::new, |p| rustls_native_certs::load_certs_from_paths(Some(p), None).certs)
}

/// with adds a program's own roots, each of which was parsed before.
pub(super) fn with(own: &[CertificateDer<'static>], use_system: bool) -> Arc<TrustStore> {
    if own.is_empty() && use_system {
        return system();
    }
    let mut trust = if use_system { TrustStore::clone(&system()) } else { TrustStore::default() };
    for certificate in own {
        trust.add_own(certificate);
    }
    Arc::new(trust)
}

/// AnyOr is an extended key usage: one of TLS, or any (RFC 5280, 4.2.1.12).
struct AnyOr(Purpose);

const ANY: KeyPurposeId<'static> = KeyPurposeId::new(&[0x55, 0x1d, 37, 0]);

impl webpki::ExtendedKeyUsageValidator for AnyOr {
    fn validate(&self, list: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let (usage, own) = match self.0 {
            Purpose::Server => (KeyUsage::server_auth(), KeyPurposeId::new(&[0x2b, 6, 1, 5, 5, 7, 3, 1])),
            Purpose::Client => (KeyUsage::client_auth(), KeyPurposeId::new(&[0x2b, 6, 1, 5, 5, 7, 3, 2])),
        };
        let mut present = Vec::new();
        for id in list {
            let id = id?;
            if id == ANY || id == own {
                return Ok(());
            }
            present.push(id.to_decoded_oid());
        }
        match present.is_empty() {
            true => Ok(()),
            false => Err(Error::RequiredEkuNotFoundContext(webpki::RequiredEkuNotFoundContext {
                required: usage,
                present,
            })),
        }
    }
}

impl TrustStore {
    fn add_own(&mut self, certificate: &CertificateDer<'static>) {
        if !self.exact.insert(certificate.to_vec()) {
            return;
        }
        let Some(f) = facts(certificate) else { return };
        // Clients choose by who has issued their certificates.
        let issuer = if f.is_authority() { f.subject } else { f.issuer };
        self.hints.push(DistinguishedName::in_sequence(issuer));
        if f.is_authority() {
            self.add_anchor(certificate, &f);
        }
    }

    fn add_anchor(&mut self, certificate: &CertificateDer<'_>, f: &CertificateFacts<'_>) {
        if let Ok(anchor) = webpki::anchor_from_trusted_cert(certificate) {
            self.anchors.push(anchor.to_owned());
            self.limits.push(Some(AnchorLimits {
                not_before: f.not_before,
                not_after: f.not_after,
                path_len: f.path_len,
                purposes: f.purposes,
            }));
        }
    }

    /// hints are whom a client's certificate may come from.
    pub(super) fn hints(&self) -> &[DistinguishedName] {
        &self.hints
    }

    /// verify looks for a way from a peer's certificate to a root. It does not look at names.
    pub(super) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        purpose: Purpose,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        if self.exact.contains(leaf.as_ref()) {
            return is_usable_as_is(leaf, purpose, now);
        }
        let parsed = EndEntityCert::try_from(leaf).map_err(from_webpki)?;
        let within = |path: &VerifiedPath<'_>| self.within_limits(path, purpose, now);
        parsed
            .verify_for_usage(algorithms, &self.anchors, rest, now, AnyOr(purpose), None, Some(&within))
            .map(drop)
            .map_err(from_webpki)
    }

    /// within_limits holds a path's authorities to what webpki does not look at: the root to all that its certificate
    /// says, those between to the use of their keys.
    fn within_limits(&self, path: &VerifiedPath<'_>, purpose: Purpose, now: UnixTime) -> Result<(), Error> {
        let (mut depth, now) = (0u64, now.as_secs());
        for authority in path.intermediate_certificates() {
            let der = authority.der();
            if !facts(&der).is_some_and(|f| f.is_authority()) {
                return Err(Error::UnknownIssuer);
            }
            // Those that are issued by themselves do not count (RFC 5280, 4.2.1.9).
            depth += u64::from(authority.issuer() != authority.subject());
        }
        let index = self.anchors.iter().position(|a| std::ptr::eq(a, path.anchor()));
        match index.and_then(|i| self.limits.get(i)) {
            Some(None) => Ok(()),
            Some(Some(l)) => {
                let fits = (l.not_before..=l.not_after).contains(&now)
                    && l.path_len.is_none_or(|max| depth <= max)
                    && l.purposes.is_none_or(|p| p.allow(purpose));
                if fits { Ok(()) } else { Err(Error::UnknownIssuer) }
            }
            None => Err(Error::UnknownIssuer),
        }
    }
}

/// is_usable_as_is: a certificate that is trusted as it is may be used now, and for this.
fn is_usable_as_is(leaf: &CertificateDer<'_>, purpose: Purpose, now: UnixTime) -> Result<(), rustls::Error> {
    let f = facts(leaf).ok_or(CertificateError::BadEncoding)?;
    let error = if now.as_secs() < f.not_before {
        CertificateError::NotValidYetContext { time: now, not_before: super::x509::at(f.not_before) }
    } else if !f.is_valid_at(now) {
        CertificateError::ExpiredContext { time: now, not_after: super::x509::at(f.not_after) }
    } else if f.unknown_critical {
        CertificateError::UnhandledCriticalExtension
    } else if !f.allows(purpose) {
        CertificateError::InvalidPurpose
    } else {
        return Ok(());
    };
    Err(error.into())
}

#[cfg(test)]
mod tests;

//! Whether a certificate is for the name that was asked for.

use super::text::from_webpki;
use super::x509::facts;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::IpAddr;

/// check is webpki's, except for certificates that webpki does not read and a program trusts all the same.
pub(super) fn check(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), rustls::Error> {
    if let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) {
        return parsed.verify_is_valid_for_subject_name(name).map_err(from_webpki);
    }
    let f = facts(certificate).ok_or(CertificateError::BadEncoding)?;
    let fits = match name {
        ServerName::DnsName(name) => f.is_for_name(name.as_ref()),
        ServerName::IpAddress(ip) => f.addresses.contains(&IpAddr::from(*ip)),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let quoted = |n: &&[u8]| format!("DnsName(\"{}\")", String::from_utf8_lossy(n));
    let addresses = f.addresses.iter().map(|ip| format!("IpAddress({ip})"));
    let presented = f.dns_names.iter().map(quoted).chain(addresses).collect();
    Err(CertificateError::NotValidForNameContext { expected: name.to_owned(), presented }.into())
}

//! `CertificateFacts`: what a certificate says (RFC 5280), as far as webpki does not tell it: of versions before 3, of roots, and of
//! the use of keys. Signatures and paths are webpki's.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use std::net::IpAddr;
use std::time::Duration;

/// CertificateFacts is a certificate, read and not verified.
#[derive(Debug, Default)]
pub(super) struct CertificateFacts<'a> {
    /// 1 to 3.
    pub version: u8,
    pub issuer: &'a [u8],
    pub subject: &'a [u8],
    /// The key with its algorithm, as it is encoded.
    pub spki: &'a [u8],
    /// In seconds since 1970; 0 for all that is before.
    pub not_before: u64,
    pub not_after: u64,
    /// `cA` of the basic constraints; `None` without them.
    pub ca: Option<bool>,
    pub path_len: Option<u64>,
    /// keyCertSign; `None` without the extension.
    pub may_sign: Option<bool>,
    pub purposes: Option<Purposes>,
    pub unknown_critical: bool,
    pub dns_names: Vec<&'a [u8]>,
    pub addresses: Vec<IpAddr>,
}

/// Purposes are those of an extended key usage that concern TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Purposes {
    pub any: bool,
    pub server: bool,
    pub client: bool,
}

/// Purpose is what a peer's certificate is to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Server,
    Client,
}

impl Purposes {
    pub(super) fn allow(self, purpose: Purpose) -> bool {
        self.any
            || match purpose {
                Purpose::Server => self.server,
                Purpose::Client => self.client,
            }
    }
}

impl CertificateFacts<'_> {
    /// is_authority: the certificate may sign others (RFC 5280, 4.2.1.3, 4.2.1.9 and 6.1.4 (k), (n)).
    pub(super) fn is_authority(&self) -> bool {
        self.version == 3 && self.ca == Some(true) && self.may_sign != Some(false) && !self.unknown_critical
    }

    pub(super) fn is_valid_at(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now.as_secs())
    }

    pub(super) fn allows(&self, purpose: Purpose) -> bool {
        self.purposes.is_none_or(|p| p.allow(purpose))
    }

    pub(super) fn key(&self) -> SubjectPublicKeyInfoDer<'static> {
        SubjectPublicKeyInfoDer::from(self.spki.to_vec())
    }

    /// is_for compares names as RFC 9525, 6.3 has it: a wildcard is a whole first label.
    pub(super) fn is_for_name(&self, name: &str) -> bool {
        let rest = name.split_once('.').map(|(_, rest)| rest.as_bytes());
        self.dns_names.iter().any(|n| match n.strip_prefix(b"*.") {
            Some(tail) => rest.is_some_and(|rest| rest.contains(&b'.') && rest.eq_ignore_ascii_case(tail)),
            None => n.eq_ignore_ascii_case(name.as_bytes()),
        })
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// DerReader reads one element behind the other.
struct DerReader<'a>(&'a [u8]);

impl<'a> DerReader<'a> {
    /// element is the next one: its tag, its content, and all of it.
    fn element(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let all = self.0;
        let (&tag, rest) = all.split_first()?;
        // Tags above 30 are not in certificates.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, mut rest) = rest.split_first()?;
        let len = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (bytes, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = behind;
                let len = bytes.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
                // The shortest form alone is DER.
                if len < 0x80 || bytes.first() == Some(&0) {
                    return None;
                }
                len
            }
            _ => return None,
        };
        let (content, behind) = rest.split_at_checked(len)?;
        self.0 = behind;
        Some((tag, content, all.get(..all.len() - behind.len())?))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|e| e.0 == tag).map(|e| e.1)
    }

    fn take_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        match self.0.first() == Some(&tag) {
            true => self.take(tag),
            false => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// only_element is the content of the one element that there is.
fn only_element(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut d = DerReader(der);
    d.take(tag).filter(|_| d.is_empty())
}

/// facts reads a certificate; `None` is a malformed one.
pub(super) fn facts<'a>(certificate: &'a CertificateDer<'_>) -> Option<CertificateFacts<'a>> {
    let mut outer = DerReader(only_element(certificate, SEQUENCE)?);
    let mut tbs = DerReader(outer.take(SEQUENCE)?);
    outer.take(SEQUENCE)?;
    outer.take(0x03)?;
    if !outer.is_empty() {
        return None;
    }
    let mut f = CertificateFacts { version: 1, ..CertificateFacts::default() };
    if let Some(version) = tbs.take_if(0xa0) {
        f.version = match only_element(version, INTEGER)? {
            [n @ 0..=2] => n + 1,
            _ => return None,
        };
    }
    tbs.take(INTEGER)?;
    tbs.take(SEQUENCE)?;
    f.issuer = tbs.take(SEQUENCE)?;
    let mut validity = DerReader(tbs.take(SEQUENCE)?);
    f.not_before = time(validity.element()?)?;
    f.not_after = time(validity.element()?)?;
    f.subject = tbs.take(SEQUENCE)?;
    let (tag, content, spki) = tbs.element()?;
    let mut key = DerReader(content);
    (tag == SEQUENCE && key.take(SEQUENCE).is_some() && key.take(0x03).is_some()).then_some(())?;
    f.spki = spki;
    // Unique identifiers, of which nobody knows a use.
    tbs.take_if(0x81);
    tbs.take_if(0x82);
    if let Some(extensions) = tbs.take_if(0xa3) {
        let mut list = DerReader(only_element(extensions, SEQUENCE)?);
        let mut seen = std::collections::HashSet::new();
        while !list.is_empty() {
            let mut one = DerReader(list.take(SEQUENCE)?);
            let id = one.take(0x06)?;
            let critical = one.take_if(0x01).is_some_and(|b| b != [0]);
            let value = one.take(0x04)?;
            // RFC 5280, 4.2: not two of one kind.
            if !one.is_empty() || !seen.insert(id) {
                return None;
            }
            f.extension(id, critical, value)?;
        }
    }
    tbs.is_empty().then_some(f)
}

impl<'a> CertificateFacts<'a> {
    fn extension(&mut self, id: &[u8], critical: bool, value: &'a [u8]) -> Option<()> {
        match id {
            [0x55, 0x1d, 19] => {
                let mut basic = DerReader(only_element(value, SEQUENCE)?);
                self.ca = Some(basic.take_if(0x01).is_some_and(|b| b != [0]));
                if let Some(n) = basic.take_if(INTEGER) {
                    self.path_len =
                        Some(n.iter().fold(0u64, |sum, b| sum.saturating_mul(256) + u64::from(*b)));
                }
            }
            [0x55, 0x1d, 15] => {
                // The first byte counts unused bits; keyCertSign is bit 5.
                self.may_sign = Some(only_element(value, 0x03)?.get(1).is_some_and(|b| b & 0x04 != 0));
            }
            [0x55, 0x1d, 37] => {
                let mut list = DerReader(only_element(value, SEQUENCE)?);
                let mut p = Purposes::default();
                while !list.is_empty() {
                    match list.take(0x06)? {
                        [0x55, 0x1d, 37, 0] => p.any = true,
                        [0x2b, 6, 1, 5, 5, 7, 3, 1] => p.server = true,
                        [0x2b, 6, 1, 5, 5, 7, 3, 2] => p.client = true,
                        _ => {}
                    }
                }
                self.purposes = Some(p);
            }
            [0x55, 0x1d, 17] => {
                let mut names = DerReader(only_element(value, SEQUENCE)?);
                while !names.is_empty() {
                    match names.element()? {
                        (0x82, name, _) => self.dns_names.push(name),
                        (0x87, bytes, _) => self.addresses.extend(address(bytes)),
                        _ => {}
                    }
                }
            }
            // Name constraints are webpki's; policies say nothing about a name, and none is asked for (RFC 5280, 6.1.1 (c)).
            [0x55, 0x1d, 30 | 32 | 33 | 54] => {}
            _ => self.unknown_critical |= critical,
        }
        Some(())
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// time reads UTCTime or GeneralizedTime in the forms of RFC 5280, 4.1.2.5.
fn time((tag, text, _): (u8, &[u8], &[u8])) -> Option<u64> {
    let digits = text.strip_suffix(b"Z").filter(|t| t.iter().all(u8::is_ascii_digit))?;
    let number = |from: usize, len: usize| {
        let part = digits.get(from..from + len)?;
        Some(part.iter().fold(0i64, |n, b| n * 10 + i64::from(b - b'0')))
    };
    let (year, at) = match (tag, digits.len()) {
        (0x17, 12) => (number(0, 2).map(|y| if y < 50 { 2000 + y } else { 1900 + y })?, 2),
        (0x18, 14) => (number(0, 4)?, 4),
        _ => return None,
    };
    let (month, day) = (number(at, 2)?, number(at + 2, 2)?);
    let (hour, minute, second) = (number(at + 4, 2)?, number(at + 6, 2)?, number(at + 8, 2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970 in the civil calendar, years begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era_year = y.rem_euclid(400);
    let day_of_era = era_year * 365 + era_year / 4 - era_year / 100 + (153 * m + 2) / 5 + day - 1;
    let days = y.div_euclid(400) * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(u64::try_from(seconds).unwrap_or(0))
}

/// KeyKind is how a private key is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Pkcs1,
    Pkcs8,
    Sec1,
}

/// key_kind looks at what follows the version: a number, an algorithm, or the key's bytes.
pub(super) fn key_kind(key: &[u8]) -> Option<KeyKind> {
    let mut d = DerReader(only_element(key, SEQUENCE)?);
    d.take(INTEGER)?;
    match d.element()?.0 {
        INTEGER => Some(KeyKind::Pkcs1),
        SEQUENCE => Some(KeyKind::Pkcs8),
        0x04 => Some(KeyKind::Sec1),
        _ => None,
    }
}

/// at is a time in the words of TLS.
pub(super) fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

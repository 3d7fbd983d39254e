//! Hosts of URLs: checked as Go checks them, and made ASCII on their way out.

use crate::error::{Result, invalid};
use crate::message::escape::{UrlPart, quote, unescape};
use std::borrow::Cow;
use std::net::IpAddr;
use url::Host;
use url::quirks::domain_to_unicode;

/// parse_host checks `host`, `host:port` or `[v6]:port`, and decodes the host's escapes.
pub(super) fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>> {
    match memchr::memrchr(b'[', host) {
        Some(0) => return parse_literal(host),
        Some(_) => return Err(invalid("invalid IP-literal")),
        None => {}
    }
    let web = matches!(scheme, b"http" | b"https");
    // Lists of hosts, which databases have in their URLs, bring several colons; the last is the port's.
    let colon = if web { memchr::memchr(b':', host) } else { memchr::memrchr(b':', host) };
    if let Some(i) = colon {
        check_port(host.get(i..).unwrap_or_default())?;
    }
    Ok(unescape(host, UrlPart::Host)?.into_owned())
}

/// parse_literal checks `[v6]` or `[v6%25zone]` with an optional port (RFC 3986, 3.2.2; RFC 6874).
fn parse_literal(host: &[u8]) -> Result<Vec<u8>> {
    let close = memchr::memrchr(b']', host).ok_or_else(|| invalid("missing ']' in host"))?;
    let port = host.get(close + 1..).unwrap_or_default();
    check_port(port)?;
    let inside = host.get(1..close).unwrap_or_default();
    let split = memchr::memmem::find(inside, b"%25").unwrap_or(inside.len());
    let (address, zone) = inside.split_at_checked(split).unwrap_or((inside, b""));
    let name = [&*unescape(address, UrlPart::Host)?, &*unescape(zone, UrlPart::Zone)?].concat();
    check_ipv6(&name)?;
    Ok([b"[", name.as_slice(), b"]", port].concat())
}

fn check_ipv6(name: &[u8]) -> Result<()> {
    let refuse = |why: &str| Err(invalid(format!("invalid host: ParseAddr({}): {why}", quote(name))));
    let split = memchr::memchr(b'%', name);
    let address = name.get(..split.unwrap_or(name.len())).unwrap_or_default();
    match ip_address(std::str::from_utf8(address).unwrap_or_default()) {
        Some(IpAddr::V4(_)) if split.is_some() => refuse("zone on an IPv4 address"),
        Some(IpAddr::V4(_)) => Err(invalid("invalid IP-literal")),
        Some(IpAddr::V6(_)) if split.is_some_and(|i| i + 1 == name.len()) => {
            refuse("zone must be a non-empty string")
        }
        Some(IpAddr::V6(_)) => Ok(()),
        None => refuse("unable to parse IP"),
    }
}

/// ip_address reads a host that is an IP address, without brackets and zone.
///
/// WHATWG's IPv4 may be octal, hexadecimal, of fewer parts, and end in a dot; Go's is the one form that it is written in,
/// and any other is a name.
pub fn ip_address(host: &str) -> Option<IpAddr> {
    if host.contains(':') {
        return match Host::parse(&format!("[{host}]")) {
            Ok(Host::Ipv6(ip)) => Some(ip.into()),
            _ => None,
        };
    }
    // Most hosts are names: that costs them nothing.
    if !host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    match Host::parse(host) {
        Ok(Host::Ipv4(ip)) if ip.to_string() == host => Some(ip.into()),
        _ => None,
    }
}

fn check_port(colon_port: &[u8]) -> Result<()> {
    if is_optional_port(colon_port) {
        return Ok(());
    }
    Err(invalid(format!("invalid port {} after host", quote(colon_port))))
}

fn is_optional_port(s: &[u8]) -> bool {
    match s.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

/// split_host_port separates a numeric port and takes the brackets off; neither half is checked.
pub fn split_host_port(host: &[u8]) -> (&[u8], &[u8]) {
    let (mut name, mut port) = (host, &b""[..]);
    if let Some((h, p)) = memchr::memrchr(b':', host).and_then(|i| host.split_at_checked(i))
        && is_optional_port(p)
    {
        (name, port) = (h, p.get(1..).unwrap_or_default());
    }
    let bare = name.strip_prefix(b"[").and_then(|n| n.strip_suffix(b"]"));
    (bare.unwrap_or(name), port)
}

/// to_ascii gives a host name as DNS has it: punycode for what is not ASCII (IDNA 2008, UTS 46 as Go's
/// `idna.Lookup`). ASCII passes unchanged.
pub fn to_ascii(name: &[u8]) -> Result<Cow<'_, [u8]>> {
    if name.is_ascii() {
        return Ok(Cow::Borrowed(name));
    }
    match std::str::from_utf8(name).ok().and_then(lookup) {
        Some(ascii) => Ok(Cow::Owned(ascii.into_bytes())),
        None => Err(invalid(format!("idna: invalid label {}", quote(name)))),
    }
}

/// lookup has WHATWG's reader of hosts map a name, and keeps it to Go's rules: it undoes no escapes, a number at the end
/// makes no IPv4 address of a name, and labels are of letters, digits and hyphens in the places for them.
fn lookup(name: &str) -> Option<String> {
    const BEHIND: &str = ".x";
    if name.contains('%') {
        return None;
    }
    let Ok(Host::Domain(mut ascii)) = Host::parse(&[name, BEHIND].concat()) else { return None };
    let may_be = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let hyphens_fit = |label: &str| {
        !label.starts_with('-') && !label.ends_with('-') && !label.chars().skip(2).take(2).eq(['-', '-'])
    };
    // Hyphens have their places in what the punycode stands for.
    let fits = ascii.bytes().all(may_be) && domain_to_unicode(&ascii).split('.').all(hyphens_fit);
    ascii.truncate(ascii.len().checked_sub(BEHIND.len())?);
    fits.then_some(ascii)
}

/// host_header makes the value of `Host` from a URL's host: ASCII, and without an IPv6 zone, which is of no
/// meaning to another machine (RFC 6874, 4).
pub fn host_header(host: &[u8]) -> Result<Vec<u8>> {
    let ascii = if host.is_ascii() {
        Cow::Borrowed(host)
    } else {
        let (name, port) = split_host_port(host);
        Cow::Owned(join_host_port(&to_ascii(name)?, port))
    };
    let valid = |&b: &u8| b.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(&b);
    if !ascii.iter().all(valid) {
        return Err(invalid("http: invalid Host header"));
    }
    let literal_end = memchr::memrchr(b']', &ascii).filter(|_| ascii.starts_with(b"["));
    let zone = literal_end.and_then(|end| memchr::memrchr(b'%', ascii.get(..end).unwrap_or_default()));
    match (zone, literal_end) {
        (Some(zone), Some(end)) => {
            Ok([ascii.get(..zone).unwrap_or_default(), ascii.get(end..).unwrap_or_default()].concat())
        }
        _ => Ok(ascii.into_owned()),
    }
}

/// join_host_port undoes the split: brackets for what has a colon, no colon without a port.
pub fn join_host_port(name: &[u8], port: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + port.len() + 3);
    if name.contains(&b':') {
        out.push(b'[');
        out.extend_from_slice(name);
        out.push(b']');
    } else {
        out.extend_from_slice(name);
    }
    if !port.is_empty() {
        out.push(b':');
        out.extend_from_slice(port);
    }
    out
}

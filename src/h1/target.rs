//! Request targets (RFC 9112, 3.2), valid as Go's `url.ParseRequestURI` has it, and hosts.

use crate::message::bytes::{ByteSet, VISIBLE};
use std::net::Ipv6Addr;
use std::ops::Range;

/// check says whether a target is valid, and where its authority is, userinfo excluded, if it has one.
pub(super) fn check(method: &[u8], target: &[u8]) -> Result<Option<Range<usize>>, ()> {
    if target.first() == Some(&b'/') {
        return path(target).map(|()| None);
    }
    if target.is_empty() || !VISIBLE.has_all(target) {
        return Err(());
    }
    if method == b"CONNECT" {
        return authority(target, 0).map(Some);
    }
    if target == b"*" {
        return Ok(None);
    }
    let colon = scheme(target).ok_or(())?;
    let rest = target.get(colon + 1..).unwrap_or_default();
    let web = matches!(target.get(..colon), Some(s) if s.eq_ignore_ascii_case(b"http") || s.eq_ignore_ascii_case(b"https"));
    match rest {
        [b'/', b'/', after @ ..] => {
            let found = authority(after, colon + 3)?;
            // RFC 9110, 4.2.1: a recipient MUST reject a URI of these schemes without a host.
            match target.get(found.clone()) {
                None | Some([] | [b':', ..]) if web => Err(()),
                _ => Ok(Some(found)),
            }
        }
        [b'/', ..] => path(rest).map(|()| None),
        // A rootless path is opaque, and names no host.
        _ => Ok(None),
    }
}

/// valid_target tells whether a request of HTTP/2, other than CONNECT, may have `path`, which begins with a slash.
pub(crate) fn valid_target(path: &[u8]) -> bool {
    check(b"", path).is_ok()
}

/// path takes what Go takes: any visible byte, and before the query only whole percent escapes.
fn path(target: &[u8]) -> Result<(), ()> {
    if UNESCAPED.has_all(target) {
        return Ok(());
    }
    let mut bytes = target.iter();
    let mut query = false;
    while let Some(&b) = bytes.next() {
        match b {
            b'?' => query = true,
            b'%' if !query => {
                let hex = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
                if !hex(bytes.next()) || !hex(bytes.next()) {
                    return Err(());
                }
            }
            _ if !VISIBLE.has(b) => return Err(()),
            _ => {}
        }
    }
    Ok(())
}

static UNESCAPED: ByteSet = ByteSet::visible_without(b"%");

/// scheme gives the place of the colon behind a scheme (RFC 3986, 3.1).
fn scheme(target: &[u8]) -> Option<usize> {
    let colon = target.iter().position(|&b| b == b':')?;
    let (first, rest) = target.get(..colon)?.split_first()?;
    let tail = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
    (first.is_ascii_alphabetic() && rest.iter().all(tail)).then_some(colon)
}

/// authority checks `[userinfo@]host[:port]` and the path behind it; `base` is where `text` begins.
fn authority(text: &[u8], base: usize) -> Result<Range<usize>, ()> {
    let end = text.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(text.len());
    let (all, rest) = text.split_at_checked(end).ok_or(())?;
    path(rest)?;
    let begin = match all.iter().rposition(|&b| b == b'@') {
        Some(at) => {
            userinfo(all.get(..at).unwrap_or_default())?;
            at + 1
        }
        None => 0,
    };
    let host = all.get(begin..).unwrap_or_default();
    // In a target's host Go takes escapes for bytes from 0x80 on only, and "%25".
    let ascii_escape = |w: &[u8]| matches!(w, [b'%', b'0'..=b'7', _]) && w != b"%25";
    if !valid_host(host) || (host.first() != Some(&b'[') && host.windows(3).any(ascii_escape)) {
        return Err(());
    }
    Ok(base + begin..base + end)
}

fn userinfo(text: &[u8]) -> Result<(), ()> {
    let known = |b: &u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(b);
    if text.iter().all(known) { path(text) } else { Err(()) }
}

/// valid_host tells whether `host` is `uri-host [":" port]` (RFC 9110, 7.2; RFC 3986, 3.2.2) or empty. Go's
/// server looks at single bytes only, but RFC 9112, 3.2 demands 400 for a Host that is not valid.
pub(crate) fn valid_host(host: &[u8]) -> bool {
    if let Some(rest) = host.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|&b| b == b']') else { return false };
        let (literal, port) = rest.split_at_checked(end).unwrap_or_default();
        return ip_literal(literal) && port.strip_prefix(b"]").is_some_and(is_port);
    }
    let mut rest = host;
    loop {
        let end = rest.iter().position(|&b| !NAME_LITERALS.has(b)).unwrap_or(rest.len());
        match rest.get(end..).unwrap_or_default() {
            [b'%', a, b, tail @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest = tail,
            port => return is_port(port),
        }
    }
}

/// NAME_LITERALS are the bytes that stand for themselves in a reg-name (RFC 3986, 3.2.2).
static NAME_LITERALS: ByteSet = ByteSet::alphanumeric_and(b"-._~!$&'()*+,;=");

fn ip_literal(literal: &[u8]) -> bool {
    // RFC 6874: a zone is written behind "%25"; Go takes it as well.
    let zone = literal.windows(3).position(|w| w == b"%25");
    let (addr, zone) = match zone.and_then(|at| literal.split_at_checked(at)) {
        Some((addr, zone)) => (addr, zone.get(3..)),
        None => (literal, None),
    };
    let known = |b: &u8| b.is_ascii_alphanumeric() || b"-._~%".contains(b);
    let zone_ok = zone.is_none_or(|z| !z.is_empty() && z.iter().all(known) && path(z).is_ok());
    zone_ok && std::str::from_utf8(addr).is_ok_and(|a| a.parse::<Ipv6Addr>().is_ok())
}

fn is_port(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn escapes_in_a_host() {
        assert!(check(b"GET", b"http://a%c3%a9/x").is_ok());
        assert!(check(b"GET", b"http://a%25/x").is_ok());
        assert!(check(b"GET", b"http://ex%41mple.com/x").is_err());
        assert!(check(b"GET", b"http://a%0a/x").is_err());
    }
}

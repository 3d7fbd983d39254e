//! Reading a URL (RFC 3986, 3), with the choices and the error texts of Go's `url.Parse`.

use super::host::parse_host;
use super::{Url, UserInfo, has_control};
use crate::error::{Error, Kind, Result, invalid};
use crate::message::escape::{UrlPart, quote, unescape};
use crate::message::query::cut;

pub(super) fn parse(text: &[u8]) -> Result<Url> {
    let (body, fragment) = cut(text, b'#');
    let mut url = parse_body(body, false).map_err(|e| wrap(text, body, &e))?;
    if let Some(raw) = fragment.filter(|f| !f.is_empty()) {
        url.set_fragment(raw).map_err(|e| wrap(text, text, &e))?;
    }
    Ok(url)
}

pub(super) fn parse_request_uri(text: &[u8]) -> Result<Url> {
    parse_body(text, true).map_err(|e| wrap(text, text, &e))
}

fn parse_body(text: &[u8], via_request: bool) -> Result<Url> {
    if has_control(text) {
        return Err(invalid("net/url: invalid control character in URL"));
    }
    if text.is_empty() && via_request {
        return Err(invalid("empty url"));
    }
    let mut url = Url::default();
    if text == b"*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (scheme, rest) = split_scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();

    let (mut rest, query) = cut(rest, b'?');
    url.force_query = query.is_some_and(<[u8]>::is_empty);
    url.raw_query = query.unwrap_or_default().to_vec();

    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if via_request {
            return Err(invalid("invalid URI for request"));
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err(invalid("first path segment in URL cannot contain colon"));
        }
    }
    let absolute = !url.scheme.is_empty();
    let may_have_authority = absolute || (!via_request && !rest.starts_with(b"///"));
    if let Some(after) = rest.strip_prefix(b"//").filter(|_| may_have_authority) {
        let end = memchr::memchr(b'/', after).unwrap_or(after.len());
        let (authority, path) = after.split_at_checked(end).unwrap_or((after, b""));
        (url.user, url.host) = parse_authority(&url.scheme, authority)?;
        rest = path;
    } else if absolute && rest.starts_with(b"/") {
        url.omit_host = true;
    }
    url.set_path(rest)?;
    Ok(url)
}

/// split_scheme splits at the colon behind a scheme; text without one comes back whole.
fn split_scheme(text: &[u8]) -> Result<(&[u8], &[u8])> {
    for (i, &b) in text.iter().enumerate() {
        match b {
            _ if b.is_ascii_alphabetic() => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return Err(invalid("missing protocol scheme")),
            b':' => {
                let (scheme, rest) = cut(text, b':');
                return Ok((scheme, rest.unwrap_or_default()));
            }
            _ => break,
        }
    }
    Ok((b"", text))
}

fn parse_authority(scheme: &[u8], authority: &[u8]) -> Result<(Option<UserInfo>, Vec<u8>)> {
    let Some(at) = memchr::memrchr(b'@', authority) else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let (info, host) = authority.split_at_checked(at).unwrap_or_default();
    let host = parse_host(scheme, host.get(1..).unwrap_or_default())?;
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(b);
    if !info.iter().all(allowed) {
        return Err(invalid("net/url: invalid userinfo"));
    }
    let (name, word) = cut(info, b':');
    let decode = |s| unescape(s, UrlPart::UserInfo);
    let password = word.map(decode).transpose()?.map(|w| w.into_owned());
    Ok((Some(UserInfo { username: decode(name)?.into_owned(), password }), host))
}

/// wrap gives Go's `parse "URL": reason`, where the URL is `body`: `text` up to what was parsed. Where a password may be in
/// the text, the reason quotes nothing of it.
fn wrap(text: &[u8], body: &[u8], reason: &Error) -> Error {
    let mut shown = without_password(text);
    let hidden = shown != text;
    if !hidden {
        shown = body.to_vec();
    }
    let reason = reason.message();
    let quoted = reason.find('"').zip(reason.rfind('"')).filter(|_| hidden);
    let reason = match quoted.and_then(|(a, b)| reason.get(..a).zip(reason.get(b + 1..))) {
        Some((head, tail)) => format!("{head}***{tail}"),
        None => reason.to_owned(),
    };
    Error::new(Kind::Invalid, format!("parse {}: {reason}", quote(&shown)))
}

/// without_password hides everything between the first colon of what may be user info and the last `@`: where
/// the password of text that could not be parsed ends, nobody knows.
pub fn without_password(text: &[u8]) -> Vec<u8> {
    let authority = memchr::memmem::find(text, b"//").map_or(0, |i| i + 2);
    let Some(at) = memchr::memrchr(b'@', text).filter(|&at| at > authority) else { return text.to_vec() };
    let info = text.get(authority..at).unwrap_or_default();
    let Some(colon) = memchr::memchr(b':', info) else { return text.to_vec() };
    let (head, tail) = (text.get(..authority + colon), text.get(at..));
    [head.unwrap_or_default(), b":***", tail.unwrap_or_default()].concat()
}

//! `Url`: a parsed URL, with the rules of Go's `url.URL`.
//!
//! WHATWG's rules are not Go's: nothing is repaired here, path and query go out as they were given, and what
//! Go refuses is refused. Only a host that is not ASCII is changed on its way out (IDNA, see `host.rs`).

mod host;
mod parse;
mod resolve;

#[cfg(test)]
mod tests;

pub use host::{host_header, ip_address, join_host_port, split_host_port, to_ascii};
pub use parse::without_password;

use super::escape::{UrlPart, escape, escape_to, is_literal, unescape};
use crate::error::Result;
use std::borrow::Cow;

/// UserInfo is a decoded user name and, if there was a colon, a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    pub username: Vec<u8>,
    pub password: Option<Vec<u8>>,
}

/// Url has its parts decoded as Go has them; the raw forms are kept where they say more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<UserInfo>,
    host: Vec<u8>,
    path: Vec<u8>,
    raw_path: Vec<u8>,
    raw_query: Vec<u8>,
    force_query: bool,
    omit_host: bool,
    fragment: Vec<u8>,
    raw_fragment: Vec<u8>,
}

impl Url {
    /// parse reads an absolute or relative URL; the text after `#` becomes the fragment. The error is Go's,
    /// with the password taken out.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Url> {
        parse::parse(text.as_ref())
    }

    /// parse_request_uri reads an absolute URL or an absolute path, as it came in a request; `#` is no
    /// delimiter there.
    pub fn parse_request_uri(text: impl AsRef<[u8]>) -> Result<Url> {
        parse::parse_request_uri(text.as_ref())
    }

    /// of_target is the URL of a received request, whose escaped path and query, with its question mark, may be
    /// others than the target's.
    pub fn of_target(target: &[u8], method: &[u8], path: &[u8], query: &[u8]) -> Result<Url> {
        let authority_alone = method == b"CONNECT" && !target.starts_with(b"/");
        let mut url = if authority_alone {
            let mut url = Url::parse_request_uri([b"http://", target].concat())?;
            url.scheme.clear();
            url
        } else {
            Url::parse_request_uri(target)?
        };
        if url.opaque.is_empty() && target != b"*" {
            url.set_path(path)?;
        }
        url.raw_query = query.get(1..).unwrap_or_default().to_vec();
        url.force_query = query == b"?";
        Ok(url)
    }

    /// scheme is in lower case; empty if the URL is relative.
    pub fn scheme(&self) -> &[u8] {
        &self.scheme
    }

    /// opaque is what follows the scheme of a URL without slashes, such as `mailto:`.
    pub fn opaque(&self) -> &[u8] {
        &self.opaque
    }

    pub fn user(&self) -> Option<&UserInfo> {
        self.user.as_ref()
    }

    /// host is `host` or `host:port`, brackets of IPv6 included.
    pub fn host(&self) -> &[u8] {
        &self.host
    }

    /// hostname is the host without port and brackets.
    pub fn hostname(&self) -> &[u8] {
        host::split_host_port(&self.host).0
    }

    /// port is the digits behind the host's colon; empty if there are none.
    pub fn port(&self) -> &[u8] {
        host::split_host_port(&self.host).1
    }

    /// path is decoded; use [`Url::escaped_path`] to send it.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// escaped_path is the path as it was given if that is a valid encoding of it, else our own encoding.
    pub fn escaped_path(&self) -> Cow<'_, [u8]> {
        if !self.raw_path.is_empty() && is_valid_encoding(&self.raw_path, UrlPart::Path) {
            return Cow::Borrowed(&self.raw_path);
        }
        if self.path == b"*" {
            return Cow::Borrowed(b"*");
        }
        Cow::Owned(escape(&self.path, UrlPart::Path))
    }

    /// raw_query is what follows `?`, as it was given.
    pub fn raw_query(&self) -> &[u8] {
        &self.raw_query
    }

    /// has_query tells whether there was a `?`.
    pub fn has_query(&self) -> bool {
        self.force_query || !self.raw_query.is_empty()
    }

    /// set_raw_query replaces what follows `?`; empty takes the `?` away.
    pub fn set_raw_query(&mut self, raw: &[u8]) -> Result<()> {
        if has_control(raw) || raw.contains(&b'#') {
            return Err(crate::error::invalid("net/url: invalid character in query"));
        }
        self.raw_query = raw.to_vec();
        self.force_query = false;
        Ok(())
    }

    /// fragment is decoded.
    pub fn fragment(&self) -> &[u8] {
        &self.fragment
    }

    pub fn escaped_fragment(&self) -> Cow<'_, [u8]> {
        if !self.raw_fragment.is_empty() && is_valid_encoding(&self.raw_fragment, UrlPart::Fragment) {
            return Cow::Borrowed(&self.raw_fragment);
        }
        Cow::Owned(escape(&self.fragment, UrlPart::Fragment))
    }

    pub fn is_abs(&self) -> bool {
        !self.scheme.is_empty()
    }

    /// request_uri is the target for a request line: path and query, or opaque and query. A space in a raw
    /// query is sent as `%20`: Go sends the space, and RFC 9112, 3.2 forbids it.
    pub fn request_uri(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.opaque.is_empty() {
            out.extend_from_slice(&self.escaped_path());
            if out.is_empty() {
                out.push(b'/');
            }
        } else {
            if self.opaque.starts_with(b"//") {
                out.extend_from_slice(&self.scheme);
                out.push(b':');
            }
            without_spaces(&mut out, &self.opaque);
        }
        if self.has_query() {
            out.push(b'?');
            without_spaces(&mut out, &self.raw_query);
        }
        out
    }

    /// to_bytes puts the URL together again.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.assemble(PasswordText::Shown)
    }

    /// redacted is the URL with the password replaced by `xxxxx`: Go's `Redacted`.
    pub fn redacted(&self) -> String {
        String::from_utf8_lossy(&self.assemble(PasswordText::Replaced(b"xxxxx"))).into_owned()
    }

    /// for_errors is the URL with the password replaced by `***`: what Go's client puts into its errors.
    pub fn for_errors(&self) -> String {
        let text = self.assemble(PasswordText::Replaced(b"***"));
        let text = if self.may_split_password() { parse::without_password(&text) } else { text };
        String::from_utf8_lossy(&text).into_owned()
    }

    /// may_split_password: the text may have been user information with a `#` in its password, which ends at an `@`.
    pub fn may_split_password(&self) -> bool {
        self.user.is_none() && self.host.contains(&b':') && self.fragment.contains(&b'@')
    }

    /// for_referer is the URL without user information and fragment (RFC 9110, 10.1.3).
    pub fn for_referer(&self) -> Vec<u8> {
        let url = Url { user: None, fragment: Vec::new(), raw_fragment: Vec::new(), ..self.clone() };
        url.to_bytes()
    }

    fn assemble(&self, password: PasswordText) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.assemble_hierarchy(&mut out, password);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if self.has_query() {
            out.push(b'?');
            out.extend_from_slice(&self.raw_query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend_from_slice(&self.escaped_fragment());
        }
        out
    }

    fn assemble_hierarchy(&self, out: &mut Vec<u8>, password: PasswordText) {
        let no_authority = self.host.is_empty() && self.user.is_none();
        if !(no_authority && (self.scheme.is_empty() || self.omit_host)) {
            if !no_authority || !self.path.is_empty() {
                out.extend_from_slice(b"//");
            }
            if let Some(user) = &self.user {
                escape_to(out, &user.username, UrlPart::UserInfo);
                if let Some(word) = &user.password {
                    out.push(b':');
                    match password {
                        PasswordText::Shown => escape_to(out, word, UrlPart::UserInfo),
                        PasswordText::Replaced(by) => out.extend_from_slice(by),
                    }
                }
                out.push(b'@');
            }
            escape_to(out, &self.host, UrlPart::Host);
        }
        let path = self.escaped_path();
        let mut path: &[u8] = &path;
        if self.omit_host
            && no_authority
            && let Some(rest) = path.strip_prefix(b"/")
            && rest.starts_with(b"/")
        {
            // Read again, "//" would begin an authority.
            out.extend_from_slice(b"%2F");
            path = rest;
        }
        if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        let first = path.split(|&b| b == b'/').next().unwrap_or_default();
        if out.is_empty() && first.contains(&b':') {
            // Read again, the colon would end a scheme (RFC 3986, 4.2).
            out.extend_from_slice(b"./");
        }
        out.extend_from_slice(path);
    }

    fn set_path(&mut self, raw: &[u8]) -> Result<()> {
        let path = unescape(raw, UrlPart::Path)?;
        self.raw_path = if escape(&path, UrlPart::Path) == raw { Vec::new() } else { raw.to_vec() };
        self.path = path.into_owned();
        Ok(())
    }

    fn set_fragment(&mut self, raw: &[u8]) -> Result<()> {
        let fragment = unescape(raw, UrlPart::Fragment)?;
        self.raw_fragment =
            if escape(&fragment, UrlPart::Fragment) == raw { Vec::new() } else { raw.to_vec() };
        self.fragment = fragment.into_owned();
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum PasswordText {
    Shown,
    Replaced(&'static [u8]),
}

/// is_valid_encoding tells whether every byte may stand in that part (RFC 3986, appendix A; brackets as
/// browsers leave them). That escapes are whole was found when the raw form was set.
fn is_valid_encoding(raw: &[u8], part: UrlPart) -> bool {
    raw.iter().all(|&b| b"!$&'()*+,;=:@[]%".contains(&b) || is_literal(b, part))
}

fn has_control(s: &[u8]) -> bool {
    s.iter().any(|&b| b < b' ' || b == 0x7f)
}

fn without_spaces(out: &mut Vec<u8>, text: &[u8]) {
    for &b in text {
        match b {
            b' ' => out.extend_from_slice(b"%20"),
            _ => out.push(b),
        }
    }
}

//! `Head`: a request's or a response's head, or a trailer, checked while it is decoded (RFC 9113, 8.2 and 8.3).

use super::hpack::token;
use super::priority::Priority;
use crate::h1::{is_forbidden_in_trailer, valid_host, valid_target};
use crate::message::header::{Field, Header, is_tchar, is_value};
use crate::message::text::Span;

/// Head is a decoded header list. All spans are of the header's store and have their NUL.
#[derive(Debug, Default)]
pub struct Head {
    pub header: Header,
    pub method: Span,
    pub scheme: Span,
    /// `:authority`, else the Host field.
    pub authority: Span,
    /// Empty for CONNECT but its extended form.
    pub path: Span,
    /// Extended CONNECT's (RFC 8441).
    pub protocol: Span,
    pub status: u16,
    pub content_length: Option<u64>,
    pub priority: Option<Priority>,
    /// The list was longer than the limit, and is cut; what is missing may be anything.
    pub too_large: bool,
}

impl Head {
    pub(super) fn clear(&mut self) {
        let mut header = std::mem::take(&mut self.header);
        header.clear();
        *self = Head { header, ..Head::default() };
    }

    pub fn text(&self, s: Span) -> &[u8] {
        self.header.store().get(s)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadKind {
    /// `true`: extended CONNECT was announced.
    Request(bool),
    Response,
    Trailer,
}

/// HeadValidator sees the fields of one list in their order.
pub(super) struct HeadValidator {
    kind: HeadKind,
    /// How many fields may still come, and whether more did.
    room: usize,
    too_many: bool,
    regular: bool,
    seen: u8,
    method: Span,
    scheme: Span,
    authority: Span,
    path: Span,
    protocol: Span,
    status: Span,
    host: Option<Span>,
    length: Option<u64>,
    priority: Option<Priority>,
    cookies: usize,
    fault: Option<&'static str>,
}

impl HeadValidator {
    /// new is for a list of up to `most` fields; one with more counts as too large.
    pub(super) fn new(part: HeadKind, most: usize) -> HeadValidator {
        let none = Span::default();
        HeadValidator {
            kind: part,
            room: most,
            too_many: false,
            regular: false,
            seen: 0,
            method: none,
            scheme: none,
            authority: none,
            path: none,
            protocol: none,
            status: none,
            host: None,
            length: None,
            priority: None,
            cookies: 0,
            fault: None,
        }
    }

    /// take looks at a field and puts it into the header, if it is no pseudo-field and may be there.
    pub(super) fn take(&mut self, h: &mut Header, f: Field, token: u8) {
        if self.fault.is_some() {
            return;
        }
        match self.validate(h, f, token) {
            Ok(true) if self.room == 0 => self.too_many = true,
            Ok(true) => {
                self.room -= 1;
                h.push_block_field(f.name, f.value);
            }
            Ok(false) => {}
            Err(wrong) => self.fault = Some(wrong),
        }
    }

    fn validate(&mut self, h: &Header, f: Field, token: u8) -> Result<bool, &'static str> {
        let (name, value) = (h.store().get(f.name), h.store().get(f.value));
        if name.first() == Some(&b':') {
            return self.pseudo(f.value, token).map(|()| false);
        }
        self.regular = true;
        // A known name is in lower case and a token.
        if token == token::UNKNOWN && (name.is_empty() || !name.iter().all(|&b| is_name(b))) {
            return Err("a field name with bytes that it cannot have");
        }
        let space = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
        if !is_value(value) || space(value.first()) || space(value.last()) {
            return Err("a field value with bytes that it cannot have");
        }
        match token {
            _ if token::is_connection(token) => return Err("a field of HTTP/1 connections"),
            token::TE if !value.eq_ignore_ascii_case(b"trailers") => return Err("TE is not \"trailers\""),
            token::CONTENT_LENGTH if self.kind != HeadKind::Trailer => {
                let length = length(value).ok_or("a wrong content-length")?;
                if self.length.is_some_and(|l| l != length) {
                    return Err("two lengths");
                }
                // One of several that say the same is enough (RFC 9110, 8.6).
                return Ok(self.length.replace(length).is_none());
            }
            token::HOST if self.host.replace(f.value).is_some() => return Err("two hosts"),
            token::COOKIE => self.cookies += 1,
            token::PRIORITY => self.priority = Some(Priority::parse(value)),
            _ => {}
        }
        Ok(self.kind != HeadKind::Trailer || !is_forbidden_in_trailer(name))
    }

    fn pseudo(&mut self, value: Span, token: u8) -> Result<(), &'static str> {
        if self.regular {
            return Err("a pseudo-field behind others");
        }
        let (bit, place) = match (self.kind, token) {
            (HeadKind::Request(_), token::METHOD) => (1, &mut self.method),
            (HeadKind::Request(_), token::SCHEME) => (2, &mut self.scheme),
            (HeadKind::Request(_), token::AUTHORITY) => (4, &mut self.authority),
            (HeadKind::Request(_), token::PATH) => (8, &mut self.path),
            (HeadKind::Request(true), token::PROTOCOL) => (16, &mut self.protocol),
            (HeadKind::Response, token::STATUS) => (32, &mut self.status),
            _ => return Err("a pseudo-field that does not belong here"),
        };
        if self.seen & bit != 0 {
            return Err("a pseudo-field twice");
        }
        self.seen |= bit;
        *place = value;
        Ok(())
    }

    /// finish fills `head`, whose header [`HeadValidator::take`] has filled, or says why the message is malformed.
    pub(super) fn finish(self, head: &mut Head, too_large: bool) -> Result<(), &'static str> {
        if let Some(wrong) = self.fault {
            return Err(wrong);
        }
        let too_large = too_large || self.too_many;
        head.too_large = too_large;
        (head.method, head.scheme, head.path, head.protocol) =
            (self.method, self.scheme, self.path, self.protocol);
        (head.content_length, head.priority) = (self.length, self.priority);
        match self.kind {
            HeadKind::Request(_) => {
                let host = self.host.unwrap_or_default();
                head.authority = if self.authority.is_empty() { host } else { self.authority };
                if !too_large {
                    self.request(head)?;
                }
            }
            HeadKind::Response if !too_large || !self.status.is_empty() => {
                head.status = status(head.text(self.status)).ok_or("a wrong :status")?;
            }
            _ => {}
        }
        if self.cookies > 1 {
            join_cookies(&mut head.header);
        }
        Ok(())
    }

    /// request follows RFC 9113, 8.3.1 and 8.5, and RFC 8441, 4.
    fn request(&self, head: &Head) -> Result<(), &'static str> {
        let method = head.text(self.method);
        if method.is_empty() || !method.iter().all(|&b| is_tchar(b)) {
            return Err("no :method, or a wrong one");
        }
        if method == b"CONNECT" && self.seen & 16 == 0 {
            if self.seen & (2 | 8) != 0 || self.authority.is_empty() {
                return Err("CONNECT takes :authority alone");
            }
        } else {
            if self.seen & 16 != 0 && (method != b"CONNECT" || self.protocol.is_empty()) {
                return Err("a wrong :protocol");
            }
            if !matches!(head.text(self.scheme), b"http" | b"https") {
                return Err("no :scheme, or a wrong one");
            }
            let path = head.text(self.path);
            if path != b"*" && (path.first() != Some(&b'/') || !valid_target(path)) {
                return Err("no :path, or a wrong one");
            }
        }
        let host = self.host.map(|h| head.text(h));
        let authority = head.text(self.authority);
        if !authority.is_empty() && host.is_some_and(|h| !h.eq_ignore_ascii_case(authority)) {
            return Err(":authority and Host differ");
        }
        let authority = head.text(head.authority);
        if authority.is_empty() || !valid_host(authority) {
            return Err("no host, or a wrong one");
        }
        Ok(())
    }
}

/// is_name tells the bytes of field names, which are in lower case (8.2.1).
fn is_name(b: u8) -> bool {
    is_tchar(b) && !b.is_ascii_uppercase()
}

/// length takes digits only, up to 2^63-1, as in HTTP/1.
fn length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = digits.then(|| std::str::from_utf8(value).ok())??;
    text.parse().ok().filter(|&n| n <= i64::MAX as u64)
}

/// status takes three digits; 101 does not exist in HTTP/2 (8.6).
fn status(value: &[u8]) -> Option<u16> {
    match *value {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            let digit = |d: u8| u16::from(d - b'0');
            Some(digit(a) * 100 + digit(b) * 10 + digit(c)).filter(|&code| code != 101)
        }
        _ => None,
    }
}

/// join_cookies makes one field of a cookie that was cut into several (8.2.3).
fn join_cookies(h: &mut Header) {
    let joined = h.values(b"cookie").collect::<Vec<_>>().join(&b"; "[..]);
    // What was taken is a name and a value that may be set.
    let _ = h.set(b"cookie", &joined);
}

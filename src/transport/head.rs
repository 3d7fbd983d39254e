//! The request's head as it goes out; the rules of Go's `Request.write` and `transferWriter`.

use crate::error::{Result, invalid};
use crate::h1::{self, encode};
use crate::message::endpoint::Endpoint;
use crate::message::header::{check_field, write_field};
use crate::message::request::{Request, RequestBody};
use crate::message::url::{host_header, split_host_port};
use std::borrow::Cow;

/// USER_AGENT is the field of who sets none.
pub(super) const USER_AGENT: &[u8] =
    concat!("User-Agent: nethttp/", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes();

/// BodyLength is how the request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    None,
    Known(u64),
    Chunked,
}

/// length_of judges what the program has set.
pub(super) fn length_of(r: &Request) -> Result<BodyLength> {
    match &r.body {
        RequestBody::None if r.content_length > 0 => {
            Err(invalid(format!("http: Request.ContentLength={} with nil Body", r.content_length)))
        }
        RequestBody::None => Ok(BodyLength::None),
        RequestBody::Bytes(b) if (**b).as_ref().is_empty() => Ok(BodyLength::None),
        RequestBody::Bytes(b) => Ok(BodyLength::Known((**b).as_ref().len() as u64)),
        RequestBody::Source(_) => {
            Ok(u64::try_from(r.content_length).map_or(BodyLength::Chunked, BodyLength::Known))
        }
        RequestBody::Incoming(_) => Err(invalid("http: Request.RequestURI can't be set in client requests")),
    }
}

/// method_of is the method; "" is GET, as in Go.
pub(super) fn method_of(r: &Request) -> &[u8] {
    match r.text(r.method) {
        b"" => b"GET",
        m => m,
    }
}

/// HeadOptions is what a head depends on besides its request.
pub(super) struct HeadOptions<'a> {
    pub(super) length: BodyLength,
    /// A proxy that forwards the request is told the whole URL (RFC 9112, 3.2.2), and who asks.
    pub(super) absolute_form: bool,
    pub(super) proxy_auth: Option<&'a str>,
    /// Gzip is asked for.
    pub(super) gzip: bool,
    pub(super) keep_alives: bool,
}

/// write makes the head. All that is wrong with a request is found here, before anything is dialed.
pub(super) fn write(r: &Request, target: &Endpoint, how: &HeadOptions<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    let method = method_of(r);
    let connects = method == b"CONNECT";
    let own;
    let host = match r.text(r.host) {
        b"" if !connects => target.authority.as_slice(),
        _ => {
            own = host_of(r, target)?;
            &*own
        }
    };
    match target.request_uri.as_slice() {
        [b'/', ..] if !connects && !how.absolute_form => {
            encode::request_line(&mut out, method, &target.request_uri)?
        }
        // RFC 9112, 3.2.3: host and port, and nothing else.
        [b'/', ..] if connects => encode::request_line(&mut out, method, host)?,
        b"*" if method != b"OPTIONS" => {
            return Err(invalid("http: the target \"*\" is for OPTIONS only"));
        }
        uri @ ([b'/', ..] | b"*") if how.absolute_form => {
            // RFC 9112, 3.2.4: what is asked of a server as a whole has no path for a proxy.
            let path = if uri == b"*" { b"" } else { uri };
            let uri = [target.origin.scheme.as_bytes(), b"://", host, path].concat();
            encode::request_line(&mut out, method, &uri)?;
        }
        uri => encode::request_line(&mut out, method, uri)?,
    }
    for piece in [b"Host: ", host, b"\r\n"] {
        out.extend_from_slice(piece);
    }
    if let Some(value) = how.proxy_auth {
        write_field(&mut out, b"Proxy-Authorization", value.as_bytes());
    }
    let (mut agent, mut close, mut auth) = (false, false, false);
    for (name, value) in r.header.iter() {
        // Programs can reach a header only through checks, but clones of received ones were not theirs.
        check_field(name, value)?;
        match name.len() {
            10 if name.eq_ignore_ascii_case(b"user-agent") => agent = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                close |= value.split(|&b| b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(b"close"));
            }
            13 if name.eq_ignore_ascii_case(b"authorization") => auth = true,
            _ => {}
        }
    }
    if !agent {
        out.extend_from_slice(USER_AGENT);
    }
    if how.gzip {
        out.extend_from_slice(b"Accept-Encoding: gzip\r\n");
    }
    if (r.close || !how.keep_alives) && !close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    match how.length {
        BodyLength::None if matches!(method, b"POST" | b"PUT" | b"PATCH") => {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        BodyLength::None => {}
        BodyLength::Known(n) => {
            out.extend_from_slice(b"Content-Length: ");
            encode::decimal(&mut out, n);
            out.extend_from_slice(b"\r\n");
        }
        BodyLength::Chunked => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            trailer_names(r, &mut out)?;
        }
    }
    if let Some(value) = target.authorization.as_ref().filter(|_| !auth) {
        write_field(&mut out, b"Authorization", value.as_bytes());
    }
    for (name, value) in r.header.iter() {
        // An empty User-Agent asks for none.
        let unwanted = (value.is_empty() && name.eq_ignore_ascii_case(b"user-agent"))
            || (how.proxy_auth.is_some() && name.eq_ignore_ascii_case(b"proxy-authorization"));
        if !is_framing_field(name) && !unwanted {
            write_field(&mut out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

/// host_of is the request's authority: without an IPv6 zone, which means nothing elsewhere (RFC 9110, 4.2.2 by RFC 6874, 4);
/// CONNECT's has its port.
fn host_of<'a>(r: &'a Request, target: &'a Endpoint) -> Result<Cow<'a, [u8]>> {
    let host = match r.text(r.host) {
        b"" => Cow::Borrowed(target.authority.as_slice()),
        h if h.starts_with(b"[") && h.contains(&b'%') => Cow::Owned(host_header(h)?),
        h if h.iter().all(|&b| b > b' ' && b != 0x7f && !b"/@\\\"<>^`{|}".contains(&b)) => Cow::Borrowed(h),
        _ => return Err(invalid("http: invalid Host header")),
    };
    if method_of(r) != b"CONNECT" || !split_host_port(&host).1.is_empty() {
        return Ok(host);
    }
    let port = if target.origin.scheme == "https" { &b":443"[..] } else { b":80" };
    let host = host.strip_suffix(b":").unwrap_or(&host);
    Ok(Cow::Owned([host, port].concat()))
}

/// path_of is what HTTP/2 is told of a target; an absolute one leaves its authority out (Go's rule).
pub(super) fn path_of(target: &Endpoint) -> Result<&[u8]> {
    let uri = target.request_uri.as_slice();
    let path = match uri {
        [b'/', ..] | b"*" => Some(uri),
        _ => {
            let rest = uri.strip_prefix(target.origin.scheme.as_bytes()).and_then(|r| r.strip_prefix(b"://"));
            rest.and_then(|r| r.strip_prefix(target.authority.as_slice())).filter(|p| p.starts_with(b"/"))
        }
    };
    path.ok_or_else(|| invalid("invalid request :path: HTTP/2 has no words for the request's target"))
}

/// is_framing_field tells which fields the framing writes, whatever the header holds.
fn is_framing_field(name: &[u8]) -> bool {
    match name.len() {
        4 => name.eq_ignore_ascii_case(b"host"),
        7 => name.eq_ignore_ascii_case(b"trailer"),
        14 => name.eq_ignore_ascii_case(b"content-length"),
        17 => name.eq_ignore_ascii_case(b"transfer-encoding"),
        _ => false,
    }
}

fn trailer_names(r: &Request, out: &mut Vec<u8>) -> Result<()> {
    let mut first = true;
    for (name, value) in r.trailer.iter() {
        check_field(name, value)?;
        if h1::is_forbidden_in_trailer(name) {
            return Err(invalid(format!("invalid Trailer key {:?}", String::from_utf8_lossy(name))));
        }
        out.extend_from_slice(if first { b"Trailer: " } else { b"," });
        out.extend_from_slice(name);
        first = false;
    }
    if !first {
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// check_scheme: what this build can speak.
pub(super) fn check_scheme(target: &Endpoint) -> Result<()> {
    match target.origin.scheme.as_str() {
        "http" | "https" if target.origin.host.is_empty() => Err(invalid("http: no Host in request URL")),
        "http" | "https" => Ok(()),
        other => Err(invalid(format!("unsupported protocol scheme {other:?}"))),
    }
}

/// needs_http1: the request asks for another protocol on its connection, which HTTP/2 has no words for (RFC 9113, 8.6).
pub(super) fn needs_http1(r: &Request) -> bool {
    r.header.contains(b"Upgrade") && r.header.has_token(b"Connection", b"upgrade")
}

/// expects_continue: the program asks that the body waits for a go-ahead (RFC 9110, 10.1.1).
pub(super) fn expects_continue(r: &Request, length: BodyLength) -> bool {
    length != BodyLength::None && r.header.has_token(b"Expect", b"100-continue")
}

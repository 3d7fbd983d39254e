//! Messages written to any stream: Go's `Request.Write`, `Request.WriteProxy` and `Response.Write`.

use super::request_writer::RequestWriter;
use super::{Response, head};
use crate::error::{Error, Kind, Result, invalid};
use crate::h1::encode;
use crate::message::header::write_field;
use crate::message::request::{HTTP_11, Request};

/// ByteSink takes the next bytes, all of them; it may block.
pub(super) type ByteSink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// PIECE is how much of a body is written at once.
const PIECE: usize = 32 * 1024;

/// write_request writes a request as it goes over the wire, with no field that a transport adds for itself; `by_proxy`
/// names the whole URL in its first line.
pub fn write_request(r: &Request, by_proxy: bool, sink: ByteSink<'_>) -> Result<()> {
    let target = r.endpoint.as_deref().ok_or_else(|| invalid("http: nil Request.URL"))?;
    let length = head::length_of(r)?;
    let how = head::HeadOptions {
        length,
        absolute_form: by_proxy,
        proxy_auth: None,
        gzip: false,
        keep_alives: true,
    };
    let head = head::write(r, target, &how)?;
    RequestWriter::new(head, &r.body, length, &r.trailer, false, PIECE)?.write_to(sink)
}

/// WriteFraming is how the end of a response's body is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteFraming {
    /// There is none, whatever the length says.
    Absent,
    Length(u64),
    Chunked,
    Close,
}

/// write_response writes a response and reads its body for that. `to_head`: it answers a HEAD.
pub fn write_response(r: &mut Response, to_head: bool, sink: ByteSink<'_>) -> Result<()> {
    let status = r.line.code;
    let mut first = [0; 1];
    let mut ahead = 0;
    let absent = to_head || matches!(status, 100..=199 | 204 | 304);
    if !absent && r.content_length == 0 {
        // Nothing was said of its length, or that it has none: which of them, it shows itself (Go's rule).
        ahead = r.read_body(&mut first)?;
    }
    let framing = match r.content_length {
        _ if absent => WriteFraming::Absent,
        _ if r.chunked && r.line.version >= HTTP_11 => WriteFraming::Chunked,
        n if n > 0 => WriteFraming::Length(n.unsigned_abs()),
        0 if ahead == 0 => WriteFraming::Length(0),
        _ => WriteFraming::Close,
    };
    sink(&head_of(r, framing, to_head))?;
    match framing {
        WriteFraming::Absent => Ok(()),
        WriteFraming::Chunked => write_chunks(r, sink),
        WriteFraming::Length(n) => write_body(r, &[], Some(n), sink),
        WriteFraming::Close => write_body(r, first.get(..ahead).unwrap_or_default(), None, sink),
    }
}

fn head_of(r: &Response, framing: WriteFraming, to_head: bool) -> Vec<u8> {
    let v = r.line.version;
    let mut out = format!("HTTP/{}.{} ", v.major, v.minor).into_bytes();
    out.extend_from_slice(r.header.store().get(r.line.status));
    out.extend_from_slice(b"\r\n");
    if r.close || framing == WriteFraming::Close || (to_head && r.content_length < 0 && !r.chunked) {
        write_field(&mut out, b"Connection", b"close");
    }
    match framing {
        WriteFraming::Chunked => {
            write_field(&mut out, b"Transfer-Encoding", b"chunked");
            if let Some(names) = &r.announced {
                write_field(&mut out, b"Trailer", names);
            }
        }
        WriteFraming::Length(n) => write_length(&mut out, n),
        // What GET would have had (RFC 9110, 8.6).
        WriteFraming::Absent if to_head && r.content_length > 0 => {
            write_length(&mut out, r.content_length.unsigned_abs());
        }
        WriteFraming::Absent | WriteFraming::Close => {}
    }
    for (name, value) in r.header.iter() {
        let of_framing = match name.len() {
            7 => name.eq_ignore_ascii_case(b"trailer"),
            10 => name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close"),
            14 => name.eq_ignore_ascii_case(b"content-length"),
            17 => name.eq_ignore_ascii_case(b"transfer-encoding"),
            _ => false,
        };
        if !of_framing {
            write_field(&mut out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn write_length(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(b"Content-Length: ");
    encode::decimal(out, n);
    out.extend_from_slice(b"\r\n");
}

fn write_chunks(r: &mut Response, sink: ByteSink<'_>) -> Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let n = r.read_body(&mut piece)?;
        if n == 0 {
            break;
        }
        let (size, len) = encode::chunk_header(n);
        sink(size.get(..len).unwrap_or_default())?;
        sink(piece.get(..n).unwrap_or_default())?;
        sink(encode::CHUNK_END)?;
    }
    let mut end = encode::LAST_CHUNK.to_vec();
    r.trailer.write_to(&mut end);
    end.extend_from_slice(b"\r\n");
    sink(&end)
}

fn write_body(r: &mut Response, ahead: &[u8], declared: Option<u64>, sink: ByteSink<'_>) -> Result<()> {
    if !ahead.is_empty() {
        sink(ahead)?;
    }
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        let n = r.read_body(&mut piece)?;
        total += n as u64;
        match declared {
            Some(d) if total > d || (n == 0 && total < d) => {
                let text = format!("http: ContentLength={d} with Body length {total}");
                return Err(Error::new(Kind::BodyLength, text));
            }
            _ if n == 0 => return Ok(()),
            _ => sink(piece.get(..n).unwrap_or_default())?,
        }
    }
}

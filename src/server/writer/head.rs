//! The head of a response: which fields the handler's header becomes, how the body is framed, and whether the connection
//! lasts.

use super::{ResponseFraming, ResponseStage, ResponseWriter};
use crate::error::Result;
use crate::h1::encode;
use crate::message::header::write_field;
use crate::message::request::{HTTP_10, HTTP_11};
use crate::message::sniff;
use crate::server::clock::append_date;
use crate::server::response_sink::ResponseSink;
use std::sync::atomic::Ordering;

impl ResponseWriter {
    /// settle fixes status and fields.
    pub(super) fn settle(&mut self, code: u16) -> Result<()> {
        self.stage = ResponseStage::Settled;
        self.status = code;
        let version = if self.request_info.version < HTTP_11 { HTTP_10 } else { HTTP_11 };
        encode::status_line(&mut self.head, version, code);
        let mut dated = false;
        for (name, value) in self.header.iter() {
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"date") => {
                    dated = true;
                    // The way to have none, as for the type.
                    if value.is_empty() {
                        continue;
                    }
                }
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    take_options(value, &mut self.close, &mut self.options);
                    continue;
                }
                12 if name.eq_ignore_ascii_case(b"content-type") => {
                    self.has_content_type = true;
                    // The way to have none (in Go a field without values).
                    if value.is_empty() {
                        continue;
                    }
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    self.declared = parse_length(value);
                    self.no_length |= self.declared.is_none();
                    continue;
                }
                // Framing is the writer's business: a handler can choose between two, and name no other.
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    (self.no_length, self.has_content_type) = (true, true);
                    self.identity = value == b"identity";
                    continue;
                }
                16 if name.eq_ignore_ascii_case(b"content-encoding") => {
                    self.has_content_type |= !value.is_empty()
                }
                _ => {}
            }
            write_field(&mut self.head, name, value);
        }
        if !dated {
            self.head.extend_from_slice(b"Date: ");
            append_date(&mut self.head);
            self.head.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// send_head fixes the framing and puts the head on the wire; `whole`: the body is in the buffer, else `next` is
    /// what follows there.
    pub(super) fn send_head(&mut self, whole: bool, next: &[u8]) -> Result<()> {
        if self.stage != ResponseStage::Settled {
            return Ok(());
        }
        self.stage = ResponseStage::Sent;
        self.close |= !self.sink.core().keeps_alive();
        self.read_rest();
        self.put_type(next);
        self.sink.suppress_continue();
        let frames = matches!(self.sink, ResponseSink::Http2(_));
        self.close |= self.request_info.connect && !frames;
        let tunnel = self.request_info.connect && (200..300).contains(&self.status);
        let has_trailer = self.header.contains(b"trailer") || !self.trailer.is_empty();
        let mut length = self.declared;
        if length.is_none()
            && whole
            && !has_trailer
            && !self.no_length
            && (!self.request_info.head || self.written > 0)
        {
            length = Some(self.written);
        }
        self.framing = if !self.allows_body() {
            ResponseFraming::Nothing
        } else if frames && length.is_none() {
            ResponseFraming::Frames
        } else if tunnel && !frames {
            // RFC 9110, 9.3.6: neither framing field in a 2xx answer to CONNECT.
            ResponseFraming::Close
        } else if length.is_some() {
            ResponseFraming::Length
        } else if self.request_info.version >= HTTP_11 && !self.identity {
            ResponseFraming::Chunked
        } else {
            ResponseFraming::Close
        };
        match (self.framing, length) {
            // RFC 9110, 8.6: 204 has no Content-Length; 304 and HEAD may say what GET would have had.
            (ResponseFraming::Nothing, Some(n)) if self.status == 304 && self.declared.is_some() => {
                self.put_length(n)
            }
            (ResponseFraming::Length, Some(n)) => self.put_length(n),
            (ResponseFraming::Chunked, _) if !self.request_info.head => {
                self.head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            (ResponseFraming::Close, _) if !self.request_info.head => self.close = true,
            _ => {}
        }
        if self.request_info.head {
            self.framing = ResponseFraming::Nothing;
        }
        if frames {
            // Fields of HTTP/1 connections; what `Connection: close` asks for is the connection's own end.
        } else {
            self.put_connection(tunnel);
        }
        self.head.extend_from_slice(b"\r\n");
        crate::log::head('>', &self.head);
        match &self.sink {
            ResponseSink::Http1(io) => io.output().push(&[&self.head]),
            ResponseSink::Http2(_) if whole => Ok(()),
            ResponseSink::Http2(stream) => stream.push_head(self.status, std::mem::take(&mut self.head)),
        }
    }

    /// put_type adds the media type of a body whose handler has named none, as Go does.
    fn put_type(&mut self, next: &[u8]) {
        if self.has_content_type || !self.allows_body() || self.body.len() + next.len() == 0 {
            return;
        }
        let room = sniff::LOOKED_AT.saturating_sub(self.body.len());
        let found = match next.get(..room).unwrap_or(next) {
            [] => sniff::detect(&self.body),
            more => sniff::detect(&[&self.body, more].concat()),
        };
        write_field(&mut self.head, b"Content-Type", found.to_bytes());
    }

    /// put_connection names the connection's end, or that it lasts, and the fields that are meant for this hop alone
    /// (RFC 9110, 7.6.1).
    fn put_connection(&mut self, tunnel: bool) {
        let ours: &[u8] = if self.close {
            let said = (self.request_info.version >= HTTP_11 && !tunnel)
                || self.header.has_token(b"connection", b"close");
            if said { b"close" } else { b"" }
        } else if self.request_info.version < HTTP_11 {
            b"keep-alive"
        } else {
            b""
        };
        if ours.is_empty() && self.options.is_empty() {
            return;
        }
        self.head.extend_from_slice(b"Connection: ");
        self.head.extend_from_slice(ours);
        if !ours.is_empty() && !self.options.is_empty() {
            self.head.extend_from_slice(b", ");
        }
        self.head.extend_from_slice(&self.options);
        self.head.extend_from_slice(b"\r\n");
    }

    fn put_length(&mut self, n: u64) {
        self.head.extend_from_slice(b"Content-Length: ");
        encode::decimal(&mut self.head, n);
        self.head.extend_from_slice(b"\r\n");
    }

    /// read_rest reads what the handler left of a small request body before the answer goes out, as Go does;
    /// with a large one, or one that still waits for 100 Continue, the connection ends.
    fn read_rest(&mut self) {
        let ResponseSink::Http1(io) = &self.sink else { return };
        if self.close {
            return;
        }
        let Some(mut input) = io.try_input() else { return };
        if input.expected_continue && !input.is_done() {
            // Go does not wait for a body whose sender was told, or not told, to go on.
            self.close = true;
            return;
        }
        if io.duplex.load(Ordering::Relaxed) {
            return;
        }
        if !input.is_done() && (input.expect || !input.drain()) {
            self.close = true;
        }
    }
}

/// take_options reads a handler's Connection field: what it says of the connection's end, and its other options.
fn take_options(value: &[u8], close: &mut bool, options: &mut Vec<u8>) {
    for option in value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|o| !o.is_empty()) {
        if option.eq_ignore_ascii_case(b"close") {
            *close = true;
        } else if !option.eq_ignore_ascii_case(b"keep-alive") {
            if !options.is_empty() {
                options.extend_from_slice(b", ");
            }
            options.extend_from_slice(option);
        }
    }
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let v = value.trim_ascii();
    let digits = !v.is_empty() && v.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(v).ok()?.parse().ok()).flatten()
}

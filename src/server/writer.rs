//! `ResponseWriter`: the response as its handler writes it (Go's `response`).

mod file;
mod finish;
mod head;
mod timeout;

use super::detach::DetachedExchange;
use super::response_sink::ResponseSink;
use super::wrapped_writer::{WrappedWriter, unsupported};
use crate::duplex::Duplex;
use crate::error::{Error, Kind, Result, invalid};
use crate::h1::encode;
use crate::handle::Handle;
use crate::message::header::{Header, write_field};
use crate::message::request::{HTTP_11, Version};
use crate::message::sniff;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A body that is whole within this many bytes gets a Content-Length; longer ones are sent chunked. Go's.
const BUFFER: usize = 2048;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ResponseStage {
    /// Nothing is settled.
    Fresh,
    /// Status and fields are settled, and kept in `head`.
    Settled,
    /// The head went to the wire.
    Sent,
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ResponseFraming {
    /// No body is sent: HEAD, 204, 304.
    Nothing,
    Length,
    Chunked,
    /// The end of the connection ends the body.
    Close,
    /// HTTP/2's own.
    Frames,
}

/// Exchange facts that the writer needs of its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestInfo {
    pub(super) version: Version,
    pub(super) head: bool,
    pub(super) connect: bool,
    pub(super) keep_alive: bool,
}

/// CompleteResponse is a response, or the end of one, as it goes into a stream of HTTP/2.
pub(super) struct CompleteResponse<'a> {
    pub(super) status: u16,
    /// Its first line is the status line, which means nothing there.
    pub(super) head: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) trailer: Option<&'a Header>,
}

/// DetachedWriter ends a detached response.
pub struct DetachedWriter(Arc<DetachedExchange>);

impl DetachedWriter {
    /// end sends what is left of it, or ends its connection if there was no answer. It may wait for the peer.
    pub fn end(&self) {
        self.0.end();
    }
}

/// DetachCheck is seen by a handler that calls another one.
pub struct DetachCheck(ResponseSink);

impl DetachCheck {
    /// is_detached: writer and request are somebody else's until the handler returns, and afterwards.
    pub fn is_detached(&self) -> bool {
        self.0.detach_state().is_detached()
    }
}

pub struct ResponseWriter {
    /// What takes the place of this writer's own sending.
    wrapped: Option<Box<dyn WrappedWriter>>,
    sink: ResponseSink,
    header: Header,
    trailer: Header,
    request_info: RequestInfo,
    stage: ResponseStage,
    status: u16,
    framing: ResponseFraming,
    head: Vec<u8>,
    body: Vec<u8>,
    /// The Content-Length that the handler declared.
    declared: Option<u64>,
    /// The handler set a Transfer-Encoding or a Content-Length that cannot be used: none is added.
    no_length: bool,
    /// The handler set `Transfer-Encoding: identity`, Go's word for a body that the connection's end ends.
    identity: bool,
    /// The handler said what its body is, or how it is coded: its type is not looked for.
    has_content_type: bool,
    written: u64,
    close: bool,
    /// The options of the handler's Connection fields, but for `close` and `keep-alive`.
    options: Vec<u8>,
    aborted: bool,
    /// Head and body are complete, and still here: HTTP/2's leader takes them without a detour.
    is_complete: bool,
    /// The first failure to send; it stays.
    failed: Option<Error>,
    /// The program refers to it by a name that is good for one exchange.
    handle: Option<Handle>,
}

impl ResponseWriter {
    pub(super) fn new(line: ResponseSink) -> ResponseWriter {
        ResponseWriter {
            head: Vec::with_capacity(512),
            body: Vec::with_capacity(BUFFER),
            handle: Handle::new(),
            ..ResponseWriter::with_sink(line)
        }
    }

    /// wrapped is a writer for the same exchange whose writing is another's.
    pub fn wrapped(&self, over: Box<dyn WrappedWriter>) -> ResponseWriter {
        let bare = ResponseWriter::with_sink(self.sink.clone());
        ResponseWriter { wrapped: Some(over), stage: ResponseStage::Fresh, ..bare }
    }

    /// is_wrapped tells whether [`ResponseWriter::wrapped`] made this writer.
    pub fn is_wrapped(&self) -> bool {
        self.wrapped.is_some()
    }

    /// innermost is the writer that sends, for what cannot be written over.
    pub(crate) fn innermost(&mut self) -> Result<&mut ResponseWriter> {
        match self.wrapped {
            None => Ok(self),
            Some(ref mut over) => over.inner().ok_or_else(unsupported)?.innermost(),
        }
    }

    fn with_sink(line: ResponseSink) -> ResponseWriter {
        ResponseWriter {
            wrapped: None,
            sink: line,
            header: Header::new(),
            trailer: Header::new(),
            request_info: RequestInfo { version: HTTP_11, head: false, connect: false, keep_alive: false },
            stage: ResponseStage::Ended,
            status: 0,
            framing: ResponseFraming::Nothing,
            head: Vec::new(),
            body: Vec::new(),
            declared: None,
            no_length: false,
            identity: false,
            has_content_type: false,
            written: 0,
            close: false,
            options: Vec::new(),
            aborted: false,
            is_complete: false,
            failed: None,
            handle: None,
        }
    }

    /// compact lets go of the buffers of a response that has not begun.
    pub(super) fn compact(&mut self) {
        self.head.shrink_to_fit();
        self.body.shrink_to_fit();
    }

    /// handle is how the program refers to the writer.
    pub fn handle(&mut self) -> *mut () {
        let me = std::ptr::from_mut(self).cast();
        self.handle.as_ref().map_or(me, |t| t.name(me))
    }

    /// invalidate_handle: the exchange has ended, and its writer serves another one from now on.
    pub(super) fn invalidate_handle(&self) {
        if let Some(ticket) = &self.handle {
            ticket.invalidate();
        }
    }

    pub(super) fn begin(&mut self, asked: RequestInfo) {
        self.header.clear();
        self.trailer.clear();
        self.request_info = asked;
        self.stage = ResponseStage::Fresh;
        self.status = 0;
        self.framing = ResponseFraming::Nothing;
        self.head.clear();
        self.body.clear();
        self.declared = None;
        self.no_length = false;
        self.identity = false;
        self.has_content_type = false;
        self.written = 0;
        self.close = !asked.keep_alive;
        self.options.clear();
        self.aborted = false;
        self.is_complete = false;
        self.failed = None;
    }

    /// header is the response's header; changes count until the first write.
    pub fn header(&mut self) -> &mut Header {
        match self.wrapped.as_mut().and_then(|o| o.inner()) {
            Some(inner) => inner.header(),
            None => &mut self.header,
        }
    }

    /// trailer is sent behind a chunked body; its fields count until the handler returns.
    pub fn trailer(&mut self) -> &mut Header {
        match self.wrapped.as_mut().and_then(|o| o.inner()) {
            Some(inner) => inner.trailer(),
            None => &mut self.trailer,
        }
    }

    /// status is what was written, 0 before.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// written is how many body bytes the handler wrote.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// write_header settles status and fields. Informational ones (RFC 9110, 15.2) go out at once and settle
    /// nothing.
    pub fn write_header(&mut self, code: u16) -> Result<()> {
        if !(100..1000).contains(&code) || code == 101 {
            return Err(invalid(format!("invalid WriteHeader code {code}")));
        }
        if let Some(over) = &mut self.wrapped {
            if code >= 200 && self.status == 0 {
                self.status = code;
            }
            return over.write_header(code);
        }
        if self.stage != ResponseStage::Fresh {
            self.sink.core().observers.error(|| "http: superfluous response.WriteHeader call".into());
            return Err(Error::new(Kind::State, "http: superfluous response.WriteHeader call"));
        }
        if code < 200 {
            return self.write_informational(code);
        }
        self.settle(code)
    }

    fn write_informational(&mut self, code: u16) -> Result<()> {
        if self.request_info.version < HTTP_11 {
            return Ok(());
        }
        let mut out = Vec::new();
        encode::status_line(&mut out, HTTP_11, code);
        // RFC 9110, 8.6 and RFC 9112, 6.1: neither framing field in an informational response.
        let framing = [&b"content-length"[..], b"transfer-encoding"];
        let fields = self.header.iter().filter(|(n, _)| !framing.iter().any(|f| n.eq_ignore_ascii_case(f)));
        fields.for_each(|(name, value)| write_field(&mut out, name, value));
        out.extend_from_slice(b"\r\n");
        self.sink.send_informational(code, out)
    }

    /// allows_body: RFC 9110, 6.4.1.
    fn allows_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }

    /// write adds to the body; it may block while the peer does not read.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        if let Some(over) = &mut self.wrapped {
            self.status = if self.status == 0 { 200 } else { self.status };
            over.write(data)?;
            self.written += data.len() as u64;
            return Ok(());
        }
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        match self.stage {
            ResponseStage::Fresh => self.settle(200)?,
            ResponseStage::Ended => {
                return Err(Error::new(Kind::State, "nethttp: write after the response has ended"));
            }
            _ => {}
        }
        if data.is_empty() {
            return Ok(());
        }
        if !self.allows_body() {
            return Err(Error::new(
                Kind::BodyNotAllowed,
                "http: request method or response status code does not allow body",
            ));
        }
        let total = self.written + data.len() as u64;
        if self.declared.is_some_and(|n| total > n) {
            return Err(Error::new(Kind::BodyLength, "http: wrote more than the declared Content-Length"));
        }
        self.written = total;
        if self.request_info.head {
            // As much as its type is found by.
            let room = sniff::LOOKED_AT.saturating_sub(self.body.len());
            self.body.extend_from_slice(data.get(..room).unwrap_or(data));
            if total > BUFFER as u64 {
                self.send_head(false, &[])?;
            }
            return self.sink.check();
        }
        if self.body.len() + data.len() <= BUFFER {
            self.body.extend_from_slice(data);
            return Ok(());
        }
        let sent = self.send_head(false, data).and_then(|()| self.send_body(data));
        self.record_error(sent)
    }

    fn record_error(&mut self, sent: Result<()>) -> Result<()> {
        self.failed = sent.as_ref().err().cloned();
        sent
    }

    /// flush sends everything that was written so far.
    pub fn flush(&mut self) -> Result<()> {
        if let Some(over) = &mut self.wrapped {
            return over.flush();
        }
        match self.stage {
            ResponseStage::Fresh => self.settle(200)?,
            ResponseStage::Ended => {
                return Err(Error::new(Kind::State, "nethttp: flush after the response has ended"));
            }
            _ => {}
        }
        let sent = self.send_head(false, &[]).and_then(|()| self.send_body(&[]));
        let sent = sent.and_then(|()| self.sink.flush());
        self.record_error(sent)
    }

    /// abort ends the exchange by closing the connection; what was not sent yet is lost (Go's ErrAbortHandler).
    pub fn abort(&mut self) {
        self.aborted = true;
        if let Some(inner) = self.wrapped.as_mut().and_then(|o| o.inner()) {
            inner.abort();
        }
    }

    /// detach has the response answered later, from any thread; [`ResponseWriter::end_later`] ends it.
    pub fn detach(&mut self) -> Result<()> {
        if self.wrapped.is_some() {
            // Who made this writer ends it when the handler has returned.
            return Err(unsupported());
        }
        if self.stage == ResponseStage::Ended {
            return Err(Error::new(Kind::State, "nethttp: the response has ended"));
        }
        self.sink.detach_state().detach(self.sink.core())
    }

    /// detach_check is what tells, behind a call of another handler, whether writer and request are still the caller's.
    pub fn detach_check(&self) -> DetachCheck {
        DetachCheck(self.sink.clone())
    }

    /// detached_writer is what ends a detached response, which must not be used from then on.
    pub fn detached_writer(&self) -> Option<DetachedWriter> {
        self.sink.detach_state().detached().map(DetachedWriter)
    }

    /// hijack gives the connection away; what was written goes out before (Go's `Hijacker`).
    pub fn hijack(&mut self) -> Result<Duplex> {
        let w = self.innermost()?;
        let ResponseSink::Http1(io) = w.sink.clone() else { return Err(unsupported()) };
        if io.hijacked.load(Ordering::Relaxed) {
            return Err(hijacked());
        }
        if matches!(w.stage, ResponseStage::Settled | ResponseStage::Sent) {
            w.flush()?;
        }
        if w.stage == ResponseStage::Ended {
            return Err(Error::new(Kind::State, "nethttp: the response has ended"));
        }
        let duplex = io.hand_over()?;
        (w.stage, w.failed) = (ResponseStage::Ended, Some(hijacked()));
        Ok(duplex)
    }

    /// has_begun tells whether anything was written, or the response was aborted.
    pub(super) fn has_begun(&self) -> bool {
        self.stage != ResponseStage::Fresh
    }

    /// set_full_duplex lets the handler write while it still reads: an unread body is not drained first.
    pub fn set_full_duplex(&mut self) -> Result<()> {
        self.innermost()?.sink.set_full_duplex();
        Ok(())
    }

    /// set_write_timeout bounds the rest of the response.
    pub fn set_write_timeout(&mut self, limit: Option<Duration>) -> Result<()> {
        self.innermost()?.sink.set_write_timeout(limit);
        Ok(())
    }

    /// send_body sends the buffered bytes and `data` in the framing that was fixed.
    fn send_body(&mut self, data: &[u8]) -> Result<()> {
        let n = self.body.len() + data.len();
        let sent = match self.framing {
            _ if n == 0 => Ok(()),
            ResponseFraming::Nothing => Ok(()),
            ResponseFraming::Chunked => {
                let (size, len) = encode::chunk_header(n);
                let size = size.get(..len).unwrap_or_default();
                self.sink.push(&[size, &self.body, data, encode::CHUNK_END])
            }
            ResponseFraming::Length | ResponseFraming::Close | ResponseFraming::Frames => {
                self.sink.push(&[&self.body, data])
            }
        };
        self.body.clear();
        sent
    }

    /// ends_connection: the handler has asked for the connection's end.
    pub(super) fn ends_connection(&self) -> bool {
        self.close
    }

    pub(super) fn was_aborted(&self) -> bool {
        self.aborted
    }
}

/// hijacked is what all functions of a writer answer whose connection is the program's (Go's `ErrHijacked`).
pub(super) fn hijacked() -> Error {
    Error::new(Kind::Closed, "http: connection has been hijacked")
}

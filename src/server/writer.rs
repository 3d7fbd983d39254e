//! `ResponseWriter`: the response as its handler writes it (Go's `response`).

mod file;
mod finish;
mod head;
mod late;

use super::detach::Detached;
use super::line::Line;
use super::over::{Over, unsupported};
use crate::error::{Error, Kind, Result, invalid};
use crate::h1::encode;
use crate::handle::Handle;
use crate::message::header::{Header, write_field};
use crate::message::request::{HTTP_11, Version};
use crate::message::sniff;
use crate::stream::Duplex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A body that is whole within this many bytes gets a Content-Length; longer ones are sent chunked. Go's.
const BUFFER: usize = 2048;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing is settled.
    Fresh,
    /// Status and fields are settled, and kept in `head`.
    Settled,
    /// The head went to the wire.
    Sent,
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
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
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) head: bool,
    pub(super) connect: bool,
    pub(super) keep_alive: bool,
}

/// Whole is a response, or the end of one, as it goes into a stream of HTTP/2.
pub(super) struct Whole<'a> {
    pub(super) status: u16,
    /// Its first line is the status line, which means nothing there.
    pub(super) head: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) trailer: Option<&'a Header>,
}

/// Later ends a detached response.
pub struct Later(Arc<Detached>);

impl Later {
    /// end sends what is left of it, or ends its connection if there was no answer. It may wait for the peer.
    pub fn end(&self) {
        self.0.end();
    }
}

/// Exchange is seen by a handler that calls another one.
pub struct Exchange(Line);

impl Exchange {
    /// is_detached: writer and request are somebody else's until the handler returns, and afterwards.
    pub fn is_detached(&self) -> bool {
        self.0.leaving().is_detached()
    }
}

pub struct ResponseWriter {
    /// What takes the place of this writer's own sending.
    over: Option<Box<dyn Over>>,
    line: Line,
    header: Header,
    trailer: Header,
    asked: Asked,
    stage: Stage,
    status: u16,
    framing: Framing,
    head: Vec<u8>,
    body: Vec<u8>,
    /// The Content-Length that the handler declared.
    declared: Option<u64>,
    /// The handler set a Transfer-Encoding or a Content-Length that cannot be used: none is added.
    no_length: bool,
    /// The handler set `Transfer-Encoding: identity`, Go's word for a body that the connection's end ends.
    identity: bool,
    /// The handler said what its body is, or how it is coded: its type is not looked for.
    typed: bool,
    written: u64,
    close: bool,
    /// The options of the handler's Connection fields, but for `close` and `keep-alive`.
    options: Vec<u8>,
    aborted: bool,
    /// Head and body are complete, and still here: HTTP/2's leader takes them without a detour.
    whole: bool,
    /// The first failure to send; it stays.
    failed: Option<Error>,
    /// The program refers to it by a name that is good for one exchange.
    ticket: Option<Handle>,
}

impl ResponseWriter {
    pub(super) fn new(line: Line) -> ResponseWriter {
        ResponseWriter {
            head: Vec::with_capacity(512),
            body: Vec::with_capacity(BUFFER),
            ticket: Handle::new(),
            ..ResponseWriter::bare(line)
        }
    }

    /// over is a writer for the same exchange whose writing is another's.
    pub fn over(&self, over: Box<dyn Over>) -> ResponseWriter {
        let bare = ResponseWriter::bare(self.line.clone());
        ResponseWriter { over: Some(over), stage: Stage::Fresh, ..bare }
    }

    /// is_over tells whether [`ResponseWriter::over`] made this writer.
    pub fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// innermost is the writer that sends, for what cannot be written over.
    pub(crate) fn innermost(&mut self) -> Result<&mut ResponseWriter> {
        match self.over {
            None => Ok(self),
            Some(ref mut over) => over.inner().ok_or_else(unsupported)?.innermost(),
        }
    }

    fn bare(line: Line) -> ResponseWriter {
        ResponseWriter {
            over: None,
            line,
            header: Header::new(),
            trailer: Header::new(),
            asked: Asked { version: HTTP_11, head: false, connect: false, keep_alive: false },
            stage: Stage::Ended,
            status: 0,
            framing: Framing::Nothing,
            head: Vec::new(),
            body: Vec::new(),
            declared: None,
            no_length: false,
            identity: false,
            typed: false,
            written: 0,
            close: false,
            options: Vec::new(),
            aborted: false,
            whole: false,
            failed: None,
            ticket: None,
        }
    }

    /// compact lets go of the buffers of a response that has not begun.
    pub(super) fn compact(&mut self) {
        self.head.shrink_to_fit();
        self.body.shrink_to_fit();
    }

    /// name is how the program refers to the writer.
    pub fn name(&mut self) -> *mut () {
        let me = std::ptr::from_mut(self).cast();
        self.ticket.as_ref().map_or(me, |t| t.name(me))
    }

    /// end_name: the exchange has ended, and its writer serves another one from now on.
    pub(super) fn end_name(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.invalidate();
        }
    }

    pub(super) fn begin(&mut self, asked: Asked) {
        self.header.clear();
        self.trailer.clear();
        self.asked = asked;
        self.stage = Stage::Fresh;
        self.status = 0;
        self.framing = Framing::Nothing;
        self.head.clear();
        self.body.clear();
        self.declared = None;
        self.no_length = false;
        self.identity = false;
        self.typed = false;
        self.written = 0;
        self.close = !asked.keep_alive;
        self.options.clear();
        self.aborted = false;
        self.whole = false;
        self.failed = None;
    }

    /// header is the response's header; changes count until the first write.
    pub fn header(&mut self) -> &mut Header {
        match self.over.as_mut().and_then(|o| o.inner()) {
            Some(inner) => inner.header(),
            None => &mut self.header,
        }
    }

    /// trailer is sent behind a chunked body; its fields count until the handler returns.
    pub fn trailer(&mut self) -> &mut Header {
        match self.over.as_mut().and_then(|o| o.inner()) {
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
        if let Some(over) = &mut self.over {
            if code >= 200 && self.status == 0 {
                self.status = code;
            }
            return over.write_header(code);
        }
        if self.stage != Stage::Fresh {
            self.line.core().hooks.error(|| "http: superfluous response.WriteHeader call".into());
            return Err(Error::new(Kind::State, "http: superfluous response.WriteHeader call"));
        }
        if code < 200 {
            return self.write_informational(code);
        }
        self.settle(code)
    }

    fn write_informational(&mut self, code: u16) -> Result<()> {
        if self.asked.version < HTTP_11 {
            return Ok(());
        }
        let mut out = Vec::new();
        encode::status_line(&mut out, HTTP_11, code);
        // RFC 9110, 8.6 and RFC 9112, 6.1: neither framing field in an informational response.
        let framing = [&b"content-length"[..], b"transfer-encoding"];
        let fields = self.header.iter().filter(|(n, _)| !framing.iter().any(|f| n.eq_ignore_ascii_case(f)));
        fields.for_each(|(name, value)| write_field(&mut out, name, value));
        out.extend_from_slice(b"\r\n");
        self.line.inform(code, out)
    }

    /// allows_body: RFC 9110, 6.4.1.
    fn allows_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }

    /// write adds to the body; it may block while the peer does not read.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        if let Some(over) = &mut self.over {
            self.status = if self.status == 0 { 200 } else { self.status };
            over.write(data)?;
            self.written += data.len() as u64;
            return Ok(());
        }
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        match self.stage {
            Stage::Fresh => self.settle(200)?,
            Stage::Ended => {
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
        if self.asked.head {
            // As much as its type is found by.
            let room = sniff::LOOKED_AT.saturating_sub(self.body.len());
            self.body.extend_from_slice(data.get(..room).unwrap_or(data));
            if total > BUFFER as u64 {
                self.send_head(false, &[])?;
            }
            return self.line.check();
        }
        if self.body.len() + data.len() <= BUFFER {
            self.body.extend_from_slice(data);
            return Ok(());
        }
        let sent = self.send_head(false, data).and_then(|()| self.send_body(data));
        self.keep(sent)
    }

    fn keep(&mut self, sent: Result<()>) -> Result<()> {
        self.failed = sent.as_ref().err().cloned();
        sent
    }

    /// flush sends everything that was written so far.
    pub fn flush(&mut self) -> Result<()> {
        if let Some(over) = &mut self.over {
            return over.flush();
        }
        match self.stage {
            Stage::Fresh => self.settle(200)?,
            Stage::Ended => {
                return Err(Error::new(Kind::State, "nethttp: flush after the response has ended"));
            }
            _ => {}
        }
        let sent = self.send_head(false, &[]).and_then(|()| self.send_body(&[]));
        let sent = sent.and_then(|()| self.line.flush());
        self.keep(sent)
    }

    /// abort ends the exchange by closing the connection; what was not sent yet is lost (Go's ErrAbortHandler).
    pub fn abort(&mut self) {
        self.aborted = true;
        if let Some(inner) = self.over.as_mut().and_then(|o| o.inner()) {
            inner.abort();
        }
    }

    /// detach has the response answered later, from any thread; [`ResponseWriter::end_later`] ends it.
    pub fn detach(&mut self) -> Result<()> {
        if self.over.is_some() {
            // Who made this writer ends it when the handler has returned.
            return Err(unsupported());
        }
        if self.stage == Stage::Ended {
            return Err(Error::new(Kind::State, "nethttp: the response has ended"));
        }
        self.line.leaving().leave(self.line.core())
    }

    /// exchange is what tells, behind a call of another handler, whether writer and request are still the caller's.
    pub fn exchange(&self) -> Exchange {
        Exchange(self.line.clone())
    }

    /// later is what ends a detached response, which must not be used from then on.
    pub fn later(&self) -> Option<Later> {
        self.line.leaving().detached().map(Later)
    }

    /// hijack gives the connection away; what was written goes out before (Go's `Hijacker`).
    pub fn hijack(&mut self) -> Result<Duplex> {
        let w = self.innermost()?;
        let Line::Http1(wire) = w.line.clone() else { return Err(unsupported()) };
        if wire.hijacked.load(Ordering::Relaxed) {
            return Err(hijacked());
        }
        if matches!(w.stage, Stage::Settled | Stage::Sent) {
            w.flush()?;
        }
        if w.stage == Stage::Ended {
            return Err(Error::new(Kind::State, "nethttp: the response has ended"));
        }
        let duplex = wire.hand_over()?;
        (w.stage, w.failed) = (Stage::Ended, Some(hijacked()));
        Ok(duplex)
    }

    /// has_begun tells whether anything was written, or the response was aborted.
    pub(super) fn has_begun(&self) -> bool {
        self.stage != Stage::Fresh
    }

    /// set_full_duplex lets the handler write while it still reads: an unread body is not drained first.
    pub fn set_full_duplex(&mut self) -> Result<()> {
        self.innermost()?.line.set_full_duplex();
        Ok(())
    }

    /// set_write_timeout bounds the rest of the response.
    pub fn set_write_timeout(&mut self, limit: Option<Duration>) -> Result<()> {
        self.innermost()?.line.set_write_timeout(limit);
        Ok(())
    }

    /// send_body sends the buffered bytes and `data` in the framing that was fixed.
    fn send_body(&mut self, data: &[u8]) -> Result<()> {
        let n = self.body.len() + data.len();
        let sent = match self.framing {
            _ if n == 0 => Ok(()),
            Framing::Nothing => Ok(()),
            Framing::Chunked => {
                let (size, len) = encode::chunk_header(n);
                let size = size.get(..len).unwrap_or_default();
                self.line.push(&[size, &self.body, data, encode::CHUNK_END])
            }
            Framing::Length | Framing::Close | Framing::Frames => self.line.push(&[&self.body, data]),
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

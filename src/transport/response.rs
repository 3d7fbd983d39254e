//! `Response`: an answer, and where its body comes from.

use super::body::ConnBody;
use super::buffered_body::{BufferedBody, InlineBody};
use super::timing::Timing;
use crate::duplex::Duplex;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{ResponseFacts, StatusLine};
use crate::message::header::Header;
use crate::net::tls;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Response is a final answer; its body is read by pull.
pub struct Response {
    pub header: Header,
    pub line: StatusLine,
    /// -1 is unknown.
    pub content_length: i64,
    pub chunked: bool,
    /// The body came in gzip, which was asked for and is undone here.
    pub uncompressed: bool,
    /// The connection ends with this answer.
    pub close: bool,
    /// Whole once the body has been read to its end.
    pub trailer: Header,
    /// The names of trailer fields that the head announced, as it did.
    pub announced: Option<Vec<u8>>,
    /// None where the response came over no connection of the library's.
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    /// The stream of HTTP/2 that it came on, 0 where there was none.
    pub stream: u32,
    /// `None` without TLS.
    pub tls: Option<Arc<tls::TlsInfo>>,
    /// Where the time went, if it came over the network.
    pub timing: Option<Timing>,
    pub(super) body: ResponseBody,
}

/// ReadBody is a response's body from where it comes, or decoded on its way.
pub trait ReadBody: Send {
    /// read is `Ok(0)` at the end; data comes before its error, and an error stays.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize>;
    /// take_trailer is what came behind the body, once after `read` has answered `Ok(0)`.
    fn take_trailer(&mut self) -> Option<Header>;
    /// close ends the exchange; reads fail from then on.
    fn close(&mut self);
    /// ended is when the last byte came, where that is known.
    fn ended(&self) -> Option<Instant> {
        None
    }
    /// hand_over gives the connection away, whole, after a switch of protocols; there is none in most bodies.
    fn hand_over(&mut self) -> Option<io::Result<Duplex>> {
        None
    }
}

/// read_when_closed is what a read answers behind [`ReadBody::close`].
pub fn read_when_closed() -> Error {
    Error::new(Kind::Closed, "http: read on closed response body").with_phase(Phase::Body)
}

/// ResponseBody spares what is all here an allocation, and what comes from a pooled connection a second one.
pub(super) enum ResponseBody {
    Conn(Box<ConnBody>),
    Inline(InlineBody),
    Buffered(BufferedBody),
    Other(Box<dyn ReadBody>),
    /// While it changes hands.
    None,
}

impl ResponseBody {
    fn get(&mut self) -> Option<&mut dyn ReadBody> {
        match self {
            ResponseBody::Conn(r) => Some(&mut **r),
            ResponseBody::Buffered(w) => Some(w),
            ResponseBody::Other(b) => Some(&mut **b),
            // It is read beside its header.
            ResponseBody::Inline(_) | ResponseBody::None => None,
        }
    }

    fn ended(&mut self) -> Option<Instant> {
        match self {
            ResponseBody::Inline(body) => Some(body.received_at),
            other => other.get()?.ended(),
        }
    }

    fn close(&mut self) {
        if let ResponseBody::Inline(body) = self {
            body.close();
        } else if let Some(body) = self.get() {
            body.close();
        }
    }
}

impl Response {
    /// read_body is `Ok(0)` at the end; an error stays.
    pub fn read_body(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = match &mut self.body {
            ResponseBody::Inline(body) => body.read(&self.header, buf)?,
            other => {
                let Some(body) = other.get() else { return Ok(0) };
                let n = body.read(buf)?;
                if let Some(t) = body.take_trailer() {
                    self.trailer = t;
                }
                n
            }
        };
        if n == 0
            && let Some(t) = &mut self.timing
        {
            t.ended.get_or_insert_with(|| self.body.ended().unwrap_or_else(Instant::now));
        }
        Ok(n)
    }

    /// close_body ends the exchange and gives the connection back if that costs little.
    pub fn close_body(&mut self) {
        self.body.close();
    }

    /// take_conn gives the connection away that speaks another protocol from here on: after 101, or a 2xx to CONNECT.
    pub fn take_conn(&mut self) -> Result<Duplex> {
        let duplex = self.body.get().and_then(|b| b.hand_over()).ok_or_else(|| {
            Error::new(
                Kind::State,
                "nethttp: the response has not switched protocols, or its connection is gone",
            )
        })?;
        duplex.map_err(|e| Error::io(Kind::NoResources, "dup", &e))
    }

    /// from_parts is a response that did not come over a connection of the library's.
    pub fn from_parts(
        header: Header,
        line: StatusLine,
        facts: ResponseFacts,
        body: Box<dyn ReadBody>,
    ) -> Box<Response> {
        let mut r = Response::empty();
        (r.header, r.body) = (header, ResponseBody::Other(body));
        r.apply_head(line, &facts);
        r
    }

    /// empty is a response of which nothing is known yet.
    pub(super) fn empty() -> Box<Response> {
        // The place comes first, so that what is put there is made there: it is large.
        Box::write(
            Box::new_uninit(),
            Response {
                header: Header::new(),
                line: StatusLine::default(),
                content_length: -1,
                chunked: false,
                uncompressed: false,
                close: false,
                trailer: Header::new(),
                announced: None,
                remote: None,
                local: None,
                stream: 0,
                tls: None,
                timing: None,
                body: ResponseBody::None,
            },
        )
    }

    /// apply_head notes what the head tells.
    pub(super) fn apply_head(&mut self, line: StatusLine, facts: &ResponseFacts) {
        self.line = line;
        self.content_length = facts.content_length;
        self.chunked = facts.chunked;
        self.close = !facts.keep_alive;
    }

    /// set_body puts another body in the place of this one, which the caller has closed.
    pub fn set_body(&mut self, body: Box<dyn ReadBody>) {
        self.body = ResponseBody::Other(body);
    }

    /// map_body puts a decoder, or another source, around or in the place of the body.
    pub fn map_body(&mut self, wrap: impl FnOnce(Box<dyn ReadBody>) -> Box<dyn ReadBody>) {
        let body: Box<dyn ReadBody> = match std::mem::replace(&mut self.body, ResponseBody::None) {
            ResponseBody::Conn(r) => r,
            ResponseBody::Inline(w) => Box::new(w.to_buffered(&self.header)),
            ResponseBody::Buffered(w) => Box::new(w),
            ResponseBody::Other(b) => b,
            ResponseBody::None => return,
        };
        self.body = ResponseBody::Other(wrap(body));
    }
}

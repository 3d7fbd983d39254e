//! `RequestWriter`: a request on its way out: head, then body from memory or a source.
//!
//! It never waits for the socket; whoever drives it polls, and looks for an early answer while it does. What is
//! unsent when the answer's head has come is pumped by the reads of the answer's body.

use super::conn::PersistConn;
use super::head::BodyLength;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::encode;
use crate::message::header::{Header, written_fields};
use crate::message::request::RequestBody;
use crate::message::source::LentSource;
use std::io;
use std::sync::Arc;

pub(super) struct RequestWriter {
    head: Vec<u8>,
    head_sent: usize,
    body: RequestPayload,
    /// The body waits for `100 Continue`.
    pub(super) awaits_continue: bool,
    /// Bytes on the wire.
    pub(super) sent: u64,
    /// TLS has taken bytes that the socket has not.
    tls_unsent: bool,
    /// Nothing more will be sent, whatever is left.
    stopped: bool,
    into_body_only: bool,
}

enum RequestPayload {
    None,
    Bytes { data: Arc<dyn AsRef<[u8]> + Send + Sync>, sent: usize },
    Stream(Box<PayloadStream>),
}

struct PayloadStream {
    source: LentSource,
    /// What is left of a declared length.
    left: Option<u64>,
    declared: u64,
    /// Pieces become chunks, with this behind the last one; else they go out as they are.
    chunked: Option<Vec<u8>>,
    piece: Vec<u8>,
    /// The most that a piece has.
    most: usize,
    piece_sent: usize,
    ended: bool,
}

impl RequestWriter {
    /// new takes the body on loan.
    pub(super) fn new(
        head: Vec<u8>,
        body: &RequestBody,
        length: BodyLength,
        trailer: &Header,
        held: bool,
        most: usize,
    ) -> Result<RequestWriter> {
        let body = match body {
            RequestBody::Bytes(data) if length != BodyLength::None => {
                RequestPayload::Bytes { data: data.clone(), sent: 0 }
            }
            RequestBody::Source(slot) => {
                let declared = if let BodyLength::Known(n) = length { Some(n) } else { None };
                let chunked = (length == BodyLength::Chunked).then(|| {
                    let mut fields = Vec::new();
                    trailer.write_to(&mut fields);
                    fields
                });
                RequestPayload::Stream(Box::new(PayloadStream {
                    source: slot.take()?,
                    left: declared,
                    declared: declared.unwrap_or(0),
                    chunked,
                    piece: Vec::new(),
                    most,
                    piece_sent: 0,
                    ended: false,
                }))
            }
            _ => RequestPayload::None,
        };
        Ok(RequestWriter {
            head,
            head_sent: 0,
            body,
            awaits_continue: held,
            sent: 0,
            tls_unsent: false,
            stopped: false,
            into_body_only: false,
        })
    }

    /// into_body_only has the body go out as it is, in frames, and gives the head away, which is told of elsewhere.
    pub(super) fn into_body_only(mut self) -> (Vec<u8>, RequestWriter) {
        let head = std::mem::take(&mut self.head);
        (self.head_sent, self.into_body_only) = (0, true);
        if let RequestPayload::Stream(s) = &mut self.body {
            s.chunked = None;
        }
        (head, self)
    }

    pub(super) fn is_done(&self) -> bool {
        !self.stopped
            && !self.tls_unsent
            && self.head_sent == self.head.len()
            && match &self.body {
                RequestPayload::None => true,
                RequestPayload::Bytes { data, sent } => *sent == (**data).as_ref().len(),
                RequestPayload::Stream(s) => s.ended && s.piece_sent == s.piece.len(),
            }
    }

    /// take_head gives the head's memory away once all was sent; before that, new memory.
    pub(super) fn take_head(&mut self) -> Vec<u8> {
        if !self.is_done() {
            return Vec::new();
        }
        self.head_sent = 0;
        std::mem::take(&mut self.head)
    }

    pub(super) fn is_body_only(&self) -> bool {
        self.into_body_only
    }

    pub(super) fn head_is_sent(&self) -> bool {
        self.head_sent == self.head.len() && !self.tls_unsent
    }

    /// fields are those of the head, as they went out.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        written_fields(&self.head)
    }

    /// ends_with: the body ends with the next `n` bytes.
    pub(super) fn ends_with(&self, n: usize) -> bool {
        match &self.body {
            RequestPayload::Bytes { data, sent } => sent + n == (**data).as_ref().len(),
            RequestPayload::None | RequestPayload::Stream(_) => false,
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// stop gives the source back; the connection cannot be used again.
    pub(super) fn stop(&mut self) {
        if !self.is_done() {
            self.stopped = true;
            self.body = RequestPayload::None;
        }
    }

    /// wants_to_send: there is something that may go out now.
    pub(super) fn wants_to_send(&self) -> bool {
        let waits = self.awaits_continue && self.head_sent == self.head.len() && !self.tls_unsent;
        !self.stopped && !self.is_done() && !waits
    }

    /// prepare reads the next piece of a source if the last one is gone. This may block in the program's
    /// callback, which may wait for an answer to what was sent before: so all of that must have left. An error is the
    /// callback's own.
    pub(super) fn prepare(&mut self) -> Result<()> {
        if self.awaits_continue || self.tls_unsent || self.head_sent < self.head.len() {
            return Ok(());
        }
        let RequestPayload::Stream(s) = &mut self.body else { return Ok(()) };
        if s.ended || s.piece_sent < s.piece.len() {
            return Ok(());
        }
        s.next_piece().map_err(|e| e.with_phase(Phase::Write))
    }

    /// probe_end asks a source that gave all it declared for its end, as soon as that has left: an answer that comes at once
    /// must not find the request unfinished.
    pub(super) fn probe_end(&mut self) -> Result<()> {
        match &self.body {
            RequestPayload::Stream(s) if s.left == Some(0) => self.prepare(),
            _ => Ok(()),
        }
    }

    /// pending is what may go out now: of the head, and of the body.
    pub(super) fn pending(&self) -> [&[u8]; 2] {
        let head = self.head.get(self.head_sent..).unwrap_or_default();
        let body = match &self.body {
            _ if self.awaits_continue => &[][..],
            RequestPayload::None => &[],
            RequestPayload::Bytes { data, sent } => (**data).as_ref().get(*sent..).unwrap_or_default(),
            RequestPayload::Stream(s) => s.piece.get(s.piece_sent..).unwrap_or_default(),
        };
        [head, body]
    }

    /// advance counts `n` bytes of what was pending as gone.
    pub(super) fn advance(&mut self, n: usize) {
        let of_head = n.min(self.head.len() - self.head_sent);
        self.head_sent += of_head;
        match &mut self.body {
            RequestPayload::Bytes { sent, .. } => *sent += n - of_head,
            RequestPayload::Stream(s) => s.piece_sent += n - of_head,
            RequestPayload::None => {}
        }
    }

    /// send_some sends what the socket takes without waiting; `WouldBlock` if that is nothing.
    pub(super) fn send_some(&mut self, conn: &mut PersistConn) -> io::Result<usize> {
        let result = conn.write(self.pending());
        self.tls_unsent = conn.has_unsent();
        let done = result?;
        self.advance(done.taken);
        self.sent += done.sent as u64;
        Ok(done.taken)
    }

    /// write_to writes all of it to `sink`, which may block.
    pub(super) fn write_to(mut self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while !self.is_done() {
            self.prepare()?;
            let [head, body] = self.pending();
            let n = head.len() + body.len();
            for part in [head, body].into_iter().filter(|p| !p.is_empty()) {
                sink(part)?;
            }
            self.advance(n);
        }
        Ok(())
    }
}

impl PayloadStream {
    fn next_piece(&mut self) -> Result<()> {
        self.piece_sent = 0;
        // Room for the size line in front, so that a chunk is one piece.
        const FRONT: usize = 18;
        self.piece.resize(FRONT + self.most, 0);
        let n = self.source.read(self.piece.get_mut(FRONT..).unwrap_or_default())?.min(self.most);
        match (&mut self.left, &self.chunked) {
            (None, Some(trailer)) if n == 0 => {
                self.piece.clear();
                self.piece.extend_from_slice(encode::LAST_CHUNK);
                self.piece.extend_from_slice(trailer);
                self.piece.extend_from_slice(b"\r\n");
                self.ended = true;
            }
            (None, None) => {
                self.piece.truncate(FRONT + n);
                self.piece_sent = FRONT;
                self.ended = n == 0;
            }
            (None, Some(_)) => {
                self.piece.truncate(FRONT + n);
                let (line, len) = encode::chunk_header(n);
                let at = FRONT - len;
                if let (Some(to), Some(from)) = (self.piece.get_mut(at..FRONT), line.get(..len)) {
                    to.copy_from_slice(from);
                }
                self.piece.extend_from_slice(encode::CHUNK_END);
                self.piece_sent = at;
            }
            (Some(left), _) => {
                if n as u64 > *left || (n == 0 && *left > 0) {
                    let got = self.declared - *left + n as u64;
                    let text = format!("http: ContentLength={} with Body length {got}", self.declared);
                    return Err(Error::new(Kind::BodyLength, text));
                }
                *left -= n as u64;
                self.piece.truncate(FRONT + n);
                self.piece_sent = FRONT;
                // A source that gave all it declared is asked once more: its end, or a wrong length.
                self.ended = n == 0;
            }
        }
        Ok(())
    }
}

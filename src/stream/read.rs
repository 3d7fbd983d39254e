//! `MessageReader`: heads from a stream.

use super::body::StreamBody;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{self, Framing, HeadScan, Reject};
use crate::message::header::Header;
use crate::message::request::{Request, RequestBody};
use crate::sync::{Mutex, MutexGuard};
use crate::transport::Response;
use std::sync::{Arc, PoisonError};

/// DEFAULT_HEAD is how long a head may be: Go's `DefaultMaxHeaderBytes`.
pub const DEFAULT_HEAD: usize = 1 << 20;
const FIRST_BUFFER: usize = 4096;

/// ByteFeed gives a stream's next bytes; `Ok(0)` is its end. An error is final.
pub trait ByteFeed: Send {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize>;
}

/// MessageReader is a counted reference to a stream and what was read ahead of it. It is lent to one reading call at a
/// time, so that no lock is held while the feed is called; a second call at the same time is refused.
#[derive(Clone)]
pub struct MessageReader(Arc<Mutex<Option<Box<BufferedFeed>>>>);

pub(super) struct BufferedFeed {
    feed: Box<dyn ByteFeed>,
    /// `buf[start..end]` was received and not yet used.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    finished: Option<Result<()>>,
    max_head: usize,
    /// A body was begun and its end not seen.
    pub(super) in_body: bool,
}

/// LentFeed is the stream while a call uses it.
pub(super) struct LentFeed<'a> {
    reader: &'a MessageReader,
    stream: Option<Box<BufferedFeed>>,
}

impl MessageReader {
    pub fn new(feed: Box<dyn ByteFeed>) -> MessageReader {
        MessageReader(Arc::new(Mutex::new(Some(Box::new(BufferedFeed {
            feed,
            buf: Vec::new(),
            start: 0,
            end: 0,
            finished: None,
            max_head: DEFAULT_HEAD,
            in_body: false,
        })))))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Box<BufferedFeed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lend(&self) -> Result<LentFeed<'_>> {
        match self.slot().take() {
            Some(stream) => Ok(LentFeed { reader: self, stream: Some(stream) }),
            None => Err(Error::new(Kind::Busy, "nethttp: the stream is being read by another call")),
        }
    }

    /// set_max_head bounds the heads to come.
    pub fn set_max_head(&self, bytes: usize) -> Result<()> {
        self.lend()?.with_feed(|s| s.max_head = bytes)
    }

    /// take_buffered moves what was read ahead to `to`, as much as fits: what follows a switch of protocols.
    pub fn take_buffered(&self, to: &mut [u8]) -> Result<usize> {
        self.lend()?.with_feed(|s| {
            let n = s.buffered().len().min(to.len());
            if let (Some(to), Some(from)) = (to.get_mut(..n), s.buffered().get(..n)) {
                to.copy_from_slice(from);
            }
            s.consume(n);
            n
        })
    }

    /// read_request reads a request's head; its body is read from it, to its end, before the next message. An end of
    /// the stream before the first byte is `UnexpectedEof` with the text "EOF".
    pub fn read_request(&self) -> Result<Request> {
        let mut lent = self.lend()?;
        let s = lent.stream()?;
        let (mut header, len) = s.head(|m| h1::check_first_line(m).map_err(refused))?;
        let line = h1::parse_request(&mut header, 0, len).map_err(refused)?;
        let facts = h1::request_facts(&header, &line).map_err(refused)?;
        s.in_body = !matches!(facts.framing, Framing::None | Framing::Length(0));
        let mut r = Request { header, ..Request::default() };
        h1::describe_request(&mut r, &line, &facts);
        drop(lent);
        r.body = RequestBody::Incoming(Box::new(StreamBody::new(self.clone(), facts.framing)));
        Ok(r)
    }

    /// read_response reads the head of the response to a request of `method`, informational ones included: they
    /// have no body, and the next call reads on.
    pub fn read_response(&self, method: &[u8]) -> Result<Box<Response>> {
        let mut lent = self.lend()?;
        let s = lent.stream()?;
        let (mut header, len) = s.head(h1::check_status_line)?;
        let line = h1::parse_response(&mut header, 0, len)?;
        let facts = h1::response_facts(method == b"HEAD", method == b"CONNECT", &line, &header)?;
        s.in_body = !matches!(facts.framing, Framing::None | Framing::Length(0));
        let announced = h1::strip_framing(&mut header, &line, &facts);
        drop(lent);
        let body = StreamBody::new(self.clone(), facts.framing);
        let mut response = Response::from_parts(header, line, facts, Box::new(body));
        response.announced = announced;
        Ok(response)
    }
}

/// refused puts what a server would answer into an error.
fn refused(r: Reject) -> Error {
    let kind = if r.status == 431 { Kind::TooLarge } else { Kind::Protocol };
    let text =
        if r.text.is_empty() { format!("{} Expectation Failed", r.status) } else { r.text.into_owned() };
    Error::new(kind, format!("net/http: malformed request: {text}")).with_phase(Phase::Head)
}

impl LentFeed<'_> {
    /// stream is between two messages; a body that was not read to its end is in the way.
    fn stream(&mut self) -> Result<&mut BufferedFeed> {
        let s = self.raw()?;
        if s.in_body {
            let text = "nethttp: the body of the message before was not read to its end";
            return Err(Error::new(Kind::State, text));
        }
        Ok(s)
    }

    pub(super) fn raw(&mut self) -> Result<&mut BufferedFeed> {
        self.stream.as_deref_mut().ok_or_else(|| Error::new(Kind::State, "nethttp: the stream is gone"))
    }

    fn with_feed<T>(mut self, f: impl FnOnce(&mut BufferedFeed) -> T) -> Result<T> {
        self.raw().map(f)
    }
}

impl Drop for LentFeed<'_> {
    fn drop(&mut self) {
        *self.reader.slot() = self.stream.take();
    }
}

impl BufferedFeed {
    pub(super) fn buffered(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// fill reads on; `Ok(0)` is the end. The end and an error stay.
    pub(super) fn fill(&mut self) -> Result<usize> {
        if let Some(over) = &self.finished {
            return over.clone().map(|()| 0);
        }
        if self.start > 0 && self.end == self.buf.len() {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buf.len() {
            self.buf.resize((self.buf.len() * 2).max(FIRST_BUFFER), 0);
        }
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        let most = room.len();
        match self.feed.read(room) {
            Ok(0) => self.finished = Some(Ok(())),
            Ok(n) => {
                self.end += n.min(most);
                return Ok(n.min(most));
            }
            Err(e) => self.finished = Some(Err(e)),
        }
        self.fill()
    }

    /// head reads up to a head's end and moves it to the block of a new header; `first` judges the first line as
    /// soon as that is whole.
    fn head(&mut self, first: impl Fn(&[u8]) -> Result<()>) -> Result<(Header, usize)> {
        let mut scan = HeadScan::new();
        loop {
            if let Some(len) = scan.find(self.buffered()) {
                if len > self.max_head {
                    return Err(self.too_large());
                }
                let mut header = Header::new();
                let block = header.store_mut().block_mut();
                // One byte more: the NUL behind a field that ends the head.
                block.reserve_exact(len + 1);
                block.extend_from_slice(self.buffered().get(..len).unwrap_or_default());
                self.consume(len);
                return Ok((header, len));
            }
            if scan.take_first_line_end() {
                first(self.buffered())?;
            }
            if self.buffered().len() >= self.max_head {
                return Err(self.too_large());
            }
            if self.fill()? == 0 {
                let text = if self.buffered().is_empty() { "EOF" } else { "unexpected EOF" };
                return Err(Error::new(Kind::UnexpectedEof, text).with_phase(Phase::Head));
            }
        }
    }

    fn too_large(&self) -> Error {
        let text = format!("net/http: the head exceeded {} bytes", self.max_head);
        Error::new(Kind::TooLarge, text).with_phase(Phase::Head)
    }
}

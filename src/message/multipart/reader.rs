//! `MultipartReader`: a multipart body taken apart without I/O (RFC 2046, 5.1), with the rules and the limits of Go's
//! `multipart.Reader`.

use crate::error::{Error, Kind, Result};
use crate::message::escape::quote;
use crate::message::header::Header;
use crate::message::media::MediaType;
use memchr::memmem::Finder;

/// The longest line outside of parts and headers.
pub(super) const LINE: usize = 4096;
/// Go's: what a part's header may take, what each field counts besides its bytes, and how many there may be.
pub const HEADER_BYTES: usize = 10 << 20;
const HEADER_OWN: usize = 400;
const FIELD_OWN: usize = 200;
pub const HEADERS: usize = 10_000;

/// ReadStep is what a call has come to.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadStep<T> {
    /// More input is needed.
    Need,
    Done(T),
}

enum ReadPosition {
    /// Between parts; `true`: a line end was seen, a boundary must follow.
    Between(bool),
    /// In a part's header: what it has, the line that may be continued, and the bytes counted.
    Header(Header, Vec<u8>, usize),
    /// In a part's content, of which so many bytes were read.
    Content(u64),
    End,
}

pub struct MultipartReader {
    buf: Vec<u8>,
    start: usize,
    eof: bool,
    /// "--boundary".
    delimiter: Vec<u8>,
    /// The same behind a line end; CRLF or, as the first boundary's line has it, LF.
    line_delimiter: Vec<u8>,
    find: Finder<'static>,
    parts: usize,
    state: ReadPosition,
    /// How many bytes of the input have no line end.
    searched: usize,
    /// What is known of the input as content: how much of it is, and whether a boundary follows.
    known: Option<(usize, bool)>,
}

/// What stands behind a boundary's text.
enum AfterBoundary {
    Boundary,
    Other,
    Unknown,
}

impl MultipartReader {
    pub fn new(boundary: &[u8]) -> Result<MultipartReader> {
        if boundary.is_empty() {
            return Err(malformed("multipart: boundary is empty"));
        }
        let dash = [b"--", boundary].concat();
        let line_dash = [b"\r\n", &*dash].concat();
        let find = Finder::new(&line_dash).into_owned();
        let state = ReadPosition::Between(false);
        let (buf, searched, known) = (Vec::new(), 0, None);
        Ok(MultipartReader {
            buf,
            start: 0,
            eof: false,
            delimiter: dash,
            line_delimiter: line_dash,
            find,
            parts: 0,
            state,
            searched,
            known,
        })
    }

    /// room is where input is to be put, `len` bytes at most.
    pub fn feed(&mut self, data: &[u8]) {
        self.buf.drain(..self.start);
        self.start = 0;
        self.buf.extend_from_slice(data);
    }

    /// eof says that there is no more input.
    pub fn eof(&mut self) {
        self.eof = true;
    }

    fn rest(&self) -> &[u8] {
        self.buf.get(self.start..).unwrap_or_default()
    }

    /// next goes on to the next part, past what was not read of this one, and gives its header; `None` is the end.
    /// `limits` are bytes and fields of the header.
    pub fn next(&mut self, limits: (usize, usize)) -> Result<ReadStep<Option<Header>>> {
        let mut junk = [0; 4096];
        while matches!(self.state, ReadPosition::Content(_)) {
            match self.read(&mut junk)? {
                ReadStep::Need => return Ok(ReadStep::Need),
                ReadStep::Done(0) => self.state = ReadPosition::Between(false),
                ReadStep::Done(_) => {}
            }
        }
        loop {
            if matches!(self.state, ReadPosition::End) {
                return Ok(ReadStep::Done(None));
            }
            let Some(line) = self.line(limits.0)? else { return Ok(ReadStep::Need) };
            match std::mem::replace(&mut self.state, ReadPosition::End) {
                ReadPosition::Header(header, open, size) => {
                    if let Some(header) = self.field(header, open, size, &line, limits)? {
                        self.state = ReadPosition::Content(0);
                        return Ok(ReadStep::Done(Some(header)));
                    }
                }
                ReadPosition::Between(expecting) => self.between(expecting, &line)?,
                _ => {}
            }
        }
    }

    /// line takes a line with its end, or what there is before the end of input.
    fn line(&mut self, limit: usize) -> Result<Option<Vec<u8>>> {
        let in_header = matches!(self.state, ReadPosition::Header(..));
        let most = if in_header { limit } else { LINE };
        let rest = self.rest();
        let searched = self.searched.min(rest.len());
        let end = memchr::memchr(b'\n', rest.get(searched..).unwrap_or_default()).map(|i| i + searched + 1);
        let len = match end {
            // Wherever the input was cut.
            Some(len) if !in_header && len > LINE => return Err(buffer_full()),
            Some(len) => len,
            None if in_header && rest.len() > most => return Err(too_large()),
            None if !in_header && rest.len() >= most => return Err(buffer_full()),
            None if !self.eof => {
                self.searched = rest.len();
                return Ok(None);
            }
            None if in_header => return Err(truncated("unexpected EOF")),
            None if self.is_last(rest) => rest.len(),
            None => return Err(truncated("multipart: NextPart: EOF")),
        };
        let line = rest.get(..len).unwrap_or_default().to_vec();
        self.start += len;
        self.searched = 0;
        Ok(Some(line))
    }

    fn line_end(&self) -> &[u8] {
        self.line_delimiter.strip_suffix(&*self.delimiter).unwrap_or_default()
    }

    fn is_last(&self, line: &[u8]) -> bool {
        let rest = line.strip_prefix(&*self.delimiter).and_then(|r| r.strip_prefix(b"--"));
        rest.is_some_and(|r| matches!(skip_space(r), r if r.is_empty() || r == self.line_end()))
    }

    fn between(&mut self, expecting: bool, line: &[u8]) -> Result<()> {
        if let Some(rest) = line.strip_prefix(&*self.delimiter).map(skip_space) {
            if self.parts == 0 && rest == b"\n" {
                self.line_delimiter.remove(0);
                self.find = Finder::new(&self.line_delimiter).into_owned();
            }
            if rest == self.line_end() {
                self.parts += 1;
                self.state = ReadPosition::Header(Header::new(), Vec::new(), HEADER_OWN);
                return Ok(());
            }
        }
        if self.is_last(line) {
            // What follows is nobody's business (RFC 2046, 5.1.1).
            self.state = ReadPosition::End;
            return Ok(());
        }
        if expecting {
            return Err(malformed("multipart: expecting a new Part; got another line"));
        }
        let is_empty = line == self.line_end();
        if self.parts > 0 && !is_empty {
            return Err(malformed("multipart: unexpected line in Next()"));
        }
        self.state = ReadPosition::Between(self.parts > 0 && is_empty);
        Ok(())
    }

    /// field takes a header's line; the whole header is the answer to an empty one.
    fn field(
        &mut self,
        mut header: Header,
        mut open: Vec<u8>,
        size: usize,
        line: &[u8],
        (most, fields): (usize, usize),
    ) -> Result<Option<Header>> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let size = size + text.len();
        if size > most {
            return Err(too_large());
        }
        if text.starts_with(b" ") || text.starts_with(b"\t") {
            if open.is_empty() {
                return Err(malformed(format!("malformed MIME header initial line: {}", quote(text))));
            }
            open.push(b' ');
            open.extend_from_slice(trim(text));
            self.state = ReadPosition::Header(header, open, size);
            return Ok(None);
        }
        if !open.is_empty() {
            let bad = || malformed(format!("malformed MIME header line: {}", quote(&open)));
            let colon = memchr::memchr(b':', &open).ok_or_else(bad)?;
            let (name, value) = open.split_at_checked(colon).ok_or_else(bad)?;
            header.add(name, trim(value.get(1..).unwrap_or_default())).map_err(|_| bad())?;
        }
        if text.is_empty() {
            return Ok(Some(header));
        }
        if header.len() >= fields {
            return Err(too_large());
        }
        self.state = ReadPosition::Header(header, trim(text).to_vec(), size + FIELD_OWN);
        Ok(None)
    }

    /// read gives bytes of the part's content; 0 is its end.
    pub fn read(&mut self, out: &mut [u8]) -> Result<ReadStep<usize>> {
        let ReadPosition::Content(total) = self.state else { return Ok(ReadStep::Done(0)) };
        let (sure, ends) = match self.known {
            Some((n, ends)) if n > 0 || ends => (n, ends),
            _ => self.scan(total),
        };
        let n = sure.min(out.len());
        match (self.rest().get(..n), out.get_mut(..n)) {
            (Some(from), Some(to)) if n > 0 => to.copy_from_slice(from),
            _ if ends && sure == 0 => {
                self.known = None;
                self.state = ReadPosition::Between(false);
                return Ok(ReadStep::Done(0));
            }
            _ if sure > 0 => return Ok(ReadStep::Done(0)),
            _ if self.eof => return Err(truncated("unexpected EOF")),
            _ => return Ok(ReadStep::Need),
        }
        self.known = Some((sure - n, ends));
        self.start += n;
        self.state = ReadPosition::Content(total + n as u64);
        Ok(ReadStep::Done(n))
    }

    /// scan tells how many bytes are content for sure, and whether a boundary follows them.
    fn scan(&self, total: u64) -> (usize, bool) {
        let rest = self.rest();
        if total == 0 {
            // A part without content has no line end of its own before the boundary.
            if rest.starts_with(&self.delimiter) {
                match self.after_boundary(self.delimiter.len()) {
                    AfterBoundary::Boundary => return (0, true),
                    AfterBoundary::Other => return (self.delimiter.len(), false),
                    AfterBoundary::Unknown => return (0, false),
                }
            }
            if self.delimiter.starts_with(rest) {
                return (0, false);
            }
        }
        if let Some(i) = self.find.find(rest) {
            return match self.after_boundary(i + self.line_delimiter.len()) {
                AfterBoundary::Boundary => (i, true),
                AfterBoundary::Other => (i + self.line_delimiter.len(), false),
                AfterBoundary::Unknown => (i, false),
            };
        }
        let first = self.line_delimiter.first().copied().unwrap_or(b'\n');
        // The last bytes may be the beginning of a boundary.
        match memchr::memrchr(first, rest) {
            Some(i) if self.line_delimiter.starts_with(rest.get(i..).unwrap_or_default()) => (i, false),
            _ => (rest.len(), false),
        }
    }

    fn after_boundary(&self, at: usize) -> AfterBoundary {
        let rest = self.rest();
        match (rest.get(at), rest.get(at + 1)) {
            (None, _) if self.eof => AfterBoundary::Boundary,
            (None, _) => AfterBoundary::Unknown,
            (Some(b' ' | b'\t' | b'\r' | b'\n'), _) => AfterBoundary::Boundary,
            (Some(b'-'), Some(b'-')) => AfterBoundary::Boundary,
            (Some(b'-'), None) if !self.eof => AfterBoundary::Unknown,
            _ => AfterBoundary::Other,
        }
    }
}

/// trim takes spaces and tabs away at both ends; a CR is a fault there.
fn trim(text: &[u8]) -> &[u8] {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = text.iter().position(|b| !is_blank(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !is_blank(b)).map_or(start, |i| i + 1);
    text.get(start..end).unwrap_or_default()
}

/// Disposition is what a part's header says of it: Go's `FormName` and `FileName`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disposition {
    pub name: Vec<u8>,
    /// The last segment of the path that was sent; empty if there was none.
    pub filename: Vec<u8>,
}

impl Disposition {
    pub fn from_header(header: &Header) -> Disposition {
        let value = header.get(b"Content-Disposition").unwrap_or_default();
        let Ok(media) = MediaType::parse(value) else { return Disposition::default() };
        let param = |name: &[u8]| media.get(name).unwrap_or_default().to_vec();
        let name = if media.kind == b"form-data" { param(b"name") } else { Vec::new() };
        let path = param(b"filename");
        let path = match path.iter().rposition(|&b| b != b'/') {
            Some(end) => path.get(..=end).unwrap_or_default(),
            None => path.get(..1).unwrap_or_default(),
        };
        let slash = memchr::memrchr(b'/', path).filter(|_| path.len() > 1).map_or(0, |i| i + 1);
        Disposition { name, filename: path.get(slash..).unwrap_or_default().to_vec() }
    }
}

/// boundary_of is the boundary that a Content-Type names.
pub fn boundary_of(content_type: Option<&[u8]>, mixed: bool) -> Result<Vec<u8>> {
    let media = content_type.and_then(|v| MediaType::parse(v).ok());
    let is_multipart =
        |m: &MediaType| m.kind == b"multipart/form-data" || (mixed && m.kind == b"multipart/mixed");
    let Some(media) = media.filter(is_multipart) else {
        return Err(crate::error::invalid("request Content-Type isn't multipart/form-data"));
    };
    let boundary = media.get(b"boundary").map(<[u8]>::to_vec);
    boundary.ok_or_else(|| crate::error::invalid("no multipart boundary param in Content-Type"))
}

fn skip_space(s: &[u8]) -> &[u8] {
    let n = s.iter().position(|&b| b != b' ' && b != b'\t').unwrap_or(s.len());
    s.get(n..).unwrap_or_default()
}

pub fn too_large() -> Error {
    Error::new(Kind::TooLarge, "multipart: message too large")
}

fn buffer_full() -> Error {
    malformed("multipart: NextPart: bufio: buffer full")
}

fn malformed(text: impl Into<String>) -> Error {
    Error::new(Kind::Protocol, text.into())
}

fn truncated(text: &str) -> Error {
    Error::new(Kind::UnexpectedEof, text)
}

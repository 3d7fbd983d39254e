//! `FileResponse`: an answer about a content that is settled before a byte of it goes, to a server's writer or to a client.

use crate::error::{Error, Kind, Result};
use crate::message::header::Header;
use crate::server::{ResponseWriter, responses};
use std::collections::VecDeque;
use std::io::{Cursor, Read};

/// What is asked of a content at once.
const PIECE: usize = 64 * 1024;

/// Content is what may be served: bytes of which any may be read first.
pub trait Content: Send {
    fn size(&self) -> u64;
    /// read_at fills a part of `buf` with what stands at `offset`; `Ok(0)` is the end.
    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize>;
    /// send writes a piece.
    fn send(&mut self, w: &mut ResponseWriter, mut offset: u64, mut len: u64) -> Result<()> {
        let mut buf = vec![0; piece(len)];
        while len > 0 {
            let n = self.read_at(offset, buf.get_mut(..piece(len)).unwrap_or_default())?;
            if n == 0 {
                return Err(ended());
            }
            w.write(buf.get(..n).unwrap_or_default())?;
            offset += n as u64;
            len -= n as u64;
        }
        Ok(())
    }
}

fn piece(len: u64) -> usize {
    usize::try_from(len).unwrap_or(PIECE).min(PIECE)
}

fn ended() -> Error {
    Error::new(Kind::UnexpectedEof, "nethttp: the content has ended before its size")
}

/// ResponsePart is a piece of an answer's body.
pub(super) enum ResponsePart {
    Text(Cursor<Vec<u8>>),
    Content { offset: u64, len: u64 },
}

impl ResponsePart {
    pub(super) fn text(text: Vec<u8>) -> ResponsePart {
        ResponsePart::Text(Cursor::new(text))
    }
}

/// FileResponse has a status and a body; its fields are in the header that it was made with.
pub(super) struct FileResponse {
    pub(super) status: u16,
    parts: VecDeque<ResponsePart>,
    /// Its text is added also to an answer that has begun, as in Go; who did so is told.
    refusal: bool,
}

impl FileResponse {
    pub(super) fn new(status: u16, parts: impl IntoIterator<Item = ResponsePart>) -> FileResponse {
        FileResponse { status, parts: parts.into_iter().collect(), refusal: false }
    }

    /// error is a status with a line of plain text, in Go's words.
    pub(super) fn error(h: &mut Header, text: &[u8], status: u16) -> Result<FileResponse> {
        responses::set_error_fields(h)?;
        let parts = [ResponsePart::text([text, b"\n"].concat())].into();
        Ok(FileResponse { status, parts, refusal: true })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// send writes the answer; `content` is what its parts are pieces of.
    pub(super) fn send(self, w: &mut ResponseWriter, mut content: Option<&mut dyn Content>) -> Result<()> {
        let begun = w.write_header(self.status);
        if !self.refusal {
            begun.clone()?;
        }
        for part in self.parts {
            match (part, content.as_deref_mut()) {
                (ResponsePart::Text(text), _) => w.write(text.get_ref())?,
                (ResponsePart::Content { offset, len }, Some(content)) => content.send(w, offset, len)?,
                (ResponsePart::Content { .. }, None) => return Err(ended()),
            }
        }
        begun
    }

    /// read fills a part of `buf` with what comes next; `Ok(0)` is the end.
    pub(super) fn read(&mut self, mut content: Option<&mut dyn Content>, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let n = match self.parts.front_mut() {
                None => return Ok(0),
                // Reading out of memory cannot fail.
                Some(ResponsePart::Text(text)) => text.read(buf).unwrap_or(0),
                Some(ResponsePart::Content { len: 0, .. }) => 0,
                Some(ResponsePart::Content { offset, len }) => {
                    let room = usize::try_from(*len).unwrap_or(buf.len()).min(buf.len());
                    let Some(content) = content.as_deref_mut() else { return Err(ended()) };
                    let n = content.read_at(*offset, buf.get_mut(..room).unwrap_or_default())?;
                    if n == 0 {
                        return Err(ended());
                    }
                    (*offset, *len) = (*offset + n as u64, *len - n as u64);
                    n
                }
            };
            if n > 0 {
                return Ok(n);
            }
            self.parts.pop_front();
        }
    }
}

//! `FileTransport`: requests of a client answered from a file system (Go's `NewFileTransport`).

use super::file_response::{Content, FileResponse};
use super::file_system::FileSystem;
use super::files;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{Framing, ResponseFacts, StatusLine};
use crate::message::header::Header;
use crate::message::request::{HTTP_10, Request};
use crate::net::cancel::{CancelToken, canceled};
use crate::transport::{
    AWAITING_HEADERS, READING_BODY, ReadBody, Response, RoundTripResult, RoundTripper, read_when_closed,
};
use std::sync::Arc;
use std::time::Instant;

/// FileTransport looks at a request's method, path and conditions, not at its host or its body.
pub struct FileTransport(Arc<dyn FileSystem>);

impl FileTransport {
    pub fn new(files: Arc<dyn FileSystem>) -> FileTransport {
        FileTransport(files)
    }
}

impl RoundTripper for FileTransport {
    fn round_trip(
        &self,
        r: &Request,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<RoundTripResult> {
        let ended = BodyDeadline { overall, cancel: cancel.cloned() };
        ended.check(AWAITING_HEADERS)?;
        let mut header = Header::new();
        let (answer, content) = files::respond(&mut header, r, &*self.0)?;
        let line = StatusLine::from_code(&mut header, HTTP_10, answer.status);
        // As in Go, nothing but the header tells a file's length.
        let content_length = if answer.is_empty() { 0 } else { -1 };
        let facts = ResponseFacts {
            framing: Framing::None,
            keep_alive: false,
            content_length,
            chunked: false,
            nothing_to_strip: true,
        };
        let body = Box::new(FileBody { answer, content, deadline: ended, failed: None });
        Ok(RoundTripResult::Response(Response::from_parts(header, line, facts, body)))
    }
}

/// BodyDeadline is what may cut a body short.
struct BodyDeadline {
    overall: Option<Instant>,
    cancel: Option<CancelToken>,
}

impl BodyDeadline {
    fn check(&self, late: &str) -> Result<()> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_fired) {
            return Err(canceled());
        }
        if self.overall.is_some_and(|at| Instant::now() >= at) {
            return Err(Error::new(Kind::Timeout, late));
        }
        Ok(())
    }
}

struct FileBody {
    answer: FileResponse,
    content: Option<Box<dyn Content>>,
    deadline: BodyDeadline,
    /// Sticky.
    failed: Option<Error>,
}

impl ReadBody for FileBody {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        let content = self.content.as_mut().map(|content| &mut **content as &mut dyn Content);
        let read = self.deadline.check(READING_BODY).and_then(|()| self.answer.read(content, buf));
        read.map_err(|e| {
            let e = e.with_phase(Phase::Body);
            self.failed = Some(e.clone());
            e
        })
    }

    fn take_trailer(&mut self) -> Option<Header> {
        None
    }

    fn close(&mut self) {
        self.failed = Some(read_when_closed());
        self.content = None;
    }
}

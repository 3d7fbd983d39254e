//! The end of a response, after its handler.

use super::{Framing, ResponseWriter, Stage, Whole};
use crate::error::Result;
use crate::h1::encode;
use crate::server::h2::Stream;
use crate::server::line::Line;

impl ResponseWriter {
    /// finish ends the response after its handler; `true`: the connection can go on.
    pub(in crate::server) fn finish(&mut self) -> bool {
        if self.aborted || self.stage == Stage::Ended {
            self.stage = Stage::Ended;
            return false;
        }
        let done = self.finish_writing();
        self.stage = Stage::Ended;
        done.is_ok() && !self.close
    }

    fn finish_writing(&mut self) -> Result<()> {
        if self.stage == Stage::Fresh {
            self.settle(200)?;
        }
        let whole = self.stage == Stage::Settled;
        self.send_head(true, &[])?;
        let stream = match &self.line {
            Line::Http2(stream) => Some(stream.clone()),
            Line::Http1(_) => None,
        };
        if let Some(stream) = stream {
            return self.finish_stream(&stream, whole);
        }
        self.send_body(&[])?;
        if self.framing == Framing::Chunked {
            let mut end = Vec::new();
            encode::last_chunk(&mut end, Some(&self.trailer));
            self.line.push(&[&end])?;
        }
        if self.framing == Framing::Length && self.declared.is_some_and(|n| n != self.written) {
            // The peer waits for bytes that will not come: only the end of the connection can tell it.
            self.close = true;
        }
        Ok(())
    }

    fn finish_stream(&mut self, stream: &Stream, whole: bool) -> Result<()> {
        if self.framing == Framing::Length && self.declared.is_some_and(|n| n != self.written) {
            // RFC 9113, 8.1.1: a message that is shorter than it says is malformed. The peer is told.
            stream.abort();
            return Ok(());
        }
        self.whole = whole;
        if whole {
            return Ok(());
        }
        if self.framing != Framing::Nothing {
            stream.push_rest(&self.body)?;
        }
        self.body.clear();
        let trailer = (self.framing != Framing::Nothing && !self.trailer.is_empty()).then_some(&self.trailer);
        stream.end(trailer);
        Ok(())
    }

    /// whole is the response that [`ResponseWriter::finish`] has left here.
    pub(in crate::server) fn whole(&self) -> Option<Whole<'_>> {
        let has_body = self.framing != Framing::Nothing;
        self.whole.then(|| Whole {
            status: self.status,
            head: &self.head,
            body: if has_body { &self.body } else { &[] },
            trailer: Some(&self.trailer).filter(|t| has_body && !t.is_empty()),
        })
    }
}

//! The end of a response, after its handler.

use super::{CompleteResponse, ResponseFraming, ResponseStage, ResponseWriter};
use crate::error::Result;
use crate::h1::encode;
use crate::server::h2::ServerStream;
use crate::server::response_sink::ResponseSink;

impl ResponseWriter {
    /// finish ends the response after its handler; `true`: the connection can go on.
    pub(in crate::server) fn finish(&mut self) -> bool {
        if self.aborted || self.stage == ResponseStage::Ended {
            self.stage = ResponseStage::Ended;
            return false;
        }
        let done = self.finish_writing();
        self.stage = ResponseStage::Ended;
        done.is_ok() && !self.close
    }

    fn finish_writing(&mut self) -> Result<()> {
        if self.stage == ResponseStage::Fresh {
            self.settle(200)?;
        }
        let whole = self.stage == ResponseStage::Settled;
        self.send_head(true, &[])?;
        let stream = match &self.sink {
            ResponseSink::Http2(stream) => Some(stream.clone()),
            ResponseSink::Http1(_) => None,
        };
        if let Some(stream) = stream {
            return self.finish_stream(&stream, whole);
        }
        self.send_body(&[])?;
        if self.framing == ResponseFraming::Chunked {
            let mut end = Vec::new();
            encode::last_chunk(&mut end, Some(&self.trailer));
            self.sink.push(&[&end])?;
        }
        if self.framing == ResponseFraming::Length && self.declared.is_some_and(|n| n != self.written) {
            // The peer waits for bytes that will not come: only the end of the connection can tell it.
            self.close = true;
        }
        Ok(())
    }

    fn finish_stream(&mut self, stream: &ServerStream, whole: bool) -> Result<()> {
        if self.framing == ResponseFraming::Length && self.declared.is_some_and(|n| n != self.written) {
            // RFC 9113, 8.1.1: a message that is shorter than it says is malformed. The peer is told.
            stream.abort();
            return Ok(());
        }
        self.is_complete = whole;
        if whole {
            return Ok(());
        }
        if self.framing != ResponseFraming::Nothing {
            stream.push_rest(&self.body)?;
        }
        self.body.clear();
        let trailer =
            (self.framing != ResponseFraming::Nothing && !self.trailer.is_empty()).then_some(&self.trailer);
        stream.end(trailer);
        Ok(())
    }

    /// whole is the response that [`ResponseWriter::finish`] has left here.
    pub(in crate::server) fn complete_response(&self) -> Option<CompleteResponse<'_>> {
        let has_body = self.framing != ResponseFraming::Nothing;
        self.is_complete.then(|| CompleteResponse {
            status: self.status,
            head: &self.head,
            body: if has_body { &self.body } else { &[] },
            trailer: Some(&self.trailer).filter(|t| has_body && !t.is_empty()),
        })
    }
}

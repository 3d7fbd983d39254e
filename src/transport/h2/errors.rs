//! Failures of streams and connections, in Go's words, with what they mean for another try.

use crate::error::{Error, Http2, Kind, Phase};
use crate::h2::ErrorCode;
use crate::transport::exchange::{Failure, Retry};

/// GoAway is what the server's GOAWAY frames have said so far.
#[derive(Clone, Debug)]
pub(super) struct GoAway {
    pub(super) last: u32,
    pub(super) code: ErrorCode,
    pub(super) debug: Box<[u8]>,
}

impl GoAway {
    /// merge adds what a further one says: the last stream may only go down, the first error and text stay, as in Go.
    pub(super) fn merge(&mut self, last: u32, code: ErrorCode, debug: Box<[u8]>) {
        self.last = last;
        if self.code == ErrorCode::NO_ERROR {
            self.code = code;
        }
        if self.debug.is_empty() {
            self.debug = debug;
        }
    }

    fn facts(&self, stream: u32) -> Http2 {
        Http2 { stream, code: self.code.0, last_stream: Some(self.last), debug: self.debug.to_vec() }
    }

    /// closed is the error of a connection that ended behind it.
    pub(super) fn closed(&self) -> Error {
        let text = format!(
            "http2: server sent GOAWAY and closed the connection; LastStreamID={}, ErrCode={}, debug=\"{}\"",
            self.last,
            self.code,
            self.debug.escape_ascii()
        );
        Error::new(Kind::UnexpectedEof, text).with_http2(self.facts(0))
    }

    /// unprocessed is the failure of a stream that it says was not processed.
    pub(super) fn unprocessed(&self, stream: u32) -> Failure {
        if stream == 1 && self.code != ErrorCode::NO_ERROR {
            // An error at the very beginning will come again (Go's rule).
            let text = format!("http2: Transport received GOAWAY from server ErrCode:{}", self.code);
            let error = Error::new(Kind::Protocol, text).with_http2(self.facts(stream));
            return Failure { error: error.with_phase(Phase::Head), retry: Retry::No };
        }
        let text = "http2: Transport received Server's graceful shutdown GOAWAY";
        let error = Error::new(Kind::Closed, text).with_http2(self.facts(stream));
        Failure { error: error.with_phase(Phase::Head), retry: Retry::Refused }
    }
}

/// stream_error is Go's `StreamError`.
pub(super) fn stream_error(kind: Kind, stream: u32, code: ErrorCode, cause: &str) -> Error {
    let mut text = format!("stream error: stream ID {stream}; {code}");
    if !cause.is_empty() {
        text.push_str("; ");
        text.push_str(cause);
    }
    Error::new(kind, text).with_http2(Http2 { stream, code: code.0, last_stream: None, debug: Vec::new() })
}

/// unusable is the failure of a request of which nothing was sent.
pub(super) fn unusable() -> Failure {
    let error = Error::new(Kind::Closed, "http2: client conn not usable").with_phase(Phase::Pool);
    Failure { error, retry: Retry::Unusable }
}

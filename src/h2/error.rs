//! `ErrorCode`: what HTTP/2 calls an error, and who is hit by it.

use crate::error::{Error, Kind};
use std::fmt;

/// ErrorCode is an error code of RFC 9113, 7; codes without a name pass through.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    pub const NO_ERROR: ErrorCode = ErrorCode(0);
    pub const PROTOCOL_ERROR: ErrorCode = ErrorCode(1);
    pub const INTERNAL_ERROR: ErrorCode = ErrorCode(2);
    pub const FLOW_CONTROL_ERROR: ErrorCode = ErrorCode(3);
    pub const SETTINGS_TIMEOUT: ErrorCode = ErrorCode(4);
    pub const STREAM_CLOSED: ErrorCode = ErrorCode(5);
    pub const FRAME_SIZE_ERROR: ErrorCode = ErrorCode(6);
    pub const REFUSED_STREAM: ErrorCode = ErrorCode(7);
    pub const CANCEL: ErrorCode = ErrorCode(8);
    pub const COMPRESSION_ERROR: ErrorCode = ErrorCode(9);
    pub const CONNECT_ERROR: ErrorCode = ErrorCode(10);
    pub const ENHANCE_YOUR_CALM: ErrorCode = ErrorCode(11);
    pub const INADEQUATE_SECURITY: ErrorCode = ErrorCode(12);
    pub const HTTP_1_1_REQUIRED: ErrorCode = ErrorCode(13);

    /// name is the code's name in the RFC, if it has one.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        NAMES.get(self.0 as usize).copied()
    }

    /// token is how the code is spelled in the name of a counter.
    pub fn token(self) -> String {
        self.name().map_or_else(|| format!("err_unknown_{}", self.0), str::to_ascii_lowercase)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown error code 0x{:x}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Fault is a breach of the protocol. The reason goes to logs and, of a connection's fault, into GOAWAY's debug data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: ErrorCode,
    /// The stream that is reset for it; 0: the connection ends.
    pub stream: u32,
    pub reason: &'static str,
}

impl Fault {
    pub const fn connection(code: ErrorCode, reason: &'static str) -> Fault {
        Fault { code, stream: 0, reason }
    }

    pub const fn stream(stream: u32, code: ErrorCode, reason: &'static str) -> Fault {
        Fault { code, stream, reason }
    }

    /// to_error is the fault in Go's words.
    pub fn to_error(self) -> Error {
        Error::new(Kind::Protocol, self.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stream {
            0 => write!(f, "connection error: {}", self.code)?,
            id => write!(f, "stream error: stream ID {id}; {}", self.code)?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, "; {}", self.reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_gos() {
        assert_eq!(ErrorCode::ENHANCE_YOUR_CALM.to_string(), "ENHANCE_YOUR_CALM");
        assert_eq!(ErrorCode(13), ErrorCode::HTTP_1_1_REQUIRED);
        assert_eq!(ErrorCode(14).to_string(), "unknown error code 0xe");
        let fault = Fault::connection(ErrorCode::PROTOCOL_ERROR, "");
        assert_eq!(fault.to_error().message(), "connection error: PROTOCOL_ERROR");
        let fault = Fault::stream(3, ErrorCode::CANCEL, "why");
        assert_eq!(fault.to_string(), "stream error: stream ID 3; CANCEL; why");
    }
}

//! `Error`: what went wrong, in Go's words, as one immutable value.

use crate::sys;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

pub type Result<T> = std::result::Result<T, Error>;

/// Kind is what a program branches on. Each value is a C result code; numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Kind {
    /// An argument is NULL, out of range or malformed.
    Invalid = -1,
    /// The object is not in a state in which the call is allowed.
    State = -2,
    /// This build or this object cannot do what was asked.
    Unsupported = -3,
    /// Memory, threads or descriptors are exhausted.
    NoResources = -4,
    /// A bug in the library was caught at the border.
    Panic = -5,
    /// The handle was made before a `fork` and is dead in the child.
    Forked = -6,
    /// The call would wait for the thread that makes it.
    WouldDeadlock = -7,
    /// The object is in use by another call.
    Busy = -8,
    /// Nothing is there under that name or index.
    NotFound = -9,

    /// A deadline passed.
    Timeout = -20,
    /// A cancel token fired.
    Canceled = -21,
    /// The object was closed while, or before, it was used.
    Closed = -22,
    /// `nh_server_shutdown`, `_close` or `_request_stop` ended the server.
    ServerClosed = -23,

    /// The name could not be resolved.
    Dns = -40,
    /// No address could be connected to, or bound.
    Connect = -41,
    /// A read or a write failed on an established connection.
    Io = -42,
    /// The peer ended the stream before the message was whole.
    UnexpectedEof = -43,
    /// TLS failed.
    Tls = -44,
    /// The proxy refused or could not be spoken to.
    Proxy = -45,

    /// The peer does not speak HTTP as RFC 9110 and RFC 9112 demand.
    Protocol = -60,
    /// A configured limit was passed.
    TooLarge = -61,
    /// A body is longer or shorter than its declared length.
    BodyLength = -62,
    /// The status or the method allows no body.
    BodyNotAllowed = -63,
    /// Redirects were refused or did not end.
    Redirect = -64,
    /// A request body that was consumed cannot be sent again.
    BodySpent = -65,
    /// A browser sent the request for another site.
    CrossOrigin = -66,

    /// A callback of the program asked to stop.
    Aborted = -80,
}

/// Phase says what the operation was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Phase {
    None = 0,
    /// Checking and building the request.
    Prepare = 1,
    /// Waiting for a connection of the pool.
    Pool = 2,
    Resolve = 3,
    Connect = 4,
    TlsHandshake = 5,
    Proxy = 6,
    /// Sending the request's head or body.
    Write = 7,
    /// Waiting for, or reading, the response's head.
    Head = 8,
    /// Reading the response's body.
    Body = 9,
    Listen = 10,
    Accept = 11,
}

/// Http2 is what HTTP/2 itself says of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http2 {
    /// 0: the connection.
    pub stream: u32,
    /// RFC 9113, 7.
    pub code: u32,
    /// GOAWAY's last stream, if one came, and its text.
    pub last_stream: Option<u32>,
    pub debug: Vec<u8>,
}

/// Error is immutable; the box keeps `Result<T, Error>` one word wide on the paths that succeed.
#[derive(Clone, Debug)]
pub struct Error(Box<ErrorData>);

#[derive(Clone, Debug)]
struct ErrorData {
    kind: Kind,
    phase: Phase,
    text: String,
    op: String,
    url: String,
    addrs: Vec<SocketAddr>,
    errno: i32,
    tls_alert: Option<u8>,
    http2: Option<Arc<Http2>>,
    timeout: bool,
    temporary: bool,
    cause: Option<Error>,
}

impl Error {
    /// new makes an error whose text is already in its final words.
    pub fn new(kind: Kind, text: impl Into<String>) -> Error {
        Error(Box::new(ErrorData {
            kind,
            phase: Phase::None,
            text: text.into(),
            op: String::new(),
            url: String::new(),
            addrs: Vec::new(),
            errno: 0,
            tls_alert: None,
            http2: None,
            timeout: kind == Kind::Timeout,
            temporary: kind == Kind::Timeout,
            cause: None,
        }))
    }

    /// io wraps a failed system call; `what` names it as Go does ("read tcp 1.2.3.4:5->...").
    pub fn io(kind: Kind, what: impl fmt::Display, e: &std::io::Error) -> Error {
        let errno = e.raw_os_error().unwrap_or(0);
        let mut err = Error::new(kind, format!("{what}: {}", sys::os_text(e)));
        err.0.errno = errno;
        err.0.timeout |= matches!(e.kind(), std::io::ErrorKind::TimedOut);
        err.0.temporary |= err.0.timeout
            || matches!(errno, sys::EINTR | sys::EMFILE | sys::ENFILE | sys::ECONNRESET | sys::ECONNABORTED);
        err
    }

    pub fn with_phase(mut self, phase: Phase) -> Error {
        if self.0.phase == Phase::None {
            self.0.phase = phase;
        }
        self
    }

    /// with_temporary marks an error after which another try may succeed.
    pub fn with_temporary(mut self) -> Error {
        self.0.temporary = true;
        self
    }

    pub fn with_addrs(mut self, addrs: Vec<SocketAddr>) -> Error {
        self.0.addrs = addrs;
        self
    }

    /// with_tls_alert keeps the number of an alert that the peer has sent.
    pub fn with_tls_alert(mut self, alert: u8) -> Error {
        self.0.tls_alert = Some(alert);
        self
    }

    pub fn with_http2(mut self, facts: Http2) -> Error {
        self.0.http2 = Some(Arc::new(facts));
        self
    }

    pub fn with_cause(mut self, cause: Error) -> Error {
        self.0.timeout |= cause.0.timeout;
        self.0.temporary |= cause.0.temporary;
        if self.0.errno == 0 {
            self.0.errno = cause.0.errno;
        }
        self.0.tls_alert = self.0.tls_alert.or(cause.0.tls_alert);
        if self.0.http2.is_none() {
            self.0.http2 = cause.0.http2.clone();
        }
        if self.0.phase == Phase::None {
            self.0.phase = cause.0.phase;
        }
        if self.0.addrs.is_empty() {
            self.0.addrs = cause.0.addrs.clone();
        }
        self.0.cause = Some(cause);
        self
    }

    /// wrap_url gives Go's `url.Error`: `Get "http://host/": cause`; the URL comes with its password stripped.
    pub fn wrap_url(self, op: &str, url: &str) -> Error {
        let text = format!("{op} \"{url}\": {}", self.0.text);
        let mut err = Error::new(self.0.kind, text);
        err.0.op = op.to_owned();
        err.0.url = url.to_owned();
        err.with_cause(self)
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }
    pub fn phase(&self) -> Phase {
        self.0.phase
    }
    /// message is one line that covers the whole chain.
    pub fn message(&self) -> &str {
        &self.0.text
    }
    pub fn op(&self) -> &str {
        &self.0.op
    }
    pub fn url(&self) -> &str {
        &self.0.url
    }
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.0.addrs
    }
    pub fn errno(&self) -> i32 {
        self.0.errno
    }
    pub fn tls_alert(&self) -> Option<u8> {
        self.0.tls_alert
    }
    pub fn http2(&self) -> Option<&Http2> {
        self.0.http2.as_deref()
    }
    pub fn is_timeout(&self) -> bool {
        self.0.timeout
    }
    pub fn is_temporary(&self) -> bool {
        self.0.temporary
    }
    pub fn cause(&self) -> Option<&Error> {
        self.0.cause.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl std::error::Error for Error {}

/// invalid is the error of a bad argument: every public function starts with some of these.
pub fn invalid(text: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_keeps_timeout_errno_and_phase() {
        let os = std::io::Error::from_raw_os_error(sys::ECONNREFUSED);
        let low = Error::io(Kind::Connect, "dial tcp 127.0.0.1:1: connect", &os).with_phase(Phase::Connect);
        let top = low.wrap_url("Get", "http://127.0.0.1:1/");
        assert_eq!(
            top.message(),
            "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused"
        );
        assert_eq!(
            (top.errno(), top.phase(), top.kind()),
            (sys::ECONNREFUSED, Phase::Connect, Kind::Connect)
        );
        assert!(!top.is_timeout());
        assert!(Error::new(Kind::Timeout, "x").wrap_url("Get", "u").is_timeout());
    }
}

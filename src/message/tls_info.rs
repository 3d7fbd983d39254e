//! `TlsInfo`: what a handshake has agreed on; Go's `tls.ConnectionState`.

use std::ffi::CString;

/// TlsInfo has its text as C borrows it, so that nothing is made of it for each request.
#[derive(Clone, Debug, Default)]
pub struct TlsInfo {
    /// 0x0303 is TLS 1.2, 0x0304 is TLS 1.3.
    pub version: u16,
    /// The name as IANA and Go have it.
    pub cipher_suite: CString,
    /// `None` if none was agreed on.
    pub alpn: Option<CString>,
    /// The name that the server's certificate was checked for, or that the client asked for; a client need not.
    pub server_name: CString,
    pub resumed: bool,
    /// The peer's, DER, its own first; from the first handshake where the session was resumed.
    pub certificates: Vec<Vec<u8>>,
}

//! What a handshake has agreed on, taken from rustls.

use crate::message::tls_info::TlsInfo;
use rustls::{CommonState, HandshakeKind};
use std::ffi::CString;

/// info is what a session has agreed on.
pub(super) fn info(session: &CommonState, server_name: &str) -> TlsInfo {
    let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
    let suite = session.negotiated_cipher_suite().map(|s| s.suite());
    let suite = suite.and_then(|s| s.as_str()).unwrap_or_default();
    TlsInfo {
        version: session.protocol_version().map_or(0, u16::from),
        cipher_suite: text(suite.replace("TLS13_", "TLS_").as_bytes()),
        alpn: session.alpn_protocol().map(text),
        server_name: text(server_name.as_bytes()),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        certificates: session.peer_certificates().unwrap_or_default().iter().map(|c| c.to_vec()).collect(),
    }
}

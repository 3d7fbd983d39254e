//! `Info`: what a handshake has agreed on; Go's `tls.ConnectionState`.

use crate::message::trace::Agreed;
use rustls::HandshakeKind;
use rustls::client::UnbufferedClientConnection;

#[derive(Clone, Debug, Default)]
pub struct Info {
    /// 0x0303 is TLS 1.2, 0x0304 is TLS 1.3.
    pub version: u16,
    /// The name as IANA and Go have it.
    pub cipher_suite: String,
    /// Empty if none was agreed on.
    pub alpn: Vec<u8>,
    /// The name that the certificate was checked for.
    pub server_name: String,
    pub resumed: bool,
    /// DER, the server's own first; from the first handshake where the session was resumed.
    pub certificates: Vec<Vec<u8>>,
}

impl Info {
    /// agreed is what a trace is told.
    pub fn agreed(&self) -> Agreed {
        Agreed {
            version: self.version,
            cipher_suite: self.cipher_suite.clone(),
            alpn: self.alpn.clone(),
            resumed: self.resumed,
        }
    }

    pub(super) fn new(session: &UnbufferedClientConnection, server_name: String) -> Info {
        let suite = session.negotiated_cipher_suite().map(|s| s.suite());
        let suite = suite.and_then(|s| s.as_str()).unwrap_or_default();
        Info {
            version: session.protocol_version().map_or(0, u16::from),
            cipher_suite: suite.replace("TLS13_", "TLS_"),
            alpn: session.alpn_protocol().unwrap_or_default().to_vec(),
            server_name,
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            certificates: session
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|c| c.to_vec())
                .collect(),
        }
    }
}

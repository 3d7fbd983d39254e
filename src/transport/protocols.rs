//! What TLS offers by the protocols that a transport speaks.

use super::pool::DialConfig;
use crate::message::protocols::Protocols;
use crate::net::tls::ClientIdentity;
use std::sync::Arc;

impl DialConfig {
    /// ready_tls makes TLS anew from its settings and the protocols.
    pub(super) fn ready_tls(&mut self) {
        // The program speaks it by itself.
        let own = self.hooks.as_ref().is_some_and(|h| h.protocols.contains_key(&b"h2"[..]));
        let with = |protocols: Protocols| {
            let mut settings = self.tls_settings.clone();
            let alpn = settings.alpn.get_or_insert_with(|| protocols.alpn());
            if !protocols.has(Protocols::HTTP2) && !own {
                alpn.retain(|name| name != b"h2");
            }
            Arc::new(ClientIdentity::new(settings))
        };
        (self.tls, self.tls_http1) = (with(self.protocols), with(Protocols::http1()));
    }
}

//! `Protocols`: the versions of HTTP that a client speaks (Go's type of that name).

use super::pool::Way;
use crate::error::{Result, invalid};
use crate::net::tls::Identity;
use std::sync::Arc;

pub const HTTP1: u32 = 1;
/// Under TLS, where the server takes it.
pub const HTTP2: u32 = 2;
pub const UNENCRYPTED_HTTP2: u32 = 4;

/// Protocols is a set of them; it is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols(u32);

impl Default for Protocols {
    fn default() -> Protocols {
        Protocols(HTTP1 | HTTP2)
    }
}

impl Protocols {
    pub fn new(bits: u32) -> Result<Protocols> {
        match bits {
            1..=7 => Ok(Protocols(bits)),
            _ => Err(invalid("nethttp: no protocols, or unknown ones")),
        }
    }

    pub(super) fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    /// prior: servers without TLS are known to speak HTTP/2 (RFC 9113, 3.3).
    pub(super) fn prior(self) -> bool {
        self.has(UNENCRYPTED_HTTP2) && !self.has(HTTP1)
    }

    /// only_http2: a server under TLS that chooses anything else is refused.
    pub(super) fn only_http2(self) -> bool {
        self.has(HTTP2) && !self.has(HTTP1)
    }

    /// alpn is what is offered where the program has not said it.
    fn alpn(self) -> Vec<Vec<u8>> {
        let all: [(u32, &[u8]); 2] = [(HTTP2, b"h2"), (HTTP1, b"http/1.1")];
        all.iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| name.to_vec()).collect()
    }
}

impl Way {
    /// ready_tls makes TLS anew from its settings and the protocols.
    pub(super) fn ready_tls(&mut self) {
        // The program speaks it by itself.
        let own = self.hooks.as_ref().is_some_and(|h| h.protocols.contains_key(&b"h2"[..]));
        let with = |protocols: Protocols| {
            let mut settings = self.tls_settings.clone();
            let alpn = settings.alpn.get_or_insert_with(|| protocols.alpn());
            if !protocols.has(HTTP2) && !own {
                alpn.retain(|name| name != b"h2");
            }
            Arc::new(Identity::new(settings))
        };
        (self.tls, self.tls_http1) = (with(self.protocols), with(Protocols(HTTP1)));
    }
}

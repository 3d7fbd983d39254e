//! `Protocols`: the versions of HTTP that a client or a server speaks (Go's type of that name).

use crate::error::{Result, invalid};

/// Protocols is a set of them; it is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols(u32);

impl Default for Protocols {
    fn default() -> Protocols {
        Protocols(Protocols::HTTP1 | Protocols::HTTP2)
    }
}

impl Protocols {
    pub const HTTP1: u32 = 1;
    /// Under TLS, where both sides agree on it.
    pub const HTTP2: u32 = 2;
    /// By prior knowledge (RFC 9113, 3.3).
    pub const UNENCRYPTED_HTTP2: u32 = 4;

    pub fn new(bits: u32) -> Result<Protocols> {
        match bits {
            1..=7 => Ok(Protocols(bits)),
            _ => Err(invalid("nethttp: no protocols, or unknown ones")),
        }
    }

    /// http1 is the one that needs no agreement.
    pub fn http1() -> Protocols {
        Protocols(Protocols::HTTP1)
    }

    pub fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    /// prior: servers without TLS are known to speak HTTP/2.
    pub fn prior(self) -> bool {
        self.has(Protocols::UNENCRYPTED_HTTP2) && !self.has(Protocols::HTTP1)
    }

    /// only_http2: a server under TLS that chooses anything else is refused.
    pub fn only_http2(self) -> bool {
        self.has(Protocols::HTTP2) && !self.has(Protocols::HTTP1)
    }

    /// alpn is what a client offers where the program has not said it.
    pub fn alpn(self) -> Vec<Vec<u8>> {
        let all: [(u32, &[u8]); 2] = [(Protocols::HTTP2, b"h2"), (Protocols::HTTP1, b"http/1.1")];
        all.iter().filter(|(bit, _)| self.has(*bit)).map(|(_, name)| name.to_vec()).collect()
    }
}

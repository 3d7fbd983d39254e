//! The versions of HTTP that clients and servers speak: Go's Protocols.

use super::client::{live, nh_client};
use super::http2_config::nh_http2_config;
use super::{guard_plain, nh_result};
use crate::h2::Options;
use crate::message::protocols::Protocols;

/// NH_PROTOCOL_HTTP1: HTTP/1.0 and HTTP/1.1, in the clear and over TLS.
pub const NH_PROTOCOL_HTTP1: u32 = 1;
/// NH_PROTOCOL_HTTP2: HTTP/2 under TLS, where both sides agree on it by ALPN.
pub const NH_PROTOCOL_HTTP2: u32 = 2;
/// NH_PROTOCOL_UNENCRYPTED_HTTP2: HTTP/2 without TLS ("h2c"), by prior knowledge (RFC 9113, 3.3).
pub const NH_PROTOCOL_UNENCRYPTED_HTTP2: u32 = 4;

/// nh_client_set_protocols chooses what the client's transport speaks, by NH_PROTOCOL_ bits; HTTP1 and HTTP2 by default.
/// Connections that are there carry no more requests. Go's Transport.Protocols.
///
/// Over TLS the server chooses between HTTP/1.1 and HTTP/2; with NH_PROTOCOL_HTTP2 alone one that does not take it is an
/// error. Without TLS HTTP/1.1 is spoken, unless NH_PROTOCOL_UNENCRYPTED_HTTP2 is there and NH_PROTOCOL_HTTP1 is not. A
/// list of nh_tls_config_set_alpn is offered as it is, but for "h2" where NH_PROTOCOL_HTTP2 is not set. A proxy that
/// forwards requests is always spoken to in HTTP/1.1, and so is a server by a request with an Upgrade field.
///
/// Errors: NH_ERR_INVALID (c is NULL, protocols is 0 or has unknown bits), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_protocols(c: *mut nh_client, protocols: u32) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        c.client.transport.set_protocols(Protocols::new(protocols)?);
        Ok(())
    })
}

/// nh_client_set_http2 gives the client's transport a configuration for HTTP/2; NULL goes back to the defaults.
/// Connections that are there carry no more requests. Go's Transport.HTTP2.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: config: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_http2(c: *mut nh_client, config: *const nh_http2_config) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let (c, config) = unsafe { (live(c)?, config.as_ref()) };
        let options = config.map_or_else(Options::default, |o| o.options());
        c.client.transport.change_http2(|o| *o = options);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_the_transports() {
        assert_eq!(
            (NH_PROTOCOL_HTTP1, NH_PROTOCOL_HTTP2, NH_PROTOCOL_UNENCRYPTED_HTTP2),
            (Protocols::HTTP1, Protocols::HTTP2, Protocols::UNENCRYPTED_HTTP2)
        );
    }
}

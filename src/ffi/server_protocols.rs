//! Which protocols a server speaks.

use super::http2_config::nh_http2_config;
use super::server::{configure, nh_server};
use super::{guard_plain, nh_result};
use crate::h2::Options;
use crate::message::protocols::Protocols;

/// nh_server_set_protocols says which protocols a server speaks: NH_PROTOCOL_ bits. Default: NH_PROTOCOL_HTTP1 |
/// NH_PROTOCOL_HTTP2. Go's Server.Protocols.
///
/// Over TLS a client chooses by ALPN; HTTP/2 is offered first. In the clear a connection that begins with the preface
/// of HTTP/2 speaks that, where NH_PROTOCOL_UNENCRYPTED_HTTP2 is set. Connections of protocols that are not spoken end
/// without an answer.
///
/// Errors: NH_ERR_INVALID (s is NULL, protocols is 0 or has an unknown bit), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_protocols(s: *mut nh_server, protocols: u32) -> nh_result {
    guard_plain(|| {
        let protocols = Protocols::new(protocols)?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.protocols = protocols) }
    })
}

/// nh_server_set_http2 gives a server a configuration for HTTP/2; NULL goes back to the defaults. Go's Server.HTTP2.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before
/// a fork)
/// Ownership: config: the library copies
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_http2(s: *mut nh_server, config: *const nh_http2_config) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let mut options = unsafe { config.as_ref() }.map_or_else(Options::default, |o| o.options());
        // What was there ends behind the server's lock: that may call the program.
        // SAFETY: P1.
        unsafe { configure(s, |x| std::mem::swap(&mut x.http2, &mut options)) }
    })
}

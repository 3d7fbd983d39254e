//! TLS of a client.

use super::client::{live, nh_client};
use super::duration::duration;
use super::tls_config::nh_tls_config;
use super::{guard_plain, nh_result, ptr};
use crate::net::tls::TlsSettings;

/// nh_client_set_tls_config gives a client TLS settings, which are copied; NULL gives it the library's defaults back.
/// Go's TLSClientConfig.
///
/// It counts for requests that are sent from then on: idle connections are closed, and those in use serve nobody
/// afterwards. Sessions are resumed within one client and one call of this function only.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: config: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_tls_config(
    c: *mut nh_client,
    config: *const nh_tls_config,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        let settings = match config.is_null() {
            true => TlsSettings::default(),
            // SAFETY: P1.
            false => unsafe { ptr::shared(config, "config")? }.copy(),
        };
        c.client.transport.set_tls(settings);
        Ok(())
    })
}

/// nh_client_set_tls_handshake_timeout bounds a TLS handshake, in milliseconds; 10000 by default, NH_TIMEOUT_NONE for
/// no bound. Go's TLSHandshakeTimeout.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_tls_handshake_timeout(c: *mut nh_client, ms: i64) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        let limit = duration(ms)?;
        c.client.transport.configure(|s| s.tls_handshake = limit);
        Ok(())
    })
}

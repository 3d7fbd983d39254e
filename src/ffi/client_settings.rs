//! What can be set on a client.

use super::client::{live, nh_client};
use super::duration::duration;
use super::request::flag;
use super::{guard_plain, nh_result};
use crate::error::{Result, invalid};
use crate::transport::settings::TransportSettings;

/// configure changes settings for the requests to come.
///
/// # Safety
/// P1.
unsafe fn configure(
    c: *mut nh_client,
    change: impl FnOnce(&mut TransportSettings) -> Result<()>,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let c = unsafe { live(c)? };
        let mut result = Ok(());
        // What is refused changes nothing; what another thread sets meanwhile is not undone.
        c.client.transport.configure(|s| {
            let mut settings = *s;
            result = change(&mut settings);
            if result.is_ok() {
                *s = settings;
            }
        });
        result
    })
}

/// nh_client_use_go_defaults sets all limits and timeouts to those of Go's DefaultClient: no timeout but 30 s for a
/// dial, two idle connections per host, response heads of up to 10 MiB, no bound for what gzip makes of a body; over
/// HTTP/2 no pings, and no bound for writes. A redirect to another port or scheme of a host carries Authorization,
/// Cookie and their like.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_use_go_defaults(c: *mut nh_client) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let client = unsafe { &live(c)?.client };
        let transport = &client.transport;
        client.use_go_credentials();
        transport.configure(|s| *s = TransportSettings::go_defaults());
        transport.change_http2(|o| (o.send_ping_timeout, o.write_byte_timeout) = (Some(None), Some(None)));
        Ok(())
    })
}

/// nh_client_set_dial_timeout bounds resolving and connecting together, in milliseconds; 30000 by default,
/// NH_TIMEOUT_NONE for no bound. Go's Dialer.Timeout.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_dial_timeout(c: *mut nh_client, ms: i64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.dial = duration(ms)?;
            Ok(())
        })
    }
}

/// nh_client_set_response_head_timeout bounds the time from the request's last byte to the end of the
/// response's head, in milliseconds; 60000 by default, NH_TIMEOUT_NONE for no bound. Go's
/// ResponseHeaderTimeout.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_response_head_timeout(c: *mut nh_client, ms: i64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.head = duration(ms)?;
            Ok(())
        })
    }
}

/// nh_client_set_body_timeout bounds the time between two bytes of a body, sent or received, in milliseconds;
/// 60000 by default, NH_TIMEOUT_NONE for no bound. Any byte starts it anew, so a long download is not cut.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_body_timeout(c: *mut nh_client, ms: i64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.progress = duration(ms)?;
            Ok(())
        })
    }
}

/// nh_client_set_expect_continue_timeout sets how long a request with "Expect: 100-continue" waits for a word
/// before its body is sent, in milliseconds; 1000 by default, 0 is not at all. Go's ExpectContinueTimeout.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_expect_continue_timeout(c: *mut nh_client, ms: i64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.expect_continue = duration(ms)?.ok_or_else(|| invalid("nethttp: this wait must end"))?;
            Ok(())
        })
    }
}

/// nh_client_set_timeout bounds a whole exchange, reading the body included, in milliseconds; NH_TIMEOUT_NONE
/// by default. Go's Client.Timeout.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_timeout(c: *mut nh_client, ms: i64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.overall = duration(ms)?;
            Ok(())
        })
    }
}

/// nh_client_set_idle_timeout sets how long an idle connection is kept, in milliseconds; 90000 by default,
/// NH_TIMEOUT_NONE for ever. Go's IdleConnTimeout.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_idle_timeout(c: *mut nh_client, ms: i64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.idle = duration(ms)?;
            Ok(())
        })
    }
}

/// nh_client_set_max_idle bounds the idle connections of all hosts together; 100 by default, 0 is no bound.
/// Go's MaxIdleConns.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_max_idle(c: *mut nh_client, n: usize) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.max_idle = n;
            Ok(())
        })
    }
}

/// nh_client_set_max_idle_per_host bounds the idle connections of one host; 32 by default, 0 keeps none. Go's
/// MaxIdleConnsPerHost, whose default is 2.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_max_idle_per_host(c: *mut nh_client, n: usize) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.max_idle_per_host = n;
            Ok(())
        })
    }
}

/// nh_client_set_max_conns_per_host bounds the connections of one host, those being made and in use included;
/// 0, the default, is no bound. Requests beyond it wait in line. Go's MaxConnsPerHost.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_max_conns_per_host(c: *mut nh_client, n: usize) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.max_conns_per_host = n;
            Ok(())
        })
    }
}

/// nh_client_set_max_response_head_bytes bounds a response's head, informational ones before it included, in
/// bytes: 1 to 1073741824, 1048576 by default. Go's MaxResponseHeaderBytes, whose default is 10 MiB.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_max_response_head_bytes(c: *mut nh_client, n: usize) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.max_head_bytes = match n {
                1..=0x4000_0000 => n,
                _ => return Err(invalid("nethttp: the limit must be 1 byte to 1 GiB")),
            };
            Ok(())
        })
    }
}

/// nh_client_set_keep_alives says with 0 that each connection serves one request; 1 is the default. Go's
/// DisableKeepAlives.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_keep_alives(c: *mut nh_client, on: i32) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.keep_alives = flag(on)?;
            Ok(())
        })
    }
}

/// nh_client_set_compression says with 0 that gzip is not asked for; 1 is the default. Go's DisableCompression.
///
/// Gzip is asked for where a request has neither Accept-Encoding nor Range and is not HEAD. An answer in gzip is then
/// undone while it is read: its Content-Encoding and Content-Length are removed, its length is -1, and
/// nh_response_uncompressed is 1. It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_compression(c: *mut nh_client, on: i32) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.compression = flag(on)?;
            Ok(())
        })
    }
}

/// nh_client_set_max_decompressed_bytes bounds what a body in gzip becomes when it is undone: 1 GiB by default, 0 is no
/// bound, as in Go. The reads give that much and then fail with NH_ERR_TOO_LARGE. It does not count for bodies that were
/// not compressed, nor where the program asked for gzip itself.
///
/// It counts for requests that are sent from then on.
///
/// Errors: NH_ERR_INVALID (c is NULL), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_max_decompressed_bytes(c: *mut nh_client, n: u64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            s.max_decompressed = (n > 0).then_some(n);
            Ok(())
        })
    }
}

/// nh_client_set_buffer_sizes says how many bytes a connection receives at once, where it is not known how much comes,
/// and how many of a body it takes from its source and sends at once: 512 bytes to 16 MiB; 0 is the default, 4 KiB and
/// 64 KiB. A response whose length is known is read straight to where it goes, whatever the size here. Go's
/// ReadBufferSize and WriteBufferSize.
///
/// Errors: NH_ERR_INVALID (c is NULL, or a size out of range), NH_ERR_FORKED (c was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_client_set_buffer_sizes(
    c: *mut nh_client,
    read: usize,
    write: usize,
) -> nh_result {
    let size = |n: usize, default: usize| match n {
        0 => Ok(default),
        512..=0x100_0000 => Ok(n),
        _ => Err(invalid("nethttp: a buffer has 512 bytes to 16 MiB")),
    };
    // SAFETY: P1.
    unsafe {
        configure(c, |s| {
            let usual = TransportSettings::default();
            let (read, write) = (size(read, usual.read_buffer)?, size(write, usual.write_buffer)?);
            (s.read_buffer, s.write_buffer) = (read, write);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::{nh_client_free, nh_client_new};
    use super::*;
    use crate::ffi::result::NH_OK;

    /// Who sets one thing does not undo what another thread sets meanwhile.
    #[test]
    fn setters_at_the_same_time() {
        struct Shared(*mut nh_client);
        // SAFETY: P1: clients may be set on any thread.
        unsafe impl Sync for Shared {}
        // SAFETY: P1: the client is freed below.
        let c = Shared(unsafe { nh_client_new() });
        std::thread::scope(|s| {
            let c = &c;
            let dial = s.spawn(move || {
                for ms in 1..20_000 {
                    // SAFETY: P1.
                    let now = unsafe {
                        assert_eq!(nh_client_set_dial_timeout(c.0, ms), NH_OK);
                        live(c.0).map(|c| c.client.transport.settings().dial)
                    };
                    assert_eq!(now.ok().flatten().map(|d| d.as_millis()), Some(ms as u128));
                }
            });
            while !dial.is_finished() {
                // SAFETY: P1.
                unsafe { nh_client_set_max_idle(c.0, 7) };
            }
        });
        // SAFETY: P1.
        unsafe { nh_client_free(c.0) };
    }
}

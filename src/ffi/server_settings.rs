//! The settings of `nh_server`: typed setters, before the start where they do not say otherwise.

use super::duration::duration;
use super::server::{configure, nh_server, server};
use super::{guard_plain, nh_result};
use crate::error::invalid;
use crate::server::MinRate;
use std::time::Duration;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// nh_server_set_read_header_timeout bounds the time from the first byte of a request's head, on a new
/// connection from its start, to the head's end. In milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no
/// limit. Default: 10000 (10 s). Follows Go's ReadHeaderTimeout.
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_read_header_timeout(s: *mut nh_server, timeout_ms: i64) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.read_header_timeout = limit) }
    })
}

/// nh_server_set_read_timeout bounds the time from the first byte of a request's head to its body's end. In
/// milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: NH_TIMEOUT_NONE. Follows Go's
/// ReadTimeout.
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_read_timeout(s: *mut nh_server, timeout_ms: i64) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.read_timeout = limit) }
    })
}

/// nh_server_set_write_timeout bounds the time from the end of a request's head to its answer's end. In
/// milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: NH_TIMEOUT_NONE. Follows Go's
/// WriteTimeout.
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_write_timeout(s: *mut nh_server, timeout_ms: i64) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.write_timeout = limit) }
    })
}

/// nh_server_set_idle_timeout bounds the time between an answer and the next request's first byte. In
/// milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: 120000 (2 min). Follows Go's
/// IdleTimeout.
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_idle_timeout(s: *mut nh_server, timeout_ms: i64) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.idle_timeout = limit) }
    })
}

/// nh_server_set_read_progress_timeout bounds the time from byte to byte of a request's body; any byte
/// starts it anew. In milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit. Default: 30000 (30 s).
/// Follows no setting of Go's.
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_read_progress_timeout(
    s: *mut nh_server,
    timeout_ms: i64,
) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.read_progress = limit) }
    })
}

/// nh_server_set_write_progress_timeout bounds the time from byte to byte of an answer that the peer does
/// not take; any byte starts it anew. In milliseconds; 0 is no time at all, NH_TIMEOUT_NONE no limit.
/// Default: 30000 (30 s). Follows no setting of Go's.
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is below -1), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_write_progress_timeout(
    s: *mut nh_server,
    timeout_ms: i64,
) -> nh_result {
    guard_plain(|| {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.write_progress = limit) }
    })
}

/// nh_server_set_min_rate bounds how slow a peer may be while handlers are short. While more than half of the handlers
/// that may run at once do (nh_server_set_max_handlers), a handler that waits for a request's body, or for a peer to
/// take its response, fails with NH_ERR_TIMEOUT once the peer has moved less than bytes_per_second over the last
/// grace_ms of such waits; its connection is closed, over HTTP/2 its stream is reset. Time in which nobody waits does
/// not count, so a response may be as slow as its handler. bytes_per_second 0 is no minimum; grace_ms is 1 to 86400000
/// (one day). Default: 240 bytes a second over 5000 ms. Go has no such setting.
///
/// Errors: NH_ERR_INVALID (s is NULL, grace_ms is out of range), NH_ERR_STATE (the server has started), NH_ERR_FORKED
/// (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_min_rate(
    s: *mut nh_server,
    bytes_per_second: u64,
    grace_ms: i64,
) -> nh_result {
    guard_plain(|| {
        if !(1..=DAY_MS).contains(&grace_ms) {
            return Err(invalid("nethttp: grace_ms must be 1 to 86400000"));
        }
        let grace = Duration::from_millis(grace_ms.unsigned_abs());
        let rate = (bytes_per_second > 0).then_some(MinRate { rate: bytes_per_second, grace });
        // SAFETY: P1.
        unsafe { configure(s, |x| x.min_rate = rate) }
    })
}

/// nh_server_set_shards sets how many event loops the server has; 0, the default, is one for each CPU that
/// the process may use. At most 1024.
///
/// Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_shards(s: *mut nh_server, n: usize) -> nh_result {
    guard_plain(|| {
        let fits = n <= 1024;
        if !fits {
            return Err(invalid("nethttp: shards is out of range"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.shards = n) }
    })
}

/// nh_server_set_max_handlers sets how many handlers may run off the event loops at once; more wait. 1 to
/// 65536, default 4096.
///
/// Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_max_handlers(s: *mut nh_server, n: usize) -> nh_result {
    guard_plain(|| {
        let fits = (1..=65536).contains(&n);
        if !fits {
            return Err(invalid("nethttp: max_handlers is out of range"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.max_handlers = n) }
    })
}

/// nh_server_set_max_queue sets how many requests may wait for a handler thread; more are answered 503 at
/// once. At most 1048576, default 16384.
///
/// Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_max_queue(s: *mut nh_server, n: usize) -> nh_result {
    guard_plain(|| {
        let fits = n <= 1 << 20;
        if !fits {
            return Err(invalid("nethttp: max_queue is out of range"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.max_queue = n) }
    })
}

/// nh_server_set_max_header_bytes sets how long a request's head may be; 4 KiB of slack are added. A longer
/// one is answered 431. 1 to 67108864 (64 MiB), default 1048576 (1 MiB). Follows Go's MaxHeaderBytes.
///
/// Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_max_header_bytes(s: *mut nh_server, n: usize) -> nh_result {
    guard_plain(|| {
        let fits = (1..=64 << 20).contains(&n);
        if !fits {
            return Err(invalid("nethttp: max_header_bytes is out of range"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.max_header_bytes = n) }
    })
}

/// nh_server_set_max_header_fields sets how many fields a request's head may have. One with more is answered 431. 1 to
/// 65536, default 500, as in Go.
///
/// Errors: NH_ERR_INVALID (s is NULL, n is out of range), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was
/// made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_max_header_fields(s: *mut nh_server, n: usize) -> nh_result {
    guard_plain(|| {
        if !(1..=1 << 16).contains(&n) {
            return Err(invalid("nethttp: max_header_fields is out of range"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.max_header_fields = n) }
    })
}

/// nh_server_set_queue_timeout sets how many milliseconds a request may wait for a handler thread before it
/// is answered 503. Not NH_TIMEOUT_NONE: handlers that wait for each other must end. Default: 10000 (10 s).
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is negative), NH_ERR_STATE (the server has started),
/// NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_queue_timeout(s: *mut nh_server, timeout_ms: i64) -> nh_result {
    guard_plain(|| {
        let limit =
            duration(timeout_ms)?.ok_or_else(|| invalid("nethttp: the queue's time must have a limit"))?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.queue_timeout = limit) }
    })
}

/// nh_server_set_max_body_bytes sets how long a request's body may be; reading beyond fails with
/// NH_ERR_TOO_LARGE. -1, the default, is no limit. nh_request_set_body_limit sets it for one request.
///
/// Errors: NH_ERR_INVALID (s is NULL, n is below -1), NH_ERR_STATE (the server has started), NH_ERR_FORKED
/// (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_max_body_bytes(s: *mut nh_server, n: i64) -> nh_result {
    guard_plain(|| {
        if n < -1 {
            return Err(invalid("nethttp: max_body_bytes is out of range"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.max_body_bytes = u64::try_from(n).unwrap_or(u64::MAX)) }
    })
}

/// nh_server_set_max_connections sets how many connections may be open at once; 0, the default, is no limit. One more
/// is answered 503 with `Retry-After: 1` and `Connection: close`, and closed; where TLS is spoken, and where very many
/// come, it is closed without an answer.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_max_connections(s: *mut nh_server, n: usize) -> nh_result {
    // SAFETY: P1.
    guard_plain(|| unsafe { configure(s, |x| x.max_connections = (n > 0).then_some(n)) })
}

/// nh_server_set_keep_alive says whether connections serve more than one request: 1, the default, or 0. While the
/// server serves, 0 ends idle connections at once, and each answer that begins from then on is its connection's last:
/// `Connection: close`, and over HTTP/2 a GOAWAY. 1 takes that back, but for connections that were told so. Follows Go's
/// Server.SetKeepAlivesEnabled.
///
/// Errors: NH_ERR_INVALID (s is NULL, on is neither), NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, also while the server serves.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_keep_alive(s: *mut nh_server, on: i32) -> nh_result {
    guard_plain(|| {
        if !(0..=1).contains(&on) {
            return Err(invalid("nethttp: keep_alive must be 0 or 1"));
        }
        // SAFETY: P1.
        unsafe { server(s)? }.set_keep_alive(on == 1);
        Ok(())
    })
}

/// nh_server_set_general_options says whether the server answers `OPTIONS *` itself, 1, the default, or leaves it to its
/// handler, 0: Go's Server.DisableGeneralOptionsHandler. A mux answers it 400.
///
/// Errors: NH_ERR_INVALID (s is NULL, on is neither 0 nor 1), NH_ERR_STATE (the server has started), NH_ERR_FORKED
/// (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_general_options(s: *mut nh_server, on: i32) -> nh_result {
    guard_plain(|| {
        if !(0..=1).contains(&on) {
            return Err(invalid("nethttp: general_options must be 0 or 1"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.general_options = on == 1) }
    })
}

/// nh_server_set_lame_duck sets how long a server that was told to stop goes on to accept and to serve: each answer
/// then says `Connection: close`, so that clients leave by themselves, and no request meets a connection that is
/// just being closed. Only afterwards idle connections are ended. In milliseconds; 0, the default, is no such
/// period. It counts into the time of nh_server_shutdown; nh_server_close does not wait for it.
///
/// Errors: NH_ERR_INVALID (s is NULL, the time is negative), NH_ERR_STATE (the server has started), NH_ERR_FORKED
/// (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_lame_duck(s: *mut nh_server, duration_ms: i64) -> nh_result {
    guard_plain(|| {
        let period = duration(duration_ms)?
            .ok_or_else(|| invalid("nethttp: the lame-duck period must have a limit"))?;
        // SAFETY: P1.
        unsafe { configure(s, |x| x.lame_duck = period) }
    })
}

/// nh_server_set_reuse_port lets other sockets listen on the same addresses if they ask for that too (SO_REUSEPORT),
/// as several processes of one program do: 1, or 0, the default. It hides that a port is in use, and connections
/// that wait to be accepted are lost when their listener closes. It counts for later calls of nh_server_listen.
///
/// Errors: NH_ERR_INVALID (s is NULL, on is neither), NH_ERR_STATE (the server has started), NH_ERR_FORKED
/// (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_set_reuse_port(s: *mut nh_server, on: i32) -> nh_result {
    guard_plain(|| {
        if !(0..=1).contains(&on) {
            return Err(invalid("nethttp: reuse_port must be 0 or 1"));
        }
        // SAFETY: P1.
        unsafe { configure(s, |x| x.reuse_port = on == 1) }
    })
}

/// nh_server_use_go_defaults sets all times to what Go's zero Server has: no limits.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_STATE (the server has started), NH_ERR_FORKED (s was made
/// before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, before the server starts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_use_go_defaults(s: *mut nh_server) -> nh_result {
    // SAFETY: P1.
    guard_plain(|| unsafe { configure(s, |x| x.use_go_defaults()) })
}

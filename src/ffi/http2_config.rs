//! What can be chosen for HTTP/2, on either side.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::duration::duration;
use super::request::flag;
use super::{guard_or, guard_plain, nh_result, ptr};
use crate::error::{Result, invalid};
use crate::h2::Options;
use crate::sync::Mutex;
use std::ffi::{CString, c_char, c_void};
use std::ops::RangeInclusive;
use std::ptr::null_mut;
use std::sync::{Arc, PoisonError};

/// nh_http2_config has what a program chooses for HTTP/2 (RFC 9113), for servers and for clients: Go's HTTP2Config.
/// What is not set keeps the default of the side that it is given to. It is copied where it is given: a change
/// afterwards does not count there.
pub struct nh_http2_config(Mutex<Options>);

impl nh_http2_config {
    /// options are what the configuration has now.
    pub(crate) fn options(&self) -> Options {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// change alters one of the options. What it replaces is dropped without the lock: that may call the program.
///
/// # Safety
/// P1.
unsafe fn change(c: *mut nh_http2_config, f: impl FnOnce(&mut Options) -> Result<()>) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        let c = unsafe { ptr::shared(c, "c")? };
        let mut now = c.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut options = now.clone();
        f(&mut options)?;
        let before = std::mem::replace(&mut *now, options);
        // What was replaced may end userdata of the program's: not under the lock.
        drop(now);
        drop(before);
        Ok(())
    })
}

fn within(value: u32, range: &RangeInclusive<u32>) -> Result<Option<u32>> {
    if range.contains(&value) {
        return Ok(Some(value));
    }
    Err(invalid(format!("nethttp: {value} is not within {} to {}", range.start(), range.end())))
}

/// nh_http2_config_new makes a configuration in which nothing is set.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_http2_config_free
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_new() -> *mut nh_http2_config {
    guard_or(null_mut(), || Some(ptr::give(nh_http2_config(Mutex::default()))))
}

/// nh_http2_config_free ends a configuration; NULL is fine. Servers and clients that were given it keep what they
/// copied.
///
/// Errors: none
/// Ownership: c: the library takes
/// Threads: any thread, once, while no other call uses c
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_free(c: *mut nh_http2_config) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(c) }.map(drop));
}

/// nh_http2_config_set_max_concurrent_streams sets how many requests of a client may be open on one connection at a
/// time: 1 to 2147483647; 250 by default. It counts for servers only; a client that opens more has them refused by
/// REFUSED_STREAM. Go's MaxConcurrentStreams.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_max_concurrent_streams(
    c: *mut nh_http2_config,
    n: u32,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.max_concurrent_streams = within(n, &Options::STREAMS)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_max_decoder_header_table_size sets the largest table that the peer may use to compress its
/// header fields (RFC 7541), in bytes: 1 to 4194304; 4096 by default. Go's MaxDecoderHeaderTableSize.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_max_decoder_header_table_size(
    c: *mut nh_http2_config,
    bytes: u32,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.max_decoder_header_table_size = within(bytes, &Options::TABLE)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_max_encoder_header_table_size sets the largest table that is used to compress header fields,
/// in bytes: 1 to 4194304; 4096 by default. No more is used than the peer permits. Go's MaxEncoderHeaderTableSize.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_max_encoder_header_table_size(
    c: *mut nh_http2_config,
    bytes: u32,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.max_encoder_header_table_size = within(bytes, &Options::TABLE)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_max_read_frame_size sets the largest frame that the peer may send, in bytes of its payload:
/// 16384 to 16777215; 16384 by default, since data is passed on before its frame is whole. Go's MaxReadFrameSize.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_max_read_frame_size(
    c: *mut nh_http2_config,
    bytes: u32,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.max_read_frame_size = within(bytes, &Options::FRAME)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_max_receive_buffer_per_connection sets how many bytes of all bodies of one connection may
/// have come without being read: 65535 to 2147483647; by default 1 MiB for servers and 1 GiB for clients, as in Go.
/// It is the flow-control window (RFC 9113, 5.2). Go's MaxReceiveBufferPerConnection.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_max_receive_buffer_per_connection(
    c: *mut nh_http2_config,
    bytes: u32,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.max_receive_buffer_per_connection = within(bytes, &Options::CONNECTION_BUFFER)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_max_receive_buffer_per_stream sets how many bytes of one body may have come without being
/// read: 1 to 2147483647; by default 1 MiB for servers and 4 MiB for clients, as in Go. Go's
/// MaxReceiveBufferPerStream.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_max_receive_buffer_per_stream(
    c: *mut nh_http2_config,
    bytes: u32,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.max_receive_buffer_per_stream = within(bytes, &Options::STREAM_BUFFER)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_strict_max_concurrent_requests makes requests wait, if on is 1, when a connection has as
/// many open as its server permits, rather than have another connection dialed; 0 by default. It counts for clients
/// only. Go's StrictMaxConcurrentRequests.
///
/// Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_strict_max_concurrent_requests(
    c: *mut nh_http2_config,
    on: i32,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.strict_max_concurrent_requests = flag(on)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_permit_prohibited_cipher_suites is Go's PermitProhibitedCipherSuites, for settings that are
/// carried over. It changes nothing: the library's own TLS has none of the cipher suites that RFC 9113 (appendix A)
/// prohibits, and what the program's own TLS uses is not looked at.
///
/// Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_permit_prohibited_cipher_suites(
    c: *mut nh_http2_config,
    on: i32,
) -> nh_result {
    // SAFETY: P1.
    unsafe { change(c, |_| flag(on).map(drop)) }
}

/// nh_http2_config_set_client_priority says with 0 that the answers to a client take turns as equals; with 1, the
/// default, those go first that the client calls more urgent (RFC 9218). It counts for servers only. Go's
/// DisableClientPriority.
///
/// Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_client_priority(c: *mut nh_http2_config, on: i32) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.ignore_priorities = !flag(on)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_extended_connect lets clients open streams by CONNECT with a :protocol (RFC 8441), if on is
/// 1; 0 by default. It counts for servers only. Go's GODEBUG=http2xconnect=1.
///
/// Errors: NH_ERR_INVALID (c is NULL, or on is neither 0 nor 1)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_extended_connect(c: *mut nh_http2_config, on: i32) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.connect_protocol = flag(on)?;
            Ok(())
        })
    }
}

/// nh_http2_config_set_send_ping_timeout sets after how long without a frame of the peer's a ping asks whether it
/// is still there, in milliseconds; NH_TIMEOUT_NONE: never. By default never for servers, as in Go, and 15000 for
/// clients with requests under way, so that a dead connection is found. Go's SendPingTimeout.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_send_ping_timeout(
    c: *mut nh_http2_config,
    ms: i64,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.send_ping_timeout = Some(duration(ms)?);
            Ok(())
        })
    }
}

/// nh_http2_config_set_write_byte_timeout sets how long nothing of what is to be sent may get away before the
/// connection ends, in milliseconds; NH_TIMEOUT_NONE: for ever. By default 30000 for servers and 60000 for clients.
/// Go's WriteByteTimeout.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_write_byte_timeout(
    c: *mut nh_http2_config,
    ms: i64,
) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.write_byte_timeout = Some(duration(ms)?);
            Ok(())
        })
    }
}

/// nh_http2_config_set_ping_timeout sets how long a ping's answer may take before the connection ends, in
/// milliseconds: at least 1; 15000 by default. Go's PingTimeout.
///
/// Errors: NH_ERR_INVALID (c is NULL, or the value is out of range)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_ping_timeout(c: *mut nh_http2_config, ms: i64) -> nh_result {
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            let time = duration(ms)?.filter(|t| !t.is_zero());
            o.ping_timeout = Some(time.ok_or_else(|| invalid("nethttp: a ping's timeout must be positive"))?);
            Ok(())
        })
    }
}

/// nh_http2_error_fn is told of each error of HTTP/2, for a metric: kind is made of lower-case letters, digits and
/// underscores, is NUL-terminated and borrowed for the call.
///
/// It runs on the thread that met the error, a library thread or a caller's of a client, and on several
/// at the same time. It must not block, and may call no function of the library.
pub type nh_http2_error_fn = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void, kind: *const c_char)>;

/// nh_http2_config_set_count_error has error_fn called for each error of HTTP/2, with userdata; NULL ends that.
/// Go's CountError.
///
/// Errors: NH_ERR_INVALID (c is NULL)
/// Ownership: userdata: the library takes, and ends it by free_userdata when c and all that copied it are gone
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_http2_config_set_count_error(
    c: *mut nh_http2_config,
    error_fn: nh_http2_error_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    let count = move |f: unsafe extern "C-unwind" fn(*mut c_void, *const c_char)| {
        move |kind: &str| {
            let Ok(kind) = CString::new(kind) else { return };
            // SAFETY: P5: the program allows the callback on the threads that the typedef names.
            no_unwind("nh_http2_error_fn", || unsafe { f(userdata.ptr(), kind.as_ptr()) });
        }
    };
    // SAFETY: P1.
    unsafe {
        change(c, |o| {
            o.count_error = error_fn.map(|f| Arc::new(count(f)) as _);
            Ok(())
        })
    }
}

//! The end of an `nh_server`: asked for, waited for, and released.

use super::duration::duration;
use super::error::nh_error;
use super::server::{nh_server, server};
use super::{guard, guard_or, guard_plain, nh_result, ptr};
use crate::error::{Error, Kind, invalid};
use crate::runtime::before_block;
use crate::sync::{Condvar, Mutex};
use std::mem::ManuallyDrop;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// nh_server_wait waits until a server that was started has been stopped and its last connection has ended, at most
/// timeout_ms milliseconds (NH_TIMEOUT_NONE: as long as it takes). It is nh_server_run for a program, or a language,
/// that has to look at its own signals now and then. It never returns NH_OK: NH_ERR_SERVER_CLOSED is the good end.
///
/// Errors: NH_ERR_TIMEOUT (the server still runs), NH_ERR_SERVER_CLOSED (it was stopped, and has ended), NH_ERR_INVALID
/// (s is NULL, or timeout_ms is below -1), NH_ERR_STATE (s has not started), NH_ERR_WOULD_DEADLOCK (called in a handler
/// of s), NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread but the server's own, at the same time too. It may block: the server's end, up to timeout_ms.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_wait(
    s: *mut nh_server,
    timeout_ms: i64,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { server(s)? }.wait_end(limit)
    })
}

/// nh_server_shutdown stops accepting, ends idle connections, lets busy ones end after their answer, and
/// waits for the last of them, at most timeout_ms milliseconds (NH_TIMEOUT_NONE: as long as it takes).
/// Follows Go's Server.Shutdown.
///
/// Errors: NH_ERR_TIMEOUT (connections were still active; they go on), NH_ERR_INVALID (s is NULL, the time
/// is below -1), NH_ERR_WOULD_DEADLOCK (called in a handler of s), NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread but the server's own. It may block: running handlers, up to timeout_ms.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_shutdown(
    s: *mut nh_server,
    timeout_ms: i64,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        unsafe { server(s)? }.shutdown(limit)
    })
}

/// nh_server_request_stop begins what nh_server_shutdown does and returns at once; nh_server_run returns
/// when the last connection has ended. It is async-signal-safe: a handler of SIGINT or SIGTERM may call it.
///
/// Errors: none
/// Ownership: nothing changes hands.
/// Threads: any thread, and signal handlers; s must not be freed meanwhile.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_request_stop(s: *mut nh_server) {
    // SAFETY: P1. No guard: it would allocate on failure, and nothing here can panic.
    if let Some(s) = unsafe { s.as_ref() }
        && !s.stamp.is_stale()
    {
        crate::sys::keep_errno(|| s.server.request_stop());
    }
}

/// nh_server_close ends all listeners and connections at once. It does not wait for handlers: their next
/// read or write fails. Follows Go's Server.Close.
///
/// Errors: NH_ERR_INVALID (s is NULL), NH_ERR_FORKED (s was made before a fork)
/// Ownership: nothing changes hands.
/// Threads: any thread, also in a handler.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_close(s: *mut nh_server) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { server(s)? }.close();
        Ok(())
    })
}

/// nh_server_free ends the server at once, waits for its threads and releases it; NULL is fine. For an end that lets
/// answers finish, call nh_server_shutdown first.
///
/// Blocks until the last handler has returned; nh_server_free_timeout does not wait for one that never does. On a thread
/// of the server's own (in a handler, or in any other function that it calls) it does not block: another thread does the
/// waiting and the releasing, and the functions of s that are given userdata are called until that is done.
///
/// Errors: none
/// Ownership: the library takes s.
/// Threads: any thread; no other call may use s at the same time. It may block: running handlers.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_free(s: *mut nh_server) {
    guard_or((), || {
        // SAFETY: P1: s came from `give`.
        let s = unsafe { ptr::owned(s) }?;
        if !s.stamp.is_stale() && s.server.is_own_thread() {
            s.server.close();
            // Where there is no thread to be had it is closed, and stays.
            let _ = release_elsewhere(s);
        } else {
            release(*s);
        }
        Some(())
    });
}

/// release waits for a server's threads. After a fork they are the parent's: what they share is left alone.
fn release(s: nh_server) {
    if !s.stamp.is_stale() {
        drop(ManuallyDrop::into_inner(s.server));
        // What nobody has asked for.
        s.queue.end();
    }
}

/// ReleaseDone tells of the end of a release on another thread.
#[derive(Default)]
struct ReleaseDone {
    done: Mutex<bool>,
    changed: Condvar,
}

impl ReleaseDone {
    fn set(&self) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// wait is `false` when the time was up before.
    fn wait(&self, until: Option<Instant>) -> bool {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while !*done {
            done = match until.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(done).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => self.changed.wait_timeout(done, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        true
    }
}

/// release_elsewhere has another thread release a server; it is given back where there is none to be had.
fn release_elsewhere(s: Box<nh_server>) -> std::result::Result<Arc<ReleaseDone>, Option<Box<nh_server>>> {
    let released = Arc::<ReleaseDone>::default();
    let place = Arc::new(Mutex::new(Some(s)));
    let take = |p: &Mutex<Option<Box<nh_server>>>| p.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (its, callback) = (place.clone(), released.clone());
    let run = move || {
        if let Some(s) = take(&its) {
            release(*s);
        }
        callback.set();
    };
    crate::threads::spawn("nh-release", run).map(|_| released).map_err(|_| take(&place))
}

/// nh_server_free_timeout is nh_server_free for a program that cannot wait for a handler that does not return. It ends
/// the server at once and waits at most timeout_ms milliseconds (NH_TIMEOUT_NONE: as long as it takes) for its threads.
/// What is not over by then a thread of the library does when it is: it frees the userdata of the server's functions,
/// which may run until then. On a thread of the server's own, which is one of those, nothing is waited for.
///
/// Errors: NH_ERR_TIMEOUT (a handler still runs; s is released when it has returned), NH_ERR_INVALID (s is NULL, or
/// timeout_ms is below -1; s stays the caller's), NH_ERR_NO_RESOURCES (there is no thread to be had; s stays the
/// caller's), NH_ERR_FORKED (s was made before a fork; s is released)
/// Ownership: the library takes s, unless the result says that it stays the caller's.
/// Threads: any thread, the server's own too; no other call may use s at the same time. It may block: running
/// handlers, up to timeout_ms.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_free_timeout(
    s: *mut nh_server,
    timeout_ms: i64,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        let limit = duration(timeout_ms)?;
        // SAFETY: P1.
        let forked = unsafe { ptr::shared(s, "server")? }.stamp.check();
        // SAFETY: P1: s came from `give`.
        let s = unsafe { ptr::owned(s) }.ok_or_else(|| invalid("nethttp: server is NULL"))?;
        forked?;
        // A thread of the server's own is one of those that are waited for.
        let limit = if s.server.is_own_thread() { Some(Duration::ZERO) } else { limit };
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let released = release_elsewhere(s).map_err(|s| {
            // It stays where it was, and the caller's.
            let _ = s.map(Box::into_raw);
            Error::new(Kind::NoResources, "nethttp: cannot start a thread to release the server")
        })?;
        before_block();
        match released.wait(until) {
            true => Ok(()),
            false => Err(Error::new(Kind::Timeout, "nethttp: a handler of the server still runs")),
        }
    })
}

//! Requests that a program's own threads ask for, in the place of callbacks.

use super::duration::duration;
use super::error::nh_error;
use super::request::nh_request;
use super::response_writer::nh_response_writer;
use super::response_writer_wrap::nh_response_writer_free;
use super::server::{nh_server, pulled, server};
use super::{guard, nh_result, ptr};
use crate::error::{Error, Kind, Result, invalid};
use crate::message::request::Request;
use crate::runtime::before_block;
use crate::server::{Handler, ResponseWriter, Server};
use crate::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::ffi::c_char;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// MOST is how many requests wait to be asked for; more are answered 503.
const MOST: usize = 16 * 1024;

/// PullQueue is where requests wait for nh_server_next.
#[derive(Default)]
pub(super) struct PullQueue {
    waiting: Mutex<VecDeque<PulledExchange>>,
    more: Condvar,
}

/// PulledExchange is a detached response and its request.
struct PulledExchange {
    writer: *mut nh_response_writer,
    request: *mut nh_request,
}

// SAFETY: P6: it goes from the thread of the handler, which is done with it, to one that asks for it.
unsafe impl Send for PulledExchange {}

impl PullQueue {
    fn lock(&self) -> crate::sync::MutexGuard<'_, VecDeque<PulledExchange>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// wake has all who wait look again.
    pub(super) fn wake(&self) {
        drop(self.lock());
        self.more.notify_all();
    }

    /// end ends the requests that nobody has asked for, without an answer.
    pub(super) fn end(&self) {
        let left = std::mem::take(&mut *self.lock());
        for pulled in left {
            // SAFETY: P1: it was put here by `PullHandler`, and nobody else has it.
            unsafe { nh_response_writer_free(pulled.writer) };
        }
    }

    /// next waits for a request; a server that has ended gives no more.
    fn next(&self, server: &Server, until: Option<Instant>) -> Result<PulledExchange> {
        let mut waiting = self.lock();
        loop {
            if let Some(first) = waiting.pop_front() {
                return Ok(first);
            }
            if server.has_ended() {
                return Err(Error::new(Kind::ServerClosed, "http: Server closed"));
            }
            before_block();
            waiting = match until {
                None => self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Error::new(Kind::Timeout, "nethttp: no request came in time"));
                    }
                    self.more.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// PullHandler is the handler of patterns whose requests are asked for.
struct PullHandler(Arc<PullQueue>);

impl Handler for PullHandler {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let pulled = PulledExchange { writer: w.handle().cast(), request: r.handle().cast() };
        let mut waiting = self.0.lock();
        if waiting.len() >= MOST || w.detach().is_err() {
            drop(waiting);
            w.header().add_unchecked(b"Retry-After", b"1");
            let _ = w.write_header(503);
            return;
        }
        // From here on both are whose who asks next.
        waiting.push_back(pulled);
        drop(waiting);
        self.0.more.notify_one();
    }
}

/// nh_server_handle_pull keeps the requests of a pattern for nh_server_next, in the place of a callback. Both kinds may
/// be registered with one server. 16,384 requests may wait; more are answered 503.
///
/// Errors: NH_ERR_INVALID (s or pattern is NULL, the pattern is malformed or conflicts with another), NH_ERR_FORKED (s
/// was made before a fork)
/// Ownership: nothing changes hands
/// Threads: any thread, also while the server runs
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_handle_pull(
    s: *mut nh_server,
    pattern: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (core, queue, pattern) = unsafe { (server(s)?, pulled(s)?, ptr::utf8(pattern, "pattern")?) };
        core.mux().handle(pattern, Arc::new(PullHandler(queue.clone())) as Arc<dyn Handler>)
    })
}

/// nh_server_next waits for a request of a pattern of nh_server_handle_pull, for at most timeout_ms milliseconds
/// (NH_TIMEOUT_NONE: for ever), and gives it to the caller, to be answered from any thread. Those that came one after
/// the other are given in that order; those that came at the same time, even on one connection, in any.
///
/// Errors: NH_ERR_INVALID (s, w_out or r_out is NULL, or timeout_ms is negative and not NH_TIMEOUT_NONE),
/// NH_ERR_TIMEOUT (none came in time), NH_ERR_SERVER_CLOSED (the server has stopped: none will come), NH_ERR_FORKED (s
/// was made before a fork)
/// Ownership: *w_out and *r_out: the caller owns, and ends both by nh_response_writer_free, see
/// nh_response_writer_detach
/// Threads: any thread, at the same time too. It may block: requests, up to timeout_ms.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_server_next(
    s: *mut nh_server,
    timeout_ms: i64,
    w_out: *mut *mut nh_response_writer,
    r_out: *mut *mut nh_request,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        ptr::out(w_out, std::ptr::null_mut(), "w_out")?;
        ptr::out(r_out, std::ptr::null_mut(), "r_out")?;
        // SAFETY: P1.
        let (core, queue) = unsafe { (server(s)?, pulled(s)?) };
        let until = match duration(timeout_ms)? {
            None => None,
            Some(d) => Some(Instant::now().checked_add(d).ok_or_else(|| invalid("nethttp: timeout_ms"))?),
        };
        let next = queue.next(core, until)?;
        ptr::set_out(w_out, next.writer);
        ptr::set_out(r_out, next.request);
        Ok(())
    })
}

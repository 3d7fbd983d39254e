//! `nh_trace_event`: the steps of an exchange, told to the program as they happen.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::error::nh_error;
use super::header::nh_header;
use super::request::{change, nh_request};
use super::{guard_or, guard_plain, nh_result, ptr, result};
use crate::error::{Error, Kind, Result};
use crate::message::tls_info::TlsInfo;
use crate::message::trace::{Trace, TraceStep};
use std::ffi::{CString, c_char, c_void};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// NH_TRACE_GET_CONN: a connection is wanted; nh_trace_event_address is where to. Go's GetConn.
pub const NH_TRACE_GET_CONN: i32 = 1;
/// NH_TRACE_GOT_CONN: there is one; see nh_trace_event_reused, _was_idle, _idle_time. Go's GotConn.
pub const NH_TRACE_GOT_CONN: i32 = 2;
/// NH_TRACE_PUT_IDLE_CONN: the connection went back to the pool, or not (nh_trace_event_error):
/// with the last byte of the body, so before nh_client_do returns if all of that came with the head. Go's PutIdleConn.
pub const NH_TRACE_PUT_IDLE_CONN: i32 = 3;
/// NH_TRACE_FIRST_BYTE: the answer's first byte came. Go's GotFirstResponseByte.
pub const NH_TRACE_FIRST_BYTE: i32 = 4;
/// NH_TRACE_CONTINUE: the server wants the body (100 Continue). Go's Got100Continue.
pub const NH_TRACE_CONTINUE: i32 = 5;
/// NH_TRACE_INFORMATIONAL: an answer of 1xx other than 101; nh_trace_event_status and _header have it. Go's
/// Got1xxResponse.
pub const NH_TRACE_INFORMATIONAL: i32 = 6;
/// NH_TRACE_DNS_START: the name in nh_trace_event_address is looked up. Go's DNSStart.
pub const NH_TRACE_DNS_START: i32 = 7;
/// NH_TRACE_DNS_DONE: nh_trace_event_address_at has what was found, nh_trace_event_error why nothing. Go's DNSDone.
pub const NH_TRACE_DNS_DONE: i32 = 8;
/// NH_TRACE_CONNECT_START: connecting to nh_trace_event_address; several may go on at once. Go's ConnectStart.
pub const NH_TRACE_CONNECT_START: i32 = 9;
/// NH_TRACE_CONNECT_DONE: connected to nh_trace_event_address, or not (nh_trace_event_error). Go's ConnectDone.
pub const NH_TRACE_CONNECT_DONE: i32 = 10;
/// NH_TRACE_TLS_START: the handshake with the server begins. Go's TLSHandshakeStart.
pub const NH_TRACE_TLS_START: i32 = 11;
/// NH_TRACE_TLS_DONE: nh_trace_event_tls_version and its like have what was agreed on, or nh_trace_event_error why
/// nothing was. Go's TLSHandshakeDone.
pub const NH_TRACE_TLS_DONE: i32 = 12;
/// NH_TRACE_WROTE_FIELD: a header field, nh_trace_event_name and _value, went out. Go's WroteHeaderField.
pub const NH_TRACE_WROTE_FIELD: i32 = 13;
/// NH_TRACE_WROTE_HEADERS: the request's head went out. Go's WroteHeaders.
pub const NH_TRACE_WROTE_HEADERS: i32 = 14;
/// NH_TRACE_WAIT_CONTINUE: the body waits for 100 Continue. Go's Wait100Continue.
pub const NH_TRACE_WAIT_CONTINUE: i32 = 15;
/// NH_TRACE_WROTE_REQUEST: the request went out whole, or not (nh_trace_event_error). Go's WroteRequest.
pub const NH_TRACE_WROTE_REQUEST: i32 = 16;

/// nh_trace_event is one step of an exchange, as an nh_trace_fn is told it.
pub struct nh_trace_event {
    kind: i32,
    at: Duration,
    address: Option<CString>,
    addresses: Vec<CString>,
    reused: bool,
    idle: Option<Duration>,
    status: u16,
    header: *const nh_header,
    name: Option<CString>,
    value: Option<CString>,
    tls: Option<TlsInfo>,
    error: Option<nh_error>,
}

/// nh_trace_fn is told a step of an exchange. The event is borrowed until it returns.
///
/// It is called on the thread that is inside nh_client_do, or that reads or closes the answer; what a dial has done on a
/// thread of the pool's is told there too, with the times at which it was done, as soon as the caller wakes for it, and
/// before NH_TRACE_GOT_CONN. A dial whose request went on with another connection is not told of any more. It may
/// block, and must not call functions on the request or the response.
///
/// The result counts after NH_TRACE_INFORMATIONAL alone: any but NH_OK ends the exchange with NH_ERR_ABORTED.
pub type nh_trace_fn =
    Option<unsafe extern "C-unwind" fn(e: *const nh_trace_event, userdata: *mut c_void) -> nh_result>;

struct CTrace {
    call: unsafe extern "C-unwind" fn(*const nh_trace_event, *mut c_void) -> nh_result,
    userdata: Userdata,
}

impl Trace for CTrace {
    fn step(&self, at: Duration, step: &TraceStep) -> Result<()> {
        let event = event(at, step);
        // SAFETY: P5; the event lives until the call returns.
        match no_unwind("nh_trace_fn", || unsafe { (self.call)(&event, self.userdata.ptr()) }) {
            result::NH_OK => Ok(()),
            code => Err(Error::new(Kind::Aborted, format!("nethttp: the trace callback answered {code}"))),
        }
    }
}

fn text(bytes: impl Into<Vec<u8>>) -> CString {
    CString::new(bytes).unwrap_or_default()
}

fn event(at: Duration, step: &TraceStep) -> nh_trace_event {
    let mut e = nh_trace_event {
        kind: 0,
        at,
        address: None,
        addresses: Vec::new(),
        reused: false,
        idle: None,
        status: 0,
        header: std::ptr::null(),
        name: None,
        value: None,
        tls: None,
        error: None,
    };
    let failed = |error: &Option<Error>| error.clone().map(nh_error::new);
    let shown = |a: &SocketAddr| text(a.to_string());
    match step {
        TraceStep::GetConn(address) => {
            (e.kind, e.address) = (NH_TRACE_GET_CONN, Some(text(address.as_str())));
        }
        TraceStep::GotConn { remote, reused, idle } => {
            (e.kind, e.reused, e.idle) = (NH_TRACE_GOT_CONN, *reused, *idle);
            e.address = remote.as_ref().map(shown);
        }
        TraceStep::PutIdleConn(error) => (e.kind, e.error) = (NH_TRACE_PUT_IDLE_CONN, failed(error)),
        TraceStep::FirstByte => e.kind = NH_TRACE_FIRST_BYTE,
        TraceStep::Continue => e.kind = NH_TRACE_CONTINUE,
        TraceStep::Informational { code, header } => {
            (e.kind, e.status, e.header) = (NH_TRACE_INFORMATIONAL, *code, nh_header::lend(header));
        }
        TraceStep::DnsStart(host) => (e.kind, e.address) = (NH_TRACE_DNS_START, Some(text(host.as_str()))),
        TraceStep::DnsDone { addrs, error } => {
            (e.kind, e.error) = (NH_TRACE_DNS_DONE, failed(error));
            e.addresses = addrs.iter().map(|a| text(a.ip().to_string())).collect();
        }
        TraceStep::ConnectStart(to) => (e.kind, e.address) = (NH_TRACE_CONNECT_START, Some(shown(to))),
        TraceStep::ConnectDone(to, error) => {
            (e.kind, e.address, e.error) = (NH_TRACE_CONNECT_DONE, Some(shown(to)), failed(error));
        }
        TraceStep::TlsStart => e.kind = NH_TRACE_TLS_START,
        TraceStep::TlsDone(outcome) => {
            e.kind = NH_TRACE_TLS_DONE;
            match outcome {
                Ok(info) => e.tls = Some(info.clone()),
                Err(error) => e.error = Some(nh_error::new(error.clone())),
            }
        }
        TraceStep::WroteField { name, value } => {
            e.kind = NH_TRACE_WROTE_FIELD;
            (e.name, e.value) = (Some(text(name.as_slice())), Some(text(value.as_slice())));
        }
        TraceStep::WroteHeaders => e.kind = NH_TRACE_WROTE_HEADERS,
        TraceStep::WaitContinue => e.kind = NH_TRACE_WAIT_CONTINUE,
        TraceStep::WroteRequest(error) => (e.kind, e.error) = (NH_TRACE_WROTE_REQUEST, failed(error)),
    }
    e
}

/// nh_request_set_trace has a function told each step of the exchanges that send this request: those of redirects
/// too, and again where it is sent on another connection. fn NULL takes it away. Go's httptrace.WithClientTrace.
///
/// With a trace the informational answers of a server count against no limit together, each for itself does: the
/// function can end the exchange.
///
/// Errors: NH_ERR_INVALID (r is NULL), NH_ERR_BUSY (r is being sent)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata, when no request and no
/// response is left that could call fn
/// Threads: one thread at a time per request
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_request_set_trace(
    r: *mut nh_request,
    trace_fn: nh_trace_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1, P6.
        let r = unsafe { change(r)? };
        let new = trace_fn.map(|call| Arc::new(CTrace { call, userdata }) as Arc<dyn Trace>);
        drop(std::mem::replace(&mut r.0.trace, new));
        Ok(())
    })
}

/// get answers a getter.
fn get<T>(e: *const nh_trace_event, neutral: T, f: impl FnOnce(&nh_trace_event) -> Option<T>) -> T {
    // SAFETY: P1.
    guard_or(neutral, || f(unsafe { ptr::shared(e, "event") }.ok()?))
}

fn lend(s: &Option<CString>) -> Option<*const c_char> {
    s.as_ref().map(|s| s.as_ptr())
}

fn micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

/// nh_trace_event_kind is an NH_TRACE_ number; 0 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_kind(e: *const nh_trace_event) -> i32 {
    get(e, 0, |e| Some(e.kind))
}

/// nh_trace_event_time is when it happened, in microseconds since this hop of the exchange began; -1 for NULL.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_time(e: *const nh_trace_event) -> i64 {
    get(e, -1, |e| Some(micros(e.at)))
}

/// nh_trace_event_address is the host and port of NH_TRACE_GET_CONN, the peer's address of NH_TRACE_GOT_CONN and
/// NH_TRACE_CONNECT_START and _DONE, and the name of NH_TRACE_DNS_START; NULL in other events.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_address(e: *const nh_trace_event) -> *const c_char {
    get(e, std::ptr::null(), |e| lend(&e.address))
}

/// nh_trace_event_address_count is how many addresses NH_TRACE_DNS_DONE has found.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_address_count(e: *const nh_trace_event) -> usize {
    get(e, 0, |e| Some(e.addresses.len()))
}

/// nh_trace_event_address_at is the i-th address that NH_TRACE_DNS_DONE has found, counted from 0, without a port; NULL
/// beyond the last.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_address_at(e: *const nh_trace_event, i: usize) -> *const c_char {
    get(e, std::ptr::null(), |e| e.addresses.get(i).map(|a| a.as_ptr()))
}

/// nh_trace_event_reused is 1 if the connection of NH_TRACE_GOT_CONN has served another request before, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_reused(e: *const nh_trace_event) -> i32 {
    get(e, 0, |e| Some(e.reused.into()))
}

/// nh_trace_event_idle_time is how long the connection of NH_TRACE_GOT_CONN had been idle, in microseconds; -1 if it was
/// not: it is new, or came straight from another request.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_idle_time(e: *const nh_trace_event) -> i64 {
    get(e, -1, |e| e.idle.map(micros))
}

/// nh_trace_event_status is the status code of NH_TRACE_INFORMATIONAL, 0 in other events.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_status(e: *const nh_trace_event) -> i32 {
    get(e, 0, |e| Some(e.status.into()))
}

/// nh_trace_event_header is the header of NH_TRACE_INFORMATIONAL, NULL in other events.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_header(e: *const nh_trace_event) -> *const nh_header {
    get(e, std::ptr::null(), |e| Some(e.header))
}

/// nh_trace_event_name is the field's name of NH_TRACE_WROTE_FIELD, NULL in other events.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_name(e: *const nh_trace_event) -> *const c_char {
    get(e, std::ptr::null(), |e| lend(&e.name))
}

/// nh_trace_event_value is the field's value of NH_TRACE_WROTE_FIELD, NULL in other events. It is what was sent:
/// credentials too.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_value(e: *const nh_trace_event) -> *const c_char {
    get(e, std::ptr::null(), |e| lend(&e.value))
}

/// nh_trace_event_tls_version is NH_TLS_1_2 or NH_TLS_1_3 after NH_TRACE_TLS_DONE without an error, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_tls_version(e: *const nh_trace_event) -> i32 {
    get(e, 0, |e| Some(e.tls.as_ref()?.version.into()))
}

/// nh_trace_event_tls_cipher_suite is the suite's name after NH_TRACE_TLS_DONE without an error, else NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_tls_cipher_suite(e: *const nh_trace_event) -> *const c_char {
    get(e, std::ptr::null(), |e| Some(e.tls.as_ref()?.cipher_suite.as_ptr()))
}

/// nh_trace_event_tls_alpn is the protocol that NH_TRACE_TLS_DONE has agreed on by ALPN, "" if none, else NULL.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_tls_alpn(e: *const nh_trace_event) -> *const c_char {
    get(e, std::ptr::null(), |e| Some(e.tls.as_ref()?.alpn.as_deref().unwrap_or_default().as_ptr()))
}

/// nh_trace_event_tls_resumed is 1 if NH_TRACE_TLS_DONE has resumed a session, else 0.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_tls_resumed(e: *const nh_trace_event) -> i32 {
    get(e, 0, |e| Some(e.tls.as_ref()?.resumed.into()))
}

/// nh_trace_event_error is why the step failed, NULL if it did not.
///
/// Errors: none
/// Ownership: result: the library owns; borrowed until the callback returns
/// Threads: the thread of the callback
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_trace_event_error(e: *const nh_trace_event) -> *const nh_error {
    get(e, std::ptr::null(), |e| Some(std::ptr::from_ref(e.error.as_ref()?)))
}

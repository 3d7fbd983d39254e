//! The C API: one file per handle, and the only `extern "C"` in the tree.
//!
//! Every export has the shape `guard(err, || ...)`: no panic crosses the border, and a bad argument is a
//! result. The pointer contract, whose clauses SAFETY notes name:
//!
//! * **P1 handle**: NULL, or a pointer that this library gave out as that type and that was not freed.
//! * **P2 text**: NULL, or NUL-terminated and unchanged during the call.
//! * **P3 bytes**: `(ptr, len)` with `len` readable bytes, or writable ones for a buffer; `(NULL, 0)` is legal.
//! * **P4 out**: NULL, or a pointer to a writable, aligned place for the value.
//! * **P5 callback**: `fn`, `userdata` and `free_userdata` may be used from the threads that their typedef names.
//! * **P6 threads**: a handle is used from one thread at a time unless its docs say otherwise.
//! * **P7 descriptor**: no descriptor, or an open one that the caller gives up.

// The names are C's.
#![allow(non_camel_case_types)]
// Each export's contract is P1 to P6; its own docs are C's and name errors, ownership and threads.
#![allow(clippy::missing_safety_doc)]

pub mod auth;
pub mod callback;
pub mod cancel;
pub mod client;
pub mod client_conn;
pub mod client_dial;
pub mod client_oneshot;
pub mod client_proxy;
pub mod client_redirect;
pub mod client_settings;
pub mod client_tls;
pub mod client_tunnel;
pub mod conn;
pub mod cookie;
pub mod cross_origin;
pub mod date;
mod duration;
pub mod error;
pub mod error_http2;
pub mod escape;
pub mod file;
pub mod file_system;
pub mod form;
pub mod handler;
pub mod header;
pub mod http2_config;
pub mod jar;
pub mod jar_callback;
pub mod log;
pub mod middleware;
pub mod multipart;
pub mod multipart_form;
pub mod mux;
pub mod protocol;
pub mod protocols;
pub mod ptr;
pub mod reader;
pub mod request;
pub mod request_body;
pub mod request_clone;
pub mod request_conn;
pub mod request_disconnect;
pub mod request_get;
pub mod request_progress;
pub mod request_target;
pub mod request_trace;
pub mod request_value;
pub mod request_write;
pub mod response;
pub mod response_body;
pub mod response_conn;
pub mod response_new;
pub mod response_timing;
pub mod response_tls;
pub mod response_write;
pub mod response_writer;
pub mod response_writer_detach;
pub mod response_writer_wrap;
pub mod responses;
pub mod result;
pub mod round_trip;
pub mod server;
pub mod server_end;
pub mod server_fields;
pub mod server_listen;
pub mod server_observe;
pub mod server_protocols;
pub mod server_pull;
pub mod server_request;
pub mod server_settings;
pub mod server_shutdown;
pub mod sniff;
pub mod status;
#[cfg(test)]
mod tests;
pub mod thread_hooks;
pub mod tls_config;
mod tls_config_pem;
pub mod tls_config_server;
pub mod transport;
pub mod url;
pub mod values;
pub mod version;

pub use error::nh_error;
pub use result::nh_result;

use crate::error::{Error, Kind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// guard runs the body of an export: a panic becomes `NH_ERR_PANIC`, an error goes to `*err` if the caller
/// wants it, and `*err` is NULL after success.
pub(crate) fn guard(err: *mut *mut nh_error, f: impl FnOnce() -> Result<()>) -> nh_result {
    let result = catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(panic_error(panic)));
    match result {
        Ok(()) => {
            ptr::set_out(err, std::ptr::null_mut());
            result::NH_OK
        }
        Err(e) => {
            let code = e.kind() as nh_result;
            if !err.is_null() {
                ptr::set_out(err, ptr::give(nh_error::new(e)));
            }
            code
        }
    }
}

/// guard_plain is [`guard`] for the functions that take no `nh_error **`.
pub(crate) fn guard_plain(f: impl FnOnce() -> Result<()>) -> nh_result {
    guard(std::ptr::null_mut(), f)
}

/// guard_or runs a getter that cannot fail but by misuse, and answers `fallback` then.
pub(crate) fn guard_or<T>(fallback: T, f: impl FnOnce() -> Option<T>) -> T {
    catch_unwind(AssertUnwindSafe(f)).ok().flatten().unwrap_or(fallback)
}

fn panic_error(panic: Box<dyn std::any::Any + Send>) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    // A payload whose drop panics must not get out either.
    std::mem::forget(panic);
    Error::new(Kind::Panic, format!("nethttp: internal error: {text}"))
}

//! Log: lines about what has no caller to be returned to. Nothing is ever printed by the library itself.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::{guard_plain, nh_result};
use crate::error::invalid;
use crate::log::{Level, Sink, set_sink};
use std::ffi::{CString, c_char, c_void};

/// NH_LOG_ERROR: something failed that a person should know of, such as accept errors.
pub const NH_LOG_ERROR: i32 = 1;
/// NH_LOG_WARN: something was refused or ended early, such as a malformed request.
pub const NH_LOG_WARN: i32 = 2;
/// NH_LOG_INFO: what the library does: connections made, reused and closed.
pub const NH_LOG_INFO: i32 = 3;
/// NH_LOG_DEBUG: the heads on the wire, "> " before each line that is sent and "< " before those received;
/// values of Authorization, Proxy-Authorization, Cookie and Set-Cookie are left out.
pub const NH_LOG_DEBUG: i32 = 4;

/// nh_log_fn receives a line of the log, without a newline; level is an NH_LOG_ number.
///
/// It runs on any thread, the program's and the library's, at the same time too. It should not block and may
/// call no function of the library but getters of values. The line is borrowed until it returns.
pub type nh_log_fn =
    Option<unsafe extern "C-unwind" fn(level: i32, line: *const c_char, userdata: *mut c_void)>;

/// nh_set_log sends the log of the whole process to a function; without one, the default, there is no log.
///
/// Lines with a level above max_level (NH_LOG_ERROR to NH_LOG_DEBUG) are not made. fn NULL ends the log. The
/// function that was set before is called no more once the calls inside it have returned; then its
/// free_userdata runs.
///
/// Errors: NH_ERR_INVALID (max_level is no NH_LOG_ number)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_set_log(
    max_level: i32,
    r#fn: nh_log_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        let max = match max_level {
            NH_LOG_ERROR => Level::Error,
            NH_LOG_WARN => Level::Warn,
            NH_LOG_INFO => Level::Info,
            NH_LOG_DEBUG => Level::Debug,
            _ => return Err(invalid(format!("nethttp: {max_level} is no log level"))),
        };
        let sink = r#fn.map(|f| -> Box<Sink> {
            Box::new(move |level, line| {
                let line = CString::new(line.replace('\0', "?")).unwrap_or_default();
                // SAFETY: P5: the program allows the function on any thread.
                no_unwind("nh_log_fn", || unsafe { f(level as i32, line.as_ptr(), userdata.ptr()) });
            })
        });
        set_sink(max, sink);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_the_enum() {
        for (c, level) in [
            (NH_LOG_ERROR, Level::Error),
            (NH_LOG_WARN, Level::Warn),
            (NH_LOG_INFO, Level::Info),
            (NH_LOG_DEBUG, Level::Debug),
        ] {
            assert_eq!(c, level as i32);
        }
    }
}

//! The library's threads: how large their stacks are, and what the program runs in each of them.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::{guard_plain, nh_result};
use crate::error::invalid;
use crate::threads::{DEFAULT_STACK, MIN_STACK, ThreadHooks, set, set_stack_size};
use std::ffi::c_void;
use std::sync::Arc;

/// nh_thread_hook_fn runs on a library thread at its start or its end: it attaches the thread to a virtual
/// machine, or detaches it.
///
/// It may block, and may call no function of the library.
pub type nh_thread_hook_fn = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void)>;

struct CHooks {
    start: nh_thread_hook_fn,
    stop: nh_thread_hook_fn,
    userdata: Userdata,
}

impl CHooks {
    fn call(&self, hook: nh_thread_hook_fn) {
        if let Some(f) = hook {
            // SAFETY: P5: the program allows the hooks on every library thread.
            no_unwind("nh_thread_hook_fn", || unsafe { f(self.userdata.ptr()) });
        }
    }
}

impl ThreadHooks for CHooks {
    fn start(&self) {
        self.call(self.start);
    }
    fn stop(&self) {
        self.call(self.stop);
    }
}

/// nh_set_thread_hooks sets what each library thread that starts from now on runs first and last.
///
/// Either function may be NULL; both NULL ends the hooks. A thread runs the stop of the hooks whose start it ran.
/// Threads that run already are not affected, so set hooks before the first client or server is made.
/// free_userdata runs when these hooks were replaced and their last thread has ended.
///
/// Errors: none
/// Ownership: userdata: the library takes, and ends it by free_userdata
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_set_thread_hooks(
    start: nh_thread_hook_fn,
    stop: nh_thread_hook_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        let any = start.is_some() || stop.is_some();
        set(any.then(|| -> Arc<dyn ThreadHooks> { Arc::new(CHooks { start, stop, userdata }) }));
        Ok(())
    })
}

/// nh_stop_callbacks keeps the library's threads from calling back into the program from now on: each that would do so
/// stays where it is, for ever. It is for a host that is about to end while servers or clients of the process still run,
/// such as a language whose functions must not be called any more: call it there, by atexit or what the host has in
/// its place. Calls that the library makes on a thread of the program's own, inside a function that this thread has
/// called, are made as before. There is no way back.
///
/// Nothing is waited for: a callback that runs already goes on. Without this call, a host that ends a thread of the
/// library's inside a callback (pthread_exit) finds the thread parked too; on a thread of the program's own that ends
/// the process.
///
/// Errors: none
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn nh_stop_callbacks() {
    super::callback::stop();
}

/// nh_set_thread_stack_size sets the stack of library threads that start from now on, in bytes.
///
/// 0 is the default, 8 MiB. Callbacks of servers run on these stacks. Pages that are never touched cost no memory.
///
/// Errors: NH_ERR_INVALID (less than 256 KiB, or more than 1 GiB)
/// Ownership: nothing changes hands
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_set_thread_stack_size(bytes: usize) -> nh_result {
    guard_plain(|| {
        match bytes {
            0 => set_stack_size(DEFAULT_STACK),
            MIN_STACK..=0x4000_0000 => set_stack_size(bytes),
            _ => return Err(invalid(format!("nethttp: {bytes} is no stack size"))),
        }
        Ok(())
    })
}

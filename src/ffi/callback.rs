//! Callbacks of the program: what is common to all of them.

use crate::error::{Error, Kind, Result};
use crate::sys::process;
use crate::threads;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

/// nh_free_fn ends what a callback's userdata points to.
///
/// It runs exactly once for each registration, also for one that failed, on the thread that ends the last use,
/// and never while the library holds a lock. NULL is fine: nothing is called.
pub type nh_free_fn = Option<unsafe extern "C-unwind" fn(userdata: *mut c_void)>;

/// Userdata owns the pointer that came with a callback, and frees it once.
#[derive(Debug)]
pub(crate) struct Userdata {
    ptr: *mut c_void,
    free: nh_free_fn,
}

// SAFETY: P5: the program allows its callbacks, and so their userdata, on the threads that the typedef names.
unsafe impl Send for Userdata {}
// SAFETY: P5, as above.
unsafe impl Sync for Userdata {}

impl Userdata {
    /// new takes the pair over; dropping it calls `free`.
    pub(crate) fn new(ptr: *mut c_void, free: nh_free_fn) -> Userdata {
        Userdata { ptr, free }
    }

    pub(crate) fn ptr(&self) -> *mut c_void {
        self.ptr
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: P5: the function belongs to this pointer, and this is the one time it is called.
            no_unwind("nh_free_fn", || unsafe { free(self.ptr) });
        }
    }
}

/// no_unwind calls back into the program, by a function of the type `what`. An exception or a thread exit that tries to
/// leave `f` through the library's frames ends the process, with one line that says so: nobody else could. On a thread of
/// the library's a thread exit parks the thread instead: a host that is ending exits the threads that call into it, which
/// is no fault. Once [`stop`] was called, threads of the library's park before they call.
pub(crate) fn no_unwind<T>(what: &'static str, f: impl FnOnce() -> T) -> T {
    struct Armed(&'static str);
    impl Drop for Armed {
        fn drop(&mut self) {
            leaves(self.0);
        }
    }
    if STOPPED.load(Ordering::Relaxed) && threads::is_library_thread() {
        park();
    }
    let armed = Armed(what);
    let result = f();
    std::mem::forget(armed);
    result
}

static STOPPED: AtomicBool = AtomicBool::new(false);

/// stop keeps the library's threads from calling back from now on.
pub(crate) fn stop() {
    STOPPED.store(true, Ordering::SeqCst);
}

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// leaves ends what an unwinding callback has begun.
#[cold]
fn leaves(what: &str) {
    if process::is_exception_in_flight() {
        process::write_stderr(&format!(
            "nethttp: a C++ exception left a callback ({what}); callbacks must catch them all\n"
        ));
    } else if threads::is_library_thread() {
        park();
    } else {
        process::write_stderr(&format!(
            "nethttp: a thread was ended inside a callback ({what}); callbacks must return\n"
        ));
    }
    std::process::abort();
}

/// NO_COUNT is what a read callback's count is before the call. One that answers NH_OK and leaves it did not come to its
/// end: in many languages an exception leaves a callback so, and must not become the end of the data.
pub(super) const NO_COUNT: usize = usize::MAX;

/// check_count judges the count of a read callback that answered NH_OK; `whose` it is goes into the error.
pub(super) fn check_count(n: usize, cap: usize, whose: &str, too_many: Kind) -> Result<usize> {
    match n {
        NO_COUNT => {
            let text = format!("nethttp: the {whose} answered NH_OK and gave no count");
            Err(Error::new(Kind::Aborted, text))
        }
        n if n > cap => {
            Err(Error::new(too_many, format!("nethttp: the {whose} gave more bytes than it was asked for")))
        }
        n => Ok(n),
    }
}

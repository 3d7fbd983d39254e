//! Calls that concern the process: signal masks, forks, the wall clock.

use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

/// FAULTS are raised by the thread's own instructions: runtimes that share the process (a JVM) rely on them.
const FAULTS: [libc::c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// with_signals_blocked runs `f` with every signal blocked but the faults, and restores the mask. A thread
/// that `f` starts inherits the blocked mask.
pub fn with_signals_blocked<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set was filled by the kernel.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
        }
    }
    let mut block = MaybeUninit::<libc::sigset_t>::uninit();
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are local; sigfillset initializes the first, pthread_sigmask the second. It fails
    // only for an unknown `how`.
    let old = unsafe {
        libc::sigfillset(block.as_mut_ptr());
        for signal in FAULTS {
            libc::sigdelset(block.as_mut_ptr(), signal);
        }
        libc::sigemptyset(old.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, block.as_ptr(), old.as_mut_ptr());
        old.assume_init()
    };
    let _restore = Restore(old);
    f()
}

/// signal_is_blocked tells whether the calling thread blocks a signal.
pub fn signal_is_blocked(signal: libc::c_int) -> bool {
    let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialized before it is read; a NULL new set changes nothing.
    unsafe {
        libc::sigemptyset(mask.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr());
        libc::sigismember(mask.as_ptr(), signal) == 1
    }
}

/// is_exception_in_flight tells whether the calling thread throws a C++ exception: where no C++ runtime is loaded, it does
/// not.
pub fn is_exception_in_flight() -> bool {
    /// What the C++ ABI of Itanium keeps for each thread.
    #[repr(C)]
    struct Globals {
        caught: *mut std::ffi::c_void,
        uncaught: libc::c_uint,
    }
    // SAFETY: the name is NUL-terminated; the symbol, where it is, is the ABI's function, which gives a thread's own record.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"__cxa_get_globals".as_ptr());
        if found.is_null() {
            return false;
        }
        let globals: unsafe extern "C" fn() -> *const Globals = std::mem::transmute(found);
        globals().as_ref().is_some_and(|g| g.uncaught > 0)
    }
}

/// write_stderr writes a last line to stderr, without a lock.
pub fn write_stderr(line: &str) {
    // SAFETY: the pointer and the length are of one live text.
    unsafe { libc::write(2, line.as_ptr().cast(), line.len()) };
}

static FORKS: AtomicU64 = AtomicU64::new(0);

/// count_forks makes each forked child count one up before it runs on. To be called once a process.
pub fn count_forks() {
    extern "C" fn child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler touches an atomic only, which is allowed in a forked child; the library is never
    // unmapped (`-z nodelete`), so the handler's address stays good.
    unsafe { libc::pthread_atfork(None, None, Some(child)) };
}

/// fork_count is the number of forks since `count_forks` that lead to this process.
#[inline]
pub fn fork_count() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// wall_seconds is the time in seconds since 1970 by the kernel's coarse clock: a tick behind at most, and without
/// the price of reading the hardware's.
#[inline]
pub fn wall_seconds() -> i64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` lives through the call. It fails only for an unknown clock, and leaves 1970 then.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut ts) };
    ts.tv_sec
}

/// variable is that of the environment, for what decides whom to trust or to talk to. A program that has more rights than
/// who has started it (set-user-ID and its like) does not see it, as with secure_getenv.
pub fn variable(name: &str) -> Option<OsString> {
    if is_privileged() { None } else { std::env::var_os(name) }
}

/// is_privileged tells whether the kernel asks for care with the environment.
pub fn is_privileged() -> bool {
    // SAFETY: it reads a number that the kernel has given the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

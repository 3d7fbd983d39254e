//! Hooks: how the library starts its threads, and what a program may run in each of them.
//!
//! Every thread is named, blocks the signals that are meant for the program, and has room for callbacks.
//! Start and stop hooks attach a thread to a virtual machine (JVM, CLR, Python) before it calls back.

use crate::sync::RwLock;
use crate::sys::process as sys;
use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};

/// DEFAULT_STACK is what a C program's own main thread has.
pub const DEFAULT_STACK: usize = 8 << 20;
/// MIN_STACK keeps room for the library's own frames below a callback.
pub const MIN_STACK: usize = 256 << 10;

/// ThreadHooks run on each library thread: `start` first, `stop` last. A thread that ran one `start` runs the same
/// value's `stop`, also if the hooks were replaced meanwhile.
pub trait ThreadHooks: Send + Sync {
    fn start(&self);
    fn stop(&self);
}

static HOOKS: RwLock<Option<Arc<dyn ThreadHooks>>> = RwLock::new(None);
static STACK: AtomicUsize = AtomicUsize::new(DEFAULT_STACK);

/// set replaces the hooks of threads that start from now on. The old value is dropped when its last thread
/// has stopped, and never under the lock.
pub fn set(hooks: Option<Arc<dyn ThreadHooks>>) {
    let old = std::mem::replace(&mut *HOOKS.write().unwrap_or_else(PoisonError::into_inner), hooks);
    drop(old);
}

/// set_stack_size sets the stack of threads that start from now on, at least [`MIN_STACK`].
pub fn set_stack_size(bytes: usize) {
    STACK.store(bytes.max(MIN_STACK), Ordering::Relaxed);
}

thread_local! {
    static LIBRARY: Cell<bool> = const { Cell::new(false) };
}

/// is_library_thread tells whether the library has started the calling thread.
pub fn is_library_thread() -> bool {
    LIBRARY.get()
}

/// spawn starts a library thread; the operating system shows the first 15 bytes of `name`.
pub fn spawn<T, F>(name: &str, f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let builder = Builder::new().name(name.to_owned()).stack_size(STACK.load(Ordering::Relaxed));
    let hooks = HOOKS.read().unwrap_or_else(PoisonError::into_inner).clone();
    // The new thread inherits the mask: it never has a moment in which it could take a signal.
    sys::with_signals_blocked(|| {
        builder.spawn(move || {
            LIBRARY.set(true);
            let _running = hooks.map(RunningHook::start);
            f()
        })
    })
}

/// RunningHook calls `stop` when the thread's work has ended, also by a panic.
struct RunningHook(Arc<dyn ThreadHooks>);

impl RunningHook {
    fn start(hooks: Arc<dyn ThreadHooks>) -> RunningHook {
        hooks.start();
        RunningHook(hooks)
    }
}

impl Drop for RunningHook {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Record(Arc<Mutex<Vec<String>>>);

    impl Record {
        fn push(&self, what: &str) {
            let name = std::thread::current().name().unwrap_or("").to_owned();
            self.0.lock().unwrap().push(format!("{what} {name}"));
        }
    }
    impl ThreadHooks for Record {
        fn start(&self) {
            self.push("start");
        }
        fn stop(&self) {
            self.push("stop");
        }
    }
    #[test]
    fn hooks_surround_the_thread() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        set(Some(Arc::new(Record(seen.clone()))));
        let thread = spawn("nh-hooktest", || 7).unwrap();
        assert_eq!(thread.join().unwrap(), 7);
        set(None);
        let seen = seen.lock().unwrap().clone();
        let at = |what: &str| seen.iter().position(|s| s == what).unwrap_or_else(|| panic!("{what}"));
        assert!(at("start nh-hooktest") < at("stop nh-hooktest"));
    }

    #[test]
    fn signals_are_blocked_and_faults_are_not() {
        let (blocked, faults) = spawn("nh-sigtest", || {
            (sys::signal_is_blocked(libc::SIGTERM), sys::signal_is_blocked(libc::SIGSEGV))
        })
        .unwrap()
        .join()
        .unwrap();
        assert!(blocked && !faults);
        assert!(!sys::signal_is_blocked(libc::SIGTERM), "the starter's mask is as it was");
    }
}

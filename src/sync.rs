//! The locks of the library: std's, with std's names.
//!
//! ThreadSanitizer sees what is compiled with it. std is not: what a contended lock, a condition variable or a
//! `OnceLock` does inside std would look like no synchronization at all. So under `--cfg nethttp_tsan`, which only
//! `NETHTTP_SANITIZE=thread` sets, these are made of atomics that the sanitizer does see. Each keeps the part of std's
//! interface that the library uses.

#[cfg(not(nethttp_tsan))]
pub use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, RwLock, TryLockError};

#[cfg(nethttp_tsan)]
pub use seen::{Condvar, Mutex, MutexGuard, OnceLock, RwLock, TryLockError};

/// lock ignores poisoning: a panic is caught at the border, and what it left behind is whole, since no
/// callback runs under a lock of ours.
pub fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(nethttp_tsan)]
mod seen {
    use std::ops::{Deref, DerefMut};
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::sync::{LockResult, PoisonError, RwLockReadGuard, RwLockWriteGuard, TryLockResult};
    use std::time::{Duration, Instant};

    pub use std::sync::TryLockError;

    /// until tries again and again: only std's first try is compiled here, and seen.
    fn until<G>(mut attempt: impl FnMut() -> TryLockResult<G>) -> G {
        loop {
            match attempt() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(p)) => return p.into_inner(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(20)),
            }
        }
    }

    #[derive(Debug, Default)]
    pub struct Mutex<T>(std::sync::Mutex<T>);

    pub struct MutexGuard<'a, T> {
        home: &'a Mutex<T>,
        guard: std::sync::MutexGuard<'a, T>,
    }

    impl<T> Mutex<T> {
        pub const fn new(value: T) -> Mutex<T> {
            Mutex(std::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            Ok(MutexGuard { home: self, guard: until(|| self.0.try_lock()) })
        }

        pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Ok(MutexGuard { home: self, guard }),
                Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
                Err(TryLockError::Poisoned(p)) => Ok(MutexGuard { home: self, guard: p.into_inner() }),
            }
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.guard
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.guard
        }
    }

    /// Condvar counts its calls: a waiter sleeps until the count has moved.
    #[derive(Debug, Default)]
    pub struct Condvar(AtomicU32);

    pub struct Waited(bool);

    impl Waited {
        pub fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl Condvar {
        pub const fn new() -> Condvar {
            Condvar(AtomicU32::new(0))
        }

        pub fn notify_one(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        pub fn notify_all(&self) {
            self.notify_one();
        }

        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            Ok(self.sleep(guard, None).0)
        }

        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            limit: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, Waited)> {
            Ok(self.sleep(guard, Some(Instant::now() + limit)))
        }

        fn sleep<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            until: Option<Instant>,
        ) -> (MutexGuard<'a, T>, Waited) {
            let (home, seen) = (guard.home, self.0.load(Ordering::SeqCst));
            drop(guard);
            let mut late = false;
            while self.0.load(Ordering::SeqCst) == seen && !late {
                std::thread::sleep(Duration::from_micros(50));
                late = until.is_some_and(|at| Instant::now() >= at);
            }
            (home.lock().unwrap_or_else(PoisonError::into_inner), Waited(late))
        }
    }

    #[derive(Debug, Default)]
    pub struct RwLock<T>(std::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub const fn new(value: T) -> RwLock<T> {
            RwLock(std::sync::RwLock::new(value))
        }

        pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
            Ok(until(|| self.0.try_read()))
        }

        pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
            Ok(until(|| self.0.try_write()))
        }
    }

    /// OnceLock publishes by a flag of its own what std's has stored.
    #[derive(Debug)]
    pub struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        done: AtomicBool,
        setting: Mutex<()>,
    }

    impl<T> Default for OnceLock<T> {
        fn default() -> OnceLock<T> {
            OnceLock::new()
        }
    }

    impl<T> OnceLock<T> {
        pub const fn new() -> OnceLock<T> {
            OnceLock {
                value: std::sync::OnceLock::new(),
                done: AtomicBool::new(false),
                setting: Mutex::new(()),
            }
        }

        pub fn get(&self) -> Option<&T> {
            if self.done.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub fn set(&self, value: T) -> Result<(), T> {
            let _setting = self.setting.lock();
            let set = self.value.set(value);
            self.done.store(true, Ordering::Release);
            set
        }

        pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
            if let Some(value) = self.get() {
                return value;
            }
            let _setting = self.setting.lock();
            let value = self.value.get_or_init(f);
            self.done.store(true, Ordering::Release);
            value
        }
    }
}

//! `TransportSettings`: limits and timeouts of a transport, with the library's defaults and Go's.

use crate::sync::Mutex;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// TransportSettings are read when an exchange starts; a change counts from the next one on. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportSettings {
    /// Resolution and connect together.
    pub dial: Option<Duration>,
    /// The TLS handshake, from its first byte to its last.
    pub tls_handshake: Option<Duration>,
    /// From the end of the request to the end of the response's head.
    pub head: Option<Duration>,
    /// Between two bytes of a body, in either direction.
    pub progress: Option<Duration>,
    /// How long an announced body waits for `100 Continue` before it is sent all the same.
    pub expect_continue: Duration,
    /// Everything, redirects and the response's body included: Go's `Client.Timeout`.
    pub overall: Option<Duration>,
    pub idle: Option<Duration>,
    /// 0 is no limit.
    pub max_idle: usize,
    pub max_idle_per_host: usize,
    /// 0 is no limit.
    pub max_conns_per_host: usize,
    pub max_head_bytes: usize,
    /// Received at once where it is not known how much comes, and given to the socket at once of a body.
    pub read_buffer: usize,
    pub write_buffer: usize,
    pub keep_alives: bool,
    /// Gzip is asked for, and undone.
    pub compression: bool,
    /// Bytes of a body that was decompressed.
    pub max_decompressed: Option<u64>,
}

impl Default for TransportSettings {
    fn default() -> TransportSettings {
        TransportSettings {
            dial: Some(Duration::from_secs(30)),
            tls_handshake: Some(Duration::from_secs(10)),
            head: Some(Duration::from_secs(60)),
            progress: Some(Duration::from_secs(60)),
            expect_continue: Duration::from_secs(1),
            overall: None,
            idle: Some(Duration::from_secs(90)),
            max_idle: 100,
            // Go's 2 makes a program with more threads than that dial again and again.
            max_idle_per_host: 32,
            max_conns_per_host: 0,
            max_head_bytes: 1 << 20,
            read_buffer: 4 << 10,
            write_buffer: 64 << 10,
            keep_alives: true,
            compression: true,
            // A bomb must not fill the disk of a program that never asked for gzip.
            max_decompressed: Some(1 << 30),
        }
    }
}

impl TransportSettings {
    /// go_defaults are the values of Go's `DefaultTransport` and `DefaultClient`.
    pub fn go_defaults() -> TransportSettings {
        TransportSettings {
            head: None,
            progress: None,
            max_idle_per_host: 2,
            max_head_bytes: 10 << 20,
            max_decompressed: None,
            ..TransportSettings::default()
        }
    }
}

/// SettingsCell is where a transport keeps its settings. Each thread has its own copy of those that it used last: requests of
/// many threads do not write to one place to learn what does not change (two locks of a hot cache line a request).
pub(super) struct SettingsCell {
    /// Names one value of settings among all that ever were in this process.
    version: AtomicU64,
    value: Mutex<TransportSettings>,
}

static VERSIONS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static COPY: RefCell<(u64, Option<Rc<TransportSettings>>)> = const { RefCell::new((0, None)) };
}

fn next_version() -> u64 {
    VERSIONS.fetch_add(1, Ordering::Relaxed)
}

impl Default for SettingsCell {
    fn default() -> SettingsCell {
        SettingsCell { version: AtomicU64::new(next_version()), value: Mutex::default() }
    }
}

impl SettingsCell {
    /// get lends the thread's copy: the settings are many words.
    pub(super) fn get(&self) -> Rc<TransportSettings> {
        self.with(Rc::clone)
    }

    /// with lends them for a look, without even a count.
    pub(super) fn with<T>(&self, look: impl Fn(&Rc<TransportSettings>) -> T) -> T {
        let now = self.version.load(Ordering::Acquire);
        let looked = COPY.try_with(|copy| match copy.try_borrow().as_deref() {
            Ok((version, Some(settings))) if *version == now => Some(look(settings)),
            _ => None,
        });
        looked.ok().flatten().unwrap_or_else(|| look(&self.refresh()))
    }

    #[cold]
    fn refresh(&self) -> Rc<TransportSettings> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that it is the version of this value.
        let version = self.version.load(Ordering::Relaxed);
        let value = Rc::new(*value);
        let _ = COPY.try_with(|c| c.try_borrow_mut().map(|mut c| *c = (version, Some(value.clone()))));
        value
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut TransportSettings)) {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut value);
        self.version.store(next_version(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_sees_each_slot_and_each_change() {
        let (a, b) = (SettingsCell::default(), SettingsCell::default());
        a.change(|s| s.max_idle = 1);
        b.change(|s| s.max_idle = 2);
        for _ in 0..2 {
            assert_eq!((a.get().max_idle, b.get().max_idle, a.get().max_idle), (1, 2, 1));
        }
        a.change(|s| s.max_idle = 3);
        assert_eq!((a.get().max_idle, b.get().max_idle), (3, 2));
        std::thread::scope(|t| {
            t.spawn(|| a.change(|s| s.max_idle = 4));
        });
        assert_eq!(a.get().max_idle, 4);
    }
}

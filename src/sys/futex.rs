//! A word that threads sleep on.

use crate::sync::OnceLock;
use std::io;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

/// futex_wait sleeps while `word` is `seen`, until a [`futex_wake`] that has one of `bits`, or sooner for no reason;
/// `false`: `until` has passed.
pub fn futex_wait(word: &AtomicU32, seen: u32, bits: u32, until: Option<Instant>) -> bool {
    let at = until.and_then(timespec);
    let at = at.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `word` and the time, if there is one, live through the call.
    let slept = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
            seen,
            at,
            std::ptr::null::<u32>(),
            bits,
        )
    };
    slept == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ETIMEDOUT)
}

/// futex_wake wakes all that sleep on `word` and have one of `bits`.
pub fn futex_wake(word: &AtomicU32, bits: u32) {
    // SAFETY: `word` lives through the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE_BITSET | libc::FUTEX_PRIVATE_FLAG,
            i32::MAX,
            std::ptr::null::<libc::timespec>(),
            std::ptr::null::<u32>(),
            bits,
        );
    }
}

/// timespec is an instant on the clock that the kernel and `Instant` have in common, found without a look at it; `None`
/// if it is too far off to be told.
fn timespec(at: Instant) -> Option<libc::timespec> {
    static FIRST: OnceLock<(Instant, Duration)> = OnceLock::new();
    let (instant, since) = FIRST.get_or_init(|| {
        let look = || {
            let before = Instant::now();
            let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: `ts` lives through the call.
            unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
            let secs = u64::try_from(ts.tv_sec).unwrap_or(0);
            let since = Duration::new(secs, u32::try_from(ts.tv_nsec).unwrap_or(0));
            (before.elapsed(), before, since)
        };
        // A deadline comes late by what lies between the two looks, and never early.
        let [a, b, c] = [look(), look(), look()];
        let (_, instant, since) = a.min(b).min(c);
        (instant, since)
    });
    // An instant before the first is past whatever it is.
    let at = since.checked_add(at.saturating_duration_since(*instant))?;
    let tv_sec = libc::time_t::try_from(at.as_secs()).ok()?;
    Some(libc::timespec { tv_sec, tv_nsec: libc::c_long::from(at.subsec_nanos().cast_signed()) })
}

//! A word that threads sleep on.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// futex_wait sleeps while `word` is `seen`, until a [`futex_wake`] that has one of `bits`, for `left` at most, or sooner
/// for no reason.
pub fn futex_wait(word: &AtomicU32, seen: u32, bits: u32, left: Option<Duration>) {
    let at = left.and_then(|left| {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `now` lives through the call.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
        let since = Duration::new(u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?);
        // One that is too far off is none.
        let at = since.checked_add(left)?;
        let tv_sec = libc::time_t::try_from(at.as_secs()).ok()?;
        Some(libc::timespec { tv_sec, tv_nsec: libc::c_long::from(at.subsec_nanos().cast_signed()) })
    });
    let at = at.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `word` and the time, if there is one, live through the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
            seen,
            at,
            std::ptr::null::<u32>(),
            bits,
        );
    }
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

//! Files: reading at a place, and sending to a socket without a copy.

use super::{check, check_size, retry};
use std::io;
use std::os::fd::RawFd;

/// pread reads once at an offset; `Ok(0)` is the file's end.
pub fn pread(fd: RawFd, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let at = libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: the pointer and the length are of one live buffer.
    retry(|| check_size(unsafe { libc::pread(fd, buf.as_mut_ptr().cast(), buf.len(), at) }))
}

/// sendfile moves at most `len` bytes of a file to a socket and tells how many; `Ok(0)` is the file's end. It has
/// no flag against SIGPIPE: see [`blocks_sigpipe`].
pub fn sendfile(socket: RawFd, file: RawFd, offset: u64, len: usize) -> io::Result<usize> {
    let at = libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    retry(|| {
        let mut at = at;
        // SAFETY: `at` lives through the call.
        check_size(unsafe { libc::sendfile(socket, file, &mut at, len) })
    })
}

/// blocks_sigpipe tells whether this thread blocks SIGPIPE, so that a broken [`sendfile`] is an error and no more.
pub fn blocks_sigpipe() -> bool {
    // SAFETY: a set of signals is integers; all zeros is valid.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: no set is given, and `set` lives through the call.
    let got = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut set) };
    // SAFETY: `set` was filled in.
    got == 0 && unsafe { libc::sigismember(&set, libc::SIGPIPE) } == 1
}

/// take_sigpipe takes back the blocked SIGPIPE that a broken [`sendfile`] has left pending on this thread: it
/// must not wait for the day when somebody lets it through.
pub fn take_sigpipe() {
    // SAFETY: a set of signals is integers; all zeros is valid.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `set` and `now` live through the calls.
    unsafe {
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::sigtimedwait(&set, std::ptr::null_mut(), &now);
    }
}

/// is_open tells whether a descriptor is one.
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: no memory is passed.
    check(unsafe { libc::fcntl(fd, libc::F_GETFD) }).is_ok()
}

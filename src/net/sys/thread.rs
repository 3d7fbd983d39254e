//! A thread as another one sees it.

use super::{check, check_size, gettid, retry};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// ThreadProbe looks at one thread from another: is it asleep, how much CPU has it used. One system call a
/// question; after the thread's end the questions are answered by `None`.
#[derive(Debug)]
pub struct ThreadProbe {
    clock: libc::clockid_t,
    stat: Option<OwnedFd>,
}

impl ThreadProbe {
    /// current is a probe of the calling thread.
    pub fn current() -> ThreadProbe {
        let tid = gettid();
        // The kernel's encoding of a thread's CPU clock: the inverted tid, then PERTHREAD | SCHED. Other than
        // pthread_getcpuclockid it needs no handle of a thread that may be gone.
        let clock = ((!tid) << 3) | 6;
        let stat = std::fs::File::open(format!("/proc/self/task/{tid}/stat")).ok().map(OwnedFd::from);
        ThreadProbe { clock, stat }
    }

    /// cpu is the CPU time that the thread has used.
    pub fn cpu(&self) -> Option<Duration> {
        let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `ts` lives through the call.
        check(unsafe { libc::clock_gettime(self.clock, &mut ts) }).ok()?;
        Some(Duration::new(u64::try_from(ts.tv_sec).ok()?, u32::try_from(ts.tv_nsec).ok()?))
    }

    /// state is the kernel's letter: R runs or wants to, S sleeps, D waits for a disk.
    pub fn state(&self) -> Option<u8> {
        let mut buf = [0u8; 128];
        let fd = self.stat.as_ref()?.as_raw_fd();
        // SAFETY: the pointer and the length are of one live buffer.
        let n =
            retry(|| check_size(unsafe { libc::pread(fd, buf.as_mut_ptr().cast(), buf.len(), 0) })).ok()?;
        let text = buf.get(..n)?;
        let end = text.iter().rposition(|&b| b == b')')?;
        text.get(end + 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_sees_sleep_and_work() {
        let (tx, rx) = std::sync::mpsc::channel();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let t = std::thread::spawn(move || {
            tx.send(ThreadProbe::current()).unwrap();
            wait.recv().ok();
            let end = std::time::Instant::now() + Duration::from_millis(30);
            while std::time::Instant::now() < end {}
            tx.send(ThreadProbe::current()).unwrap();
        });
        let probe = rx.recv().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(probe.state(), Some(b'S'));
        let before = probe.cpu().unwrap();
        go.send(()).unwrap();
        rx.recv().unwrap();
        assert!(probe.cpu().is_none_or(|c| c > before));
        t.join().unwrap();
    }
}

//! A thread as another one sees it.

use super::{check, check_size, gettid, retry};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// ThreadProbe names a thread to whoever looks at it from outside. It holds no descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadProbe {
    tid: libc::pid_t,
}

impl ThreadProbe {
    /// current is a probe of the calling thread.
    pub fn current() -> ThreadProbe {
        ThreadProbe { tid: gettid() }
    }

    /// cpu is the CPU time that the thread has used.
    pub fn cpu(&self) -> Option<Duration> {
        // The kernel's encoding of a thread's CPU clock: the inverted tid, then PERTHREAD | SCHED. Other than
        // pthread_getcpuclockid it needs no handle of a thread that may be gone.
        let clock = ((!self.tid) << 3) | 6;
        let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `ts` lives through the call.
        check(unsafe { libc::clock_gettime(clock, &mut ts) }).ok()?;
        Some(Duration::new(u64::try_from(ts.tv_sec).ok()?, u32::try_from(ts.tv_nsec).ok()?))
    }
}

/// ThreadStat looks at the state of one thread after the other, and keeps the last one's file open: a watcher of a shard
/// has one descriptor, however many threads have led it.
#[derive(Default)]
pub struct ThreadStat(Option<(ThreadProbe, OwnedFd)>);

impl ThreadStat {
    /// state is the kernel's letter for a thread: R runs or wants to, S sleeps, D waits for a disk.
    pub fn state(&mut self, of: ThreadProbe) -> Option<u8> {
        if self.0.as_ref().is_none_or(|(probe, _)| *probe != of) {
            let file = std::fs::File::open(format!("/proc/self/task/{}/stat", of.tid)).ok()?;
            self.0 = Some((of, file.into()));
        }
        let state = self.0.as_ref().and_then(|(_, fd)| read_state(fd.as_raw_fd()));
        if state.is_none() {
            // That thread is gone; its number may be another's some day.
            self.0 = None;
        }
        state
    }
}

fn read_state(fd: RawFd) -> Option<u8> {
    let mut buf = [0u8; 128];
    // SAFETY: the pointer and the length are of one live buffer.
    let n = retry(|| check_size(unsafe { libc::pread(fd, buf.as_mut_ptr().cast(), buf.len(), 0) })).ok()?;
    let text = buf.get(..n)?;
    let end = text.iter().rposition(|&b| b == b')')?;
    text.get(end + 2).copied()
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
        let mut stat = ThreadStat::default();
        assert_eq!(stat.state(probe), Some(b'S'));
        let before = probe.cpu().unwrap();
        go.send(()).unwrap();
        rx.recv().unwrap();
        assert!(probe.cpu().is_none_or(|c| c > before));
        t.join().unwrap();
        // Once the kernel has forgotten it, too.
        while stat.state(probe).is_some() {
            std::thread::yield_now();
        }
        assert!(stat.state(ThreadProbe::current()).is_some());
    }
}

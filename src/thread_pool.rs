//! `ThreadPool`: a queue of jobs and the library's threads that work on it, at most so many.
//!
//! A thread starts when there is a job that no other is free for, so that a program without such jobs has no such
//! thread. The queue is a channel of crossbeam's, whose receivers wait with a deadline and see the end. Invariant: jobs
//! are sent, and threads started and retired, under one lock. So no thread ends while a job is on its way to it, and no
//! job waits for a busy thread while another may be started.

use crate::sync::{Mutex, lock};
use crate::threads;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// ThreadPool is the owner's end of the queue. Threads end by `close`, or by their own decision.
pub struct ThreadPool<T>(Arc<Shared<T>>);

struct Shared<T> {
    name: &'static str,
    most: usize,
    is_joined: bool,
    queue: Receiver<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// `None`: closed.
    queue: Option<Sender<T>>,
    threads: usize,
    /// Jobs that wait or are worked on.
    jobs: usize,
    handles: Vec<JoinHandle<()>>,
}

/// Refused is a job that no thread will come to: none could be started, or the pool is closed.
pub struct Refused<T> {
    pub job: T,
    pub error: io::Error,
}

/// Received is how a thread's wait for a job has ended.
pub enum Received<T> {
    Job(T),
    Late,
    Closed,
}

/// Jobs is a thread's end of the queue. A thread works on one job at a time: to receive is to be done with the last one.
pub struct Jobs<T> {
    pool: Arc<Shared<T>>,
    is_busy: bool,
    is_retired: bool,
}

impl<T: Send + 'static> ThreadPool<T> {
    /// new makes a pool of at most `most` threads, which `join` waits for.
    pub fn new(name: &'static str, most: usize) -> ThreadPool<T> {
        ThreadPool::with(name, most, true)
    }

    /// detached makes a pool of threads that may hang, and that nobody waits for.
    pub fn detached(name: &'static str, most: usize) -> ThreadPool<T> {
        ThreadPool::with(name, most, false)
    }

    fn with(name: &'static str, most: usize, is_joined: bool) -> ThreadPool<T> {
        let (sender, queue) = unbounded();
        let state = State { queue: Some(sender), threads: 0, jobs: 0, handles: Vec::new() };
        ThreadPool(Arc::new(Shared { name, most, is_joined, queue, state: Mutex::new(state) }))
    }

    /// submit queues a job. If no thread is free for it a new one runs `work`, unless there are as many as may be.
    pub fn submit(&self, job: T, work: impl FnOnce(Jobs<T>) + Send + 'static) -> Result<(), Refused<T>> {
        let mut state = lock(&self.0.state);
        if state.jobs >= state.threads
            && state.threads < self.0.most
            && let Err(error) = self.spawn(&mut state, work)
        {
            return Err(Refused { job, error });
        }
        state.send(job)
    }

    /// enqueue queues a job for the threads that there are.
    pub fn enqueue(&self, job: T) -> Result<(), Refused<T>> {
        let mut state = lock(&self.0.state);
        if state.threads == 0 {
            return Err(Refused { job, error: closed() });
        }
        state.send(job)
    }

    /// start has a thread run `work` if there is none.
    pub fn start(&self, work: impl FnOnce(Jobs<T>) + Send + 'static) -> io::Result<()> {
        let mut state = lock(&self.0.state);
        if state.threads == 0 { self.spawn(&mut state, work) } else { Ok(()) }
    }

    fn spawn(&self, state: &mut State<T>, work: impl FnOnce(Jobs<T>) + Send + 'static) -> io::Result<()> {
        if state.queue.is_none() {
            return Err(closed());
        }
        let pool = self.0.clone();
        let run = move || work(Jobs { pool, is_busy: false, is_retired: false });
        let handle = threads::spawn(self.0.name, run)?;
        state.threads += 1;
        if self.0.is_joined {
            state.handles.retain(|h| !h.is_finished());
            state.handles.push(handle);
        }
        Ok(())
    }

    /// jobs counts those that wait or are worked on.
    pub fn jobs(&self) -> usize {
        lock(&self.0.state).jobs
    }

    /// close drops the jobs that wait. The threads see it when they want the next one.
    pub fn close(&self) {
        let mut state = lock(&self.0.state);
        state.queue = None;
        let left: Vec<T> = self.0.queue.try_iter().collect();
        state.jobs = state.jobs.saturating_sub(left.len());
        drop(state);
        drop(left);
    }

    /// join waits for the threads of a pool that was closed.
    pub fn join(&self) {
        let handles = std::mem::take(&mut lock(&self.0.state).handles);
        for handle in handles {
            let _ = handle.join();
        }
    }
}

impl<T> State<T> {
    fn send(&mut self, job: T) -> Result<(), Refused<T>> {
        let Some(queue) = &self.queue else { return Err(Refused { job, error: closed() }) };
        // The receiver is the pool's own, and lasts as long.
        queue.send(job).map_err(|e| Refused { job: e.into_inner(), error: closed() })?;
        self.jobs += 1;
        Ok(())
    }
}

impl<T> Jobs<T> {
    /// recv waits for a job, until a time or for ever.
    pub fn recv(&mut self, until: Option<Instant>) -> Received<T> {
        self.done();
        let received = match until {
            Some(at) => self.pool.queue.recv_deadline(at),
            None => self.pool.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(job) => {
                self.is_busy = true;
                Received::Job(job)
            }
            Err(RecvTimeoutError::Timeout) => Received::Late,
            Err(RecvTimeoutError::Disconnected) => Received::Closed,
        }
    }

    /// try_recv is [`Jobs::recv`] that does not wait.
    pub fn try_recv(&mut self) -> Option<T> {
        match self.recv(Some(Instant::now())) {
            Received::Job(job) => Some(job),
            Received::Late | Received::Closed => None,
        }
    }

    /// next waits for a job for so long. `None`: the thread is retired, and must end.
    pub fn next(&mut self, idle: Duration) -> Option<T> {
        loop {
            match self.recv(Some(Instant::now() + idle)) {
                Received::Job(job) => return Some(job),
                Received::Late if !self.retire() => {}
                Received::Late | Received::Closed => return None,
            }
        }
    }

    /// done tells, before the next job is received, that the thread is free for one.
    pub fn done(&mut self) {
        if std::mem::take(&mut self.is_busy) {
            let mut state = lock(&self.pool.state);
            state.jobs = state.jobs.saturating_sub(1);
        }
    }

    /// retire takes the thread out of the pool unless a job has come; it must end then.
    pub fn retire(&mut self) -> bool {
        self.done();
        let mut state = lock(&self.pool.state);
        if !self.is_retired && self.pool.queue.is_empty() {
            state.threads -= 1;
            self.is_retired = true;
        }
        self.is_retired
    }
}

impl<T> Drop for Jobs<T> {
    fn drop(&mut self) {
        // Also where the work has panicked.
        self.done();
        if !self.is_retired {
            lock(&self.pool.state).threads -= 1;
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the threads have ended")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const IDLE: Duration = Duration::from_millis(5);

    fn threads<T>(pool: &ThreadPool<T>) -> usize {
        lock(&pool.0.state).threads
    }

    type Step = (Sender<u32>, Receiver<()>);

    /// A job says its number, and ends when it is told to.
    fn submit(pool: &ThreadPool<(u32, Step)>, n: u32, said: &Sender<u32>) -> Sender<()> {
        let (end, ended) = channel();
        let work = |mut jobs: Jobs<(u32, Step)>| {
            while let Some((n, (said, ended))) = jobs.next(IDLE) {
                said.send(n).unwrap();
                let _ = ended.recv();
            }
        };
        assert!(pool.submit((n, (said.clone(), ended)), work).is_ok());
        end
    }

    #[test]
    fn a_thread_starts_where_none_is_free_and_ends_when_idle() {
        let pool = ThreadPool::new("nh-pooltest", 2);
        let (said, heard) = channel();
        assert_eq!((threads(&pool), pool.jobs()), (0, 0));
        let ends: Vec<_> = (0..4).map(|n| submit(&pool, n, &said)).collect();
        let mut first = [heard.recv().unwrap(), heard.recv().unwrap()];
        first.sort_unstable();
        assert_eq!((first, threads(&pool), pool.jobs()), ([0, 1], 2, 4));
        drop(ends);
        let mut rest = [heard.recv().unwrap(), heard.recv().unwrap()];
        rest.sort_unstable();
        assert_eq!(rest, [2, 3]);
        while threads(&pool) > 0 {
            std::thread::sleep(IDLE);
        }
        drop(submit(&pool, 4, &said));
        assert_eq!(heard.recv().unwrap(), 4);
        pool.close();
        pool.join();
        assert_eq!((threads(&pool), pool.jobs()), (0, 0));
    }

    #[test]
    fn close_drops_what_waits_and_refuses_more() {
        let pool = ThreadPool::new("nh-pooltest", 1);
        let (said, heard) = channel();
        let end = submit(&pool, 1, &said);
        assert_eq!(heard.recv().unwrap(), 1);
        let waits = submit(&pool, 2, &said);
        pool.close();
        assert!(waits.send(()).is_err(), "the second job is still there");
        drop(end);
        pool.join();
        let refused = pool.submit((3, (said, channel().1)), |_| {}).unwrap_err();
        assert_eq!((refused.job.0, pool.jobs()), (3, 0));
        drop(refused);
        assert!(heard.recv().is_err());
    }

    #[test]
    fn a_job_that_panics_takes_its_thread_alone_along() {
        let pool = ThreadPool::new("nh-pooltest", 1);
        let work = |mut jobs: Jobs<bool>| {
            while let Some(panics) = jobs.next(IDLE) {
                assert!(!panics);
            }
        };
        pool.submit(true, work).unwrap_or_else(|r| panic!("{}", r.error));
        while threads(&pool) > 0 {
            std::thread::sleep(IDLE);
        }
        pool.submit(false, work).unwrap_or_else(|r| panic!("{}", r.error));
        while threads(&pool) > 0 {
            std::thread::sleep(IDLE);
        }
        assert_eq!(pool.jobs(), 0);
    }

    #[test]
    fn no_job_is_lost_to_a_thread_that_ends() {
        let pool = ThreadPool::new("nh-pooltest", 3);
        let (said, heard) = channel();
        for n in 0..2000 {
            let said = said.clone();
            let work = move |mut jobs: Jobs<(u32, Sender<u32>)>| {
                while let Some((n, said)) = jobs.next(Duration::ZERO) {
                    said.send(n).unwrap();
                }
            };
            assert!(pool.submit((n, said), work).is_ok());
        }
        let mut all: Vec<_> = heard.iter().take(2000).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..2000));
        pool.close();
        pool.join();
    }
}

//! `Dials`: the threads that dial, started when needed, bounded, owned by the pool.

use super::conn::{self, Conn};
use super::pool::{IDLE_THREAD, Shared, Waiter, lock};
use super::route::Route;
use super::secure;
use crate::error::{Error, Kind};
use crate::net::dial::Dialer;
use crate::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// MAX_DIALS bounds the dials that go on at once; more wait in line.
const MAX_DIALS: usize = 128;

#[derive(Default)]
pub(super) struct Dials {
    queue: Mutex<Queue>,
    work: Condvar,
    dialer: Dialer,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    resting: usize,
    closed: bool,
}

struct Job {
    route: Route,
    waiter: Arc<Waiter>,
}

impl Dials {
    /// start queues a dial whose outcome goes to `Shared::dialed`.
    pub(super) fn start(&self, shared: &Arc<Shared>, route: &Route, waiter: &Arc<Waiter>) -> io::Result<()> {
        let mut queue = lock(&self.queue);
        let job = Job { route: route.clone(), waiter: waiter.clone() };
        if queue.resting > queue.jobs.len() || queue.threads >= MAX_DIALS {
            queue.jobs.push_back(job);
            self.work.notify_one();
            return Ok(());
        }
        queue.jobs.push_back(job);
        queue.threads += 1;
        drop(queue);
        let pool = shared.clone();
        match crate::hooks::spawn("nh-dial", move || pool.dials.run(&pool)) {
            Ok(thread) => {
                let mut state = lock(&shared.state);
                state.threads.retain(|t| !t.is_finished());
                state.threads.push(thread);
                Ok(())
            }
            Err(e) => {
                let mut queue = lock(&self.queue);
                queue.threads -= 1;
                if queue.threads > 0 {
                    // The others will come to it.
                    return Ok(());
                }
                queue.jobs.pop_back();
                Err(e)
            }
        }
    }

    pub(super) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.jobs.clear();
        drop(queue);
        self.work.notify_all();
    }

    fn run(&self, shared: &Arc<Shared>) {
        while let Some(job) = self.next() {
            // Somebody waits for an outcome, whatever happens here.
            let result = catch_unwind(AssertUnwindSafe(|| self.dial(shared, &job)))
                .unwrap_or_else(|_| Err(Error::new(Kind::Panic, "nethttp: internal error in a dial")));
            shared.dialed(&job.route, &job.waiter, result);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            let job = if queue.closed { None } else { queue.jobs.pop_front() };
            if job.is_some() {
                return job;
            }
            let mut late = queue.closed;
            if !late {
                queue.resting += 1;
                let waited = self.work.wait_timeout(queue, IDLE_THREAD);
                let (back, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                queue = back;
                queue.resting -= 1;
                late = timeout.timed_out() && queue.jobs.is_empty();
            }
            if late {
                queue.threads -= 1;
                return None;
            }
        }
    }

    fn dial(&self, shared: &Arc<Shared>, job: &Job) -> crate::error::Result<Box<Conn>> {
        if !job.waiter.is_waiting() {
            return Err(Error::new(Kind::Canceled, "nobody waits for this dial any more"));
        }
        let settings = shared.settings();
        let server = &job.route.server;
        let deadline = settings.dial.map(|d| Instant::now() + d);
        let dialed = self.dialer.dial(&server.host, server.port, deadline, &shared.closing)?;
        let remote = dialed.remote;
        conn::prepare(dialed.fd.as_raw_fd())
            .map_err(|e| Error::io(Kind::Connect, format!("dial tcp {remote}"), &e))?;
        let tls = match &job.route.tls {
            Some(identity) => {
                let until = settings.tls_handshake.map(|d| Instant::now() + d);
                Some(secure::handshake(identity, &server.host, &dialed, until, &shared.closing)?)
            }
            None => None,
        };
        Ok(Box::new(Conn::new(shared.clone(), job.route.clone(), dialed, tls)))
    }
}

//! `DisconnectWatcher`: tells handlers that want to know that their client has gone, by one thread for a whole server.
//!
//! The thread starts with the first one that asks. What it calls is the program's and may take its time; so nothing that
//! the server needs waits for this thread but the end of an exchange, and that only for its own call.

use crate::error::{Error, Kind, Result};
use crate::sync::{Condvar, Mutex, MutexGuard, lock};
use crate::sys;
use crate::thread_pool::{Jobs, ThreadPool};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, PoisonError};
use std::thread::ThreadId;

pub(super) type DisconnectCallback = Box<dyn FnOnce() + Send>;

const WAKE: u64 = u64::MAX;

pub(super) struct DisconnectWatcher {
    shared: Arc<WatcherShared>,
    /// A job is one that has gone, and was no socket; an eventfd wakes the thread for it.
    thread: ThreadPool<u64>,
}

#[derive(Default)]
struct WatcherShared {
    state: Mutex<WatcherState>,
    called: Condvar,
}

#[derive(Default)]
struct WatcherState {
    poller: Option<Poller>,
    watched: HashMap<u64, DisconnectCallback>,
    count: u64,
    /// What is being called, and by whom.
    calling: Option<(u64, ThreadId)>,
    quit: bool,
}

struct Poller {
    epoll: OwnedFd,
    wake: OwnedFd,
}

/// DisconnectWatch is one connection or stream that is watched; dropping it ends that, and waits for a call that has begun.
pub(super) struct DisconnectWatch {
    shared: Arc<WatcherShared>,
    token: u64,
    /// `None`: no socket, but what [`DisconnectWatcher::fire`] is told of.
    fd: Option<RawFd>,
}

impl DisconnectWatch {
    pub(super) fn token(&self) -> u64 {
        self.token
    }
}

impl WatcherShared {
    fn state(&self) -> MutexGuard<'_, WatcherState> {
        lock(&self.state)
    }
}

impl Default for DisconnectWatcher {
    fn default() -> DisconnectWatcher {
        DisconnectWatcher { shared: Arc::default(), thread: ThreadPool::new("nh-gone", 1) }
    }
}

impl DisconnectWatcher {
    /// watch has `action` called, once, when the peer of that socket has gone.
    pub(super) fn watch(&self, fd: RawFd, action: DisconnectCallback) -> Result<DisconnectWatch> {
        self.add(Some(fd), action)
    }

    /// register has `action` called, once, when [`DisconnectWatcher::fire`] is.
    pub(super) fn register(&self, action: DisconnectCallback) -> Result<DisconnectWatch> {
        self.add(None, action)
    }

    /// fire has what is held called, on the watcher's thread.
    pub(super) fn fire(&self, token: u64) {
        if self.thread.enqueue(token).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(p) = &self.shared.state().poller {
            let _ = sys::eventfd_write(p.wake.as_raw_fd());
        }
    }

    fn add(&self, fd: Option<RawFd>, action: DisconnectCallback) -> Result<DisconnectWatch> {
        let failed = |e: &io::Error| Error::io(Kind::NoResources, "nethttp: cannot watch the connection", e);
        let mut state = self.shared.state();
        if state.poller.is_none() {
            let (epoll, wake) =
                sys::epoll_create().and_then(|e| Ok((e, sys::eventfd()?))).map_err(|e| failed(&e))?;
            sys::epoll_add(epoll.as_raw_fd(), wake.as_raw_fd(), sys::EPOLLIN | sys::EPOLLET, WAKE)
                .map_err(|e| failed(&e))?;
            let shared = self.shared.clone();
            let raw = epoll.as_raw_fd();
            self.thread.start(move |jobs| run(&shared, raw, jobs)).map_err(|e| failed(&e))?;
            state.poller = Some(Poller { epoll, wake });
        }
        let Some(poller) = &state.poller else { return Err(failed(&io::ErrorKind::Other.into())) };
        let (epoll, token) = (poller.epoll.as_raw_fd(), state.count);
        state.count += 1;
        // Known before it can be told of: the thread looks under the lock.
        if let Some(fd) = fd {
            sys::epoll_add(epoll, fd, sys::EPOLLRDHUP | sys::EPOLLONESHOT, token).map_err(|e| failed(&e))?;
        }
        state.watched.insert(token, action);
        Ok(DisconnectWatch { shared: self.shared.clone(), token, fd })
    }

    /// end lets the thread go and waits for it.
    pub(super) fn end(&self) {
        self.shared.state().quit = true;
        self.wake();
        self.thread.close();
        self.thread.join();
    }
}

impl Drop for DisconnectWatch {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let (Some(p), Some(fd)) = (&state.poller, self.fd) {
            let _ = sys::epoll_del(p.epoll.as_raw_fd(), fd);
        }
        let action = state.watched.remove(&self.token);
        let me = std::thread::current().id();
        while state.calling.is_some_and(|(token, thread)| token == self.token && thread != me) {
            state = self.shared.called.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        // The end of its userdata is the program's code.
        drop(action);
    }
}

fn run(shared: &WatcherShared, epoll: RawFd, mut jobs: Jobs<u64>) {
    let mut events = [sys::EpollEvent { events: 0, u64: 0 }; 64];
    loop {
        let n = sys::epoll_wait(epoll, &mut events, -1).unwrap_or(0);
        let callback = events.iter().take(n).map(|e| e.u64).filter(|&token| token != WAKE);
        let fired = std::iter::from_fn(|| jobs.try_recv());
        for token in callback.chain(fired) {
            let mut state = shared.state();
            if state.quit {
                return;
            }
            let Some(action) = state.watched.remove(&token) else { continue };
            state.calling = Some((token, std::thread::current().id()));
            drop(state);
            action();
            shared.state().calling = None;
            shared.called.notify_all();
        }
        if shared.state().quit {
            return;
        }
    }
}

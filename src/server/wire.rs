//! `Wire`: the socket of an exchange, as its request, its response writer and the runtime share it.
//!
//! One thread may read the request's body while another writes the response: each side has its own lock.

use super::alarms::Alarms;
use super::hooks::Hooks;
use super::input::Input;
use super::output::Output;
use super::secure::Secure;
use crate::error::Result;
use crate::runtime::Flush;
use crate::sync::{Mutex, MutexGuard};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often [`Flush`] looks again for a lock that a write holds for an instant.
const FLUSH_TRIES: usize = 16;

pub(crate) struct Wire {
    input: Mutex<Input>,
    output: Mutex<Output>,
    /// The response's head is settled: no 100 Continue may follow.
    pub(super) answered: AtomicBool,
    /// The handler reads while it writes: an unread body is not drained before the head.
    pub(super) duplex: AtomicBool,
    /// The server stops: an answer that begins now is the connection's last.
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) alarms: Arc<Alarms>,
}

impl Wire {
    pub(super) fn new(stopping: Arc<AtomicBool>, hooks: Arc<Hooks>, alarms: Arc<Alarms>) -> Wire {
        Wire {
            input: Mutex::default(),
            output: Mutex::default(),
            answered: AtomicBool::new(false),
            duplex: AtomicBool::new(false),
            stopping,
            hooks,
            alarms,
        }
    }

    pub(super) fn input(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// try_input is `None` while another thread reads the body.
    pub(super) fn try_input(&self) -> Option<MutexGuard<'_, Input>> {
        match self.input.try_lock() {
            Ok(i) => Some(i),
            Err(crate::sync::TryLockError::Poisoned(p)) => Some(p.into_inner()),
            Err(crate::sync::TryLockError::WouldBlock) => None,
        }
    }

    pub(super) fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// try_output is `None` while another thread sends.
    pub(super) fn try_output(&self) -> Option<MutexGuard<'_, Output>> {
        match self.output.try_lock() {
            Ok(o) => Some(o),
            Err(crate::sync::TryLockError::Poisoned(p)) => Some(p.into_inner()),
            Err(crate::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// attach prepares the wire for the exchanges of one connection.
    pub(super) fn attach(&self, fd: RawFd, secure: Option<&Arc<Secure>>, progress: Option<Duration>) {
        self.output().attach(fd, secure, progress);
        self.input().attach(fd, secure);
    }

    /// detach sends what the socket takes now and gives back the rest. From here on nothing touches the socket: it may
    /// close.
    pub(super) fn detach(&self, into: &mut Vec<u8>) -> Result<bool> {
        self.input().attach(-1, None);
        let mut output = self.output();
        let sent = output.send_some();
        output.detach(into);
        sent
    }

    pub(super) fn reset(&self) {
        self.answered.store(false, Ordering::Relaxed);
        self.duplex.store(false, Ordering::Relaxed);
    }
}

/// Whoever takes the shard away sends the answers to earlier requests first: they must not wait for a handler
/// that blocks. After [`Wire::detach`] there is no socket and nothing happens.
impl Flush for Wire {
    fn flush(&self) {
        // Never waits: who holds the lock for longer is a handler that waits for the socket, maybe on this very
        // thread, and it has sent what was gathered first.
        for _ in 0..FLUSH_TRIES {
            if let Ok(mut output) = self.output.try_lock() {
                let _ = output.send_some();
                return;
            }
            std::thread::yield_now();
        }
    }
}

pub(super) type SharedWire = Arc<Wire>;

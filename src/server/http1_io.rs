//! `Http1Io`: the socket of an exchange, as its request, its response writer and the runtime share it.
//!
//! One thread may read the request's body while another writes the response: each side has its own lock.

use super::detach::DetachState;
use super::input::Input;
use super::output::Output;
use super::server_core::ServerCore;
use super::tls_session::TlsSession;
use super::writer::hijacked;
use crate::address::Address;
use crate::duplex::{Duplex, DuplexParts, DuplexTls};
use crate::error::{Error, Kind, Result};
use crate::runtime::Flush;
use crate::sync::{Mutex, MutexGuard};
use crate::sys;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often [`Flush`] looks again for a lock that a write holds for an instant.
const FLUSH_TRIES: usize = 16;

pub(crate) struct Http1Io {
    input: Mutex<Input>,
    output: Mutex<Output>,
    /// The response's head is settled: no 100 Continue may follow.
    pub(super) response_begun: AtomicBool,
    /// The handler reads while it writes: an unread body is not drained before the head.
    pub(super) duplex: AtomicBool,
    /// The handler has set a write timeout, which ends with its exchange.
    pub(super) has_write_timeout: AtomicBool,
    pub(super) core: Arc<ServerCore>,
    pub(super) detach_state: DetachState,
    /// The connection is the program's.
    pub(super) hijacked: AtomicBool,
    /// Requests were read beyond this one, which a connection that is handed over would lose.
    pub(super) read_ahead: AtomicBool,
}

impl Http1Io {
    pub(super) fn new(core: &Arc<ServerCore>) -> Http1Io {
        Http1Io {
            input: Mutex::new(Input::new(core)),
            output: Mutex::new(Output::new(core)),
            response_begun: AtomicBool::new(false),
            duplex: AtomicBool::new(false),
            has_write_timeout: AtomicBool::new(false),
            core: core.clone(),
            detach_state: DetachState::default(),
            hijacked: AtomicBool::new(false),
            read_ahead: AtomicBool::new(false),
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
    pub(super) fn attach(&self, fd: RawFd, secure: Option<&Arc<TlsSession>>, progress: Option<Duration>) {
        self.output().attach(fd, secure, progress);
        self.input().attach(fd);
    }

    /// detach sends what the socket takes now and gives back the rest. From here on nothing touches the socket: it may
    /// close.
    pub(super) fn detach(&self, into: &mut Vec<u8>) -> Result<bool> {
        self.input().attach(-1);
        let mut output = self.output();
        let sent = output.send_some();
        output.detach(into);
        sent
    }

    pub(super) fn reset(&self) {
        self.response_begun.store(false, Ordering::Relaxed);
        self.duplex.store(false, Ordering::Relaxed);
        if self.has_write_timeout.load(Ordering::Relaxed) {
            self.has_write_timeout.store(false, Ordering::Relaxed);
            self.output().timeouts.deadline = None;
        }
        self.detach_state.reset();
    }

    /// release leaves the socket to whom it was handed over: nothing more is sent.
    pub(super) fn release(&self) {
        self.input().attach(-1);
        let mut output = self.output();
        output.detach(&mut Vec::new());
    }

    /// hand_over gives the connection away, with what was read ahead; it goes on under a descriptor of its own.
    pub(super) fn hand_over(&self) -> Result<Duplex> {
        if self.read_ahead.load(Ordering::Relaxed) {
            let text = "nethttp: the client has sent more requests behind this one";
            return Err(Error::new(Kind::State, text));
        }
        let Some(mut input) = self.try_input() else {
            return Err(Error::new(Kind::Busy, "nethttp: the request's body is being read"));
        };
        let mut output = self.output();
        output.check()?;
        let fd = sys::dup(output.fd()).map_err(|e| Error::io(Kind::NoResources, "dup", &e))?;
        let (raw, secure) = (fd.as_raw_fd(), output.secure());
        if let Some(secure) = &secure {
            secure.move_to(raw);
        }
        let ip = |a: std::io::Result<Address>| a.ok().and_then(|a| a.ip());
        let parts = DuplexParts {
            tls: secure.clone().map(|s| s as Arc<dyn DuplexTls>),
            info: secure.and_then(|s| s.info()),
            ahead: input.unconsumed().to_vec(),
            remote: ip(sys::getpeername(raw)),
            local: ip(sys::getsockname(raw)),
            fd,
            origin: Box::new(self.core.hijacked()),
        };
        self.hijacked.store(true, Ordering::Relaxed);
        input.fail(hijacked());
        output.fail(hijacked());
        Ok(Duplex::new(parts))
    }
}

/// Whoever takes the shard away sends the answers to earlier requests first: they must not wait for a handler
/// that blocks. After [`Http1Io::detach`] there is no socket and nothing happens.
impl Flush for Http1Io {
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

pub(super) type SharedHttp1Io = Arc<Http1Io>;

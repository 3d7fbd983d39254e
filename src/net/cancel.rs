//! `CancelToken`: fires once, from any thread or a signal handler, and ends whatever waits under it.
//!
//! Whoever waits for something registers the descriptor that it waits on in a *slot*, one atomic word of
//! descriptor, kind and a FIRING bit. `fire` raises the flag, then walks the slots: a socket is shut down, an
//! eventfd written. It takes no lock and allocates nothing.
//!
//! Invariants:
//! * *Nothing is missed.* Register stores its slot, then reads the flag; fire stores the flag, then reads the
//!   slots. Both are sequentially consistent, so one of them sees the other.
//! * *No stale descriptor.* Fire holds FIRING while it touches a descriptor, and unregister waits for the end
//!   of that, so a descriptor is touched only before its owner closes it.
//! * *No deadlock in a signal.* Only unregister waits, and only for a fire on another thread; fire never
//!   waits. A second fire returns at once.

use crate::error::{Error, Kind};
use crate::sync::OnceLock;
use crate::sys;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

const SLOTS: usize = 32;
const FREE: u64 = 0;
const FIRING: u64 = 1;
const SOCKET: u64 = 2;
const EVENT: u64 = 4;

#[derive(Default)]
struct Chunk {
    slots: [AtomicU64; SLOTS],
    next: OnceLock<Box<Chunk>>,
}

#[derive(Default)]
struct TokenShared {
    fired: AtomicBool,
    first: Chunk,
}

/// CancelToken is a counted reference: clones fire and are fired together.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<TokenShared>);

/// Registration keeps a descriptor under a token until it is dropped; drop it before the descriptor closes.
pub struct Registration {
    token: CancelToken,
    index: usize,
    value: u64,
}

impl CancelToken {
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    pub fn is_fired(&self) -> bool {
        self.0.fired.load(SeqCst)
    }

    /// fire is async-signal-safe and idempotent.
    pub fn fire(&self) {
        if self.0.fired.swap(true, SeqCst) {
            return;
        }
        sys::keep_errno(|| {
            let mut chunk = Some(&self.0.first);
            while let Some(c) = chunk {
                c.slots.iter().for_each(fire_slot);
                chunk = c.next.get().map(|b| &**b);
            }
        });
    }

    /// register_socket has `fire` shut the socket down in both directions: reads answer 0, writes EPIPE.
    /// `None`: the token has fired already.
    pub fn register_socket(&self, fd: RawFd) -> Option<Registration> {
        self.register(fd, SOCKET)
    }

    /// register_event has `fire` write to an eventfd. `None`: the token has fired already.
    pub fn register_event(&self, fd: RawFd) -> Option<Registration> {
        self.register(fd, EVENT)
    }

    fn register(&self, fd: RawFd, kind: u64) -> Option<Registration> {
        let value = (u64::from(fd as u32) << 32) | kind;
        let mut chunk = &self.0.first;
        let mut base = 0;
        let index = 'found: loop {
            for (i, slot) in chunk.slots.iter().enumerate() {
                if slot.load(SeqCst) == FREE && slot.compare_exchange(FREE, value, SeqCst, SeqCst).is_ok() {
                    break 'found base + i;
                }
            }
            chunk = chunk.next.get_or_init(Box::default);
            base += SLOTS;
        };
        let registration = Registration { token: self.clone(), index, value };
        // Dropping the registration frees the slot again.
        if self.is_fired() { None } else { Some(registration) }
    }

    fn slot(&self, index: usize) -> Option<&AtomicU64> {
        let mut chunk = &self.0.first;
        for _ in 0..index / SLOTS {
            chunk = chunk.next.get()?;
        }
        chunk.slots.get(index % SLOTS)
    }
}

fn fire_slot(slot: &AtomicU64) {
    let value = slot.load(SeqCst);
    if value == FREE || value & FIRING != 0 {
        return;
    }
    // A lost race means that the owner has just left, or that a newcomer took the slot after the flag was up
    // and will see it.
    if slot.compare_exchange(value, value | FIRING, SeqCst, SeqCst).is_err() {
        return;
    }
    let fd = (value >> 32) as u32 as RawFd;
    // Both can fail only in ways that have ended the wait already.
    let _ = if value & SOCKET != 0 { sys::shutdown(fd, sys::SHUT_RDWR) } else { sys::eventfd_write(fd) };
    slot.store(value, SeqCst);
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(slot) = self.token.slot(self.index) else { return };
        while slot.compare_exchange(self.value, FREE, SeqCst, SeqCst).is_err() {
            // FIRING: one system call on another thread away.
            std::thread::yield_now();
        }
    }
}

/// canceled is the error of everything that a token ends, in the words of Go's `context.Canceled`.
pub fn canceled() -> Error {
    Error::new(Kind::Canceled, "context canceled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::event_fd::EventFd;
    use std::time::{Duration, Instant};

    #[test]
    fn fires_once_and_for_newcomers() {
        let t = CancelToken::new();
        let e = EventFd::new().unwrap();
        let r = t.register_event(e.fd()).unwrap();
        let u = t.clone();
        let h = std::thread::spawn(move || u.fire());
        e.wait(Some(Instant::now() + Duration::from_secs(10))).unwrap();
        h.join().unwrap();
        assert!(t.is_fired() && t.register_event(e.fd()).is_none());
        t.fire();
        drop(r);
    }

    #[test]
    fn slots_are_reused_and_grow() {
        let t = CancelToken::new();
        let e = EventFd::new().unwrap();
        let many: Vec<_> = (0..100).map(|_| t.register_event(e.fd()).unwrap()).collect();
        drop(many);
        assert_eq!(t.register_event(e.fd()).unwrap().index, 0);
    }

    #[test]
    fn a_descriptor_is_never_touched_after_its_owner_left() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    for _ in 0..500 {
                        let t = CancelToken::new();
                        let u = t.clone();
                        let fire = std::thread::spawn(move || u.fire());
                        for _ in 0..20 {
                            let e = EventFd::new().unwrap();
                            let r = t.register_event(e.fd());
                            drop(r);
                            // Had a fire come late, this read would see its write.
                            let seen = sys::eventfd_read(e.fd()).unwrap();
                            assert!(seen <= 1);
                            assert_eq!(sys::eventfd_read(e.fd()).unwrap(), 0);
                        }
                        fire.join().unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
    }
}

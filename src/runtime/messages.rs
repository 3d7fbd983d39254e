//! What other threads ask of a shard's leader.

use super::driver::{Driver, Readiness};
use super::leader::Leader;
use super::shard::{Msg, ShardShared};
use crate::sys;
use std::os::fd::AsRawFd;

/// Kept for exchanges that go off the loop; more than these are let go.
const KEEP_LEASES: usize = 32;

impl<D: Driver> Leader<'_, D> {
    pub(super) fn read_mail(&mut self, lease: &mut D::Lease) {
        let Some(shared) = self.shared() else { return };
        let mut messages = std::mem::take(&mut self.shard.messages);
        shared.mail.take_all(&mut messages);
        for message in messages.drain(..) {
            self.read(shared, message, lease);
        }
        self.shard.messages = messages;
    }

    fn read(&mut self, shared: &ShardShared<D>, message: Msg<D>, lease: &mut D::Lease) {
        let s = &mut self.shard;
        match message {
            Msg::Back { token, conn, lease: back, action } => {
                if let Some(l) = back
                    && s.leases.len() < KEEP_LEASES
                {
                    s.leases.push(l);
                }
                self.apply_action(token, conn, action, lease);
            }
            Msg::Shed { token, mut conn, lease: mut its } => {
                let action = self.rt.driver.shed(&mut conn, &mut its, s.now);
                s.leases.push(its);
                self.apply_action(token, conn, action, lease);
            }
            Msg::Adopt { conn, ready, due } => self.insert(shared, conn, ready, due),
            Msg::Wake(token) => s.enqueue(token),
            // Its descriptor is no business of this shard any more: it may be another file's by now.
            Msg::Forget(token) => self.close(token),
            Msg::Listen(l) => self.watch(shared, l),
            Msg::Stop => {
                let first = self.shard.stop.stop();
                self.unwatch(shared);
                if first {
                    self.rt.stopping.shard_stopped();
                }
                self.end_idle();
            }
            Msg::EndIdle => self.end_idle(),
            Msg::Abort => {
                for token in self.shard.tokens() {
                    let Some(e) = self.shard.entry(token) else { continue };
                    // Its thread sees the end in its next read or write; only the owner closes.
                    let _ = sys::shutdown(e.fd, sys::SHUT_RDWR);
                    e.close_on_return = true;
                    if e.conn.is_some() {
                        self.close(token);
                    }
                }
                // Behind the last look at a descriptor: from here on what is detached may be let go.
                if self.shard.stop.abort() {
                    self.rt.stopping.shard_aborted();
                }
            }
        }
    }

    /// insert takes a connection in that was counted for this shard. It may have been on its way while the shard's
    /// connections were ended: it ends with them.
    pub(super) fn insert(&mut self, shared: &ShardShared<D>, conn: Box<D::Conn>, ready: Readiness, due: u64) {
        let s = &mut self.shard;
        if !s.stop.takes() {
            drop(conn);
            return self.rt.stopping.closed(shared.index);
        }
        match s.insert(shared.epoll.as_raw_fd(), conn, due) {
            Err(_) => self.rt.stopping.closed(shared.index),
            Ok(token) => {
                if let Some(e) = s.entry(token) {
                    e.ready.readable |= ready.readable;
                    e.ready.closed |= ready.closed;
                }
                if ready.readable || ready.closed || s.stop.is_stopping() {
                    s.enqueue(token);
                }
            }
        }
    }

    /// end_idle has all connections asked to end; those that are away are when they come back.
    fn end_idle(&mut self) {
        for token in self.shard.tokens() {
            if let Some(e) = self.shard.entry(token) {
                e.ready.stop = true;
            }
            self.shard.enqueue(token);
        }
    }
}

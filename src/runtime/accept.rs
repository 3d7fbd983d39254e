//! How a leader accepts: its listeners, and where new connections go.

use super::driver::{Driver, Readiness};
use super::leader::Leader;
use super::shard::{self, Msg, ShardShared};
use crate::sys;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// New connections taken at one wake.
pub(super) const A_WAKE: usize = 16;
/// Linux's usual bound on connections that wait to be accepted.
const BACKLOG: usize = 4096;

impl<D: Driver> Leader<'_, D> {
    pub(super) fn watch(&mut self, shared: &ShardShared<D>, l: Arc<super::Listening>) {
        let index = self.shard.listeners.len();
        let mut watched = super::listen::WatchedListener::new(l);
        if sys::epoll_add(
            shared.epoll.as_raw_fd(),
            watched.listening.socket.as_raw_fd(),
            sys::EPOLLIN | sys::EPOLLEXCLUSIVE,
            shard::listener_token(index),
        )
        .is_err()
        {
            watched.back_off(self.shard.now);
        }
        self.shard.listeners.push(watched);
    }

    /// unwatch lets go of the listeners. Connections that the system has taken already would be reset with them, and
    /// with those a request that is on its way: they are accepted first.
    pub(super) fn unwatch(&mut self, shared: &ShardShared<D>) {
        for index in 0..self.shard.listeners.len() {
            self.accept(index, BACKLOG);
        }
        for w in self.shard.listeners.drain(..) {
            let _ = sys::epoll_del(shared.epoll.as_raw_fd(), w.listening.socket.as_raw_fd());
        }
    }

    /// accept takes at most so many new connections.
    pub(super) fn accept(&mut self, index: usize, most: usize) {
        let Some(shared) = self.shared() else { return };
        for _ in 0..most {
            let Some(w) = self.shard.listeners.get_mut(index) else { return };
            match sys::accept(w.listening.socket.as_raw_fd()) {
                Ok((socket, peer)) => {
                    w.recovered();
                    let listener = w.listening.index;
                    if let Some((conn, due)) = self.rt.driver.accepted(socket, peer, listener, self.shard.now)
                    {
                        self.place_conn(shared, conn, due);
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(e) if e.raw_os_error() == Some(sys::ECONNABORTED) => {}
                Err(e) => {
                    // EMFILE and its like: let the listener be for a while instead of spinning on it.
                    let wait = w.back_off(self.shard.now);
                    let _ = sys::epoll_del(shared.epoll.as_raw_fd(), w.listening.socket.as_raw_fd());
                    self.rt.driver.accept_failed(&e, wait);
                    return;
                }
            }
        }
    }

    /// place_conn gives a new connection to the emptiest shard; this one wins a draw.
    fn place_conn(&mut self, shared: &ShardShared<D>, conn: Box<D::Conn>, due: u64) {
        let stopping = &self.rt.stopping;
        let mine = stopping.count(shared.index);
        let emptiest = stopping.emptiest().filter(|i| stopping.count(*i) < mine);
        match emptiest.and_then(|i| self.rt.shards.get(i)) {
            Some(other) => {
                stopping.opened(other.index);
                other.post(Msg::Adopt { conn, ready: Readiness::default(), due });
            }
            None => {
                stopping.opened(shared.index);
                self.insert(shared, conn, Readiness::default(), due);
            }
        }
    }

    pub(super) fn retry_listeners(&mut self) {
        let Some(shared) = self.shared() else { return };
        let now = self.shard.now;
        for (index, w) in self.shard.listeners.iter_mut().enumerate() {
            if w.retry_at != 0 && w.retry_at <= now {
                w.retry_at = 0;
                let events = sys::EPOLLIN | sys::EPOLLEXCLUSIVE;
                let (ep, fd) = (shared.epoll.as_raw_fd(), w.listening.socket.as_raw_fd());
                if sys::epoll_add(ep, fd, events, shard::listener_token(index)).is_err() {
                    w.back_off(now);
                }
            }
        }
    }
}

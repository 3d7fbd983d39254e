//! `Shard`: what one leader at a time owns, and `ShardShared`: what everybody may touch of it.

use super::driver::{Driver, NextAction, Readiness};
use super::handoff::HandOff;
use super::listen::{Listening, WatchedListener};
use super::mailbox::Mailbox;
use super::start::Runtime;
use super::stopping::ShardStop;
use super::timers::{ConnDeadline, Timers};
use crate::sync::Mutex;
use crate::sys;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Weak};

/// Msg is what other threads tell the leader.
pub(super) enum Msg<D: Driver> {
    /// A connection comes back from a thread off the loop.
    Back {
        token: u64,
        conn: Box<D::Conn>,
        lease: Option<D::Lease>,
        action: NextAction,
    },
    /// No thread could be had in time for this exchange.
    Shed {
        token: u64,
        conn: Box<D::Conn>,
        lease: D::Lease,
    },
    /// A connection moves in from another shard.
    Adopt {
        conn: Box<D::Conn>,
        ready: Readiness,
        due: u64,
    },
    /// A connection that is here has something to do.
    Wake(u64),
    /// A connection that is away will not come back.
    Forget(u64),
    Listen(Arc<Listening>),
    /// End idle connections now, and go on with others.
    EndIdle,
    /// End idle connections now and busy ones after their answer.
    Stop,
    /// End all connections now.
    Abort,
}

pub(super) struct ShardShared<D: Driver> {
    pub(super) index: usize,
    pub(super) handoff: HandOff<Box<Shard<D>>>,
    pub(super) mail: Mailbox<Msg<D>>,
    pub(super) epoll: OwnedFd,
    wake: OwnedFd,
    /// The leader, for the monitor to look at.
    pub(super) probe: Mutex<Option<sys::ThreadProbe>>,
}

impl<D: Driver> ShardShared<D> {
    pub(super) fn new(index: usize) -> io::Result<ShardShared<D>> {
        let (epoll, wake) = (sys::epoll_create()?, sys::eventfd()?);
        sys::epoll_add(epoll.as_raw_fd(), wake.as_raw_fd(), sys::EPOLLIN | sys::EPOLLET, WAKE)?;
        Ok(ShardShared {
            index,
            handoff: HandOff::new(),
            mail: Mailbox::new(),
            epoll,
            wake,
            probe: Mutex::new(None),
        })
    }

    pub(super) fn post(&self, msg: Msg<D>) {
        self.mail.post(msg, || self.write_wake());
    }

    /// The counter of an edge-triggered eventfd needs no reading: each write is a new edge.
    pub(super) fn write_wake(&self) {
        let _ = sys::eventfd_write(self.wake.as_raw_fd());
    }
}

/// Tokens: a slab index below and its generation above; the topmost values name listeners and the wake.
pub(super) const WAKE: u64 = u64::MAX;
const FIRST_LISTENER: u64 = u64::MAX - 1;

pub(super) fn listener_token(index: usize) -> u64 {
    FIRST_LISTENER - index as u64
}

pub(super) fn listener_index(token: u64) -> usize {
    (FIRST_LISTENER - token) as usize
}

const CONN_EVENTS: i32 = sys::EPOLLIN | sys::EPOLLOUT | sys::EPOLLRDHUP | sys::EPOLLET;

pub(super) struct ConnEntry<D: Driver> {
    generation: u32,
    pub(super) fd: RawFd,
    /// Gathered while the connection is away or queued.
    pub(super) ready: Readiness,
    /// In the ready queue.
    pub(super) queued: bool,
    pub(super) live: bool,
    /// Ends as soon as it is back.
    pub(super) close_on_return: bool,
    /// `None` while a thread has it.
    pub(super) conn: Option<Box<D::Conn>>,
    pub(super) deadline: ConnDeadline,
}

/// Shard is moved from leader to leader and never shared.
pub(super) struct Shard<D: Driver> {
    pub(super) rt: Weak<Runtime<D>>,
    pub(super) index: usize,
    entries: Vec<ConnEntry<D>>,
    free: Vec<u32>,
    pub(super) live: usize,
    pub(super) queue: VecDeque<u64>,
    pub(super) timers: Timers,
    pub(super) events: Vec<sys::EpollEvent>,
    pub(super) messages: Vec<Msg<D>>,
    pub(super) listeners: Vec<WatchedListener>,
    /// Buffers that came back from off the loop.
    pub(super) leases: Vec<D::Lease>,
    pub(super) now: u64,
    pub(super) stop: ShardStop,
    /// The route whose handler the leader is in.
    pub(super) route: u32,
    /// Output that must not wait for that handler.
    pub(super) cork: Option<Arc<dyn Flush>>,
    /// The connection that is driven.
    pub(super) driven: u64,
    /// The connection beside whose own driving the leader is in a handler: who takes the shard away goes on with it.
    pub(super) left_conn: Option<u64>,
    /// When work was last offered to another shard.
    pub(super) offered_at: u64,
}

/// Flush is output of earlier answers that whoever takes the shard away sends first, without waiting.
pub(crate) trait Flush: Send + Sync {
    fn flush(&self);
}

impl<D: Driver> Shard<D> {
    pub(super) fn new(rt: &Weak<Runtime<D>>, index: usize) -> Box<Shard<D>> {
        Box::new(Shard {
            rt: rt.clone(),
            index,
            entries: Vec::new(),
            free: Vec::new(),
            live: 0,
            queue: VecDeque::new(),
            timers: Timers::default(),
            events: vec![sys::EpollEvent { events: 0, u64: 0 }; 256],
            messages: Vec::new(),
            listeners: Vec::new(),
            leases: Vec::new(),
            now: 0,
            stop: ShardStop::default(),
            route: 0,
            cork: None,
            driven: 0,
            left_conn: None,
            offered_at: 0,
        })
    }

    /// insert registers a connection, once, for all that will ever happen to it.
    pub(super) fn insert(&mut self, epoll: RawFd, conn: Box<D::Conn>, due: u64) -> io::Result<u64> {
        let fd = D::fd(&conn);
        let index = match self.free.pop() {
            Some(i) => i as usize,
            None => {
                self.entries.push(ConnEntry {
                    generation: 0,
                    fd: -1,
                    ready: Readiness::default(),
                    queued: false,
                    live: false,
                    close_on_return: false,
                    conn: None,
                    deadline: ConnDeadline::default(),
                });
                self.entries.len() - 1
            }
        };
        let Some(e) = self.entries.get_mut(index) else { return Err(io::ErrorKind::OutOfMemory.into()) };
        // 31 bits, so that no token reaches the topmost ones.
        e.generation = e.generation.wrapping_add(1) & 0x7fff_ffff;
        let token = u64::from(e.generation) << 32 | index as u64;
        if let Err(err) = sys::epoll_add(epoll, fd, CONN_EVENTS, token) {
            self.free.push(index as u32);
            return Err(err);
        }
        e.fd = fd;
        e.ready = Readiness { stop: self.stop.is_stopping(), ..Readiness::default() };
        (e.queued, e.live, e.close_on_return) = (false, true, false);
        e.conn = Some(conn);
        e.deadline = ConnDeadline::default();
        self.timers.set(&mut e.deadline, due, token);
        self.live += 1;
        Ok(token)
    }

    pub(super) fn entry(&mut self, token: u64) -> Option<&mut ConnEntry<D>> {
        let e = self.entries.get_mut(token as u32 as usize)?;
        (e.live && u64::from(e.generation) == token >> 32).then_some(e)
    }

    /// with_timers gives an entry beside the timers.
    pub(super) fn with_timers(&mut self, token: u64) -> Option<(&mut ConnEntry<D>, &mut Timers)> {
        let e = self.entries.get_mut(token as u32 as usize)?;
        (e.live && u64::from(e.generation) == token >> 32).then_some((e, &mut self.timers))
    }

    /// remove forgets an entry whose connection was taken out.
    pub(super) fn remove(&mut self, token: u64) {
        if let Some(e) = self.entry(token) {
            e.live = false;
            e.conn = None;
            self.free.push(token as u32);
            self.live -= 1;
        }
    }

    /// enqueue puts a connection that is here into the ready queue.
    pub(super) fn enqueue(&mut self, token: u64) {
        if let Some(e) = self.entry(token)
            && !e.queued
            && e.conn.is_some()
        {
            e.queued = true;
            self.queue.push_back(token);
        }
    }

    pub(super) fn tokens(&self) -> Vec<u64> {
        let live = self.entries.iter().enumerate().filter(|(_, e)| e.live);
        live.map(|(i, e)| u64::from(e.generation) << 32 | i as u64).collect()
    }
}

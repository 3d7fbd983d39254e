//! What the runtime asks of a server (`Driver`), and where it is done.

use super::conn::{Conn, State};
use super::detach::Parcel;
use super::drive::{BLOCKED, Http};
use super::exchange::Exchange;
use super::h2::Turn;
use super::park::Next;
use super::reject;
use crate::message::address::Address;
use crate::runtime::{DetachedConn, DriveResult, Driver, Leader, NextAction, Readiness, Stall, blocks_in};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

impl Driver for Http {
    type Conn = Conn;
    type Lease = Box<Exchange>;
    type Task = Box<Turn>;

    fn id(&self) -> usize {
        self.0.id()
    }

    fn lease(&self) -> Box<Exchange> {
        Box::new(Exchange::new(&self.0))
    }

    fn accepted(
        &self,
        socket: OwnedFd,
        peer: Address,
        listener: usize,
        now: u64,
    ) -> Option<(Box<Conn>, u64)> {
        self.welcome(socket, peer, self.0.doors.identity(listener), now)
    }

    fn compact(&self, ex: &mut Box<Exchange>) {
        ex.compact();
    }

    fn fd(conn: &Conn) -> RawFd {
        conn.socket.as_raw_fd()
    }

    fn drive<'a>(
        &self,
        leader: Leader<'a, Self>,
        mut conn: Box<Conn>,
        ex: &mut Box<Exchange>,
        ready: Readiness,
    ) -> DriveResult<'a, Self> {
        if conn.h2.is_some() {
            return self.drive_http2(leader, conn, ex, ready);
        }
        match self.drive_http1(leader, &mut conn, ex, ready) {
            (Some(leader), _) if conn.h2.is_some() => {
                self.drive_http2(leader, conn, ex, Readiness::default())
            }
            (Some(leader), action) => DriveResult::StillLeading(leader, conn, action),
            (None, action) => DriveResult::OffLoop(conn, action),
        }
    }

    fn run(&self, conn: &mut Conn, ex: &mut Box<Exchange>) -> NextAction {
        if conn.state == State::Handshaking {
            return self.shake_now(conn, ex, self.0.now()).unwrap_or(NextAction::Again);
        }
        if std::mem::take(&mut ex.answered_early) {
            return self.end_detached(conn, ex);
        }
        ex.wire.output().timeouts.waited = Duration::ZERO;
        let started = Instant::now();
        let ((), called_out) = blocks_in(|| self.call_handler(ex));
        if ex.wire.leaving.is_detached() {
            return self.leave_detached(ex);
        }
        let waited = ex.wire.input().timeouts.waited + ex.wire.output().timeouts.waited;
        let learn = ex.table.blocking_stats(ex.route);
        if called_out || started.elapsed().saturating_sub(waited) > BLOCKED {
            learn.record_stall(Stall::Blocked);
        } else if !waited.is_zero() {
            learn.record_stall(Stall::Peer);
        } else {
            learn.record_quick();
        }
        self.end_off_loop(conn, ex)
    }

    fn run_task(&self, turn: Box<Turn>, ex: &mut Box<Exchange>) {
        self.run_turn(turn, ex);
    }

    fn shed_task(&self, turn: Box<Turn>) {
        self.shed_turn(turn);
    }

    fn shed(&self, conn: &mut Conn, ex: &mut Box<Exchange>, now: u64) -> NextAction {
        if conn.state == State::Handshaking {
            return NextAction::Close;
        }
        if std::mem::take(&mut ex.answered_early) {
            // It is answered, but for an end that nobody has time for.
            ex.wire.let_go();
            return NextAction::Close;
        }
        ex.wire.output().buf.extend_from_slice(&reject::busy().0);
        self.park(conn, ex, Next::Close, now)
    }

    fn stalled(&self, route: u32, why: Stall) {
        self.0.mux.table().blocking_stats(route).record_stall(why);
    }

    fn accept_failed(&self, error: &std::io::Error, retry_ms: u64) {
        // All loops of a server fail at once, and each time that they try again: one line a second tells it.
        let second = self.0.now() / 1000 + 1;
        if self.0.accept_failed_at.swap(second, Ordering::Relaxed) != second {
            self.0.hooks.error(|| format!("http: Accept error: {error}; retrying in {retry_ms}ms"));
        }
    }

    fn drained(&self) {
        self.0.drained();
    }

    fn detached(&self, detached_conn: DetachedConn<Self>) -> Option<DetachedConn<Self>> {
        let detached = detached_conn.lease.wire.leaving.detached()?;
        match detached.park(Parcel::Conn(detached_conn)) {
            Some(Parcel::Conn(mut detached_conn)) => {
                detached_conn.lease.answered_early = true;
                Some(detached_conn)
            }
            _ => None,
        }
    }

    fn draining(&self) {
        self.0.draining();
    }
}

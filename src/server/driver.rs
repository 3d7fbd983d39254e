//! What the runtime asks of a server (`Driver`), and where it is done.

use super::conn::{ConnPhase, ServerConn};
use super::connection::{BLOCKED, HttpDriver};
use super::detach::DetachedWork;
use super::exchange_buffers::ExchangeBuffers;
use super::h2::StreamExchange;
use super::keep_alive::ConnAction;
use super::reject;
use crate::address::Address;
use crate::runtime::{DetachedConn, DriveResult, Driver, Leader, NextAction, Readiness, Stall, blocks_in};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

impl Driver for HttpDriver {
    type Conn = ServerConn;
    type Lease = Box<ExchangeBuffers>;
    type Task = Box<StreamExchange>;

    fn id(&self) -> usize {
        self.0.id()
    }

    fn lease(&self) -> Box<ExchangeBuffers> {
        Box::new(ExchangeBuffers::new(&self.0))
    }

    fn accepted(
        &self,
        socket: OwnedFd,
        peer: Address,
        listener: usize,
        now: u64,
    ) -> Option<(Box<ServerConn>, u64)> {
        self.admit(socket, peer, self.0.listeners.identity(listener), now)
    }

    fn compact(&self, ex: &mut Box<ExchangeBuffers>) {
        ex.compact();
    }

    fn fd(conn: &ServerConn) -> RawFd {
        conn.socket.as_raw_fd()
    }

    fn drive<'a>(
        &self,
        leader: Leader<'a, Self>,
        mut conn: Box<ServerConn>,
        ex: &mut Box<ExchangeBuffers>,
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

    fn run(&self, conn: &mut ServerConn, ex: &mut Box<ExchangeBuffers>) -> NextAction {
        if conn.state == ConnPhase::Handshaking {
            return self.handshake_now(conn, ex, self.0.now()).unwrap_or(NextAction::Again);
        }
        if std::mem::take(&mut ex.responded_early) {
            return self.end_detached(conn, ex);
        }
        ex.io.output().timeouts.waited = Duration::ZERO;
        let started = Instant::now();
        let ((), called_out) = blocks_in(|| self.call_http1_handler(ex));
        if ex.io.detach_state.is_detached() {
            return self.detach_exchange(ex);
        }
        let waited = ex.io.input().timeouts.waited + ex.io.output().timeouts.waited;
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

    fn run_task(&self, exchange: Box<StreamExchange>, ex: &mut Box<ExchangeBuffers>) {
        self.run_exchange(exchange, ex);
    }

    fn shed_task(&self, exchange: Box<StreamExchange>) {
        self.shed_exchange(exchange);
    }

    fn shed(&self, conn: &mut ServerConn, ex: &mut Box<ExchangeBuffers>, now: u64) -> NextAction {
        if conn.state == ConnPhase::Handshaking {
            return NextAction::Close;
        }
        if std::mem::take(&mut ex.responded_early) {
            // It is answered, but for an end that nobody has time for.
            ex.io.release();
            return NextAction::Close;
        }
        ex.io.output().buf.extend_from_slice(&reject::service_unavailable().0);
        self.flush_and_wait(conn, ex, ConnAction::Close, now)
    }

    fn stalled(&self, route: u32, why: Stall) {
        self.0.mux.table().blocking_stats(route).record_stall(why);
    }

    fn accept_failed(&self, error: &std::io::Error, retry_ms: u64) {
        // All loops of a server fail at once, and each time that they try again: one line a second tells it.
        let second = self.0.now() / 1000 + 1;
        if self.0.accept_failed_at.swap(second, Ordering::Relaxed) != second {
            self.0.observers.error(|| format!("http: Accept error: {error}; retrying in {retry_ms}ms"));
        }
    }

    fn drained(&self) {
        self.0.drained();
    }

    fn detached(&self, detached_conn: DetachedConn<Self>) -> Option<DetachedConn<Self>> {
        let detached = detached_conn.lease.io.detach_state.detached()?;
        match detached.park(DetachedWork::Conn(detached_conn)) {
            Some(DetachedWork::Conn(mut detached_conn)) => {
                detached_conn.lease.responded_early = true;
                Some(detached_conn)
            }
            _ => None,
        }
    }

    fn draining(&self) {
        self.0.start_shutdown_hooks();
    }
}

//! The sweep: each second one poll over the idle connections drops what died or aged, and those of HTTP/2 are cared for.
//!
//! Its thread starts when something is idle and ends when nothing is for a while, or when the pool closes.

use super::conn::Conn;
use super::pool::{IDLE_THREAD, Shared, State};
use crate::net::sys;
use crate::sync::lock;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);

/// start is called by whoever set `State::sweeping`.
pub(super) fn start(shared: &Arc<Shared>) {
    let pool = shared.clone();
    let thread = crate::hooks::spawn("nh-sweep", move || run(&pool));
    let mut state = lock(&shared.state);
    match thread {
        Ok(t) => state.threads.push(t),
        // Without a sweep the check before reuse still finds the dead; the next one that rests tries again.
        Err(_) => {
            state.sweeping = false;
            let rests = state.rests();
            drop(state);
            drop(rests);
        }
    }
}

fn run(pool: &Arc<Shared>) {
    let mut quiet_since = Instant::now();
    let mut due = quiet_since + PERIOD;
    let mut state = lock(&pool.state);
    loop {
        if !state.closed && state.rests.is_empty() {
            let left = due.saturating_duration_since(Instant::now());
            let waited = pool.sweep.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let now = Instant::now();
        let rests = state.rests();
        if !rests.is_empty() {
            quiet_since = now;
            let closed = state.closed;
            drop(state);
            match closed {
                true => drop(rests),
                false => pool.take_rests(rests),
            }
            state = lock(&pool.state);
        }
        if now < due && !state.closed {
            continue;
        }
        due = now + PERIOD;
        let shared: Vec<_> = state.hosts.values().flat_map(|h| h.shared.iter().cloned()).collect();
        if state.idle > 0 || !shared.is_empty() {
            quiet_since = now;
        }
        if state.closed && !state.rests.is_empty() {
            continue;
        }
        if state.closed || now.saturating_duration_since(quiet_since) > IDLE_THREAD {
            state.sweeping = false;
            return;
        }
        let (dead, stirred) = sweep(&mut state, pool.settings().idle, now);
        if !dead.is_empty() || !stirred.is_empty() || !shared.is_empty() {
            // A drop takes the lock.
            drop(state);
            drop(dead);
            for mut conn in stirred {
                if conn.is_quiet() {
                    let _ = pool.keep(conn);
                }
            }
            for conn in shared {
                conn.care(&pool.settings(), now);
            }
            state = lock(&pool.state);
        }
    }
}

/// sweep takes out what is dead, and what must be looked at: under TLS bytes may be a ticket and no data.
fn sweep(state: &mut State, idle: Option<Duration>, now: Instant) -> (Vec<Box<Conn>>, Vec<Box<Conn>>) {
    let all = state.hosts.values().flat_map(|h| h.idle.iter());
    let mut fds: Vec<_> = all.map(|c| sys::poll_fd(c.fd(), sys::POLLIN | sys::POLLRDHUP)).collect();
    if fds.is_empty() || sys::poll(&mut fds, 0).is_err() {
        fds.iter_mut().for_each(|f| f.revents = 0);
    }
    let mut polled = fds.iter();
    let (mut dead, mut stirred) = (Vec::new(), Vec::new());
    for host in state.hosts.values_mut() {
        let old = std::mem::take(&mut host.idle);
        for conn in old {
            // The same order as above: nothing has changed in between.
            let moved = polled.next().is_some_and(|f| f.revents != 0);
            let aged = idle.is_some_and(|t| now.saturating_duration_since(conn.idle_since) >= t);
            match (moved, aged) {
                (true, false) if conn.is_tls() => stirred.push(conn),
                (false, false) => host.idle.push(conn),
                _ => dead.push(conn),
            }
        }
    }
    state.idle -= dead.len() + stirred.len();
    (dead, stirred)
}

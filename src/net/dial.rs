//! Dialing: Happy Eyeballs (RFC 8305) as Go's `net.Dialer` does it.
//!
//! The addresses of the first one's family are tried one after the other; the other family joins in after
//! 300 ms, or at once when the first has failed. The time that is left is split evenly over the addresses of a
//! family that are left, but each has at least 2 s. One thread, nonblocking sockets, one poll.

use super::cancel::{CancelToken, canceled};
use super::event_fd::EventFd;
use super::resolve::{Resolver, literal};
use crate::address::Address;
use crate::error::{Error, Kind, Phase, Result};
use crate::message::trace::TraceStep;
use crate::sys;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

const FALLBACK_DELAY: Duration = Duration::from_millis(300);
const MIN_ATTEMPT: Duration = Duration::from_secs(2);

/// DialObserver is told the steps of a dial.
pub type DialObserver<'a> = &'a dyn Fn(TraceStep);

/// Dialer is a counted reference.
#[derive(Clone, Default)]
pub struct Dialer {
    resolver: Resolver,
}

/// Dialed is a connected socket: blocking, TCP_NODELAY, with keep-alive.
#[derive(Debug)]
pub struct Dialed {
    pub fd: OwnedFd,
    /// None for a socket that is none of TCP.
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    /// How long the name's lookup and connecting took.
    pub resolve: Duration,
    pub connect: Duration,
}

impl Dialed {
    /// adopt takes a connected stream socket that somebody else has made.
    pub fn adopt(fd: OwnedFd, connect: Duration) -> io::Result<Dialed> {
        let raw = fd.as_raw_fd();
        if !sys::is_stream(raw)? {
            return Err(io::Error::from_raw_os_error(sys::EPROTOTYPE));
        }
        sys::set_cloexec(raw)?;
        sys::set_nonblocking(raw, false)?;
        // It may be of another family, which has neither.
        let _ = sys::set_nodelay(raw, true);
        let tcp = |a: io::Result<Address>| a.ok().and_then(|a| a.ip());
        let (remote, local) = (tcp(sys::getpeername(raw)), tcp(sys::getsockname(raw)));
        Ok(Dialed { fd, remote, local, resolve: Duration::ZERO, connect })
    }
}

/// endpoints_text names a connection for an error.
pub fn endpoints_text(local: Option<SocketAddr>, remote: Option<SocketAddr>) -> String {
    match (local, remote) {
        (Some(l), Some(r)) => format!("tcp {l}->{r}"),
        _ => "socket".to_owned(),
    }
}

impl Dialer {
    /// dial resolves, as long as it is `wanted`, and connects. A failure tells what was tried: `dial tcp 127.0.0.1:1: connect: connection
    /// refused`.
    pub fn dial(
        &self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
        cancel: &CancelToken,
        wanted: &CancelToken,
        observer: DialObserver<'_>,
    ) -> Result<Dialed> {
        let host = if host.is_empty() { "localhost" } else { host };
        let started = Instant::now();
        let addrs = self
            .lookup(host, port, deadline, &[cancel, wanted], observer)
            .map_err(|e| Error::new(e.kind(), format!("dial tcp: {}", e.message())).with_cause(e))?;
        let resolved = Instant::now();
        let d = connect_any(&addrs, deadline, cancel, observer).map_err(|e| e.with_addrs(addrs))?;
        Ok(Dialed { resolve: resolved - started, connect: resolved.elapsed(), ..d })
    }

    fn lookup(
        &self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
        cancel: &[&CancelToken],
        observer: DialObserver<'_>,
    ) -> Result<Vec<SocketAddr>> {
        // An address is not looked up, and nobody is told that it was.
        let named = literal(host, port).is_none();
        if named {
            observer(TraceStep::DnsStart(host.to_owned()));
        }
        let mut found = self.resolver.lookup(host, port, deadline, cancel);
        if let Ok(addrs) = &mut found
            && let [SocketAddr::V6(only)] = addrs[..]
            && only.ip().is_unspecified()
        {
            // This machine, also where it listens by IPv4 only; Go's rule.
            addrs.push(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
        }
        if named {
            let addrs = found.clone().unwrap_or_default();
            observer(TraceStep::DnsDone { addrs, error: found.as_ref().err().cloned() });
        }
        found
    }
}

/// AddressLane is the addresses of one family, tried in turn.
#[derive(Default)]
struct AddressLane {
    addrs: Vec<SocketAddr>,
    next: usize,
    started: bool,
    trying: Option<Attempt>,
    first_error: Option<Error>,
}

struct Attempt {
    fd: OwnedFd,
    addr: SocketAddr,
    until: Option<Instant>,
}

impl AddressLane {
    /// advance starts attempts until one hangs in the air; `Some` is a connection that was there at once.
    fn advance(&mut self, deadline: Option<Instant>, observer: DialObserver<'_>) -> Option<Attempt> {
        self.started = true;
        while self.trying.is_none() && self.next < self.addrs.len() {
            let left = self.addrs.len() - self.next;
            let Some(&addr) = self.addrs.get(self.next) else { break };
            self.next += 1;
            observer(TraceStep::ConnectStart(addr));
            match start(addr, attempt_deadline(Instant::now(), deadline, left)) {
                Ok((attempt, true)) => {
                    observer(TraceStep::ConnectDone(addr, None));
                    return Some(attempt);
                }
                Ok((attempt, false)) => self.trying = Some(attempt),
                Err(e) => self.fail(addr, os_failure(addr, &e), observer),
            }
        }
        None
    }

    fn fail(&mut self, addr: SocketAddr, e: Error, observer: DialObserver<'_>) {
        observer(TraceStep::ConnectDone(addr, Some(e.clone())));
        self.first_error.get_or_insert(e);
    }

    fn exhausted(&self) -> bool {
        self.started && self.trying.is_none() && self.next >= self.addrs.len()
    }

    /// check_attempt looks at what became of an attempt that is ready or late.
    fn check_attempt(&mut self, ready: bool, now: Instant, observer: DialObserver<'_>) -> Option<Attempt> {
        let attempt = self.trying.take()?;
        if ready {
            match finish(&attempt) {
                Ok(()) => {
                    observer(TraceStep::ConnectDone(attempt.addr, None));
                    return Some(attempt);
                }
                Err(e) => self.fail(attempt.addr, os_failure(attempt.addr, &e), observer),
            }
        } else if attempt.until.is_some_and(|u| u <= now) {
            self.fail(attempt.addr, timed_out(attempt.addr), observer);
        } else {
            self.trying = Some(attempt);
        }
        None
    }
}

fn os_failure(addr: SocketAddr, e: &io::Error) -> Error {
    Error::io(Kind::Connect, format!("dial tcp {addr}: connect"), e).with_phase(Phase::Connect)
}

fn timed_out(addr: SocketAddr) -> Error {
    Error::new(Kind::Timeout, format!("dial tcp {addr}: i/o timeout")).with_phase(Phase::Connect)
}

/// attempt_deadline gives this attempt its share of the time.
fn attempt_deadline(now: Instant, deadline: Option<Instant>, addrs_left: usize) -> Option<Instant> {
    let deadline = deadline?;
    let left = deadline.saturating_duration_since(now);
    let share = left / u32::try_from(addrs_left).unwrap_or(1).max(1);
    Some(now + share.max(MIN_ATTEMPT.min(left)))
}

fn start(addr: SocketAddr, until: Option<Instant>) -> io::Result<(Attempt, bool)> {
    let fd = sys::socket(&addr, true)?;
    let attempt = Attempt { fd, addr, until };
    match sys::connect(attempt.fd.as_raw_fd(), &addr) {
        Ok(()) => finish(&attempt).map(|()| (attempt, true)),
        Err(e) if matches!(e.raw_os_error(), Some(sys::EINPROGRESS | sys::EINTR)) => Ok((attempt, false)),
        Err(e) => Err(e),
    }
}

fn finish(attempt: &Attempt) -> io::Result<()> {
    let fd = attempt.fd.as_raw_fd();
    sys::so_error(fd)?;
    // A connect to an ephemeral port of this machine can meet itself (TCP's simultaneous open).
    if sys::local_addr(fd)? == attempt.addr {
        return Err(io::Error::from_raw_os_error(sys::ECONNREFUSED));
    }
    Ok(())
}

/// connect_any connects to whichever address answers first under the rules above.
pub fn connect_any(
    addrs: &[SocketAddr],
    deadline: Option<Instant>,
    cancel: &CancelToken,
    observer: DialObserver<'_>,
) -> Result<Dialed> {
    let event = EventFd::for_thread().map_err(|e| Error::io(Kind::NoResources, "eventfd", &e))?;
    let _registered = cancel.register_event(event.fd()).ok_or_else(|| dial_canceled(addrs))?;
    let v4 = addrs.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second) = addrs.iter().partition(|a| a.is_ipv4() == v4);
    let mut lanes = [
        AddressLane { addrs: first, ..AddressLane::default() },
        AddressLane { addrs: second, ..AddressLane::default() },
    ];
    let fallback_at = Instant::now() + FALLBACK_DELAY;
    loop {
        let now = Instant::now();
        let [main, fallback] = &mut lanes;
        if cancel.is_fired() {
            return Err(dial_canceled(addrs));
        }
        if let Some(won) = main.advance(deadline, observer) {
            return dialed(won);
        }
        if (main.exhausted() || now >= fallback_at)
            && let Some(won) = fallback.advance(deadline, observer)
        {
            return dialed(won);
        }
        if main.exhausted() && fallback.exhausted() {
            let error = main.first_error.take().or_else(|| fallback.first_error.take());
            return Err(error.unwrap_or_else(|| Error::new(Kind::Connect, "dial tcp: no address")));
        }
        let waits = lanes.iter().filter_map(|l| l.trying.as_ref()?.until);
        let next = waits.chain((!lanes[1].started).then_some(fallback_at)).min();
        let mut fds = [
            sys::poll_fd(event.fd(), sys::POLLIN),
            sys::poll_fd(attempt_fd(&lanes[0]), sys::POLLOUT),
            sys::poll_fd(attempt_fd(&lanes[1]), sys::POLLOUT),
        ];
        let timeout = next.map_or(-1, |at| sys::millis(at.saturating_duration_since(now)));
        sys::poll(&mut fds, timeout).map_err(|e| Error::io(Kind::Connect, "dial tcp: poll", &e))?;
        if fds[0].revents != 0 {
            let _ = sys::eventfd_read(event.fd());
        }
        let now = Instant::now();
        for (lane, fd) in lanes.iter_mut().zip(&fds[1..]) {
            if let Some(won) = lane.check_attempt(fd.revents != 0, now, observer) {
                return dialed(won);
            }
        }
    }
}

fn attempt_fd(lane: &AddressLane) -> i32 {
    lane.trying.as_ref().map_or(-1, |a| a.fd.as_raw_fd())
}

fn dial_canceled(addrs: &[SocketAddr]) -> Error {
    let what = addrs.first().map_or(String::new(), |a| format!(" {a}"));
    let e = canceled();
    Error::new(Kind::Canceled, format!("dial tcp{what}: operation was canceled"))
        .with_cause(e)
        .with_phase(Phase::Connect)
}

fn dialed(won: Attempt) -> Result<Dialed> {
    let fd = won.fd.as_raw_fd();
    let set_up = || {
        sys::set_nonblocking(fd, false)?;
        sys::set_nodelay(fd, true)?;
        sys::set_keepalive(fd)?;
        sys::local_addr(fd)
    };
    match set_up() {
        Ok(local) => {
            let none = Duration::ZERO;
            let (remote, local) = (Some(won.addr), Some(local));
            Ok(Dialed { remote, local, fd: won.fd, resolve: none, connect: none })
        }
        Err(e) => {
            Err(Error::io(Kind::Connect, format!("dial tcp {}", won.addr), &e).with_phase(Phase::Connect))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn connects_and_falls_back_to_the_next_address() {
        let l = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = l.local_addr().unwrap();
        let gone = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
        let t = CancelToken::new();
        let d = connect_any(&[gone, good], None, &t, &|_| ()).unwrap();
        assert_eq!(d.remote, Some(good));
        let v6 = SocketAddr::new("::1".parse().unwrap(), gone.port());
        assert_eq!(connect_any(&[v6, good], None, &t, &|_| ()).unwrap().remote, Some(good));
    }

    #[test]
    fn any_address_is_this_machine() {
        let t = CancelToken::new();
        for (at, host) in [("127.0.0.1:0", "::"), ("127.0.0.1:0", "0.0.0.0"), ("[::1]:0", "::")] {
            let Ok(l) = TcpListener::bind(at) else { continue };
            let port = l.local_addr().unwrap().port();
            Dialer::default().dial(host, port, None, &t, &t, &|_| ()).unwrap();
        }
    }

    #[test]
    fn refused_in_gos_words() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let t = CancelToken::new();
        let e = Dialer::default().dial("127.0.0.1", gone.port(), None, &t, &t, &|_| ()).unwrap_err();
        assert_eq!(e.message(), format!("dial tcp {gone}: connect: connection refused"));
        assert_eq!((e.kind(), e.phase(), e.addrs()), (Kind::Connect, Phase::Connect, &[gone][..]));
    }

    /// A listener whose queue is full answers no further SYN: the way to a connect that hangs.
    fn hanging() -> (OwnedFd, SocketAddr, Vec<std::net::TcpStream>) {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let fd = sys::socket(&any, false).unwrap();
        sys::bind(fd.as_raw_fd(), &any).unwrap();
        sys::listen(fd.as_raw_fd(), 0).unwrap();
        let at = sys::local_addr(fd.as_raw_fd()).unwrap();
        let fill = (0..4)
            .filter_map(|_| std::net::TcpStream::connect_timeout(&at, Duration::from_millis(50)).ok())
            .collect();
        (fd, at, fill)
    }

    #[test]
    fn a_hanging_connect_ends_by_deadline_and_by_token() {
        let (_fd, at, _fill) = hanging();
        let t = CancelToken::new();
        let soon = Instant::now() + Duration::from_millis(60);
        let e = connect_any(&[at], Some(soon), &t, &|_| ()).unwrap_err();
        assert_eq!((e.kind(), e.message()), (Kind::Timeout, format!("dial tcp {at}: i/o timeout").as_str()));
        let u = t.clone();
        let h = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            u.fire();
        });
        assert_eq!(connect_any(&[at], None, &t, &|_| ()).unwrap_err().kind(), Kind::Canceled);
        h.join().unwrap();
    }

    #[test]
    fn time_is_shared_with_a_minimum() {
        let now = Instant::now();
        let at = |s| Some(now + Duration::from_secs(s));
        assert_eq!(attempt_deadline(now, at(30), 3), at(10));
        assert_eq!(attempt_deadline(now, at(5), 5), at(2));
        assert_eq!(attempt_deadline(now, at(1), 5), at(1));
        assert_eq!(attempt_deadline(now, None, 5), None);
    }
}

//! The raw system calls: the only `unsafe` outside `ffi`.
//!
//! Every function retries EINTR where a retry means the same call, answers `io::Result`, and makes
//! descriptors with CLOEXEC. None raises SIGPIPE. A stale descriptor number is an EBADF here; that numbers are
//! never stale is the business of the owners (`OwnedFd`) above.

pub mod files;
mod futex;
mod names;
mod options;
pub mod process;
mod thread;
mod unix;

pub use futex::{futex_wait, futex_wake};
pub use names::{LookupError, getaddrinfo, interface_index};
pub use options::{
    is_listening, is_stream, set_cloexec, set_keepalive, set_nodelay, set_recv_timeout, set_reuse_addr,
    set_reuse_port, set_v6_only, so_error,
};
pub use thread::{ThreadProbe, ThreadStat};
pub use unix::{bind_unix, unix_socket};

use crate::address::Address;
use std::io::{self, IoSlice};
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

pub use libc::{
    ECONNABORTED, ECONNREFUSED, ECONNRESET, EINPROGRESS, EINTR, EINVAL, EMFILE, ENFILE, EPOLLERR, EPOLLET,
    EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLRDHUP, EPROTOTYPE, MSG_DONTWAIT,
    MSG_MORE, MSG_PEEK, O_NOCTTY, O_NONBLOCK, O_TMPFILE, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP,
    SHUT_RD, SHUT_RDWR, SHUT_WR,
};

/// os_text is the operating system's text without Rust's "(os error N)" tail.
pub fn os_text(e: &std::io::Error) -> String {
    let s = e.to_string();
    let s = s.split(" (os error").next().unwrap_or("").to_owned();
    let mut c = s.chars();
    match c.next() {
        Some(first) => first.to_lowercase().chain(c).collect(),
        None => s,
    }
}

/// PollFd is one entry of [`poll`]; a negative descriptor is skipped.
pub type PollFd = libc::pollfd;
/// EpollEvent is what [`epoll_wait`] fills: `events` bits and the `u64` token given to [`epoll_add`].
pub type EpollEvent = libc::epoll_event;

/// BACKLOG of listeners; the kernel cuts it to `net.core.somaxconn`.
pub const BACKLOG: i32 = 4096;
/// MAX_IOV is the most slices that one [`sendmsg`] takes.
pub const MAX_IOV: usize = 1024;

fn check(r: libc::c_int) -> io::Result<libc::c_int> {
    if r < 0 { Err(io::Error::last_os_error()) } else { Ok(r) }
}

fn check_size(r: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(r).map_err(|_| io::Error::last_os_error())
}

fn retry<T>(mut f: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match f() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            r => return r,
        }
    }
}

fn owned(fd: RawFd) -> OwnedFd {
    // SAFETY: each caller passes the fresh result of a call that makes a descriptor, checked to be >= 0.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// poll_fd makes an entry of [`poll`].
pub fn poll_fd(fd: RawFd, events: i16) -> PollFd {
    PollFd { fd, events, revents: 0 }
}

// ---- bytes

/// recv reads once; `Ok(0)` is the peer's end of stream. With a receive timeout set, EAGAIN tells that it passed.
pub fn recv(fd: RawFd, buf: &mut [u8], flags: i32) -> io::Result<usize> {
    // SAFETY: the pointer and the length are of one live buffer.
    retry(|| check_size(unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), flags) }))
}

/// is_quiet tells whether there is nothing to receive: no byte, no end of stream, no error.
pub fn is_quiet(fd: RawFd) -> bool {
    let mut byte = 0u8;
    // SAFETY: the pointer and the length are of one live byte.
    let n = unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, MSG_PEEK | MSG_DONTWAIT) };
    n < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}

/// sendmsg sends a part of the slices and tells how many bytes; a peer that is gone is EPIPE, never SIGPIPE.
pub fn sendmsg(fd: RawFd, bufs: &[IoSlice<'_>], flags: i32) -> io::Result<usize> {
    // SAFETY: msghdr is a C struct for which all zeros mean "nothing".
    let mut msg: libc::msghdr = unsafe { std::mem::zeroed() };
    msg.msg_iov = bufs.as_ptr().cast_mut().cast();
    msg.msg_iovlen = bufs.len().min(MAX_IOV) as _;
    // SAFETY: IoSlice has the layout of iovec; the kernel only reads what it names.
    retry(|| check_size(unsafe { libc::sendmsg(fd, &msg, flags | libc::MSG_NOSIGNAL) }))
}

/// send is [`sendmsg`] of one slice.
pub fn send(fd: RawFd, buf: &[u8], flags: i32) -> io::Result<usize> {
    let flags = flags | libc::MSG_NOSIGNAL;
    // SAFETY: the pointer and the length are of one live buffer.
    retry(|| check_size(unsafe { libc::send(fd, buf.as_ptr().cast(), buf.len(), flags) }))
}

/// poll waits until an entry is ready; `timeout_ms` -1 is for ever. EINTR answers 0 ready: the caller looks at
/// its clock and comes again.
pub fn poll(fds: &mut [PollFd], timeout_ms: i32) -> io::Result<usize> {
    // SAFETY: the pointer and the length are of one live slice.
    let r = check(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) });
    match r {
        Ok(n) => Ok(n as usize),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => {
            fds.iter_mut().for_each(|f| f.revents = 0);
            Ok(0)
        }
        Err(e) => Err(e),
    }
}

/// millis rounds a wait up to poll's milliseconds, so that a deadline has passed when the wait is over.
pub fn millis(d: Duration) -> i32 {
    i32::try_from(d.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

// ---- epoll and eventfd

pub fn epoll_create() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(owned)
}

fn epoll_ctl(ep: RawFd, op: i32, fd: RawFd, events: i32, token: u64) -> io::Result<()> {
    let mut ev = EpollEvent { events: events as u32, u64: token };
    // SAFETY: `ev` lives through the call.
    check(unsafe { libc::epoll_ctl(ep, op, fd, &mut ev) }).map(drop)
}

pub fn epoll_add(ep: RawFd, fd: RawFd, events: i32, token: u64) -> io::Result<()> {
    epoll_ctl(ep, libc::EPOLL_CTL_ADD, fd, events, token)
}

pub fn epoll_mod(ep: RawFd, fd: RawFd, events: i32, token: u64) -> io::Result<()> {
    epoll_ctl(ep, libc::EPOLL_CTL_MOD, fd, events, token)
}

pub fn epoll_del(ep: RawFd, fd: RawFd) -> io::Result<()> {
    epoll_ctl(ep, libc::EPOLL_CTL_DEL, fd, 0, 0)
}

/// epoll_wait fills the front of `events` and tells how many; EINTR is 0.
pub fn epoll_wait(ep: RawFd, events: &mut [EpollEvent], timeout_ms: i32) -> io::Result<usize> {
    let cap = i32::try_from(events.len()).unwrap_or(i32::MAX);
    // SAFETY: the pointer and the length are of one live slice.
    match check(unsafe { libc::epoll_wait(ep, events.as_mut_ptr(), cap, timeout_ms) }) {
        Ok(n) => Ok(n as usize),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
        Err(e) => Err(e),
    }
}

/// eventfd is nonblocking, so that a write to it never waits, not even in a signal handler.
pub fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }).map(owned)
}

/// eventfd_write is async-signal-safe. A full counter is as good as a written one.
pub fn eventfd_write(fd: RawFd) -> io::Result<()> {
    let one = 1u64;
    // SAFETY: eight readable bytes.
    match check_size(unsafe { libc::write(fd, (&raw const one).cast(), 8) }) {
        Err(e) if e.kind() != io::ErrorKind::WouldBlock => Err(e),
        _ => Ok(()),
    }
}

/// eventfd_read takes the count and leaves 0; nothing there is 0.
pub fn eventfd_read(fd: RawFd) -> io::Result<u64> {
    let mut n = 0u64;
    // SAFETY: eight writable bytes.
    match check_size(unsafe { libc::read(fd, (&raw mut n).cast(), 8) }) {
        Err(e) if e.kind() != io::ErrorKind::WouldBlock => Err(e),
        _ => Ok(n),
    }
}

// ---- sockets

fn domain(addr: &SocketAddr) -> i32 {
    if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }
}

/// socket makes a TCP socket of the address's family.
pub fn socket(addr: &SocketAddr, nonblocking: bool) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
    // SAFETY: no memory is passed.
    check(unsafe { libc::socket(domain(addr), kind, libc::IPPROTO_TCP) }).map(owned)
}

/// with_raw_addr lends an address in the kernel's shape.
fn with_raw_addr<T>(addr: &SocketAddr, f: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> T) -> T {
    match addr {
        SocketAddr::V4(a) => {
            // SAFETY: a C struct of integers; all zeros is valid.
            let mut raw: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_port = a.port().to_be();
            raw.sin_addr.s_addr = u32::from_ne_bytes(a.ip().octets());
            f((&raw const raw).cast(), size_of::<libc::sockaddr_in>() as libc::socklen_t)
        }
        SocketAddr::V6(a) => {
            // SAFETY: as above.
            let mut raw: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_port = a.port().to_be();
            raw.sin6_addr.s6_addr = a.ip().octets();
            raw.sin6_flowinfo = a.flowinfo();
            raw.sin6_scope_id = a.scope_id();
            f((&raw const raw).cast(), size_of::<libc::sockaddr_in6>() as libc::socklen_t)
        }
    }
}

fn ip_of(raw: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(raw.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and a storage is large and aligned enough for it.
            let a = unsafe { &*(&raw const *raw).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(a.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(a.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let a = unsafe { &*(&raw const *raw).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(a.sin6_addr.s6_addr);
            let port = u16::from_be(a.sin6_port);
            Some(SocketAddrV6::new(ip, port, a.sin6_flowinfo, a.sin6_scope_id).into())
        }
        _ => None,
    }
}

fn addr_of(raw: &libc::sockaddr_storage, len: libc::socklen_t) -> Option<Address> {
    if i32::from(raw.ss_family) == libc::AF_UNIX {
        // SAFETY: the family says what it is, and a storage is large and aligned enough for it.
        let a = unsafe { &*(&raw const *raw).cast::<libc::sockaddr_un>() };
        return Some(Address::Unix(unix::name_of(a, len)));
    }
    let mut a = ip_of(raw)?;
    // A socket of both families has IPv4 peers in the form of IPv6; nobody else needs to know.
    a.set_ip(a.ip().to_canonical());
    Some(Address::Ip(a))
}

/// receive_addr runs a call that fills in an address.
fn receive_addr<T>(
    f: impl FnOnce(*mut libc::sockaddr, *mut libc::socklen_t) -> io::Result<T>,
) -> io::Result<(T, Address)> {
    // SAFETY: a C struct of integers; all zeros is valid.
    let mut raw: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let value = f((&raw mut raw).cast(), &mut len)?;
    addr_of(&raw, len).map(|a| (value, a)).ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
}

pub fn bind(fd: RawFd, addr: &SocketAddr) -> io::Result<()> {
    // SAFETY: the address lives through the call.
    with_raw_addr(addr, |p, n| check(unsafe { libc::bind(fd, p, n) }).map(drop))
}

pub fn listen(fd: RawFd, backlog: i32) -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::listen(fd, backlog) }).map(drop)
}

/// connect on a nonblocking socket answers EINPROGRESS; readiness to write and [`so_error`] tell the rest.
/// It is not retried: an interrupted connect goes on by itself.
pub fn connect(fd: RawFd, addr: &SocketAddr) -> io::Result<()> {
    // SAFETY: the address lives through the call.
    with_raw_addr(addr, |p, n| check(unsafe { libc::connect(fd, p, n) }).map(drop))
}

/// accept takes one connection, nonblocking and CLOEXEC. A connection that was reset while it queued is
/// ECONNABORTED: try again.
pub fn accept(listener: RawFd) -> io::Result<(OwnedFd, Address)> {
    retry(|| {
        receive_addr(|p, n| {
            // SAFETY: `p` and `n` are of one live storage.
            check(unsafe { libc::accept4(listener, p, n, libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) })
                .map(owned)
        })
    })
}

pub fn getsockname(fd: RawFd) -> io::Result<Address> {
    // SAFETY: `p` and `n` are of one live storage.
    receive_addr(|p, n| check(unsafe { libc::getsockname(fd, p, n) })).map(|(_, a)| a)
}

/// local_addr is [`getsockname`] of a TCP socket.
pub fn local_addr(fd: RawFd) -> io::Result<SocketAddr> {
    getsockname(fd)?.ip().ok_or_else(|| io::ErrorKind::Unsupported.into())
}

pub fn getpeername(fd: RawFd) -> io::Result<Address> {
    // SAFETY: `p` and `n` are of one live storage.
    receive_addr(|p, n| check(unsafe { libc::getpeername(fd, p, n) })).map(|(_, a)| a)
}

/// dup is another descriptor of the same socket, closed on exec.
pub fn dup(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) }).map(owned)
}

/// shutdown is async-signal-safe.
pub fn shutdown(fd: RawFd, how: i32) -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::shutdown(fd, how) }).map(drop)
}

pub fn set_nonblocking(fd: RawFd, on: bool) -> io::Result<()> {
    let mut on = libc::c_int::from(on);
    // SAFETY: FIONBIO reads one int.
    check(unsafe { libc::ioctl(fd, libc::FIONBIO, &mut on) }).map(drop)
}

/// unspecified tells whether an address is 0.0.0.0 or [::].
pub fn unspecified(addr: &SocketAddr) -> bool {
    match addr.ip() {
        IpAddr::V4(a) => a.is_unspecified(),
        IpAddr::V6(a) => a.is_unspecified(),
    }
}

// ---- threads and signals

/// keep_errno runs `f` and puts errno back: what a signal handler must do.
pub fn keep_errno(f: impl FnOnce()) {
    // SAFETY: the location is this thread's and lives as long as it.
    let at = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { *at };
    f();
    // SAFETY: as above.
    unsafe { *at = saved };
}

pub fn gettid() -> i32 {
    // SAFETY: no memory is passed.
    unsafe { libc::gettid() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn listener_accepts_and_peer_is_told() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let l = socket(&any, false).unwrap();
        bind(l.as_raw_fd(), &any).unwrap();
        listen(l.as_raw_fd(), BACKLOG).unwrap();
        let at = local_addr(l.as_raw_fd()).unwrap();
        let c = socket(&at, false).unwrap();
        connect(c.as_raw_fd(), &at).unwrap();
        let (s, from) = accept(l.as_raw_fd()).unwrap();
        assert_eq!(from, getsockname(c.as_raw_fd()).unwrap());
        set_keepalive(s.as_raw_fd()).unwrap();
        assert!(is_quiet(s.as_raw_fd()));
        sendmsg(c.as_raw_fd(), &[IoSlice::new(b"ab"), IoSlice::new(b"c")], 0).unwrap();
        let mut buf = [0u8; 8];
        assert_eq!(recv(s.as_raw_fd(), &mut buf, 0).unwrap(), 3);
        drop(c);
        poll(&mut [poll_fd(s.as_raw_fd(), POLLIN)], 1000).unwrap();
        assert!(!is_quiet(s.as_raw_fd()));
    }
}

//! Socket options.

use super::check;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

fn set_int(fd: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let n = size_of::<i32>() as libc::socklen_t;
    // SAFETY: `value` lives through the call and has the length that is given.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), n) }).map(drop)
}

pub fn set_nodelay(fd: RawFd, on: bool) -> io::Result<()> {
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, i32::from(on))
}

pub fn set_reuse_addr(fd: RawFd) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)
}

pub fn set_reuse_port(fd: RawFd) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)
}

pub fn set_v6_only(fd: RawFd, on: bool) -> io::Result<()> {
    set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, i32::from(on))
}

/// set_keepalive turns TCP keep-alive on as Go does: first probe after 15 s, then each 15 s, dead after 9.
pub fn set_keepalive(fd: RawFd) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 15)?;
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 15)?;
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 9)
}

/// set_recv_timeout bounds each blocking receive; zero is for ever.
pub fn set_recv_timeout(fd: RawFd, d: Duration) -> io::Result<()> {
    let tv = libc::timeval {
        tv_sec: libc::time_t::try_from(d.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(d.subsec_micros()),
    };
    let n = size_of::<libc::timeval>() as libc::socklen_t;
    // SAFETY: `tv` lives through the call and has the length that is given.
    let r = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, (&raw const tv).cast(), n) };
    check(r).map(drop)
}

fn get_int(fd: RawFd, level: i32, name: i32) -> io::Result<i32> {
    let mut value: i32 = 0;
    let mut n = size_of::<i32>() as libc::socklen_t;
    // SAFETY: `value` and `n` live through the call.
    check(unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &mut n) })?;
    Ok(value)
}

/// so_error takes the socket's pending error; `Ok(())` is none.
pub fn so_error(fd: RawFd) -> io::Result<()> {
    match get_int(fd, libc::SOL_SOCKET, libc::SO_ERROR)? {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// is_stream tells whether a descriptor is a stream socket; an error: it is no socket.
pub fn is_stream(fd: RawFd) -> io::Result<bool> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_TYPE).map(|t| t == libc::SOCK_STREAM)
}

/// is_listening tells whether a socket accepts connections.
pub fn is_listening(fd: RawFd) -> io::Result<bool> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).map(|on| on != 0)
}

/// set_cloexec keeps a descriptor from programs that are started.
pub fn set_cloexec(fd: RawFd) -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::ioctl(fd, libc::FIOCLEX) }).map(drop)
}

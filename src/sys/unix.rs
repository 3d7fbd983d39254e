//! Unix sockets, and what kind of socket a program's descriptor is.

use super::{check, owned};
use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

const NAME_AT: usize = offset_of!(libc::sockaddr_un, sun_path);

/// unix_socket makes a nonblocking stream socket.
pub fn unix_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no memory is passed.
    check(unsafe { libc::socket(libc::AF_UNIX, kind, 0) }).map(owned)
}

/// bind_unix binds to a path; one that begins with '@' is an abstract name, which is no file.
pub fn bind_unix(fd: RawFd, name: &[u8]) -> io::Result<()> {
    // SAFETY: a C struct of integers; all zeros is valid.
    let mut raw: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    raw.sun_family = libc::AF_UNIX as libc::sa_family_t;
    // A path ends in a NUL, an abstract name begins with one instead of the '@'.
    if name.is_empty() || name.len() >= raw.sun_path.len() || name.contains(&0) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let is_abstract = name.starts_with(b"@");
    for (to, from) in raw.sun_path.iter_mut().zip(name) {
        *to = *from as libc::c_char;
    }
    if let (true, Some(first)) = (is_abstract, raw.sun_path.first_mut()) {
        *first = 0;
    }
    let len = NAME_AT + name.len() + usize::from(!is_abstract);
    // SAFETY: the address lives through the call, and `len` is not more than it has.
    check(unsafe { libc::bind(fd, (&raw const raw).cast(), len as libc::socklen_t) }).map(drop)
}

/// name_of is the name in an address of `len` bytes; abstract names begin with '@'.
pub(super) fn name_of(raw: &libc::sockaddr_un, len: libc::socklen_t) -> Option<Arc<str>> {
    let len = (len as usize).min(size_of::<libc::sockaddr_un>()).checked_sub(NAME_AT)?;
    let mut name: Vec<u8> = raw.sun_path.iter().take(len).map(|c| *c as u8).collect();
    match name.first_mut()? {
        first @ 0 => *first = b'@',
        _ => name.truncate(name.iter().position(|b| *b == 0).unwrap_or(name.len())),
    }
    (name.len() > 1 || name != b"@").then(|| String::from_utf8_lossy(&name).into())
}

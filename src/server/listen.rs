//! Where a server's connections come from: addresses, Unix sockets, and descriptors of the program's.

use super::Server;
use super::lifecycle::closed;
use crate::address::Address;
use crate::error::{Error, Kind, Phase, Result, invalid};
use crate::net::tls::{self, ServerIdentity};
use crate::runtime::{Listening, SocketFile, owned_by};
use crate::sync::RwLock;
use crate::sys;
use crate::threads;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

type ListenerTls = Option<Arc<ServerIdentity>>;

/// Listeners are a server's listeners as those see them who come in: the TLS of each may change at any time.
#[derive(Default)]
pub(super) struct Listeners(RwLock<Vec<(Option<Address>, ListenerTls)>>);

impl Listeners {
    fn add(&self, addr: Option<Address>, identity: ListenerTls) -> usize {
        let mut listeners = self.0.write().unwrap_or_else(PoisonError::into_inner);
        listeners.push((addr, identity));
        listeners.len() - 1
    }

    pub(super) fn identity(&self, index: usize) -> ListenerTls {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(index)?.1.clone()
    }

    fn addr(&self, index: usize) -> Option<Address> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(index)?.0.clone()
    }

    fn set_identity(&self, index: usize, identity: Arc<ServerIdentity>) -> Result<()> {
        let mut listeners = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some((_, current)) = listeners.get_mut(index) else {
            return Err(Error::new(Kind::NotFound, "nethttp: no such listener"));
        };
        if current.is_none() {
            return Err(Error::new(Kind::State, "nethttp: that listener speaks no TLS"));
        }
        let old = current.replace(identity);
        drop(listeners);
        // It may end userdata of the program's: not under the lock.
        drop(old);
        Ok(())
    }
}

/// PendingConn is a connection that no listener has brought.
pub(super) struct PendingConn {
    socket: OwnedFd,
    remote: Address,
    identity: ListenerTls,
}

/// AcceptSource is an accept function of the program's. `Err` is its last answer.
pub trait AcceptSource: Send {
    fn accept(&mut self) -> std::result::Result<OwnedFd, i32>;
}

impl Server {
    /// listen binds an address ("host:port", port 0 for any); connections are accepted from the start on.
    pub fn listen(&self, addr: &str) -> Result<()> {
        self.listen_at(addr, None)
    }

    /// listen_tls is [`Server::listen`] for connections that begin with TLS.
    pub fn listen_tls(&self, addr: &str, tls: &tls::TlsSettings) -> Result<()> {
        self.listen_at(addr, identity(Some(tls))?)
    }

    fn listen_at(&self, addr: &str, identity: ListenerTls) -> Result<()> {
        let reuse_port = self.setup().settings.reuse_port;
        // A name may take its time to be resolved: not under the lock.
        let bound = bind(addr, reuse_port);
        self.open(identity, || bound.map(|(socket, addr)| (socket, addr, None)))
    }

    /// listen_unix binds a path, or an abstract name that begins with '@'.
    pub fn listen_unix(&self, path: &[u8], tls: Option<&tls::TlsSettings>) -> Result<()> {
        let identity = identity(tls)?;
        self.open(identity, || bind_unix(path))
    }

    /// listen_fd takes a socket that listens already.
    pub fn listen_fd(&self, socket: OwnedFd, tls: Option<&tls::TlsSettings>) -> Result<()> {
        let identity = identity(tls)?;
        let fd = socket.as_raw_fd();
        if !is_stream(fd)? || !sys::is_listening(fd).unwrap_or(false) {
            return Err(invalid("nethttp: the descriptor is no stream socket that listens"));
        }
        // Somebody else may listen on it too, and be quicker to accept.
        let ready = sys::set_nonblocking(fd, true).and_then(|()| sys::set_cloexec(fd));
        let addr = ready.and_then(|()| sys::getsockname(fd));
        let addr = addr.map_err(|e| invalid(format!("nethttp: the descriptor is of no use: {e}")))?;
        self.open(identity, || Ok((socket, addr, None)))
    }

    fn open(
        &self,
        identity: ListenerTls,
        socket: impl FnOnce() -> Result<(OwnedFd, Address, Option<SocketFile>)>,
    ) -> Result<()> {
        let mut s = self.setup();
        if s.closed || self.stop_requested.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let (socket, addr, file) = socket()?;
        let index = self.listeners.add(Some(addr), identity);
        let listening = Arc::new(Listening { socket, index, _file: file });
        match self.runtime.get() {
            Some(rt) => rt.listen(&listening),
            None => s.listeners.push(listening),
        }
        Ok(())
    }

    /// listen_source lets the program accept: a thread calls it again and again until it answers no connection.
    pub fn listen_source(&self, source: Box<dyn AcceptSource>, tls: Option<&tls::TlsSettings>) -> Result<()> {
        let identity = identity(tls)?;
        let mut s = self.setup();
        if s.closed || self.stop_requested.load(Ordering::SeqCst) {
            drop(s);
            return Err(closed());
        }
        let index = self.listeners.add(None, identity);
        if !s.started {
            s.sources.push((index, source));
            return Ok(());
        }
        drop(s);
        self.accept_from(index, source)
    }

    /// accept_from is for an accept function that comes while the server runs.
    fn accept_from(&self, index: usize, source: Box<dyn AcceptSource>) -> Result<()> {
        let Some(rt) = self.runtime.get().cloned() else { return Ok(()) };
        let listeners = self.listeners.clone();
        let thread = threads::spawn("nh-accept", move || accept_all(source, &listeners, index, &rt))
            .map_err(|e| Error::io(Kind::NoResources, "nethttp: cannot start a thread to accept", &e))?;
        self.setup().threads.push(thread);
        Ok(())
    }

    /// serve_fd serves a connection of the program's.
    pub fn serve_fd(&self, socket: OwnedFd, tls: Option<&tls::TlsSettings>) -> Result<()> {
        let pending = pending_conn(socket, identity(tls)?)?;
        let mut s = self.setup();
        if s.closed || self.stop_requested.load(Ordering::SeqCst) {
            return Err(closed());
        }
        if !s.started {
            s.pending_conns.push(pending);
            return Ok(());
        }
        drop(s);
        if self.admit(pending) { Ok(()) } else { Err(closed()) }
    }

    /// admit is `false` where the server stops.
    pub(super) fn admit(&self, pending: PendingConn) -> bool {
        self.runtime.get().is_some_and(|rt| admit(rt, pending))
    }

    /// address is what the `index`-th listener got.
    pub fn address(&self, index: usize) -> Option<Address> {
        self.listeners.addr(index)
    }

    /// addr is the same where it is one of TCP.
    pub fn addr(&self, index: usize) -> Option<SocketAddr> {
        self.address(index)?.ip()
    }

    /// set_tls has the handshakes that begin from now on use these settings.
    pub fn set_tls(&self, index: usize, tls: &tls::TlsSettings) -> Result<()> {
        self.listeners.set_identity(index, Arc::new(ServerIdentity::new(tls)?))
    }
}

fn identity(tls: Option<&tls::TlsSettings>) -> Result<ListenerTls> {
    tls.map(|s| ServerIdentity::new(s).map(Arc::new)).transpose()
}

/// accept_all calls an accept function of the program's until that ends, or the server does.
pub(super) fn accept_all(
    mut source: Box<dyn AcceptSource>,
    listeners: &Listeners,
    index: usize,
    rt: &crate::runtime::Runtime<super::connection::HttpDriver>,
) {
    let shared = rt.driver.0.clone();
    loop {
        let socket = match owned_by(shared.id(), || source.accept()) {
            Ok(socket) => socket,
            Err(_) if shared.stopping.load(Ordering::SeqCst) => return,
            Err(code) => {
                let text = "http: Accept error: the program's function ended with result";
                return shared.observers.error(|| format!("{text} {code}"));
            }
        };
        match pending_conn(socket, listeners.identity(index)).map(|n| admit(rt, n)) {
            Ok(true) => {}
            Ok(false) => return,
            Err(e) => shared.observers.error(|| format!("http: Accept error: {}", e.message())),
        }
    }
}

fn admit(rt: &crate::runtime::Runtime<super::connection::HttpDriver>, pending: PendingConn) -> bool {
    let PendingConn { socket, remote, identity } = pending;
    match rt.driver.admit(socket, remote, identity, rt.now()) {
        Some((conn, due)) => rt.adopt(conn, due),
        None => true,
    }
}

fn pending_conn(socket: OwnedFd, identity: ListenerTls) -> Result<PendingConn> {
    let fd = socket.as_raw_fd();
    let remote = if is_stream(fd)? { sys::getpeername(fd).ok() } else { None };
    let remote = remote.ok_or_else(|| invalid("nethttp: the descriptor is no connected stream socket"))?;
    sys::set_cloexec(fd).map_err(|e| invalid(format!("nethttp: the descriptor is of no use: {e}")))?;
    Ok(PendingConn { socket, remote, identity })
}

fn is_stream(fd: i32) -> Result<bool> {
    sys::is_stream(fd).map_err(|_| invalid("nethttp: the descriptor is no socket"))
}

/// bind makes a listening socket. An empty host is all addresses, of both families where there is IPv6.
fn bind(addr: &str, reuse_port: bool) -> Result<(OwnedFd, Address)> {
    let fail = |what: &str, e: &std::io::Error| {
        Error::io(Kind::Connect, format!("listen tcp {addr}: {what}"), e).with_phase(Phase::Listen)
    };
    let (host, port) = crate::net::addr::split_host_port(addr).map_err(|e| e.with_phase(Phase::Listen))?;
    let port = if port.is_empty() { 0 } else { crate::net::addr::parse_port(port)? };
    let candidates: Vec<SocketAddr> = match host {
        "" => vec![
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into(),
            (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into(),
        ],
        host => match crate::net::resolve::literal(host, port) {
            Some(a) => vec![a],
            None => {
                let found = (host, port).to_socket_addrs().map_err(|e| {
                    Error::io(Kind::Dns, format!("listen tcp: lookup {host}"), &e).with_phase(Phase::Listen)
                })?;
                found.collect()
            }
        },
    };
    let mut last = Error::new(Kind::Dns, format!("listen tcp: lookup {host}: no such host"));
    for a in candidates {
        match bind_one(&a, reuse_port) {
            Ok(l) => return Ok(l),
            Err((what, e)) => last = fail(what, &e),
        }
    }
    Err(last)
}

fn bind_one(
    addr: &SocketAddr,
    reuse_port: bool,
) -> std::result::Result<(OwnedFd, Address), (&'static str, std::io::Error)> {
    let socket = sys::socket(addr, true).map_err(|e| ("socket", e))?;
    let fd = socket.as_raw_fd();
    sys::set_reuse_addr(fd).map_err(|e| ("setsockopt", e))?;
    if reuse_port {
        sys::set_reuse_port(fd).map_err(|e| ("setsockopt", e))?;
    }
    if addr.is_ipv6() {
        let _ = sys::set_v6_only(fd, !addr.ip().is_unspecified());
    }
    sys::bind(fd, addr).map_err(|e| ("bind", e))?;
    sys::listen(fd, sys::BACKLOG).map_err(|e| ("listen", e))?;
    let addr = sys::getsockname(fd).map_err(|e| ("getsockname", e))?;
    Ok((socket, addr))
}

fn bind_unix(path: &[u8]) -> Result<(OwnedFd, Address, Option<SocketFile>)> {
    let shown = String::from_utf8_lossy(path);
    let fail = |what: &str, e: &std::io::Error| {
        Error::io(Kind::Connect, format!("listen unix {shown}: {what}"), e).with_phase(Phase::Listen)
    };
    let socket = sys::unix_socket().map_err(|e| fail("socket", &e))?;
    let fd = socket.as_raw_fd();
    sys::bind_unix(fd, path).map_err(|e| match e.raw_os_error() {
        Some(sys::EINVAL) => invalid(format!("listen unix {shown}: the path is empty or too long")),
        _ => fail("bind", &e),
    })?;
    let file = match path.first() {
        Some(b'@') => None,
        _ => {
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            // The directory may be left; the file is the same.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            Some(SocketFile::new(path).map_err(|e| fail("stat", &e))?)
        }
    };
    sys::listen(fd, sys::BACKLOG).map_err(|e| fail("listen", &e))?;
    let addr = sys::getsockname(fd).map_err(|e| fail("getsockname", &e))?;
    Ok((socket, addr, file))
}

//! `Dials`: the threads that dial, started when needed, bounded, owned by the pool.

use super::conn::{self, PersistConn};
use super::dial_stream::DialStream;
use super::h2::H2Conn;
use super::hooks::{CustomProtocol, Protocol};
use super::pool::{Checkout, IDLE_THREAD, PoolCore};
use super::proxy::{Proxy, ProxyScheme};
use super::route::Route;
use super::settings::TransportSettings;
use super::timing::DialTimes;
use super::waiter::Waiter;
use super::{socks, tunnel};
use crate::error::{Error, Kind, Phase, Result};
use crate::log::{self, Level};
use crate::message::trace::TraceStep;
use crate::net::addr::join_host_port;
use crate::net::cancel::canceled;
use crate::net::dial::{DialObserver, Dialed, Dialer, endpoints_text};
use crate::net::tls::PeerKind;
use crate::thread_pool::{Jobs, ThreadPool};
use std::ffi::CStr;
use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// MAX_DIALS bounds the dials that go on at once; more wait in line.
const MAX_DIALS: usize = 128;
/// TUNNEL bounds what a proxy takes to open a way; Go's.
const TUNNEL: Duration = Duration::from_secs(60);

pub(super) struct Dials {
    threads: ThreadPool<DialJob>,
    dialer: Dialer,
}

struct DialJob {
    route: Route,
    waiter: Arc<Waiter>,
}

impl Default for Dials {
    fn default() -> Dials {
        Dials { threads: ThreadPool::new("nh-dial", MAX_DIALS), dialer: Dialer::default() }
    }
}

impl Dials {
    /// start queues a dial whose outcome goes to `Shared::deliver_dial`.
    pub(super) fn start(
        &self,
        shared: &Arc<PoolCore>,
        route: &Route,
        waiter: &Arc<Waiter>,
    ) -> io::Result<()> {
        let job = DialJob { route: route.clone(), waiter: waiter.clone() };
        let pool = shared.clone();
        self.threads.submit(job, move |jobs| pool.dials.run(&pool, jobs)).or_else(|refused| {
            // Where no further thread is to be had the others come to it, if there are any.
            self.threads.enqueue(refused.job).map_err(|_| refused.error)
        })
    }

    pub(super) fn close(&self) {
        self.threads.close();
    }

    pub(super) fn join(&self) {
        self.threads.join();
    }

    fn run(&self, shared: &Arc<PoolCore>, mut jobs: Jobs<DialJob>) {
        while let Some(job) = jobs.next(IDLE_THREAD) {
            // Somebody waits for an outcome, whatever happens here.
            let result = catch_unwind(AssertUnwindSafe(|| self.dial(shared, &job)))
                .unwrap_or_else(|_| Err(Error::new(Kind::Panic, "nethttp: internal error in a dial")));
            log::emit(Level::Info, || match &result {
                Ok(_) => format!("nethttp: connection to {} made", job.route.address()),
                Err(e) => format!("nethttp: connection to {} failed: {}", job.route.address(), e.message()),
            });
            shared.deliver_dial(&job.route, &job.waiter, result);
        }
    }

    fn dial(&self, shared: &Arc<PoolCore>, job: &DialJob) -> Result<Checkout> {
        if !job.waiter.is_waiting() {
            return Err(Error::new(Kind::Canceled, "nobody waits for this dial any more"));
        }
        let settings = shared.settings();
        let route = &job.route;
        let (server, proxy) = (&route.server, route.proxy.as_deref());
        let observer = |step| {
            if let Some(log) = &job.waiter.dial_log {
                log.add(step);
            }
        };
        let dialed = self.connect(shared, job, &settings, &observer);
        let dialed = if proxy.is_some() { dialed.map_err(proxy_error)? } else { dialed? };
        conn::prepare_socket(dialed.fd.as_raw_fd()).map_err(|e| {
            Error::io(Kind::Connect, format!("dial {}", endpoints_text(dialed.local, dialed.remote)), &e)
        })?;
        let registered = shared.closing.register_socket(dialed.fd.as_raw_fd()).ok_or_else(canceled)?;
        let handshake = || settings.tls_handshake.map(|d| Instant::now() + d);
        let mut line = DialStream { dialed: &dialed, tls: None };
        if let Some(proxy) = proxy {
            if let (ProxyScheme::Https, Some(identity)) = (proxy.scheme, &route.tls) {
                line.secure(identity, PeerKind::Proxy, &proxy.host, handshake()).map_err(proxy_error)?;
            }
            open_tunnel(&mut line, route, proxy, &settings)?;
        }
        let mut times = DialTimes { resolve: dialed.resolve, connect: dialed.connect, tls: None };
        let mut info = None;
        if let ("https", Some(identity)) = (server.scheme.as_str(), &route.tls) {
            let started = Instant::now();
            observer(TraceStep::TlsStart);
            let agreed = line.secure(identity, PeerKind::Server, &server.host, handshake());
            observer(TraceStep::TlsDone(agreed.clone()));
            info = Some(agreed?);
            times.tls = Some(started.elapsed());
        }
        let tls = line.tls;
        drop(registered);
        let alpn = info.as_ref().and_then(|i| i.alpn.as_deref()).map(CStr::to_bytes).unwrap_or_default();
        let protocol = route.hooks.as_ref().and_then(|h| h.protocols.get(alpn)).cloned();
        let (protocols, http2) = {
            let way = shared.dial_config.read().unwrap_or_else(PoisonError::into_inner);
            (way.protocols, way.http2.clone())
        };
        let multiplexed = route.prior || alpn == b"h2";
        if info.is_some() && protocols.only_http2() && !multiplexed && protocol.is_none() {
            let alpn = String::from_utf8_lossy(alpn);
            let text = format!("http2: unexpected ALPN protocol {alpn:?}; want \"h2\"");
            return Err(Error::new(Kind::Protocol, text).with_phase(Phase::TlsHandshake));
        }
        let mut conn = Box::new(PersistConn::new(shared.clone(), route.clone(), dialed, tls, info));
        conn.times = Some(times);
        match protocol {
            None if multiplexed => {
                let made = H2Conn::new(conn, http2);
                made.reserve().map(Checkout::Shared).ok_or_else(canceled)
            }
            None => Ok(Checkout::Own(conn)),
            Some(protocol) => hand_to_protocol(route, conn, &*protocol).map(Checkout::Custom),
        }
    }

    /// connect gives a socket, the program's own way if it has one.
    fn connect(
        &self,
        shared: &Arc<PoolCore>,
        job: &DialJob,
        settings: &TransportSettings,
        observer: DialObserver<'_>,
    ) -> Result<Dialed> {
        let route = &job.route;
        let (host, port) = match route.proxy.as_deref() {
            Some(p) => (&p.host, p.port),
            None => (&route.server.host, route.server.port),
        };
        let Some(own) = route.dial_hook() else {
            let deadline = settings.dial.map(|d| Instant::now() + d);
            return self.dialer.dial(host, port, deadline, &shared.closing, &job.waiter.abandoned, observer);
        };
        let started = Instant::now();
        let fd = own.dial(host, port, settings.dial).map_err(|e| e.with_phase(Phase::Connect))?;
        Dialed::adopt(fd, started.elapsed()).map_err(|e| {
            let what = "nethttp: what the dial callback gave is no connected stream socket";
            Error::io(Kind::Invalid, what, &e).with_phase(Phase::Connect)
        })
    }
}

/// open_tunnel asks a proxy for the way to the server, if it is not to forward requests.
fn open_tunnel(
    line: &mut DialStream<'_>,
    route: &Route,
    proxy: &Proxy,
    settings: &TransportSettings,
) -> Result<()> {
    let until = Some(Instant::now() + TUNNEL);
    let server = &route.server;
    match &route.headers {
        Some(headers) => {
            let auth = proxy.authorization();
            let hook = route.hooks.as_ref().and_then(|h| h.tunnel.as_ref());
            tunnel::connect(line, server, auth.as_deref(), headers, hook, settings.max_head_bytes, until)
        }
        None if proxy.scheme == ProxyScheme::Socks5 => socks::connect(line, proxy, server, until),
        None => Ok(()),
    }
}

/// hand_to_protocol gives a connection to who speaks the protocol that was agreed on there.
fn hand_to_protocol(
    route: &Route,
    conn: Box<PersistConn>,
    protocol: &dyn Protocol,
) -> Result<Arc<CustomProtocol>> {
    let authority = join_host_port(&route.server.host, route.server.port);
    let duplex =
        conn.into_duplex().map_err(|e| Error::io(Kind::NoResources, "dup", &e).with_phase(Phase::Connect))?;
    let round_tripper = protocol.take(&authority, duplex).map_err(|e| e.with_phase(Phase::Connect))?;
    Ok(Arc::new(CustomProtocol { round_tripper, route: route.clone() }))
}

/// proxy_error says of a failure that it lies between here and the proxy, in Go's words.
fn proxy_error(e: Error) -> Error {
    let kind = match e.kind() {
        kind @ (Kind::Timeout | Kind::Canceled | Kind::NoResources | Kind::Panic) => kind,
        _ => Kind::Proxy,
    };
    let text = format!("proxyconnect tcp: {}", e.message());
    Error::new(kind, text).with_phase(Phase::Proxy).with_cause(e)
}

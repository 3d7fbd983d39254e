//! The transport: one request, one response, over pooled connections; Go's `Transport.RoundTrip`.
//!
//! * [`settings`]: limits and timeouts.
//! * `pool`, `get_conn`, `dialer`, `sweep`: idle connections, who waits for one, the threads that dial and tidy up.
//! * `route`: the pool's key. `dial_stream`, `tunnel`, `socks`: from a connected socket to the server.
//! * [`proxy`], `environment`: which proxy a request goes by.
//! * `conn`: a connection with its read buffer.
//! * `head`, `request_writer`, `exchange`, `response_head`, `retry`: the request out and the answer's head in.
//! * `h2`, `pool_http2`: connections of HTTP/2, and how the pool hands out places on them. [`protocols`]: what is spoken.
//! * `response`, `body`, `buffered_body`, `gunzip`: the answer and its body. `write`: messages for any stream.
//! * [`round_tripper`]: who answers in the transport's place. `hooks`: the program's part in a dial. `client_conn`: one connection alone.

// Connections are boxed once and move through the pool as one word.
#![allow(clippy::vec_box)]

mod body;
mod buffered_body;
mod client_conn;
mod conn;
mod dial_stream;
mod dialer;
mod drain;
mod environment;
mod exchange;
mod get_conn;
mod gunzip;
mod h2;
mod head;
mod hooks;
mod pool;
mod pool_http2;
mod protocols;
pub mod proxy;
mod request_writer;
mod response;
mod response_head;
mod retry;
mod round_tripper;
mod route;
pub mod settings;
mod socks;
mod sweep;
mod timing;
mod trace;
mod tunnel;
mod waiter;
mod write;

use crate::error::{Error, Kind, Phase, Result, invalid};
use crate::h2::Options;
use crate::log::{self, Level};
use crate::message::endpoint::Endpoint;
use crate::message::header::Header;
use crate::message::protocols::Protocols;
use crate::message::request::Request;
use crate::message::trace::TraceStep;
use crate::net::cancel::{CancelToken, canceled};
use crate::net::tls;
use crate::sync::lock;
pub(crate) use body::READING_BODY;
pub use client_conn::{ClientConn, ConnWatcher};
pub(crate) use exchange::AWAITING_HEADERS;
use exchange::{Retry, RoundTripCall};
pub use gunzip::decode_response as undo_gzip;
use head::BodyLength;
pub use hooks::{Dial, Protocol, Tunnel};
use pool::{Checkout, DialConfig, Pool};
use proxy::ProxyRule;
use request_writer::RequestWriter;
pub use response::{ReadBody, Response, read_when_closed};
use retry::RefusalBackoff;
pub use round_tripper::{RoundTripResult, RoundTripper};
use route::Route;
use settings::TransportSettings;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::time::{Duration, Instant};
pub use timing::{DialTimes, Timing};
use trace::Tracer;
pub use write::{write_request, write_response};

/// MAX_SKIPS bounds how many connections of a protocol of the program's may refuse one request.
const MAX_SKIPS: usize = 4;

/// Transport serves any number of threads. Dropping it closes what is idle; exchanges in flight go on.
pub struct Transport(Pool);

/// Stats are the pool's numbers at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that wait for a request.
    pub idle: usize,
    /// Connections made so far.
    pub dialed: usize,
    /// Requests so far that went over a connection that was there.
    pub reused: usize,
}

impl Default for Transport {
    fn default() -> Transport {
        let t = Transport(Pool(Arc::default()));
        // The environment was read, and may say that there is no proxy.
        t.change_dial_config(DialConfig::ready_tls);
        t
    }
}

impl Transport {
    pub fn settings(&self) -> TransportSettings {
        *self.0.0.settings()
    }

    /// overall is the time that a request has which sets none itself.
    pub fn overall(&self) -> Option<Duration> {
        self.0.0.settings.with(|s| s.overall)
    }

    /// configure changes settings for the exchanges to come.
    pub fn configure(&self, change: impl FnOnce(&mut TransportSettings)) {
        self.0.0.settings.change(change);
    }

    /// register has a round-tripper answer the requests to URLs of that scheme; one that has one already is refused.
    pub fn register(&self, scheme: &str, round_tripper: &Arc<dyn RoundTripper>) -> Result<()> {
        self.0.0.schemes.register(scheme, round_tripper)
    }

    /// clone_settings is a transport with the same settings and no connections (Go's `Transport.Clone`).
    pub fn clone_settings(&self) -> Transport {
        let new = Transport::default();
        new.configure(|s| *s = self.settings());
        let way = self.dial_config().clone();
        new.change_dial_config(|w| *w = way);
        new.0.0.schemes.copy_from(&self.0.0.schemes);
        new
    }

    /// set_tls is for the requests to come; connections that were made by other settings carry no more of them.
    pub fn set_tls(&self, settings: tls::TlsSettings) {
        self.change_dial_config(|w| {
            w.tls_settings = settings;
            w.ready_tls();
        });
        self.abandon_connections();
    }

    /// set_protocols is for the connections to come; those that there are carry no more requests.
    pub fn set_protocols(&self, protocols: Protocols) {
        self.change_dial_config(|w| {
            w.protocols = protocols;
            w.ready_tls();
        });
        self.abandon_connections();
    }

    /// change_http2 is for the connections to come; those that there are carry no more requests.
    pub fn change_http2(&self, change: impl FnOnce(&mut Options)) {
        self.change_dial_config(|w| {
            let mut http2 = Options::clone(&w.http2);
            change(&mut http2);
            w.http2 = Arc::new(http2);
        });
        self.abandon_connections();
    }

    /// set_proxy is for the requests to come.
    pub fn set_proxy(&self, rule: ProxyRule) {
        self.change_dial_config(|w| w.rule = rule);
    }

    /// change_proxy_headers is for the tunnels to come; those that were asked for otherwise serve no more requests.
    pub fn change_proxy_headers(&self, change: impl FnOnce(&mut Header) -> Result<()>) -> Result<()> {
        let mut result = Ok(());
        self.change_dial_config(|w| {
            let mut headers = Header::clone(&w.headers);
            result = change(&mut headers);
            if result.is_ok() {
                w.headers = Arc::new(headers);
            }
        });
        result?;
        self.abandon_connections();
        Ok(())
    }

    /// set_dial has the program make the connections to come; `None` goes back to the library's own way.
    pub fn set_dial(&self, dial: Option<Arc<dyn Dial>>) {
        self.change_hooks(|h| h.dial = dial);
    }

    /// set_dial_tls is [`Transport::set_dial`] for `https` without a proxy.
    pub fn set_dial_tls(&self, dial: Option<Arc<dyn Dial>>) {
        self.change_hooks(|h| h.dial_tls = dial);
    }

    /// set_tunnel is for the tunnels to come.
    pub fn set_tunnel(&self, tunnel: Option<Arc<dyn Tunnel>>) {
        self.change_hooks(|h| h.tunnel = tunnel);
    }

    /// set_protocol gives connections on which a protocol was agreed to whom speaks it, or not any more.
    pub fn set_protocol(&self, alpn: &[u8], protocol: Option<Arc<dyn Protocol>>) {
        self.change_hooks(|h| match protocol {
            Some(p) => drop(h.protocols.insert(alpn.to_vec(), p)),
            None => drop(h.protocols.remove(alpn)),
        });
    }

    fn change_hooks(&self, change: impl FnOnce(&mut hooks::DialHooks)) {
        self.change_dial_config(|w| {
            let mut hooks = w.hooks.as_deref().cloned().unwrap_or_default();
            change(&mut hooks);
            w.hooks = Some(Arc::new(hooks));
            w.ready_tls();
        });
        self.abandon_connections();
    }

    /// abandon_connections has further requests go over new connections.
    fn abandon_connections(&self) {
        self.close_idle();
        self.0.0.close_shared(true);
    }

    fn dial_config(&self) -> RwLockReadGuard<'_, DialConfig> {
        self.0.0.dial_config.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_dial_config(&self, change: impl FnOnce(&mut DialConfig)) {
        let old = {
            let mut way = self.0.0.dial_config.write().unwrap_or_else(PoisonError::into_inner);
            let old = way.clone();
            change(&mut way);
            let plain = way.hooks.is_none() && !way.protocols.prior();
            self.0.0.direct.store(matches!(way.rule, ProxyRule::Direct) && plain, Release);
            old
        };
        // What was replaced may end userdata of the program's: not under the lock.
        drop(old);
    }

    /// route reads under the lock, since clones of what all threads share would have them fight for its counts;
    /// but the program's callback is not called under it.
    fn route(&self, target: &Endpoint, http1: bool) -> Result<Route> {
        if target.origin.scheme == "http" && self.0.0.direct.load(Acquire) {
            return Ok(Route::direct(&target.origin));
        }
        let mut way = self.dial_config();
        let proxy = match &way.rule {
            ProxyRule::Program(own) => {
                let own = own.clone();
                drop(way);
                let chosen = own.choose(&target.display).map(|p| p.map(Arc::new));
                way = self.dial_config();
                chosen
            }
            rule => rule.proxy_for(&target.origin),
        };
        let proxy = proxy.map_err(|e| e.with_phase(Phase::Proxy))?;
        let http1 = http1 && way.protocols.has(Protocols::HTTP1);
        let identity = || if http1 { way.tls_http1.clone() } else { way.tls.clone() };
        let route = Route::new(&target.origin, proxy, identity, &way.headers, way.hooks.as_ref());
        Ok(route.with_prior(way.protocols.prior()))
    }

    pub fn stats(&self) -> Stats {
        let shared = self.0.0.all_shared().iter().filter(|c| c.is_idle()).count();
        let state = lock(&self.0.0.state);
        let dialed = self.0.0.counters.dialed.load(Relaxed);
        Stats { idle: state.idle + shared, dialed, reused: state.reused }
    }

    pub fn close_idle(&self) {
        self.0.0.close_idle();
    }

    /// round_trip sends the request and answers when the head of the final response is there. The request is
    /// not changed, but for its body source, which is on loan until it was sent or the response is closed.
    pub fn round_trip(
        &self,
        r: &Request,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<Box<Response>> {
        let started = Instant::now();
        let target = r.endpoint.as_deref().ok_or_else(|| invalid("http: nil Request.URL"))?;
        if let Some(round_tripper) = self.0.0.schemes.get(&target.origin.scheme)
            && let RoundTripResult::Response(response) = round_tripper.round_trip(r, overall, cancel)?
        {
            return Ok(response);
        }
        head::check_scheme(target)?;
        let route = self.route(target, head::needs_http1(r))?;
        self.send_over(&route, r, target, started, overall, cancel)
    }

    /// send_over makes the exchange over a connection of that route.
    fn send_over(
        &self,
        route: &Route,
        r: &Request,
        target: &Endpoint,
        started: Instant,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<Box<Response>> {
        let shared = &self.0.0;
        let call =
            RoundTripCall { request: r, pool: shared, settings: shared.settings(), overall, cancel, started };
        let settings = &*call.settings;
        let length = head::length_of(r)?;
        let asks = settings.compression && gunzip::is_wanted(r, head::method_of(r));
        let forwarder = route.forwarder();
        let auth = forwarder.and_then(|p| p.authorization());
        let how = head::HeadOptions {
            length,
            absolute_form: forwarder.is_some(),
            proxy_auth: auth.as_deref(),
            gzip: asks,
            keep_alives: settings.keep_alives,
        };
        let write = || head::write(r, target, &how);
        // What is wrong with a request is found before anything is dialed. It is written again for another try.
        let mut written = Some(write()?);
        let held = head::expects_continue(r, length) && !settings.expect_continue.is_zero();
        if cancel.is_some_and(CancelToken::is_fired) {
            return Err(canceled().with_phase(Phase::Prepare));
        }
        let (mut skips, mut refusals, mut now) = (0, RefusalBackoff::default(), started);
        loop {
            let tracer = Tracer::new(r, started);
            tracer.report(|| TraceStep::GetConn(route.address()));
            let link = shared.get(route, settings, overall, cancel, &tracer, now)?;
            let conn = match link {
                Checkout::Own(conn) => conn,
                Checkout::Shared(lease) => {
                    tracer.report(|| lease.trace_step());
                    let reused = lease.reused;
                    log_reuse(reused, route);
                    let writer =
                        request_writer(written.take().map_or_else(write, Ok)?, r, length, held, settings)?;
                    match h2::run(lease, &call, writer, tracer, now) {
                        Ok(response) if asks => {
                            return Ok(gunzip::decode_response(response, settings.max_decompressed));
                        }
                        Ok(response) => return Ok(response),
                        Err(f) if !shared.is_single() && retry::should_retry(r, &f, reused) => {
                            if f.retry == Retry::Refused {
                                refusals.back_off(f, overall, cancel)?;
                            }
                            now = Instant::now();
                        }
                        Err(f) => return Err(retry::retry_error(r, reused, f)),
                    }
                    continue;
                }
                Checkout::Custom(custom) => match custom.round_tripper.round_trip(r, overall, cancel)? {
                    RoundTripResult::Response(response) => return Ok(response),
                    // It takes no more: another one is made.
                    RoundTripResult::Skip => {
                        shared.retire(&custom);
                        skips += 1;
                        if skips == MAX_SKIPS {
                            let text = "nethttp: the connections of the server's protocol take no requests";
                            return Err(Error::new(Kind::Protocol, text));
                        }
                        continue;
                    }
                },
            };
            let reused = conn.reused;
            log_reuse(reused, route);
            tracer.report(|| conn.trace_step());
            let head = written.take().map_or_else(write, Ok)?;
            log::head('>', &head);
            let writer = match request_writer(head, r, length, held, settings) {
                Ok(u) => u,
                Err(e) => {
                    // The connection is as it was.
                    let _ = shared.put_idle(conn);
                    return Err(e);
                }
            };
            match exchange::run(conn, &call, writer, tracer, now) {
                Ok(response) if asks => {
                    return Ok(gunzip::decode_response(response, settings.max_decompressed));
                }
                Ok(response) => return Ok(response),
                Err(f) if !shared.is_single() && retry::should_retry(r, &f, reused) => now = Instant::now(),
                Err(f) => return Err(retry::retry_error(r, reused, f)),
            }
        }
    }
}

fn request_writer(
    head: Vec<u8>,
    r: &Request,
    length: BodyLength,
    held: bool,
    settings: &TransportSettings,
) -> Result<RequestWriter> {
    let made = RequestWriter::new(head, &r.body, length, &r.trailer, held, settings.write_buffer);
    made.map_err(|e| e.with_phase(Phase::Prepare))
}

fn log_reuse(reused: bool, route: &Route) {
    if reused {
        log::emit(Level::Info, || format!("nethttp: connection to {} reused", route.address()));
    }
}

//! The transport: one request, one response, over pooled connections; Go's `Transport.RoundTrip`.
//!
//! * [`settings`]: limits and timeouts.
//! * `pool`, `dialer`, `sweep`: idle connections, who waits for one, the threads that dial and tidy up.
//! * `route`: the pool's key. `line`, `tunnel`, `socks`: from a connected socket to the server.
//! * [`proxy`], `environment`: which proxy a request goes by.
//! * `conn`: a connection with its read buffer.
//! * `head`, `upload`, `exchange`: the request out and the answer's head in.
//! * `body`, `gunzip`: the answer's body.
//! * [`tripper`]: who answers in the transport's place.

// Connections are boxed once and move through the pool as one word.
#![allow(clippy::vec_box)]

mod body;
mod conn;
mod dialer;
mod environment;
mod exchange;
mod gunzip;
mod head;
mod line;
mod pool;
pub mod proxy;
mod route;
pub mod settings;
mod socks;
mod sweep;
mod tell;
mod timing;
mod tripper;
mod tunnel;
mod upload;

use crate::error::{Error, Kind, Phase, Result, invalid};
use crate::h1::{ResponseFacts, StatusLine};
use crate::message::header::Header;
use crate::message::outbound::Target;
use crate::message::request::{Body, Request};
use crate::message::trace::Step;
use crate::net::cancel::{CancelToken, canceled};
use crate::net::tls;
use body::Reader;
use exchange::{Call, Failure, Retry};
use pool::{Pool, Way, lock};
use proxy::Rule;
use route::Route;
use settings::Settings;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::time::Instant;
use tell::Teller;
pub use timing::{DialTimes, Timing};
pub use tripper::{RoundTripper, Tripped};
use upload::Upload;

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

/// Response is a final answer; its body is read by pull.
pub struct Response {
    pub header: Header,
    pub line: StatusLine,
    /// -1 is unknown.
    pub content_length: i64,
    pub chunked: bool,
    /// The body came in gzip, which was asked for and is undone here.
    pub uncompressed: bool,
    /// The connection ends with this answer.
    pub close: bool,
    /// Whole once the body has been read to its end.
    pub trailer: Header,
    /// None where the response came over no connection of the library's.
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    /// `None` without TLS.
    pub tls: Option<Arc<tls::Info>>,
    /// Where the time went, if it came over the network.
    pub timing: Option<Timing>,
    body: ResponseBody,
}

/// ReadBody is a response's body from where it comes, or decoded on its way.
pub trait ReadBody: Send {
    /// read is `Ok(0)` at the end; data comes before its error, and an error stays.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize>;
    /// take_trailer is what came behind the body, once after `read` has answered `Ok(0)`.
    fn take_trailer(&mut self) -> Option<Header>;
    /// close ends the exchange; reads fail from then on.
    fn close(&mut self);
}

/// ResponseBody spares the common case, straight from a pooled connection, an allocation.
#[allow(clippy::large_enum_variant)]
enum ResponseBody {
    Conn(Reader),
    Other(Box<dyn ReadBody>),
}

impl ResponseBody {
    fn get(&mut self) -> &mut dyn ReadBody {
        match self {
            ResponseBody::Conn(r) => r,
            ResponseBody::Other(b) => &mut **b,
        }
    }
}

impl Response {
    /// read_body is `Ok(0)` at the end; an error stays.
    pub fn read_body(&mut self, buf: &mut [u8]) -> Result<usize> {
        let body = self.body.get();
        let n = body.read(buf)?;
        if let Some(t) = body.take_trailer() {
            self.trailer = t;
        }
        if n == 0
            && let Some(t) = &mut self.timing
        {
            t.ended.get_or_insert_with(Instant::now);
        }
        Ok(n)
    }

    /// close_body ends the exchange and gives the connection back if that costs little.
    pub fn close_body(&mut self) {
        self.body.get().close();
    }

    /// from_parts is a response that did not come over a connection of the library's.
    pub fn from_parts(
        header: Header,
        line: StatusLine,
        facts: ResponseFacts,
        body: Box<dyn ReadBody>,
    ) -> Response {
        Response {
            header,
            line,
            content_length: facts.content_length,
            chunked: facts.chunked,
            uncompressed: false,
            close: !facts.keep_alive,
            trailer: Header::new(),
            remote: None,
            local: None,
            tls: None,
            timing: None,
            body: ResponseBody::Other(body),
        }
    }

    /// set_body puts another body in the place of this one, which the caller has closed.
    pub fn set_body(&mut self, body: Box<dyn ReadBody>) {
        self.body = ResponseBody::Other(body);
    }

    /// map_body puts a decoder, or another source, around or in the place of the body.
    pub fn map_body(self, wrap: impl FnOnce(Box<dyn ReadBody>) -> Box<dyn ReadBody>) -> Response {
        let body: Box<dyn ReadBody> = match self.body {
            ResponseBody::Conn(r) => Box::new(r),
            ResponseBody::Other(b) => b,
        };
        Response { body: ResponseBody::Other(wrap(body)), ..self }
    }
}

impl Default for Transport {
    fn default() -> Transport {
        Transport(Pool(std::sync::Arc::default()))
    }
}

impl Transport {
    pub fn settings(&self) -> Settings {
        self.0.0.settings()
    }

    /// configure changes settings for the exchanges to come.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.0.0.settings.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// register has a round-tripper answer the requests to URLs of that scheme; one that has one already is refused.
    pub fn register(&self, scheme: &str, tripper: &Arc<dyn RoundTripper>) -> Result<()> {
        self.0.0.schemes.register(scheme, tripper)
    }

    /// fresh is a transport with the same settings and no connections (Go's `Transport.Clone`).
    pub fn fresh(&self) -> Transport {
        let new = Transport::default();
        new.configure(|s| *s = self.settings());
        let way = self.way().clone();
        new.change_way(|w| *w = way);
        new.0.0.schemes.copy_from(&self.0.0.schemes);
        new
    }

    /// set_tls is for the requests to come; connections that were made by other settings carry no more of them.
    pub fn set_tls(&self, settings: tls::Settings) {
        self.change_way(|w| w.tls = Arc::new(tls::Identity::new(settings)));
        self.close_idle();
    }

    /// set_proxy is for the requests to come.
    pub fn set_proxy(&self, rule: Rule) {
        self.change_way(|w| w.rule = rule);
    }

    /// change_proxy_headers is for the tunnels to come; those that were asked for otherwise serve no more requests.
    pub fn change_proxy_headers(&self, change: impl FnOnce(&mut Header) -> Result<()>) -> Result<()> {
        let mut result = Ok(());
        self.change_way(|w| {
            let mut headers = Header::clone(&w.headers);
            result = change(&mut headers);
            if result.is_ok() {
                w.headers = Arc::new(headers);
            }
        });
        result?;
        self.close_idle();
        Ok(())
    }

    fn way(&self) -> RwLockReadGuard<'_, Way> {
        self.0.0.way.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_way(&self, change: impl FnOnce(&mut Way)) {
        let old = {
            let mut way = self.0.0.way.write().unwrap_or_else(PoisonError::into_inner);
            let old = way.clone();
            change(&mut way);
            old
        };
        // What was replaced may end userdata of the program's: not under the lock.
        drop(old);
    }

    /// route reads under the lock, since clones of what all threads share would have them fight for its counts;
    /// but the program's callback is not called under it.
    fn route(&self, target: &Target) -> Result<Route> {
        let mut way = self.way();
        let proxy = match &way.rule {
            Rule::Program(own) => {
                let own = own.clone();
                drop(way);
                let chosen = own.choose(&target.display).map(|p| p.map(Arc::new));
                way = self.way();
                chosen
            }
            rule => rule.proxy_for(&target.key),
        };
        let proxy = proxy.map_err(|e| e.with_phase(Phase::Proxy))?;
        Ok(Route::new(&target.key, proxy, || way.tls.clone(), &way.headers))
    }

    pub fn stats(&self) -> Stats {
        let idle = lock(&self.0.0.state).idle;
        let c = &self.0.0.counters;
        Stats { idle, dialed: c.dialed.load(Relaxed), reused: c.reused.load(Relaxed) }
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
    ) -> Result<Response> {
        let started = Instant::now();
        let settings = self.settings();
        let target = r.outbound.as_deref().ok_or_else(|| invalid("http: nil Request.URL"))?;
        if let Some(tripper) = self.0.0.schemes.get(&target.key.scheme)
            && let Tripped::Answer(response) = tripper.round_trip(r, overall, cancel)?
        {
            return Ok(response);
        }
        head::check_scheme(target)?;
        let length = head::length_of(r)?;
        let route = self.route(target)?;
        let forwarder = route.forwarder();
        let auth = forwarder.and_then(|p| p.authorization());
        let head = head::write(r, target, length, &settings, forwarder.is_some(), auth.as_deref())?;
        let asks = settings.compression && gunzip::is_wanted(r, head::method_of(r));
        let held = head::expects_continue(r, length) && !settings.expect_continue.is_zero();
        let call = Call { request: r, settings, overall, cancel, started };
        if cancel.is_some_and(CancelToken::is_fired) {
            return Err(canceled().with_phase(Phase::Prepare));
        }
        let shared = &self.0.0;
        loop {
            let teller = Teller::new(r, started);
            teller.tell(|| Step::GetConn(route.address()));
            let conn = shared.get(&route, &settings, overall, cancel, &teller)?;
            let reused = conn.reused;
            teller.tell(|| conn.got());
            let upload = match Upload::new(head.clone(), &r.body, length, &r.trailer, held) {
                Ok(u) => u,
                Err(e) => {
                    // The connection is as it was.
                    let _ = shared.put(conn);
                    return Err(e.with_phase(Phase::Prepare));
                }
            };
            crate::log::head('>', &head);
            match exchange::run(conn, &call, upload, teller) {
                Ok(response) if asks => return Ok(gunzip::undo(response, settings.max_decompressed)),
                Ok(response) => return Ok(response),
                Err(f) if reused && may_retry(r, &f) => {}
                Err(f) => return Err(cannot_rewind(r, reused, f)),
            }
        }
    }
}

/// write_request writes a request as it goes over the wire to `sink`, with no field that a transport adds for itself
/// (Go's `Request.Write`); `by_proxy` names the whole URL in its first line (`WriteProxy`).
pub fn write_request(r: &Request, by_proxy: bool, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let target = r.outbound.as_deref().ok_or_else(|| invalid("http: nil Request.URL"))?;
    let length = head::length_of(r)?;
    let settings = Settings { compression: false, ..Settings::default() };
    let head = head::write(r, target, length, &settings, by_proxy, None)?;
    Upload::new(head, &r.body, length, &r.trailer, false)?.write_to(sink)
}

/// may_retry is Go's `shouldRetryRequest`: the connection died of old age, and sending again is safe.
fn may_retry(r: &Request, f: &Failure) -> bool {
    let rewindable = match &r.body {
        Body::None | Body::Bytes(_) => true,
        Body::Source(s) => s.can_rewind(),
        Body::Incoming(_) => false,
    };
    match f.retry {
        Retry::No => false,
        Retry::NothingSent => rewindable || matches!(&r.body, Body::Source(_)),
        Retry::NoAnswer => rewindable && is_idempotent(r),
    }
}

fn is_idempotent(r: &Request) -> bool {
    matches!(head::method_of(r), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
        || r.header.contains(b"Idempotency-Key")
        || r.header.contains(b"X-Idempotency-Key")
}

/// cannot_rewind says so where only the body stood against another try.
fn cannot_rewind(r: &Request, reused: bool, f: Failure) -> Error {
    let spent = matches!(&r.body, Body::Source(s) if !s.can_rewind());
    if reused && spent && f.retry == Retry::NoAnswer && is_idempotent(r) {
        let text = "net/http: cannot rewind body after connection loss";
        return Error::new(Kind::BodySpent, text).with_cause(f.error);
    }
    f.error
}

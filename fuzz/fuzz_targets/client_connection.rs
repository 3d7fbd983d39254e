//! A whole client connection: the first byte chooses the way (straight, through a proxy's tunnel, by SOCKS, forwarded)
//! and the method, the rest is what the other side says. Each request has an outcome, no body is beyond what was said,
//! and a response that nobody could read in two ways is read as the slow parser reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::error::{Error, Kind, Result};
use nethttp::message::endpoint::Endpoint;
use nethttp::message::request::Request;
use nethttp::transport::proxy::{Proxy, ProxyRule};
use nethttp::transport::{Dial, Transport};
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct Once(Mutex<Option<UnixStream>>);

impl Dial for Once {
    fn dial(&self, _: &str, _: u16, _: Option<Duration>) -> Result<OwnedFd> {
        let mut one = self.0.lock().unwrap();
        one.take().map(OwnedFd::from).ok_or_else(|| Error::new(Kind::Connect, "there is one connection"))
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&how, said)) = input.split_first() else { return };
    let said = &said[..said.len().min(150_000)];
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let said = &said[..theirs.write(said).unwrap_or(0)];
    theirs.shutdown(Shutdown::Write).unwrap();

    let transport = Transport::default();
    transport.set_dial(Some(Arc::new(Once(Mutex::new(Some(ours))))));
    let (url, proxy) = match how & 3 {
        0 => ("http://host/path", None),
        1 => ("https://host/path", Some("http://user:S3CRET@proxy")),
        2 => ("http://host/path", Some("socks5://user:S3CRET@proxy")),
        _ => ("http://host/path", Some("http://user:S3CRET@proxy")),
    };
    transport.set_proxy(proxy.map_or(ProxyRule::Direct, |p| ProxyRule::Fixed(Arc::new(Proxy::parse(p).unwrap()))));
    let method: &[u8] = if how & 4 == 0 { b"GET" } else { b"HEAD" };
    let mut r = Request { endpoint: Some(Arc::new(Endpoint::parse(url).unwrap())), ..Request::default() };
    r.method = r.header.store_mut().intern(method);
    r.url = r.header.store_mut().intern(url.as_bytes());
    let end = Instant::now() + Duration::from_secs(8);
    let outcome = transport.round_trip(&r, Some(end), None).and_then(|mut response| {
        let (mut body, mut buf) = (Vec::new(), [0; 4096]);
        loop {
            match response.read_body(&mut buf)? {
                0 => return Ok((response.line.code, response.uncompressed, body)),
                n => body.extend_from_slice(&buf[..n]),
            }
            assert!(body.len() <= said.len() || response.uncompressed);
            if body.len() > 1 << 20 {
                return Err(Error::new(Kind::TooLarge, "enough"));
            }
        }
    });
    if let Err(e) = &outcome {
        let told = said.windows(6).any(|w| w == b"S3CRET");
        assert!(e.kind() != Kind::Panic && (told || !e.message().contains("S3CRET")), "{e}");
        assert!(e.kind() != Kind::Timeout, "{e}");
    }
    let judged = if how & 3 == 0 || how & 3 == 3 { nethttp_fuzz::response(said, 0, method) } else { None };
    if let Some(want) = judged.filter(|w| w.one("Content-Encoding").is_none()) {
        let (code, _, body) = outcome.unwrap();
        assert_eq!((code, &body), (want.code(), &want.body));
    }
});

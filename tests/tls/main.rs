//! The client over TLS, against rustls servers in this process.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod proxied;
#[path = "../scripted_server/mod.rs"]
mod scripted_server;
mod server;

use nethttp::client::Client;
use nethttp::error::{Error, Kind, Phase, Result};
use nethttp::message::endpoint::Endpoint;
use nethttp::message::request::{Request, RequestBody};
use nethttp::message::source::{Source, SourceSlot};
use nethttp::net::cancel::CancelToken;
use nethttp::net::tls::{TlsSettings, TlsVersion, Verify};
use nethttp::transport::Response;
use scripted_server::{Origin, head_of};
use server::{Authority, BOTH, Pair, accept, config, end, serve};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn request(method: &str, url: &str) -> Request {
    let mut r = Request { endpoint: Some(Arc::new(Endpoint::parse(url).unwrap())), ..Request::default() };
    r.method = r.header.store_mut().intern(method.as_bytes());
    r.url = r.header.store_mut().intern(url.as_bytes());
    r
}

fn client(s: TlsSettings) -> Client {
    let c = Client::default();
    c.transport.set_tls(s);
    c
}

fn body(r: &mut Response) -> Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0u8; 5000]);
    loop {
        match r.read_body(&mut buf)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

fn get(c: &Client, url: &str) -> Result<Vec<u8>> {
    body(&mut *c.send(&request("GET", url), None, None)?)
}

fn answer_all(s: &mut server::Stream) {
    while head_of(s).is_some() && s.write_all(OK).is_ok() && s.flush().is_ok() {}
}

#[test]
fn both_versions_tell_what_they_agreed_on() {
    let ca = Authority::new("ca");
    for (version, number) in [(&rustls::version::TLS12, 0x0303), (&rustls::version::TLS13, 0x0304)] {
        let (o, url) = serve(config(&ca.leaf(), &[version], None), |s, _| answer_all(s));
        let c = client(ca.trust());
        for i in 0..20 {
            let mut r = c.send(&request("GET", &url), None, None).unwrap();
            let info = r.tls.clone().unwrap();
            assert_eq!((info.version, info.alpn.as_deref()), (number, Some(c"http/1.1")));
            assert_eq!((info.server_name.as_c_str(), info.resumed), (c"127.0.0.1", false));
            assert_eq!(info.certificates.len(), 1);
            assert!(info.cipher_suite.to_bytes().starts_with(b"TLS_"), "{:?}", info.cipher_suite);
            let dial = r.timing.unwrap().dial;
            assert_eq!(dial.map(|d| d.tls.is_some()), (i == 0).then_some(true));
            assert_eq!(body(&mut r).unwrap(), b"ok", "{i}");
        }
        assert_eq!((o.accepted(), c.transport.stats().reused), (1, 19));
    }
    let (_o, url) = serve(config(&ca.leaf(), &[&rustls::version::TLS12], None), |s, _| answer_all(s));
    let e = get(&client(TlsSettings { min_version: TlsVersion::Tls13, ..ca.trust() }), &url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake), "{e}");
    assert_eq!(
        (e.tls_alert(), e.message().contains("remote error: tls: protocol version")),
        (Some(70), true)
    );
}

#[test]
fn certificates_that_will_not_do_in_gos_words() {
    let ca = Authority::new("ca");
    let past = ca.sign(&["127.0.0.1"], |p| p.not_after = rcgen::date_time_ymd(2020, 1, 2));
    let future = ca.sign(&["127.0.0.1"], |p| p.not_before = rcgen::date_time_ymd(2050, 1, 2));
    let other = ca.sign(&["a.example", "b.example"], |_| {});
    let stranger = Authority::new("another").leaf();
    let self_made = self_signed();
    let refused = |pair: &Pair, text: &str| {
        let (_o, url) = serve(config(pair, BOTH, None), |s, _| answer_all(s));
        let e = get(&client(ca.trust()), &url).unwrap_err();
        assert_eq!((e.kind(), e.phase(), e.is_timeout()), (Kind::Tls, Phase::TlsHandshake, false), "{e}");
        let want = format!("Get \"{url}\": tls: failed to verify certificate: x509: {text}");
        assert!(e.message().starts_with(&want), "{e}\n{want}");
        // Who does not look at certificates does not mind.
        let careless = TlsSettings { insecure: true, ..ca.trust() };
        assert_eq!(get(&client(careless), &url).unwrap(), b"ok");
        e.message().to_owned()
    };
    let text = refused(&past, "certificate has expired or is not yet valid: current time 20");
    assert!(text.ends_with(" is after 2020-01-02T00:00:00Z"), "{text}");
    let text = refused(&future, "certificate has expired or is not yet valid: current time 20");
    assert!(text.ends_with(" is before 2050-01-02T00:00:00Z"), "{text}");
    refused(&other, "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs");
    refused(&stranger, "certificate signed by unknown authority");
    refused(&self_made, "certificate signed by unknown authority");
    // A name of the program's choice is asked for and checked.
    let (_o, url) = serve(config(&other, BOTH, None), |s, _| answer_all(s));
    let named = |n: &str| client(TlsSettings { server_name: Some(n.into()), ..ca.trust() });
    assert_eq!(get(&named("b.example"), &url).unwrap(), b"ok");
    let e = get(&named("c.example"), &url).unwrap_err();
    assert!(e.message().ends_with("certificate is valid for a.example, b.example, not c.example"), "{e}");
    let e = get(&named("not a name"), &url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Invalid, Phase::TlsHandshake), "{e}");
}

fn self_signed() -> Pair {
    let mut p = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    p.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    Pair { certificate: p.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// What `openssl req -x509` makes says that it is an authority; as a root it is trusted as a server's, too.
#[test]
fn a_root_may_serve_itself() {
    let pair = self_signed();
    let (_o, url) = serve(config(&pair, BOTH, None), |s, _| answer_all(s));
    let mut s = TlsSettings { system_roots: false, ..TlsSettings::default() };
    assert!(get(&client(s.clone()), &url).unwrap_err().message().ends_with("signed by unknown authority"));
    s.add_roots(pair.certificate.as_bytes()).unwrap();
    assert_eq!(get(&client(s.clone()), &url).unwrap(), b"ok");
    let e = get(&client(TlsSettings { server_name: Some("a.example".into()), ..s }), &url).unwrap_err();
    assert!(
        e.message().contains("x509: certificate is not valid for any names, but wanted to match a.example"),
        "{e}"
    );
}

/// A server's own certificate as the only root: whoever has issued it, it is trusted for that server alone.
#[test]
fn a_leaf_as_a_root() {
    let ca = Authority::new("ca");
    let leaf = ca.leaf();
    let lone = |pem: &str| {
        let mut s = TlsSettings { system_roots: false, ..TlsSettings::default() };
        s.add_roots(pem.as_bytes()).unwrap();
        s
    };
    for version in BOTH {
        let (_o, url) = serve(config(&leaf, &[version], None), |s, _| answer_all(s));
        assert_eq!(get(&client(lone(&leaf.certificate)), &url).unwrap(), b"ok");
        let named = TlsSettings { server_name: Some("a.example".into()), ..lone(&leaf.certificate) };
        let e = get(&client(named), &url).unwrap_err();
        assert!(e.message().ends_with("x509: certificate is valid for localhost, not a.example"), "{e}");
        let e = get(&client(lone(&ca.leaf().certificate)), &url).unwrap_err();
        assert!(e.message().ends_with("x509: certificate signed by unknown authority"), "{e}");
    }
    // What was signed by a key that is no authority's.
    let printer = Authority::with("printer.lan", |p| p.is_ca = rcgen::IsCa::ExplicitNoCa);
    let (_o, url) = serve(config(&printer.leaf(), BOTH, None), |s, _| answer_all(s));
    let e = get(&client(printer.trust()), &url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake), "{e}");
    assert!(e.message().ends_with("x509: certificate signed by unknown authority"), "{e}");
}

/// webpki reads neither old versions nor critical policies; who trusts such a certificate itself has its key.
#[test]
fn certificates_that_webpki_does_not_read() {
    let ca = Authority::new("ca");
    let pair = ca.sign(&["127.0.0.1"], |p| {
        let mut e =
            rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 32], vec![0x30, 6, 0x30, 4, 6, 2, 0x2a, 3]);
        e.set_criticality(true);
        p.custom_extensions.push(e);
    });
    for version in BOTH {
        let (_o, url) = serve(config(&pair, &[version], None), |s, _| answer_all(s));
        let mut s = TlsSettings { system_roots: false, ..TlsSettings::default() };
        s.add_roots(pair.certificate.as_bytes()).unwrap();
        assert_eq!(get(&client(s.clone()), &url).unwrap(), b"ok");
        let e = get(&client(TlsSettings { server_name: Some("a.example".into()), ..s }), &url).unwrap_err();
        assert!(e.message().ends_with("is not valid for any names, but wanted to match a.example"), "{e}");
        assert_eq!(get(&client(TlsSettings { insecure: true, ..ca.trust() }), &url).unwrap(), b"ok");
    }
}

#[test]
fn keys_and_certificates_in_all_their_clothes() {
    let ca = Authority::new("ca");
    let pair = ca.leaf();
    let take = |c: &str, k: &str| TlsSettings::default().set_certificate(c.as_bytes(), k.as_bytes());
    let c = &pair.certificate;
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ODD PRIVATE KEY"] {
        take(c, &pair.key.replace("PRIVATE KEY", label)).unwrap();
    }
    take(&c.replace('\n', "\r\n"), &pair.key.replace('\n', "\r\n")).unwrap();
    take(&format!("Subject: x\n{c}more"), &format!("{c}{}", pair.key)).unwrap();
    take(&c.replacen("-----\n", "-----\nComment: x\n\n", 1), &pair.key).unwrap();
    take(&c.replacen("-----\n", "-----\t\n", 1), &pair.key).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let mut s = TlsSettings::default();
    s.add_roots(format!("{broken}{}{broken}", ca.pem).as_bytes()).unwrap();
    assert_eq!(s.roots.len(), 1);
}

/// Neither what a key's text says nor its bytes stand in an error, however they came to be where no key is looked for.
#[test]
fn errors_do_not_quote_secrets() {
    let pair = Authority::new("ca").leaf();
    let (c, k) = (&pair.certificate, &pair.key);
    let flat = format!("{c}{k}").replace('\n', "\\n");
    let secret = k.lines().nth(1).unwrap();
    let encrypted = k.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let truncated: String = k.chars().take(90).collect();
    for bad in [&flat, &truncated, &encrypted.replacen("MI", "MX", 1), &k.replace("-----\n", "-----")] {
        for e in [
            TlsSettings::default().add_roots(bad.as_bytes()),
            TlsSettings::default().add_client_roots(bad.as_bytes()),
            TlsSettings::default().set_certificate(bad.as_bytes(), k.as_bytes()),
            TlsSettings::default().add_certificate(c.as_bytes(), bad.as_bytes()),
        ] {
            let text = format!("{:?}", e.unwrap_err());
            assert!(!text.contains(&secret[..12]) && text.len() < 300, "{text}");
        }
    }
}

#[test]
fn malformed_settings_are_refused() {
    let mut s = TlsSettings::default();
    let ca = Authority::new("ca");
    let (a, b) = (ca.leaf(), ca.leaf());
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(s.add_roots(pem.as_bytes()).unwrap_err().kind(), Kind::Invalid, "{pem}");
    }
    assert!(s.roots.is_empty());
    let e = s.set_certificate(a.certificate.as_bytes(), b.key.as_bytes()).unwrap_err();
    assert_eq!(e.message(), "tls: private key does not match public key");
    assert_eq!(s.set_certificate(b"", a.key.as_bytes()).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(s.set_certificate(a.certificate.as_bytes(), b"x").unwrap_err().kind(), Kind::Invalid);
    s.set_certificate(a.certificate.as_bytes(), a.key.as_bytes()).unwrap();
}

#[test]
fn client_certificates() {
    let (ca, members) = (Authority::new("ca"), Authority::new("members"));
    for version in BOTH {
        let (_o, url) = serve(config(&ca.leaf(), &[version], Some(&members)), |s, _| {
            if head_of(s).is_some() {
                let name = format!("{}", s.conn.peer_certificates().unwrap().len());
                let _ = write!(s, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}");
                head_of(s);
            }
        });
        let mut s = ca.trust();
        let mine = members
            .sign(&["me"], |p| p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]);
        s.set_certificate(mine.certificate.as_bytes(), mine.key.as_bytes()).unwrap();
        assert_eq!(get(&client(s), &url).unwrap(), b"1");
        // Under TLS 1.3 the refusal comes when the request is on its way already.
        let e = get(&client(ca.trust()), &url).unwrap_err();
        assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake), "{e}");
        assert_eq!(e.tls_alert(), Some(116));
        assert!(e.message().ends_with("remote error: tls: certificate required"), "{e}");
    }
}

type Seen = (String, usize, Option<Kind>);

struct Own {
    answer: AtomicBool,
    seen: Mutex<Vec<Seen>>,
}

impl Verify for Own {
    fn verify(&self, name: &str, chain: &[&[u8]], verdict: Result<()>) -> Result<()> {
        let seen = (name.to_owned(), chain.len(), verdict.err().map(|e| e.kind()));
        self.seen.lock().unwrap().push(seen);
        match self.answer.load(SeqCst) {
            true => Ok(()),
            false => Err(Error::new(Kind::Tls, "my own reason")),
        }
    }
}

#[test]
fn the_programs_own_verification_has_the_last_word() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let (_o, url) = serve(config(&ca.leaf(), BOTH, None), |s, _| answer_all(s));
    let own = Arc::new(Own { answer: AtomicBool::new(true), seen: Mutex::default() });
    let with = |s: TlsSettings| client(TlsSettings { verify: Some(own.clone()), ..s });
    assert_eq!(get(&with(ca.trust()), &url).unwrap(), b"ok");
    assert_eq!(get(&with(other.trust()), &url).unwrap(), b"ok");
    own.answer.store(false, SeqCst);
    let e = get(&with(ca.trust()), &url).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake));
    assert!(e.message().ends_with(": my own reason"), "{e}");
    let name = || "127.0.0.1".to_owned();
    let want = vec![(name(), 1, None), (name(), 1, Some(Kind::Tls)), (name(), 1, None)];
    assert_eq!(*own.seen.lock().unwrap(), want);
}

#[test]
fn sessions_are_resumed_within_a_transport_only() {
    let ca = Authority::new("ca");
    for version in BOTH {
        let (o, url) = serve(config(&ca.leaf(), &[version], None), |s, _| answer_all(s));
        let c = client(ca.trust());
        let resumed = |c: &Client| {
            let mut r = c.send(&request("GET", &url), None, None).unwrap();
            body(&mut r).unwrap();
            let info = r.tls.clone().unwrap();
            assert_eq!(info.certificates.len(), 1);
            info.resumed
        };
        assert!(!resumed(&c));
        c.transport.close_idle();
        assert!(resumed(&c));
        assert!(!resumed(&client(ca.trust())));
        // Other settings are another identity.
        c.transport.set_tls(ca.trust());
        assert_eq!(c.transport.stats().idle, 0);
        assert!(!resumed(&c));
        assert_eq!(o.accepted(), 4);
    }
}

/// A connection that was in use while the settings changed is not used again by those that came after.
#[test]
fn a_connection_keeps_the_identity_it_was_made_with() {
    let ca = Authority::new("ca");
    // The body comes in chunks: the connection is the response's while the identity changes.
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let (o, url) = serve(config(&ca.leaf(), BOTH, None), |s, _| {
        while head_of(s).is_some() && s.write_all(CHUNKED).is_ok() && s.flush().is_ok() {}
    });
    let c = client(TlsSettings { insecure: true, ..TlsSettings::default() });
    let mut open = c.send(&request("GET", &url), None, None).unwrap();
    c.transport.set_tls(TlsSettings { system_roots: false, ..TlsSettings::default() });
    assert_eq!(body(&mut open).unwrap(), b"ok");
    assert_eq!(c.transport.stats().idle, 1);
    let e = get(&c, &url).unwrap_err();
    assert!(e.message().ends_with("certificate signed by unknown authority"), "{e}");
    assert_eq!(o.accepted(), 2);
}

#[test]
fn a_cut_is_told_from_an_end() {
    let ca = Authority::new("ca");
    let cfg = config(&ca.leaf(), BOTH, None);
    // What is sent, and whether close_notify follows: without a length only that makes it whole.
    for (answer, polite, whole) in [
        ("HTTP/1.1 200 OK\r\n\r\nabc", true, true),
        ("HTTP/1.1 200 OK\r\n\r\nabc", false, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", true, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, false),
        ("HTTP/1.1 200 OK\r\nContent-Le", true, false),
        ("", true, false),
        ("", false, false),
    ] {
        let (_o, url) = serve(cfg.clone(), move |s, _| {
            head_of(s);
            let _ = s.write_all(answer.as_bytes());
            let _ = s.flush();
            if polite {
                end(s);
            }
        });
        match get(&client(ca.trust()), &url) {
            Ok(b) => assert!(whole && b == b"abc", "{answer} {polite}"),
            Err(e) => assert!(!whole && e.kind() == Kind::UnexpectedEof, "{answer} {polite}: {e}"),
        }
    }
}

#[test]
fn a_handshake_cut_at_any_byte_is_an_error() {
    let ca = Authority::new("ca");
    for version in BOTH {
        let cfg = config(&ca.leaf(), &[version], None);
        // How long the server's flights are is learned by the first connection, which is not cut.
        let whole = Arc::new(AtomicUsize::new(0));
        let measure = {
            let (cfg, whole) = (cfg.clone(), whole.clone());
            Origin::serve(move |s, _| whole.store(relay(&cfg, s, usize::MAX), SeqCst))
        };
        let _ = client(ca.trust()).send(
            &request("GET", &measure.url.replace("http:", "https:")),
            Some(Duration::from_millis(200)),
            None,
        );
        let end = Instant::now() + Duration::from_secs(10);
        while whole.load(SeqCst) == 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let whole = whole.load(SeqCst);
        assert!(whole > 300, "{whole}");
        let step = (whole / 60).max(1);
        for cut in (0..whole.saturating_sub(200)).step_by(step) {
            let cfg = cfg.clone();
            let o = Origin::serve(move |s, _| {
                relay(&cfg, s, cut);
            });
            let start = Instant::now();
            let e = get(&client(ca.trust()), &o.url.replace("http:", "https:")).unwrap_err();
            assert!(matches!(e.kind(), Kind::UnexpectedEof | Kind::Io | Kind::Tls), "{cut}: {e}");
            assert!(start.elapsed() < Duration::from_secs(5));
        }
    }
}

/// relay does the server's side of a handshake, sends `limit` bytes of it, and answers how many there were.
fn relay(cfg: &Arc<rustls::ServerConfig>, s: &mut TcpStream, limit: usize) -> usize {
    let mut server = rustls::ServerConnection::new(cfg.clone()).unwrap();
    let mut sent = 0;
    loop {
        let mut out = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut out).unwrap();
        }
        let n = out.len().min(limit - sent);
        let _ = s.write_all(&out[..n]);
        sent += n;
        if sent >= limit || server.read_tls(s).unwrap_or(0) == 0 || server.process_new_packets().is_err() {
            return sent;
        }
    }
}

#[test]
fn the_handshake_has_its_own_time_and_ends_with_the_pool() {
    let deaf = Origin::serve(|_, _| std::thread::sleep(Duration::from_secs(3)));
    let url = deaf.url.replace("http:", "https:");
    let c = client(TlsSettings::default());
    c.transport.configure(|s| s.tls_handshake = Some(Duration::from_millis(50)));
    let e = get(&c, &url).unwrap_err();
    assert_eq!((e.kind(), e.phase(), e.is_timeout()), (Kind::Timeout, Phase::TlsHandshake, true));
    assert!(e.message().ends_with(": net/http: TLS handshake timeout"), "{e}");
    // One byte now and then does not buy more time.
    let drip = Origin::serve(|s, _| {
        for b in [0x16u8, 3, 3, 0x40, 0].iter().chain([0u8; 100].iter()) {
            if s.write_all(&[*b]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    let e = get(&c, &drip.url.replace("http:", "https:")).unwrap_err();
    assert_eq!(e.kind(), Kind::Timeout, "{e}");
    assert!(start.elapsed() < Duration::from_secs(1));
    // The request is gone, its dial goes on; freeing the client ends it at once.
    let c = client(TlsSettings::default());
    let e = c.send(&request("GET", &url), Some(Duration::from_millis(50)), None).err().unwrap();
    assert_eq!(e.kind(), Kind::Timeout);
    let start = Instant::now();
    drop(c);
    assert!(start.elapsed() < Duration::from_secs(1));
    let t = CancelToken::new();
    let u = t.clone();
    let h = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        u.fire();
    });
    let e = client(TlsSettings::default()).send(&request("GET", &url), None, Some(&t)).err().unwrap();
    assert_eq!(e.kind(), Kind::Canceled, "{e}");
    h.join().unwrap();
}

#[test]
fn a_server_that_speaks_no_tls() {
    let o = Origin::serve(|s, _| {
        let _ = s.read(&mut [0; 1000]);
        let _ = s.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
    });
    let url = o.url.replace("http:", "https:");
    let e = get(&client(TlsSettings::default()), &url).unwrap_err();
    assert_eq!(e.message(), format!("Get \"{url}\": http: server gave HTTP response to HTTPS client"));
    assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake));
    let o = Origin::serve(|s, _| {
        let _ = s.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        let _ = s.read(&mut [0; 1000]);
    });
    let e = get(&client(TlsSettings::default()), &o.url.replace("http:", "https:")).unwrap_err();
    assert_eq!((e.kind(), e.phase()), (Kind::Tls, Phase::TlsHandshake), "{e}");
}

/// Tickets that come while a connection is idle are no reason to drop it; data and an end are.
#[test]
fn what_an_idle_connection_may_receive() {
    let ca = Authority::new("ca");
    let cfg = config(&ca.leaf(), &[&rustls::version::TLS13], None);
    let (o, url) = serve(cfg, |s, n| {
        answer_one(s);
        std::thread::sleep(Duration::from_millis(20));
        match n {
            0 => {
                // A key update: a record of TLS's own.
                s.conn.refresh_traffic_keys().unwrap();
                let _ = s.conn.write_tls(&mut s.sock);
            }
            1 => {
                let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
                let _ = s.flush();
            }
            _ => end(s),
        }
        answer_all(s);
    });
    let c = client(ca.trust());
    let pause = || std::thread::sleep(Duration::from_millis(60));
    get(&c, &url).unwrap();
    pause();
    assert_eq!(get(&c, &url).unwrap(), b"ok");
    assert_eq!(o.accepted(), 1, "a key update has cost the connection");
    c.transport.close_idle();
    get(&c, &url).unwrap();
    pause();
    assert_eq!(get(&c, &url).unwrap(), b"ok");
    assert_eq!(o.accepted(), 3, "data that nobody asked for");
    pause();
    assert_eq!(get(&c, &url).unwrap(), b"ok");
    assert_eq!(o.accepted(), 4, "close_notify");
}

fn answer_one(s: &mut server::Stream) {
    head_of(s);
    let _ = s.write_all(OK);
    let _ = s.flush();
}

#[test]
fn the_sweep_keeps_what_was_only_stirred() {
    let ca = Authority::new("ca");
    let cfg = config(&ca.leaf(), &[&rustls::version::TLS13], None);
    let (o, url) = serve(cfg, |s, n| {
        answer_one(s);
        std::thread::sleep(Duration::from_millis(20));
        if n == 0 {
            s.conn.refresh_traffic_keys().unwrap();
            let _ = s.conn.write_tls(&mut s.sock);
            answer_all(s);
        }
    });
    let c = client(ca.trust());
    get(&c, &url).unwrap();
    // Two rounds of the sweep.
    std::thread::sleep(Duration::from_millis(2200));
    assert_eq!(c.transport.stats().idle, 1);
    get(&c, &url).unwrap();
    assert_eq!(o.accepted(), 1);
    c.transport.close_idle();
    get(&c, &url).unwrap();
    let end = Instant::now() + Duration::from_secs(5);
    while c.transport.stats().idle > 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(c.transport.stats().idle, 0, "a cut connection stayed");
}

/// The end of a connection says so: what the server reads last is close_notify.
#[test]
fn goodbye_is_said() {
    let ca = Authority::new("ca");
    let polite = Arc::new(Mutex::new(None));
    let seen = polite.clone();
    let (_o, url) = serve(config(&ca.leaf(), BOTH, None), move |s, _| {
        answer_one(s);
        let r = s.read(&mut [0; 10]);
        *seen.lock().unwrap() = Some(matches!(r, Ok(0)));
    });
    let c = client(ca.trust());
    get(&c, &url).unwrap();
    c.transport.close_idle();
    let end = Instant::now() + Duration::from_secs(5);
    while polite.lock().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(*polite.lock().unwrap(), Some(true));
}

/// Repeat is a source of `left` bytes `x`.
struct Repeat(usize);

impl Source for Repeat {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = buf.len().min(self.0);
        buf[..n].fill(b'x');
        self.0 -= n;
        Ok(n)
    }
    fn rewind(&mut self) -> Result<bool> {
        Ok(false)
    }
    fn can_rewind(&self) -> bool {
        false
    }
}

fn repeat(n: usize) -> RequestBody {
    RequestBody::Source(SourceSlot::new(Box::new(Repeat(n))))
}

#[test]
fn full_duplex_echo_does_not_deadlock() {
    const N: usize = 8 << 20;
    let ca = Authority::new("ca");
    for version in BOTH {
        let (_o, url) = serve(config(&ca.leaf(), &[version], None), |s, _| {
            head_of(s);
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            let mut buf = [0u8; 20000];
            let mut left = N;
            while left > 0 {
                let n = s.read(&mut buf).unwrap_or(0);
                if n == 0 || s.write_all(&buf[..n]).is_err() {
                    return;
                }
                left -= n;
            }
            let _ = s.flush();
            end(s);
        });
        let c = client(ca.trust());
        let mut r = request("POST", &url);
        r.body = repeat(N);
        r.content_length = N as i64;
        assert_eq!(body(&mut c.send(&r, None, None).unwrap()).unwrap().len(), N);
        let mut r = request("POST", &url);
        let data: Vec<u8> = (0..N).map(|i| (i / 7) as u8).collect();
        r.body = RequestBody::Bytes(Arc::new(data.clone()));
        r.content_length = N as i64;
        assert!(body(&mut c.send(&r, None, None).unwrap()).unwrap() == data);
    }
}

/// Patient gives a piece only when the server has read all that it gave before.
struct Patient {
    given: usize,
    whole: usize,
    read: Arc<AtomicUsize>,
}

impl Source for Patient {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let end = Instant::now() + Duration::from_secs(5);
        while self.read.load(SeqCst) < self.given {
            assert!(Instant::now() < end, "a piece was kept back while the next was asked for");
            std::thread::sleep(Duration::from_micros(100));
        }
        let n = buf.len().min(self.whole - self.given);
        self.given += n;
        Ok(n)
    }
    fn rewind(&mut self) -> Result<bool> {
        Ok(false)
    }
    fn can_rewind(&self) -> bool {
        false
    }
}

#[test]
fn a_source_is_asked_when_all_before_has_left() {
    const N: usize = 4 << 20;
    let ca = Authority::new("ca");
    let read = Arc::new(AtomicUsize::new(0));
    let count = read.clone();
    let (_o, url) = serve(config(&ca.leaf(), BOTH, None), move |s, _| {
        head_of(s);
        let mut buf = [0u8; 3000];
        while count.load(SeqCst) < N {
            match s.read(&mut buf) {
                Ok(n) if n > 0 => count.fetch_add(n, SeqCst),
                _ => return,
            };
        }
        let _ = s.write_all(OK);
        let _ = s.flush();
    });
    let mut r = request("POST", &url);
    r.body = RequestBody::Source(SourceSlot::new(Box::new(Patient { given: 0, whole: N, read })));
    r.content_length = N as i64;
    let c = client(ca.trust());
    assert_eq!(body(&mut c.send(&r, None, None).unwrap()).unwrap(), b"ok");
}

#[test]
fn an_early_answer_ends_the_upload() {
    let ca = Authority::new("ca");
    let (_o, url) = serve(config(&ca.leaf(), BOTH, None), |s, _| {
        head_of(s);
        let _ = s.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
        let _ = s.flush();
        std::thread::sleep(Duration::from_millis(200));
    });
    let c = client(ca.trust());
    let mut r = request("POST", &url);
    r.body = repeat(1 << 30);
    r.content_length = -1;
    let mut res = c.send(&r, None, None).unwrap();
    assert_eq!(res.line.code, 413);
    assert_eq!(body(&mut res).unwrap(), b"no");
    assert_eq!(c.transport.stats().idle, 0);
}

#[test]
fn large_answers_in_all_framings_and_pieces() {
    let ca = Authority::new("ca");
    let data: Arc<Vec<u8>> = Arc::new((0..3_000_000u32).map(|i| (i / 3) as u8).collect());
    let d = data.clone();
    let (o, url) = serve(config(&ca.leaf(), BOTH, None), move |s, _| {
        while let Some(head) = head_of(s) {
            let chunked = head.contains("/chunked");
            let _ = match chunked {
                true => s.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                false => write!(s, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", d.len()),
            };
            for (i, piece) in d.chunks(70_001).enumerate() {
                let _ = match chunked {
                    true => write!(s, "{:x}\r\n", piece.len())
                        .and_then(|()| s.write_all(piece))
                        .and_then(|()| s.write_all(b"\r\n")),
                    false => s.write_all(piece),
                };
                if i % 5 == 0 {
                    let _ = s.flush();
                }
            }
            if chunked {
                let _ = s.write_all(b"0\r\n\r\n");
            }
            let _ = s.flush();
        }
    });
    let c = client(ca.trust());
    for path in ["", "chunked"] {
        for size in [1usize << 17, 16384, 1000, 37] {
            let mut r = c.send(&request("GET", &format!("{url}{path}")), None, None).unwrap();
            let (mut all, mut buf) = (Vec::new(), vec![0u8; size]);
            loop {
                let n = r.read_body(&mut buf).unwrap();
                if n == 0 {
                    break;
                }
                all.extend_from_slice(&buf[..n]);
            }
            assert!(all == *data, "{path} {size}");
        }
    }
    assert_eq!(o.accepted(), 1);
}

#[test]
fn many_threads_share_the_pool() {
    let ca = Authority::new("ca");
    let (_o, url) = serve(config(&ca.leaf(), BOTH, None), |s, _| answer_all(s));
    let c = Arc::new(client(ca.trust()));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (c, url) = (c.clone(), url.clone());
            std::thread::spawn(move || {
                for _ in 0..200 {
                    assert_eq!(get(&c, &url).unwrap(), b"ok");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert!(c.transport.stats().reused >= 1500);
}

/// Garbage in the place of records ends a request, and never hangs or panics.
#[test]
fn broken_records() {
    let ca = Authority::new("ca");
    let cfg = config(&ca.leaf(), BOTH, None);
    for junk in [
        &b"\x17\x03\x03\x00\x20"[..],
        b"\x17\x03\x03\xff\xff",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
    ] {
        let cfg = cfg.clone();
        let o = Origin::serve(move |s, _| {
            let mut t = accept(&cfg, s);
            head_of(&mut t);
            let _ = s.write_all(junk);
            let _ = s.write_all(&[7; 64]);
        });
        let e = get(&client(ca.trust()), &o.url.replace("http:", "https:")).unwrap_err();
        assert!(matches!(e.kind(), Kind::Tls | Kind::UnexpectedEof | Kind::Io), "{e}");
    }
}

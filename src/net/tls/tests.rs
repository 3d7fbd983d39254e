//! A session against a server in memory, fed in pieces of every size.

use super::stream::TlsStep;
use super::{
    AcceptState, ClientAuth, ClientIdentity, IoError, PeerKind, ServerAlpn, ServerIdentity, Tls, TlsBuffers,
    TlsInfo, TlsSettings,
};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;

struct Pair {
    tls: Tls,
    server: ServerConnection,
    /// What the client can receive.
    wire: Vec<u8>,
}

fn nothing() -> IoError {
    IoError::Os(io::ErrorKind::WouldBlock.into())
}

impl Pair {
    /// new shakes hands, `piece` bytes at a time.
    fn new(piece: usize) -> Pair {
        let key = rcgen::KeyPair::generate().unwrap();
        let made =
            rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = super::config::provider();
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![made.der().clone()], key).unwrap();
        let server = ServerConnection::new(Arc::new(config)).unwrap();
        let identity = ClientIdentity::new(TlsSettings { insecure: true, ..TlsSettings::default() });
        let tls =
            Tls::new(&identity, PeerKind::Server, ServerName::try_from("a.example").unwrap(), None).unwrap();
        let mut p = Pair { tls, server, wire: Vec::new() };
        loop {
            match p.tls.step(&mut [], &[]).unwrap() {
                TlsStep::NeedInput(true) => break,
                TlsStep::NeedInput(false) => {
                    p.exchange();
                    let Pair { tls, wire, .. } = &mut p;
                    tls.receive(&mut |b| take(wire, b, piece)).unwrap();
                }
                _ => {}
            }
        }
        p.exchange();
        p
    }

    /// exchange brings what the client has to send to the server, and the other way.
    fn exchange(&mut self) {
        let mut sent = Vec::new();
        self.tls.flush(&mut |b| sent.write(b)).unwrap();
        let mut rest = sent.as_slice();
        while !rest.is_empty() {
            self.server.read_tls(&mut rest).unwrap();
            self.server.process_new_packets().unwrap();
        }
        while self.server.wants_write() {
            self.server.write_tls(&mut self.wire).unwrap();
        }
    }

    fn read(&mut self, out: &mut [u8], piece: usize) -> Result<usize, IoError> {
        let Pair { tls, wire, .. } = self;
        tls.read(out, &mut |b| take(wire, b, piece))
    }

    fn is_quiet(&mut self) -> bool {
        let Pair { tls, wire, .. } = self;
        tls.is_quiet(&mut |b| take(wire, b, usize::MAX))
    }
}

fn take(wire: &mut Vec<u8>, buf: &mut [u8], piece: usize) -> Result<usize, IoError> {
    let n = wire.len().min(buf.len()).min(piece);
    if n == 0 {
        return Err(nothing());
    }
    buf[..n].copy_from_slice(&wire[..n]);
    wire.drain(..n);
    Ok(n)
}

#[test]
fn pieces_of_every_size_give_the_same() {
    let data: Vec<u8> = (0..50_000u32).map(|i| (i / 5) as u8).collect();
    for piece in [1, 2, 3, 5, 7, 100, 4096, 16_384, 70_000] {
        for room in [1, 13, 1000, 16_384, 100_000] {
            let mut p = Pair::new(piece);
            p.server.set_buffer_limit(None);
            p.server.writer().write_all(&data).unwrap();
            p.exchange();
            let (mut all, mut buf) = (Vec::new(), vec![0u8; room]);
            while all.len() < data.len() {
                let n = p.read(&mut buf, piece).unwrap();
                assert!(n > 0);
                all.extend_from_slice(&buf[..n]);
            }
            assert!(all == data, "{piece} {room}");
            assert!(
                matches!(p.read(&mut buf, piece), Err(IoError::Os(e)) if e.kind() == io::ErrorKind::WouldBlock)
            );
            assert!(p.tls.process_buffered() && !p.tls.has_buffered());
        }
    }
}

/// accepted has both ends of this library shake hands, `piece` bytes at a time, and gives what the server is told.
fn accepted(settings: &TlsSettings, client: TlsSettings, name: &str, piece: usize) -> (Tls, Tls, TlsInfo) {
    let mut server = Tls::server(&ServerIdentity::new(settings).unwrap(), ServerAlpn::Http1).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = Tls::new(&ClientIdentity::new(client), PeerKind::Server, name, None).unwrap();
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let mut agreed = None;
    for _ in 0..100_000 {
        match client.step(&mut [], &[]).unwrap() {
            TlsStep::NeedInput(true) if agreed.is_some() => break,
            TlsStep::NeedInput(_) => {
                client.flush(&mut |b| to_server.write(b)).unwrap();
                let _ = client.receive(&mut |b| take(&mut to_client, b, piece));
            }
            _ => {}
        }
        let (recv, send) =
            (&mut |b: &mut [u8]| take(&mut to_server, b, piece), &mut |b: &[u8]| to_client.write(b));
        match agreed {
            Some(_) => drop(server.flush(send).unwrap()),
            None => match server.accept(recv, send) {
                AcceptState::Done(info) => agreed = Some(*info),
                AcceptState::Wait => {}
                AcceptState::Http => panic!("HTTP"),
                AcceptState::Failed(e) => panic!("{e}"),
            },
        }
    }
    (server, client, agreed.unwrap())
}

#[test]
fn a_server_shakes_hands_in_pieces_of_every_size() {
    let pair = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        (made.pem(), key.serialize_pem())
    };
    let ((a, a_key), (b, b_key)) = (pair("a.example"), pair("*.b.example"));
    let mut settings = TlsSettings::default();
    assert!(ServerIdentity::new(&settings).is_err(), "no certificate");
    settings.set_certificate(a.as_bytes(), a_key.as_bytes()).unwrap();
    settings.add_certificate(b.as_bytes(), b_key.as_bytes()).unwrap();
    settings.client_auth = ClientAuth::RequireAny;
    for piece in [1, 2, 3, 7, 100, 4096] {
        let mut own = TlsSettings { system_roots: false, ..TlsSettings::default() };
        own.add_roots(b.as_bytes()).unwrap();
        own.set_certificate(a.as_bytes(), a_key.as_bytes()).unwrap();
        let (mut server, mut client, info) = accepted(&settings, own, "x.b.example", piece);
        assert_eq!(info.server_name.as_c_str(), c"x.b.example");
        assert_eq!((info.version, info.alpn.as_deref()), (0x0304, Some(c"http/1.1")));
        assert_eq!((info.certificates.len(), info.resumed), (1, false));

        // Buffers are lent, and an idle session has none.
        let mut lent = TlsBuffers::default();
        client.write([b"hello", &[]], &mut |b| Ok(b.len())).unwrap();
        server.borrow(&mut lent);
        server.encrypt(&[7; 50_000]).unwrap();
        assert!(server.unsent() > 50_000 && server.has_unsent());
        server.give_back(&mut lent);
        assert!(server.capacity() > 50_000, "what holds bytes stays");
        server.flush(&mut |b| Ok(b.len())).unwrap();
        server.give_back(&mut lent);
        assert_eq!(server.capacity(), 0);
    }
}

#[test]
fn a_server_tells_http_from_tls() {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap().self_signed(&key).unwrap();
    let mut settings = TlsSettings::default();
    settings.set_certificate(made.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let identity = ServerIdentity::new(&settings).unwrap();
    for (sent, http) in [("GET / HTTP/1.1\r\n", true), ("OPTIONS * HTTP/1.1", true), ("DELETE / HTTP", false)]
    {
        let mut tls = Tls::server(&identity, ServerAlpn::Http1).unwrap();
        let mut wire = sent.as_bytes().to_vec();
        match tls.accept(&mut |b| take(&mut wire, b, 3), &mut |b| Ok(b.len())) {
            AcceptState::Http => assert!(http, "{sent}"),
            AcceptState::Failed(e) => {
                assert!(!http, "{sent}");
                assert_eq!(e.message(), "tls: first record does not look like a TLS handshake");
            }
            _ => panic!("{sent}"),
        }
    }
}

#[test]
fn a_socket_that_takes_little_loses_nothing() {
    let mut p = Pair::new(usize::MAX);
    let data: Vec<u8> = (0..300_000u32).map(|i| (i / 5) as u8).collect();
    let (mut taken, mut wire, mut turn) = (0, Vec::new(), 0);
    while taken < data.len() || p.tls.has_unsent() {
        turn += 1;
        let written = p.tls.write(
            [&data[taken..data.len().min(taken + 7)], &data[data.len().min(taken + 7)..]],
            &mut |b| {
                // Every other time it is full.
                if turn % 2 == 0 {
                    Err(io::ErrorKind::WouldBlock.into())
                } else {
                    wire.write(&b[..b.len().min(1000)])
                }
            },
        );
        match written {
            Ok(w) => taken += w.taken,
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::WouldBlock),
        }
    }
    let (mut rest, mut got) = (wire.as_slice(), Vec::new());
    while !rest.is_empty() {
        p.server.read_tls(&mut rest).unwrap();
        p.server.process_new_packets().unwrap();
        let mut buf = vec![0u8; 40_000];
        while let Ok(n @ 1..) = p.server.reader().read(&mut buf) {
            got.extend_from_slice(&buf[..n]);
        }
    }
    assert!(got == data);
}

#[test]
fn an_idle_session_is_small_and_minds_tickets_only() {
    let mut p = Pair::new(usize::MAX);
    p.server.set_buffer_limit(None);
    p.server.writer().write_all(&vec![7; 1 << 20]).unwrap();
    p.exchange();
    let (mut left, mut buf) = (1 << 20, vec![0u8; 1000]);
    while left > 0 {
        left -= p.read(&mut buf, usize::MAX).unwrap();
    }
    assert!(p.tls.capacity() > 32 * 1024);
    assert!(p.tls.process_buffered());
    p.tls.shrink_buffers();
    assert!(p.tls.capacity() <= 3 * 16 * 1024, "{}", p.tls.capacity());
    p.server.refresh_traffic_keys().unwrap();
    p.exchange();
    assert!(p.is_quiet());
    p.server.writer().write_all(b"late").unwrap();
    p.exchange();
    assert!(!p.is_quiet());
    let mut p = Pair::new(usize::MAX);
    p.server.send_close_notify();
    p.exchange();
    assert!(!p.is_quiet() && p.tls.was_closed());
    let mut p = Pair::new(usize::MAX);
    p.wire = b"\x17\x03\x03\x00\x20nonsense that is no record at all".to_vec();
    assert!(!p.is_quiet() && !p.tls.was_closed());
}

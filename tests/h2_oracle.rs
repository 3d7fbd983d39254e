//! The HTTP/2 engine against the `h2` crate, in both roles: many streams at once, bodies larger than the windows,
//! trailers, resets, and a farewell.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use nethttp::h2::{Engine, EngineConfig, ErrorCode, Event, RequestHead};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Stream is a body that came, and what of it was sent back.
#[derive(Default)]
struct Stream {
    body: Vec<u8>,
    sent: usize,
    ended: bool,
    trailer: bool,
    status: u16,
}

type Streams = BTreeMap<u32, Stream>;

/// take keeps what came, and gives the windows back.
fn take(e: &mut Engine, input: &[u8], events: &mut Vec<Event>, streams: &mut Streams) {
    e.recv(input, events);
    for event in events.drain(..) {
        match event {
            Event::Headers { id, head, end } => {
                let s = streams.entry(id).or_default();
                (s.ended, s.status) = (end, head.status);
                e.recycle(head);
            }
            Event::Data { id, range, end } => {
                let s = streams.get_mut(&id).unwrap();
                s.body.extend_from_slice(&input[range.clone()]);
                s.ended = end;
                e.release(id, range.len());
            }
            Event::Trailers { id, head } => {
                let s = streams.get_mut(&id).unwrap();
                assert_eq!(head.header.get(b"x-sum"), Some(&b"8"[..]));
                (s.ended, s.trailer) = (true, true);
            }
            Event::Reset { id, .. } => drop(streams.remove(&id)),
            Event::Closed { fault } => assert_eq!(fault.code, ErrorCode::NO_ERROR),
            _ => {}
        }
    }
}

/// echo is our server: it sends each body back, with a trailer.
async fn echo(mut io: DuplexStream) -> Engine {
    let mut e = Engine::server(EngineConfig { stream_window: 20_000, ..EngineConfig::server() });
    let (mut streams, mut events) = (Streams::new(), Vec::new());
    let mut buffer = vec![0; 10_007];
    loop {
        let out = e.output().to_vec();
        e.sent(out.len());
        if io.write_all(&out).await.is_err() {
            return e;
        }
        let n = io.read(&mut buffer).await.unwrap_or(0);
        if n == 0 {
            e.eof(&mut events);
            return e;
        }
        take(&mut e, &buffer[..n], &mut events, &mut streams);
        for (&id, s) in streams.iter_mut().filter(|s| s.1.ended && s.1.status == 0) {
            let len = s.body.len().to_string();
            let fields: [(&[u8], &[u8]); 2] = [(b"Content-Length", len.as_bytes()), (b"X-Some", b"text")];
            e.respond(id, 200, fields, false).unwrap();
            s.status = 200;
            e.set_pending(id, true);
        }
        while let Some((id, max)) = e.next_stream() {
            let s = streams.get_mut(&id).unwrap();
            let rest = &s.body[s.sent..];
            s.sent += e.send_data(id, &rest[..rest.len().min(max)], false).unwrap();
            if s.sent == s.body.len() {
                let sum: [(&[u8], &[u8]); 1] = [(b"X-Sum", b"8")];
                e.send_trailers(id, sum).unwrap();
                e.set_pending(id, false);
                e.handler_done();
                streams.remove(&id);
            }
        }
    }
}

fn body(i: usize) -> Vec<u8> {
    let len = [0, 1, 100, 20_000, 70_000, 300_000][i % 6];
    (0..len).map(|b| (b * 7 + i) as u8).collect()
}

async fn upload(mut to: h2::SendStream<Bytes>, body: &[u8]) {
    let mut sent = 0;
    while sent < body.len() {
        to.reserve_capacity(body.len() - sent);
        let n = std::future::poll_fn(|cx| to.poll_capacity(cx)).await.unwrap().unwrap();
        let piece = Bytes::copy_from_slice(&body[sent..sent + n]);
        sent += n;
        to.send_data(piece, false).unwrap();
    }
    let mut sum = http::HeaderMap::new();
    sum.insert("x-sum", "8".parse().unwrap());
    to.send_trailers(sum).unwrap();
}

async fn download(mut from: h2::RecvStream) -> (Vec<u8>, Option<http::HeaderMap>) {
    let mut body = Vec::new();
    while let Some(piece) = from.data().await {
        let piece = piece.unwrap();
        body.extend_from_slice(&piece);
        from.flow_control().release_capacity(piece.len()).unwrap();
    }
    (body, from.trailers().await.unwrap())
}

fn run(test: impl Future<Output = ()> + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

#[test]
fn its_client_and_our_server() {
    run(async {
        let (ours, theirs) = tokio::io::duplex(30_000);
        let server = tokio::task::spawn_local(echo(ours));
        let (client, connection) = h2::client::handshake(theirs).await.unwrap();
        let connection = tokio::task::spawn_local(connection);
        let mut tasks = Vec::new();
        for i in 0..120 {
            let mut client = client.clone().ready().await.unwrap();
            tasks.push(tokio::task::spawn_local(async move {
                let url = format!("https://example.com/path?{i}");
                let request = http::Request::put(url).header("x-number", i).body(()).unwrap();
                let (response, to) = client.send_request(request, false).unwrap();
                if i % 10 == 9 {
                    return drop(response);
                }
                upload(to, &body(i)).await;
                let response = response.await.unwrap();
                assert_eq!(
                    (response.status().as_u16(), &response.headers()["x-some"]),
                    (200, &"text".parse().unwrap())
                );
                let (got, trailer) = download(response.into_body()).await;
                assert!(got == body(i), "{i}: {} bytes", got.len());
                assert_eq!(trailer.unwrap()["x-sum"], "8");
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        drop(client);
        connection.await.unwrap().unwrap();
        let engine = server.await.unwrap();
        assert_eq!(engine.fault().map(|f| f.code), Some(ErrorCode::NO_ERROR));
    });
}

/// serve is its server: it sends each body back.
async fn serve(io: DuplexStream) {
    let mut connection = h2::server::handshake(io).await.unwrap();
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request.unwrap();
        assert_eq!(request.uri().host(), Some("example.com"));
        tokio::task::spawn_local(async move {
            let (body, trailer) = download(request.into_body()).await;
            assert_eq!(trailer.unwrap()["x-sum"], "8");
            let early = http::Response::builder().status(103).body(()).unwrap();
            respond.send_informational(early).unwrap();
            upload(respond.send_response(http::Response::new(()), false).unwrap(), &body).await;
        });
    }
}

#[test]
fn our_client_and_its_server() {
    run(async {
        const COUNT: usize = 60;
        let (mut ours, theirs) = tokio::io::duplex(30_000);
        let server = tokio::task::spawn_local(serve(theirs));
        let mut e = Engine::client(EngineConfig {
            stream_window: 9000,
            connection_window: 65_535,
            ..EngineConfig::client()
        });
        let (mut streams, mut events, mut bodies) = (Streams::new(), Vec::new(), BTreeMap::new());
        let mut buffer = vec![0; 10_007];
        loop {
            while e.has_peer_settings() && e.can_open() && bodies.len() < COUNT {
                let head = RequestHead {
                    method: b"PUT",
                    scheme: b"https",
                    authority: b"example.com",
                    path: b"/",
                    protocol: b"",
                };
                let id = e.request(&head, [], false).unwrap();
                bodies.insert(id, (body(bodies.len()), 0));
                e.set_pending(id, true);
            }
            while let Some((id, max)) = e.next_stream() {
                let (body, sent) = bodies.get_mut(&id).unwrap();
                let rest = &body[*sent..];
                *sent += e.send_data(id, &rest[..rest.len().min(max)], false).unwrap();
                if *sent == body.len() {
                    let sum: [(&[u8], &[u8]); 1] = [(b"X-Sum", b"8")];
                    e.send_trailers(id, sum).unwrap();
                }
            }
            if bodies.len() == COUNT && e.open_streams() == 0 {
                break;
            }
            let out = e.output().to_vec();
            e.sent(out.len());
            // Both directions at once: neither side waits for the other to read.
            let (mut from, mut to) = tokio::io::split(&mut ours);
            let (n, wrote) = tokio::join!(from.read(&mut buffer), to.write_all(&out));
            wrote.unwrap();
            let n = n.unwrap();
            assert_ne!(n, 0);
            take(&mut e, &buffer[..n], &mut events, &mut streams);
        }
        for (id, (body, _)) in bodies {
            let s = &streams[&id];
            assert!(s.status == 200 && s.ended && s.trailer && s.body == body, "{id}");
        }
        e.close(ErrorCode::NO_ERROR, "");
        ours.write_all(e.output()).await.unwrap();
        drop(ours);
        server.await.unwrap();
    });
}

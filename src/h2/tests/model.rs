//! Two engines that talk to each other, with random bodies, pieces, windows and resets. The model knows what each side
//! has sent; every byte arrives, in order, or its stream was reset.

use super::*;
use std::collections::BTreeMap;

/// Side is what a stream's one direction was given to send, and what of it the other side has seen.
#[derive(Default)]
struct Side {
    body: Vec<u8>,
    sent: usize,
    done: bool,
    seen: Vec<u8>,
    ended: bool,
    unread: usize,
}

#[derive(Default)]
struct Model {
    up: BTreeMap<u32, Side>,
    down: BTreeMap<u32, Side>,
    reset: Vec<u32>,
    served: Vec<u32>,
}

fn body(r: &mut Random) -> Vec<u8> {
    let len = match r.below(8) {
        0 => 0,
        1 => r.below(200_000),
        _ => r.below(2000),
    };
    let seed = r.below(256);
    (0..len).map(|i| (i + seed) as u8).collect()
}

/// carry brings a random part of what one engine has to send to the other.
fn carry(r: &mut Random, from: &mut Engine, to: &mut Engine, m: &mut Model) {
    let n = r.below(from.output().len() + 1).min(1 + r.below(40_000));
    let piece = from.output()[..n].to_vec();
    from.sent(n);
    let mut events = Vec::new();
    to.recv(&piece, &mut events);
    let is_server = to.is_server();
    for event in events {
        let sides = if is_server { &mut m.up } else { &mut m.down };
        match event {
            Event::Headers { id, head, end } => {
                if is_server {
                    assert_eq!(head.text(head.path), format!("/{id}").as_bytes());
                    m.served.push(id);
                } else {
                    assert_eq!(
                        (head.status, head.header.get(b"x-id")),
                        (200, Some(id.to_string().as_bytes()))
                    );
                }
                sides.get_mut(&id).unwrap().ended |= end;
                to.recycle(head);
            }
            Event::Data { id, range, end } => {
                let side = sides.get_mut(&id).unwrap();
                assert!(!side.ended);
                side.seen.extend_from_slice(&piece[range.clone()]);
                side.unread += range.len();
                side.ended |= end;
            }
            Event::Trailers { id, head } => {
                assert_eq!(head.header.get(b"x-sum"), Some(&b"8"[..]));
                sides.get_mut(&id).unwrap().ended = true;
            }
            Event::Reset { id, .. } => m.reset.push(id),
            Event::Settings | Event::Window { .. } | Event::Pong { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// send gives the stream whose turn it is a piece of its body.
fn send(r: &mut Random, e: &mut Engine, sides: &mut BTreeMap<u32, Side>) {
    let Some((id, max)) = e.next_stream() else { return };
    assert!(max > 0 && max <= e.window(id));
    let side = sides.get_mut(&id).unwrap();
    let rest = &side.body[side.sent..];
    let n = rest.len().min(r.below(max + 100));
    let trailer = r.below(3) == 0;
    let last = n == rest.len();
    let took = e.send_data(id, &rest[..n], last && !trailer).unwrap();
    assert_eq!(took, n.min(max.max(took)));
    side.sent += took;
    if last && took == n {
        if trailer {
            let sum: [(&[u8], &[u8]); 1] = [(b"X-Sum", b"8")];
            e.send_trailers(id, sum).unwrap();
        }
        side.done = true;
        e.set_pending(id, false);
    }
}

/// consume has the program read.
fn consume(r: &mut Random, e: &mut Engine, sides: &mut BTreeMap<u32, Side>, all: bool) {
    for (&id, side) in sides.iter_mut() {
        let n = if all { side.unread } else { r.below(side.unread + 1) };
        if n > 0 {
            e.release(id, n);
            side.unread -= n;
        }
    }
}

/// talk says how many bodies arrived whole.
fn talk(seed: u64) -> usize {
    let mut r = Random(seed);
    let windows = |r: &mut Random| [1, 10, 1000, 65_535, 1 << 20][r.below(5)];
    let config = |r: &mut Random, c: EngineConfig| EngineConfig {
        stream_window: windows(r),
        max_streams: 1 + r.below(20) as u32,
        max_idle_frames: u32::MAX,
        max_control: u32::MAX,
        max_wasted: u32::MAX,
        ..c
    };
    let mut server = Engine::server(config(&mut r, EngineConfig::server()));
    let mut client =
        Engine::client(EngineConfig { connection_window: 65_535, ..config(&mut r, EngineConfig::client()) });
    let mut m = Model::default();
    let mut first = true;
    for step in 0..3000 {
        match r.below(12) {
            // The first request waits for settings, so that none is refused.
            0 | 1 if client.has_peer_settings() && client.can_open() && step < 2000 => {
                let (body, path) = (body(&mut r), format!("/{}", client.next_id));
                let head = RequestHead {
                    method: b"POST",
                    scheme: b"https",
                    authority: b"host",
                    path: path.as_bytes(),
                    protocol: b"",
                };
                let length = body.len().to_string();
                let fields: [(&[u8], &[u8]); 2] =
                    [(b"Content-Length", length.as_bytes()), (b"x-some", b"text")];
                let id = client.request(&head, fields, body.is_empty()).unwrap();
                client.set_pending(id, !body.is_empty());
                m.up.insert(id, Side { done: body.is_empty(), body, ..Side::default() });
                m.down.insert(id, Side::default());
                first = false;
            }
            2 | 3 => {
                let Some(id) = m.served.pop() else { continue };
                let (body, text) = (body(&mut r), id.to_string());
                let fields: [(&[u8], &[u8]); 1] = [(b"x-id", text.as_bytes())];
                if server.respond(id, 200, fields, body.is_empty()).is_ok() {
                    server.set_pending(id, !body.is_empty());
                    let side = m.down.get_mut(&id).unwrap();
                    (side.done, side.body) = (body.is_empty(), body);
                }
                server.handler_done();
            }
            4 => send(&mut r, &mut server, &mut m.down),
            5 => send(&mut r, &mut client, &mut m.up),
            6 | 7 => carry(&mut r, &mut server, &mut client, &mut m),
            8 | 9 => carry(&mut r, &mut client, &mut server, &mut m),
            10 => {
                consume(&mut r, &mut server, &mut m.up, false);
                consume(&mut r, &mut client, &mut m.down, false);
            }
            _ if r.below(20) == 0 && !first => {
                let id = 1 + 2 * r.below(m.up.len()) as u32;
                let e = if r.below(2) == 0 { &mut client } else { &mut server };
                if e.window(id) > 0 {
                    e.reset(id, ErrorCode::CANCEL);
                    m.reset.push(id);
                }
            }
            _ => {}
        }
        assert!(!client.is_dead() && !server.is_dead(), "{:?} {:?}", client.fault(), server.fault());
        assert!(client.open_streams() <= m.up.len());
    }
    // Then all that is left is served, whatever the order.
    for _ in 0..2_000_000 {
        while let Some(id) = m.served.pop() {
            let text = id.to_string();
            let fields: [(&[u8], &[u8]); 1] = [(b"x-id", text.as_bytes())];
            let _ = server.respond(id, 200, fields, true);
            server.handler_done();
            m.down.get_mut(&id).unwrap().done = true;
        }
        for _ in 0..4 {
            send(&mut r, &mut server, &mut m.down);
            send(&mut r, &mut client, &mut m.up);
        }
        carry(&mut r, &mut server, &mut client, &mut m);
        carry(&mut r, &mut client, &mut server, &mut m);
        consume(&mut r, &mut server, &mut m.up, true);
        consume(&mut r, &mut client, &mut m.down, true);
        let quiet = client.output().is_empty() && server.output().is_empty();
        if quiet && client.open_streams() == 0 && server.open_streams() == 0 {
            break;
        }
    }
    assert_eq!((client.open_streams(), server.open_streams()), (0, 0), "something is stuck");
    assert_eq!((client.headers_held, server.headers_held, server.running), (0, 0, 0));
    let mut whole = 0;
    for (id, side) in m.up.iter().chain(&m.down) {
        assert!(side.body.starts_with(&side.seen), "{id}: bytes out of order");
        if !m.reset.contains(id) {
            assert!(side.ended && side.done && side.seen == side.body, "{id}: bytes are missing");
            whole += 1;
        }
    }
    whole
}

#[test]
fn random_exchanges() {
    let whole: usize = (1..40u64).map(|seed| talk(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))).sum();
    assert!(whole > 400, "{whole}");
}

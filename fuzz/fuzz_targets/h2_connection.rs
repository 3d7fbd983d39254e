//! Two engines talk; the input says who does what next. A model counts streams and windows: nobody sends what was not
//! permitted, each byte arrives in its order, and neither side ever finds fault with the other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::h2::{ErrorCode, EngineConfig, Engine, Event, RequestHead};
use std::collections::BTreeMap;

#[derive(Default)]
struct Way {
    sent: Vec<u8>,
    seen: Vec<u8>,
    unread: usize,
    ended: bool,
}

#[derive(Default)]
struct Model {
    /// By direction, 0 being the client's, and by stream.
    ways: [BTreeMap<u32, Way>; 2],
    gone: Vec<u32>,
    requests: Vec<u32>,
}

fn carry(n: usize, from: &mut Engine, to: &mut Engine, m: &mut Model) {
    let n = from.output().len().min(n);
    let piece = from.output()[..n].to_vec();
    from.sent(n);
    let mut events = Vec::new();
    to.recv(&piece, &mut events);
    let direction = usize::from(!to.is_server());
    for event in events {
        match event {
            Event::Headers { id, head, end } => {
                assert!(!head.too_large);
                if to.is_server() {
                    m.requests.push(id);
                }
                m.ways[direction].entry(id).or_default().ended |= end;
                to.recycle(head);
            }
            Event::Data { id, range, end } => {
                let way = m.ways[direction].get_mut(&id).expect("data of no stream");
                assert!(!way.ended, "data behind the end");
                way.seen.extend_from_slice(&piece[range.clone()]);
                way.unread += range.len();
                way.ended |= end;
                assert!(way.sent.starts_with(&way.seen), "other bytes than were sent");
            }
            Event::Trailers { id, .. } => m.ways[direction].entry(id).or_default().ended = true,
            Event::Reset { id, .. } => m.gone.push(id),
            Event::Closed { fault } => panic!("{fault}"),
            Event::Settings | Event::Window { .. } | Event::Pong { .. } | Event::GoAway { .. } => {}
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [window, streams, steps @ ..] = input else { return };
    let common = |c: EngineConfig| EngineConfig {
        stream_window: u32::from(*window) * 37,
        max_streams: u32::from(*streams),
        max_control: u32::MAX,
        max_wasted: u32::MAX,
        max_idle_frames: u32::MAX,
        ..c
    };
    let mut server = Engine::server(common(EngineConfig::server()));
    let mut client = Engine::client(EngineConfig { connection_window: 65_535, ..common(EngineConfig::client()) });
    let mut m = Model::default();
    for step in steps.chunks(2) {
        let (op, arg) = (step[0] % 16, usize::from(step.get(1).copied().unwrap_or(0)));
        let id = 1 + 2 * (arg as u32 % 16);
        match op {
            0 | 1 if client.has_peer_settings() && client.can_open() => {
                let head = RequestHead {
                    method: b"PUT",
                    scheme: b"http",
                    authority: b"h",
                    path: b"/",
                    protocol: b"",
                };
                let fields: [(&[u8], &[u8]); 1] = [(b"priority", if arg > 128 { b"u=1" } else { b"u=2, i" })];
                let id = client.request(&head, fields, op == 0).expect("can_open");
                m.ways[0].insert(id, Way::default());
                assert!(client.open_streams() <= client.peer().max_streams as usize);
            }
            2 => {
                let status = [200, 204, 304, 103][arg % 4];
                let _ = server.respond(id, status, [], status == 204 || (arg > 128 && status != 103));
                m.ways[1].entry(id).or_default();
            }
            3..=6 => {
                let (e, direction) = if op % 2 == 0 { (&mut server, 1) } else { (&mut client, 0) };
                let (before, bytes) = (e.window(id), vec![op.wrapping_add(arg as u8); arg * 50]);
                if let Ok(n) = e.send_data(id, &bytes, op > 4) {
                    assert_eq!(n, bytes.len().min(before), "all that the windows permit");
                    assert!(e.open_streams() == 0 || e.window(id) <= before - n);
                    m.ways[direction].entry(id).or_default().sent.extend_from_slice(&bytes[..n]);
                }
            }
            7 => {
                let e = if arg > 128 { &mut server } else { &mut client };
                let sum: [(&[u8], &[u8]); 1] = [(b"x-sum", b"8")];
                let _ = e.send_trailers(id, sum);
            }
            8 => carry(arg * 40, &mut client, &mut server, &mut m),
            9 => carry(arg * 40, &mut server, &mut client, &mut m),
            10 => {
                let e = if arg > 128 { &mut server } else { &mut client };
                e.reset(id, ErrorCode::CANCEL);
            }
            11 | 12 => {
                let (e, direction) = if op == 11 { (&mut server, 0) } else { (&mut client, 1) };
                if let Some(way) = m.ways[direction].get_mut(&id) {
                    e.release(id, std::mem::take(&mut way.unread));
                }
            }
            13 => {
                let e = if arg > 128 { &mut server } else { &mut client };
                e.set_pending(id, arg % 2 == 0);
                if let Some((turn, n)) = e.next_stream() {
                    assert!(n > 0 && n <= e.window(turn));
                }
            }
            14 if arg > 250 => server.shutdown(),
            14 => client.ping([arg as u8; 8]),
            _ => {
                if m.requests.pop().is_some() {
                    server.handler_done();
                }
            }
        }
        assert!(server.fault().is_none() && client.fault().is_none());
        assert!(server.open_streams() <= usize::from(*streams));
    }
    // What is under way arrives, and fits.
    while !client.output().is_empty() || !server.output().is_empty() {
        carry(usize::MAX, &mut client, &mut server, &mut m);
        carry(usize::MAX, &mut server, &mut client, &mut m);
    }
    for ways in &m.ways {
        for way in ways.values() {
            assert!(way.sent.starts_with(&way.seen));
        }
    }
});

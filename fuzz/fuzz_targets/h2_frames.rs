//! A connection of HTTP/2 that is fed with any bytes, in both roles: it ends or goes on, but how the bytes are cut makes
//! no difference, what it sends is whole frames, and what it tells is bounded by what it was sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::h2::frame::{FrameHead, HEAD, PREFACE};
use nethttp::h2::{EngineConfig, Engine, Event, RequestHead};

fn make(server: bool, small: bool) -> Engine {
    let mut config = if server { EngineConfig::server() } else { EngineConfig::client() };
    if small {
        config.stream_window = 50;
        config.max_header_list = 300;
        config.max_streams = 3;
        config.max_control = 20;
        config.max_wasted = 5;
        config.max_idle_frames = 50;
    }
    if server {
        return Engine::server(config);
    }
    let mut e = Engine::client(config);
    for method in [&b"GET"[..], b"HEAD", b"CONNECT"] {
        let (scheme, path): (&[u8], &[u8]) = if method == b"CONNECT" { (b"", b"") } else { (b"https", b"/") };
        e.request(&RequestHead { method, scheme, authority: b"h", path, protocol: b"" }, [], true)
            .expect("open");
    }
    e
}

/// run tells what came, data joined, and what was sent.
fn run<'a>(server: bool, small: bool, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Vec<u8>) {
    let mut e = make(server, small);
    let (mut told, mut data): (Vec<String>, Vec<(u32, Vec<u8>)>) = (Vec::new(), Vec::new());
    if server {
        e.recv(PREFACE, &mut Vec::new());
    }
    for piece in pieces {
        let mut events = Vec::new();
        e.recv(piece, &mut events);
        for event in events {
            match event {
                Event::Data { id, range, end } => {
                    match data.iter_mut().find(|d| d.0 == id) {
                        Some(d) => d.1.extend_from_slice(&piece[range]),
                        None => data.push((id, piece[range].to_vec())),
                    }
                    if end {
                        told.push(format!("end {id}"));
                    }
                }
                Event::Headers { id, head, end } => {
                    for f in head.header.fields() {
                        let store = head.header.store();
                        assert_eq!(store.cstr(f.value).to_bytes(), store.get(f.value));
                    }
                    told.push(format!("{id} {:?} {} {end}", head.header, head.status));
                    e.recycle(head);
                }
                other => told.push(format!("{other:?}")),
            }
        }
    }
    told.push(format!("{data:?} {:?} {}", e.fault(), e.open_streams()));
    (told, e.output().to_vec())
}

fuzz_target!(|input: &[u8]| {
    let Some((&mode, input)) = input.split_first() else { return };
    let (server, small) = (mode & 1 != 0, mode & 2 != 0);
    let (told, sent) = run(server, small, std::iter::once(input));
    let step = usize::from(mode >> 2) + 1;
    let (told_cut, sent_cut) = run(server, small, input.chunks(step));
    assert_eq!(told.last(), told_cut.last());
    assert_eq!(told.len(), told_cut.len());
    assert_eq!(sent, sent_cut);
    let mut wire = sent.strip_prefix(&PREFACE[..]).unwrap_or(&sent);
    while !wire.is_empty() {
        let head = FrameHead::parse(wire).expect("half a head");
        assert!(head.check(16_384).is_ok());
        wire = &wire[HEAD + head.len as usize..];
    }
    assert!(sent.len() < 4096 + input.len() * 4);
});

//! What a request costs the engine: `cargo test --release --lib h2::tests::speed -- --ignored --nocapture`.

use super::*;
use std::time::Instant;

#[test]
#[ignore = "it measures, and judges nothing"]
fn a_request_and_its_answer() {
    const ROUNDS: usize = 4000;
    const BATCH: usize = 100;
    let mut client = begun(false, EngineConfig { connection_window: 65_535, ..EngineConfig::client() });
    let mut server = begun(true, EngineConfig::server());
    let head = RequestHead {
        method: b"GET",
        scheme: b"https",
        authority: b"www.example.com",
        path: b"/plaintext",
        protocol: b"",
    };
    let asked: [(&[u8], &[u8]); 3] =
        [(b"User-Agent", b"nethttp/0.1.0"), (b"Accept", b"*/*"), (b"Accept-Encoding", b"gzip")];
    let answered: [(&[u8], &[u8]); 3] = [
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Length", b"13"),
        (b"Date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
    ];
    let (mut events, mut wire) = (Vec::new(), Vec::new());
    let (mut ask, mut serve, mut take) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..BATCH {
            client.request(&head, asked, true).unwrap();
        }
        client.take_output(&mut wire);
        ask += begin.elapsed().as_nanos();
        let begin = Instant::now();
        server.recv(&wire, &mut events);
        for event in events.drain(..) {
            let Event::Headers { id, head, .. } = event else { panic!("{event:?}") };
            server.respond(id, 200, answered, false).unwrap();
            assert_eq!(server.send_data(id, b"Hello, World!", true), Ok(13));
            server.recycle(head);
            server.handler_done();
        }
        server.take_output(&mut wire);
        serve += begin.elapsed().as_nanos();
        let begin = Instant::now();
        client.recv(&wire, &mut events);
        for event in events.drain(..) {
            match event {
                Event::Headers { head, .. } => client.recycle(head),
                Event::Data { id, range, .. } => client.release(id, range.len()),
                other => panic!("{other:?}"),
            }
        }
        client.tick(1);
        take += begin.elapsed().as_nanos();
    }
    let each = (ROUNDS * BATCH) as u128;
    println!("ask {} ns, serve {} ns, take the answer {} ns", ask / each, serve / each, take / each);
}

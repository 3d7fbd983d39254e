use super::*;

fn answering(ids: &[u32], priorities: &[&'static str]) -> Engine {
    answering_by(EngineConfig::server(), ids, priorities)
}

fn answering_by(config: EngineConfig, ids: &[u32], priorities: &[&'static str]) -> Engine {
    let mut e = begun(true, config);
    feed(&mut e, &window(0, 1 << 20));
    for (i, &id) in ids.iter().enumerate() {
        match priorities.get(i) {
            Some(p) => feed(&mut e, &headers(id, &with(GET, &[("priority", p)]), true)),
            None => feed(&mut e, &headers(id, GET, true)),
        };
        e.respond(id, 200, [], false).unwrap();
        e.set_pending(id, true);
    }
    e.sent(usize::MAX);
    e
}

/// run sends frames of bodies of `len` bytes in the order of their turns.
fn run(e: &mut Engine, ids: &[u32], len: usize) -> Vec<u32> {
    let mut left: Vec<(u32, usize)> = ids.iter().map(|&id| (id, len)).collect();
    let mut order = Vec::new();
    while let Some((id, max)) = e.next_stream() {
        let (_, left) = left.iter_mut().find(|l| l.0 == id).unwrap();
        let n = max.min(*left);
        *left -= n;
        assert_eq!(e.send_data(id, &vec![0; n], *left == 0), Ok(n));
        order.push(id);
    }
    order
}

#[test]
fn who_is_next() {
    let len = 3 * 16_384;
    let mut e = answering(&[1, 3, 5], &[]);
    assert_eq!(run(&mut e, &[1, 3, 5], len), [1, 3, 5, 1, 3, 5, 1, 3, 5], "without priorities turns");
    let mut e = answering(&[1, 3, 5, 7], &["u=5", "u=1", "u=1", "u=1, i"]);
    assert_eq!(run(&mut e, &[1, 3, 5, 7], len), [3, 3, 3, 5, 5, 5, 7, 7, 7, 1, 1, 1], "the urgent first");
    let mut e = answering(&[1, 3], &["u=1", "u=1"]);
    feed(&mut e, &raw(16, 0, 0, b"\0\0\0\x03u=0"));
    assert_eq!(run(&mut e, &[1, 3], len), [3, 3, 3, 1, 1, 1], "and changed");
    let equals = EngineConfig { ignore_priorities: true, ..EngineConfig::server() };
    let mut e = answering_by(equals, &[1, 3], &["u=5", "u=1"]);
    feed(&mut e, &raw(16, 0, 0, b"\0\0\0\x03u=0"));
    assert_eq!(run(&mut e, &[1, 3], len), [1, 3, 1, 3, 1, 3], "unless that is not to count");
    let mut e = answering(&[1, 3], &[]);
    e.set_pending(1, false);
    feed(&mut e, &rst(3, ErrorCode::CANCEL));
    assert_eq!(e.next_stream(), None);
    e.set_pending(1, true);
    let len = 65_535;
    assert_eq!(run(&mut e, &[1, 3], len + 1), [1; 4], "up to the stream's window");
    feed(&mut e, &window(1, 7));
    assert_eq!(e.next_stream(), Some((1, 7)), "and on when it opens");
}

/// RFC 9218, 7.1: what is said of a stream before it comes counts, more than its own field.
#[test]
fn priorities_that_come_first() {
    let update = |id: u32, value: &str| raw(16, 0, 0, &[&id.to_be_bytes()[..], value.as_bytes()].concat());
    let open = |e: &mut Engine, ids: &[u32]| {
        for &id in ids {
            feed(e, &headers(id, &with(GET, &[("priority", "u=2")]), true));
            e.respond(id, 200, [], false).unwrap();
            e.set_pending(id, true);
        }
        e.sent(usize::MAX);
    };
    let mut e = begun(true, EngineConfig::server());
    feed(&mut e, &[update(3, "u=7"), update(5, "u=1"), update(3, "u=0")].concat());
    open(&mut e, &[1, 3, 5]);
    assert_eq!(run(&mut e, &[1, 3, 5], 20_000), [3, 3, 5, 5, 1, 1], "the last word on each");

    // As many as streams may be open, those that are included.
    let small = || {
        let mut e = begun(true, EngineConfig { max_streams: 3, ..EngineConfig::server() });
        open(&mut e, &[1]);
        e
    };
    let two = [update(5, "u=1"), update(7, "u=1"), update(5, "u=3"), update(1, "u=4")].concat();
    check("in bounds", &small, &two, "");
    check(
        "one too many",
        &small,
        &[two.clone(), update(9, "")].concat(),
        "closed PROTOCOL_ERROR\nGOAWAY 1 PROTOCOL_ERROR",
    );
    // A stream that was left out will not come, and one that came is counted once.
    let mut e = small();
    feed(&mut e, &[update(3, ""), update(5, "")].concat());
    open(&mut e, &[5]);
    assert_eq!(feed(&mut e, &update(7, "u=0")), "");
    assert_eq!(feed(&mut e, &update(9, "")), "closed PROTOCOL_ERROR\n");
    // Who has not seen the bound yet is not to blame.
    let mut e = Engine::server(EngineConfig { max_streams: 1, ..EngineConfig::server() });
    let early = [&PREFACE[..], &settings(&[]), &update(1, ""), &update(3, "u=0")].concat();
    assert_eq!(feed(&mut e, &early), "settings\n");
    let mut e =
        begun(true, EngineConfig { max_streams: 1, ignore_priorities: true, ..EngineConfig::server() });
    assert_eq!(feed(&mut e, &[update(1, ""), update(3, "u=0")].concat()), "", "or where none counts");
}

#[test]
fn the_order_of_a_message() {
    let mut e = begun(true, EngineConfig::server());
    feed(&mut e, &headers(1, GET, true));
    assert_eq!(e.send_data(1, b"x", false), Err(SendError::WrongState));
    assert_eq!(e.send_trailers(1, []), Err(SendError::WrongState));
    for (status, end) in [(101, false), (99, true), (1000, true), (103, true)] {
        assert_eq!(e.respond(1, status, [], end), Err(SendError::WrongState));
    }
    let link: [(&[u8], &[u8]); 1] = [(b"Link", b"x")];
    assert_eq!(e.respond(1, 103, link, false), Ok(()));
    assert_eq!(e.respond(1, 200, [], false), Ok(()));
    assert_eq!(e.respond(1, 200, [], false), Err(SendError::WrongState));
    assert_eq!(e.send_data(1, b"body", false), Ok(4));
    let trailer: [(&[u8], &[u8]); 3] = [(b"X-Sum", b"8"), (b"Content-Length", b"9"), (b":status", b"500")];
    assert_eq!(e.send_trailers(1, trailer), Ok(()));
    assert_eq!(e.send_data(1, b"x", false), Err(SendError::StreamClosed));
    assert_eq!(e.send_data(7, b"x", false), Err(SendError::StreamClosed));
    assert_eq!(
        frames(e.output(), &mut Decoder::new()),
        "HEADERS 1 :status=103 link=x\nHEADERS 1 :status=200\nDATA 1 body\nHEADERS 1 x-sum=8 end\n"
    );
    let mut e = begun(true, EngineConfig::server());
    feed(&mut e, &headers(1, POST, false));
    e.respond(1, 200, [], false).unwrap();
    e.sent(usize::MAX);
    e.send_trailers(1, trailer.into_iter().skip(1)).unwrap();
    // The request goes on; the server may leave it (8.1).
    e.reset(1, ErrorCode::NO_ERROR);
    e.reset(1, ErrorCode::NO_ERROR);
    assert_eq!(frames(e.output(), &mut Decoder::new()), "DATA 1  end\nRST_STREAM 1 NO_ERROR\n");
}

#[test]
fn large_lists_are_cut_into_frames() {
    let mut e = begun(true, EngineConfig::server());
    feed(&mut e, &headers(1, GET, true));
    let values: Vec<String> = (0..50).map(|i| format!("{i}{}", "\x7e\\{".repeat(400))).collect();
    let fields: Vec<(&[u8], &[u8])> = values.iter().map(|v| (&b"x-long"[..], v.as_bytes())).collect();
    e.respond(1, 200, fields.iter().copied(), true).unwrap();
    let (mut wire, mut kinds, mut block) = (e.output(), Vec::new(), Vec::new());
    while let Some(head) = FrameHead::parse(wire) {
        let (payload, rest) = wire[HEAD..].split_at(head.len as usize);
        kinds.push((head.kind, head.flags, payload.len()));
        block.extend_from_slice(payload);
        wire = rest;
    }
    assert_eq!(kinds[..2], [(kind::HEADERS, flag::END_STREAM, 16_384), (kind::CONTINUATION, 0, 16_384)]);
    assert_eq!(kinds.last().map(|k| (k.0, k.1)), Some((kind::CONTINUATION, flag::END_HEADERS)));
    let mut count = 0;
    Decoder::new().decode(&block, &mut Header::new(), usize::MAX, |_, _, _| count += 1).unwrap();
    assert_eq!(count, 51);
    // And another engine takes them.
    let mut c = opened(&["GET"]);
    let wire = e.output().to_vec();
    assert!(feed(&mut c, &wire).starts_with("headers 1 status=200 x-long: 0"));
}

#[test]
fn buffers_are_exchanged() {
    let mut e = Engine::client(EngineConfig::client());
    let mut buffer = Vec::from(b"old");
    e.take_output(&mut buffer);
    assert!(buffer.starts_with(PREFACE) && e.output().is_empty());
    e.ping(*b"12345678");
    e.sent(9);
    assert_eq!(e.output(), b"12345678");
    e.sent(1000);
    assert!(e.output().is_empty());
}

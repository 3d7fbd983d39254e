//! Attacks: each ends with the connection, or is bounded.

use super::*;

/// until_calm feeds frames until the connection ends, and says after how many. The output is taken as it comes, so that
/// it is not what ends it.
fn until_calm(e: &mut Engine, mut next: impl FnMut(&mut Engine, u32) -> Vec<u8>) -> u32 {
    for i in 0..100_000 {
        let input = next(e, i);
        let got = feed(e, &input);
        if got.contains("closed") {
            assert!(got.ends_with("closed ENHANCE_YOUR_CALM\n"), "{got}");
            assert_eq!(e.fault().map(|f| f.code), Some(ErrorCode::ENHANCE_YOUR_CALM));
            return i;
        }
        e.sent(usize::MAX);
    }
    panic!("it goes on for ever");
}

fn idle(frame: Vec<u8>) -> u32 {
    let mut e = begun(true, EngineConfig { max_idle_frames: 1000, ..EngineConfig::server() });
    feed(&mut e, &headers(1, POST, false));
    until_calm(&mut e, |_, _| frame.clone())
}

#[test]
fn frames_that_carry_nothing() {
    for (name, frame) in [
        ("pings", raw(kind::PING, 0, 0, &[0; 8])),
        ("pongs", raw(kind::PING, 1, 0, &[0; 8])),
        ("settings", settings(&[])),
        ("settings of windows", settings(&[(4, 5)])),
        ("empty data", data(1, b"", false)),
        ("padding", raw(kind::DATA, flag::PADDED, 1, &[3, 0, 0, 0])),
        ("priorities", raw(kind::PRIORITY, 0, 3, &[0; 5])),
        ("priority updates", raw(16, 0, 0, &[0, 0, 0, 1])),
        ("unknown", raw(200, 0, 0, b"")),
        ("windows", window(1, 1)),
        ("windows of the connection", window(0, 1)),
        ("farewells", raw(kind::GOAWAY, 0, 0, &[0; 8])),
        ("short priorities", raw(kind::PRIORITY, 0, 9, &[0; 4])),
    ] {
        let n = idle(frame);
        assert!((990..=1000).contains(&n), "{name}: {n}");
    }
}

/// RFC 9113, 5.1: what was under way behind our reset is ignored, in frames of any size, and the windows are kept right.
#[test]
fn data_behind_our_own_reset_is_no_flood() {
    for server in [true, false] {
        let config = if server { EngineConfig::server() } else { EngineConfig::client() };
        let window = config.stream_window as usize;
        let mut e =
            begun(server, EngineConfig { max_idle_frames: 100, connection_window: 1 << 20, ..config });
        let (mut came, mut given) = (0, 0);
        for i in 0..300u32 {
            let id = 2 * i + 1;
            if server {
                feed(&mut e, &headers(id, POST, false));
                e.handler_done();
            } else {
                let head = RequestHead { method: b"GET", path: b"/", ..RequestHead::default() };
                e.request(&head, [], true).unwrap();
                feed(&mut e, &headers(id, OK, false));
            }
            e.reset(id, ErrorCode::CANCEL);
            e.sent(usize::MAX);
            let n = window.min(20_000);
            let input = [data(id, &[0; 100], false).repeat(n / 100), data(id, b"", true)].concat();
            feed(&mut e, &input);
            came += n;
            let told = frames(e.output(), &mut Decoder::new());
            let credits = told.lines().filter_map(|l| l.strip_prefix("WINDOW_UPDATE 0 "));
            given += credits.map(|n| n.parse::<usize>().unwrap()).sum::<usize>();
            e.sent(usize::MAX);
            assert!(!e.is_dead(), "server {server}, stream {id}: {:?}", e.fault());
        }
        assert!(given <= came && came - given < 1 << 20, "{came} came, {given} were given back");
    }
}

/// What the windows did not allow is none that was under way: it costs the peer its connection at last.
#[test]
fn data_on_streams_long_closed_is_a_flood() {
    let config = EngineConfig { max_idle_frames: 100, stream_window: 65_535, ..EngineConfig::server() };
    let mut e = begun(true, config);
    feed(&mut e, &headers(1, POST, false));
    e.reset(1, ErrorCode::CANCEL);
    let n = until_calm(&mut e, |_, _| data(1, &[0; 1000], false));
    assert!((65 + 100..=65 + 105).contains(&n), "{n}");
    // Nothing can be under way on a stream whose end came.
    let mut e = begun(true, EngineConfig { max_idle_frames: 100, ..EngineConfig::server() });
    feed(&mut e, &headers(1, POST, true));
    e.reset(1, ErrorCode::CANCEL);
    let n = until_calm(&mut e, |_, _| data(1, b"x", false));
    assert!((100..=105).contains(&n), "{n}");
}

/// A body may follow a request that is refused.
#[test]
fn bodies_of_refused_requests() {
    let mut e = begun(true, EngineConfig { max_streams: 1, max_idle_frames: 100, ..EngineConfig::server() });
    feed(&mut e, &headers(1, POST, false));
    for i in 1..20u32 {
        feed(&mut e, &[headers(2 * i + 1, POST, false), data(2 * i + 1, b"x", false).repeat(1000)].concat());
        e.sent(usize::MAX);
        assert!(!e.is_dead(), "{:?}", e.fault());
    }
}

#[test]
fn useful_frames_and_time_pay_for_others() {
    let config = EngineConfig { max_idle_frames: 100, ..EngineConfig::server() };
    let mut e = begun(true, config.clone());
    for i in 0..1000u32 {
        feed(&mut e, &headers(2 * i + 1, GET, true));
        let mut events = Vec::new();
        e.recv(&window(0, 1).repeat(10), &mut events);
        e.respond(2 * i + 1, 200, [], true).unwrap();
        e.handler_done();
        e.sent(usize::MAX);
    }
    assert!(!e.is_dead());
    let mut e = begun(true, config);
    for _ in 0..1000 {
        feed(&mut e, &raw(kind::PING, 0, 0, &[0; 8]).repeat(50));
        e.tick(1);
        e.sent(usize::MAX);
    }
    assert!(!e.is_dead());
}

/// A peer that makes us answer and does not read (CVE-2019-9512, -9515, Go's queue of control frames).
#[test]
fn answers_that_nobody_reads() {
    let malformed = |i: u32| headers(2 * i + 3, &GET[1..], true);
    let resets: Vec<u8> = (0..101).flat_map(malformed).collect();
    for flood in [raw(kind::PING, 0, 0, &[0; 8]).repeat(101), settings(&[]).repeat(101), resets] {
        let mut e = begun(true, EngineConfig { max_control: 100, ..EngineConfig::server() });
        feed(&mut e, &headers(1, GET, true));
        e.respond(1, 200, [], true).unwrap();
        e.sent(usize::MAX);
        let got = feed(&mut e, &flood);
        assert!(got.ends_with("closed ENHANCE_YOUR_CALM\n"), "{got}");
        assert!(e.output().len() < 4000);
    }
}

#[test]
fn rapid_resets() {
    let config = EngineConfig { max_wasted: 100, ..EngineConfig::server() };
    let mut e = begun(true, config.clone());
    let n = until_calm(&mut e, |e, i| {
        e.handler_done();
        [headers(2 * i + 1, GET, true), rst(2 * i + 1, ErrorCode::CANCEL)].concat()
    });
    assert_eq!(n, 100);
    // Who answers first has not worked for nothing: event streams end like this.
    let mut e = begun(true, config.clone());
    for i in 0..1000u32 {
        feed(&mut e, &headers(2 * i + 1, GET, true));
        e.respond(2 * i + 1, 200, [], false).unwrap();
        e.handler_done();
        feed(&mut e, &rst(2 * i + 1, ErrorCode::CANCEL));
    }
    assert!(!e.is_dead());
    // Every other request answered: that goes on, too.
    let mut e = begun(true, config);
    for i in 0..1000u32 {
        feed(&mut e, &[headers(4 * i + 1, GET, true), headers(4 * i + 3, GET, true)].concat());
        e.respond(4 * i + 1, 200, [], true).unwrap();
        feed(&mut e, &rst(4 * i + 3, ErrorCode::CANCEL));
        e.handler_done();
        e.handler_done();
        e.sent(usize::MAX);
    }
    assert!(!e.is_dead());
}

/// Handlers of streams that were reset still run: Go lets four times as many wait as may be open (CVE-2023-44487).
#[test]
fn handlers_that_pile_up() {
    let mut e = begun(true, EngineConfig { max_streams: 10, ..EngineConfig::server() });
    let n = until_calm(&mut e, |_, i| {
        [headers(2 * i + 1, GET, true), rst(2 * i + 1, ErrorCode::CANCEL)].concat()
    });
    assert_eq!(n, 50);
}

/// Made-you-reset (CVE-2025-8671): the peer has us reset the streams.
#[test]
fn made_you_reset() {
    let long = [("content-length", "1")];
    type Way<'a> = (&'a str, &'a dyn Fn(u32) -> Vec<u8>);
    let ways: [Way<'_>; 8] = [
        ("a window of nothing", &|id| [headers(id, GET, true), window(id, 0)].concat()),
        ("a window of 2^31", &|id| [headers(id, GET, true), window(id, frame::MAX_31)].concat()),
        ("data behind the end", &|id| [headers(id, GET, true), data(id, b"", true)].concat()),
        ("headers behind the end", &|id| [headers(id, GET, true), headers(id, GET, true)].concat()),
        ("a length that is wrong", &|id| {
            [headers(id, &with(POST, &long), false), data(id, b"xy", true)].concat()
        }),
        ("a short priority", &|id| [headers(id, GET, true), raw(kind::PRIORITY, 0, id, &[0; 4])].concat()),
        ("a stream on itself", &|id| {
            [headers(id, GET, true), raw(kind::PRIORITY, 0, id, &[&id.to_be_bytes()[..], &[0]].concat())]
                .concat()
        }),
        ("malformed", &|id| headers(id, &GET[1..], true)),
    ];
    for (name, way) in ways {
        let mut e = begun(true, EngineConfig { max_wasted: 100, ..EngineConfig::server() });
        let n = until_calm(&mut e, |e, i| {
            e.handler_done();
            way(2 * i + 1)
        });
        assert!((100..=101).contains(&n), "{name}: {n}");
    }
}

#[test]
fn more_streams_than_may_be_open() {
    let mut e = begun(true, EngineConfig { max_streams: 2, max_wasted: 50, ..EngineConfig::server() });
    let three = [headers(1, GET, true), headers(3, GET, true), headers(5, GET, true)].concat();
    assert_eq!(feed(&mut e, &three).lines().count(), 2);
    assert_eq!(frames(e.output(), &mut Decoder::new()), "RST_STREAM 5 REFUSED_STREAM\n");
    e.respond(1, 200, [], true).unwrap();
    assert_eq!(feed(&mut e, &headers(7, GET, true)), "headers 7 method=GET path=/ authority=h end\n");
    let n = until_calm(&mut e, |_, i| headers(2 * i + 9, GET, true));
    assert!((49..=51).contains(&n), "{n}");
}

/// CVE-2024-27316 and its like.
#[test]
fn continuation_without_end() {
    let begin = || {
        let mut e = begun(true, EngineConfig { max_header_list: 1000, ..EngineConfig::server() });
        feed(&mut e, &raw(kind::HEADERS, 0, 1, &block(GET)));
        e
    };
    let mut e = begin();
    assert_eq!(until_calm(&mut e, |_, _| raw(kind::CONTINUATION, 0, 1, b"")), 8);
    let mut e = begin();
    assert_eq!(until_calm(&mut e, |_, _| raw(kind::CONTINUATION, 0, 1, b"\x82")), 1000);
    let mut e = begin();
    let field = block(&[("a", "b")]).repeat(4000);
    assert_eq!(until_calm(&mut e, |_, _| raw(kind::CONTINUATION, 0, 1, &field[..16_000])), 4);
}

/// A bomb of 250 streams that name one large field again and again: what is held is bounded.
#[test]
fn header_bombs() {
    let mut e = begun(true, EngineConfig::server());
    let mut bomb = block(GET);
    bomb.extend(b"\x40\x01a\x7f\xef\x1d");
    bomb.extend([b'v'; 3950]);
    bomb.extend([0xbe; 200]);
    let (mut events, mut held, mut refused) = (Vec::new(), 0, 0);
    for i in 0..250u32 {
        events.clear();
        let input = if i == 0 { bomb.clone() } else { [block(GET), vec![0xbe; 200]].concat() };
        e.recv(&raw(kind::HEADERS, 5, 2 * i + 1, &input), &mut events);
        for event in &events {
            let Event::Headers { head, .. } = event else { panic!("{event:?}") };
            held += head.header.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
        }
        refused += usize::from(events.is_empty());
    }
    assert!(held < 5 << 20, "{held}");
    assert!(refused > 200, "{refused}");
}

/// A head has no more fields than in HTTP/1.
#[test]
fn more_fields_than_a_head_may_have() {
    for (server, most) in [(true, 500), (false, 5000)] {
        let mut e = if server { begun(true, EngineConfig::server()) } else { opened(&["GET", "GET"]) };
        for (id, n) in [(1, most), (3, most + 1)] {
            let mut fields = block(if server { GET } else { OK });
            fields.extend(block(&[("a", "b")]).repeat(n));
            let frames = [raw(kind::HEADERS, flag::END_STREAM, id, &fields[..16_000.min(fields.len())])];
            let rest = fields.get(16_000..).unwrap_or_default();
            let last = raw(kind::CONTINUATION, flag::END_HEADERS, id, rest);
            let got = feed(&mut e, &[&frames[0][..], &last].concat());
            assert_eq!(got.contains(" too large"), n > most, "server {server}, {n}: {}", got.len());
        }
        assert!(!e.is_dead());
    }
}

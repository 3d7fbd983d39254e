use super::*;

/// posted is a server that has answered a request's head, and has a window of `n` to send.
fn posted(n: u32) -> Engine {
    let mut e = begun(true, EngineConfig::server());
    feed(&mut e, &settings(&[(4, n)]));
    feed(&mut e, &headers(1, POST, false));
    e.respond(1, 200, [], false).unwrap();
    e.sent(usize::MAX);
    e
}

#[test]
fn sending_stops_where_windows_do() {
    let mut e = posted(10);
    assert_eq!(e.window(1), 10);
    assert_eq!(e.send_data(1, b"0123456789ab", true), Ok(10));
    assert_eq!(e.send_data(1, b"ab", true), Ok(0));
    assert_eq!(frames(e.output(), &mut Decoder::new()), "DATA 1 0123456789\n");
    e.sent(usize::MAX);
    assert_eq!(feed(&mut e, &window(1, 1)), "window 1\n");
    assert_eq!(e.send_data(1, b"ab", true), Ok(1));
    // A smaller initial window makes it negative, and it opens only above zero (6.9.2).
    assert_eq!(feed(&mut e, &settings(&[(4, 5)])), "settings\n");
    assert_eq!(feed(&mut e, &window(1, 5)), "");
    assert_eq!(feed(&mut e, &settings(&[(4, 6)])), "window 1\nsettings\n");
    e.sent(usize::MAX);
    assert_eq!(e.send_data(1, b"b", true), Ok(1));
    assert_eq!(frames(e.output(), &mut Decoder::new()), "DATA 1 b end\n");
    assert_eq!(e.send_data(1, b"", true), Err(SendError::WrongState));
    assert_eq!(e.window(3), 0);
}

#[test]
fn the_connections_window() {
    let mut e = posted(1 << 20);
    assert_eq!(e.window(1), 65_535);
    let body = vec![b'x'; 100_000];
    assert_eq!(e.send_data(1, &body, true), Ok(65_535));
    assert_eq!(e.window(1), 0);
    let sent = frames(e.output(), &mut Decoder::new());
    let lens: Vec<usize> = sent.lines().map(|l| l.len() - "DATA 1 ".len()).collect();
    assert_eq!(lens, [16_384, 16_384, 16_384, 16_383]);
    assert_eq!(feed(&mut e, &window(0, 1)), "window 0\n");
    assert_eq!(e.window(1), 1);
    assert_eq!(feed(&mut e, &settings(&[(5, 20_000)])), "settings\n");
    feed(&mut e, &window(0, 40_000));
    e.sent(usize::MAX);
    e.send_data(1, &body, false).unwrap();
    assert_eq!(&e.output()[..4], &[0, 78, 32, 0], "a frame of 20000 bytes");
}

#[test]
fn overflows() {
    let begun = || posted(10);
    check("by nothing", &begun, &window(1, 0), "reset 1 PROTOCOL_ERROR\nRST_STREAM 1 PROTOCOL_ERROR");
    check("to 2^31-1", &begun, &window(1, frame::MAX_31 - 10), "");
    let over = "reset 1 FLOW_CONTROL_ERROR\nRST_STREAM 1 FLOW_CONTROL_ERROR";
    check("to 2^31", &begun, &window(1, frame::MAX_31 - 9), over);
    let input = [window(1, frame::MAX_31 - 10), settings(&[(4, 11)])].concat();
    check("by a setting", &begun, &input, "closed FLOW_CONTROL_ERROR\nGOAWAY 1 FLOW_CONTROL_ERROR");
}

#[test]
fn receiving_within_windows() {
    let config = EngineConfig { stream_window: 100, connection_window: 65_535, ..EngineConfig::server() };
    let posted = || {
        let mut e = begun(true, config.clone());
        feed(&mut e, &headers(1, POST, false));
        e
    };
    let full = data(1, &[b'x'; 100], false);
    let got = format!("data 1 {}\n", "x".repeat(100));
    check("the window", &posted, &full, &got);
    let over = "reset 1 FLOW_CONTROL_ERROR\nRST_STREAM 1 FLOW_CONTROL_ERROR";
    check("one more", &posted, &[full.clone(), data(1, b"y", false)].concat(), &format!("{got}{over}"));
    let mut e = posted();
    feed(&mut e, &full);
    e.release(1, 49);
    assert!(e.output().is_empty());
    e.release(1, 1);
    assert_eq!(frames(e.output(), &mut Decoder::new()), "WINDOW_UPDATE 1 50\n");
    e.sent(usize::MAX);
    assert_eq!(feed(&mut e, &data(1, &[b'x'; 50], true)).lines().count(), 1);
    e.release(1, 100);
    assert!(e.output().is_empty(), "a body that has ended needs no window");
    // Padding is nobody's to consume: it comes back by itself.
    let mut e = posted();
    let padded = raw(kind::DATA, flag::PADDED, 1, &[&[80][..], &[0; 80]].concat());
    assert_eq!(feed(&mut e, &padded), "");
    assert_eq!(frames(e.output(), &mut Decoder::new()), "WINDOW_UPDATE 1 81\n");
}

/// The peer has 65535 until it has seen a smaller setting (6.9.2).
#[test]
fn a_smaller_window_holds_once_it_is_acknowledged() {
    let mut e = Engine::server(EngineConfig { stream_window: 10, ..EngineConfig::server() });
    feed(
        &mut e,
        &[&PREFACE[..], &settings(&[]), &headers(1, POST, false), &data(1, &[b'x'; 60], false)].concat(),
    );
    assert_eq!(e.open_streams(), 1);
    feed(&mut e, &raw(kind::SETTINGS, flag::ACK, 0, b""));
    assert_eq!(feed(&mut e, &data(1, b"x", false)), "reset 1 FLOW_CONTROL_ERROR\n");
}

/// Data of streams that are gone counts in the connection's window, and comes back by itself.
#[test]
fn the_connections_window_outlives_streams() {
    let mut e = begun(true, EngineConfig { connection_window: 65_535, ..EngineConfig::server() });
    let mut told = 0;
    for i in 0..100u32 {
        let id = 2 * i + 1;
        feed(&mut e, &headers(id, POST, false));
        e.reset(id, ErrorCode::CANCEL);
        feed(&mut e, &data(id, &[0; 10_000], false));
        told += frames(e.output(), &mut Decoder::new()).matches("WINDOW_UPDATE 0").count();
        e.sent(usize::MAX);
    }
    assert!(told > 20 && !e.is_dead(), "{told}");
    let mut e = begun(true, EngineConfig { connection_window: 65_535, ..EngineConfig::server() });
    feed(&mut e, &headers(1, POST, false));
    let piece = data(1, &[0; 13_107], false);
    assert_eq!(feed(&mut e, &piece.repeat(5)).lines().count(), 1);
    assert_eq!(feed(&mut e, &data(1, b"x", false)), "closed FLOW_CONTROL_ERROR\n");
}

use super::*;

#[test]
fn a_connection_begins() {
    let server = || Engine::server(EngineConfig::server());
    let hello = "SETTINGS [0, 4, 0, 16, 0, 0, 0, 5, 0, 0, 64, 0, 0, 6, 0, 16, 0, 0, 0, 1, 0, 0, 16, 0, 0, 3, 0, 0, 0, 250, \
         0, 9, 0, 0, 0, 1]\nWINDOW_UPDATE 0 983041\n";
    let case = |name: &str, input: &[&[u8]], want: &str, after: &str| {
        check(name, &server, &input.concat(), &format!("{want}{hello}{after}"));
    };
    let ours = settings(&[(4, 100)]);
    case("settings", &[PREFACE, &ours], "settings\n", "SETTINGS ack");
    case("no preface", &[b"GET / HTTP/1.1\r\n\r\n"], "closed PROTOCOL_ERROR\n", "GOAWAY 0 PROTOCOL_ERROR");
    case(
        "a wrong end",
        &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"],
        "closed PROTOCOL_ERROR\n",
        "GOAWAY 0 PROTOCOL_ERROR",
    );
    case(
        "no settings",
        &[PREFACE, &headers(1, GET, true)],
        "closed PROTOCOL_ERROR\n",
        "GOAWAY 0 PROTOCOL_ERROR",
    );
    let ack = raw(kind::SETTINGS, flag::ACK, 0, b"");
    case("an ack first", &[PREFACE, &ack], "closed PROTOCOL_ERROR\n", "GOAWAY 0 PROTOCOL_ERROR");
    case(
        "two acks",
        &[PREFACE, &ours, &ack, &ack],
        "settings\nclosed PROTOCOL_ERROR\n",
        "SETTINGS ack\nGOAWAY 0 PROTOCOL_ERROR",
    );
}

#[test]
fn requests() {
    let got = "headers 1 method=GET path=/ authority=h end";
    server_case("get", &[headers(1, GET, true)], got);
    server_case(
        "post",
        &[
            headers(1, &with(POST, &[("content-length", "5")]), false),
            data(1, b"he", false),
            data(1, b"llo", true),
        ],
        "headers 1 method=POST path=/ authority=h content-length: 5\ndata 1 hello end",
    );
    server_case(
        "an end of its own",
        &[headers(1, POST, false), data(1, b"x", false), data(1, b"", true)],
        "headers 1 method=POST path=/ authority=h\ndata 1 x end",
    );
    server_case(
        "a trailer, of which only what may be there",
        &[
            headers(1, POST, false),
            data(1, b"x", false),
            headers(1, &[("x-sum", "8"), ("host", "evil")], true),
        ],
        "headers 1 method=POST path=/ authority=h\ndata 1 x\ntrailers 1 x-sum: 8",
    );
    let b = block(GET);
    let (one, two) = b.split_at(7);
    server_case(
        "continuation, padding and priority",
        &[
            raw(kind::HEADERS, 0x29, 1, &[&[2, 0, 0, 0, 3, 9][..], one, &[0, 0]].concat()),
            raw(kind::CONTINUATION, 0, 1, b""),
            raw(kind::CONTINUATION, flag::END_HEADERS, 1, two),
            raw(kind::PRIORITY, 0, 1, &[0, 0, 0, 9, 1]),
            raw(0xbe, 0xff, 77, b"unknown"),
        ],
        got,
    );
    server_case(
        "padded data",
        &[headers(1, POST, false), raw(kind::DATA, flag::PADDED | flag::END_STREAM, 1, b"\x03hey\0\0\0")],
        "headers 1 method=POST path=/ authority=h\ndata 1 hey end",
    );
    server_case(
        "host instead of :authority, and crumbs",
        &[headers(
            1,
            &with(
                &GET[..3],
                &[("host", "a:1"), ("cookie", "a=b"), ("x", "y"), ("cookie", "c=d"), ("te", "trailers")],
            ),
            true,
        )],
        "headers 1 method=GET path=/ authority=a:1 host: a:1 cookie: a=b; c=d x: y te: trailers end",
    );
    server_case(
        "connect and options",
        &[
            headers(1, &[(":method", "CONNECT"), (":authority", "h:443")], false),
            headers(
                3,
                &[
                    (":method", "OPTIONS"),
                    (":scheme", "http"),
                    (":path", "*"),
                    (":authority", "H"),
                    ("host", "h"),
                ],
                true,
            ),
        ],
        "headers 1 method=CONNECT authority=h:443\nheaders 3 method=OPTIONS path=* authority=H host: h end",
    );
    server_case("a ping", &[raw(kind::PING, 0, 0, b"12345678")], "PING 1 12345678");
    server_case("a pong", &[raw(kind::PING, 1, 0, b"12345678")], "pong 12345678");
    server_case(
        "a farewell",
        &[raw(kind::GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\x02bye")],
        "goaway 0 INTERNAL_ERROR bye",
    );
    server_case(
        "a reset",
        &[headers(1, GET, true), rst(1, ErrorCode::CANCEL), rst(1, ErrorCode::CANCEL), window(1, 1)],
        &format!("{got}\nreset 1 CANCEL by peer"),
    );
}

/// RFC 9113, 8.1.1: each of these is a stream error of type PROTOCOL_ERROR, and the connection lives.
#[test]
fn malformed_requests() {
    let long = [("content-length", "5")];
    let lists: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("nothing", vec![]),
        ("no method", GET[1..].to_vec()),
        ("no scheme", [&GET[..1], &GET[2..]].concat()),
        ("no path", [&GET[..2], &GET[3..]].concat()),
        ("no host", GET[..3].to_vec()),
        ("an empty host", with(&GET[..3], &[(":authority", "")])),
        ("userinfo", with(&GET[..3], &[(":authority", "u@h")])),
        ("two views of the host", with(GET, &[("host", "other")])),
        ("two hosts", with(GET, &[("host", "h"), ("host", "h")])),
        ("a method twice", with(&[GET[0]], GET)),
        ("a path twice", with(&[GET[2]], GET)),
        ("a pseudo-field behind", with(&[("x", "y")], GET)),
        ("an unknown pseudo-field", with(GET, &[(":x", "y")])),
        (":status", with(GET, &[(":status", "200")])),
        (":protocol", with(GET, &[(":protocol", "websocket")])),
        ("a method that is none", with(&[(":method", "G T")], &GET[1..])),
        ("an empty path", with(&[GET[0], GET[1], (":path", "")], &[GET[3]])),
        ("a path without a slash", with(&[GET[0], GET[1], (":path", "x")], &[GET[3]])),
        ("a path with a space", with(&[GET[0], GET[1], (":path", "/a b")], &[GET[3]])),
        ("another scheme", with(&[GET[0], (":scheme", "ftp")], &GET[2..])),
        ("connect with a path", with(&[(":method", "CONNECT")], &GET[1..])),
        ("connect without a host", vec![(":method", "CONNECT")]),
        ("upper case", with(GET, &[("X", "y")])),
        ("an empty name", with(GET, &[("", "y")])),
        ("a space in a name", with(GET, &[("a b", "y")])),
        ("a colon in a name", with(GET, &[("a:b", "y")])),
        ("a line break", with(GET, &[("a", "b\r\nc: d")])),
        ("NUL", with(GET, &[("a", "b\0")])),
        ("a space before", with(GET, &[("a", " b")])),
        ("a tab behind", with(GET, &[("a", "b\t")])),
        ("connection", with(GET, &[("connection", "close")])),
        ("keep-alive", with(GET, &[("keep-alive", "5")])),
        ("proxy-connection", with(GET, &[("proxy-connection", "close")])),
        ("upgrade", with(GET, &[("upgrade", "h2c")])),
        ("transfer-encoding", with(GET, &[("transfer-encoding", "chunked")])),
        ("te", with(GET, &[("te", "trailers, gzip")])),
        ("a wrong length", with(GET, &[("content-length", "+5")])),
        ("an empty length", with(GET, &[("content-length", "")])),
        ("two lengths", with(GET, &[("content-length", "5"), ("content-length", "6")])),
        ("a length and no body", with(GET, &long)),
    ];
    for (name, list) in &lists {
        server_case(
            name,
            &[headers(1, list, true), headers(3, GET, true)],
            "headers 3 method=GET path=/ authority=h end\nRST_STREAM 1 PROTOCOL_ERROR",
        );
    }
    let post = "headers 1 method=POST path=/ authority=h content-length: 5\n";
    let broken = "reset 1 PROTOCOL_ERROR\nRST_STREAM 1 PROTOCOL_ERROR";
    let begin = headers(1, &with(POST, &long), false);
    server_case("too much", &[begin.clone(), data(1, b"hello!", false)], &format!("{post}{broken}"));
    let some = format!("{post}data 1 hell\n{broken}");
    server_case("too little", &[begin.clone(), data(1, b"hell", true)], &some);
    server_case(
        "too little, and a trailer",
        &[begin.clone(), headers(1, &[], true)],
        &format!("{post}{broken}"),
    );
    let post = "headers 1 method=POST path=/ authority=h\n";
    let begin = headers(1, POST, false);
    server_case(
        "a trailer without end",
        &[begin.clone(), headers(1, &[("a", "b")], false)],
        &format!("{post}{broken}"),
    );
    server_case(
        "a trailer with a path",
        &[begin.clone(), headers(1, &[(":path", "/")], true)],
        &format!("{post}{broken}"),
    );
    let on_itself = raw(kind::HEADERS, 0x25, 1, &[&[0, 0, 0, 1, 9][..], &block(GET)].concat());
    server_case("a stream on itself", &[on_itself], "RST_STREAM 1 PROTOCOL_ERROR");
    server_case(
        "the same, later",
        &[begin, raw(kind::PRIORITY, 0, 1, &[0, 0, 0, 1, 9])],
        &format!("{post}{broken}"),
    );
}

/// What ends the connection, and with which code.
#[test]
fn connection_errors() {
    let post = || headers(1, POST, false);
    let cases: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        ("data on no stream", vec![data(0, b"x", false)], "PROTOCOL_ERROR"),
        ("data on an idle stream", vec![data(1, b"x", false)], "PROTOCOL_ERROR"),
        ("headers on no stream", vec![headers(0, GET, true)], "PROTOCOL_ERROR"),
        ("an even stream", vec![headers(2, GET, true)], "PROTOCOL_ERROR"),
        ("a push", vec![raw(kind::PUSH_PROMISE, 4, 1, &[0; 4])], "PROTOCOL_ERROR"),
        ("a reset of an idle stream", vec![rst(1, ErrorCode::CANCEL)], "PROTOCOL_ERROR"),
        ("a window of an idle stream", vec![window(1, 1)], "PROTOCOL_ERROR"),
        ("a window that does not grow", vec![window(0, 0)], "PROTOCOL_ERROR"),
        ("a window of 2^31", vec![window(0, frame::MAX_31)], "FLOW_CONTROL_ERROR"),
        ("continuation alone", vec![raw(kind::CONTINUATION, 4, 1, b"")], "PROTOCOL_ERROR"),
        (
            "a block that is interrupted",
            vec![raw(kind::HEADERS, 0, 1, b""), raw(kind::PING, 0, 0, &[0; 8])],
            "PROTOCOL_ERROR",
        ),
        (
            "a block that goes on elsewhere",
            vec![raw(kind::HEADERS, 0, 1, b""), raw(kind::CONTINUATION, 4, 3, b"")],
            "PROTOCOL_ERROR",
        ),
        ("headers of no length", vec![raw(kind::HEADERS, flag::PADDED, 1, b"")], "FRAME_SIZE_ERROR"),
        ("padding beyond the frame", vec![raw(kind::HEADERS, flag::PADDED, 1, &[1])], "PROTOCOL_ERROR"),
        ("a large frame", vec![raw(kind::PING, 0, 0, &[0; 16_385])[..9].to_vec()], "FRAME_SIZE_ERROR"),
        ("a large unknown frame", vec![raw(99, 0, 0, &[0; 16_385])[..9].to_vec()], "FRAME_SIZE_ERROR"),
        ("a setting of 5 bytes", vec![raw(kind::SETTINGS, 0, 0, &[0; 5])], "FRAME_SIZE_ERROR"),
        ("settings on a stream", vec![raw(kind::SETTINGS, 0, 1, &[0; 6])], "PROTOCOL_ERROR"),
        ("a wrong setting", vec![settings(&[(2, 2)])], "PROTOCOL_ERROR"),
        ("a window setting", vec![settings(&[(4, 1 << 31)])], "FLOW_CONTROL_ERROR"),
        ("a ping of 7 bytes", vec![raw(kind::PING, 0, 0, &[0; 7])], "FRAME_SIZE_ERROR"),
        ("a priority update of no stream", vec![raw(16, 0, 0, &[0; 4])], "PROTOCOL_ERROR"),
    ];
    for (name, input, code) in cases {
        server_case(name, &input, &format!("closed {code}\nGOAWAY 0 {code}"));
    }
    let begun = "headers 1 method=POST path=/ authority=h\n";
    for (name, frame, code) in [
        ("padded data of no length", raw(kind::DATA, flag::PADDED, 1, b""), "FRAME_SIZE_ERROR"),
        ("padding beyond the data", raw(kind::DATA, flag::PADDED, 1, &[1]), "PROTOCOL_ERROR"),
    ] {
        server_case(name, &[post(), frame], &format!("{begun}closed {code}\nGOAWAY 1 {code}"));
    }
    server_case(
        "no HPACK",
        &[raw(kind::HEADERS, 4, 1, &[0x80])],
        "closed COMPRESSION_ERROR\nGOAWAY 1 COMPRESSION_ERROR",
    );
    // A stream that was skipped is closed (5.1.1).
    server_case(
        "an earlier stream",
        &[headers(3, GET, true), headers(1, GET, true)],
        "headers 3 method=GET path=/ authority=h end\nclosed PROTOCOL_ERROR\nGOAWAY 3 PROTOCOL_ERROR",
    );
}

/// RFC 9113, 5.1: what may come on a half-closed or closed stream.
#[test]
fn states() {
    let get = "headers 1 method=GET path=/ authority=h end\n";
    let closed = "reset 1 STREAM_CLOSED\nRST_STREAM 1 STREAM_CLOSED";
    server_case(
        "data behind the end",
        &[headers(1, GET, true), data(1, b"x", true)],
        &format!("{get}{closed}"),
    );
    server_case(
        "headers behind the end",
        &[headers(1, GET, true), headers(1, GET, true)],
        &format!("{get}{closed}"),
    );
    server_case("a window behind the end", &[headers(1, GET, true), window(1, 5)], get);
    server_case("a priority of an idle stream", &[raw(kind::PRIORITY, 0, 5, &[0, 0, 0, 3, 1])], "");
    server_case(
        "an idle stream that depends on itself",
        &[raw(kind::PRIORITY, 0, 5, &[0, 0, 0, 5, 1])],
        "closed PROTOCOL_ERROR\nGOAWAY 0 PROTOCOL_ERROR",
    );
    server_case("a short priority of an idle stream", &[raw(kind::PRIORITY, 0, 5, &[0; 4])], "");
    server_case(
        "a short priority",
        &[headers(1, GET, true), raw(kind::PRIORITY, 0, 1, &[0; 4])],
        &format!("{get}reset 1 FRAME_SIZE_ERROR\nRST_STREAM 1 FRAME_SIZE_ERROR"),
    );
    let reset = || vec![headers(1, POST, false), rst(1, ErrorCode::CANCEL)];
    let post = "headers 1 method=POST path=/ authority=h\nreset 1 CANCEL by peer\n";
    server_case(
        "data behind a reset",
        &[reset(), vec![data(1, b"x", false)]].concat(),
        &format!("{post}RST_STREAM 1 STREAM_CLOSED"),
    );
    server_case(
        "headers behind a reset",
        &[reset(), vec![headers(1, GET, true)]].concat(),
        &format!("{post}RST_STREAM 1 STREAM_CLOSED"),
    );
    let answered = || {
        let mut e = begun(true, EngineConfig::server());
        feed(&mut e, &headers(1, GET, true));
        e.respond(1, 200, [], true).unwrap();
        assert_eq!(e.open_streams(), 0);
        e.sent(usize::MAX);
        e
    };
    check("late windows and resets", &answered, &[window(1, 1), rst(1, ErrorCode::CANCEL)].concat(), "");
    check("late data", &answered, &data(1, b"x", true), "RST_STREAM 1 STREAM_CLOSED");
    check("late headers", &answered, &headers(1, GET, true), "closed STREAM_CLOSED\nGOAWAY 1 STREAM_CLOSED");
    // After our reset frames may be under way: they are dropped, and the tables stay right.
    let left = || {
        let mut e = begun(true, EngineConfig::server());
        feed(&mut e, &headers(1, POST, false));
        e.reset(1, ErrorCode::CANCEL);
        e.sent(usize::MAX);
        e
    };
    let late =
        [data(1, b"xyz", false), raw(kind::HEADERS, 5, 1, b"\x40\x01a\x01b"), headers(3, GET, true)].concat();
    check("what was under way", &left, &late, "headers 3 method=GET path=/ authority=h end");
}

#[test]
fn extended_connect() {
    let on = || begun(true, EngineConfig { connect_protocol: true, ..EngineConfig::server() });
    let list = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "h"),
    ];
    let ok = "headers 1 method=CONNECT path=/chat authority=h\ndata 1 any";
    check("websocket", &on, &[headers(1, &list, false), data(1, b"any", false)].concat(), ok);
    let without = with(&list[..2], &list[3..]);
    check("no scheme", &on, &headers(1, &without, false), "RST_STREAM 1 PROTOCOL_ERROR");
    let get = with(&[(":method", "GET")], &list[1..]);
    check("not connect", &on, &headers(1, &get, false), "RST_STREAM 1 PROTOCOL_ERROR");
}

#[test]
fn lists_that_are_too_large() {
    let small = || begun(true, EngineConfig { max_header_list: 210, ..EngineConfig::server() });
    let big = with(GET, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
    check(
        "the stream is intact",
        &small,
        &[headers(1, &big, false), data(1, b"x", true)].concat(),
        "headers 1 method=GET path=/ authority=h a: 1 too large\ndata 1 x end",
    );
    let mut e = small();
    feed(&mut e, &headers(1, &big, true));
    assert!(e.respond(1, 431, [], true).is_ok());
    let held = EngineConfig { max_headers_held: 400, ..EngineConfig::server() };
    let input = [headers(1, GET, true), headers(3, GET, true), headers(5, GET, true)].concat();
    let got = "headers 1 method=GET path=/ authority=h end\nheaders 3 method=GET path=/ authority=h end\n";
    check(
        "all of a connection's",
        &|| begun(true, held.clone()),
        &input,
        &format!("{got}RST_STREAM 5 REFUSED_STREAM"),
    );
}

#[test]
fn going_away() {
    let mut e = begun(true, EngineConfig::server());
    feed(&mut e, &headers(1, GET, true));
    e.shutdown();
    assert_eq!(feed(&mut e, &headers(3, GET, true)), "headers 3 method=GET path=/ authority=h end\n");
    assert!(!e.is_drained());
    e.shutdown();
    e.shutdown();
    // A stream that crosses the GOAWAY is not answered, and its frames are no errors.
    let late = [headers(5, POST, false), data(5, b"x", false), headers(5, &[], true), headers(7, GET, true)]
        .concat();
    assert_eq!(feed(&mut e, &late), "");
    for id in [1, 3] {
        e.respond(id, 204, [], true).unwrap();
    }
    assert!(e.is_drained() && !e.is_dead());
    let want = "GOAWAY 2147483647 NO_ERROR\nGOAWAY 3 NO_ERROR\nHEADERS 1 :status=204 end\nHEADERS 3 :status=204 end\n";
    assert_eq!(frames(e.output(), &mut Decoder::new()), want);
    e.close(ErrorCode::INTERNAL_ERROR, "why");
    assert!(e.is_dead() && e.output().ends_with(b"\0\0\0\x03\0\0\0\x02why"));
    assert_eq!(feed(&mut e, &headers(9, GET, true)), "");
    assert_eq!(e.respond(1, 200, [], true), Err(SendError::StreamClosed));
}

#[test]
fn the_end_of_bytes() {
    for (input, code) in [(vec![], "NO_ERROR"), (headers(1, GET, true), "INTERNAL_ERROR")] {
        let mut e = begun(true, EngineConfig::server());
        feed(&mut e, &input);
        let (mut events, mut out) = (Vec::new(), String::new());
        e.eof(&mut events);
        e.eof(&mut events);
        tell(&mut out, events, b"", &mut e);
        assert_eq!(out, format!("closed {code}\n"));
    }
}

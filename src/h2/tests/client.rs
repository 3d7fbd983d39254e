use super::*;

fn case(name: &str, methods: &'static [&'static str], input: &[Vec<u8>], want: &str) {
    check(name, &|| opened(methods), &input.concat(), want);
}

#[test]
fn what_a_client_says() {
    let mut e = Engine::client(EngineConfig::client());
    let head = RequestHead { method: b"GET", scheme: b"https", authority: b"h", path: b"/x", protocol: b"" };
    let fields: [(&[u8], &[u8]); 8] = [
        (b"Accept", b" */* "),
        (b"Host", b"evil"),
        (b"Connection", b"close"),
        (b"Transfer-Encoding", b"chunked"),
        (b"TE", b"gzip"),
        (b"Te", b"Trailers"),
        (b":path", b"/evil"),
        (b"X-Name", b"1"),
    ];
    assert_eq!(e.request(&head, fields, true), Ok(1));
    assert!(e.output().starts_with(PREFACE));
    assert_eq!(
        frames(e.output(), &mut Decoder::new()),
        "SETTINGS [0, 4, 0, 64, 0, 0, 0, 5, 0, 0, 64, 0, 0, 6, 0, 16, 0, 0, 0, 1, 0, 0, 16, 0, 0, 2, 0, 0, 0, 0]\n\
         WINDOW_UPDATE 0 1073676289\n\
         HEADERS 1 :method=GET :scheme=https :authority=h :path=/x accept=*/* te=Trailers x-name=1 end\n"
    );
}

#[test]
fn responses() {
    case(
        "a body and a trailer",
        &["GET"],
        &[
            headers(1, OK, false),
            data(1, b"he", false),
            data(1, b"y", false),
            headers(1, &[("a", "b")], true),
        ],
        "headers 1 status=200\ndata 1 hey\ntrailers 1 a: b",
    );
    case(
        "informational ones",
        &["GET"],
        &[headers(1, &[(":status", "103"), ("link", "x")], false), headers(1, &[(":status", "204")], true)],
        "headers 1 status=103 link: x\nheaders 1 status=204 end",
    );
    let long = [(":status", "200"), ("content-length", "5")];
    case("HEAD", &["HEAD"], &[headers(1, &long, true)], "headers 1 status=200 content-length: 5 end");
    case(
        "304",
        &["GET"],
        &[headers(1, &[(":status", "304"), ("content-length", "5")], true)],
        "headers 1 status=304 content-length: 5 end",
    );
    case(
        "a tunnel",
        &["CONNECT"],
        &[headers(1, &long, false), data(1, b"anything", false)],
        "headers 1 status=200 content-length: 5\ndata 1 anything",
    );
}

#[test]
fn malformed_responses() {
    let bad = |name: &str, methods: &'static [&'static str], input: &[Vec<u8>], before: &str| {
        let want = format!("{before}reset 1 PROTOCOL_ERROR\nRST_STREAM 1 PROTOCOL_ERROR");
        case(name, methods, input, &want);
    };
    for status in ["", "20", "2000", "2x0", "099", "101", "+20"] {
        bad(status, &["GET"], &[headers(1, &[(":status", status)], true)], "");
    }
    bad("no status", &["GET"], &[headers(1, &[("a", "b")], true)], "");
    bad("a request", &["GET"], &[headers(1, GET, true)], "");
    bad("data first", &["GET"], &[data(1, b"x", true)], "");
    bad("103 is no end", &["GET"], &[headers(1, &[(":status", "103")], true)], "");
    let long = [(":status", "200"), ("content-length", "5")];
    let got = "headers 1 status=200 content-length: 5\n";
    bad("too little", &["GET"], &[headers(1, &long, true)], got);
    let some = format!("{got}data 1 hell\n");
    bad("less data", &["GET"], &[headers(1, &long, false), data(1, b"hell", true)], &some);
    bad("too much", &["GET"], &[headers(1, &long, false), data(1, b"123456", true)], got);
    bad("HEAD with a body", &["HEAD"], &[headers(1, &long, false), data(1, b"12345", true)], got);
    let mut many: Vec<Vec<u8>> = (0..101).map(|_| headers(1, &[(":status", "103")], false)).collect();
    many.push(vec![]);
    let mut e = opened(&["GET"]);
    assert!(feed(&mut e, &many.concat()).ends_with("reset 1 PROTOCOL_ERROR\n"));
}

#[test]
fn what_a_server_may_not_do() {
    for (name, frame, code) in [
        ("a push", raw(kind::PUSH_PROMISE, 4, 1, &[0; 8]), "PROTOCOL_ERROR"),
        ("a pushed stream", headers(2, OK, true), "PROTOCOL_ERROR"),
        ("an idle stream", headers(3, OK, true), "PROTOCOL_ERROR"),
        ("a priority update", raw(16, 0, 0, &[0, 0, 0, 1]), "PROTOCOL_ERROR"),
        ("push settings", settings(&[(2, 1)]), "PROTOCOL_ERROR"),
    ] {
        case(name, &["GET"], &[frame], &format!("closed {code}\nGOAWAY 0 {code}"));
    }
}

/// RFC 9113, 6.8 and 8.7: what was not processed may be sent again.
#[test]
fn going_away() {
    let goaway = |last: u32| raw(kind::GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &[0; 4]].concat());
    let mut e = opened(&["GET", "GET", "GET"]);
    assert_eq!(
        feed(&mut e, &[goaway(3), headers(1, OK, true), headers(5, OK, true)].concat()),
        "goaway 3 NO_ERROR \nreset 5 REFUSED_STREAM by peer\nheaders 1 status=200 end\n"
    );
    assert!(!e.can_open() && !e.is_drained());
    assert_eq!(e.request(&RequestHead::default(), [], true), Err(SendError::NoStream));
    // A later one may not take back what an earlier one has said.
    assert_eq!(feed(&mut e, &goaway(5)), "goaway 3 NO_ERROR \n");
    assert_eq!(feed(&mut e, &goaway(1)), "goaway 1 NO_ERROR \nreset 3 REFUSED_STREAM by peer\n");
    assert!(e.is_drained());
    let refused = "reset 1 REFUSED_STREAM by peer";
    case("refused", &["GET"], &[rst(1, ErrorCode::REFUSED_STREAM)], refused);
}

#[test]
fn streams_that_the_server_permits() {
    let mut e = opened(&["GET", "GET"]);
    assert_eq!(feed(&mut e, &settings(&[(3, 2)])), "settings\n");
    assert!(!e.can_open());
    feed(&mut e, &headers(1, OK, true));
    assert!(e.can_open());
    feed(&mut e, &settings(&[(6, 100)]));
    let head = RequestHead { method: b"GET", scheme: b"https", authority: b"h", path: b"/", protocol: b"" };
    assert_eq!(e.request(&head, [], true), Err(SendError::TooLarge));
    feed(&mut e, &settings(&[(6, 1000)]));
    e.sent(usize::MAX);
    assert_eq!(e.request(&head, [], true), Ok(5), "a refusal uses no identifier");
    e.reset(5, ErrorCode::CANCEL);
    assert_eq!(e.open_streams(), 1);
    // Many resets at once: what was under way for the first of them ends no connection.
    feed(&mut e, &settings(&[(3, 1000)]));
    let ids: Vec<u32> = (0..200).map(|_| e.request(&head, [], true).unwrap()).collect();
    ids.iter().for_each(|&id| e.reset(id, ErrorCode::CANCEL));
    let late: Vec<u8> = ids.iter().flat_map(|&id| headers(id, OK, true)).collect();
    assert_eq!(feed(&mut e, &late), "");
    assert!(!e.is_dead());
}

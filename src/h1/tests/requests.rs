use super::*;

fn request(head: &[u8]) -> String {
    let (mut h, len) = placed(head);
    let answer = parse_request(&mut h, BEFORE.len(), len).and_then(|line| {
        sealed(&h, &[line.method, line.target, line.authority]);
        let facts = request_facts(&h, &line)?;
        sealed(&h, &[facts.host]);
        assert!(!facts.expect_continue || facts.framing != Framing::None);
        Ok(format!(
            "200 {} {} {}.{} {:?} {} host={}{}",
            text(&h, line.method),
            text(&h, line.target),
            line.version.major,
            line.version.minor,
            facts.framing,
            if facts.keep_alive { "keep" } else { "close" },
            text(&h, facts.host),
            fields(&h, &CONSUMED),
        ))
    });
    untouched(&h, head, len);
    answer.unwrap_or_else(|r| format!("{} {}", r.status, r.text)).trim().to_owned()
}

#[test]
fn as_go_does() {
    check_table(include_str!("requests.txt"), |_, head| request(head));
}

#[test]
fn a_wrong_first_line_is_seen_early() {
    for bad in ["GET /\r\nHo", "\r\n", "GET / HTTP/1.1\n", "GET /%z HTTP/1.1\r\n"] {
        let mut scan = HeadScan::new();
        scan.find(bad.as_bytes());
        assert!(scan.take_first_line_end() && !scan.take_first_line_end());
        assert_eq!(check_first_line(bad.as_bytes()), Err(Reject::BAD_REQUEST), "{bad:?}");
    }
    assert_eq!(check_first_line(b"GET / HTTP/1.1\r\nHo"), Ok(()));
    let mut scan = HeadScan::new();
    scan.find(b"GET / HTTP/1.1\r");
    assert!(!scan.take_first_line_end());
}

#[test]
fn many_fields() {
    let with = |n: usize| {
        let lines: String = (1..n).map(|i| format!("X-{i}: value {i}\r\n")).collect();
        request(format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes())
    };
    for n in [2, 31, 32, 33, 64, 499, 500] {
        let got = with(n);
        assert!(got.starts_with("200 "), "{n}: {got}");
        assert_eq!(got.matches("=value ").count(), n - 1);
    }
    for n in [501, 502, 5000] {
        assert_eq!(with(n), "431 431 Request Header Fields Too Large");
    }
}

#[test]
fn what_expects_to_continue() {
    let expects = |head: &str| {
        let (mut h, len) = placed(head.as_bytes());
        let line = parse_request(&mut h, BEFORE.len(), len).unwrap();
        request_facts(&h, &line).unwrap().expect_continue
    };
    assert!(expects("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n"));
    assert!(expects(
        "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert!(!expects("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n"));
    assert!(!expects("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    assert!(!expects("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"));
}

#[test]
fn announced_trailers() {
    let (mut h, len) =
        placed(b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\ntrailer: X\r\n\r\n");
    let line = parse_request(&mut h, BEFORE.len(), len).unwrap();
    assert!(request_facts(&h, &line).unwrap().has_trailer_decl);
}

/// Wrong arguments are refused, as garbage is: nothing in here can be made to panic.
#[test]
fn any_range_and_any_cut() {
    let head = b"GET http://u@a:1/%41?x HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\nD : e\r\n\r\n";
    for start in 0..head.len() + 3 {
        for len in [0, 1, 2, 5, 20, head.len(), head.len() - start.min(head.len()), usize::MAX] {
            let mut h = Header::new();
            h.store_mut().block_mut().extend_from_slice(head);
            let _ = parse_request(&mut h, start, len);
            let mut h = Header::new();
            h.store_mut().block_mut().extend_from_slice(head);
            let _ = parse_response(&mut h, start, len);
        }
    }
    for cut in 0..head.len() {
        let (mut h, len) = placed(&[&head[..cut], b"\r\n\r\n"].concat());
        let _ = parse_request(&mut h, BEFORE.len(), len);
        untouched(&h, &[&head[..cut], b"\r\n\r\n"].concat(), len);
    }
}

/// Every byte in every place of a head is either refused, or reaches the program as part of a text.
#[test]
fn every_byte_everywhere() {
    let head: &[u8] = b"GET /p HTTP/1.1\r\nHost: h\r\nName: value\r\n\r\n";
    for at in 0..head.len() {
        for b in 0..=255 {
            let mut changed = head.to_vec();
            changed[at] = b;
            let got = request(&changed);
            if matches!(b, 0..=8 | 11 | 12 | 14..=31 | 127) {
                assert!(got.starts_with("400 "), "{changed:?}: {got}");
            }
        }
    }
}

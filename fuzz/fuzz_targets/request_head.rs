//! Requests: whatever a head holds, it is refused, or each text that reaches the program is what HTTP allows and
//! what C can read; parsing touches the head alone; a head that was taken means the same when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::h1::{
    Framing, HeadScan, RequestFacts, RequestLine, check_first_line, parse_request, request_facts,
};
use nethttp::message::header::{Header, is_token, is_value};

const BEFORE: &[u8] = b"before\r\n\r\n";

fuzz_target!(|data: &[u8]| {
    let Some(len) = HeadScan::new().find(data) else { return };
    let mut scan = HeadScan::new();
    let found = (0..=data.len()).find_map(|n| scan.find(&data[..n]));
    assert_eq!(found, Some(len), "dripped, the head ends elsewhere");

    let mut h = Header::new();
    *h.store_mut().block_mut() = [BEFORE, data].concat();
    let early = check_first_line(data);
    let parsed = parse_request(&mut h, BEFORE.len(), len);
    let block = h.store().block();
    assert!(
        block.starts_with(BEFORE) && block[BEFORE.len() + len..] == data[len..],
        "wrote outside the head"
    );
    let line = match parsed {
        Ok(line) => line,
        Err(refused) => {
            assert!(matches!(refused.status, 400 | 431));
            return;
        }
    };
    assert!(early.is_ok(), "refused early, taken late");
    check_texts(&h, &line);
    let facts = match request_facts(&h, &line) {
        Ok(facts) => facts,
        Err(refused) => {
            assert!(matches!(refused.status, 400 | 417 | 501 | 505));
            return;
        }
    };
    check_facts(&h, &line, &facts);
    again(&h, &line, &facts);
});

fn check_texts(h: &Header, line: &RequestLine) {
    let store = h.store();
    assert!(is_token(store.get(line.method)));
    assert!(store.get(line.target).iter().all(|&b| b > b' ' && b != 0x7f) && !line.target.is_empty());
    for span in [line.method, line.target, line.authority] {
        assert_eq!(store.cstr(span).to_bytes(), store.get(span));
    }
    for f in h.fields() {
        assert!(is_token(store.get(f.name)));
        assert!(is_value(store.get(f.value)));
        assert_eq!(store.cstr(f.name).to_bytes(), store.get(f.name));
        assert_eq!(store.cstr(f.value).to_bytes(), store.get(f.value));
    }
}

fn check_facts(h: &Header, line: &RequestLine, facts: &RequestFacts) {
    assert_eq!(line.version.major, 1);
    assert_eq!(h.store().cstr(facts.host).to_bytes(), h.store().get(facts.host));
    assert!(h.store().get(facts.host).iter().all(|b| b.is_ascii_graphic() && !b"/?#@\\\"<>".contains(b)));
    assert!(h.values(b"Host").count() <= 1);
    let (coded, long) = (h.contains(b"Transfer-Encoding"), h.contains(b"Content-Length"));
    match facts.framing {
        Framing::Chunked => assert!(coded && !(long && facts.keep_alive)),
        Framing::Length(n) => assert!(!coded && long && n > 0 && n <= i64::MAX as u64),
        Framing::None => assert!(!coded && !facts.expect_continue),
        Framing::UntilClose => unreachable!("a request never lasts until close"),
    }
}

fn again(h: &Header, line: &RequestLine, facts: &RequestFacts) {
    let (method, target) = (h.store().get(line.method), h.store().get(line.target));
    let version = format!(" HTTP/1.{}\r\n", line.version.minor);
    let mut wire = [method, b" ", target, version.as_bytes()].concat();
    h.write_to(&mut wire);
    wire.extend_from_slice(b"\r\n");
    let mut second = Header::new();
    let len = wire.len();
    *second.store_mut().block_mut() = wire;
    let line = parse_request(&mut second, 0, len).expect("written again, it is refused");
    let facts2 = request_facts(&second, &line).expect("written again, it is refused");
    assert!(h.iter().eq(second.iter()));
    assert_eq!(
        (facts.framing, facts.keep_alive, facts.expect_continue, h.store().get(facts.host)),
        (facts2.framing, facts2.keep_alive, facts2.expect_continue, second.store().get(facts2.host)),
    );
}

//! Responses: whatever a head holds, it is an error, or each text that reaches the program is what C can read;
//! parsing touches the head alone; and how the body ends is never left open.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::error::Kind;
use nethttp::h1::{Framing, HeadScan, parse_response, response_facts};
use nethttp::message::header::{Header, is_token, is_value};

const BEFORE: &[u8] = b"before\r\n\r\n";

fuzz_target!(|data: &[u8]| {
    let Some(len) = HeadScan::new().find(data) else { return };
    let mut scan = HeadScan::new();
    let found = (0..=data.len()).find_map(|n| scan.find(&data[..n]));
    assert_eq!(found, Some(len), "dripped, the head ends elsewhere");

    let mut h = Header::new();
    *h.store_mut().block_mut() = [BEFORE, data].concat();
    let parsed = parse_response(&mut h, BEFORE.len(), len);
    let store = h.store();
    let block = store.block();
    assert!(
        block.starts_with(BEFORE) && block[BEFORE.len() + len..] == data[len..],
        "wrote outside the head"
    );
    let line = match parsed {
        Ok(line) => line,
        Err(e) => {
            assert!(matches!(e.kind(), Kind::Protocol | Kind::TooLarge));
            assert!(e.message().len() < 5000 && !e.message().contains(|c: char| c.is_control()));
            return;
        }
    };
    for span in [line.reason, line.status] {
        assert_eq!(store.cstr(span).to_bytes(), store.get(span));
        assert!(is_value(store.get(span)));
    }
    assert!(line.code < 1000 && store.get(line.status).ends_with(store.get(line.reason)));
    for f in h.fields() {
        assert!(is_token(store.get(f.name)) && is_value(store.get(f.value)));
        assert_eq!(store.cstr(f.name).to_bytes(), store.get(f.name));
        assert_eq!(store.cstr(f.value).to_bytes(), store.get(f.value));
    }
    for (head, connect) in [(false, false), (true, false), (false, true)] {
        let Ok(f) = response_facts(head, connect, &line, &h) else { continue };
        let bodyless = head || matches!(line.code, 100..=199 | 204 | 304);
        assert!(!bodyless || f.framing == Framing::None);
        match f.framing {
            Framing::Chunked => {
                assert!(f.content_length == -1 && !(f.keep_alive && h.contains(b"Content-Length")))
            }
            Framing::Length(n) => assert_eq!(i64::try_from(n), Ok(f.content_length)),
            Framing::UntilClose => assert!(f.content_length == -1 && !f.keep_alive),
            Framing::None => assert!(f.content_length == 0 || head || connect),
        }
    }
});

//! A whole server connection: all that a client says, and then its end. What nobody could read in two ways reaches the
//! handler as the slow parser reads it, and each answer is one that it can read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::message::request::Request;
use nethttp::server::ResponseWriter;
use std::sync::Mutex;

type Seen = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

fn serve(w: &mut ResponseWriter, r: &mut Request) {
    let (mut body, mut buf) = (Vec::new(), [0; 4096]);
    let whole = loop {
        match r.read_body(&mut buf) {
            Ok(0) => break true,
            Ok(n) => body.extend_from_slice(&buf[..n]),
            Err(_) => break false,
        }
    };
    let n = body.len();
    SEEN.lock().unwrap().push((r.text(r.method).to_vec(), r.text(r.target).to_vec(), whole.then_some(body)));
    // Of a length that is known, and of one that is not.
    let _ = w.write(b"answer");
    if n % 2 == 1 {
        let _ = w.flush().and_then(|()| w.write(b", and more"));
    }
}

fuzz_target!(|said: &[u8]| {
    let said = &said[..said.len().min(100_000)];
    SEEN.lock().unwrap().clear();
    let answers = nethttp_fuzz::answers(serve, said);

    let seen = std::mem::take(&mut *SEEN.lock().unwrap());
    let (mut at, mut n) = (0, 0);
    while let Some(want) = nethttp_fuzz::request(said, at) {
        let (method, target, body) = seen.get(n).expect("a request that nobody could misread");
        assert_eq!((method, target), (&want.first[0], &want.first[1]));
        assert_eq!(body.as_ref(), Some(&want.body));
        (at, n) = (want.end.unwrap(), n + 1);
    }
    // One answer for each that was seen, and one for what was none.
    let (mut at, mut n) = (0, 0);
    while at < answers.len() {
        let method = seen.get(n).map_or(&b"GET"[..], |s| &s.0);
        assert!(n <= seen.len(), "more answers than requests");
        let Some(answer) = nethttp_fuzz::response(&answers, at, method) else {
            panic!("{}", String::from_utf8_lossy(&answers[at..]));
        };
        assert!(answer.one("Date").is_some());
        (at, n) = (answer.end.unwrap_or(answers.len()), n + 1);
    }
    assert!(n >= seen.len());
});

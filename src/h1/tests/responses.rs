use super::*;
use crate::error::{Error, Kind};

fn read(method: &str, head: &[u8]) -> Result<String, Error> {
    let (mut h, len) = placed(head);
    let parsed = parse_response(&mut h, BEFORE.len(), len);
    untouched(&h, head, len);
    let line = parsed?;
    sealed(&h, &[line.reason, line.status]);
    assert!(text(&h, line.status).ends_with(&text(&h, line.reason)));
    let f = response_facts(method == "HEAD", method == "CONNECT", &line, &h)?;
    Ok(format!(
        "{} [{}] {}.{} {:?} {} length={}{}",
        line.code,
        text(&h, line.status),
        line.version.major,
        line.version.minor,
        f.framing,
        if f.keep_alive { "keep" } else { "close" },
        f.content_length,
        fields(&h, &CONSUMED),
    ))
}

#[test]
fn as_go_does() {
    check_table(include_str!("responses.txt"), |method, head| {
        read(method, head).unwrap_or_else(|e| {
            assert_eq!(e.kind(), Kind::Protocol);
            format!("error: {e}")
        })
    });
}

#[test]
fn reasons() {
    let (mut h, len) = placed(b"HTTP/1.1 404 Not Found\r\n\r\n");
    let line = parse_response(&mut h, BEFORE.len(), len).unwrap();
    assert_eq!((text(&h, line.reason), text(&h, line.status)), ("Not Found".into(), "404 Not Found".into()));
    for bare in ["HTTP/1.1 404\r\n\r\n", "HTTP/1.1 404 \r\n\r\n"] {
        let (mut h, len) = placed(bare.as_bytes());
        let line = parse_response(&mut h, BEFORE.len(), len).unwrap();
        assert_eq!((line.code, text(&h, line.reason)), (404, String::new()));
    }
}

#[test]
fn answers_to_connect_have_no_body() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(read("CONNECT", head).unwrap(), "200 [200 OK] 1.1 None close length=-1");
    let refused = b"HTTP/1.1 407 No\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(read("CONNECT", refused).unwrap(), "407 [407 No] 1.1 Length(5) keep length=5");
}

#[test]
fn bombs_of_fields() {
    let lines = "a:\r\n".repeat(MAX_RESPONSE_FIELDS);
    assert!(read("GET", format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_bytes()).is_ok());
    let e = read("GET", format!("HTTP/1.1 200 OK\r\n{lines}b:\r\n\r\n").as_bytes()).unwrap_err();
    assert_eq!(e.kind(), Kind::TooLarge);
}

//! Multipart bodies as they come from real peers, cut at every byte.

use super::reader::{LINE, *};
use crate::error::Kind;
use crate::message::header::Header;

/// all takes a body apart that comes in pieces of `step` bytes.
fn all(boundary: &str, body: &[u8], step: usize) -> (Vec<(String, Vec<u8>)>, Option<String>) {
    let mut parts = MultipartReader::new(boundary.as_bytes()).unwrap();
    let (mut found, mut chunks) = (Vec::new(), body.chunks(step));
    let mut more = |p: &mut MultipartReader| match chunks.next() {
        Some(c) => p.feed(c),
        None => p.eof(),
    };
    loop {
        match parts.next((HEADER_BYTES, HEADERS)) {
            Ok(ReadStep::Need) => more(&mut parts),
            Ok(ReadStep::Done(None)) => return (found, None),
            Ok(ReadStep::Done(Some(header))) => {
                let mut content = Vec::new();
                let mut buf = [0; 3];
                loop {
                    match parts.read(&mut buf) {
                        Ok(ReadStep::Need) => more(&mut parts),
                        Ok(ReadStep::Done(0)) => break,
                        Ok(ReadStep::Done(n)) => content.extend_from_slice(&buf[..n]),
                        Err(e) => return (found, Some(e.message().to_owned())),
                    }
                }
                let mut text = Vec::new();
                header.write_to(&mut text);
                found.push((String::from_utf8_lossy(&text).into_owned(), content));
            }
            Err(e) => return (found, Some(e.message().to_owned())),
        }
    }
}

#[test]
fn every_cut_gives_the_same() {
    // Longer than a line may be, by its end or before that.
    let preambles = [LINE - 1, LINE, LINE + 1, 2 * LINE]
        .map(|n| [vec![b'p'; n], b"\n--b\r\n\r\nx\r\n--b--".to_vec()].concat());
    for body in &preambles {
        let whole = all("b", body, body.len());
        assert_eq!(whole.1.is_some(), body.len() > LINE + 15, "{}", body.len());
        for step in [1, 3, 100, LINE - 1, LINE, LINE + 1, 5000] {
            assert_eq!(all("b", body, step), whole, "{step}");
        }
    }
    let bodies: [&[u8]; 9] = [
        b"pre\r\n--b\r\nA: 1\r\nB: x\r\n y\r\n\r\none\r\n--b \t\r\n\r\n\r\n--b--\r\nepilogue",
        b"--b\n\nunix\n--b\n\n--b--",
        b"--b\r\n\r\n--bx\r\n--b-\r\n--bb\r\n--b--",
        b"--b\r\n\r\n\r\r\n\r\n--b--",
        b"--b\r\nA: 1\r\n",
        b"--b\r\n\r\nopen",
        b"--b\r\n\r\nx\r\n--b",
        b"--b\r\nno colon\r\n\r\n\r\n--b--",
        b"nothing",
    ];
    for body in bodies {
        let whole = all("b", body, body.len());
        for step in 1..body.len() {
            assert_eq!(all("b", body, step), whole, "{step} {}", String::from_utf8_lossy(body));
        }
    }
    let (found, error) = all("b", bodies[0], 1);
    assert_eq!(found[0], ("A: 1\r\nB: x y\r\n".to_owned(), b"one".to_vec()));
    assert_eq!((found.len(), error), (2, None));
    assert_eq!(all("b", bodies[1], 1).0[0].1, b"unix");
    assert_eq!(all("b", bodies[2], 1).0[0].1, b"--bx\r\n--b-\r\n--bb");
    assert_eq!(all("b", bodies[5], 1).1.unwrap(), "unexpected EOF");
}

#[test]
fn limits() {
    let long = [b"--b\r\nA: ".to_vec(), vec![b'x'; 5000], b"\r\n\r\n".to_vec()].concat();
    let mut parts = MultipartReader::new(b"b").unwrap();
    parts.feed(&long);
    assert_eq!(parts.next((4000, 10)).unwrap_err().kind(), Kind::TooLarge);
    let mut parts = MultipartReader::new(b"b").unwrap();
    parts.feed(&[b"--b\r\n".to_vec(), b"A: 1\r\n".repeat(12), b"\r\n".to_vec()].concat());
    assert_eq!(parts.next((400_000, 10)).unwrap_err().message(), "multipart: message too large");
    let mut parts = MultipartReader::new(b"b").unwrap();
    parts.feed(&[b'x'; LINE]);
    assert!(parts.next((4000, 10)).is_err());
    assert!(MultipartReader::new(b"").is_err());
}

#[test]
fn dispositions() {
    let of = |value: &str| {
        let mut h = Header::new();
        h.add(b"Content-Disposition", value.as_bytes()).unwrap();
        let d = Disposition::from_header(&h);
        (String::from_utf8(d.name).unwrap(), String::from_utf8(d.filename).unwrap())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(of("form-data; name=a; filename=\"x/../y\""), pair("a", "y"));
    assert_eq!(of("attachment; name=a; filename=\"/\""), pair("", "/"));
    assert_eq!(of("form-data; name=a; filename=\"d/\""), pair("a", "d"));
    assert_eq!(of("form-data; name=a; broken"), pair("", ""));
}

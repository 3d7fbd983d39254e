//! URLs, queries, media types, dates and proxies: what is read is written as something that is read as the same, and no
//! error shows a password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::message::header::Header;
use nethttp::message::endpoint::Endpoint;
use nethttp::message::multipart::reader::{Disposition, boundary_of};
use nethttp::message::query::Values;
use nethttp::message::url::Url;
use nethttp::message::{cookie_date, date};
use nethttp::transport::proxy::Proxy;

fuzz_target!(|input: &[u8]| {
    match Url::parse(input) {
        Ok(url) => {
            let text = url.to_bytes();
            if let Ok(again) = Url::parse(&text) {
                assert_eq!(again.to_bytes(), text);
            }
            let _ = Endpoint::from_url(&url);
            let _ = url.for_errors();
        }
        Err(e) => assert!(!e.message().is_empty()),
    }
    let _ = Url::parse_request_uri(input);
    if let (Ok(base), Ok(reference)) = (Url::parse("http://h/a/b?c"), Url::parse(input)) {
        let _ = base.resolve(&reference);
    }
    // A secret between the two marks of user information is not shown, whatever stands around it.
    let secret = [b"http://u:S3CRET", input, b"@h/"].concat();
    if let Err(e) = Url::parse(&secret) {
        assert!(!e.message().contains("S3CRET"), "{e}");
    }
    let (values, _) = Values::parse(input);
    let text = values.encode();
    let (again, error) = Values::parse(&text);
    assert!(error.is_none() && again.encode() == text && again.len() == values.len());
    for i in 0..values.len().min(50) {
        let (key, _) = values.at(i).unwrap();
        let all: Vec<_> = values.all(key).collect();
        let one: Vec<_> = (0..all.len()).map(|n| values.nth(key, n).unwrap().bytes()).collect();
        assert_eq!(all, one);
    }
    let mut h = Header::new();
    if h.add(b"Content-Disposition", input).is_ok() {
        let d = Disposition::from_header(&h);
        assert!(d.filename.len() <= input.len() * 4 && d.name.len() <= input.len() * 4);
    }
    let _ = boundary_of(Some(input), true);
    let _ = cookie_date::parse(input);
    let _ = date::parse(input);
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = Proxy::parse(text);
    }
});

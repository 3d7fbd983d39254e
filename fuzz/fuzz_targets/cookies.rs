//! Cookies: the first line is the value of Set-Cookie, the rest a jar's file. A cookie that is written is read as the
//! same, and so is a jar; what a jar sends is a field's value and within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::client::jar::{CookieJar, Jar, MAX_TOTAL, CookieOrigin};
use nethttp::message::cookie::{Cookie, read};
use nethttp::message::header::{Header, is_value};
use nethttp::message::url::Url;

const NOW: i64 = 1_700_000_000;

fuzz_target!(|input: &[u8]| {
    let (line, file) = input.split_at(input.iter().position(|&b| b == b'\n').unwrap_or(input.len()));
    let jar = Jar::default();
    jar.add_text(file, NOW);
    let urls = ["https://www.example.com/a/b", "http://127.0.0.1/", "http://localhost/x"];
    let origins = urls.map(|u| CookieOrigin::from_url(&Url::parse(u).unwrap(), b"").unwrap());
    if let Ok(c) = Cookie::parse_set(line) {
        let text = c.to_set();
        assert!(is_value(&text));
        let again = Cookie::parse_set(&text).unwrap();
        assert_eq!(again.to_set(), text);
        assert_eq!((&again.name, &again.value), (&c.name, &c.value));
    }
    if let Some(c) = Cookie::receive(line) {
        let mut pair = Vec::new();
        c.pair(&mut pair);
        let again = Cookie::receive(&pair).unwrap();
        assert_eq!((&again.name, &again.value, again.quoted), (&c.name, &c.value, c.quoted));
        for o in &origins {
            jar.set(o, std::slice::from_ref(&c), NOW);
        }
    }
    assert!(jar.len() <= MAX_TOTAL);
    for o in &origins {
        if let Some(field) = jar.cookies(o, NOW) {
            let mut h = Header::new();
            h.add(b"Cookie", &field).unwrap();
            assert!(!field.is_empty() && field.len() <= 8192);
            // What servers make of it is their affair.
            let _ = read(&h);
        }
    }
    let (text, copy) = (jar.to_text(true, NOW), Jar::default());
    copy.add_text(&text, NOW);
    assert_eq!(String::from_utf8_lossy(&copy.to_text(true, NOW)), String::from_utf8_lossy(&text));
});

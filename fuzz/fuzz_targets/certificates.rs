//! PEM and certificates through our own readers: roots, a pair, a key. The first byte says whether the rest is PEM or a
//! certificate's bytes, which are put into PEM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::net::tls::{ClientAuth, ServerIdentity, TlsSettings, parse_certificates, parse_key};

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n").into_bytes();
    for three in der.chunks(3) {
        let n = three.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() { digit } else { b'=' });
        }
    }
    text.extend_from_slice(format!("\n-----END {label}-----\n").as_bytes());
    text
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let text = if kind & 1 == 0 { rest.to_vec() } else { pem("CERTIFICATE", rest) };
    if kind & 1 == 1 {
        assert_eq!(parse_certificates(&text).unwrap()[0].as_ref(), rest);
        let _ = parse_key(&pem("PRIVATE KEY", rest));
    }
    let mut s = TlsSettings::default();
    for result in [s.add_roots(&text), s.add_client_roots(&text), s.set_certificate(&text, &text)] {
        if let Err(e) = result {
            assert!(e.message().len() < 200);
        }
    }
    s.client_auth = ClientAuth::RequireAndVerify;
    let _ = ServerIdentity::new(&s);
});

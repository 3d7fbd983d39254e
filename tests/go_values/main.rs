//! Values held against Go itself: the same inputs to both, all answers compared.
//!
//! Needs Go 1.26 or later (`scripts/go-path` finds it). Without one the test is skipped aloud, and fails under
//! `NH_REQUIRE_ALL=1`. Each tolerated difference stands in `agrees` with its reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod corpus;
mod go;

use nethttp::message::auth::BasicCredentials;
use nethttp::message::escape::{UrlPart, escape, html, quote, unescape};
use nethttp::message::multipart::reader::{Disposition, HEADER_BYTES, HEADERS, MultipartReader, ReadStep};
use nethttp::message::query::Values;
use nethttp::message::url::{Url, host_header};
use nethttp::message::{date, header, sniff, status};

/// Query is one question: an operation and its arguments.
pub(crate) struct Query {
    pub op: &'static str,
    pub a: Vec<u8>,
    pub b: Vec<u8>,
}

type Fields = Vec<Vec<u8>>;

fn hex(s: &[u8]) -> String {
    if s.is_empty() { "-".into() } else { s.iter().map(|b| format!("{b:02x}")).collect() }
}

fn unhex(s: &str) -> Vec<u8> {
    let digit = |i: usize| u8::from_str_radix(&s[i..i + 2], 16).unwrap();
    if s == "-" { Vec::new() } else { (0..s.len()).step_by(2).map(digit).collect() }
}

fn show(u: &Url) -> Fields {
    let user = u.user();
    let password = user.and_then(|u| u.password.clone());
    let has = if password.is_some() { "1" } else { "0" };
    let text = |s: &[u8]| s.to_vec();
    vec![
        text(u.scheme()),
        text(u.opaque()),
        user.map(|u| u.username.clone()).unwrap_or_default(),
        password.unwrap_or_default(),
        has.into(),
        text(u.host()),
        text(u.hostname()),
        text(u.port()),
        text(u.path()),
        u.escaped_path().into_owned(),
        text(u.raw_query()),
        text(u.fragment()),
        u.to_bytes(),
        u.redacted().into_bytes(),
        u.request_uri(),
        u.is_abs().to_string().into_bytes(),
    ]
}

/// parts are those of a multipart body, four fields each, and at last whether it was sound.
fn parts(body: &[u8]) -> Fields {
    let mut parts = MultipartReader::new(b"b").unwrap();
    let (mut out, mut fed) = (Fields::new(), false);
    let mut more = |parts: &mut MultipartReader| {
        if std::mem::replace(&mut fed, true) { parts.eof() } else { parts.feed(body) }
    };
    loop {
        let header = match parts.next((HEADER_BYTES, HEADERS)) {
            Err(_) => break out.push(b"broken".into()),
            Ok(ReadStep::Done(None)) => break out.push(b"whole".into()),
            Ok(ReadStep::Need) => {
                more(&mut parts);
                continue;
            }
            Ok(ReadStep::Done(Some(header))) => header,
        };
        let about = Disposition::from_header(&header);
        let (mut data, mut buf) = (Vec::new(), [0; 7]);
        let sound = loop {
            match parts.read(&mut buf) {
                Err(_) => break false,
                Ok(ReadStep::Done(0)) => break true,
                Ok(ReadStep::Done(n)) => data.extend_from_slice(&buf[..n]),
                Ok(ReadStep::Need) => more(&mut parts),
            }
        };
        out.extend([about.name, about.filename, header.get(b"X").unwrap_or_default().into(), data]);
        if !sound {
            break out.push(b"broken".into());
        }
    }
    out
}

/// ours is the library's answer; `Err` holds the message.
fn ours(q: &Query) -> Option<Result<Fields, String>> {
    let one = |s: &[u8]| Some(Ok(vec![s.to_vec()]));
    let fallible = |r: nethttp::error::Result<Fields>| Some(r.map_err(|e| e.message().to_owned()));
    let number = || std::str::from_utf8(&q.a).unwrap().parse::<i64>().unwrap();
    match q.op {
        "parse" => fallible(Url::parse(&q.a).map(|u| show(&u))),
        "target" => fallible(Url::parse_request_uri(&q.a).map(|u| show(&u))),
        "resolve" => {
            let (base, reference) = (Url::parse(&q.a).ok()?, Url::parse(&q.b).ok()?);
            fallible(base.resolve(&reference).map(|u| show(&u)))
        }
        "join" => fallible(Url::parse(&q.a).ok()?.join(&[&q.b]).map(|u| show(&u))),
        "query" => {
            let (values, error) = Values::parse(&q.a);
            let message = error.map(|e| e.message().as_bytes().to_vec()).unwrap_or_default();
            Some(Ok(vec![message, values.encode()]))
        }
        "qescape" => one(&escape(&q.a, UrlPart::Query)),
        "pescape" => one(&escape(&q.a, UrlPart::Segment)),
        "hescape" => one(&html(&q.a)),
        "qunescape" => fallible(unescape(&q.a, UrlPart::Query).map(|s| vec![s.into_owned()])),
        "punescape" => fallible(unescape(&q.a, UrlPart::Segment).map(|s| vec![s.into_owned()])),
        "quote" => one(quote(&q.a).as_bytes()),
        "canonical" => one(&header::canonical(&q.a)),
        "sniff" => one(sniff::detect(&q.a).to_bytes()),
        "status" => one(u16::try_from(number()).map_or("", status::text).as_bytes()),
        "date" => one(&date::format(number())),
        "parsedate" => Some(match date::parse(&q.a) {
            Some(secs) => Ok(vec![secs.to_string().into_bytes()]),
            None => Err(String::new()),
        }),
        "basic" => Some(match BasicCredentials::parse(&q.a) {
            Some(pair) => Ok(vec![pair.username, pair.password]),
            None => Err(String::new()),
        }),
        "parts" => Some(Ok(parts(&q.a))),
        "host" => fallible(host_header(&q.a).map(|h| vec![h])),
        _ => unreachable!("{}", q.op),
    }
}

/// agrees tells whether two answers are the same, but for what is meant to differ.
fn agrees(q: &Query, go: &Option<Result<Fields, String>>, us: &Option<Result<Fields, String>>) -> bool {
    match (go, us) {
        (None, None) => true,
        (Some(Ok(go)), Some(Ok(us))) => {
            let mut go = go.clone();
            if let (true, Some(uri)) = (go.len() == 16, go.get_mut(14)) {
                // A space in a query or an opaque part is no target (RFC 9112, 3.2): %20 goes out.
                *uri = String::from_utf8_lossy(uri).replace(' ', "%20").into_bytes();
                if !us[14].is_ascii() {
                    *uri = us[14].clone();
                }
            }
            if go.len() == 16 {
                // Redacted is shown as text: what is no UTF-8 becomes U+FFFD.
                go[13] = String::from_utf8_lossy(&go[13]).into_owned().into_bytes();
            }
            if q.op == "parts" && go.last() != us.last() {
                // Go takes a body that is cut within a part's header for a whole one.
                return go.split_last().map(|(_, parts)| parts) == us.split_last().map(|(_, parts)| parts)
                    && us.last().is_some_and(|end| end == b"broken");
            }
            go == *us
        }
        (Some(Err(go)), Some(Err(us))) => {
            // No password is shown, Rust words its address errors in its own way, and net/http's idna
            // reports its own.
            let own_words =
                q.a.contains(&b'@') || go.contains("ParseAddr(") || q.op == "host" || q.op == "join";
            own_words || !q.a.is_ascii() || go == us
        }
        // Dates before 1970 are refused.
        (Some(Ok(go)), Some(Err(_))) => q.op == "parsedate" && go[0].starts_with(b"-"),
        _ => false,
    }
}

fn parse_answer(line: &str) -> Option<Result<Fields, String>> {
    if line == "bad" {
        return None;
    }
    Some(match line.strip_prefix("err ") {
        Some(message) => Err(String::from_utf8_lossy(&unhex(message)).into_owned()),
        None => Ok(line.split(' ').map(unhex).collect()),
    })
}

fn ask(queries: &[Query]) -> Option<Vec<String>> {
    let text: String = queries.iter().map(|q| format!("{} {} {}\n", q.op, hex(&q.a), hex(&q.b))).collect();
    go::ask("values_are_gos", include_str!("values.go"), text)
}

#[test]
fn values_are_gos() {
    let queries = corpus::queries();
    let Some(answers) = ask(&queries) else { return };
    assert_eq!(answers.len(), queries.len());
    let mut different = Vec::new();
    for (q, line) in queries.iter().zip(&answers) {
        let (go, us) = (parse_answer(line), ours(q));
        if !agrees(q, &go, &us) {
            let text = |f: &Option<Result<Fields, String>>| match f {
                Some(Ok(f)) => format!("{:?}", f.iter().map(|s| quote(s)).collect::<Vec<_>>()),
                other => format!("{other:?}"),
            };
            different.push(format!(
                "{} {} {}\n  go: {}\n  us: {}",
                q.op,
                quote(&q.a),
                quote(&q.b),
                text(&go),
                text(&us)
            ));
        }
    }
    println!("{} questions, {} different answers", queries.len(), different.len());
    different.truncate(40);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

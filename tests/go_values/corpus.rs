//! The questions: tables of what is known to be tricky, and mutations of them by a fixed generator.

use super::Query;

const URLS: &[&str] = &[
    "",
    "*",
    "/",
    "//",
    "///",
    "////a",
    "?",
    "??",
    "?a?b",
    "#",
    "a",
    "a/b",
    "./a:b",
    "a:b",
    "1a:b",
    "a+b-c.d:e",
    ":",
    "a:",
    "a:/",
    "a://",
    "a:///",
    "a:?",
    "http:",
    "http:/",
    "http://",
    "http:///",
    "http:////p",
    "http://?",
    "http://#",
    "http://h",
    "http://h/",
    "http://h?",
    "http://h?q",
    "http://h#f",
    "HTTP://H/P",
    "http://h/a%2fb%2F",
    "http://h/a b",
    "http://h/%zz",
    "http://h/%",
    "http://h/%4",
    "http://h/\u{e4}",
    "http://h?\u{e4} b",
    "http://h/a;b,c!$&'()*+=:@[]",
    "http://h/<>\"{}|\\^`",
    "http://h:",
    "http://h:80",
    "http://h:080/",
    "http://h:x",
    "http://h:80:81",
    "http://:80",
    "http://a:b:c/",
    "pg://a:1,b:2/db",
    "pg://a:1,b:x/db",
    "http://[::1]",
    "http://[::1]:80",
    "http://[::1]x",
    "http://[::1]:x",
    "http://[::1",
    "http://x[::1]",
    "http://[::1%25en0]",
    "http://[::1%25]",
    "http://[::1%en0]",
    "http://[::1%25en%20x]",
    "http://[fe80::1%25%65%6e%301-._~]/",
    "http://[1.2.3.4]",
    "http://[::ffff:1.2.3.4]",
    "http://[::ffff:1.2.3.4%25z]",
    "http://[1.2.3.4%25z]",
    "http://[zz]",
    "http://[]",
    "http://[::1]]",
    "http://[[::1]]",
    "http://[1:2:3:4:5:6:7:8]",
    "http://[1:2:3:4:5:6:7::]",
    "http://[1:2:3:4:5:6:7]",
    "http://[::01.2.3.4]",
    "http://[:::]",
    "http://[00001::]",
    "http://[::1.2.3]",
    "http://a%41b",
    "http://a%c3%a4",
    "http://a%25b",
    "http://a%zz",
    "http://a%2",
    "http://a\u{e4}b",
    "http://a<b>\"c",
    "http://a{b",
    "http://a\\b",
    "http://a|b",
    "http://a^b",
    "http://a`b",
    "http://a#b@c",
    "http://u@h",
    "http://u:p@h",
    "http://:p@h",
    "http://u:@h",
    "http://@h",
    "http://:@h",
    "http://u:p:q@h",
    "http://u@v@h",
    "http://u%40:p%3a@h",
    "http://u%zz@h",
    "http://u<@h",
    "http://u @h",
    "http://\u{e4}@h",
    "http://u:p@",
    "http://u/p@h",
    "mailto:a@b.c",
    "mailto:a?b",
    "http:a/b?c#d",
    "javascript:alert(1)",
    "tel:+1",
    "a:%zz",
    "data:,x y",
    "//h",
    "//h/p",
    "//u:p@h:1/p?q#f",
    "///p",
    "/p//q",
    "/..",
    "a?b:c",
    "a/b:c",
    "a:b/c",
    "%3a:b",
    "http://h/\u{7f}",
    "http://h/\n",
    "\u{0}",
    "http://h/p#%zz",
    "http://h/p#a%20b c",
    "http://h/p#!$&'()*+,;=:@/?<>",
    "http://h/p##",
    "http://h/p?a#b?c",
    "*?",
    "*#",
    "http:*",
    "http://*",
    "/*",
    "https://h:99999/",
    "https://h::/",
    "ftp://h::1/",
    "http://h/.",
    "http://h/a/../..",
    " http://h",
    "ht tp://h",
    "http//h",
    "http://h/?;",
    "http://user:p%20w@h/?a=b&c=d#e",
    "http://h/+a",
    "http://h/%2b",
    "http://h/%7E~",
];

const REFERENCES: &[&str] = &[
    "",
    ".",
    "..",
    "./",
    "../",
    "../..",
    "../../",
    "../../../a",
    "a",
    "a/",
    "./a",
    "../a",
    "/a",
    "/a/",
    "/",
    "//h2",
    "//h2/a/../b",
    "?",
    "?y",
    "#",
    "#s",
    "a?y#s",
    "a/./b",
    "a/../b",
    "a/..",
    "a/.",
    "/./a",
    "/../a",
    "a//b",
    "/a/..//b",
    "/a/.././/b",
    "//",
    "///",
    "mailto:x",
    "http:",
    "http:a",
    "https://x/./y/../z",
    "a:b/../c",
    "%2e%2e/a",
    "%2E/a",
    "a%2fb/../c",
    "..a",
    ".a",
    "a..",
    "....",
    "u@",
    ";p",
    "*",
    "a b",
    "\u{e4}",
];

const QUERIES: &[&str] = &[
    "",
    "a",
    "a=",
    "=a",
    "=",
    "a=1",
    "a=1&a=2",
    "b=1&a=2&b=0",
    "&&a&",
    "a;b",
    "a=1;b=2",
    "a%3bb=1",
    "a%zz=1",
    "a=%zz",
    "a=%",
    "a+b=c+d",
    "a=b=c",
    "a=%2b%26%3d",
    "\u{e4}=%ff",
    "a=1&b;c&d=%zz&e=2",
    "%",
    "a=\0",
];

const DATES: &[&str] = &[
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Sun Nov 16 08:49:37 1994",
    "",
    "x",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 23:60:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Wed, 31 Dec 1969 23:59:59 GMT",
    "Thu, 29 Feb 2024 12:00:00 GMT",
    "Wed, 29 Feb 2023 12:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
];

const BASICS: &[&str] = &[
    "",
    "Basic",
    "Basic ",
    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "Basic  QWxhZGRpbjo=",
    "Basic QWxhZGRpbg==",
    "Basic Og==",
    "Basic QTpC",
    "Basic QTp=",
    "Basic QTp",
    "Basic QTp/",
    "Basic Qjr/",
    "Basic Oh==",
    "Bearer QTpC",
    "Basic QTpC ",
    "Basic QTo6OjpC",
    "Basic QT pC",
    "Basic Q-pC",
];

const HOSTS: &[&str] = &[
    "h",
    "h:80",
    "[::1]:80",
    "[fe80::1%en0]:80",
    "[fe80::1%en0]",
    "b\u{fc}cher.de",
    "b\u{fc}cher.de:80",
    "fa\u{df}.de",
    "a_b",
    "a,b",
];

/// Random is xorshift64: the same questions in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    fn pick<'a>(&mut self, table: &[&'a str]) -> &'a str {
        table[self.below(table.len())]
    }

    /// mutate puts, takes and doubles a few bytes.
    fn mutate(&mut self, s: &str) -> Vec<u8> {
        const BYTES: &[u8] = b"/:?#@[]%.&=;+ *aZ09-_~!$'(),<>\"\\^`{|}\x00\x1f\x7f\x80\xc3\xa4\xff25";
        let mut out = s.as_bytes().to_vec();
        for _ in 0..1 + self.below(3) {
            let at = self.below(out.len() + 1);
            match self.below(4) {
                0 if at < out.len() => drop(out.remove(at)),
                1 if at < out.len() => out[at] = BYTES[self.below(BYTES.len())],
                2 => {
                    let tail = out[at..].to_vec();
                    out.extend_from_slice(&tail[..tail.len().min(6)]);
                }
                _ => out.insert(at, BYTES[self.below(BYTES.len())]),
            }
        }
        out
    }
}

/// Content of many types, as far as it is looked at.
const MARKS: &[&[u8]] = &[
    b"  <!DOCTYPE html>",
    b"<ScRiPt >",
    b"<a href=x>",
    b"<p>",
    b"<!-- x -->",
    b"\n <?xml version",
    b"%PDF-1.7",
    b"%!PS-Adobe-3",
    b"\xfe\xff\x00a",
    b"\xff\xfea\x00",
    b"\xef\xbb\xbfa",
    b"\x00\x00\x01\x00\x00",
    b"GIF89a..",
    b"RIFF....WEBPVP8",
    b"RIFF....WAVEfmt",
    b"RIFF....AVI x",
    b"\x89PNG\r\n\x1a\n..",
    b"\xff\xd8\xff\xe0",
    b"FORM....AIFF..",
    b"ID3.",
    b"OggS\x00.",
    b"MThd\x00\x00\x00\x06.",
    b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp41isom",
    b"\x00\x00\x00\x1cftypisom\x00\x00\x02\x00isomiso2mp41",
    b"\x1a\x45\xdf\xa3.",
    b"..................................LP..",
    b"\x00\x01\x00\x00.",
    b"wOF2..",
    b"\x1f\x8b\x08.",
    b"PK\x03\x04.",
    b"Rar!\x1a\x07\x01\x00.",
    b"\x00asm.",
    b"plain \x1b text",
    b"",
];

pub(crate) fn queries() -> Vec<Query> {
    let mut all = Vec::new();
    let mut ask = |op, a: &[u8], b: &[u8]| all.push(Query { op, a: a.to_vec(), b: b.to_vec() });
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for url in URLS.iter().chain(REFERENCES) {
        ask("parse", url.as_bytes(), b"");
        ask("target", url.as_bytes(), b"");
        for reference in REFERENCES.iter().chain(URLS) {
            ask("resolve", url.as_bytes(), reference.as_bytes());
        }
        for element in REFERENCES {
            ask("join", url.as_bytes(), element.as_bytes());
        }
    }
    for _ in 0..20_000 {
        let url = random.pick(URLS);
        let bytes = random.mutate(url);
        ask("parse", &bytes, b"");
        ask("target", &bytes, b"");
        let query = random.pick(QUERIES);
        ask("query", &random.mutate(query), b"");
        let reference = random.pick(REFERENCES);
        ask("resolve", random.pick(URLS).as_bytes(), &random.mutate(reference));
        for op in ["qescape", "pescape", "hescape", "qunescape", "punescape", "canonical"] {
            ask(op, &bytes, b"");
        }
    }
    for b in 0..=255u8 {
        for op in ["parse", "qescape", "pescape", "hescape", "qunescape", "punescape", "canonical"] {
            ask(op, &[b'x', b, b'y'], b"");
        }
        ask("parse", &[b"http://", &[b][..], b"h/"].concat(), b"");
        ask("parse", &[b"http://u", &[b][..], b"@h/"].concat(), b"");
        ask("parse", &[b"http://h/#", &[b][..]].concat(), b"");
        ask("parse", format!("http://h%{b:02x}/%{b:02x}?%{b:02x}#%{b:02x}").as_bytes(), b"");
        ask("parse", format!("http://[::1%25%{b:02x}]/").as_bytes(), b"");
        if b < 0x80 {
            ask("quote", &[b], b"");
        }
    }
    for n in [9_998, 9_999, 10_000] {
        ask("query", "a&".repeat(n).as_bytes(), b"");
    }
    for query in QUERIES {
        ask("query", query.as_bytes(), b"");
    }
    for code in 0..1000 {
        ask("status", code.to_string().as_bytes(), b"");
    }
    for _ in 0..2_000 {
        let secs =
            (random.next() % 253_402_300_800) as i64 - if random.below(4) == 0 { 62_167_219_200 } else { 0 };
        ask("date", secs.to_string().as_bytes(), b"");
    }
    for mark in MARKS {
        ask("sniff", mark, b"");
        for _ in 0..40 {
            let at = random.below(mark.len() + 1);
            let mut bytes = mark.to_vec();
            bytes.insert(at, random.next() as u8);
            ask("sniff", &bytes, b"");
            ask("sniff", &mark[..at], b"");
            ask("sniff", &[mark, &mark[..at]].concat(), b"");
        }
    }
    for text in DATES {
        ask("parsedate", text.as_bytes(), b"");
    }
    for text in BASICS {
        ask("basic", text.as_bytes(), b"");
    }
    for body in PARTS {
        ask("parts", body, b"");
        for cut in 0..body.len() {
            ask("parts", &body[..cut], b"");
        }
        for _ in 0..100 {
            let mut changed = body.to_vec();
            let at = random.below(changed.len());
            match random.below(3) {
                0 => drop(changed.remove(at)),
                1 => changed.insert(at, b"\r\n-b:\t\"x"[random.below(8)]),
                _ => changed[at] = b"\r\n-b:\t\"x"[random.below(8)],
            }
            ask("parts", &changed, b"");
        }
    }
    for text in HOSTS {
        ask("host", text.as_bytes(), b"");
    }
    all
}

/// PARTS are multipart bodies with the boundary "b".
const PARTS: &[&[u8]] = &[
    b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\nX: y\r\n\r\none\r\n--b--\r\n",
    b"--b\r\nContent-Disposition: form-data; name=a; filename=\"../x/f.txt\"\r\n\r\n\r\n--b\r\n\r\ntwo\r\n--b--",
    b"preamble\r\n--b\r\n\r\n--bx\r\n--b--\r\nepilogue",
    b"--b\nX: 1\n\nlf\n--b\n\nmore\n--b--\n",
    b"--b  \r\n\r\nblank\r\n--b\t\r\n\r\n\r\n--b-- \r\n",
    b"--b\r\nX: a\r\n folded\r\n\r\n-\r\n-\r\n--\r\n--c\r\n--b--",
    b"--b--\r\n",
];

//! What the targets of whole connections share: a parser of messages that is slow and simple, and knows only what nobody
//! could read in two ways. What it understands, the library must understand as the same; of all else it says nothing.

use nethttp::mux::Mux;
use nethttp::server::{Handler, Server};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// answers is what a server of the process says to a client that says `said`, and nothing more.
pub fn answers(handler: impl Handler + 'static, said: &[u8]) -> Vec<u8> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let s = Server::new(Arc::new(Mux::new()));
        s.set_handler(Arc::new(handler)).unwrap();
        s.configure(|c| c.shards = 1).unwrap();
        s.listen("127.0.0.1:0").unwrap();
        s.start().unwrap();
        s
    });
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    theirs.write_all(said).unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    server.serve_fd(ours.into(), None).unwrap();
    let mut all = Vec::new();
    theirs.read_to_end(&mut all).expect("the server ends a connection whose client has");
    all
}

/// Message is one that both sides must read alike.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub first: Vec<Vec<u8>>,
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    /// Where it ends; `None`: with the connection.
    pub end: Option<usize>,
}

impl Message {
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |f| f.0.eq_ignore_ascii_case(name.as_bytes())).map(|f| f.1.as_slice())
    }

    pub fn one<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    pub fn code(&self) -> u16 {
        std::str::from_utf8(&self.first[1]).unwrap().parse().unwrap()
    }
}

fn line<'a>(data: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = data.get(*at..)?;
    let n = rest.windows(2).position(|w| w == b"\r\n")?;
    *at += n + 2;
    let line = &rest[..n];
    line.iter().all(|b| (b' '..=b'~').contains(b)).then_some(line)
}

fn number(text: &[u8], radix: u32) -> Option<usize> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() || text.len() > 5 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    usize::from_str_radix(text, radix).ok()
}

/// head reads a first line of three words and the fields behind it.
pub fn head(data: &[u8], at: &mut usize) -> Option<Message> {
    let first: Vec<Vec<u8>> = line(data, at)?.splitn(3, |b| *b == b' ').map(<[u8]>::to_vec).collect();
    let mut fields = Vec::new();
    if first.len() != 3 {
        return None;
    }
    loop {
        let line = line(data, at)?;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty()
            || !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            || fields.len() > 50
        {
            return None;
        }
        fields.push((name.to_vec(), value.to_vec()));
    }
    Some(Message { first, fields, body: Vec::new(), end: Some(*at) })
}

fn chunks(data: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = number(line(data, at)?, 16)?;
        if size == 0 {
            return line(data, at)?.is_empty().then_some(body);
        }
        body.extend_from_slice(data.get(*at..*at + size)?);
        *at += size;
        if !line(data, at)?.is_empty() {
            return None;
        }
    }
}

/// body reads what follows a head. `ends`: a body without a length goes on to the end, else there is none.
pub fn body(data: &[u8], mut message: Message, ends: bool) -> Option<Message> {
    let mut at = message.end?;
    let lengths: Vec<_> = message.all("Content-Length").collect();
    let codings: Vec<_> = message.all("Transfer-Encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) if ends => {
            message.body = data.get(at..)?.to_vec();
            message.end = None;
        }
        ([], []) => {}
        ([n], []) => {
            let n = number(n, 10)?;
            message.body = data.get(at..at + n)?.to_vec();
            message.end = Some(at + n);
        }
        ([], [b"chunked"]) => {
            message.body = chunks(data, &mut at)?;
            message.end = Some(at);
        }
        _ => return None,
    }
    Some(message)
}

/// response reads the final response at `at` to a request of that method, past informational ones.
pub fn response(data: &[u8], mut at: usize, method: &[u8]) -> Option<Message> {
    for _ in 0..4 {
        let head = head(data, &mut at)?;
        let code = &head.first[1];
        let old = head.first[0] == b"HTTP/1.0" && head.one("Transfer-Encoding").is_none();
        if (head.first[0] != b"HTTP/1.1" && !old) || code.len() != 3 || !code.iter().all(u8::is_ascii_digit) {
            return None;
        }
        match head.code() {
            101 | 0..=99 | 600.. => return None,
            100..=199 => continue,
            204 | 304 => return Some(head),
            _ if method == b"HEAD" => return Some(head),
            _ => return body(data, head, true),
        }
    }
    None
}

/// request reads the request at `at`.
pub fn request(data: &[u8], mut at: usize) -> Option<Message> {
    const OTHER: [&str; 5] = ["Connection", "Expect", "Upgrade", "Trailer", "Host"];
    let head = head(data, &mut at)?;
    let [method, target, version] = &head.first[..] else { return None };
    let plain = target.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'/');
    if !method.iter().all(u8::is_ascii_uppercase)
        || method.is_empty()
        || method == b"CONNECT"
        || method == b"PRI"
    {
        return None;
    }
    if target.first() != Some(&b'/') || !plain || version != b"HTTP/1.1" {
        return None;
    }
    let hosts: Vec<_> = head.all("Host").collect();
    if hosts.len() != 1 || !hosts[0].iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    if OTHER[..4].iter().any(|n| head.one(n).is_some()) {
        return None;
    }
    body(data, head, false)
}

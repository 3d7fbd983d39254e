//! The mux's own answers, in Go's words: not found, redirects, OPTIONS *.

use crate::message::path;
use crate::message::request::{HTTP_11, Request};
use crate::message::status;
use crate::server::{Handler, ResponseWriter};
use std::borrow::Cow;
use std::sync::Arc;

pub(super) const NOT_FOUND: u32 = 0;
pub(super) const CLEAN: u32 = 1;
pub(super) const ADD_SLASH: u32 = 2;
pub(super) const OPTIONS: u32 = 3;
pub(super) const BAD_REQUEST: u32 = 4;
pub(super) const CLEAN_ADD_SLASH: u32 = 5;
pub(super) const METHOD_NOT_ALLOWED: u32 = 6;

pub(super) fn handlers() -> [Arc<dyn Handler>; 7] {
    [
        Arc::new(not_found),
        Arc::new(clean),
        Arc::new(add_slash),
        Arc::new(options),
        Arc::new(bad_request),
        Arc::new(clean_add_slash),
        Arc::new(method_not_allowed),
    ]
}

// A failed write has broken the connection, which the server sees for itself.
fn not_found(w: &mut ResponseWriter, _: &mut Request) {
    refuse(w, 404, b"404 page not found\n");
}

fn method_not_allowed(w: &mut ResponseWriter, r: &mut Request) {
    let allowed = r.routes.as_ref().map(|routes| routes.allowed(r)).unwrap_or_default();
    w.header().add_unchecked(b"Allow", allowed.as_bytes());
    refuse(w, 405, b"Method Not Allowed\n");
}

fn refuse(w: &mut ResponseWriter, code: u16, text: &[u8]) {
    let h = w.header();
    h.add_unchecked(b"Content-Type", b"text/plain; charset=utf-8");
    h.add_unchecked(b"X-Content-Type-Options", b"nosniff");
    let _ = w.write_header(code);
    let _ = w.write(text);
}

fn clean(w: &mut ResponseWriter, r: &mut Request) {
    redirect(w, r, path::clean(&escaped_path(r)));
}

fn clean_add_slash(w: &mut ResponseWriter, r: &mut Request) {
    let mut to = path::clean(&escaped_path(r));
    to.push(b'/');
    redirect(w, r, to);
}

fn escaped_path(r: &Request) -> Cow<'_, [u8]> {
    path::escaped(r.raw_path())
}

fn add_slash(w: &mut ResponseWriter, r: &mut Request) {
    let mut to = escaped_path(r).into_owned();
    to.push(b'/');
    redirect(w, r, to);
}

fn redirect(w: &mut ResponseWriter, r: &Request, mut to: Vec<u8>) {
    const CODE: u16 = 307;
    to.extend_from_slice(r.raw_query_part());
    let to = hex_escape_non_ascii(&to);
    let is = |m: &[u8]| r.text(r.method) == m;
    let h = w.header();
    // The target's bytes were checked when it was parsed: none can break a line.
    h.add_unchecked(b"Location", &to);
    if is(b"GET") || is(b"HEAD") {
        h.add_unchecked(b"Content-Type", b"text/html; charset=utf-8");
    }
    let _ = w.write_header(CODE);
    if is(b"GET") {
        let shown = html_escape(&to);
        let _ = w.write(format!("<a href=\"{shown}\">{}</a>.\n\n", status::text(CODE)).as_bytes());
    }
}

fn options(w: &mut ResponseWriter, _: &mut Request) {
    w.header().add_unchecked(b"Content-Length", b"0");
    let _ = w.write_header(200);
}

fn bad_request(w: &mut ResponseWriter, r: &mut Request) {
    if r.version >= Some(HTTP_11) {
        w.header().add_unchecked(b"Connection", b"close");
    }
    let _ = w.write_header(400);
}

fn hex_escape_non_ascii(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for &b in s {
        if b < 0x80 { out.push(b) } else { out.extend_from_slice(format!("%{b:02x}").as_bytes()) }
    }
    out
}

fn html_escape(s: &[u8]) -> String {
    let mut out = String::with_capacity(s.len());
    for c in String::from_utf8_lossy(s).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

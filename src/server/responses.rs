//! Short answers in Go's words: errors, not found, redirects.

use super::ResponseWriter;
use crate::error::{Result, invalid};
use crate::message::escape::html;
use crate::message::header::Header;
use crate::message::path;
use crate::message::request::Request;
use crate::message::status;
use crate::message::url::Url;

/// error answers a status with a line of plain text.
pub fn error(w: &mut ResponseWriter, text: &[u8], code: u16) -> Result<()> {
    set_error_fields(w.header())?;
    // As in Go the text is added to an answer that has begun; who did so is told.
    let begun = w.write_header(code);
    w.write(&[text, b"\n"].concat())?;
    begun
}

/// set_error_fields says that a line of plain text comes.
pub(crate) fn set_error_fields(h: &mut Header) -> Result<()> {
    // It may be that of other content.
    h.del(b"Content-Length");
    h.set(b"Content-Type", b"text/plain; charset=utf-8")?;
    h.set(b"X-Content-Type-Options", b"nosniff")
}

/// not_found answers 404.
pub fn not_found(w: &mut ResponseWriter) -> Result<()> {
    error(w, b"404 page not found", 404)
}

/// internal_error answers 500, without what a handler may have set for another answer.
pub fn internal_error(w: &mut ResponseWriter) -> Result<()> {
    w.header().clear();
    error(w, b"Internal Server Error", 500)
}

/// redirect leads to a URL; a relative one is made absolute by the request's path.
pub fn redirect(w: &mut ResponseWriter, r: &Request, url: &[u8], code: u16) -> Result<()> {
    if !(200..1000).contains(&code) {
        return Err(invalid(format!("invalid WriteHeader code {code}")));
    }
    let relative = std::str::from_utf8(url)
        .is_ok_and(|u| Url::parse(u).is_ok_and(|u| u.scheme().is_empty() && u.host().is_empty()));
    if !relative {
        return redirect_to(w, r, url, code);
    }
    let mut to = Vec::new();
    if !url.starts_with(b"/") {
        let old = path::escaped(r.raw_path());
        let dir = memchr::memrchr(b'/', &old).and_then(|i| old.get(..=i)).unwrap_or(b"/");
        to.extend_from_slice(dir);
    }
    to.extend_from_slice(url);
    let query = path::query_of(&to).to_vec();
    to.truncate(to.len() - query.len());
    let mut to = path::clean(&to);
    to.extend_from_slice(&query);
    redirect_to(w, r, &to, code)
}

/// redirect_to is [`redirect`] to a URL as it is.
pub(crate) fn redirect_to(w: &mut ResponseWriter, r: &Request, to: &[u8], code: u16) -> Result<()> {
    let is = |m: &[u8]| r.text(r.method) == m;
    let h = w.header();
    h.set(b"Location", &hex_escape_non_ascii(to))?;
    let typed = h.contains(b"content-type");
    if !typed && (is(b"GET") || is(b"HEAD")) {
        h.set(b"Content-Type", b"text/html; charset=utf-8")?;
    }
    w.write_header(code)?;
    if !typed && is(b"GET") {
        let text = status::text(code).as_bytes();
        return w.write(&[b"<a href=\"", &*html(to), b"\">", text, b"</a>.\n\n"].concat());
    }
    Ok(())
}

fn hex_escape_non_ascii(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    for &b in s {
        if b < 0x80 { out.push(b) } else { out.extend_from_slice(format!("%{b:02x}").as_bytes()) }
    }
    out
}

//! The mux's own answers, in Go's words: not found, redirects, OPTIONS *.

use crate::message::path;
use crate::message::request::{HTTP_11, Request};
use crate::server::{Handler, ResponseWriter, responses};
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
    let _ = responses::not_found(w);
}

fn method_not_allowed(w: &mut ResponseWriter, r: &mut Request) {
    let allowed = r.routes.as_ref().map(|routes| routes.allowed(r)).unwrap_or_default();
    w.header().add_unchecked(b"Allow", allowed.as_bytes());
    let _ = responses::error(w, b"Method Not Allowed", 405);
}

fn clean(w: &mut ResponseWriter, r: &mut Request) {
    redirect(w, r, path::clean(&path::plain_dots(&escaped_path(r))));
}

fn clean_add_slash(w: &mut ResponseWriter, r: &mut Request) {
    let mut to = path::clean(&path::plain_dots(&escaped_path(r)));
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
    to.extend_from_slice(r.raw_query_part());
    let _ = responses::redirect_to(w, r, &to, 307);
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

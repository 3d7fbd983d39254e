//! The Netscape format: seven fields a line, set apart by tabs, as curl and others read and write it.

use super::rules::{JarEntry, is_address, is_public_suffix, key_of};
use super::{Jar, MAX_BYTES, StoredCookie};
use crate::error::{Error, Kind, Result, invalid};
use crate::message::cookie::Cookie;
use crate::message::url::to_ascii;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// MAX_FILE is more than a full jar writes.
const MAX_FILE: u64 = 32 << 20;
const HEADING: &str =
    "# Netscape HTTP Cookie File\n# Written by nethttp; changes are lost when it writes again.\n\n";
const HTTP_ONLY: &[u8] = b"#HttpOnly_";

impl Jar {
    /// to_text writes what the jar keeps; cookies that end with the session only if asked for.
    pub fn to_text(&self, with_session: bool, now: i64) -> Vec<u8> {
        let mut out = HEADING.as_bytes().to_vec();
        for k in self.stored_cookies(now) {
            let fits = !k.cookie.name.contains(&b'\t') && !k.cookie.path.contains(&b'\t');
            if fits && (with_session || k.cookie.expires.is_some()) {
                line(&mut out, &k);
            }
        }
        out
    }

    /// add_text adds the cookies of a text; lines that are none, and cookies that have ended, are passed over.
    /// `false`: there are lines, and none of them is a cookie's.
    pub fn add_text(&self, text: &[u8], now: i64) -> bool {
        let mut store = self.lock();
        let (mut lines, mut cookies) = (0, 0);
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for l in text.split(|&b| b == b'\n') {
            let Some(e) = entry(l) else {
                lines += usize::from(!l.starts_with(b"#") && !l.trim_ascii().is_empty());
                continue;
            };
            cookies += 1;
            if !e.is_expired(now) {
                let key = key_of(&e.domain).to_owned();
                store.put_one(&key, e, true, now);
            }
        }
        store.make_room(now);
        cookies > 0 || lines == 0
    }

    /// load adds the cookies of a file.
    pub fn load(&self, path: &Path, now: i64) -> Result<()> {
        let failed =
            |what: &str, e: &std::io::Error| Error::io(Kind::Io, format!("{what} {}", path.display()), e);
        let file = File::open(path).map_err(|e| failed("open", &e))?;
        let mut text = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(|e| failed("read", &e))?;
        if text.len() as u64 > MAX_FILE {
            return Err(Error::new(Kind::TooLarge, "nethttp: the cookie file is too large"));
        }
        match self.add_text(&text, now) {
            true => Ok(()),
            false => Err(invalid("nethttp: the file has no cookies in the Netscape format")),
        }
    }

    /// save replaces a file at once, so that no reader sees half of it; only its owner may read it.
    pub fn save(&self, path: &Path, with_session: bool, now: i64) -> Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let text = self.to_text(with_session, now);
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Relaxed)));
        let beside = PathBuf::from(beside);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut f| f.write_all(&text).and_then(|()| f.sync_all()))
            .and_then(|()| std::fs::rename(&beside, path));
        written.map_err(|e| {
            let _ = std::fs::remove_file(&beside);
            Error::io(Kind::Io, format!("write {}", path.display()), &e)
        })
    }
}

fn line(out: &mut Vec<u8>, k: &StoredCookie) {
    let flag = |on: bool| if on { &b"TRUE"[..] } else { b"FALSE" };
    let c = &k.cookie;
    out.extend_from_slice(if c.http_only { HTTP_ONLY } else { b"" });
    out.extend_from_slice(if k.host_only { b"" } else { b"." });
    let ends = c.expires.unwrap_or(0).to_string();
    let quote: &[u8] = if c.quoted { b"\"" } else { b"" };
    let value = [quote, &c.value, quote].concat();
    let fields =
        [&c.domain, flag(!k.host_only), &c.path, flag(c.secure), ends.as_bytes(), &c.name, value.as_slice()];
    out.extend_from_slice(&fields.join(&b'\t'));
    out.push(b'\n');
}

fn entry(l: &[u8]) -> Option<JarEntry> {
    let l = l.strip_suffix(b"\r").unwrap_or(l);
    let (l, http_only) = match l.strip_prefix(HTTP_ONLY) {
        Some(rest) => (rest, true),
        None if l.starts_with(b"#") => return None,
        None => (l, false),
    };
    let mut fields = l.splitn(7, |&b| b == b'\t');
    let mut next = || fields.next();
    let (domain, beneath, path, secure, ends, name) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let value = next().unwrap_or_default();
    let cookie = Cookie::as_stored(name, value)?;
    let domain = domain.strip_prefix(b".").unwrap_or(domain);
    let domain = String::from_utf8(to_ascii(domain).ok()?.to_ascii_lowercase()).ok()?;
    let is_on = |f: &[u8]| f.eq_ignore_ascii_case(b"TRUE");
    let host_only = !is_on(beneath) || is_address(&domain);
    let ends = expiry(ends)?;
    let path = if path.starts_with(b"/") { path } else { b"/" };
    let text = |s: &[u8]| !s.iter().any(|b| b.is_ascii_control() && *b != b'\t') && !s.contains(&b';');
    let well = is_host(&domain)
        && (host_only || !is_public_suffix(&domain))
        && text(path)
        && text(name)
        && !name.contains(&b'=')
        && text(value)
        && name.len() + value.len() <= MAX_BYTES;
    let cookie = Cookie { secure: is_on(secure), http_only, ..cookie };
    well.then(|| JarEntry {
        cookie,
        domain,
        host_only,
        path: path.to_vec(),
        expires: ends,
        created: 0,
        used: 0,
    })
}

/// expiry reads Unix seconds, which browsers' extensions write with a fraction. Nothing, 0 and -1 are a session's end.
fn expiry(text: &[u8]) -> Option<Option<i64>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let whole = match text.parse::<i64>() {
        Ok(n) => n,
        Err(_) if text.is_empty() => 0,
        // `as` ends at the bounds of the type.
        Err(_) => text.parse::<f64>().ok().filter(|n| n.is_finite())? as i64,
    };
    Some((whole != 0 && whole != -1).then_some(whole))
}

/// is_host tells whether a line's domain is one that a URL can have.
fn is_host(domain: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.:%".contains(&b);
    !domain.split('.').any(str::is_empty) && domain.bytes().all(valid)
}

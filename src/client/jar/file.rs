//! The Netscape format: seven fields a line, set apart by tabs, as curl and others read and write it.

use super::rules::{Entry, is_address, is_public_suffix, key_of};
use super::{Jar, Kept, MAX_BYTES};
use crate::error::{Error, Kind, Result};
use crate::message::cookie::{Cookie, is_value_byte};
use crate::message::header::is_token;
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
        for k in self.kept(now) {
            if with_session || k.cookie.expires.is_some() {
                line(&mut out, &k);
            }
        }
        out
    }

    /// add_text adds the cookies of a text; lines that are none, and cookies that have ended, are passed over.
    pub fn add_text(&self, text: &[u8], now: i64) {
        let mut store = self.lock();
        for l in text.split(|&b| b == b'\n') {
            if let Some(e) = entry(l)
                && !e.is_over(now)
            {
                let key = key_of(&e.domain).to_owned();
                store.put(&key, e, true, now);
            }
        }
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
        self.add_text(&text, now);
        Ok(())
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

fn line(out: &mut Vec<u8>, k: &Kept) {
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

fn entry(l: &[u8]) -> Option<Entry> {
    let l = l.strip_suffix(b"\r").unwrap_or(l);
    let (l, http_only) = match l.strip_prefix(HTTP_ONLY) {
        Some(rest) => (rest, true),
        None if l.starts_with(b"#") => return None,
        None => (l, false),
    };
    let mut fields = l.split(|&b| b == b'\t');
    let mut next = || fields.next();
    let (domain, beneath, path, secure, ends, name) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let value = next().unwrap_or_default();
    let quoted = value.len() > 1 && value.starts_with(b"\"") && value.ends_with(b"\"");
    let value = if quoted { value.get(1..value.len() - 1)? } else { value };
    let domain = std::str::from_utf8(domain).ok()?;
    let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    let is_on = |f: &[u8]| f.eq_ignore_ascii_case(b"TRUE");
    let host_only = !is_on(beneath) || is_address(&domain);
    let ends: i64 = std::str::from_utf8(ends).ok()?.parse().ok()?;
    let well = is_host(&domain)
        && (host_only || !is_public_suffix(&domain))
        && path.starts_with(b"/")
        && path.iter().all(|&b| is_value_byte(b))
        && is_token(name)
        && value.iter().all(|&b| is_value_byte(b))
        && name.len() + value.len() <= MAX_BYTES;
    if !well {
        return None;
    }
    let cookie = Cookie {
        name: name.to_vec(),
        value: value.to_vec(),
        quoted,
        secure: is_on(secure),
        http_only,
        ..Cookie::default()
    };
    let ends = (ends != 0).then_some(ends);
    Some(Entry { cookie, domain, host_only, path: path.to_vec(), ends, created: 0, used: 0 })
}

/// is_host tells whether a line's domain is one that a URL can have.
fn is_host(domain: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.:%".contains(&b);
    !domain.split('.').any(str::is_empty) && domain.bytes().all(valid)
}

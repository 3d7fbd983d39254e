//! Cookie jars: RFC 6265bis with a public suffix list; Go's `cookiejar`, bounded and with a file.
//!
//! * [`Jar`]: the cookies, by the domain that a registrar sells, each list bounded.
//! * `rules`: what may be stored for whom, and what is sent where.
//! * `file`: the Netscape format.

mod file;
mod rules;

#[cfg(test)]
mod tests;

use crate::message::cookie::Cookie;
use crate::sync::Mutex;
pub use rules::CookieOrigin;
use rules::JarEntry;
use std::collections::HashMap;
use std::sync::PoisonError;

/// MAX_PER_DOMAIN, MAX_TOTAL and MAX_BYTES are what RFC 6265, 6.1 demands at least; here they are bounds.
pub const MAX_PER_DOMAIN: usize = 50;
pub const MAX_TOTAL: usize = 3000;
/// MAX_BYTES bounds name and value together.
pub const MAX_BYTES: usize = 4096;
/// MAX_FIELD bounds the Cookie field that a jar makes: servers take some 8 KiB for a whole line.
const MAX_FIELD: usize = 8192;

/// CookieJar is what a client asks for cookies and gives those that came; times are Unix seconds.
pub trait CookieJar: Send + Sync {
    /// cookies is the value of the Cookie field for a request; `None`: no field.
    fn cookies(&self, origin: &CookieOrigin, now: i64) -> Option<Vec<u8>>;
    fn set(&self, origin: &CookieOrigin, cookies: &[Cookie], now: i64);
}

/// Jar keeps cookies in memory; any thread may use it.
#[derive(Default)]
pub struct Jar {
    store: Mutex<CookieStore>,
}

#[derive(Default)]
struct CookieStore {
    /// By registrable domain or address.
    domains: HashMap<String, Vec<JarEntry>>,
    count: usize,
    /// Grows with each use: what came or was used first has the smaller number.
    tick: u64,
}

/// StoredCookie is a cookie as a jar has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCookie {
    /// Its domain without a leading dot, its path and when it ends, if it outlives the session.
    pub cookie: Cookie,
    pub host_only: bool,
}

impl CookieJar for Jar {
    fn cookies(&self, origin: &CookieOrigin, now: i64) -> Option<Vec<u8>> {
        let mut store = self.lock();
        store.tick += 1;
        let tick = store.tick;
        let list = store.domains.get_mut(origin.key())?;
        let mut chosen: Vec<&mut JarEntry> =
            list.iter_mut().filter(|e| !e.is_expired(now) && e.is_for(origin)).collect();
        if chosen.is_empty() {
            return None;
        }
        // RFC 6265, 5.4: longer paths first, then those that are there longer.
        chosen.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then(a.created.cmp(&b.created)));
        drop_oldest(&mut chosen);
        let mut out = Vec::new();
        for e in chosen {
            e.used = tick;
            if !out.is_empty() {
                out.extend_from_slice(b"; ");
            }
            e.cookie.pair(&mut out);
        }
        Some(out)
    }

    fn set(&self, origin: &CookieOrigin, cookies: &[Cookie], now: i64) {
        let mut store = self.lock();
        for cookie in cookies {
            if let Some(e) = JarEntry::new(origin, cookie, now) {
                store.put(origin.key(), e, origin.is_secure(), now);
            }
        }
    }
}

/// drop_oldest bounds what is sent by taking away what is there for the longest time.
fn drop_oldest(chosen: &mut Vec<&mut JarEntry>) {
    let size = |e: &JarEntry| e.cookie.name.len() + e.cookie.value.len() + 5;
    let mut total: usize = chosen.iter().map(|e| size(e)).sum();
    let mut ages: Vec<(u64, usize)> = chosen.iter().map(|e| (e.created, size(e))).collect();
    ages.sort_unstable();
    let mut from = 0;
    for (created, size) in ages {
        if total <= MAX_FIELD {
            break;
        }
        (total, from) = (total - size, created + 1);
    }
    chosen.retain(|e| e.created >= from);
}

impl Jar {
    fn lock(&self) -> crate::sync::MutexGuard<'_, CookieStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// stored_cookies are all cookies that have not ended, by domain and then as they came.
    pub fn stored_cookies(&self, now: i64) -> Vec<StoredCookie> {
        let store = self.lock();
        let mut all: Vec<&JarEntry> =
            store.domains.values().flatten().filter(|e| !e.is_expired(now)).collect();
        all.sort_by(|a, b| a.domain.cmp(&b.domain).then(a.created.cmp(&b.created)));
        all.into_iter().map(JarEntry::to_stored).collect()
    }

    pub fn len(&self) -> usize {
        self.lock().count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&self) {
        let mut store = self.lock();
        store.domains.clear();
        store.count = 0;
    }
}

impl CookieStore {
    /// put stores, replaces or removes, and then makes room.
    fn put(&mut self, key: &str, e: JarEntry, secure: bool, now: i64) {
        self.put_one(key, e, secure, now);
        self.make_room(now);
    }

    fn put_one(&mut self, key: &str, mut e: JarEntry, secure: bool, now: i64) {
        self.tick += 1;
        (e.created, e.used) = (self.tick, self.tick);
        let list = self.domains.entry(key.to_owned()).or_default();
        // What came over TLS is neither replaced nor hidden by what came in the clear.
        let covered = !secure && !e.cookie.secure && list.iter().any(|old| old.protects_secure_from(&e));
        let at = list.iter().position(|old| old.is_same(&e));
        if covered {
            // Nothing changes.
        } else if e.is_expired(now) {
            if let Some(at) = at {
                list.remove(at);
                self.count -= 1;
            }
        } else if let Some(old) = at.and_then(|at| list.get_mut(at)) {
            e.created = old.created;
            *old = e;
        } else {
            if list.len() >= MAX_PER_DOMAIN {
                self.count -= evict(list, now);
            }
            list.push(e);
            self.count += 1;
        }
        if list.is_empty() {
            self.domains.remove(key);
        }
    }

    /// make_room takes out of a jar that is too full what has ended, and then the cookies that were not used for the
    /// longest time.
    fn make_room(&mut self, now: i64) {
        if self.count <= MAX_TOTAL {
            return;
        }
        for list in self.domains.values_mut() {
            list.retain(|e| !e.is_expired(now));
        }
        self.domains.retain(|_, list| !list.is_empty());
        self.count = self.domains.values().map(Vec::len).sum();
        if self.count <= MAX_TOTAL {
            return;
        }
        let mut uses: Vec<u64> = self.domains.values().flatten().map(|e| e.used).collect();
        let mut excess = self.count - MAX_TOTAL;
        let (_, &mut last, _) = uses.select_nth_unstable(excess - 1);
        for list in self.domains.values_mut() {
            list.retain(|e| {
                let goes = excess > 0 && e.used <= last;
                excess -= usize::from(goes);
                !goes
            });
        }
        self.domains.retain(|_, list| !list.is_empty());
        self.count = self.domains.values().map(Vec::len).sum();
    }
}

/// evict makes room in a full list (RFC 6265bis, 5.7): what has ended, else the longest unused cookie without Secure,
/// else the longest unused one. It says how many went.
fn evict(list: &mut Vec<JarEntry>, now: i64) -> usize {
    let before = list.len();
    list.retain(|e| !e.is_expired(now));
    if list.len() == before
        && let Some(at) = (0..list.len()).min_by_key(|i| list.get(*i).map(|e| (e.cookie.secure, e.used)))
    {
        list.remove(at);
    }
    before - list.len()
}

//! Log: one line of text for each event that has no caller to be returned to. Silent until a program asks.
//!
//! An unset log costs one relaxed load. The sink is called without a lock held; one that is replaced stays
//! alive until the calls that are inside it have returned.

use crate::message::header::Header;
use crate::sync::RwLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, PoisonError};

/// Level tells how much a line matters; smaller is more important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Something failed that a person should know of: accept errors, a caught panic.
    Error = 1,
    /// Something was refused or ended early: a malformed request, a superfluous header write.
    Warn = 2,
    /// What the library does: connections made, reused and closed.
    Info = 3,
    /// The heads on the wire.
    Debug = 4,
}

/// Sink receives lines from any thread, at the same time too.
pub type Sink = dyn Fn(Level, &str) + Send + Sync;

static MAX: AtomicI32 = AtomicI32::new(0);
static SINK: RwLock<Option<Arc<Sink>>> = RwLock::new(None);

/// set_sink replaces the process's sink; lines above `max` are not even made. The old one is dropped when
/// the last call inside it has returned, and never under the lock.
pub fn set_sink(max: Level, sink: Option<Box<Sink>>) {
    let level = if sink.is_some() { max as i32 } else { 0 };
    let old = {
        let mut slot = SINK.write().unwrap_or_else(PoisonError::into_inner);
        MAX.store(level, Ordering::Relaxed);
        std::mem::replace(&mut *slot, sink.map(Arc::from))
    };
    drop(old);
}

/// enabled tells whether a line of that level would be seen by anybody.
#[inline]
pub fn enabled(level: Level) -> bool {
    level as i32 <= MAX.load(Ordering::Relaxed)
}

/// emit makes a line and hands it to the sink, if there is one for its level.
#[inline]
pub fn emit(level: Level, line: impl FnOnce() -> String) {
    if enabled(level) {
        deliver(level, &line());
    }
}

/// head logs a message's head at [`Level::Debug`], a line each behind `mark`: `>` is sent, `<` received.
#[inline]
pub fn head(mark: char, head: &[u8]) {
    if enabled(Level::Debug) {
        head_lines(mark, head);
    }
}

/// list is [`head`] for a request of HTTP/2, which has no text of its own.
pub(crate) fn list(mark: char, method: &[u8], path: &[u8], header: &Header) {
    if enabled(Level::Debug) {
        let mut text = [method, b" ", path, b" HTTP/2.0\r\n"].concat();
        header.write_to(&mut text);
        head_lines(mark, &text);
    }
}

/// SECRETS are the fields whose values stay out of logs.
const SECRETS: [&[u8]; 4] = [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"];

#[cold]
fn head_lines(mark: char, head: &[u8]) {
    for line in head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|l| !l.is_empty()) {
        let name = line.split(|&b| b == b':').next().unwrap_or_default();
        let secret = name.len() < line.len() && SECRETS.iter().any(|s| name.eq_ignore_ascii_case(s));
        let shown = if secret { [name, b": ***"].concat() } else { line.to_vec() };
        deliver(Level::Debug, &format!("{mark} {}", shown.escape_ascii()));
    }
}

#[cold]
fn deliver(level: Level, line: &str) {
    let sink = SINK.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(sink) = sink {
        sink(level, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn lines_up_to_the_level_arrive() {
        static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
        assert!(!enabled(Level::Error));
        set_sink(Level::Warn, Some(Box::new(|_, line| SEEN.lock().unwrap().push(line.to_owned()))));
        emit(Level::Warn, || "log test: kept".into());
        assert!(!enabled(Level::Info));
        set_sink(Level::Warn, None);
        assert!(!enabled(Level::Error));
        assert!(SEEN.lock().unwrap().contains(&"log test: kept".to_owned()));

        set_sink(Level::Debug, Some(Box::new(|_, line| SEEN.lock().unwrap().push(line.to_owned()))));
        head('>', b"GET /log-test HTTP/1.1\r\nX-A: b\x1b\r\nAUTHORIZATION: Basic x\r\nCookie: a=b\r\n\r\n");
        set_sink(Level::Warn, None);
        let seen = SEEN.lock().unwrap();
        for line in ["> GET /log-test HTTP/1.1", "> X-A: b\\x1b", "> AUTHORIZATION: ***", "> Cookie: ***"] {
            assert!(seen.iter().any(|s| s == line), "{line}: {seen:?}");
        }
    }
}

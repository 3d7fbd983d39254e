//! From the streams to the socket: whose turn it is, and what the socket takes.

use super::session::Http2Session;
use super::stream::{refused, stream_closed};
use crate::h2::{Engine, ErrorCode, SendError};
use crate::runtime::NEVER;
use crate::server::tls_session::TlsSession;
use crate::sys;
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;

/// So much is gathered before it is sent.
const ENOUGH: usize = 64 * 1024;
/// Beyond this the connection neither reads nor answers until the socket takes some.
pub(super) const BACKLOG: usize = 256 * 1024;
/// Rounds of sending before other connections come.
const ROUNDS: usize = 16;

/// FlushResult is how sending has come to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FlushResult {
    /// Nothing more can be sent now.
    All,
    /// The socket is full.
    Blocked,
    /// There is more, but others come first.
    More,
}

/// SessionSocket is where a session's bytes go.
pub(super) struct SessionSocket<'a> {
    pub(super) fd: RawFd,
    pub(super) secure: Option<&'a TlsSession>,
}

impl Http2Session {
    /// flush sends all that is there, the streams' bodies in their turns.
    pub(super) fn flush(&mut self, to: &SessionSocket<'_>, now: u64) -> io::Result<FlushResult> {
        for _ in 0..ROUNDS {
            let more = self.pump(now);
            if !self.send_output(to, now)? {
                return Ok(FlushResult::Blocked);
            }
            if !more {
                return Ok(FlushResult::All);
            }
        }
        Ok(FlushResult::More)
    }

    /// pump moves bodies into the engine's output; `true`: there is more than it may hold.
    fn pump(&mut self, now: u64) -> bool {
        while self.engine.output().len() < ENOUGH {
            let Some((id, n)) = self.engine.next_stream() else { return false };
            let Some(stream) = self.find(id).cloned() else {
                self.engine.set_pending(id, false);
                continue;
            };
            let mut s = stream.state();
            let n = n.min(s.output.pending());
            let data = s.output.body.data().get(..n).unwrap_or_default();
            let all = n == s.output.pending();
            let end = all && matches!(s.output.end, Some(None));
            let sent = self.engine.send_data(id, data, end);
            let moved = sent.unwrap_or(0);
            s.sent(moved);
            s.output.moved = now;
            let mut over = sent.is_err();
            if sent == Err(SendError::NoMemory) {
                self.engine.reset(id, ErrorCode::INTERNAL_ERROR);
            }
            if s.output.pending() == 0 {
                self.engine.set_pending(id, false);
                s.output.moved = NEVER;
                if end {
                    s.output.end = None;
                    over = true;
                    if !s.input.ended {
                        self.engine.reset(id, ErrorCode::NO_ERROR);
                    }
                } else {
                    over |= self.send_end(&mut s).is_err();
                }
            }
            if over {
                let unread = stream.disconnect_locked(&mut s, sent.err().map_or_else(stream_closed, refused));
                self.engine.release(id, unread);
                self.remove(id);
            } else if s.output.waits && s.should_wake_writer() {
                drop(s);
                stream.notify();
            }
        }
        true
    }

    /// send_output sends the engine's output; `true`: all of it.
    pub(super) fn send_output(&mut self, to: &SessionSocket<'_>, now: u64) -> io::Result<bool> {
        let before = self.engine.output().len();
        let (sent, all) = match to.secure {
            Some(secure) => {
                let n = before;
                if n > 0 {
                    secure.encrypt(self.engine.output()).map_err(io::Error::other)?;
                    self.engine.sent(n);
                }
                secure.flush()?
            }
            None => send_plain(&mut self.engine, to.fd)?,
        };
        if all {
            self.stuck_since = NEVER;
        } else if sent > 0 || self.stuck_since == NEVER {
            self.stuck_since = now;
        }
        Ok(all)
    }
}

fn send_plain(engine: &mut Engine, fd: RawFd) -> io::Result<(usize, bool)> {
    let mut sent = 0;
    let all = loop {
        let rest = engine.output().get(sent..).unwrap_or_default();
        if rest.is_empty() {
            break true;
        }
        match sys::send(fd, rest, sys::MSG_DONTWAIT) {
            Ok(n) => sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
            Err(e) => return Err(e),
        }
    };
    engine.sent(sent);
    Ok((sent, all))
}

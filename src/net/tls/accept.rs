//! The server's side of a session: its handshake, step by step, and buffers that are lent to it.

use super::buffer::TlsBuffer;
use super::info::info;
use super::server::requested_name;
use super::stream::{Recv, Send, TlsStep};
use super::{IoError, Tls, TlsInfo};
use crate::error::{Error, Kind, Phase};
use std::io;

/// KEEP is the most that a thread's own buffer holds on to.
const KEEP: usize = 160 * 1024;

/// HEAD is what a record begins with: its type, version and length.
const HEAD: usize = 5;

/// AcceptState is how far a handshake has come.
pub enum AcceptState {
    Done(Box<TlsInfo>),
    /// The socket has nothing more, or takes nothing more.
    Wait,
    /// The client began with an HTTP request.
    Http,
    Failed(Error),
}

/// TlsBuffers are a thread's, lent to the session that it serves: an idle session has none.
#[derive(Default)]
pub struct TlsBuffers([TlsBuffer; 3]);

impl Tls {
    /// accept goes on with the handshake as far as that goes without waiting. What is left to be sent at its end,
    /// session tickets, leaves with the first answer.
    pub fn accept(&mut self, recv: Recv<'_>, send: Send<'_>) -> AcceptState {
        loop {
            // A record's head is looked at when it is whole: it may be the beginning of an HTTP request.
            let step = match self.first.len() {
                1..HEAD => Ok(TlsStep::NeedInput(false)),
                _ => self.step(&mut [], &[]),
            };
            self.requested_name = requested_name().or(self.requested_name.take());
            match step {
                Ok(TlsStep::NeedInput(true)) => {
                    let name = std::mem::take(&mut self.requested_name).unwrap_or_default();
                    self.first = Vec::new();
                    return AcceptState::Done(Box::new(info(self.session.common(), &name)));
                }
                Ok(TlsStep::NeedInput(false)) => {}
                Ok(_) => continue,
                Err(e) => {
                    // The alert; whether it arrives is not ours to wait for.
                    let _ = self.flush(send);
                    return AcceptState::Failed(e.with_phase(Phase::TlsHandshake));
                }
            }
            match self.flush(send) {
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => return failed("write", &e),
                _ if self.has_unsent() => return AcceptState::Wait,
                _ => {}
            }
            match self.receive(recv) {
                Ok(()) if self.is_ended() => {
                    let text = if self.input.is_empty() { "EOF" } else { "unexpected EOF" };
                    return AcceptState::Failed(
                        Error::new(Kind::UnexpectedEof, text).with_phase(Phase::TlsHandshake),
                    );
                }
                Ok(()) if looks_like_http(&self.first) => return AcceptState::Http,
                Ok(()) => {}
                Err(IoError::Os(e)) if e.kind() == io::ErrorKind::WouldBlock => return AcceptState::Wait,
                Err(IoError::Os(e)) => return failed("read", &e),
                Err(IoError::Failed(e)) => return AcceptState::Failed(e),
                Err(IoError::Deadline) => return AcceptState::Wait,
            }
        }
    }

    /// borrow takes a thread's buffers where the session has none of its own.
    pub fn borrow(&mut self, buffers: &mut TlsBuffers) {
        for (own, lent) in self.blocks().into_iter().zip(&mut buffers.0) {
            if own.capacity() == 0 {
                std::mem::swap(own, lent);
            }
        }
    }

    /// give_back returns them; what holds bytes stays.
    pub fn give_back(&mut self, buffers: &mut TlsBuffers) {
        for (own, lent) in self.blocks().into_iter().zip(&mut buffers.0) {
            if own.is_empty() {
                std::mem::swap(own, lent);
                *own = TlsBuffer::default();
                lent.shrink(KEEP);
            }
        }
        self.use_small_read();
    }
}

/// looks_like_http is Go's: the five bytes where a record's head should stand.
fn looks_like_http(first: &[u8]) -> bool {
    [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"].iter().any(|m| first.starts_with(*m))
}

fn failed(op: &str, e: &io::Error) -> AcceptState {
    AcceptState::Failed(Error::io(Kind::Io, op, e).with_phase(Phase::TlsHandshake))
}

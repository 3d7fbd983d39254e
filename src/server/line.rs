//! `Line`: how a response writer reaches its peer, by a connection of HTTP/1.1 or by a stream of HTTP/2.

use super::detach::Leaving;
use super::h2::SharedStream;
use super::over::unsupported;
use super::shared::Shared;
use super::wire::SharedWire;
use crate::error::Result;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[derive(Clone)]
pub(super) enum Line {
    Http1(SharedWire),
    Http2(SharedStream),
}

impl Line {
    pub(super) fn core(&self) -> &Arc<Shared> {
        match self {
            Line::Http1(wire) => &wire.core,
            Line::Http2(stream) => stream.core(),
        }
    }

    pub(super) fn leaving(&self) -> &Leaving {
        match self {
            Line::Http1(wire) => &wire.leaving,
            Line::Http2(stream) => stream.leaving(),
        }
    }

    /// check is the failure of an earlier write.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Line::Http1(wire) => wire.output().check(),
            Line::Http2(stream) => stream.check(),
        }
    }

    /// push adds to what is sent; it may block while the peer does not read.
    pub(super) fn push(&self, parts: &[&[u8]]) -> Result<()> {
        match self {
            Line::Http1(wire) => wire.output().push(parts),
            Line::Http2(stream) => stream.push(parts),
        }
    }

    pub(super) fn flush(&self) -> Result<()> {
        match self {
            Line::Http1(wire) => wire.output().send_all(&[]),
            Line::Http2(stream) => stream.flush(),
        }
    }

    /// inform sends an informational response, whose head is text.
    pub(super) fn inform(&self, code: u16, head: Vec<u8>) -> Result<()> {
        match self {
            Line::Http1(wire) => {
                if code == 100
                    && let Some(mut input) = wire.try_input()
                {
                    input.expect = false;
                }
                wire.output().send_all(&[&head])
            }
            Line::Http2(stream) => stream.inform(code, head),
        }
    }

    /// will_answer: the response's head is settled, and no 100 Continue may follow.
    pub(super) fn will_answer(&self) {
        match self {
            Line::Http1(wire) => wire.answered.store(true, Ordering::Relaxed),
            Line::Http2(stream) => stream.will_answer(),
        }
    }

    /// set_full_duplex is nothing to a stream, whose directions do not wait for each other.
    pub(super) fn set_full_duplex(&self) {
        if let Line::Http1(wire) = self {
            wire.duplex.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn set_write_timeout(&self, limit: Option<Duration>) {
        match self {
            Line::Http1(wire) => {
                wire.timed.store(true, Ordering::Relaxed);
                wire.output().timeouts.deadline = limit.map(|d| Instant::now() + d);
            }
            Line::Http2(stream) => stream.set_write_timeout(limit),
        }
    }

    pub(super) fn takes_files(&self) -> bool {
        match self {
            Line::Http1(wire) => wire.output().takes_files(),
            Line::Http2(_) => false,
        }
    }

    pub(super) fn send_file(&self, file: RawFd, offset: u64, len: u64) -> Result<u64> {
        match self {
            Line::Http1(wire) => wire.output().send_file(file, offset, len),
            Line::Http2(_) => Err(unsupported()),
        }
    }
}

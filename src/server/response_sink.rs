//! `ResponseSink`: how a response writer reaches its peer, by a connection of HTTP/1.1 or by a stream of HTTP/2.

use super::detach::DetachState;
use super::h2::SharedStream;
use super::http1_io::SharedHttp1Io;
use super::server_core::ServerCore;
use super::wrapped_writer::unsupported;
use crate::error::Result;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[derive(Clone)]
pub(super) enum ResponseSink {
    Http1(SharedHttp1Io),
    Http2(SharedStream),
}

impl ResponseSink {
    pub(super) fn core(&self) -> &Arc<ServerCore> {
        match self {
            ResponseSink::Http1(io) => &io.core,
            ResponseSink::Http2(stream) => stream.core(),
        }
    }

    pub(super) fn detach_state(&self) -> &DetachState {
        match self {
            ResponseSink::Http1(io) => &io.detach_state,
            ResponseSink::Http2(stream) => stream.detach_state(),
        }
    }

    /// check is the failure of an earlier write.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            ResponseSink::Http1(io) => io.output().check(),
            ResponseSink::Http2(stream) => stream.check(),
        }
    }

    /// push adds to what is sent; it may block while the peer does not read.
    pub(super) fn push(&self, parts: &[&[u8]]) -> Result<()> {
        match self {
            ResponseSink::Http1(io) => io.output().push(parts),
            ResponseSink::Http2(stream) => stream.push(parts),
        }
    }

    pub(super) fn flush(&self) -> Result<()> {
        match self {
            ResponseSink::Http1(io) => io.output().send_all(&[]),
            ResponseSink::Http2(stream) => stream.flush(),
        }
    }

    /// send_informational sends an informational response, whose head is text.
    pub(super) fn send_informational(&self, code: u16, head: Vec<u8>) -> Result<()> {
        match self {
            ResponseSink::Http1(io) => {
                if code == 100
                    && let Some(mut input) = io.try_input()
                {
                    input.expect = false;
                }
                io.output().send_all(&[&head])
            }
            ResponseSink::Http2(stream) => stream.send_informational(code, head),
        }
    }

    /// suppress_continue: the response's head is settled, and no 100 Continue may follow.
    pub(super) fn suppress_continue(&self) {
        match self {
            ResponseSink::Http1(io) => io.response_begun.store(true, Ordering::Relaxed),
            ResponseSink::Http2(stream) => stream.suppress_continue(),
        }
    }

    /// set_full_duplex is nothing to a stream, whose directions do not wait for each other.
    pub(super) fn set_full_duplex(&self) {
        if let ResponseSink::Http1(io) = self {
            io.duplex.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn set_write_timeout(&self, limit: Option<Duration>) {
        match self {
            ResponseSink::Http1(io) => {
                io.has_write_timeout.store(true, Ordering::Relaxed);
                io.output().timeouts.deadline = limit.map(|d| Instant::now() + d);
            }
            ResponseSink::Http2(stream) => stream.set_write_timeout(limit),
        }
    }

    pub(super) fn supports_sendfile(&self) -> bool {
        match self {
            ResponseSink::Http1(io) => io.output().supports_sendfile(),
            ResponseSink::Http2(_) => false,
        }
    }

    pub(super) fn send_file(&self, file: RawFd, offset: u64, len: u64) -> Result<u64> {
        match self {
            ResponseSink::Http1(io) => io.output().send_file(file, offset, len),
            ResponseSink::Http2(_) => Err(unsupported()),
        }
    }
}

//! `Conn`: what is kept of a connection between its requests: a socket, an address and a few words.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::h1::HeadScan;
use crate::runtime::NEVER;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Waiting for a request, or in the middle of its head.
    Reading,
    /// An answer is on its way; nothing is read until it has gone.
    Flushing { then_close: bool },
    /// The answer has gone and the sending side is closed; the rest of the peer's bytes is thrown away for a
    /// moment, so that it can read the answer before a reset destroys it (Go's 500 ms).
    Lingering,
}

pub(crate) struct Conn {
    pub(super) socket: OwnedFd,
    pub(super) remote: SocketAddr,
    pub(super) state: State,
    /// The socket may have bytes that were not read.
    pub(super) readable: bool,
    /// The peer has closed its side, or the connection broke.
    pub(super) closed: bool,
    pub(super) stop: bool,
    /// How many bytes of line ends may still be skipped behind a POST.
    pub(super) skip: u8,
    /// Requests answered.
    pub(super) served: u32,
    /// A part of a head, or requests read ahead.
    pub(super) carry: Vec<u8>,
    pub(super) scan: HeadScan,
    /// Output that the socket did not take yet.
    pub(super) pending: Vec<u8>,
    /// When the head's first byte came, in the runtime's milliseconds; accepted-at for a new connection.
    pub(super) since: u64,
    /// The same as an instant, where a total read timeout wants it.
    pub(super) started: Option<Instant>,
    /// When the current wait ends; `NEVER`: it does not.
    pub(super) due: u64,
    /// How long a request whose head is there waits for its small body; `NEVER`: it does not.
    pub(super) body_due: u64,
}

impl Conn {
    pub(super) fn new(socket: OwnedFd, remote: SocketAddr, now: u64, due: u64) -> Box<Conn> {
        Box::new(Conn {
            socket,
            remote,
            state: State::Reading,
            readable: false,
            closed: false,
            stop: false,
            skip: 0,
            served: 0,
            carry: Vec::new(),
            scan: HeadScan::new(),
            pending: Vec::new(),
            since: now,
            started: None,
            due,
            body_due: NEVER,
        })
    }
}

//! `Trace`: who wants to know each step of an exchange, and the steps (Go's `httptrace.ClientTrace`).

use super::header::Header;
use super::tls_info::TlsInfo;
use crate::error::{Error, Result};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Debug)]
pub enum TraceStep {
    /// A connection is wanted: the server's address, or its proxy's.
    GetConn(String),
    GotConn {
        remote: Option<SocketAddr>,
        reused: bool,
        /// Since when it had been idle, if it was.
        idle: Option<Duration>,
    },
    /// The connection went back to the pool, or why it did not.
    PutIdleConn(Option<Error>),
    FirstByte,
    Continue,
    /// Any informational answer (1xx) but 101, the one above included.
    Informational {
        code: u16,
        header: Header,
    },
    DnsStart(String),
    DnsDone {
        addrs: Vec<SocketAddr>,
        error: Option<Error>,
    },
    /// Connecting to several addresses may go on at once.
    ConnectStart(SocketAddr),
    ConnectDone(SocketAddr, Option<Error>),
    /// The handshake with the server, not with a proxy.
    TlsStart,
    TlsDone(std::result::Result<TlsInfo, Error>),
    WroteField {
        name: Vec<u8>,
        value: Vec<u8>,
    },
    WroteHeaders,
    WaitContinue,
    /// The request went out whole, or why it did not.
    WroteRequest(Option<Error>),
}

/// Trace is told each step, with the time since a connection was asked for, on the thread that is inside the client's
/// functions.
pub trait Trace: Send + Sync {
    /// step may end the exchange by an error after an informational answer; after other steps it does not count.
    fn step(&self, at: Duration, step: &TraceStep) -> Result<()>;
}

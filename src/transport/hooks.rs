//! Hooks: the program's own ways to a server, and what it has agreed to speak there.

use super::round_tripper::RoundTripper;
use super::route::Route;
use crate::duplex::Duplex;
use crate::error::Result;
use crate::message::header::Header;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// Dial makes connections in the transport's place (Go's `DialContext`, `DialTLSContext`). It is called on the pool's
/// threads, several at the same time.
pub trait Dial: Send + Sync {
    /// dial answers a connected stream socket; it should take no longer than `limit`.
    fn dial(&self, host: &str, port: u16, limit: Option<Duration>) -> Result<OwnedFd>;
}

/// Protocol takes over connections whose server chose its protocol by ALPN (Go's `TLSNextProto`).
pub trait Protocol: Send + Sync {
    /// take answers who makes the exchanges on this connection from now on.
    fn take(&self, authority: &str, conn: Duplex) -> Result<Arc<dyn RoundTripper>>;
}

/// Tunnel sees how proxies are asked for tunnels, and what they answer (Go's `GetProxyConnectHeader`,
/// `OnProxyConnectResponse`). It is called on the pool's threads, several at the same time.
pub trait Tunnel: Send + Sync {
    /// before_connect may change the fields that are sent along; `server` has host and port.
    fn before_connect(&self, server: &str, fields: &mut Header) -> Result<()>;
    /// after_connect may end the dial, whatever the proxy said.
    fn after_connect(&self, server: &str, status: u16, header: &Header) -> Result<()>;
}

/// DialHooks are those of one transport; a change replaces them all.
#[derive(Clone, Default)]
pub(super) struct DialHooks {
    pub(super) dial: Option<Arc<dyn Dial>>,
    /// What it makes is past the handshake: what is sent there is what the server is to get.
    pub(super) dial_tls: Option<Arc<dyn Dial>>,
    pub(super) tunnel: Option<Arc<dyn Tunnel>>,
    /// By the name in ALPN.
    pub(super) protocols: BTreeMap<Vec<u8>, Arc<dyn Protocol>>,
}

/// CustomProtocol is a connection that speaks a protocol of the program's, for any number of exchanges at once. It is the
/// program's: what counts here is what it answers.
pub(super) struct CustomProtocol {
    pub(super) round_tripper: Arc<dyn RoundTripper>,
    pub(super) route: Route,
}

//! `Address`: an end of a connection, to be shown.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Address is one end of a connection. It is shown as Go shows it: "127.0.0.1:80", "/run/a.sock", "@abstract".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Ip(SocketAddr),
    /// `None`: a socket without a name, shown as "@".
    Unix(Option<Arc<str>>),
}

impl Address {
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Address::Ip(a) => Some(*a),
            Address::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(a) => a.fmt(f),
            Address::Unix(name) => f.write_str(name.as_deref().unwrap_or("@")),
        }
    }
}

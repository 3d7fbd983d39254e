//! A way through a SOCKS5 proxy (RFC 1928), with a name and a password if there are any (RFC 1929).

use super::dial_stream::DialStream;
use super::proxy::Proxy;
use crate::error::{Error, Kind, Phase, Result, invalid};
use crate::message::endpoint::Origin;
use crate::message::url::ip_address;
use crate::net::addr::join_host_port;
use std::net::IpAddr;
use std::time::Instant;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const REFUSALS: [&str; 8] = [
    "general SOCKS server failure",
    "connection not allowed by ruleset",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "TTL expired",
    "command not supported",
    "address type not supported",
];

/// connect has the proxy connect to `server`. A name is resolved by the proxy.
pub(super) fn connect(
    line: &mut DialStream<'_>,
    proxy: &Proxy,
    server: &Origin,
    until: Option<Instant>,
) -> Result<()> {
    let request = request(server)?;
    let result = negotiate(line, proxy, until).and_then(|()| {
        line.send_all(&request, until)?;
        read_reply(line, until)
    });
    result.map_err(|e| {
        let (by, to) = (join_host_port(&proxy.host, proxy.port), join_host_port(&server.host, server.port));
        let text = format!("socks connect tcp {by}->{to}: {}", e.message());
        let kind = if e.kind() == Kind::Timeout { Kind::Timeout } else { Kind::Proxy };
        Error::new(kind, text).with_cause(e).with_phase(Phase::Proxy)
    })
}

fn failed(text: impl Into<String>) -> Error {
    Error::new(Kind::Proxy, text).with_phase(Phase::Proxy)
}

/// negotiate agrees on how the client proves who it is.
fn negotiate(line: &mut DialStream<'_>, proxy: &Proxy, until: Option<Instant>) -> Result<()> {
    let hello: &[u8] = match proxy.user {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    line.send_all(hello, until)?;
    let mut choice = [0u8; 2];
    line.recv_exact(&mut choice, until)?;
    match (choice, &proxy.user) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, PASSWORD], Some((name, password))) => {
            let mut out = vec![1u8];
            for part in [name, password] {
                let n = u8::try_from(part.len()).ok().filter(|n| *n > 0 || std::ptr::eq(part, password));
                out.push(n.ok_or_else(|| failed("invalid username/password"))?);
                out.extend_from_slice(part);
            }
            line.send_all(&out, until)?;
            let mut verdict = [0u8; 2];
            line.recv_exact(&mut verdict, until)?;
            match verdict {
                [1, 0] => Ok(()),
                [1, _] => Err(failed("username/password authentication failed")),
                _ => Err(failed("invalid username/password version")),
            }
        }
        ([VERSION, _], _) => Err(failed("no acceptable authentication methods")),
        ([v, _], _) => Err(failed(format!("unexpected protocol version {v}"))),
    }
}

fn request(server: &Origin) -> Result<Vec<u8>> {
    let mut out = vec![VERSION, CONNECT, 0];
    match ip_address(&server.host) {
        Some(IpAddr::V4(ip)) => {
            out.push(1);
            out.extend_from_slice(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        None => {
            let n = u8::try_from(server.host.len());
            let n = n.map_err(|_| invalid("FQDN too long").with_phase(Phase::Proxy))?;
            out.extend_from_slice(&[3, n]);
            out.extend_from_slice(server.host.as_bytes());
        }
    }
    out.extend_from_slice(&server.port.to_be_bytes());
    Ok(out)
}

fn read_reply(line: &mut DialStream<'_>, until: Option<Instant>) -> Result<()> {
    let mut head = [0u8; 4];
    line.recv_exact(&mut head, until)?;
    let [version, reply, _, kind] = head;
    if version != VERSION {
        return Err(failed(format!("unexpected protocol version {version}")));
    }
    if reply != 0 {
        let text = REFUSALS.get(usize::from(reply) - 1);
        return Err(failed(match text {
            Some(t) => format!("unknown error {t}"),
            None => format!("unknown error unknown code: {reply}"),
        }));
    }
    // The address that the proxy connects from; nobody asks for it.
    let len = match kind {
        1 => 4,
        4 => 16,
        3 => {
            let mut n = [0u8];
            line.recv_exact(&mut n, until)?;
            usize::from(n[0])
        }
        other => return Err(failed(format!("unknown address type {other}"))),
    };
    let mut waste = [0u8; 257];
    line.recv_exact(waste.get_mut(..len + 2).unwrap_or_default(), until)
}

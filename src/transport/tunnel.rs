//! A way through an HTTP proxy: CONNECT (RFC 9110, 9.3.6).

use super::dial_stream::DialStream;
use super::hooks::Tunnel;
use crate::error::{Error, Kind, Phase, Result};
use crate::h1::{self, HeadScan};
use crate::message::endpoint::Origin;
use crate::message::header::{Header, write_field};
use crate::net::addr::join_host_port;
use std::sync::Arc;
use std::time::Instant;

/// connect asks for a tunnel to `server`, and has it when it returns. `headers` are the program's own for proxies.
pub(super) fn connect(
    line: &mut DialStream<'_>,
    server: &Origin,
    authorization: Option<&str>,
    headers: &Header,
    hook: Option<&Arc<dyn Tunnel>>,
    max_head: usize,
    until: Option<Instant>,
) -> Result<()> {
    // A zone means nothing to another machine.
    let host = server.host.split_once('%').map_or(&*server.host, |(host, _)| host);
    let target = join_host_port(host, server.port);
    let ask = match hook {
        None => request(&target, authorization, headers)?,
        Some(hook) => {
            let mut own = headers.clone();
            hook.before_connect(&target, &mut own).map_err(|e| e.with_phase(Phase::Proxy))?;
            request(&target, authorization, &own)?
        }
    };
    line.send_all(&ask, until)?;
    let mut budget = max_head;
    loop {
        let head = read_head(line, budget, max_head, until)?;
        budget -= head.len();
        let mut header = Header::new();
        let len = head.len();
        header.store_mut().block_mut().extend_from_slice(&head);
        crate::log::head('<', &head);
        let status = h1::parse_response(&mut header, 0, len)
            .map_err(|e| Error::new(Kind::Proxy, e.message()).with_cause(e).with_phase(Phase::Proxy))?;
        if let Some(hook) = hook
            && !matches!(status.code, 100..=199)
        {
            hook.after_connect(&target, status.code, &header).map_err(|e| e.with_phase(Phase::Proxy))?;
        }
        match status.code {
            // RFC 9110, 9.3.6: any of these opens the tunnel, which begins behind this head.
            200..=299 => return Ok(()),
            100..=199 if status.code != 101 => {}
            _ => {
                // Go's words: the status without its code.
                let text = String::from_utf8_lossy(header.store().get(status.status)).into_owned();
                let text = text.split_once(' ').map_or("unknown status code", |(_, t)| t).to_owned();
                return Err(Error::new(Kind::Proxy, text).with_phase(Phase::Proxy));
            }
        }
    }
}

fn request(target: &str, authorization: Option<&str>, headers: &Header) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    h1::request_line(&mut out, b"CONNECT", target.as_bytes())?;
    write_field(&mut out, b"Host", target.as_bytes());
    if !headers.contains(b"User-Agent") {
        out.extend_from_slice(super::head::USER_AGENT);
    }
    // The URL's credentials take the place of a field's, as in Go.
    if let Some(value) = authorization {
        write_field(&mut out, b"Proxy-Authorization", value.as_bytes());
    }
    for (name, value) in headers.iter() {
        let twice = authorization.is_some() && name.eq_ignore_ascii_case(b"Proxy-Authorization");
        if !twice && !name.eq_ignore_ascii_case(b"Host") {
            write_field(&mut out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
    crate::log::head('>', &out);
    Ok(out)
}

/// read_head reads a head and not a byte more: what follows is the tunnel's.
fn read_head(
    line: &mut DialStream<'_>,
    budget: usize,
    limit: usize,
    until: Option<Instant>,
) -> Result<Vec<u8>> {
    let (mut head, mut scan) = (Vec::with_capacity(256), HeadScan::new());
    // Byte by byte, as there is no putting back; a head is short, and there is one for each tunnel.
    let mut byte = [0u8];
    loop {
        if head.len() >= budget {
            let text = format!("net/http: proxy response headers exceeded {limit} bytes; aborted");
            return Err(Error::new(Kind::Proxy, text).with_phase(Phase::Proxy));
        }
        line.recv_exact(&mut byte, until)?;
        head.extend_from_slice(&byte);
        if byte == *b"\n" && scan.find(&head).is_some() {
            return Ok(head);
        }
    }
}

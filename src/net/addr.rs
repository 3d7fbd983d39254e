//! "host:port" as Go's `net.SplitHostPort` reads it.

use crate::error::{Result, invalid};

/// split_host_port takes "host:port", "[v6]:port" or ":port" apart; the brackets go away, the port stays text.
pub fn split_host_port(s: &str) -> Result<(&str, &str)> {
    let bad = |why: &str| Err(invalid(format!("address {s}: {why}")));
    let Some(colon) = s.rfind(':') else { return bad("missing port in address") };
    let (left, port) = (s.get(..colon).unwrap_or(""), s.get(colon + 1..).unwrap_or(""));
    let host = if let Some(inner) = left.strip_prefix('[') {
        let Some(inner) = inner.strip_suffix(']') else {
            return match s.contains(']') {
                true => bad("missing port in address"),
                false => bad("missing ']' in address"),
            };
        };
        inner
    } else if left.contains(':') {
        return bad(if s.starts_with('[') {
            "missing port in address"
        } else {
            "too many colons in address"
        });
    } else {
        left
    };
    if host.contains('[') || port.contains('[') {
        return bad("unexpected '[' in address");
    }
    if host.contains(']') || port.contains(']') {
        return bad("unexpected ']' in address");
    }
    Ok((host, port))
}

/// parse_port reads a port number or one of the two service names that HTTP needs; "" is 0.
pub fn parse_port(port: &str) -> Result<u16> {
    match port {
        "" => Ok(0),
        "http" => Ok(80),
        "https" => Ok(443),
        _ if port.bytes().all(|b| b.is_ascii_digit()) => {
            port.parse().map_err(|_| invalid(format!("address {port}: invalid port")))
        }
        _ => Err(invalid(format!("lookup tcp/{port}: unknown port"))),
    }
}

/// join_host_port puts brackets around a host that has a colon.
pub fn join_host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_go() {
        for (s, host, port) in [
            (":8080", "", "8080"),
            ("localhost:http", "localhost", "http"),
            ("[::1]:80", "::1", "80"),
            ("[fe80::1%lo0]:80", "fe80::1%lo0", "80"),
            ("127.0.0.1:0", "127.0.0.1", "0"),
            ("h:", "h", ""),
        ] {
            assert_eq!(split_host_port(s).unwrap(), (host, port));
        }
        for (s, why) in [
            ("golang.org", "missing port"),
            ("::1:80", "too many colons"),
            ("[::1]", "missing port"),
            ("[::1", "missing ']'"),
            ("a]b:80", "unexpected ']'"),
            ("a[b:80", "unexpected '['"),
        ] {
            let e = split_host_port(s).unwrap_err();
            assert!(e.message().contains(why), "{s}: {e}");
        }
        assert_eq!(parse_port("65535").unwrap(), 65535);
        assert!(parse_port("65536").is_err() && parse_port("-1").is_err() && parse_port("+1").is_err());
    }
}

//! `parse_response`: the head of a response, in place.

use super::fields::{BadFields, FieldRules, MAX_RESPONSE_FIELDS, parse_fields};
use super::quote::quote;
use super::request::parse_version;
use crate::error::{Error, Kind};
use crate::message::header::{Header, is_value};
use crate::message::request::{HTTP_11, Version};
use crate::message::status;
use crate::message::text::Span;
use memchr::memchr;

/// StatusLine names the parts of the first line. Its spans are sealed.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatusLine {
    pub version: Version,
    pub code: u16,
    /// "OK"; may be empty.
    pub reason: Span,
    /// "200 OK": Go's `Response.Status`.
    pub status: Span,
}

impl StatusLine {
    /// from_code is the line of a response that came by no line of text; its spans are in `h`.
    pub fn from_code(h: &mut Header, version: Version, code: u16) -> StatusLine {
        let text = status::text(code).as_bytes();
        let digits = [100, 10, 1].map(|unit| b'0' + (code / unit % 10) as u8);
        let line = |room: &mut [u8]| {
            let (code, rest) = room.split_at_mut_checked(digits.len())?;
            code.copy_from_slice(&digits);
            let Some((space, reason)) = rest.split_first_mut() else { return Some(digits.len()) };
            *space = b' ';
            reason.copy_from_slice(text);
            Some(room.len())
        };
        // A code that has no text stands alone.
        let len = if text.is_empty() { digits.len() } else { digits.len() + 1 + text.len() };
        let status = h.store_mut().intern_with(len, line).unwrap_or_default();
        StatusLine { version, code, reason: status.from(digits.len() + 1), status }
    }
}

/// parse_response reads the head that lies at `start` of the block, `head_len` bytes with its empty line. Errors
/// have Go's texts and are of [`Kind::Protocol`], or of [`Kind::TooLarge`] past [`MAX_RESPONSE_FIELDS`].
pub fn parse_response(h: &mut Header, start: usize, head_len: usize) -> Result<StatusLine, Error> {
    let mut block = std::mem::take(h.store_mut().block_mut());
    let parsed = parse(h, &mut block, start, head_len);
    *h.store_mut().block_mut() = block;
    let line = parsed?;
    // The reason ends where the status ends, so this seals both.
    h.store_mut().seal(line.status);
    Ok(line)
}

fn parse(h: &mut Header, block: &mut [u8], start: usize, head_len: usize) -> Result<StatusLine, Error> {
    let head = start.checked_add(head_len).and_then(|end| block.get_mut(start..end)).unwrap_or_default();
    // One short line: a search of many bytes at a time costs as much, and more code.
    let lf = head.iter().position(|&b| b == b'\n').unwrap_or(head.len());
    let line = status_line(head.get(..lf).unwrap_or_default(), start)?;
    let section = head.get_mut(lf + 1..).unwrap_or_default();
    match parse_fields(h, section, start + lf + 1, FieldRules::Lenient, MAX_RESPONSE_FIELDS) {
        Ok(()) => Ok(line),
        Err(BadFields::Malformed(text) | BadFields::SpaceInName(text)) => {
            Err(Error::new(Kind::Protocol, text))
        }
        Err(BadFields::TooMany) => Err(Error::new(
            Kind::TooLarge,
            format!("net/http: server response has more than {MAX_RESPONSE_FIELDS} header fields"),
        )),
    }
}

/// check_status_line refuses a response whose first line is whole and wrong before the rest of its head is there: a
/// server that speaks something else may never send one. `msg` begins with the line and may hold more.
pub fn check_status_line(msg: &[u8]) -> Result<(), Error> {
    let lf = memchr(b'\n', msg).unwrap_or(msg.len());
    status_line(msg.get(..lf).unwrap_or_default(), 0).map(|_| ())
}

/// not_a_response is the error of a stream that ended, if what came cannot be the beginning of a response.
pub fn not_a_response(msg: &[u8]) -> Option<Error> {
    const START: &[u8] = b"HTTP/";
    const SHOWN: usize = 200;
    let begins = msg.iter().zip(START).all(|(a, b)| a == b);
    let line = msg.split(|&b| b == b'\n').next().unwrap_or_default();
    let line = line.get(..SHOWN).unwrap_or(line);
    (!begins).then(|| Error::new(Kind::Protocol, format!("malformed HTTP response {}", quote(line))))
}

fn status_line(line: &[u8], start: usize) -> Result<StatusLine, Error> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    parse_common_line(line, start).map_or_else(|| parse_any_line(line, start), Ok)
}

const DIGITS: usize = 3;

/// parse_common_line reads what servers send, "HTTP/1.1 200 OK" or that without a reason, and leaves the rest to [`parse_any_line`].
fn parse_common_line(line: &[u8], start: usize) -> Option<StatusLine> {
    const PROTO: &[u8; 9] = b"HTTP/1.1 ";
    let status = line.strip_prefix(PROTO)?;
    let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = status else { return None };
    let reason = match rest {
        [] => DIGITS,
        [b' ', text @ ..] if is_value(text) => DIGITS + 1,
        _ => return None,
    };
    let status = Span::block(start + PROTO.len(), status.len());
    Some(StatusLine { version: HTTP_11, code: code([*a, *b, *c]), reason: status.from(reason), status })
}

fn code(digits: [u8; DIGITS]) -> u16 {
    digits.into_iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'))
}

fn parse_any_line(line: &[u8], start: usize) -> Result<StatusLine, Error> {
    let malformed = |what: &str, text: &[u8]| {
        Error::new(Kind::Protocol, format!("malformed HTTP {what} {}", quote(text)))
    };
    let space = |text: &[u8]| text.iter().position(|&b| b == b' ');
    let Some(space_at) = space(line) else { return Err(malformed("response", line)) };
    let (proto, rest) = line.split_at_checked(space_at).unwrap_or_default();
    let blanks = rest.iter().take_while(|&&b| b == b' ').count();
    let status = rest.get(blanks..).unwrap_or_default();
    let code_len = space(status).unwrap_or(status.len());
    let digits = status.get(..code_len).unwrap_or_default();
    let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = *digits else {
        return Err(malformed("status code", digits));
    };
    let Some(version) = parse_version(proto) else { return Err(malformed("version", proto)) };
    // Go hands control bytes in a reason on; here they end as text of C programs and logs (RFC 9112, 4).
    if !is_value(status) {
        return Err(malformed("response", line));
    }
    let status = Span::block(start + space_at + blanks, status.len());
    Ok(StatusLine { version, code: code([a, b, c]), reason: status.from(code_len + 1), status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_line_is_read_as_any_other() {
        let mut usual = 0;
        for reason in ["", " ", " OK", "  OK ", " \t\u{e9} no\x7f", " a\0b", "X", "\t"] {
            for version in ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", "HTTP/1.11", "HTTP"]
            {
                for code in ["200", "999", "000", "20", "2000", "2x0", ""] {
                    let line = format!("{version} {code}{reason}");
                    let Some(quick) = parse_common_line(line.as_bytes(), 7) else { continue };
                    usual += 1;
                    let slow = parse_any_line(line.as_bytes(), 7).unwrap();
                    assert_eq!(format!("{quick:?}"), format!("{slow:?}"), "{line}");
                }
            }
        }
        assert_eq!(usual, 3 * 4, "of three codes by four reasons");
    }
}

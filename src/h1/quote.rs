//! `quote`: bytes of a peer in an error's text, as Go's `%q` prints them.

use std::fmt::Write;

/// Text of a peer is cut here: an error is a line to read, not a copy of what was sent.
const MAX: usize = 512;

pub(super) fn quote(bytes: &[u8]) -> String {
    let cut = bytes.get(..MAX).unwrap_or(bytes);
    let mut out = String::with_capacity(cut.len() + 2);
    out.push('"');
    for piece in cut.utf8_chunks() {
        for c in piece.valid().chars() {
            push_char(&mut out, c);
        }
        for b in piece.invalid() {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    if cut.len() < bytes.len() {
        out.push_str("...");
    }
    out.push('"');
    out
}

fn push_char(out: &mut String, c: char) {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0c' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\x0b' => "\\v",
        _ => "",
    };
    // Writing to a String cannot fail.
    let _ = match c {
        _ if !short.is_empty() => out.write_str(short),
        '\0'..='\x1f' | '\x7f' => write!(out, "\\x{:02x}", c as u32),
        _ if c.is_control() => write!(out, "\\u{:04x}", c as u32),
        _ => out.write_char(c),
    };
}

/// quote_all prints a list as Go prints a `[]string` with `%q`.
pub(super) fn quote_all<'a>(values: impl Iterator<Item = &'a [u8]>) -> String {
    let all: Vec<String> = values.take(8).map(quote).collect();
    format!("[{}]", all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quote(b"a\"\\\r\n\t\x00\x7f\xff\xc3\xa4\xc2\x85"), r#""a\"\\\r\n\t\x00\x7f\xffä\u0085""#);
        assert_eq!(quote_all([&b"a"[..], b"b"].into_iter()), r#"["a" "b"]"#);
        assert!(quote(&[b'x'; 4000]).len() < 600);
    }
}

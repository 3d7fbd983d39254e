//! `HeadScan`: where a message's head ends, found while it still arrives.

use memchr::memchr;

/// HeadScan looks at each byte once, however the head is dripped. It ends a head at any empty line, be it CRLF,
/// a bare LF or several CRs before it, so that malformed heads are found too; refusing them is the parser's part.
#[derive(Clone, Debug, Default)]
pub struct HeadScan {
    /// All before it was looked at.
    seen: usize,
    /// Where the line that is not yet whole begins.
    line: usize,
    /// The first line was reported.
    first_line_reported: bool,
}

impl HeadScan {
    pub fn new() -> HeadScan {
        HeadScan::default()
    }

    /// reset starts over, for the next message.
    pub fn reset(&mut self) {
        *self = HeadScan::default();
    }

    /// find gives the length of the head, its empty line included. `msg` begins at the message's first byte
    /// and holds at least what it held at the last call. A message that begins with an empty line has a head
    /// of just that line.
    #[inline]
    pub fn find(&mut self, msg: &[u8]) -> Option<usize> {
        if self.seen == msg.len() {
            return None;
        }
        self.find_in(msg)
    }

    fn find_in(&mut self, msg: &[u8]) -> Option<usize> {
        let began = self.seen;
        self.seen = msg.len();
        let (words, rest) = msg.get(began..).unwrap_or_default().as_chunks();
        for (i, word) in words.iter().enumerate() {
            let mut feeds = line_feeds(u64::from_le_bytes(*word));
            while feeds != 0 {
                let head = self.line_ends(msg, began + i * 8 + feeds.trailing_zeros() as usize / 8);
                if head.is_some() {
                    return head;
                }
                feeds &= feeds - 1;
            }
        }
        let at = msg.len() - rest.len();
        let mut feeds = rest.iter().enumerate().filter(|(_, b)| **b == b'\n');
        feeds.find_map(|(i, _)| self.line_ends(msg, at + i))
    }

    /// line_ends is the length of the head, if the line that ends with the line feed at `end` is empty.
    fn line_ends(&mut self, msg: &[u8], end: usize) -> Option<usize> {
        let begin = std::mem::replace(&mut self.line, end + 1);
        if !matches!(msg.get(begin), Some(b'\r' | b'\n')) {
            return None;
        }
        let line = msg.get(begin..end).unwrap_or_default();
        line.iter().all(|&b| b == b'\r').then(|| {
            self.seen = self.line;
            self.line
        })
    }

    /// take_first_line_end says `true` once in a message, when its first line is whole: then
    /// [`super::check_first_line`] has something to look at, and need not look again.
    pub fn take_first_line_end(&mut self) -> bool {
        let new = self.line > 0 && !self.first_line_reported;
        self.first_line_reported |= new;
        new
    }
}

/// line_feeds has the highest bit of each byte that is one. Lines are short: a search that is begun anew for each costs more
/// than eight bytes at a time.
fn line_feeds(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let other = word ^ u64::from_ne_bytes([b'\n'; 8]);
    !(((other & LOW) + LOW) | other | LOW)
}

/// declared_length is a hint at how long the body behind a head is that was not parsed yet: what its Content-Length
/// says, unless the sender waits for a go-ahead. What it means is the parser's to decide.
pub fn declared_length(head: &[u8]) -> Option<u64> {
    let mut length = None;
    for line in head.split(|&b| b == b'\n').skip(1) {
        let Some((name, value)) = memchr(b':', line).and_then(|at| line.split_at_checked(at)) else {
            continue;
        };
        match name.len() {
            6 if name.eq_ignore_ascii_case(b"expect") => return None,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let digits = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
                length = std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok());
            }
            _ => {}
        }
    }
    length
}

/// LeadingBytes is what may still stand before a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadingBytes {
    Nothing,
    /// One CRLF (RFC 9112, 2.2).
    Line,
    /// The LF of one.
    Feed,
    /// So many CR and LF bytes: old clients send them behind the body of a POST, and Go skips them.
    Bytes(u8),
}

impl LeadingBytes {
    pub const AFTER_POST: LeadingBytes = LeadingBytes::Bytes(4);

    /// skip counts the bytes to be left out, wherever the input was cut; `None`: a CR stands alone.
    pub fn skip(&mut self, buf: &[u8]) -> Option<usize> {
        let mut n = 0;
        while let Some(&b) = buf.get(n) {
            *self = match (*self, b) {
                (LeadingBytes::Line, b'\r') => LeadingBytes::Feed,
                (LeadingBytes::Feed, b'\n') => LeadingBytes::Nothing,
                (LeadingBytes::Feed, _) => return None,
                (LeadingBytes::Bytes(left), b'\r' | b'\n') if left > 1 => LeadingBytes::Bytes(left - 1),
                (LeadingBytes::Bytes(_), b'\r' | b'\n') => LeadingBytes::Nothing,
                _ => {
                    *self = LeadingBytes::Nothing;
                    break;
                }
            };
            n += 1;
            if *self == LeadingBytes::Nothing {
                break;
            }
        }
        Some(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_request_line() {
        for (lead, text, want) in [
            (LeadingBytes::Line, "GET", Some(0)),
            (LeadingBytes::Line, "\r\nGET", Some(2)),
            (LeadingBytes::Line, "\r\n\r\nGET", Some(2)),
            (LeadingBytes::Line, "\nGET", Some(0)),
            (LeadingBytes::Line, "\rGET", None),
            (LeadingBytes::Line, "\r\rGET", None),
            (LeadingBytes::AFTER_POST, "\r\n\r\nGET", Some(4)),
            (LeadingBytes::AFTER_POST, "\n\r\n\n\nGET", Some(4)),
            (LeadingBytes::AFTER_POST, "\nGET", Some(1)),
            (LeadingBytes::Nothing, "\r\nGET", Some(0)),
        ] {
            let mut whole = lead;
            assert_eq!(whole.skip(text.as_bytes()), want, "{text:?}");
            let (mut now, mut sum) = (lead, Some(0));
            for at in 0..text.len() {
                if now == LeadingBytes::Nothing {
                    break;
                }
                sum = sum.zip(now.skip(&text.as_bytes()[at..=at])).map(|(a, b)| a + b);
            }
            assert_eq!(sum, want, "{text:?}, byte by byte");
        }
    }

    #[test]
    fn every_split_finds_the_same_end() {
        let heads: [&[u8]; 8] = [
            b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n",
            b"GET / HTTP/1.1\nA: b\n\nbody",
            b"GET / HTTP/1.1\nA: b\n\r\nbody",
            b"GET / HTTP/1.1\r\nA: b\r\n\nbody",
            b"\r\nGET / HTTP/1.1\r\n\r\n",
            b"\nGET",
            b"A\r\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n\r\r\nbody",
        ];
        for head in heads {
            let whole = HeadScan::new().find(head);
            assert!(whole.is_some());
            for step in 1..head.len() {
                let mut scan = HeadScan::new();
                let mut end = None;
                let mut at = 0;
                while end.is_none() && at < head.len() {
                    at = (at + step).min(head.len());
                    end = scan.find(&head[..at]);
                }
                assert_eq!(end, whole, "{head:?} by {step}");
            }
        }
        assert_eq!(HeadScan::new().find(b"GET / HTTP/1.1\r\nA: b\r\n\r"), None);
        assert_eq!(HeadScan::new().find(b""), None);
    }

    #[test]
    fn line_feeds_are_found_among_all_bytes() {
        for b in 0..=255u8 {
            for at in 0..8 {
                for around in [0, b'\n', 0x0b, 0x8a, 0xff] {
                    let mut word = [around; 8];
                    word[at] = b;
                    let want = word.map(|b| if b == b'\n' { 0x80 } else { 0 });
                    assert_eq!(line_feeds(u64::from_le_bytes(word)).to_le_bytes(), want, "{word:x?}");
                }
            }
        }
    }

    #[test]
    fn a_declared_length_is_seen_unless_the_sender_waits() {
        let of = |fields: &str| declared_length(format!("POST / HTTP/1.1\r\n{fields}\r\n").as_bytes());
        assert_eq!(of("Host: h\r\ncontent-LENGTH:  12 \r\n"), Some(12));
        assert_eq!(of("Content-Length: 12\r\nExpect: 100-continue\r\n"), None);
        assert_eq!(of("Content-Length: x\r\n"), None);
        assert_eq!(of("Content-Lengt: 1\r\n"), None);
        assert_eq!(of("no colon\r\n"), None);
        assert_eq!(declared_length(b""), None);
    }
}

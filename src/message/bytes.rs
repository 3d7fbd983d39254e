//! `ByteSet`: which bytes may stand somewhere, as a table: heads are made of short texts, each of whose bytes is looked
//! at.

/// VISIBLE leaves out space, control bytes and DEL; bytes from 0x80 on pass, as in Go.
pub static VISIBLE: ByteSet = ByteSet::visible_without(b"");

pub struct ByteSet([bool; 256]);

impl ByteSet {
    /// alphanumeric_and are the letters and digits of ASCII, and `others`.
    pub const fn alphanumeric_and(others: &[u8]) -> ByteSet {
        let mut table = [false; 256];
        let mut b = 0;
        while b < 128 {
            table[b] = (b as u8).is_ascii_alphanumeric();
            b += 1;
        }
        ByteSet(table).marked(others, true)
    }

    /// visible_without are all bytes but space, control bytes, DEL and `others`.
    pub const fn visible_without(others: &[u8]) -> ByteSet {
        let mut table = [false; 256];
        let mut b = 0x21;
        while b < 256 {
            table[b] = b != 0x7f;
            b += 1;
        }
        ByteSet(table).marked(others, false)
    }

    const fn marked(mut self, bytes: &[u8], within: bool) -> ByteSet {
        let mut i = 0;
        while i < bytes.len() {
            self.0[bytes[i] as usize] = within;
            i += 1;
        }
        self
    }

    pub fn has(&self, b: u8) -> bool {
        self.0[usize::from(b)]
    }

    /// has_all has no early end: with short texts that costs more than it saves.
    pub fn has_all(&self, s: &[u8]) -> bool {
        s.iter().fold(true, |all, &b| all & self.has(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_they_are_of() {
        const WORDS: ByteSet = ByteSet::alphanumeric_and(b"-_");
        const SEEN: ByteSet = ByteSet::visible_without(b"%");
        for b in 0..=255u8 {
            assert_eq!(WORDS.has(b), b.is_ascii_alphanumeric() || b == b'-' || b == b'_', "{b}");
            assert_eq!(SEEN.has(b), b > b' ' && b != 0x7f && b != b'%', "{b}");
        }
        assert!(WORDS.has_all(b"") && WORDS.has_all(b"a-b") && !WORDS.has_all(b"a b"));
    }
}

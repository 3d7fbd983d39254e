//! PEM (RFC 7468, and the header fields of RFC 1421), as lenient as Go's `encoding/pem`. No error quotes its input,
//! which may be a key.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;

/// PemBlock is one block of PEM whose encoding is right.
pub(super) struct PemBlock<'a> {
    pub label: &'a [u8],
    pub has_fields: bool,
    pub der: Vec<u8>,
}

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// blocks are those of a text, in order. A malformed one is passed over.
pub(super) fn blocks(text: &[u8]) -> PemBlocks<'_> {
    PemBlocks { rest: text }
}

pub(super) struct PemBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> PemBlocks<'a> {
    fn line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |i| i + 1);
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(line.trim_ascii_end())
    }

    /// block reads up to the end of a block with that label. A line that begins another block ends this one, unread.
    fn block(&mut self, label: &'a [u8]) -> Option<PemBlock<'a>> {
        let (mut body, mut has_fields) = (Vec::new(), false);
        loop {
            let before = self.rest;
            let line = self.line()?;
            if begin(line).is_some() {
                self.rest = before;
                return None;
            }
            if let Some(end) = line.strip_prefix(b"-----END ") {
                let closed = end.strip_suffix(b"-----") == Some(label);
                let der = closed.then(|| ENGINE.decode(&body).ok()).flatten()?;
                return Some(PemBlock { label, has_fields, der });
            }
            match memchr::memchr(b':', line) {
                Some(_) if body.is_empty() => has_fields = true,
                _ => body.extend(line.iter().filter(|b| !b.is_ascii_whitespace())),
            }
        }
    }
}

fn begin(line: &[u8]) -> Option<&[u8]> {
    let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
    memmem::find(label, b"-----").is_none().then_some(label)
}

impl<'a> Iterator for PemBlocks<'a> {
    type Item = PemBlock<'a>;

    fn next(&mut self) -> Option<PemBlock<'a>> {
        loop {
            if let Some(label) = begin(self.line()?)
                && let Some(block) = self.block(label)
            {
                return Some(block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(String, bool, Vec<u8>)> {
        blocks(text.as_bytes())
            .map(|b| (String::from_utf8_lossy(b.label).into_owned(), b.has_fields, b.der))
            .collect()
    }

    #[test]
    fn real_files() {
        let want = vec![("A B".to_owned(), false, b"hello".to_vec())];
        for text in [
            "-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\n",
            "text\r\n-----BEGIN A B-----\r\naGVs\r\nbG8=\r\n-----END A B-----",
            "-----BEGIN A B-----\t\n aGVs\tbG8= \n-----END A B----- \nmore",
            "-----BEGIN X-----\naGVs\n-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\n",
            "-----BEGIN X-----\naGVs\n-----END Y-----\n-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\n",
            "-----BEGIN X-----\n!\n-----END X-----\n-----BEGIN A B-----\naGVsbG8=\n-----END A B-----\n",
        ] {
            assert_eq!(all(text), want, "{text:?}");
        }
        let fields = "-----BEGIN A B-----\nComment: x\n\naGVsbG8=\n-----END A B-----\n";
        assert_eq!(all(fields), [("A B".to_owned(), true, b"hello".to_vec())]);
        assert_eq!(all(&want_twice()).len(), 2);
    }

    fn want_twice() -> String {
        "-----BEGIN A-----\naGVsbG8=\n-----END A-----\n".repeat(2)
    }

    #[test]
    fn no_blocks() {
        for text in [
            "",
            "-----BEGIN A-----",
            "-----BEGIN A-----\naGVsbG8=",
            "-----BEGIN A-----\\naGVsbG8=\\n-----END A-----\\n",
            " -----BEGIN A-----\naGVsbG8=\n-----END A-----",
            "-----BEGIN A-----\naGVsbG8\n-----END A-----",
        ] {
            assert_eq!(all(text), [], "{text:?}");
        }
    }
}

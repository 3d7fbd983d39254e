//! The Range field (RFC 9110, 14): which bytes are asked for.

use crate::message::header::is_token;

/// Range is a piece of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) len: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum RangeError {
    Invalid,
    NoOverlap,
}

/// More ranges than Go's limit are ignored.
const MOST: usize = 200;

impl Range {
    /// text is the value of a Content-Range field; a range has a byte at least.
    pub(super) fn text(&self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.start + self.len - 1)
    }
}

/// parse gives the ranges that overlap a content of `size` bytes; none: the whole.
pub(super) fn parse(value: &[u8], size: u64) -> Result<Vec<Range>, RangeError> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let equals = memchr::memchr(b'=', value).ok_or(RangeError::Invalid)?;
    let (unit, list) = value.split_at_checked(equals).ok_or(RangeError::Invalid)?;
    let list = list.get(1..).unwrap_or_default();
    if !unit.eq_ignore_ascii_case(b"bytes") {
        // RFC 9110, 14.2: MUST ignore a unit that one does not know; units have no case (14.1).
        return if is_token(unit) { Ok(Vec::new()) } else { Err(RangeError::Invalid) };
    }
    let pieces = list.split(|&b| b == b',');
    if pieces.clone().count() > MOST {
        return Ok(Vec::new());
    }
    let (mut ranges, mut missed) = (Vec::new(), false);
    for piece in pieces.map(trim).filter(|p| !p.is_empty()) {
        let dash = memchr::memchr(b'-', piece).ok_or(RangeError::Invalid)?;
        let start = trim(piece.get(..dash).unwrap_or_default());
        let end = trim(piece.get(dash + 1..).unwrap_or_default());
        if start.is_empty() {
            // RFC 9110, 14.1.2: the last no bytes are unsatisfiable.
            match number(end)?.min(size) {
                0 => missed = true,
                len => ranges.push(Range { start: size - len, len }),
            }
            continue;
        }
        let start = number(start)?;
        if start >= size {
            missed = true;
            continue;
        }
        let len = match end {
            [] => size - start,
            end => {
                let end = number(end)?;
                if end < start {
                    return Err(RangeError::Invalid);
                }
                end.min(size - 1) - start + 1
            }
        };
        ranges.push(Range { start, len });
    }
    if missed && ranges.is_empty() { Err(RangeError::NoOverlap) } else { Ok(ranges) }
}

fn trim(s: &[u8]) -> &[u8] {
    s.trim_ascii()
}

/// number reads what Go's ParseInt does, but for what is negative.
fn number(s: &[u8]) -> Result<u64, RangeError> {
    // A sign of either kind is taken by Go; "-0" is the one negative number that is none.
    let text = std::str::from_utf8(s).map_err(|_| RangeError::Invalid)?;
    let n: i64 = text.parse().map_err(|_| RangeError::Invalid)?;
    u64::try_from(n).map_err(|_| RangeError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<Vec<(u64, u64)>, RangeError> {
        Ok(parse(value.as_bytes(), 10)?.iter().map(|r| (r.start, r.len)).collect())
    }

    #[test]
    fn ranges() {
        assert_eq!(of(""), Ok(vec![]));
        assert_eq!(of("bytes=0-4"), Ok(vec![(0, 5)]));
        assert_eq!(of("bytes=2-"), Ok(vec![(2, 8)]));
        assert_eq!(of("bytes=-3"), Ok(vec![(7, 3)]));
        assert_eq!(of("bytes=-30"), Ok(vec![(0, 10)]));
        assert_eq!(of("bytes= 0 - 1 ,, 5-50"), Ok(vec![(0, 2), (5, 5)]));
        assert_eq!(of("bytes=10-,1-1"), Ok(vec![(1, 1)]));
        assert_eq!(of("Bytes=0-4"), Ok(vec![(0, 5)]));
        for unknown in ["lines=1-2", "x=", "items=bytes=0-1", "seconds=99-1"] {
            assert_eq!(of(unknown), Ok(vec![]), "{unknown}");
        }
        assert_eq!(of("bytes=-0"), Err(RangeError::NoOverlap));
        assert_eq!(of("bytes=10-"), Err(RangeError::NoOverlap));
        for bad in ["bytes", "bytes=x", "bytes=5-4", "bytes=--2", "bytes=-", "bytes=1-x", " =1-2", "bytes=a-"]
        {
            assert_eq!(of(bad), Err(RangeError::Invalid), "{bad}");
        }
        assert_eq!(of("bytes=99999999999999999999-"), Err(RangeError::Invalid));
        let many = |n: usize| of(&format!("bytes={}", "0-0,".repeat(n).trim_end_matches(',')));
        assert_eq!(many(200).map(|r| r.len()), Ok(200));
        assert_eq!(many(201), Ok(vec![]));
    }
}

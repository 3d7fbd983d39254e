//! Integers with a prefix (RFC 7541, 5.1), and a cursor over a block.

/// BlockCursor reads a header block from its front.
#[derive(Clone, Copy)]
pub(super) struct BlockCursor<'a>(pub(super) &'a [u8]);

impl<'a> BlockCursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    /// integer reads a number with a prefix of `bits` bits. It has five bytes more at most and is below 2^32, so that
    /// neither zeros without end nor an overflow get by.
    pub(super) fn integer(&mut self, bits: u32) -> Option<usize> {
        let (&first, mut rest) = self.0.split_first()?;
        let mask = (1u8 << bits) - 1;
        let mut n = u64::from(first & mask);
        if n == u64::from(mask) {
            let mut shift = 0;
            loop {
                let (&b, after) = rest.split_first()?;
                rest = after;
                n += u64::from(b & 0x7f) << shift;
                shift += 7;
                if b & 0x80 == 0 {
                    break;
                }
                if shift == 35 {
                    return None;
                }
            }
        }
        self.0 = rest;
        u32::try_from(n).ok().map(|n| n as usize)
    }
}

/// put_integer appends `n`; `pattern` is what stands above the prefix in the first byte.
pub(super) fn put_integer(out: &mut Vec<u8>, pattern: u8, bits: u32, n: usize) {
    let mask = (1usize << bits) - 1;
    if n < mask {
        out.push(pattern | n as u8);
        return;
    }
    out.push(pattern | mask as u8);
    let mut rest = n - mask;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

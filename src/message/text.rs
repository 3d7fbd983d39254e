//! `Store`: bytes that are handed to C as NUL-terminated text and never move while they are borrowed.
//!
//! A store has one *block*, the buffer that a message's head was read into, and an arena of chunks for
//! everything that is added later. A chunk is never reallocated, so a pointer into it stays good until the
//! store is cleared or dropped.

use std::ffi::CStr;

/// Span names a piece of a store. The byte behind it is NUL once the store is sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// 0 is the block, n is arena chunk n - 1.
    chunk: u32,
    off: u32,
    len: u32,
}

impl Span {
    /// block names `len` bytes at `off` of the block.
    pub fn block(off: usize, len: usize) -> Span {
        Span { chunk: 0, off: off as u32, len: len as u32 }
    }
    /// from is what follows the first `n` bytes of the span.
    pub fn from(self, n: usize) -> Span {
        let n = n.min(self.len()) as u32;
        Span { off: self.off + n, len: self.len - n, ..self }
    }
    pub fn len(self) -> usize {
        self.len as usize
    }
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
    pub fn start(self) -> usize {
        self.off as usize
    }
    pub fn end(self) -> usize {
        self.off as usize + self.len as usize
    }
}

const FIRST_CHUNK: usize = 512;
const LARGEST_CHUNK: usize = 64 * 1024;
const KEEP_CHUNK: usize = 16 * 1024;

#[derive(Debug, Default)]
pub struct Store {
    block: Vec<u8>,
    /// The chunks that have no more room, in their order.
    full: Vec<Vec<u8>>,
    /// The chunk behind them: most stores need no other.
    last: Vec<u8>,
}

impl Store {
    /// block_mut gives the buffer that a head is read into. Spans of the block are good only as long as its
    /// first bytes stay where they are, so nothing may grow it once a head was parsed from it.
    pub fn block_mut(&mut self) -> &mut Vec<u8> {
        &mut self.block
    }

    pub fn block(&self) -> &[u8] {
        &self.block
    }

    /// seal puts the NUL behind a span of the block; the byte there is a delimiter that was parsed already.
    pub fn seal(&mut self, s: Span) {
        debug_assert_eq!(s.chunk, 0);
        if let Some(b) = self.block.get_mut(s.end()) {
            *b = 0;
        }
    }

    /// intern copies `text` into the arena and puts a NUL behind it.
    pub fn intern(&mut self, text: &[u8]) -> Span {
        let chunk = self.room(text.len());
        let off = self.last.len();
        self.last.extend_from_slice(text);
        self.last.push(0);
        Span { chunk, off: off as u32, len: text.len() as u32 }
    }

    /// intern_with has `fill` write the text, into at most `max` bytes; it says how many it wrote. After `None` nothing
    /// was added.
    pub fn intern_with(&mut self, max: usize, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<Span> {
        let chunk = self.room(max);
        let c = &mut self.last;
        let off = c.len();
        c.resize(off + max, 0);
        let len = c.get_mut(off..).and_then(fill);
        c.truncate(off + len.unwrap_or(0).min(max));
        let len = len?.min(max);
        c.push(0);
        Some(Span { chunk, off: off as u32, len: len as u32 })
    }

    /// room sees to it that the last chunk holds `len` bytes more and a NUL, and gives its number.
    fn room(&mut self, len: usize) -> u32 {
        let (need, had) = (len + 1, self.last.capacity());
        if had - self.last.len() < need {
            let next = if had == 0 { FIRST_CHUNK } else { had.saturating_mul(2).min(LARGEST_CHUNK) };
            let last = std::mem::replace(&mut self.last, Vec::with_capacity(next.max(need)));
            if had > 0 {
                self.full.push(last);
            }
        }
        self.full.len() as u32 + 1
    }

    pub fn get(&self, s: Span) -> &[u8] {
        self.bytes(s.chunk).get(s.start()..s.end()).unwrap_or_default()
    }

    /// cstr is the span with its NUL. Text with a NUL inside (only decoded text can have one) ends there.
    pub fn cstr(&self, s: Span) -> &CStr {
        let with_nul = self.bytes(s.chunk).get(s.start()..=s.end()).unwrap_or_default();
        CStr::from_bytes_until_nul(with_nul).unwrap_or_default()
    }

    /// clear_arena forgets all interned text and keeps at most one modest chunk to fill again: the last, which is the
    /// largest, so that a store that is used for one message after the other soon allocates no more.
    pub fn clear_arena(&mut self) {
        self.last.clear();
        if self.last.capacity() > KEEP_CHUNK {
            // The first is modest, but where one text needed more.
            let first = self.full.first_mut().map(std::mem::take).unwrap_or_default();
            self.last = if first.capacity() > KEEP_CHUNK { Vec::new() } else { first };
            self.last.clear();
        }
        self.full.clear();
    }

    fn bytes(&self, chunk: u32) -> &[u8] {
        match chunk {
            0 => &self.block,
            n => match self.full.get(n as usize - 1) {
                Some(full) => full,
                None if n as usize == self.full.len() + 1 => &self.last,
                None => &[],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interned_text_never_moves() {
        let mut s = Store::default();
        let first = s.intern(b"first");
        let at = s.cstr(first).as_ptr();
        for i in 0..2000 {
            s.intern(format!("text number {i}").as_bytes());
        }
        assert_eq!(s.cstr(first).as_ptr(), at);
        assert_eq!(s.get(first), b"first");
        let big = s.intern(&vec![b'x'; 100_000]);
        assert_eq!(s.get(big).len(), 100_000);
        s.clear_arena();
        assert_eq!(s.get(big), b"");
    }

    #[test]
    fn text_is_written_in_place() {
        let mut s = Store::default();
        let fill = |room: &mut [u8]| {
            room[..3].copy_from_slice(b"abc");
            Some(3)
        };
        let before = s.intern(b"before");
        let abc = s.intern_with(5, fill).unwrap();
        assert!(s.intern_with(600, |_| None).is_none());
        let big = s.intern_with(600, fill).unwrap();
        assert_eq!((s.cstr(before), s.cstr(abc), s.cstr(big)), (c"before", c"abc", c"abc"));
        s.clear_arena();
        let kept = s.last.capacity();
        assert!(kept >= 601);
        s.intern(&[b'x'; 600]);
        assert_eq!((s.full.len(), s.last.capacity()), (0, kept));
        // What one large text needed is not kept, but a modest chunk before it is.
        s.intern(&[b'x'; 100_000]);
        assert_eq!(s.full.len(), 1);
        s.clear_arena();
        assert_eq!((s.full.len(), s.last.capacity()), (0, kept));
    }

    #[test]
    fn block_text_is_sealed_in_place() {
        let mut s = Store::default();
        s.block_mut().extend_from_slice(b"GET /x HTTP/1.1\r\n");
        let target = Span::block(4, 2);
        s.seal(target);
        assert_eq!(s.cstr(target), c"/x");
        assert_eq!(s.get(Span::block(4000, 2)), b"");
    }
}

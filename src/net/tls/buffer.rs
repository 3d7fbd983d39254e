//! `TlsBuffer`: bytes between two ends of one buffer that is kept.

#[derive(Default)]
pub(super) struct TlsBuffer {
    buf: Vec<u8>,
    start: usize,
    end: usize,
}

impl TlsBuffer {
    pub(super) fn data(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn data_mut(&mut self) -> &mut [u8] {
        self.buf.get_mut(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn capacity(&self) -> usize {
        self.buf.len()
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// room is space for at least `least` bytes behind the data.
    pub(super) fn room(&mut self, least: usize) -> &mut [u8] {
        if self.buf.len() - self.end < least && self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buf.len() - self.end < least {
            self.buf.resize(self.end + least, 0);
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// commit takes `n` bytes that were written to the room.
    pub(super) fn commit(&mut self, n: usize) {
        self.end = (self.end + n).min(self.buf.len());
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if let Some(to) = self.room(bytes.len()).get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
        }
        self.commit(bytes.len());
    }

    /// take_into moves what fits to `out`.
    pub(super) fn take_into(&mut self, out: &mut [u8]) -> usize {
        let n = self.data().len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), self.data().get(..n)) {
            to.copy_from_slice(from);
        }
        self.consume(n);
        n
    }

    /// shrink gives memory back if there is more than `keep` of it and nothing in it.
    pub(super) fn shrink(&mut self, keep: usize) {
        if self.is_empty() && self.buf.len() > keep {
            self.buf = Vec::new();
        }
    }
}

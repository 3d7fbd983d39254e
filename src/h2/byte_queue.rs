//! `ByteQueue`: bytes that wait, put at the end and taken from the front, in one buffer.

use crate::error::Result;
use crate::memory;

/// ByteQueue does not grow while it is as full as it is emptied.
#[derive(Debug, Default)]
pub struct ByteQueue {
    bytes: Vec<u8>,
    start: usize,
}

impl From<&[u8]> for ByteQueue {
    fn from(data: &[u8]) -> ByteQueue {
        ByteQueue { bytes: data.to_vec(), start: 0 }
    }
}

impl ByteQueue {
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// data is all that waits.
    pub fn data(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// push adds to the end. What was taken goes when it is more than half, so that no byte is moved twice as often as it
    /// was put. Its error, where there is no memory, leaves what waits as it is.
    pub fn push(&mut self, data: &[u8]) -> Result<()> {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        memory::append(&mut self.bytes, data)
    }

    /// consume takes `n` bytes off the front. An empty queue keeps at most `keep` bytes of memory.
    pub fn consume(&mut self, n: usize, keep: usize) {
        self.start = (self.start + n).min(self.bytes.len());
        if self.is_empty() {
            self.start = 0;
            self.bytes.clear();
            if self.bytes.capacity() > keep {
                self.bytes = Vec::new();
            }
        }
    }

    /// take moves what fits to `out`, and consumes it.
    pub fn take(&mut self, out: &mut [u8], keep: usize) -> usize {
        let n = self.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), self.data().get(..n)) {
            to.copy_from_slice(from);
        }
        self.consume(n, keep);
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut queue = ByteQueue::default();
        let (mut put, mut got, mut out) = (0u32, 0u32, [0; 37]);
        for round in 1..400usize {
            let piece: Vec<u8> = (0..round * 7 % 101).map(|_| (put, put += 1).0 as u8).collect();
            queue.push(&piece).unwrap();
            let n = queue.take(&mut out[..round % 37], 64);
            assert!(out[..n].iter().all(|&b| (b == got as u8, got += 1).0));
            assert_eq!(queue.len(), (put - got) as usize);
        }
        while !queue.is_empty() {
            got += queue.take(&mut out, 64) as u32;
        }
        assert!(got == put && queue.bytes.is_empty() && queue.bytes.capacity() <= 64);
    }

    #[test]
    fn one_that_is_never_empty_does_not_grow() {
        let mut queue = ByteQueue::default();
        for i in 0..1000u32 {
            queue.push(&i.to_be_bytes().repeat(25)).unwrap();
            queue.consume(if i == 0 { 0 } else { 100 }, 0);
            assert!(queue.bytes.len() <= 400 && queue.data().get(..4) == Some(&i.to_be_bytes()[..]));
        }
    }
}

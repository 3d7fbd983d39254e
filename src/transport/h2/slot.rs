//! `Slot`: what came for one stream and was not taken by its caller yet.

use super::parker::Parker;
use crate::h2::Head;
use crate::message::header::Header;
use crate::transport::exchange::Failure;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// KEEP is how much memory an empty inbox holds on to.
const KEEP: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Slot {
    /// When the first byte of an answer came.
    pub(super) first: Option<Instant>,
    /// Informational answers, in their order; without a trace they are only counted.
    pub(super) informed: VecDeque<(u16, Header)>,
    pub(super) traced: bool,
    /// What the informational answers took so far.
    pub(super) informed_bytes: usize,
    /// 100 Continue came.
    pub(super) go_ahead: bool,
    pub(super) head: Option<Box<Head>>,
    pub(super) inbox: Inbox,
    pub(super) trailer: Option<Header>,
    /// The answer is whole.
    pub(super) ended: bool,
    /// The request is whole.
    pub(super) sent: bool,
    /// The server wants no more of the request.
    pub(super) enough: bool,
    pub(super) failed: Option<Failure>,
    /// It has a place of the gate's.
    pub(super) counts: bool,
    /// The stream's caller sleeps, and wants to know what comes.
    pub(super) sleeper: Option<Arc<Parker>>,
    /// It sleeps because nothing of its request can be sent.
    pub(super) blocked: bool,
}

/// Inbox is a stream's data, bounded by its window.
#[derive(Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
}

impl Inbox {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        // Memory that was read is used again before more is asked for.
        if self.start > 0 && self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// take moves what fits to `out`.
    pub(super) fn take(&mut self, out: &mut [u8]) -> usize {
        let n = self.len().min(out.len());
        let from = self.bytes.get(self.start..self.start + n);
        if let (Some(to), Some(from)) = (out.get_mut(..n), from) {
            to.copy_from_slice(from);
        }
        self.start += n;
        if self.is_empty() {
            self.start = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut inbox = Inbox::default();
        let (mut put, mut got, mut out) = (0u32, 0u32, [0; 37]);
        for round in 1..400usize {
            let piece: Vec<u8> = (0..round * 7 % 101).map(|_| (put, put += 1).0 as u8).collect();
            inbox.push(&piece);
            let n = inbox.take(&mut out[..round % 37]);
            assert!(out[..n].iter().all(|&b| (b == got as u8, got += 1).0));
            assert_eq!(inbox.len(), (put - got) as usize);
        }
        while !inbox.is_empty() {
            got += inbox.take(&mut out) as u32;
        }
        assert!(got == put && inbox.bytes.is_empty());
    }
}

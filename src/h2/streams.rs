//! `Streams`: those that are not closed, by their identifiers, and which of them may send next.

use super::flow::{RecvWindow, SendWindow};
use super::priority::{DEFAULT_PRIORITY, Priority};
use super::stream_map::StreamMap;
use std::collections::VecDeque;

/// HalfState is how far one direction of a stream is (RFC 9113, 5.1). A stream is there from its first HEADERS to the end
/// of both directions or its reset, so idle and closed need no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HalfState {
    /// The message's head is to come; of responses the final one.
    Head,
    Body,
    Done,
}

#[derive(Debug)]
pub(super) struct EngineStream {
    pub(super) id: u32,
    pub(super) recv: HalfState,
    pub(super) send: HalfState,
    pub(super) send_window: SendWindow,
    pub(super) recv_window: RecvWindow,
    /// What content-length has announced and did not come yet.
    pub(super) remaining: Option<u64>,
    /// It ended before all of that: what came is handed on, then the stream fails.
    pub(super) short: bool,
    /// The request was HEAD, or CONNECT.
    pub(super) head_only: bool,
    pub(super) connect: bool,
    pub(super) informational: u8,
    /// The size of its header lists.
    pub(super) headers: usize,
    pub(super) priority: Priority,
    /// It has something to send.
    pub(super) pending: bool,
    queued: bool,
}

impl EngineStream {
    pub(super) fn new(id: u32, send_window: u32, recv_window: u32) -> EngineStream {
        EngineStream {
            id,
            recv: HalfState::Head,
            send: HalfState::Head,
            send_window: SendWindow::new(send_window),
            recv_window: RecvWindow::new(recv_window),
            remaining: None,
            short: false,
            head_only: false,
            connect: false,
            informational: 0,
            headers: 0,
            priority: DEFAULT_PRIORITY,
            pending: false,
            queued: false,
        }
    }
}

/// Streams are those that are there, and the queues in which they wait to send.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: StreamMap<EngineStream>,
    /// Who waits to send, by urgency; a stream stands in its queue at most once, but may be gone when its turn comes.
    send_queues: [VecDeque<u32>; 8],
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, id: u32) -> Option<&EngineStream> {
        self.all.get(id)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut EngineStream> {
        self.all.get_mut(id)
    }

    /// insert adds a stream, whose identifier is larger than all before it.
    pub(super) fn insert(&mut self, stream: EngineStream) {
        self.all.insert(stream.id, stream);
    }

    pub(super) fn remove(&mut self, id: u32) -> bool {
        self.all.remove(id).is_some()
    }

    /// last_above gives the newest stream whose identifier is larger than `id`.
    pub(super) fn last_above(&self, id: u32) -> Option<u32> {
        self.all.newest().filter(|&last| last > id)
    }

    pub(super) fn for_each(&mut self, f: impl FnMut(&mut EngineStream)) {
        self.all.for_each(f);
    }

    /// set_pending says whether a stream has something to send.
    pub(super) fn set_pending(&mut self, id: u32, wants: bool) {
        if let Some(s) = self.get_mut(id) {
            s.pending = wants;
            self.queue(id);
        }
    }

    /// queue lets a stream wait for its turn, if it has something to send and may.
    pub(super) fn queue(&mut self, id: u32) {
        let Some(s) = self.get_mut(id) else { return };
        if !s.pending || s.queued || s.send_window.available() == 0 {
            return;
        }
        s.queued = true;
        let urgency = usize::from(s.priority.urgency);
        if let Some(turns) = self.send_queues.get_mut(urgency) {
            turns.push_back(id);
        }
    }

    /// set_priority takes a stream to another queue, if it stands in one.
    pub(super) fn set_priority(&mut self, id: u32, priority: Priority) {
        let Some(s) = self.get_mut(id) else { return };
        let (urgency, queued) = (usize::from(s.priority.urgency), std::mem::take(&mut s.queued));
        s.priority = priority;
        if queued && let Some(turns) = self.send_queues.get_mut(urgency) {
            turns.retain(|&waits| waits != id);
            self.queue(id);
        }
    }

    /// next_stream gives the stream whose turn it is and what its own window permits. The most urgent come first; one that is
    /// delivered incrementally then goes to the end of its queue, another one stays until it is done (RFC 9218, 10).
    pub(super) fn next_stream(&mut self) -> Option<(u32, usize)> {
        for urgency in 0..self.send_queues.len() {
            while let Some(id) = self.send_queues.get(urgency).and_then(|t| t.front().copied()) {
                let (mut leave, mut found) = (true, None);
                if let Some(s) = self.get_mut(id) {
                    let available = s.send_window.available();
                    found = (s.pending && available > 0).then_some((id, available));
                    leave = found.is_none() || s.priority.incremental;
                    s.queued = !leave;
                }
                if leave && let Some(turns) = self.send_queues.get_mut(urgency) {
                    turns.pop_front();
                    self.queue(id);
                }
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(ids: &[u32]) -> Streams {
        let mut all = Streams::default();
        for &id in ids {
            all.insert(EngineStream::new(id, 100, 100));
        }
        all
    }

    #[test]
    fn the_newest() {
        let mut all = with(&[1, 3, 5]);
        assert!(all.remove(3) && !all.remove(3) && all.get(3).is_none());
        all.insert(EngineStream::new(7, 100, 100));
        assert!([1, 5, 7].iter().all(|&id| all.get(id).is_some_and(|s| s.id == id)));
        assert_eq!((all.last_above(5), all.last_above(7)), (Some(7), None));
    }

    #[test]
    fn turns() {
        let mut all = with(&[1, 3, 5, 7]);
        let next = |all: &mut Streams| all.next_stream().map(|n| n.0);
        for id in [1, 3, 5] {
            all.set_pending(id, true);
            all.set_pending(id, true);
        }
        assert_eq!([(); 4].map(|()| next(&mut all)), [Some(1), Some(3), Some(5), Some(1)]);
        // Urgent, and not to be mixed with others: it stays.
        all.get_mut(7).unwrap().priority = Priority { urgency: 1, incremental: false };
        all.set_pending(7, true);
        assert_eq!([(); 2].map(|()| next(&mut all)), [Some(7), Some(7)]);
        all.get_mut(7).unwrap().send_window.spend(100);
        assert_eq!(next(&mut all), Some(3), "without a window it is no one's turn");
        all.remove(5);
        all.set_pending(1, false);
        assert_eq!([(); 2].map(|()| next(&mut all)), [Some(3), Some(3)]);
        assert!(all.get_mut(7).unwrap().send_window.add(1));
        all.queue(7);
        assert_eq!(all.next_stream(), Some((7, 1)));
        // A new urgency takes it to another queue.
        all.set_priority(7, Priority { urgency: 6, incremental: false });
        assert_eq!(next(&mut all), Some(3));
        all.set_pending(3, false);
        assert_eq!([(); 2].map(|()| next(&mut all)), [Some(7), Some(7)]);
        all.remove(7);
        assert_eq!(next(&mut all), None);
    }
}

//! `Mailbox`: what other threads tell a shard's leader, with a wake only when it sleeps.
//!
//! Posting and going to sleep follow one protocol: the poster counts its message and then looks at `asleep`;
//! the leader sets `asleep` and then looks at the count. A sequentially consistent fence stands between the two
//! steps of each, so at least one of them sees the other and no message waits for an unrelated event. Checked by loom.

use super::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, fence, lock};

pub(crate) struct Mailbox<M> {
    messages: Mutex<Vec<M>>,
    count: AtomicUsize,
    asleep: AtomicBool,
}

impl<M> Mailbox<M> {
    pub(crate) fn new() -> Mailbox<M> {
        Mailbox {
            messages: Mutex::new(Vec::new()),
            count: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
        }
    }

    /// post delivers a message; `wake` is called if the leader may be asleep.
    pub(crate) fn post(&self, message: M, wake: impl FnOnce()) {
        let mut messages = lock(&self.messages);
        messages.push(message);
        self.count.store(messages.len(), Ordering::Relaxed);
        drop(messages);
        fence(Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            wake();
        }
    }

    /// fall_asleep announces that the leader will wait; `false`: there is something to do first.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::Relaxed) == 0 {
            return true;
        }
        self.asleep.store(false, Ordering::SeqCst);
        false
    }

    pub(crate) fn wake_up(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    pub(crate) fn has_some(&self) -> bool {
        self.count.load(Ordering::SeqCst) != 0
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
    }

    /// take_all moves the messages to the end of `into`.
    pub(crate) fn take_all(&self, into: &mut Vec<M>) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut messages = lock(&self.messages);
        into.append(&mut messages);
        self.count.store(0, Ordering::SeqCst);
    }
}

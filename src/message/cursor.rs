//! `IndexCursor`: where the last of several entries under one name was found, so that a loop over their indices goes through
//! the list once.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// IndexCursor holds one fact that does not depend on who found it: the entry at a position is the so-many-th under its own
/// name. What is added behind leaves it true; whoever removes entries clears it.
#[derive(Default)]
pub struct IndexCursor(AtomicU64);

impl IndexCursor {
    /// start is where to begin the search for the `index`-th entry: a position and how many come before it. `same` tells
    /// whether the entry at a position has the name.
    pub fn start(&self, index: usize, same: impl FnOnce(usize) -> bool) -> (usize, usize) {
        let fact = self.0.load(Relaxed);
        let (known, next) = ((fact >> 32) as usize, (fact as u32) as usize);
        match next.checked_sub(1) {
            Some(at) if known <= index && same(at) => (at, known),
            _ => (0, 0),
        }
    }

    /// found keeps that the entry at `at` is the `index`-th.
    pub fn found(&self, index: usize, at: usize) {
        if let (Ok(index), Ok(next)) = (u32::try_from(index), u32::try_from(at + 1)) {
            self.0.store(u64::from(index) << 32 | u64::from(next), Relaxed);
        }
    }

    pub fn clear(&mut self) {
        *self.0.get_mut() = 0;
    }
}

/// A copy finds for itself.
impl Clone for IndexCursor {
    fn clone(&self) -> IndexCursor {
        IndexCursor::default()
    }
}

impl PartialEq for IndexCursor {
    fn eq(&self, _: &IndexCursor) -> bool {
        true
    }
}

impl Eq for IndexCursor {}

impl std::fmt::Debug for IndexCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursor")
    }
}

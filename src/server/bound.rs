//! `Bound`: how long one connection is served before others come.

use std::time::{Duration, Instant};

/// Requests, and their time, that a connection is served before others come: who sends many at once waits in turn.
const A_TURN: u32 = 16;
const A_TURN_TIME: Duration = Duration::from_millis(1);

/// Bound is how far a connection's turn has come.
#[derive(Default)]
pub(super) struct Bound {
    served: u32,
    since: Option<Instant>,
}

impl Bound {
    /// is_over counts a request that is to be served behind another. The clock is looked at with every fourth: a handler
    /// that takes long by itself loses its loop to another thread.
    pub(super) fn is_over(&mut self) -> bool {
        self.served += 1;
        if !self.served.is_multiple_of(4) {
            return false;
        }
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        self.served > A_TURN || now - since >= A_TURN_TIME
    }
}

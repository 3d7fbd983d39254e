//! `FairnessBudget`: how long one connection is served before others come.

use std::time::{Duration, Instant};

/// Requests, and their time, that a connection is served before others come: who sends many at once waits in turn.
const MAX_REQUESTS: u32 = 16;
const MAX_TIME: Duration = Duration::from_millis(1);

/// FairnessBudget is how far a connection's turn has come.
#[derive(Default)]
pub(super) struct FairnessBudget {
    served: u32,
    since: Option<Instant>,
}

impl FairnessBudget {
    /// is_spent counts a request that is to be served behind another. The clock is looked at with every fourth: a handler
    /// that takes long by itself loses its loop to another thread.
    pub(super) fn is_spent(&mut self) -> bool {
        self.served += 1;
        if !self.served.is_multiple_of(4) {
            return false;
        }
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        self.served > MAX_REQUESTS || now - since >= MAX_TIME
    }
}

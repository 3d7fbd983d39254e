//! `Progress`: who wants to know how far a request and its answer are.

use crate::error::Result;

/// ProgressAmounts are bytes of bodies so far; a whole is -1 where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressAmounts {
    pub sent: u64,
    pub to_send: i64,
    pub received: u64,
    pub to_receive: i64,
}

/// Progress is told of a request's way, on the thread that is inside the client's functions.
pub trait Progress: Send + Sync {
    /// report may end the exchange by an error.
    fn report(&self, a: ProgressAmounts) -> Result<()>;
}

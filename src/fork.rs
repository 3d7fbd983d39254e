//! Fork: a handle that was made before a `fork` must answer so in the child, where its threads are gone.
//!
//! The child's count goes up in an atfork handler, so a check is one relaxed load and no system call.

use crate::error::{Error, Kind, Result};
use crate::sys::process as sys;
use std::sync::Once;

/// generation is the number of forks between this process and the one that first used the library.
pub fn generation() -> u64 {
    sys::fork_count()
}

/// Stamp remembers the process that a handle was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// now stamps a new handle; the first one of a process starts the count.
    pub fn now() -> Stamp {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(sys::count_forks);
        Stamp(generation())
    }

    /// is_stale tells whether a fork lies between the handle and this process.
    pub fn is_stale(self) -> bool {
        self.0 != generation()
    }

    /// check is the error of every call on a stale handle but its `_free`.
    pub fn check(self) -> Result<()> {
        if self.is_stale() {
            return Err(Error::new(Kind::Forked, "nethttp: handle was made before fork"));
        }
        Ok(())
    }
}

impl Default for Stamp {
    fn default() -> Stamp {
        Stamp::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_stamp_is_good_here() {
        assert!(Stamp::now().check().is_ok());
        assert_eq!(Stamp::now(), Stamp::now());
    }
}

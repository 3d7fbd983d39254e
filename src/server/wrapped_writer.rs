//! `WrappedWriter`: what stands in a response writer's place, so that a handler may be given another writer than its own.

use super::ResponseWriter;
use crate::error::{Error, Kind, Result};

/// WrappedWriter takes what a handler writes. What it does not take goes to the writer beneath it.
pub trait WrappedWriter: Send {
    /// inner is the writer beneath, whose header and trailer are the handler's; `None`: there is none to be
    /// reached, and the handler's header is its own writer's.
    fn inner(&mut self) -> Option<&mut ResponseWriter>;
    fn write_header(&mut self, code: u16) -> Result<()>;
    fn write(&mut self, data: &[u8]) -> Result<()>;
    fn flush(&mut self) -> Result<()>;
    /// overrides_write tells whether `write` is more than that of the writer beneath.
    fn overrides_write(&self) -> bool;
}

/// unsupported is the answer of a writer that hides the one beneath: Go's ErrNotSupported.
pub(super) fn unsupported() -> Error {
    Error::new(Kind::Unsupported, "feature not supported")
}

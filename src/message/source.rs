//! `Source`: a request's body that the program makes while it is sent.

use crate::error::{Error, Kind, Result};
use crate::sync::Mutex;
use std::sync::{Arc, PoisonError};

/// Source is the body of a request that is being sent, read by the thread that sends it.
pub trait Source: Send {
    /// read fills a part of `buf`; `Ok(0)` ends the body, an error aborts the request and is its cause.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize>;
    /// rewind goes back to the first byte, for 307, 308 and retries; `Ok(false)`: this source cannot.
    fn rewind(&mut self) -> Result<bool>;
    /// can_rewind tells whether `rewind` may work, without touching anything.
    fn can_rewind(&self) -> bool;
}

/// SourceSlot is where a request keeps its source between the exchanges that use it: one at a time, and the
/// source outlives the request if an exchange still reads it.
#[derive(Clone)]
pub struct SourceSlot(Arc<Mutex<SourceState>>);

struct SourceState {
    source: Option<Box<dyn Source>>,
    touched: bool,
    can_rewind: bool,
}

impl SourceSlot {
    pub fn new(source: Box<dyn Source>) -> SourceSlot {
        let can_rewind = source.can_rewind();
        SourceSlot(Arc::new(Mutex::new(SourceState { source: Some(source), touched: false, can_rewind })))
    }

    pub fn can_rewind(&self) -> bool {
        self.lock().can_rewind
    }

    /// take lends the source, at its first byte, until the answer is dropped.
    pub fn take(&self) -> Result<LentSource> {
        let (source, touched) = {
            let mut slot = self.lock();
            (slot.source.take(), slot.touched)
        };
        let Some(source) = source else {
            return Err(Error::new(Kind::Busy, "nethttp: the request's body is being sent by another call"));
        };
        // From here on a failure gives the source back. No lock is held across the callback.
        let mut taken = LentSource { slot: self.clone(), source: Some(source), touched };
        if touched {
            let source = taken.source.as_mut();
            if !source.is_some_and(|s| s.can_rewind()) || !taken.rewind()? {
                let text = "nethttp: the request's body was sent already and cannot be rewound";
                return Err(Error::new(Kind::BodySpent, text));
            }
        }
        Ok(taken)
    }

    fn lock(&self) -> crate::sync::MutexGuard<'_, SourceState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// LentSource is a source on loan.
pub struct LentSource {
    slot: SourceSlot,
    source: Option<Box<dyn Source>>,
    touched: bool,
}

impl LentSource {
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.touched = true;
        self.source.as_mut().map_or(Ok(0), |s| s.read(buf))
    }

    fn rewind(&mut self) -> Result<bool> {
        let done = self.source.as_mut().map_or(Ok(false), |s| s.rewind())?;
        self.touched &= !done;
        Ok(done)
    }
}

impl Drop for LentSource {
    fn drop(&mut self) {
        let mut slot = self.slot.lock();
        slot.source = self.source.take();
        slot.touched = self.touched;
    }
}

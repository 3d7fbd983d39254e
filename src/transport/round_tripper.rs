//! `RoundTripper`: who answers requests in the transport's place (Go's interface of that name), and the schemes that
//! were given to one.

use super::Response;
use crate::error::{Result, invalid};
use crate::message::request::Request;
use crate::net::cancel::CancelToken;
use crate::sync::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// RoundTripResult is what a round-tripper did.
pub enum RoundTripResult {
    Response(Box<Response>),
    /// It leaves the request to the transport (Go's `ErrSkipAltProtocol`).
    Skip,
}

/// RoundTripper makes one exchange: no redirects, no cookies. It is called from any thread, at the same time too.
pub trait RoundTripper: Send + Sync {
    fn round_trip(
        &self,
        r: &Request,
        overall: Option<Instant>,
        cancel: Option<&CancelToken>,
    ) -> Result<RoundTripResult>;
}

/// Schemes are the round-trippers by the scheme of the URLs that they serve.
#[derive(Default)]
pub(super) struct Schemes {
    /// Spares requests the lock where there are none.
    any: AtomicBool,
    by_scheme: RwLock<HashMap<String, Arc<dyn RoundTripper>>>,
}

impl Schemes {
    pub(super) fn register(&self, scheme: &str, round_tripper: &Arc<dyn RoundTripper>) -> Result<()> {
        let mut all = self.by_scheme.write().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(scheme) {
            // The caller drops what was refused, behind the lock.
            return Err(invalid(format!("protocol {scheme} already registered")));
        }
        all.insert(scheme.to_owned(), round_tripper.clone());
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn get(&self, scheme: &str) -> Option<Arc<dyn RoundTripper>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.by_scheme.read().unwrap_or_else(PoisonError::into_inner).get(scheme).cloned()
    }

    /// copy_from takes over another's schemes.
    pub(super) fn copy_from(&self, other: &Schemes) {
        let all = other.by_scheme.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.any.store(!all.is_empty(), Ordering::Release);
        *self.by_scheme.write().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

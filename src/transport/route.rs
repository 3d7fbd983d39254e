//! `Route`: what makes a connection somebody's own; the key of the pool.

use crate::message::outbound::Key;
use crate::net::tls::Identity;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Route is equal to another one if a connection of the one may carry a request of the other.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) server: Arc<Key>,
    /// Who the client is, and whom it trusts: two identities never share, whatever they hold.
    pub(super) tls: Option<Arc<Identity>>,
}

impl Route {
    fn tls_id(&self) -> usize {
        self.tls.as_ref().map_or(0, |t| Arc::as_ptr(t) as usize)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Route) -> bool {
        self.server == other.server && self.tls_id() == other.tls_id()
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.server.hash(state);
        self.tls_id().hash(state);
    }
}

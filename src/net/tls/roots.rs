//! The system's roots, read once; Mozilla's, compiled in, where the system has none.

use crate::sync::OnceLock;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();

/// system reads SSL_CERT_FILE and SSL_CERT_DIR, or the places of this system; what cannot be parsed is skipped.
pub(super) fn system() -> Arc<RootCertStore> {
    SYSTEM
        .get_or_init(|| {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            Arc::new(store)
        })
        .clone()
}

/// with adds a program's own, each of which was parsed before.
pub(super) fn with(own: &[CertificateDer<'static>], use_system: bool) -> Arc<RootCertStore> {
    if own.is_empty() && use_system {
        return system();
    }
    let mut store = if use_system { RootCertStore::clone(&system()) } else { RootCertStore::empty() };
    store.add_parsable_certificates(own.iter().cloned());
    Arc::new(store)
}

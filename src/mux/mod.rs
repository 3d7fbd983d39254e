//! The mux: which handler answers a request (Go's `ServeMux`, the classic rules).
//!
//! A pattern is a path, with a host before it if it is for that host only. One that ends in a slash names a
//! subtree, any other exactly that path; the longest wins, and one with a host before one without. Paths are
//! matched segment by segment after unescaping; unclean ones are redirected, as is "/tree" where only
//! "/tree/" exists.

mod builtin;
mod path;
mod table;

pub(crate) use path::of_target as path_of_target;
pub(crate) use table::Table;

use crate::error::{Error, Kind, Result, invalid};
use crate::server::Handler;
use crate::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Mux may be changed while it is served: threads see an addition with their next request.
pub struct Mux {
    table: Mutex<Arc<Table>>,
    generation: AtomicU64,
}

impl Default for Mux {
    fn default() -> Mux {
        Mux::new()
    }
}

impl Mux {
    pub fn new() -> Mux {
        Mux { table: Mutex::new(Arc::new(Table::new())), generation: AtomicU64::new(1) }
    }

    /// handle registers a handler. A pattern that is malformed or registered already is an error.
    pub fn handle(&self, pattern: &str, handler: Box<dyn Handler>) -> Result<()> {
        if pattern.is_empty() {
            return Err(invalid("http: invalid pattern"));
        }
        if pattern.contains(['{', '}', ' ', '\t']) {
            return Err(Error::new(
                Kind::Unsupported,
                format!("nethttp: pattern {pattern:?}: methods and wildcards are not supported yet"),
            ));
        }
        let Some(slash) = pattern.find('/') else {
            return Err(invalid(format!("parsing {pattern:?}: at offset 0: host/path missing /")));
        };
        let (host, path) = pattern.split_at(slash);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let new = table.with(pattern, host, path, handler)?;
        *table = Arc::new(new);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// set_blocking says whether a pattern's handler blocks: 1 yes, 0 no, -1 to be found out.
    pub fn set_blocking(&self, pattern: &str, blocks: i32) -> Result<()> {
        let known = self.table().tell(pattern, blocks);
        if known {
            Ok(())
        } else {
            Err(Error::new(Kind::NotFound, format!("nethttp: no pattern {pattern:?}")))
        }
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// refresh brings a thread's own view of the routes up to date; one atomic load if nothing changed.
    pub(crate) fn refresh(&self, table: &mut Arc<Table>, generation: &mut u64) {
        let now = self.generation.load(Ordering::Acquire);
        if *generation != now {
            *table = self.table();
            *generation = now;
        }
    }
}

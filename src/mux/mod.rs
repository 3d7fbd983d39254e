//! The mux: which handler answers a request (Go's `ServeMux`).
//!
//! A pattern is `[METHOD ][HOST]/[PATH]`: see [`pattern`]. Of those that match, the one with the host wins, then the one
//! with the more specific method and path; two of which neither is more specific cannot stand side by side. Paths are
//! matched segment by segment after unescaping; unclean ones are redirected, as is "/tree" where only "/tree/" exists.
//!
//! A mux is a handler itself, and may stand in another.

mod builtin;
mod conflict;
mod pattern;
mod routing_table;
mod routing_tree;

pub(crate) use routing_table::RoutingTable;

use crate::error::{Error, Kind, Result, invalid};
use crate::message::request::{Request, RouteLookup};
use crate::server::{Handler, ResponseWriter};
use crate::sync::{Mutex, MutexGuard};
use pattern::Pattern;
use routing_table::MuxEntry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Mux may be changed while it is served: threads see an addition with their next request.
pub struct Mux {
    state: Mutex<MuxState>,
    generation: AtomicU64,
}

struct MuxState {
    routes: Vec<Arc<MuxEntry>>,
    /// The route that takes all requests.
    catch_all: Option<u32>,
    /// What the routes look like to a lookup; made when it is asked for, so that many additions cost one.
    table: Option<Arc<RoutingTable>>,
}

impl Default for Mux {
    fn default() -> Mux {
        Mux::new()
    }
}

impl Mux {
    pub fn new() -> Mux {
        Mux::with(None)
    }

    /// single is one handler in a mux's place: all requests are its own.
    pub fn single(handler: Arc<dyn Handler>) -> Mux {
        Mux::with(Some(handler))
    }

    fn with(whole: Option<Arc<dyn Handler>>) -> Mux {
        let mut routes: Vec<_> = builtin::handlers().into_iter().map(|h| MuxEntry::new(None, h)).collect();
        let whole = whole.map(|handler| {
            routes.push(MuxEntry::new(None, handler));
            routes.len() as u32 - 1
        });
        Mux {
            state: Mutex::new(MuxState { routes, catch_all: whole, table: None }),
            generation: AtomicU64::new(1),
        }
    }

    fn state(&self) -> MutexGuard<'_, MuxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// handle registers a handler. A pattern that is malformed, or conflicts with another, is an error that says how.
    pub fn handle(&self, pattern: &str, handler: impl Into<Arc<dyn Handler>>) -> Result<()> {
        let pattern = Pattern::parse(pattern)?;
        // Before the lock, and so dropped behind it where it is refused: that calls back into the program.
        let route = MuxEntry::new(Some(pattern.clone()), handler.into());
        let mut state = self.state();
        let clash =
            state.routes.iter().filter_map(|r| conflict::conflict(&pattern, r.pattern.as_ref()?)).next();
        if let Some(why) = clash {
            return Err(invalid(why));
        }
        state.routes.push(route);
        state.table = None;
        drop(state);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// set_blocking says whether a pattern's handler blocks: 1 yes, 0 no, -1 to be found out.
    pub fn set_blocking(&self, pattern: &str, blocks: i32) -> Result<()> {
        let state = self.state();
        let found = state.routes.iter().find(|r| r.pattern.as_ref().is_some_and(|p| p.text == pattern));
        match found {
            Some(route) => route.blocking_stats.set_blocking(blocks),
            None => return Err(Error::new(Kind::NotFound, format!("nethttp: no pattern {pattern:?}"))),
        }
        Ok(())
    }

    pub(crate) fn table(&self) -> Arc<RoutingTable> {
        let mut state = self.state();
        let MuxState { routes, catch_all: whole, table } = &mut *state;
        table.get_or_insert_with(|| Arc::new(RoutingTable::new(routes.clone(), *whole))).clone()
    }

    /// refresh brings a thread's own view of the routes up to date; one atomic load if nothing changed.
    pub(crate) fn refresh(&self, table: &mut Arc<RoutingTable>, generation: &mut u64) -> bool {
        let now = self.generation.load(Ordering::Acquire);
        if *generation == now {
            return false;
        }
        *table = self.table();
        *generation = now;
        true
    }
}

impl Handler for Mux {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let table = self.table();
        let route = table.route(r);
        r.enter(table.clone(), route);
        if let Some(handler) = table.handler(route) {
            handler.serve(w, r);
        }
    }

    fn as_mux(self: Arc<Self>) -> Option<Arc<Mux>> {
        Some(self)
    }
}

impl Mux {
    /// matches tells whether one of the patterns answers a request, and no redirect.
    pub fn matches(&self, r: &Request) -> bool {
        let table = self.table();
        !table.is_builtin(table.route(r))
    }

    /// find is the handler that would answer a request, and the pattern that it is found by: Go's `Handler`. It serves
    /// nothing, and the request stays as it is.
    pub fn find(&self, r: &Request) -> (Arc<dyn Handler>, String) {
        let table = self.table();
        let route = table.route(r);
        let pattern = table.pattern(table.displayed_route(r, route)).to_string_lossy().into_owned();
        let handler: Arc<dyn Handler> = match table.handler(route) {
            Some(handler) if !table.is_builtin(route) => handler.clone(),
            _ => Arc::new(move |w: &mut ResponseWriter, r: &mut Request| {
                // The mux's own answers look at its routes.
                r.enter(table.clone(), route);
                if let Some(handler) = table.handler(route) {
                    handler.serve(w, r);
                }
            }),
        };
        (handler, pattern)
    }
}

//! What HTTP/1.1 and HTTP/2 do alike: which of the two it is, who answers a request, and the call.

use super::connection::HttpDriver;
use super::observers::AccessRecord;
use super::writer::ResponseWriter;
use crate::h2::frame::PREFACE;
use crate::message::protocols::Protocols;
use crate::message::request::Request;
use crate::mux::RoutingTable;
use std::sync::Arc;
use std::time::Instant;

/// Preface is how much of HTTP/2's has come.
pub(super) enum Preface {
    No,
    Partial,
    Complete,
}

impl HttpDriver {
    /// preface tells whether a connection in the clear begins as one of HTTP/2, if that may be.
    pub(super) fn preface(&self, received: &[u8]) -> Preface {
        if !self.0.settings.protocols.has(Protocols::UNENCRYPTED_HTTP2) {
            return Preface::No;
        }
        let n = received.len().min(PREFACE.len());
        match received.get(..n) == PREFACE.get(..n) {
            true if n == PREFACE.len() => Preface::Complete,
            // Nothing at all is the beginning of either.
            true if n > 0 || !self.0.settings.protocols.has(Protocols::HTTP1) => Preface::Partial,
            _ => Preface::No,
        }
    }

    /// route finds who answers a request, by the routes as they are now.
    pub(super) fn route(&self, r: &mut Request, table: &mut Arc<RoutingTable>, generation: &mut u64) -> u32 {
        let entered = std::mem::take(&mut r.entered);
        if self.0.mux.refresh(table, generation) || entered {
            r.routes = Some(table.clone());
        }
        r.route = table.route_incoming(r, self.0.settings.general_options);
        r.route
    }

    /// serve calls the program for a request.
    pub(super) fn serve(
        &self,
        table: &RoutingTable,
        route: u32,
        writer: &mut ResponseWriter,
        request: &mut Request,
    ) {
        // As in Go, `OPTIONS *` is the server's own and reaches no mux.
        if let Some(hook) = self.0.hook.as_ref().filter(|_| !table.is_options(route)) {
            let exchange = writer.detach_check();
            hook.serve(writer, request);
            if exchange.is_detached() {
                return;
            }
        }
        if let Some(handler) = table.handler(route) {
            handler.serve(writer, request);
        }
    }

    /// log_access tells of an exchange that has ended; it began at `began`, where that is told.
    pub(super) fn log_access(&self, writer: &ResponseWriter, request: &Request, began: Option<Instant>) {
        if let (Some(log), Some(began)) = (&self.0.observers.access, began) {
            let (status, written) = (writer.status(), writer.written());
            log.ended(&AccessRecord { request, status, written, took: began.elapsed() });
        }
    }
}

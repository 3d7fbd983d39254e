//! What a client's frames mean to the streams.

use super::session::{Http2Session, ShutdownStage};
use super::stream::client_disconnected;
use super::stream_exchange::{StreamExchange, StreamOrigin};
use super::times::SHUTDOWN_PING;
use crate::h2::{ErrorCode, Event, Fault, Head};
use crate::server::conn::ServerConn;
use crate::server::connection::{HttpDriver, SMALL_BODY, SMALL_BODY_MS};
use crate::server::exchange_buffers::ExchangeBuffers;
use crate::server::observers::ConnState;

/// Go's answer to a header list beyond the limit.
const TOO_LARGE: &[u8] = b"<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>";

impl HttpDriver {
    /// on_events acts on what the engine has read out of `input`.
    pub(super) fn on_events(
        &self,
        conn: &mut ServerConn,
        h2: &mut Http2Session,
        ex: &mut ExchangeBuffers,
        input: &[u8],
        now: u64,
    ) {
        let mut events = std::mem::take(&mut h2.events);
        for event in events.drain(..) {
            match event {
                Event::Headers { id, head, end } => self.on_request(conn, h2, ex, (id, head, end), now),
                Event::Data { id, range, end } => h2.on_data(id, input.get(range).unwrap_or_default(), end),
                Event::Trailers { id, mut head } => {
                    if let Some(stream) = h2.find(id).cloned() {
                        let mut s = stream.state();
                        s.input.trailer = Some(std::mem::take(&mut head.header));
                        drop(s);
                        h2.on_data(id, &[], true);
                    }
                    h2.engine.recycle(head);
                }
                Event::Reset { id, code, by_peer } => {
                    if !by_peer {
                        self.count_error("stream", code);
                    }
                    h2.drop_stream(id, client_disconnected(Fault::stream(id, code, "").to_string()));
                }
                Event::Pong { data } => {
                    h2.ping_pending = false;
                    if data == SHUTDOWN_PING && h2.ending == ShutdownStage::Announced {
                        h2.send_final_goaway();
                    }
                }
                Event::Closed { fault } => {
                    if fault.code != ErrorCode::NO_ERROR {
                        self.count_error("conn", fault.code);
                    }
                    if fault.code != ErrorCode::NO_ERROR && h2.engine.has_peer_settings() && !conn.closed {
                        self.0.observers.error(|| {
                            format!("http2: server connection error from {}: {fault}", conn.remote)
                        });
                    }
                    h2.drop_all_streams();
                }
                // Streams that wait for a window get their turns; settings are the engine's, and so is a client's GOAWAY.
                Event::Window { .. } | Event::Settings | Event::GoAway { .. } => {}
            }
        }
        h2.events = events;
    }

    /// count_error tells the program's metric of an error.
    fn count_error(&self, whose: &str, code: ErrorCode) {
        let http2 = &self.0.settings.http2;
        if http2.count_error.is_some() {
            http2.count(&format!("{whose}_{}", code.token()));
        }
    }

    fn on_request(
        &self,
        conn: &mut ServerConn,
        h2: &mut Http2Session,
        ex: &mut ExchangeBuffers,
        (id, mut head, end): (u32, Box<Head>, bool),
        now: u64,
    ) {
        conn.notify_state(ConnState::Active);
        conn.served = conn.served.saturating_add(1);
        h2.running += 1;
        if head.too_large {
            h2.refuse_head(id);
            h2.engine.recycle(head);
            return;
        }
        crate::log::list('<', head.text(head.method), head.text(head.path), &head.header);
        let mut exchange = ex.stream_exchanges.pop().unwrap_or_else(|| StreamExchange::new(&self.0));
        let small = head.content_length.is_some_and(|n| n > 0 && n <= SMALL_BODY);
        let from = StreamOrigin {
            outbox: &h2.outbox,
            remote: &conn.remote,
            info: conn.info.as_ref(),
            conn_id: conn.state_notifier.as_ref().map_or(0, |n| n.id()),
        };
        exchange.begin(id, &mut head, end, &from);
        h2.engine.recycle(head);
        exchange.route = {
            let StreamExchange { request, table, generation, .. } = &mut *exchange;
            self.route(request, table, generation)
        };
        if self.0.settings.write_timeout.is_some() {
            // It runs also while the handler writes nothing.
            h2.check_at = h2.check_at.min(exchange.stream.state().output.deadline);
        }
        h2.open.push((id, exchange.stream.clone()));
        // As in HTTP/1.1: a handler that waits for a body that is just coming would lose its loop.
        if !end && small && !exchange.expects() {
            exchange.held_until = now + SMALL_BODY_MS;
            h2.awaiting_body.push_back(exchange);
        } else {
            h2.ready.push_back(exchange);
        }
    }
}

impl Http2Session {
    fn on_data(&mut self, id: u32, data: &[u8], end: bool) {
        let Some(stream) = self.find(id).cloned() else {
            self.engine.release(id, data.len());
            return;
        };
        let mut s = stream.state();
        if let Err(e) = s.input.data.push(data) {
            drop(s);
            self.engine.release(id, data.len());
            return self.reset_stream(id, ErrorCode::INTERNAL_ERROR, e);
        }
        s.input.ended |= end;
        let waits = s.input.waits;
        drop(s);
        if waits {
            stream.notify();
        }
        if end {
            self.release_awaiting_body(|t| t.id == id);
        }
    }

    /// refuse_head answers a request whose header list is too large to be shown to anybody.
    fn refuse_head(&mut self, id: u32) {
        let fields: [(&[u8], &[u8]); 2] =
            [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"63")];
        let sent = self.engine.respond(id, 431, fields, false);
        // Should no window be open, the status is all that the client gets.
        let sent = sent.and_then(|()| self.engine.send_data(id, TOO_LARGE, true));
        let whole = sent == Ok(TOO_LARGE.len());
        self.engine.reset(id, if whole { ErrorCode::NO_ERROR } else { ErrorCode::ENHANCE_YOUR_CALM });
        self.handler_done();
    }
}

//! What a client's frames mean to the streams.

use super::session::{Ending, Session};
use super::stream::gone;
use super::times::SHUTDOWN_PING;
use super::turn::{Origin, Turn};
use crate::h2::{ErrorCode, Event, Fault, Head};
use crate::server::conn::Conn;
use crate::server::drive::{Http, SMALL_BODY, SMALL_BODY_MS};
use crate::server::exchange::Exchange;
use crate::server::hooks::ConnState;

/// Go's answer to a header list beyond the limit.
const TOO_LARGE: &[u8] = b"<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>";

impl Http {
    /// told acts on what the engine has read out of `input`.
    pub(super) fn told(&self, conn: &mut Conn, h2: &mut Session, ex: &mut Exchange, input: &[u8], now: u64) {
        let mut events = std::mem::take(&mut h2.events);
        for event in events.drain(..) {
            match event {
                Event::Headers { id, head, end } => self.request_came(conn, h2, ex, (id, head, end), now),
                Event::Data { id, range, end } => h2.data_came(id, input.get(range).unwrap_or_default(), end),
                Event::Trailers { id, mut head } => {
                    if let Some(stream) = h2.find(id).cloned() {
                        let mut s = stream.state();
                        s.input.trailer = Some(std::mem::take(&mut head.header));
                        drop(s);
                        h2.data_came(id, &[], true);
                    }
                    h2.engine.recycle(head);
                }
                Event::Reset { id, code, by_peer } => {
                    if !by_peer {
                        self.count("stream", code);
                    }
                    h2.lose(id, gone(Fault::stream(id, code, "").to_string()));
                }
                Event::Pong { data } => {
                    h2.pinged = false;
                    if data == SHUTDOWN_PING && h2.ending == Ending::Announced {
                        h2.name_last();
                    }
                }
                Event::Closed { fault } => {
                    if fault.code != ErrorCode::NO_ERROR {
                        self.count("conn", fault.code);
                    }
                    if fault.code != ErrorCode::NO_ERROR && h2.engine.has_peer_settings() && !conn.closed {
                        self.0.hooks.error(|| {
                            format!("http2: server connection error from {}: {fault}", conn.remote)
                        });
                    }
                    h2.lose_all();
                }
                // Streams that wait for a window get their turns; settings are the engine's, and so is a client's GOAWAY.
                Event::Window { .. } | Event::Settings | Event::GoAway { .. } => {}
            }
        }
        h2.events = events;
    }

    /// count tells the program's metric of an error.
    fn count(&self, whose: &str, code: ErrorCode) {
        let http2 = &self.0.settings.http2;
        if http2.count_error.is_some() {
            http2.count(&format!("{whose}_{}", code.token()));
        }
    }

    fn request_came(
        &self,
        conn: &mut Conn,
        h2: &mut Session,
        ex: &mut Exchange,
        (id, mut head, end): (u32, Box<Head>, bool),
        now: u64,
    ) {
        conn.tell(ConnState::Active);
        conn.served = conn.served.saturating_add(1);
        h2.running += 1;
        if head.too_large {
            h2.refuse_head(id);
            h2.engine.recycle(head);
            return;
        }
        crate::log::list('<', head.text(head.method), head.text(head.path), &head.header);
        let mut turn = ex.turns.pop().unwrap_or_else(|| Turn::new(&self.0));
        let small = head.content_length.is_some_and(|n| n > 0 && n <= SMALL_BODY);
        let from = Origin {
            outbox: &h2.outbox,
            remote: &conn.remote,
            info: conn.info.as_ref(),
            conn_id: conn.notice.as_ref().map_or(0, |n| n.id()),
        };
        turn.begin(id, &mut head, end, &from);
        h2.engine.recycle(head);
        turn.route = {
            let Turn { request, table, generation, .. } = &mut *turn;
            self.route(request, table, generation)
        };
        if self.0.settings.write_timeout.is_some() {
            // It runs also while the handler writes nothing.
            h2.check_at = h2.check_at.min(turn.stream.state().output.deadline);
        }
        h2.open.push((id, turn.stream.clone()));
        // As in HTTP/1.1: a handler that waits for a body that is just coming would lose its loop.
        if !end && small && !turn.expects() {
            turn.held_until = now + SMALL_BODY_MS;
            h2.held.push_back(turn);
        } else {
            h2.ready.push_back(turn);
        }
    }
}

impl Session {
    fn data_came(&mut self, id: u32, data: &[u8], end: bool) {
        let Some(stream) = self.find(id).cloned() else {
            self.engine.release(id, data.len());
            return;
        };
        let mut s = stream.state();
        if let Err(e) = s.input.data.push(data) {
            drop(s);
            self.engine.release(id, data.len());
            return self.fail(id, ErrorCode::INTERNAL_ERROR, e);
        }
        s.input.ended |= end;
        let waits = s.input.waits;
        drop(s);
        if waits {
            stream.notify();
        }
        if end {
            self.release_held(|t| t.id == id);
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
        self.finished();
    }
}

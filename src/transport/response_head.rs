//! From the head of the final answer to the [`Response`]: how its body comes, and what becomes of the connection.
//!
//! A body that came whole with its head gives the connection back at once, before the caller has the response; any other
//! does so with its last byte.

use super::body::{ConnBody, release_connection};
use super::buffered_body::InlineBody;
use super::exchange::{ExchangeResult, Http1Exchange, fatal};
use super::head;
use super::response::{Response, ResponseBody};
use super::timing::Timing;
use crate::h1::{self, BodyDecoder, Framing, StatusLine};

/// HeadOutcome is what follows the head of an answer.
pub(super) struct HeadOutcome {
    framing: Framing,
    /// The connection may be used again.
    keep: bool,
    /// Another protocol's bytes come.
    switched: bool,
}

impl Http1Exchange<'_> {
    /// apply_head notes what the head tells, and whether the rest of the request is still wanted.
    pub(super) fn apply_head(&mut self, line: StatusLine) -> ExchangeResult<HeadOutcome> {
        let request = self.call.request;
        let method = head::method_of(request);
        let (is_head, is_connect) = (method == b"HEAD", method == b"CONNECT");
        let facts = h1::response_facts(is_head, is_connect, &line, &self.response.header)
            .map_err(|e| fatal(self.wrap_broken(e)))?;
        let switched = line.code == 101;
        let asked_to_close = request.close
            || !self.call.settings.keep_alives
            || request.header.has_token(b"Connection", b"close");
        let keep = facts.keep_alive && !asked_to_close && !switched && !is_connect;
        if self.writer.awaits_continue {
            // No go-ahead came. A server that keeps the connection will read the body as the rest of this
            // request, so it is sent; else it is not.
            self.writer.awaits_continue = false;
            if !keep {
                self.writer.stop();
            }
        }
        let switched = switched || (is_connect && line.code / 100 == 2);
        let framing = if switched { Framing::UntilClose } else { facts.framing };
        let r = &mut *self.response;
        r.announced = h1::strip_framing(&mut r.header, &line, &facts);
        r.apply_head(line, &facts);
        Ok(HeadOutcome { framing, keep, switched })
    }

    /// take_inline_body is the body, if all of it is here, nothing lies behind it, and the request was sent to its end.
    fn take_inline_body(&mut self, framing: Framing) -> Option<InlineBody> {
        let len = match framing {
            Framing::None => 0,
            Framing::Length(n) => usize::try_from(n).ok()?,
            Framing::Chunked | Framing::UntilClose => return None,
        };
        let here = self.conn.buffered();
        if here.len() != len || !self.writer.is_done() {
            return None;
        }
        let body = InlineBody::new(&mut self.response.header, here, self.received_at);
        self.conn.consume_all();
        Some(body)
    }
}

/// into_response parts with the connection, or has the body be read from it.
pub(super) fn into_response(mut exchange: Http1Exchange<'_>, end: HeadOutcome) -> Box<Response> {
    let whole = exchange.take_inline_body(end.framing);
    let Http1Exchange { mut conn, call, mut response, registered, tracer, received_at: came, .. } = exchange;
    response.timing = Some(Timing {
        started: call.started,
        connected: exchange.connected,
        sent: exchange.sent,
        first_byte: exchange.first_byte,
        ended: None,
        dial: conn.times.take(),
    });
    (response.remote, response.local, response.tls) = (conn.remote, conn.local, conn.info.clone());
    response.body = match whole {
        Some(body) => {
            // A descriptor leaves its token before another request has it, or it is closed.
            drop(registered);
            release_connection(conn, call.pool, end.keep, call.cancel, &tracer, came);
            ResponseBody::Inline(body)
        }
        None => {
            let mut reader = Box::new(ConnBody {
                conn: Some(conn),
                registered,
                cancel: call.cancel.cloned(),
                decoder: BodyDecoder::new(end.framing),
                writer: Some(exchange.writer),
                tracer,
                keep: end.keep,
                switched: end.switched,
                declared: response.content_length,
                progress: call.settings.progress,
                deadlines: exchange.deadlines,
                error: None,
                closed: false,
                trailer: None,
                ended: None,
            });
            reader.finish_if_done();
            ResponseBody::Conn(reader)
        }
    };
    response
}

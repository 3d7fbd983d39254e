//! From the head of the final answer to the [`Response`]: how its body comes, and what becomes of the connection.
//!
//! A body that came whole with its head gives the connection back at once, before the caller has the response; any other
//! does so with its last byte.

use super::body::{Reader, part};
use super::exchange::{Exchange, Outcome, fatal};
use super::head;
use super::response::{Response, ResponseBody};
use super::timing::Timing;
use super::whole::Within;
use crate::h1::{self, BodyDecoder, Framing, StatusLine};

/// End is what follows the head of an answer.
pub(super) struct End {
    framing: Framing,
    /// The connection may be used again.
    keep: bool,
    /// Another protocol's bytes come.
    switched: bool,
}

impl Exchange<'_> {
    /// judge notes what the head tells, and whether the rest of the request is still wanted.
    pub(super) fn judge(&mut self, line: StatusLine) -> Outcome<End> {
        let request = self.call.request;
        let method = head::method_of(request);
        let (is_head, is_connect) = (method == b"HEAD", method == b"CONNECT");
        let facts = h1::response_facts(is_head, is_connect, &line, &self.response.header)
            .map_err(|e| fatal(self.broken(e)))?;
        let switched = line.code == 101;
        let asked_to_close = request.close
            || !self.call.settings.keep_alives
            || request.header.has_token(b"Connection", b"close");
        let keep = facts.keep_alive && !asked_to_close && !switched && !is_connect;
        if self.upload.held {
            // No go-ahead came. A server that keeps the connection will read the body as the rest of this
            // request, so it is sent; else it is not.
            self.upload.held = false;
            if !keep {
                self.upload.stop();
            }
        }
        let switched = switched || (is_connect && line.code / 100 == 2);
        let framing = if switched { Framing::UntilClose } else { facts.framing };
        let r = &mut *self.response;
        r.announced = h1::strip_framing(&mut r.header, &line, &facts);
        r.told(line, &facts);
        Ok(End { framing, keep, switched })
    }

    /// take_whole is the body, if all of it is here, nothing lies behind it, and the request was sent to its end.
    fn take_whole(&mut self, framing: Framing) -> Option<Within> {
        let len = match framing {
            Framing::None => 0,
            Framing::Length(n) => usize::try_from(n).ok()?,
            Framing::Chunked | Framing::UntilClose => return None,
        };
        let here = self.conn.buffered();
        if here.len() != len || !self.upload.is_done() {
            return None;
        }
        let body = Within::new(&mut self.response.header, here, self.came);
        self.conn.consume_all();
        Some(body)
    }
}

/// finish parts with the connection, or has the body be read from it.
pub(super) fn finish(mut exchange: Exchange<'_>, end: End) -> Box<Response> {
    let whole = exchange.take_whole(end.framing);
    let Exchange { mut conn, call, mut response, registered, teller, came, .. } = exchange;
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
            part(conn, call.pool, end.keep, call.cancel, &teller, came);
            ResponseBody::Within(body)
        }
        None => {
            let mut reader = Box::new(Reader {
                conn: Some(conn),
                registered,
                cancel: call.cancel.cloned(),
                decoder: BodyDecoder::new(end.framing),
                upload: Some(exchange.upload),
                teller,
                keep: end.keep,
                switched: end.switched,
                declared: response.content_length,
                progress: call.settings.progress,
                clock: exchange.clock,
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

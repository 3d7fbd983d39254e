//! From the head of the final answer to the [`Response`]: how its body comes, and what becomes of the connection.
//!
//! A body that came whole with its head gives the connection back at once, before the caller has the response; any other
//! does so with its last byte.

use super::body::{Reader, part};
use super::exchange::{Exchange, Outcome, fatal};
use super::head;
use super::response::{Response, ResponseBody};
use super::whole::Whole;
use crate::h1::{self, BodyDecoder, Framing, StatusLine};
use crate::h2::Queue;
use crate::message::header::Header;
use crate::net::cancel::Registration;

impl Exchange<'_> {
    pub(super) fn finish(
        mut self,
        mut header: Header,
        line: StatusLine,
        registered: Option<Registration>,
    ) -> Outcome<Box<Response>> {
        let method = head::method_of(self.call.request);
        let (is_head, is_connect) = (method == b"HEAD", method == b"CONNECT");
        let facts =
            h1::response_facts(is_head, is_connect, &line, &header).map_err(|e| fatal(self.broken(e)))?;
        let switched = line.code == 101;
        let asked_to_close = self.call.request.close
            || !self.call.settings.keep_alives
            || self.call.request.header.has_token(b"Connection", b"close");
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
        let announced = h1::understood(&mut header, &line, &facts);
        let (remote, local, tls) = (self.conn.remote, self.conn.local, self.conn.info.clone());
        let timing = Some(self.timing);
        let body = match self.take_whole(framing) {
            Some(body) => self.leave(body, keep, registered),
            None => {
                ResponseBody::Conn(self.read_on(framing, keep, switched, facts.content_length, registered))
            }
        };
        let response = Response::told(header, line, &facts, body);
        Ok(Box::new(Response { announced, remote, local, tls, timing, ..response }))
    }

    /// take_whole is the body, if all of it is here, nothing lies behind it, and the request was sent to its end.
    fn take_whole(&mut self, framing: Framing) -> Option<Queue> {
        let len = match framing {
            Framing::None => 0,
            Framing::Length(n) => usize::try_from(n).ok()?,
            Framing::Chunked | Framing::UntilClose => return None,
        };
        let here = self.conn.buffered();
        if here.len() != len || !self.upload.is_done() {
            return None;
        }
        let body = Queue::from(here);
        self.conn.consume_all();
        Some(body)
    }

    /// leave ends the exchange, whose connection goes its own way from here on.
    fn leave(self, body: Queue, keep: bool, registered: Option<Registration>) -> ResponseBody {
        // A descriptor leaves its token before another request has it, or it is closed.
        drop((registered, self.lifeline));
        let ended = part(self.conn, keep, self.call.cancel, &self.teller);
        ResponseBody::Whole(Whole::new(body, None, ended))
    }

    /// read_on has the body come from the connection.
    fn read_on(
        self,
        framing: Framing,
        keep: bool,
        switched: bool,
        declared: i64,
        registered: Option<Registration>,
    ) -> Box<Reader> {
        let mut reader = Box::new(Reader {
            conn: Some(self.conn),
            registered: [registered, self.lifeline],
            cancel: self.call.cancel.cloned(),
            decoder: BodyDecoder::new(framing),
            upload: Some(self.upload),
            teller: self.teller,
            keep,
            switched,
            declared,
            progress: self.call.settings.progress,
            clock: self.clock,
            error: None,
            closed: false,
            trailer: None,
            ended: None,
        });
        reader.finish_if_done();
        reader
    }
}

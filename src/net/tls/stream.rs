//! `Tls`: one session, a client's or a server's, as bytes in, bytes out.
//!
//! Records are received in blocks and decrypted in place; plaintext goes straight to the reader's buffer, and only
//! what has no room there is kept. All records of one write go out in one send. Nothing here waits: that is the
//! business of the closures, and one that would wait says so with `WouldBlock`.

use super::buffer::TlsBuffer;
use super::session::{RECORD, RustlsSession, StepBuffers, StepResult};
use super::text::from_rustls;
use super::{ClientIdentity, IoError, PeerKind, ServerAlpn, ServerIdentity};
use crate::error::{Error, Kind, Phase, Result};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use std::io;

/// FIRST is what is asked for at first; small answers and their tickets fit.
const FIRST: usize = 4096;
/// BULK is asked for while bytes keep coming.
const BULK: usize = 64 * 1024;
/// FLUSH is how much plaintext goes into one send.
const FLUSH: usize = 64 * 1024;
/// KEEP is the most that each buffer of an idle session holds on to.
const KEEP: usize = 16 * 1024;
/// HELLO is how far into a ClientHello its version stands, and that (RFC 8446, 5.1 and 4.1.2).
const HELLO: usize = 11;
/// MAX_STRAY bounds what an idle session reads of tickets and key updates at one look.
const MAX_STRAY: usize = 16;

/// Recv fills a buffer; `Ok(0)` is the end of the stream.
pub(super) type Recv<'a> = &'a mut dyn FnMut(&mut [u8]) -> std::result::Result<usize, IoError>;
/// Send sends a part of the bytes.
pub(super) type Send<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<usize>;

pub struct Tls {
    pub(super) session: RustlsSession,
    /// The session that this one runs inside of: a proxy's.
    outer: Option<Box<Tls>>,
    /// Received and not yet decrypted.
    pub(super) input: TlsBuffer,
    /// Decrypted, and more than there was room for.
    plain: TlsBuffer,
    /// Encrypted and not yet sent.
    output: TlsBuffer,
    /// The peer's close_notify came: nothing was cut off.
    closed: bool,
    /// The stream beneath has ended.
    ended: bool,
    failed: Option<Error>,
    /// The last block was filled to its end.
    bulk: bool,
    got_data: bool,
    /// The first bytes that ever came, to tell a peer that speaks no TLS.
    pub(super) first: Vec<u8>,
    /// The name that a client asked for, during its handshake.
    pub(super) requested_name: Option<String>,
}

/// Written is what one write did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Bytes of plaintext that are the session's now.
    pub taken: usize,
    /// Bytes of ciphertext that left.
    pub sent: usize,
}

pub(super) enum TlsStep {
    /// So many bytes of data were put into the buffer; what had no room is kept.
    Data(usize),
    /// Something was done; come again.
    Again,
    /// More input is needed. `true`: the handshake is over.
    NeedInput(bool),
    Wrote,
}

impl Tls {
    /// new starts a session with a server of that name, inside another one if there is one.
    pub fn new(
        identity: &ClientIdentity,
        end: PeerKind,
        name: ServerName<'static>,
        outer: Option<Box<Tls>>,
    ) -> Result<Tls> {
        let session = UnbufferedClientConnection::new(identity.config(end)?, name)
            .map_err(|e| from_rustls(&e, true))?;
        Ok(Tls::start(RustlsSession::Client(session), outer))
    }

    /// server starts a session with a client that has just connected.
    pub fn server(identity: &ServerIdentity, alpn: ServerAlpn) -> Result<Tls> {
        let session =
            UnbufferedServerConnection::new(identity.config(alpn)).map_err(|e| from_rustls(&e, true))?;
        Ok(Tls::start(RustlsSession::Server(session), None))
    }

    fn start(session: RustlsSession, outer: Option<Box<Tls>>) -> Tls {
        Tls {
            session,
            outer,
            input: TlsBuffer::default(),
            plain: TlsBuffer::default(),
            output: TlsBuffer::default(),
            closed: false,
            ended: false,
            failed: None,
            bulk: false,
            got_data: false,
            first: Vec::new(),
            requested_name: None,
        }
    }

    /// read answers data, or 0 at the end; [`Tls::was_closed`] tells a proper end from a cut.
    pub fn read(&mut self, out: &mut [u8], recv: Recv<'_>) -> std::result::Result<usize, IoError> {
        loop {
            let n = self.take(out)?;
            if n > 0 || self.closed || self.ended || out.is_empty() {
                return Ok(n);
            }
            self.receive(recv)?;
        }
    }

    /// take is what can be read without the stream beneath.
    fn take(&mut self, out: &mut [u8]) -> std::result::Result<usize, IoError> {
        let mut n = self.plain.take_into(out);
        while n < out.len() && self.plain.is_empty() {
            // A record that would not fit is left until there is room: nothing is copied twice.
            let fits = self.next_record().is_none_or(|r| r <= out.len() - n);
            if n > 0 && !fits {
                break;
            }
            match self.step(out.get_mut(n..).unwrap_or_default(), &[]) {
                Ok(TlsStep::Data(more)) => n += more,
                Ok(TlsStep::Again | TlsStep::Wrote) => {}
                Ok(TlsStep::NeedInput(_)) => break,
                // Data comes before its error.
                Err(_) if n > 0 => break,
                Err(e) => return Err(IoError::Failed(e)),
            }
        }
        Ok(n)
    }

    /// next_record is the size of the record in front of the input, if its head is there.
    fn next_record(&self) -> Option<usize> {
        match self.input.data() {
            [_, _, _, a, b, ..] => Some(5 + usize::from(u16::from_be_bytes([*a, *b]))),
            _ => None,
        }
    }

    pub(super) fn receive(&mut self, recv: Recv<'_>) -> std::result::Result<(), IoError> {
        let have = self.input.data().len();
        let rest = self.next_record().map_or(0, |r| r.saturating_sub(have).min(RECORD + 512));
        let least = if self.bulk { BULK - have.min(BULK / 2) } else { FIRST }.max(rest);
        let room = self.input.room(least);
        let whole = room.len();
        let n = match &mut self.outer {
            Some(outer) => outer.read(room, recv)?,
            None => recv(room)?,
        };
        self.bulk = n == whole;
        self.ended = n == 0;
        if self.first.len() < HELLO && !self.got_data {
            let more = n.min(HELLO - self.first.len());
            self.first.extend_from_slice(room.get(..more).unwrap_or_default());
        }
        self.input.commit(n);
        Ok(())
    }

    /// step lets rustls do one thing: decrypt a record into `out`, or, where nothing else is to be done, encrypt
    /// `text`.
    pub(super) fn step(&mut self, out: &mut [u8], text: &[u8]) -> Result<TlsStep> {
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        if self.closed && text.is_empty() {
            return Ok(TlsStep::NeedInput(true));
        }
        let Tls { session, input, plain, output, .. } = self;
        let (used, done) = session.step(input.data_mut(), text, StepBuffers { out, plain, output });
        self.input.consume(used);
        let step = match done {
            Ok(StepResult::Data(n)) => {
                self.got_data = true;
                Ok(TlsStep::Data(n))
            }
            Ok(StepResult::DataThen(e)) => {
                self.got_data = true;
                Err(e)
            }
            Ok(StepResult::Again) => Ok(TlsStep::Again),
            Ok(StepResult::Closed) => {
                self.closed = true;
                Ok(TlsStep::Again)
            }
            Ok(StepResult::NeedInput(shaken)) => Ok(TlsStep::NeedInput(shaken)),
            Ok(StepResult::Wrote) => Ok(TlsStep::Wrote),
            Err(e) => Err(e),
        };
        step.map_err(|e| self.fail(&e))
    }

    /// fail keeps an error, and leaves what rustls wants to tell the peer of it in the output.
    fn fail(&mut self, e: &rustls::Error) -> Error {
        // Only while there is an alert: rustls must not look at input again that it could not make sense of.
        while self.session.wants_write() {
            if !self.session.alert(self.input.data_mut(), &mut self.output) {
                break;
            }
        }
        if self.is_old_client_hello() {
            return self.refuse_version();
        }
        // A server judges a client's certificate after the client has finished (RFC 8446, 4.4.2.4).
        let error = from_rustls(e, !self.got_data);
        self.failed = Some(error.clone());
        error
    }

    fn is_old_client_hello(&self) -> bool {
        let version = self.first.get(9..HELLO);
        matches!(self.session, RustlsSession::Server(_))
            && !self.got_data
            && self.first.first() == Some(&22)
            && version.is_some_and(|v| v < &[3u8, 3][..])
    }

    /// refuse_version tells clients of TLS 1.1 and before that their version is what is wrong (RFC 5246, E.1). rustls looks
    /// for extensions first, which they do not have.
    fn refuse_version(&mut self) -> Error {
        const HANDSHAKE_FAILURE: u8 = 40;
        const PROTOCOL_VERSION: u8 = 70;
        if let [21, _, _, 0, 2, 2, alert @ HANDSHAKE_FAILURE] = self.output.data_mut() {
            *alert = PROTOCOL_VERSION;
        }
        let e = from_rustls(&rustls::PeerIncompatible::Tls12NotOffered.into(), true);
        self.failed = Some(e.clone());
        e
    }

    /// write encrypts a piece of what is given and sends it. What is not sent is kept: [`Tls::has_unsent`], and no
    /// more is taken until it has gone. `WouldBlock` if nothing at all could be done.
    pub fn write(&mut self, parts: [&[u8]; 2], send: Send<'_>) -> io::Result<Written> {
        let mut done = Written::default();
        if self.has_unsent() {
            done.sent = self.flush(send)?;
            if self.has_unsent() {
                return Ok(done);
            }
        }
        for part in parts {
            let n = part.len().min(FLUSH - done.taken);
            let text = part.get(..n).unwrap_or_default();
            self.encrypt(text).map_err(io::Error::other)?;
            done.taken += n;
            if n < part.len() {
                break;
            }
        }
        match self.flush(send) {
            Ok(n) => done.sent += n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        Ok(done)
    }

    /// encrypt makes records of `text`, which [`Tls::flush`] sends.
    pub fn encrypt(&mut self, text: &[u8]) -> Result<()> {
        while !text.is_empty() {
            // Data that comes in between is kept; there is no more of it than one block.
            match self.step(&mut [], text)? {
                TlsStep::Wrote => break,
                TlsStep::NeedInput(_) => {
                    return Err(
                        Error::new(Kind::Tls, "tls: the session cannot send").with_phase(Phase::Write)
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// flush sends what is unsent, as far as that goes without waiting.
    pub fn flush(&mut self, send: Send<'_>) -> io::Result<usize> {
        let mut sent = 0;
        while !self.output.is_empty() {
            let result = match &mut self.outer {
                Some(outer) => outer.write([self.output.data(), &[]], send).map(|w| w.taken),
                None => send(self.output.data()),
            };
            match result {
                Ok(0) => return Ok(sent),
                Ok(n) => {
                    self.output.consume(n);
                    sent += n;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && sent > 0 => return Ok(sent),
                Err(e) => return Err(e),
            }
        }
        match &mut self.outer {
            Some(outer) if outer.has_unsent() => outer.flush(send).map(|_| sent),
            _ => Ok(sent),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    pub fn has_unsent(&self) -> bool {
        !self.output.is_empty() || self.outer.as_ref().is_some_and(|b| b.has_unsent())
    }

    /// unsent is how many encrypted bytes wait.
    pub fn unsent(&self) -> usize {
        self.output.data().len()
    }

    /// has_buffered tells that reading may give something that is here already, so that no poll would tell of it.
    pub fn has_buffered(&self) -> bool {
        !self.plain.is_empty()
            || self.next_record().is_some_and(|r| r <= self.input.data().len())
            || self.outer.as_ref().is_some_and(|b| b.has_buffered())
    }

    /// was_closed: the end of the data was the peer's own word.
    pub fn was_closed(&self) -> bool {
        self.closed
    }

    /// process_buffered processes what is here; `false`: there is data, or an end, and the session cannot wait for a request.
    pub fn process_buffered(&mut self) -> bool {
        while self.failed.is_none() && !self.closed && self.plain.is_empty() {
            match self.step(&mut [], &[]) {
                Ok(TlsStep::NeedInput(_)) => return !self.has_unsent(),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// is_quiet looks at a session that waits for a request: tickets and key updates are dealt with, all else
    /// ends it. `recv` must not wait.
    pub fn is_quiet(&mut self, recv: Recv<'_>) -> bool {
        for _ in 0..MAX_STRAY {
            if !self.process_buffered() {
                return false;
            }
            match self.receive(recv) {
                Ok(()) if self.ended => return false,
                Ok(()) => {}
                Err(IoError::Os(e)) => {
                    return e.kind() == io::ErrorKind::WouldBlock && self.process_buffered_outer();
                }
                Err(_) => return false,
            }
        }
        false
    }

    fn process_buffered_outer(&self) -> bool {
        self.outer.as_ref().is_none_or(|b| !b.closed && b.failed.is_none() && b.plain.is_empty())
    }

    /// shrink_buffers gives back what an idle session does not need.
    pub fn shrink_buffers(&mut self) {
        for block in [&mut self.input, &mut self.plain, &mut self.output] {
            block.shrink(KEEP);
        }
        self.bulk = false;
        if let Some(outer) = &mut self.outer {
            outer.shrink_buffers();
        }
    }

    pub(super) fn blocks(&mut self) -> [&mut TlsBuffer; 3] {
        [&mut self.input, &mut self.plain, &mut self.output]
    }

    /// use_small_read has the next block be a small one.
    pub(super) fn use_small_read(&mut self) {
        self.bulk = false;
    }

    /// send_close_notify sends close_notify (RFC 8446, 6.1), or the alert that is due, if that goes without waiting.
    pub fn send_close_notify(&mut self, send: Send<'_>) {
        if self.failed.is_none() && !self.has_unsent() {
            self.session.close_notify(self.input.data_mut(), &mut self.output);
        }
        // Nobody is left to be told of a failure.
        let _ = self.flush(send);
        if let Some(outer) = &mut self.outer {
            outer.send_close_notify(send);
        }
    }

    /// capacity is what the buffers have.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let own = self.input.capacity() + self.plain.capacity() + self.output.capacity();
        own + self.outer.as_ref().map_or(0, |b| b.capacity())
    }
}

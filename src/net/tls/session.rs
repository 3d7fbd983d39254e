//! `RustlsSession`: rustls' state of either role, driven one step at a time.

use super::buffer::TlsBuffer;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{CommonState, Error};

/// PER_RECORD is more than a record has beside its text (RFC 8446, 5.2; RFC 5246 with GCM or ChaCha20).
const PER_RECORD: usize = 64;
pub(super) const RECORD: usize = 16 * 1024;

pub(super) enum RustlsSession {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// StepResult is what one step has done.
pub(super) enum StepResult {
    /// So many bytes of data were put into the buffer; what had no room is kept.
    Data(usize),
    /// Data came, and then a record that is none.
    DataThen(Error),
    /// Something was done; come again.
    Again,
    /// The peer's close_notify came.
    Closed,
    /// More input is needed. `true`: the handshake is over.
    NeedInput(bool),
    Wrote,
}

/// StepBuffers are where a step puts what it makes.
pub(super) struct StepBuffers<'a> {
    /// Data of the peer's, for the reader.
    pub(super) out: &'a mut [u8],
    /// Data that has no room there.
    pub(super) plain: &'a mut TlsBuffer,
    /// Records to be sent.
    pub(super) output: &'a mut TlsBuffer,
}

impl RustlsSession {
    pub(super) fn common(&self) -> &CommonState {
        match self {
            RustlsSession::Client(s) => s,
            RustlsSession::Server(s) => s,
        }
    }

    pub(super) fn wants_write(&self) -> bool {
        self.common().wants_write()
    }

    /// step lets rustls do one thing: decrypt the records of `input` in place, or, where nothing else is to be
    /// done, encrypt `text`. The first of the answers is how much of `input` is used up.
    pub(super) fn step(
        &mut self,
        input: &mut [u8],
        text: &[u8],
        blocks: StepBuffers<'_>,
    ) -> (usize, Result<StepResult, Error>) {
        match self {
            RustlsSession::Client(s) => step(s.process_tls_records(input), text, blocks),
            RustlsSession::Server(s) => step(s.process_tls_records(input), text, blocks),
        }
    }

    /// alert encodes one piece of what is to be told to the peer after a failure; `false`: there is none.
    pub(super) fn alert(&mut self, input: &mut [u8], output: &mut TlsBuffer) -> bool {
        fn one<D>(status: UnbufferedStatus<'_, '_, D>, output: &mut TlsBuffer) -> bool {
            match status.state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, output);
                    true
                }
                _ => false,
            }
        }
        match self {
            RustlsSession::Client(s) => one(s.process_tls_records(input), output),
            RustlsSession::Server(s) => one(s.process_tls_records(input), output),
        }
    }

    /// close_notify encodes the goodbye (RFC 8446, 6.1), if the session is in a state for it.
    pub(super) fn close_notify(&mut self, input: &mut [u8], output: &mut TlsBuffer) {
        fn queue<D>(status: UnbufferedStatus<'_, '_, D>, output: &mut TlsBuffer) {
            if let Ok(ConnectionState::WriteTraffic(mut w)) = status.state
                && let Ok(n) = w.queue_close_notify(output.room(256))
            {
                output.commit(n);
            }
        }
        match self {
            RustlsSession::Client(s) => queue(s.process_tls_records(input), output),
            RustlsSession::Server(s) => queue(s.process_tls_records(input), output),
        }
    }
}

fn step<D>(
    status: UnbufferedStatus<'_, '_, D>,
    text: &[u8],
    blocks: StepBuffers<'_>,
) -> (usize, Result<StepResult, Error>) {
    let StepBuffers { out, plain, output } = blocks;
    let UnbufferedStatus { mut discard, state } = status;
    let done = match state {
        Ok(ConnectionState::ReadTraffic(mut records)) => {
            let (mut n, mut failed) = (0, None);
            while let Some(record) = records.next_record() {
                match record {
                    Ok(r) => {
                        discard += r.discard;
                        let fits = if plain.is_empty() { r.payload.len().min(out.len() - n) } else { 0 };
                        let (now, later) = r.payload.split_at(fits);
                        if let Some(to) = out.get_mut(n..n + fits) {
                            to.copy_from_slice(now);
                        }
                        plain.append(later);
                        n += fits;
                    }
                    Err(e) => failed = Some(e),
                }
            }
            Ok(failed.map_or(StepResult::Data(n), StepResult::DataThen))
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            encode(&mut data, output);
            Ok(StepResult::Again)
        }
        Ok(ConnectionState::TransmitTlsData(t)) => {
            t.done();
            Ok(StepResult::Again)
        }
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(StepResult::Closed),
        Ok(ConnectionState::WriteTraffic(_)) if text.is_empty() => Ok(StepResult::NeedInput(true)),
        Ok(ConnectionState::WriteTraffic(mut w)) => encrypt(&mut w, text, output),
        Ok(_) => Ok(StepResult::NeedInput(false)),
        Err(e) => Err(e),
    };
    (discard, done)
}

fn encrypt<D>(w: &mut WriteTraffic<'_, D>, text: &[u8], output: &mut TlsBuffer) -> Result<StepResult, Error> {
    let room = output.room(text.len() + (text.len() / RECORD + 2) * PER_RECORD);
    match w.encrypt(text, room) {
        Ok(n) => {
            output.commit(n);
            Ok(StepResult::Wrote)
        }
        Err(EncryptError::InsufficientSize(e)) => {
            output.room(e.required_size);
            Ok(StepResult::Again)
        }
        Err(EncryptError::EncryptExhausted) => Err(Error::EncryptError),
    }
}

fn encode<D>(data: &mut EncodeTlsData<'_, D>, output: &mut TlsBuffer) {
    let mut least = 512;
    // The second try has the room that the first asked for.
    for _ in 0..2 {
        match data.encode(output.room(least)) {
            Ok(n) => return output.commit(n),
            Err(EncodeError::InsufficientSize(e)) => least = e.required_size,
            Err(EncodeError::AlreadyEncoded) => return,
        }
    }
}

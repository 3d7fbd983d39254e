//! What goes out: heads, data, trailers, resets, and whose turn it is.

use super::engine::Engine;
use super::error::ErrorCode;
use super::frame::{self, FrameHead, HEAD, MAX_31, flag, kind};
use super::hpack::{Encoder, field_size, token};
use super::streams::{EngineStream, HalfState};
use crate::h1::is_forbidden_in_trailer;

/// SendError is why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The stream is not there any more, or the connection is dead.
    StreamClosed,
    /// The stream is not at this step.
    WrongState,
    /// The peer takes no header list of this size.
    TooLarge,
    /// The peer permits no more streams at the moment, or on this connection: see [`Engine::can_open`].
    NoStream,
    /// There is no memory for the output. Nothing has changed.
    NoMemory,
}

/// Room in the output beyond its data, so that a frame which is no data finds some too.
const SPARE: usize = 1024;

/// Fields are given twice where they are counted first.
pub trait Fields<'a>: IntoIterator<Item = (&'a [u8], &'a [u8]), IntoIter: Clone> {}
impl<'a, T: IntoIterator<Item = (&'a [u8], &'a [u8]), IntoIter: Clone>> Fields<'a> for T {}

/// RequestHead is what a request says besides its fields. Texts that are empty are not sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestHead<'a> {
    pub method: &'a [u8],
    pub scheme: &'a [u8],
    pub authority: &'a [u8],
    pub path: &'a [u8],
    pub protocol: &'a [u8],
}

impl RequestHead<'_> {
    fn pseudo(&self) -> impl Iterator<Item = (u8, &[u8])> {
        [
            (token::METHOD, self.method),
            (token::SCHEME, self.scheme),
            (token::AUTHORITY, self.authority),
            (token::PATH, self.path),
            (token::PROTOCOL, self.protocol),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
    }
}

impl Engine {
    /// can_open tells whether a request may be sent now.
    pub fn can_open(&self) -> bool {
        let ending = self.goaway_received.is_some() || self.goaway_sent.is_some() || self.fatal.is_some();
        !self.server
            && !ending
            && self.next_id <= MAX_31
            && self.streams.len() < self.peer.max_streams as usize
    }

    /// request opens a stream. Fields of HTTP/1 connections and Host are left out.
    pub fn request<'a>(
        &mut self,
        head: &RequestHead<'_>,
        fields: impl Fields<'a>,
        end: bool,
    ) -> Result<u32, SendError> {
        if !self.can_open() {
            return Err(SendError::NoStream);
        }
        let fields = fields.into_iter();
        // An own pseudo-field is no longer than ":authority".
        let own: usize = head.pseudo().map(|(_, text)| field_size(b":authority", text)).sum();
        if own.saturating_add(list_size(fields.clone())) > self.peer.max_header_list as usize {
            return Err(SendError::TooLarge);
        }
        let id = self.next_id;
        self.next_id += 2;
        self.put_block(id, end, |encoder, out| {
            for (token, text) in head.pseudo() {
                encoder.known(out, token, text);
            }
            put_fields(encoder, out, fields, |name, t| t != token::HOST && name.first() != Some(&b':'));
        });
        let mut s = EngineStream::new(id, self.peer.initial_window, self.config.stream_window);
        s.send = if end { HalfState::Done } else { HalfState::Body };
        s.head_only = head.method == b"HEAD";
        s.connect = head.method == b"CONNECT";
        self.streams.insert(s);
        Ok(id)
    }

    /// respond sends a response's head; one below 200 may come before it, any number of times, and is no end.
    pub fn respond<'a>(
        &mut self,
        id: u32,
        status: u16,
        fields: impl Fields<'a>,
        end: bool,
    ) -> Result<(), SendError> {
        let s = self.sending_stream(id)?;
        let last = status >= 200;
        if s.send != HalfState::Head || !(100..1000).contains(&status) || status == 101 || (end && !last) {
            return Err(SendError::WrongState);
        }
        let fields = fields.into_iter();
        if last {
            s.send = if end { HalfState::Done } else { HalfState::Body };
        }
        self.put_block(id, end, |encoder, out| {
            let mut text = [b'0'; 3];
            let mut rest = status;
            for d in text.iter_mut().rev() {
                *d = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            encoder.known(out, token::STATUS, &text);
            put_fields(encoder, out, fields, |name, _| name.first() != Some(&b':'));
        });
        self.close_if_done(id);
        Ok(())
    }

    /// send_data sends as much of `data` as the windows permit and says how much. `end` counts once all of it was sent.
    pub fn send_data(&mut self, id: u32, data: &[u8], end: bool) -> Result<usize, SendError> {
        let (connection, max) = (self.send_window.available(), self.peer.max_frame as usize);
        if self.fatal.is_some() {
            return Err(SendError::StreamClosed);
        }
        let s = self.streams.get_mut(id).ok_or(SendError::StreamClosed)?;
        if s.send != HalfState::Body {
            return Err(SendError::WrongState);
        }
        let n = data.len().min(s.send_window.available()).min(connection);
        let end = end && n == data.len();
        let frames = n.div_ceil(max).max(usize::from(end));
        if self.out.try_reserve(n + frames * HEAD + SPARE).is_err() {
            return Err(SendError::NoMemory);
        }
        if end {
            s.send = HalfState::Done;
            s.pending = false;
        }
        s.send_window.spend(n);
        self.send_window.spend(n);
        let mut rest = data.get(..n).unwrap_or_default();
        for i in 1..=frames {
            let (piece, after) = rest.split_at_checked(max).unwrap_or((rest, &[]));
            let flags = if end && i == frames { flag::END_STREAM } else { 0 };
            frame::head(&mut self.out, kind::DATA, flags, id, piece.len());
            self.out.extend_from_slice(piece);
            rest = after;
            self.flood_limits.data(piece.len());
        }
        self.close_if_done(id);
        Ok(n)
    }

    /// send_trailers ends the body. Fields that RFC 9110, 6.5.1 bars are left out; without any that is an empty frame.
    pub fn send_trailers<'a>(&mut self, id: u32, fields: impl Fields<'a>) -> Result<(), SendError> {
        let s = self.sending_stream(id)?;
        if s.send != HalfState::Body {
            return Err(SendError::WrongState);
        }
        let may = |name: &[u8]| name.first() != Some(&b':') && !is_forbidden_in_trailer(name);
        let fields = fields.into_iter();
        if !fields.clone().any(|(name, _)| may(name)) {
            return self.send_data(id, &[], true).map(|_| ());
        }
        s.send = HalfState::Done;
        s.pending = false;
        self.put_block(id, true, |encoder, out| put_fields(encoder, out, fields, |name, _| may(name)));
        self.close_if_done(id);
        Ok(())
    }

    /// reset ends a stream. NO_ERROR is how a server leaves the rest of a request that it has answered (RFC 9113, 8.1).
    pub fn reset(&mut self, id: u32, code: ErrorCode) {
        if self.fatal.is_none() && self.streams.get(id).is_some() {
            self.flood_limits.stream_reset();
            self.abort(id, code);
        }
    }

    /// window is how much a stream may send now.
    pub fn window(&self, id: u32) -> usize {
        let stream = self.streams.get(id).map_or(0, |s| s.send_window.available());
        stream.min(self.send_window.available())
    }

    /// set_pending says whether a stream has data to send; who has is given turns by [`Engine::next_stream`].
    pub fn set_pending(&mut self, id: u32, wants: bool) {
        self.streams.set_pending(id, wants);
    }

    /// next_stream is whose turn it is, and how much it may send. Streams take turns of one frame, the urgent before the
    /// others (RFC 9218); one that the client wants whole keeps its turn. `None`: nobody wants to, or no window is open.
    pub fn next_stream(&mut self) -> Option<(u32, usize)> {
        let connection = self.send_window.available();
        if connection == 0 || self.fatal.is_some() {
            return None;
        }
        let (id, n) = self.streams.next_stream()?;
        Some((id, n.min(connection).min(self.peer.max_frame as usize)))
    }

    fn sending_stream(&mut self, id: u32) -> Result<&mut EngineStream, SendError> {
        if self.fatal.is_some() {
            return Err(SendError::StreamClosed);
        }
        self.streams.get_mut(id).ok_or(SendError::StreamClosed)
    }

    /// put_block encodes a list behind the output and cuts it into frames.
    fn put_block(&mut self, id: u32, end: bool, fields: impl FnOnce(&mut Encoder, &mut Vec<u8>)) {
        let (at, max) = (self.out.len(), self.peer.max_frame as usize);
        self.out.extend_from_slice(&[0; HEAD]);
        self.encoder.begin(&mut self.out);
        fields(&mut self.encoder, &mut self.out);
        let len = self.out.len() - at - HEAD;
        let rest = if len > max { self.out.split_off(at + HEAD + max) } else { Vec::new() };
        let mut flags = if end { flag::END_STREAM } else { 0 };
        if rest.is_empty() {
            flags |= flag::END_HEADERS;
        }
        let head = FrameHead { len: len.min(max) as u32, kind: kind::HEADERS, flags, stream: id };
        if let Some(place) = self.out.get_mut(at..at + HEAD) {
            place.copy_from_slice(&head.bytes());
        }
        let mut pieces = rest.chunks(max).peekable();
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
            frame::head(&mut self.out, kind::CONTINUATION, flags, id, piece.len());
            self.out.extend_from_slice(piece);
        }
    }
}

/// put_fields leaves out what belongs to HTTP/1 connections (8.2.2), and the white space around values (8.2.1).
fn put_fields<'a>(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    keep: impl Fn(&[u8], u8) -> bool,
) {
    for (name, value) in fields {
        let value = value.trim_ascii();
        encoder.field_if(out, name, value, |t| {
            let te = t == token::TE && !value.eq_ignore_ascii_case(b"trailers");
            keep(name, t) && !te && !token::is_connection(t)
        });
    }
}

fn list_size<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> usize {
    fields.map(|(name, value)| field_size(name, value)).sum()
}

//! `RecvStream`: what came for one stream and was not taken by its caller yet.

use super::parker::Parker;
use crate::h2::{ByteQueue, Head};
use crate::message::header::Header;
use crate::transport::exchange::Failure;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// KEEP_CAPACITY is how much memory an empty inbox holds on to.
pub(super) const KEEP_CAPACITY: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct RecvStream {
    /// When the first byte of an answer came.
    pub(super) first: Option<Instant>,
    /// Informational answers, in their order; without a trace they are only counted.
    pub(super) informational: VecDeque<(u16, Header)>,
    pub(super) traced: bool,
    /// What the informational answers took so far.
    pub(super) informational_bytes: usize,
    /// 100 Continue came.
    pub(super) got_continue: bool,
    pub(super) head: Option<Box<Head>>,
    /// Data that waits to be read, bounded by the stream's window.
    pub(super) inbox: ByteQueue,
    pub(super) trailer: Option<Header>,
    /// The head was all of the answer.
    pub(super) no_body: bool,
    /// The answer is whole.
    pub(super) ended: bool,
    /// The request is whole.
    pub(super) sent: bool,
    /// The server wants no more of the request.
    pub(super) stop_sending: bool,
    pub(super) failed: Option<Failure>,
    /// It has a place of the gate's.
    pub(super) holds_quota: bool,
    /// The stream's caller sleeps, and wants to know what comes.
    pub(super) sleeper: Option<Arc<Parker>>,
    /// It takes a whole answer as soon as there is one, wherever it sleeps.
    pub(super) awaits_response: bool,
    /// It will be told of what came.
    pub(super) notify_pending: bool,
    /// It sleeps because nothing of its request can be sent.
    pub(super) blocked: bool,
}

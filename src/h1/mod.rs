//! HTTP/1.1 without I/O: bytes in, values out; no socket, no clock.
//!
//! A message is read in three steps. [`HeadScan`] finds the end of its head in a buffer that grows;
//! [`parse_request`] or [`parse_response`] turn the head into spans of that buffer; [`request_facts`] or
//! [`response_facts`] tell how the body is framed and whether the connection lasts. [`BodyDecoder`] then gives
//! the body's bytes and the trailer. [`encode`] writes heads and chunks.

mod apply;
pub mod body;
pub mod encode;
mod fields;
pub mod framing;
pub mod head;
mod quote;
pub mod request;
pub mod response;
mod target;
mod trailer;

pub use apply::{describe_request, strip_framing};
pub use body::{BodyDecoder, DecodeProgress};
pub use encode::{CHUNK_END, LAST_CHUNK, chunk_header, decimal, last_chunk, request_line, status_line};
pub use fields::{MAX_REQUEST_FIELDS, MAX_RESPONSE_FIELDS};
pub use framing::{Framing, RequestFacts, ResponseFacts, request_facts, response_facts};
pub use head::{HeadScan, LeadingBytes, declared_length};
pub use request::{Reject, RequestLine, check_first_line, parse_request, parse_request_within};
pub use response::{StatusLine, check_status_line, not_a_response, parse_response};
pub(crate) use target::{valid_host, valid_target};
pub use trailer::is_forbidden_in_trailer;

#[cfg(test)]
mod tests;

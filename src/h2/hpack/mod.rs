//! HPACK (RFC 7541): header lists as bytes, decoded straight into a message's store.

mod decode;
mod encode;
mod huffman;
mod integer;
mod statics;
mod table;

pub use decode::{BadBlock, Decoder};
pub use encode::Encoder;
pub use statics::token;

/// The table size that both sides begin with (RFC 9113, 6.5.2).
pub const DEFAULT_TABLE: usize = 4096;
/// What a field counts beside its name and value (RFC 7541, 4.1; RFC 9113, 6.5.2).
pub const FIELD_OVERHEAD: usize = 32;

/// field_size is what a field counts in a table and in a header list.
pub fn field_size(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_OVERHEAD
}

#[cfg(test)]
mod tests;

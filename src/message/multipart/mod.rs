//! Multipart bodies (RFC 7578, Go's `mime/multipart`): read from a request, and written to one.

pub mod reader;
pub mod writer;

#[cfg(test)]
mod tests;

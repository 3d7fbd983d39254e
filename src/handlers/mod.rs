//! Handlers that come with the library: files, and what stands before other handlers (Go's `fs.go` and the end of
//! its `server.go`).

mod content;
mod cross_origin;
mod files;
mod guards;
mod mime;
mod ranges;
mod rewrite;
pub mod upload;

pub use content::{Content, serve_content};
pub use cross_origin::CrossOrigin;
pub use files::{FileServer, serve_file};
pub use guards::{Check, basic_auth, max_bytes, timeout};
pub use rewrite::{allow_query_semicolons, strip_prefix};

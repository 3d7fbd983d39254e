//! Handlers that come with the library: files, and what stands before other handlers (Go's `fs.go` and the end of
//! its `server.go`).

mod answer;
mod content;
mod cross_origin;
mod file_system;
mod file_transport;
mod files;
mod guards;
mod mime;
mod ranges;
mod rewrite;
pub mod upload;

pub use answer::Content;
pub use content::serve_content;
pub use cross_origin::CrossOrigin;
pub use file_system::{Dir, FileSystem, List, Opened, What};
pub use file_transport::FileTransport;
pub use files::{FileServer, serve_file, serve_file_of};
pub use guards::{Check, basic_auth, max_bytes, timeout};
pub use rewrite::{allow_query_semicolons, strip_prefix};

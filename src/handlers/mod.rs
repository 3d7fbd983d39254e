//! Handlers that come with the library: files, and what stands before other handlers (Go's `fs.go` and the end of
//! its `server.go`).

mod content;
mod cross_origin;
mod file_response;
mod file_system;
mod file_transport;
mod files;
mod middleware;
mod mime;
pub mod multipart_form;
mod ranges;
mod rewrite;

pub use content::serve_content;
pub use cross_origin::CrossOrigin;
pub use file_response::Content;
pub use file_system::{Dir, FileSystem, ListDirectory, Opened, OpenedKind};
pub use file_transport::FileTransport;
pub use files::{FileServer, serve_file, serve_file_of};
pub use middleware::{CheckCredentials, basic_auth, max_bytes, timeout};
pub use rewrite::{allow_query_semicolons, strip_prefix};

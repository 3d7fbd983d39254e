//! Values that messages are made of; no I/O anywhere below this line.

pub mod auth;
pub mod bytes;
pub mod cookie;
pub mod cookie_date;
pub mod cursor;
pub mod date;
pub mod endpoint;
pub mod escape;
pub mod form;
pub mod header;
pub mod media;
pub mod multipart;
pub(crate) mod path;
pub mod progress;
pub mod protocols;
pub mod query;
pub mod request;
pub mod sniff;
pub mod source;
pub mod status;
pub mod text;
pub mod tls_info;
pub mod trace;
pub mod url;

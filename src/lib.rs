//! nethttp: HTTP for every program that can call C, with the semantics of Go's `net/http`.
//!
//! The map, from the outside in; arrows point one way only:
//!
//! ```text
//! ffi -> client | server | mux -> transport -> h1, h2 -> message
//!                 (net and runtime lie beneath transport and server)
//! ```
//!
//! * [`ffi`]: the C API, one file per handle; the only `extern "C"` in the tree.
//! * [`client`]: what Go's `Client` does above a transport.
//! * [`transport`]: the connection pool, dialing, persistent connections, retry.
//! * [`server`]: listeners, connections, the response writer, shutdown.
//! * [`mux`]: patterns and routing.
//! * [`handlers`]: files, and handlers that stand before others.
//! * [`stream`]: whole messages on any stream of the program's.
//! * [`h1`]: HTTP/1.1 without I/O: bytes in, values out; no socket, no clock.
//! * [`h2`]: HTTP/2 without I/O: bytes in, events out; no socket, no clock.
//! * [`message`]: values: header, status, URL, query, dates, requests, responses.
//! * [`runtime`]: shards, the hand-off, timers, the handler threads.
//! * [`net`]: sockets, resolver, deadlines, cancellation; the raw system calls.
//! * [`error`]: the one error type of all of them.
//! * [`log`], [`threads`], [`fork`]: what a process has once: its log, how its threads start, whether it forked.
//! * [`sync`]: the locks; [`thread_pool`]: threads that start when there are jobs for them.

// Under loom only what is model-checked is compiled, and what that needs: loom's threads are not the system's.
pub mod address;
#[cfg(not(loom))]
pub mod client;
#[cfg(not(loom))]
pub mod duplex;
pub mod error;
#[cfg(not(loom))]
pub mod ffi;
pub mod fork;
pub mod h1;
#[cfg(not(loom))]
pub mod h2;
pub mod handle;
#[cfg(not(loom))]
pub mod handlers;
pub mod log;
pub mod memory;
pub mod message;
#[cfg(not(loom))]
pub mod mux;
pub mod net;
pub mod runtime;
#[cfg(not(loom))]
pub mod server;
#[cfg(not(loom))]
pub mod stream;
pub mod sync;
pub mod sys;
pub mod thread_pool;
pub mod threads;
#[cfg(not(loom))]
pub mod transport;

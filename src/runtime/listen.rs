//! `Listening`: one bound socket that all shards accept from, and how long a shard leaves it alone after a failure.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Listening is shared by the shards; the socket closes when the last of them has let go of it.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) socket: OwnedFd,
    /// Which one it is, for the driver.
    pub(crate) index: usize,
    /// What ends with it.
    pub(crate) _file: Option<SocketFile>,
}

/// SocketFile is the file that a Unix socket was bound to, removed at the end unless another one is there by then.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    pub(crate) fn new(path: PathBuf) -> std::io::Result<SocketFile> {
        let inode = inode(&path)?;
        Ok(SocketFile { path, inode })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|i| i == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|m| (m.dev(), m.ino()))
}

/// WatchedListener is a shard's view of a listener.
pub(super) struct WatchedListener {
    pub(super) listening: Arc<Listening>,
    /// When to look again after a failure; 0: it is being watched.
    pub(super) retry_at: u64,
    backoff: u64,
}

impl WatchedListener {
    pub(super) fn new(listening: Arc<Listening>) -> WatchedListener {
        WatchedListener { listening, retry_at: 0, backoff: 0 }
    }

    /// back_off is Go's: 5 ms, doubling to 1 s.
    pub(super) fn back_off(&mut self, now: u64) -> u64 {
        self.backoff = (self.backoff * 2).clamp(5, 1000);
        self.retry_at = now + self.backoff;
        self.backoff
    }

    pub(super) fn recovered(&mut self) {
        self.backoff = 0;
    }
}

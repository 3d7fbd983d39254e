//! `FileSystem`: a tree of files (Go's `FileSystem` and `fs.FS`), and `Dir`, one of the system's.

use super::file_response::Content;
use crate::error::{Error, Kind, Result};
use crate::message::path;
use crate::server::ResponseWriter;
use crate::sys;
use crate::sys::files;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// FileSystem is asked from any thread, at the same time too.
pub trait FileSystem: Send + Sync {
    /// open finds what has a name: segments with a slash between two, none of them "", "." or ".."; "." is the root.
    fn open(&self, name: &[u8]) -> io::Result<Opened>;
}

/// Opened is what a name stands for.
pub struct Opened {
    /// Unix seconds, if they are known.
    pub modified: Option<i64>,
    pub kind: OpenedKind,
}

pub enum OpenedKind {
    File(Box<dyn Content>),
    Directory(ListDirectory),
    /// Neither of both: it is not served.
    Other,
}

/// ListDirectory reads a directory, once and only where it is shown: the names, and whether each is a directory.
pub type ListDirectory = Box<dyn FnOnce() -> io::Result<Vec<(Vec<u8>, bool)>>>;

/// Dir is the tree beneath a directory (Go's `Dir`).
pub struct Dir(Vec<u8>);

impl Dir {
    /// new is the tree beneath `root`; "" is the current directory.
    pub fn new(root: &[u8]) -> Dir {
        Dir(root.to_vec())
    }

    /// path_of is where a name is; `None`: no file has such a name.
    fn path_of(&self, name: &[u8]) -> Option<PathBuf> {
        let inside = path::clean(&[b"/", name].concat());
        // As for Go, names that are not UTF-8 cannot be asked for.
        if inside.contains(&0) || std::str::from_utf8(&inside).is_err() {
            return None;
        }
        let root = if self.0.is_empty() { &b"."[..] } else { &self.0 };
        let mut at = PathBuf::from(OsStr::from_bytes(root));
        at.push(OsStr::from_bytes(inside.strip_prefix(b"/").unwrap_or_default()));
        Some(at)
    }
}

impl FileSystem for Dir {
    fn open(&self, name: &[u8]) -> io::Result<Opened> {
        let at = self.path_of(name).ok_or(ErrorKind::NotFound)?;
        // Nonblocking: without a writer a FIFO would never open.
        let file =
            fs::OpenOptions::new().read(true).custom_flags(sys::O_NONBLOCK | sys::O_NOCTTY).open(&at)?;
        let about = file.metadata()?;
        let what = if about.is_dir() {
            OpenedKind::Directory(Box::new(move || list(&at)))
        } else if about.is_file() {
            OpenedKind::File(Box::new(DiskFile { file, size: about.len() }))
        } else {
            OpenedKind::Other
        };
        let modified = Some(about.mtime()).filter(|s| *s != 0 || about.mtime_nsec() != 0);
        Ok(Opened { modified, kind: what })
    }
}

fn list(dir: &Path) -> io::Result<Vec<(Vec<u8>, bool)>> {
    let entry = |e: io::Result<fs::DirEntry>| {
        let e = e?;
        Ok((e.file_name().as_bytes().to_vec(), e.file_type().is_ok_and(|t| t.is_dir())))
    };
    fs::read_dir(dir)?.map(entry).collect()
}

struct DiskFile {
    file: File,
    size: u64,
}

impl Content for DiskFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        files::pread(self.file.as_raw_fd(), buf, offset).map_err(|e| Error::io(Kind::Io, "read", &e))
    }

    fn send(&mut self, w: &mut ResponseWriter, offset: u64, len: u64) -> Result<()> {
        w.send_file(self.file.as_raw_fd(), offset, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        let srv = Dir::new(b"/srv");
        for name in ["/../../etc/passwd", "..", "/a/../../b", "./../x", "//etc"] {
            let at = srv.path_of(name.as_bytes()).unwrap();
            assert!(at.starts_with("/srv") && !at.to_string_lossy().contains(".."), "{name}");
        }
        assert_eq!(Dir::new(b"").path_of(b"/"), Some(PathBuf::from("./")));
        assert_eq!(srv.path_of(b"/a\0b"), None);
        assert_eq!(srv.path_of(b"/\xff"), None);
    }
}

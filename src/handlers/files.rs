//! Files and directories of the system (Go's `FileServer`, `ServeFile` and `Dir`).

use super::content::{self, Content, serve_content};
use crate::error::{Error, Kind, Result};
use crate::message::escape::{Part, escape, html};
use crate::message::path;
use crate::message::request::Request;
use crate::net::sys::files;
use crate::server::{Handler, ResponseWriter, answers};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

const INDEX: &[u8] = b"/index.html";

/// FileServer answers with the files beneath a directory.
pub struct FileServer {
    root: Vec<u8>,
}

impl FileServer {
    /// new serves the tree beneath `root`; "" is the current directory.
    pub fn new(root: &[u8]) -> FileServer {
        FileServer { root: root.to_vec() }
    }
}

impl Handler for FileServer {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let mut url = r.decoded_path().into_owned();
        if !url.starts_with(b"/") {
            url.insert(0, b'/');
        }
        let name = clean(&url);
        // A failed write has broken the connection, which the server sees for itself.
        let _ = serve(w, r, &self.root, &name, Some(&url));
    }
}

/// serve_file answers with one file or directory, whose name is the program's. A path of the request with ".." is
/// refused all the same: the name may have been made of it.
pub fn serve_file(w: &mut ResponseWriter, r: &Request, name: &[u8]) -> Result<()> {
    let url = r.decoded_path();
    if url.split(|b| b"/\\".contains(b)).any(|segment| segment == b"..") {
        return content::error(w, b"invalid URL path", 400);
    }
    let slash = memchr::memrchr(b'/', name).map_or(0, |i| i + 1);
    let (dir, file) = name.split_at_checked(slash).unwrap_or_default();
    serve(w, r, dir, file, None)
}

/// serve answers with what `name` is beneath `root`. `canonical` is the request's path if that must end in a
/// slash for directories, and in none for files.
fn serve(
    w: &mut ResponseWriter,
    r: &Request,
    root: &[u8],
    name: &[u8],
    canonical: Option<&[u8]>,
) -> Result<()> {
    let url = r.decoded_path();
    let url = canonical.unwrap_or(&url);
    if url.ends_with(INDEX) {
        return local_redirect(w, r, b"./".to_vec());
    }
    let (mut file, mut about) = match open(root, name) {
        Ok(found) => found,
        Err(e) => return refuse(w, &e),
    };
    let slash = url.ends_with(b"/");
    if about.is_dir() && !slash {
        return local_redirect(w, r, [base(url), b"/"].concat());
    }
    if canonical.is_some() && !about.is_dir() && slash {
        return match base(url) {
            b"/" | b"." => content::error(w, b"http: attempting to traverse a non-directory", 500),
            base => local_redirect(w, r, [b"../", base].concat()),
        };
    }
    let mut shown = name.to_vec();
    if about.is_dir() {
        let index = [name.strip_suffix(b"/").unwrap_or(name), INDEX].concat();
        if let Ok((f, a)) = open(root, &index) {
            (file, about, shown) = (f, a, index);
        }
    }
    let modified = Some(about.mtime()).filter(|s| *s != 0 || about.mtime_nsec() != 0);
    if about.is_dir() {
        if !content::is_modified_since(r, modified) {
            return content::not_modified(w);
        }
        content::set_last_modified(w, modified)?;
        return list(w, &full(root, &shown).unwrap_or_default());
    }
    if !about.is_file() {
        return content::error(w, b"403 Forbidden", 403);
    }
    serve_content(w, r, base(&shown), modified, &mut OnDisk { file, size: about.len() })
}

/// full is where `name` is; `None`: no file has such a name.
fn full(root: &[u8], name: &[u8]) -> Option<PathBuf> {
    let inside = clean(&[b"/", name].concat());
    // As for Go, names that are not UTF-8 cannot be asked for.
    if inside.contains(&0) || std::str::from_utf8(&inside).is_err() {
        return None;
    }
    let root = if root.is_empty() { b"." } else { root };
    let mut at = PathBuf::from(OsStr::from_bytes(root));
    at.push(OsStr::from_bytes(inside.strip_prefix(b"/").unwrap_or_default()));
    Some(at)
}

fn open(root: &[u8], name: &[u8]) -> io::Result<(File, Metadata)> {
    let at = full(root, name).ok_or(ErrorKind::NotFound)?;
    // Nonblocking: without a writer a FIFO would never open.
    let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(at)?;
    let about = file.metadata()?;
    Ok((file, about))
}

/// refuse answers what could not be opened, and tells nothing about it.
fn refuse(w: &mut ResponseWriter, e: &io::Error) -> Result<()> {
    match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => content::error(w, b"404 page not found", 404),
        ErrorKind::PermissionDenied => content::error(w, b"403 Forbidden", 403),
        _ => content::error(w, b"500 Internal Server Error", 500),
    }
}

/// local_redirect leads to a relative path as it is: an absolute one would be wrong beneath a prefix that was
/// stripped.
fn local_redirect(w: &mut ResponseWriter, r: &Request, mut to: Vec<u8>) -> Result<()> {
    let raw = r.raw_path();
    if memchr::memmem::find(raw, b"%2f").is_some() || memchr::memmem::find(raw, b"%2F").is_some() {
        return answers::not_found(w);
    }
    if !r.raw_query().is_empty() {
        to.extend_from_slice(r.raw_query_part());
    }
    w.header().set(b"Location", &to)?;
    w.write_header(301)
}

fn list(w: &mut ResponseWriter, dir: &std::path::Path) -> Result<()> {
    let entries = fs::read_dir(dir).and_then(|all| {
        all.map(|e| {
            let e = e?;
            let mut name = e.file_name().as_bytes().to_vec();
            let is_dir = e.file_type().is_ok_and(|t| t.is_dir());
            name.extend_from_slice(if is_dir { b"/" } else { b"" });
            Ok((e.file_name(), name))
        })
        .collect::<io::Result<Vec<_>>>()
    });
    let Ok(mut entries) = entries else { return answers::error(w, b"Error reading directory", 500) };
    entries.sort();
    w.header().set(b"Content-Type", b"text/html; charset=utf-8")?;
    w.write(b"<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n")?;
    for (_, name) in &entries {
        let mut url = escape(name, Part::Path);
        // A colon in the first segment would make a scheme of it.
        if name.split(|&b| b == b'/').next().is_some_and(|first| first.contains(&b':')) {
            url.splice(0..0, *b"./");
        }
        w.write(&[b"<a href=\"", &*url, b"\">", &html(name), b"</a>\n"].concat())?;
    }
    w.write(b"</pre>\n")
}

/// clean has no slash at its end.
fn clean(url: &[u8]) -> Vec<u8> {
    let mut name = path::clean(url);
    if name.len() > 1 && name.ends_with(b"/") {
        name.pop();
    }
    name
}

/// base is the last segment: Go's `path.Base`.
fn base(url: &[u8]) -> &[u8] {
    if url.is_empty() {
        return b".";
    }
    let end = url.iter().rposition(|&b| b != b'/').map_or(0, |i| i + 1);
    match url.get(..end).unwrap_or_default() {
        [] => b"/",
        rest => rest.rsplit(|&b| b == b'/').next().unwrap_or(rest),
    }
}

struct OnDisk {
    file: File,
    size: u64,
}

impl Content for OnDisk {
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
    fn bases() {
        for (url, want) in [("", "."), ("/", "/"), ("///", "/"), ("/a", "a"), ("/a/b/", "b"), ("a", "a")] {
            assert_eq!(base(url.as_bytes()), want.as_bytes(), "{url}");
        }
    }

    #[test]
    fn nothing_leads_out() {
        for name in ["/../../etc/passwd", "..", "/a/../../b", "./../x", "//etc"] {
            let at = full(b"/srv", name.as_bytes()).unwrap();
            assert!(at.starts_with("/srv") && !at.to_string_lossy().contains(".."), "{name}");
        }
        assert_eq!(full(b"", b"/"), Some(PathBuf::from("./")));
        assert_eq!(full(b"/srv", b"/a\0b"), None);
        assert_eq!(full(b"/srv", b"/\xff"), None);
    }
}

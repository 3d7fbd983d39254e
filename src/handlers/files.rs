//! Files and directories as answers (Go's `FileServer` and `ServeFile`).

use super::content;
use super::file_response::{Content, FileResponse, ResponsePart};
use super::file_system::{Dir, FileSystem, ListDirectory, OpenedKind};
use crate::error::Result;
use crate::message::escape::{UrlPart, escape, html};
use crate::message::header::Header;
use crate::message::path;
use crate::message::request::Request;
use crate::server::{Handler, ResponseWriter};
use std::io::{self, ErrorKind};
use std::sync::Arc;

const INDEX: &[u8] = b"/index.html";

/// What is to be sent, and the content that its parts are pieces of.
pub(super) type FoundFile = (FileResponse, Option<Box<dyn Content>>);

/// FileServer answers with the files of a tree.
pub struct FileServer(Arc<dyn FileSystem>);

impl FileServer {
    pub fn new(files: Arc<dyn FileSystem>) -> FileServer {
        FileServer(files)
    }
}

impl Handler for FileServer {
    fn serve(&self, w: &mut ResponseWriter, r: &mut Request) {
        let found = respond(w.header(), r, &*self.0);
        // A failed write has broken the connection, which the server sees for itself.
        let _ = send(w, found);
    }
}

/// respond is what a file server answers: by the request's path.
pub(super) fn respond(h: &mut Header, r: &Request, files: &dyn FileSystem) -> Result<FoundFile> {
    let mut url = r.decoded_path().into_owned();
    if !url.starts_with(b"/") {
        url.insert(0, b'/');
    }
    find(h, r, files, &url, Some(&url))
}

/// serve_file answers with one file or directory of the system, whose name is the program's.
pub fn serve_file(w: &mut ResponseWriter, r: &Request, name: &[u8]) -> Result<()> {
    let slash = memchr::memrchr(b'/', name).map_or(0, |i| i + 1);
    let (dir, file) = name.split_at_checked(slash).unwrap_or_default();
    serve_file_of(w, r, &Dir::new(dir), file)
}

/// serve_file_of answers with one file or directory of a tree. A path of the request with ".." is refused: the name may
/// have been made of it.
pub fn serve_file_of(w: &mut ResponseWriter, r: &Request, files: &dyn FileSystem, name: &[u8]) -> Result<()> {
    let url = r.decoded_path();
    let found = if url.split(|b| b"/\\".contains(b)).any(|segment| segment == b"..") {
        without_content(content::error(w.header(), b"invalid URL path", 400))
    } else {
        find(w.header(), r, files, name, None)
    };
    send(w, found)
}

fn send(w: &mut ResponseWriter, found: Result<FoundFile>) -> Result<()> {
    let (answer, content) = found?;
    match content {
        Some(mut content) => answer.send(w, Some(&mut *content)),
        None => answer.send(w, None),
    }
}

/// without_content is an answer without a content.
fn without_content(answer: Result<FileResponse>) -> Result<FoundFile> {
    Ok((answer?, None))
}

/// find settles the answer for what has a name in a tree. `canonical` is the request's path if that must end in a slash
/// for directories, and in none for files.
fn find(
    h: &mut Header,
    r: &Request,
    files: &dyn FileSystem,
    name: &[u8],
    canonical: Option<&[u8]>,
) -> Result<FoundFile> {
    let url = r.decoded_path();
    let url = canonical.unwrap_or(&url);
    if url.ends_with(INDEX) {
        return without_content(local_redirect(h, r, b"./".to_vec()));
    }
    let mut name = tree_name(name);
    let mut opened = match files.open(&name) {
        Ok(opened) => opened,
        Err(e) => return without_content(refuse(h, &e)),
    };
    let is_dir = matches!(opened.kind, OpenedKind::Directory(_));
    let slash = url.ends_with(b"/");
    if is_dir && !slash {
        return without_content(local_redirect(h, r, [base(url), b"/"].concat()));
    }
    if canonical.is_some() && !is_dir && slash {
        return without_content(match base(url) {
            b"/" | b"." => content::error(h, b"http: attempting to traverse a non-directory", 500),
            base => local_redirect(h, r, [b"../", base].concat()),
        });
    }
    if is_dir {
        let index = tree_name(&[&name, INDEX].concat());
        if let Ok(found) = files.open(&index) {
            (opened, name) = (found, index);
        }
    }
    match opened.kind {
        OpenedKind::Directory(_) if !content::is_modified_since(r, opened.modified) => {
            Ok((content::not_modified(h), None))
        }
        OpenedKind::Directory(entries) => {
            content::set_last_modified(h, opened.modified)?;
            without_content(list(h, entries))
        }
        OpenedKind::Other => without_content(content::error(h, b"403 Forbidden", 403)),
        OpenedKind::File(mut file) => {
            let answer = content::prepare(h, r, base(&name), opened.modified, &mut *file)?;
            Ok((answer, Some(file)))
        }
    }
}

/// tree_name is a name as a tree has it: clean, without a slash at either end, "." for the root.
fn tree_name(name: &[u8]) -> Vec<u8> {
    let name = path::clean(&[b"/", name].concat());
    let name = name.strip_prefix(b"/").unwrap_or_default();
    match name.strip_suffix(b"/").unwrap_or(name) {
        [] => b".".to_vec(),
        name => name.to_vec(),
    }
}

/// refuse answers what could not be opened, and tells nothing about it.
fn refuse(h: &mut Header, e: &io::Error) -> Result<FileResponse> {
    match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => content::error(h, b"404 page not found", 404),
        ErrorKind::PermissionDenied => content::error(h, b"403 Forbidden", 403),
        _ => content::error(h, b"500 Internal Server Error", 500),
    }
}

/// local_redirect leads to a relative path as it is: an absolute one would be wrong beneath a prefix that was
/// stripped.
fn local_redirect(h: &mut Header, r: &Request, mut to: Vec<u8>) -> Result<FileResponse> {
    let raw = r.raw_path();
    if memchr::memmem::find(raw, b"%2f").is_some() || memchr::memmem::find(raw, b"%2F").is_some() {
        return FileResponse::error(h, b"404 page not found", 404);
    }
    if !r.raw_query().is_empty() {
        to.extend_from_slice(r.raw_query_part());
    }
    h.set(b"Location", &to)?;
    Ok(FileResponse::new(301, []))
}

fn list(h: &mut Header, entries: ListDirectory) -> Result<FileResponse> {
    let Ok(mut entries) = entries() else {
        return FileResponse::error(h, b"Error reading directory", 500);
    };
    entries.sort();
    h.set(b"Content-Type", b"text/html; charset=utf-8")?;
    let mut page =
        b"<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n".to_vec();
    for (mut name, is_dir) in entries {
        name.extend_from_slice(if is_dir { b"/" } else { b"" });
        let url = escape(&name, UrlPart::Path);
        // A colon in the first segment would make a scheme of it.
        let relative = url.split(|&b| b == b'/').next().is_some_and(|first| first.contains(&b':'));
        let dot = if relative { &b"./"[..] } else { b"" };
        page.extend_from_slice(&[b"<a href=\"", dot, &*url, b"\">", &html(&name), b"</a>\n"].concat());
    }
    page.extend_from_slice(b"</pre>\n");
    Ok(FileResponse::new(200, [ResponsePart::text(page)]))
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
    fn names_inside() {
        for (name, want) in [("/", "."), ("", "."), ("/a/../b/", "b"), ("../x", "x"), ("a//b", "a/b")] {
            assert_eq!(tree_name(name.as_bytes()), want.as_bytes(), "{name}");
        }
    }
}

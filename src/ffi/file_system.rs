//! File systems: trees of files that servers and clients answer from, of the system's or of the program's own.

use super::callback::{Userdata, nh_free_fn, no_unwind};
use super::file::{CContent, nh_read_at_fn};
use super::handler::nh_handler;
use super::request::{flag, nh_request};
use super::request_body::Borrowed;
use super::response_writer::{nh_response_writer, writer};
use super::result::{NH_ERR_NOT_FOUND, NH_OK};
use super::server_request::request;
use super::transport::{live_transport, nh_transport};
use super::{guard, guard_or, guard_plain, nh_error, nh_result, ptr};
use crate::error::{Error, Kind, Result, invalid};
use crate::handlers::{self, Content, Dir, FileServer, FileSystem, FileTransport, Opened, OpenedKind};
use crate::transport::RoundTripper;
use std::ffi::{CString, c_char, c_void};
use std::io::{self, ErrorKind};
use std::ptr::null_mut;
use std::sync::Arc;

/// nh_file_system is a tree of files: Go's http.FileSystem and fs.FS. It is counted: who is given one keeps it for as
/// long as it is needed, and the program frees its own at any time.
pub struct nh_file_system(Arc<dyn FileSystem>);

impl nh_file_system {
    /// take is a share of the tree behind a handle.
    ///
    /// # Safety
    /// P1.
    unsafe fn take(fs: *const nh_file_system) -> Result<Arc<dyn FileSystem>> {
        // SAFETY: P1.
        Ok(unsafe { ptr::shared(fs, "fs")? }.0.clone())
    }
}

/// nh_file is where an nh_open_fn says what it found.
#[derive(Default)]
pub struct nh_file {
    mtime: i64,
    what: Option<CFileKind>,
}

enum CFileKind {
    Content(Box<dyn Content>),
    Directory(Vec<(Vec<u8>, bool)>),
}

impl nh_file {
    fn set(&mut self, mtime: i64, what: CFileKind) {
        self.mtime = mtime;
        self.what = Some(what);
    }
}

/// nh_open_fn finds what has a name in a tree, and says so by nh_file_set_bytes, nh_file_set_content or
/// nh_file_set_directory. name has segments with a slash between two, none of them "", "." or "..", and may have any
/// other byte but NUL; "." is the root. name and f are borrowed until it returns.
///
/// NH_OK; NH_ERR_NOT_FOUND where there is nothing, which is answered 404; any other result is answered 500. NH_OK
/// without one of the three calls is something that is not served, which is answered 403. It runs on the threads that
/// serve, or are inside nh_client_do, any number of them at once, and may block. It must not call other functions
/// of the library than those of f.
pub type nh_open_fn = Option<
    unsafe extern "C-unwind" fn(userdata: *mut c_void, name: *const c_char, f: *mut nh_file) -> nh_result,
>;

struct CFileSystem {
    call: unsafe extern "C-unwind" fn(*mut c_void, *const c_char, *mut nh_file) -> nh_result,
    userdata: Userdata,
}

impl FileSystem for CFileSystem {
    fn open(&self, name: &[u8]) -> io::Result<Opened> {
        let name = CString::new(name).map_err(|_| ErrorKind::NotFound)?;
        let mut f = nh_file::default();
        // SAFETY: P5; name and f live until the call returns.
        let code =
            no_unwind("nh_open_fn", || unsafe { (self.call)(self.userdata.ptr(), name.as_ptr(), &mut f) });
        match code {
            NH_OK => {}
            NH_ERR_NOT_FOUND => return Err(ErrorKind::NotFound.into()),
            _ => return Err(ErrorKind::Other.into()),
        }
        let what = match f.what {
            None => OpenedKind::Other,
            Some(CFileKind::Content(content)) => OpenedKind::File(content),
            Some(CFileKind::Directory(entries)) => OpenedKind::Directory(Box::new(move || Ok(entries))),
        };
        Ok(Opened { modified: Some(f.mtime).filter(|t| *t != 0), kind: what })
    }
}

/// nh_file_system_dir is the tree beneath a directory of the system; "" is the current one. NULL for NULL. What
/// nh_file_server says of paths and links holds. Go's http.Dir.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_file_system_free; root: the library copies
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_system_dir(root: *const c_char) -> *mut nh_file_system {
    guard_or(null_mut(), || {
        // SAFETY: P2.
        let root = unsafe { ptr::text(root, "root") }.ok()?;
        Some(ptr::give(nh_file_system(Arc::new(Dir::new(root)))))
    })
}

/// nh_file_system_new is a tree of the program's own, such as files within the program, an archive or a database. NULL
/// if open_fn is NULL. Go's http.FS.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_file_system_free; userdata: the library takes, also on failure,
/// and ends it by free_userdata when the tree and all that was given it are gone
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_system_new(
    open_fn: nh_open_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> *mut nh_file_system {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_or(null_mut(), move || {
        let call = open_fn?;
        Some(ptr::give(nh_file_system(Arc::new(CFileSystem { call, userdata }))))
    })
}

/// nh_file_system_free gives up the program's share of a tree; NULL is fine. Handlers and transports that were given
/// it go on.
///
/// Errors: none
/// Ownership: fs: the library takes
/// Threads: any thread, once, while no other call uses fs
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_system_free(fs: *mut nh_file_system) {
    // SAFETY: P1, and the caller gives it up.
    guard_or((), || unsafe { ptr::owned(fs) }.map(drop));
}

/// MemoryContent is a content in the program's memory.
struct MemoryContent(Borrowed);

impl Content for MemoryContent {
    fn size(&self) -> u64 {
        self.0.as_ref().len() as u64
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.as_ref().get(at..)).unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}

/// nh_file_set_bytes says that a name is a file of these bytes, which are not copied: they must stay as they are until
/// free_userdata(userdata) is called, when the file was sent; bytes of a constant need none.
///
/// mtime, in Unix seconds, is when it was changed last; 0 is unknown.
///
/// Errors: NH_ERR_INVALID (f is NULL, or data is NULL and len is not 0)
/// Ownership: data: the caller owns; userdata: the library takes, also on failure, and ends it by free_userdata
/// Threads: that of the nh_open_fn that was given f
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_set_bytes(
    f: *mut nh_file,
    mtime: i64,
    data: *const c_void,
    len: usize,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        // SAFETY: P1, P3.
        let (bytes, f) = unsafe { (Borrowed::new(data, len, userdata)?, ptr::unique(f, "f")?) };
        f.set(mtime, CFileKind::Content(Box::new(MemoryContent(bytes))));
        Ok(())
    })
}

/// nh_file_set_content says that a name is a file of size bytes that a function gives, as for nh_serve_content.
/// read_fn runs on the thread that serves, or that reads the client's response.
///
/// mtime, in Unix seconds, is when it was changed last; 0 is unknown.
///
/// Errors: NH_ERR_INVALID (f or read_fn is NULL, or size is negative)
/// Ownership: userdata: the library takes, also on failure, and ends it by free_userdata when the file was sent
/// Threads: that of the nh_open_fn that was given f
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_set_content(
    f: *mut nh_file,
    mtime: i64,
    size: i64,
    read_fn: nh_read_at_fn,
    userdata: *mut c_void,
    free_userdata: nh_free_fn,
) -> nh_result {
    let userdata = Userdata::new(userdata, free_userdata);
    guard_plain(move || {
        let content = CContent::new(read_fn, userdata, size)?;
        // SAFETY: P1.
        unsafe { ptr::unique(f, "f")? }.set(mtime, CFileKind::Content(Box::new(content)));
        Ok(())
    })
}

/// nh_file_set_directory says that a name is a directory; nh_file_add_entry adds what is in it. It is served by its
/// index.html, which is asked for by its own name, or else as a list.
///
/// mtime, in Unix seconds, is when it was changed last; 0 is unknown.
///
/// Errors: NH_ERR_INVALID (f is NULL)
/// Ownership: nothing changes hands
/// Threads: that of the nh_open_fn that was given f
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_set_directory(f: *mut nh_file, mtime: i64) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1.
        unsafe { ptr::unique(f, "f")? }.set(mtime, CFileKind::Directory(Vec::new()));
        Ok(())
    })
}

/// nh_file_add_entry adds a name to a directory's list; is_directory is 1 for a directory, else 0. Their order does not
/// matter.
///
/// Errors: NH_ERR_INVALID (f or name is NULL, name is "" or has a slash, is_directory is neither 0 nor 1), NH_ERR_STATE
/// (f is no directory)
/// Ownership: name: the library copies
/// Threads: that of the nh_open_fn that was given f
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_add_entry(
    f: *mut nh_file,
    name: *const c_char,
    is_directory: i32,
) -> nh_result {
    guard_plain(|| {
        // SAFETY: P1, P2.
        let (f, name) = unsafe { (ptr::unique(f, "f")?, ptr::text(name, "name")?) };
        if name.is_empty() || name.contains(&b'/') {
            return Err(invalid("nethttp: the name of a directory's entry is empty or has a slash"));
        }
        let is_directory = flag(is_directory)?;
        let Some(CFileKind::Directory(entries)) = &mut f.what else {
            return Err(Error::new(Kind::State, "nethttp: this file is no directory"));
        };
        entries.push((name.to_vec(), is_directory));
        Ok(())
    })
}

/// nh_file_server_fs makes a handler that answers with the files of a tree, by the request's path, as nh_file_server
/// does with those of a directory. NULL for NULL. Go's FileServerFS.
///
/// Errors: none
/// Ownership: result: the caller owns, ends it by nh_handler_free; it has a share of its own in fs
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_file_server_fs(fs: *const nh_file_system) -> *mut nh_handler {
    // SAFETY: P1.
    nh_handler::give(|| Ok(Arc::new(FileServer::new(unsafe { nh_file_system::take(fs)? }))))
}

/// nh_serve_file_fs answers with one file or directory of a tree, as nh_serve_file does. Go's ServeFileFS.
///
/// Errors: NH_ERR_INVALID (w, r, fs or name is NULL), NH_ERR_STATE (the header was written already), and those of
/// nh_response_writer_write
/// Ownership: name: the library copies; *err: the caller owns
/// Threads: that of the handler that was given w and r. It may block: the file system, and the peer, up to the write
/// timeouts.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_serve_file_fs(
    w: *mut nh_response_writer,
    r: *mut nh_request,
    fs: *const nh_file_system,
    name: *const c_char,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2, P6.
        let (w, r, fs, name) =
            unsafe { (writer(w)?, request(r)?, ptr::shared(fs, "fs")?, ptr::text(name, "name")?) };
        handlers::serve_file_of(w, r, &*fs.0, name)
    })
}

/// nh_transport_register_file_system answers the requests to URLs of a scheme, such as "file", from a tree, by their
/// path: what nh_file_server_fs would answer, as HTTP/1.0. The host and the request's body do not count. Go's
/// RegisterProtocol of a NewFileTransport.
///
/// Errors: NH_ERR_INVALID (t, scheme or fs is NULL, or the scheme is registered already), NH_ERR_FORKED (t was made
/// before a fork)
/// Ownership: nothing changes hands: t has a share of its own in fs; *err: the caller owns
/// Threads: any thread, at the same time too
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nh_transport_register_file_system(
    t: *mut nh_transport,
    scheme: *const c_char,
    fs: *const nh_file_system,
    err: *mut *mut nh_error,
) -> nh_result {
    guard(err, || {
        // SAFETY: P1, P2.
        let (t, scheme, fs) =
            unsafe { (live_transport(t)?, ptr::utf8(scheme, "scheme")?, nh_file_system::take(fs)?) };
        let round_tripper: Arc<dyn RoundTripper> = Arc::new(FileTransport::new(fs));
        t.transport.register(&scheme.to_ascii_lowercase(), &round_tripper)
    })
}

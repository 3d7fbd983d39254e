//! Multipart forms as handlers receive them: part by part, or whole, with large files on disk (Go's
//! `MultipartReader` and `ParseMultipartForm`).

use crate::error::{Error, Kind, Result};
use crate::memory;
use crate::message::header::Header;
use crate::message::multipart::reader::{
    Disposition, HEADER_BYTES, HEADERS, MultipartReader, ReadStep, boundary_of, too_large,
};
use crate::message::query::Values;
use crate::message::request::{MultipartUse, Request};
use crate::sys;
use crate::sys::{files, process};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

/// What is read of the request at once.
const PIECE: usize = 16 * 1024;
/// Go's: parts of a form, what its values and headers may take besides the files, and what an entry costs.
const PARTS: usize = 1000;
const OTHER_BYTES: usize = 10 << 20;
const ENTRY: usize = 200;
const FILE: usize = 100;

/// PartReader gives the parts of a request's body one after the other.
pub struct PartReader {
    parts: MultipartReader,
    piece: Vec<u8>,
}

impl PartReader {
    /// new begins to read; a request's parts can be read once, in one of the two ways.
    pub fn new(r: &mut Request) -> Result<PartReader> {
        match r.multipart_use {
            MultipartUse::Fresh => {}
            MultipartUse::Read => return Err(state("http: MultipartReader called twice")),
            MultipartUse::Parsed => return Err(state("http: multipart handled by ParseMultipartForm")),
        }
        let reader = PartReader::with_kind(r, true)?;
        r.multipart_use = MultipartUse::Read;
        Ok(reader)
    }

    fn with_kind(r: &Request, mixed: bool) -> Result<PartReader> {
        if !r.is_incoming() {
            return Err(state("nethttp: only a received request has parts"));
        }
        let boundary = boundary_of(r.header.get(b"Content-Type"), mixed)?;
        Ok(PartReader { parts: MultipartReader::new(&boundary)?, piece: vec![0; PIECE] })
    }

    fn fill(&mut self, r: &mut Request) -> Result<()> {
        match r.read_body(&mut self.piece)? {
            0 => self.parts.eof(),
            n => self.parts.feed(self.piece.get(..n).unwrap_or_default()),
        }
        Ok(())
    }

    /// next goes on to the next part; `None`: there is none.
    pub fn next(&mut self, r: &mut Request) -> Result<Option<Header>> {
        self.next_within(r, (HEADER_BYTES, HEADERS))
    }

    fn next_within(&mut self, r: &mut Request, limits: (usize, usize)) -> Result<Option<Header>> {
        loop {
            match self.parts.next(limits)? {
                ReadStep::Done(header) => return Ok(header),
                ReadStep::Need => self.fill(r)?,
            }
        }
    }

    /// read gives bytes of the current part; 0 is its end.
    pub fn read(&mut self, r: &mut Request, buf: &mut [u8]) -> Result<usize> {
        loop {
            match self.parts.read(buf)? {
                ReadStep::Done(n) => return Ok(n),
                ReadStep::Need => self.fill(r)?,
            }
        }
    }
}

/// FormFile is a file of a form.
pub struct FormFile {
    pub name: Vec<u8>,
    pub filename: Vec<u8>,
    pub header: Header,
    pub size: u64,
    storage: FileStorage,
}

enum FileStorage {
    Memory(Vec<u8>),
    /// A piece of the file that all large ones of a form share.
    Disk(Arc<File>, u64),
}

impl FormFile {
    /// read_at fills a part of `buf`; 0 is the end.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let left = self.size.saturating_sub(offset);
        let room = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let Some(to) = buf.get_mut(..room).filter(|b| !b.is_empty()) else { return Ok(0) };
        match &self.storage {
            FileStorage::Memory(bytes) => {
                let at = usize::try_from(offset).unwrap_or(usize::MAX);
                let from = bytes.get(at..at.saturating_add(room)).unwrap_or_default();
                to.get_mut(..from.len()).unwrap_or_default().copy_from_slice(from);
                Ok(from.len())
            }
            FileStorage::Disk(file, start) => {
                files::pread(file.as_raw_fd(), to, start + offset).map_err(temporary)
            }
        }
    }
}

/// MultipartForm is a whole multipart form.
#[derive(Default)]
pub struct MultipartForm {
    pub values: Values,
    pub files: Vec<FormFile>,
}

/// parse reads a form: files up to `max_memory` bytes stay in memory, what is more goes to a file without a name,
/// which is gone with the form. Values and headers may have 10 MiB besides.
pub fn parse(r: &mut Request, max_memory: usize) -> Result<MultipartForm> {
    match r.multipart_use {
        MultipartUse::Fresh => {}
        MultipartUse::Read => return Err(state("http: multipart handled by MultipartReader")),
        MultipartUse::Parsed => return Err(state("http: multipart handled by ParseMultipartForm")),
    }
    let mut reader = PartReader::with_kind(r, false)?;
    r.multipart_use = MultipartUse::Parsed;
    let mut form = MultipartForm::default();
    let mut file_memory = max_memory;
    let mut memory = max_memory.saturating_add(OTHER_BYTES);
    let (mut headers, mut parts) = (HEADERS, PARTS);
    let mut disk: Option<(Arc<File>, u64)> = None;
    let mut buf = vec![0; PIECE];
    while let Some(header) = reader.next_within(r, (memory, headers))? {
        parts = parts.checked_sub(1).ok_or_else(too_large)?;
        let Disposition { name, filename } = Disposition::from_header(&header);
        if name.is_empty() {
            continue;
        }
        memory = memory.checked_sub(name.len() + ENTRY).ok_or_else(too_large)?;
        if filename.is_empty() {
            let mut value = Vec::new();
            loop {
                let n = reader.read(r, &mut buf)?;
                if n == 0 {
                    break;
                }
                memory = memory.checked_sub(n).ok_or_else(too_large)?;
                memory::append(&mut value, buf.get(..n).unwrap_or_default())?;
            }
            form.values.try_add(&name, &value)?;
            continue;
        }
        let costs: usize = header.iter().map(|(n, v)| n.len() + v.len() + ENTRY).sum();
        memory = memory.checked_sub(costs + ENTRY + FILE + 400).ok_or_else(too_large)?;
        headers = headers.saturating_sub(header.len());
        let mut content = Vec::new();
        let (mut size, mut on_disk) = (0, false);
        loop {
            let n = reader.read(r, &mut buf)?;
            if n == 0 {
                break;
            }
            size += n as u64;
            let piece = buf.get(..n).unwrap_or_default();
            if !on_disk && content.len() + n <= file_memory {
                memory::append(&mut content, piece)?;
                continue;
            }
            let (file, _) = match &disk {
                Some(known) => known,
                None => disk.insert((Arc::new(unnamed_file()?), 0)),
            };
            if !on_disk {
                file.as_ref().write_all(&content).map_err(temporary)?;
                content = Vec::new();
                on_disk = true;
            }
            file.as_ref().write_all(piece).map_err(temporary)?;
        }
        let place = match &mut disk {
            Some((file, end)) if on_disk => {
                let start = *end;
                *end += size;
                FileStorage::Disk(file.clone(), start)
            }
            _ => {
                file_memory = file_memory.saturating_sub(content.len());
                memory = memory.checked_sub(content.len()).ok_or_else(too_large)?;
                FileStorage::Memory(content)
            }
        };
        form.files.push(FormFile { name, filename, header, size, storage: place });
    }
    Ok(form)
}

/// unnamed_file opens a file for temporary bytes that no other process can open, and that is gone with its descriptor.
fn unnamed_file() -> Result<File> {
    let dir = process::variable("TMPDIR").map_or_else(|| "/tmp".into(), PathBuf::from);
    let mut how = OpenOptions::new();
    how.read(true).write(true).mode(0o600);
    if let Ok(file) = how.clone().custom_flags(sys::O_TMPFILE).open(&dir) {
        return Ok(file);
    }
    // A file system without such files.
    let path = dir.join(format!("multipart-{:016x}", RandomState::new().hash_one(0)));
    let file = how.create_new(true).open(&path).map_err(temporary)?;
    std::fs::remove_file(&path).map_err(temporary)?;
    Ok(file)
}

fn temporary(e: std::io::Error) -> Error {
    Error::io(Kind::Io, "nethttp: temporary file", &e)
}

fn state(text: &str) -> Error {
    Error::new(Kind::State, text)
}

//! Sending a piece of a file as a part of a body: without a copy where that can be.

use super::ResponseWriter;
use crate::error::{Error, Kind, Result};
use crate::message::sniff;
use crate::sys::files;
use std::os::fd::RawFd;

/// What is copied at once where it must be.
const COPY: usize = 64 * 1024;
/// Up to here a copy in one call with the head costs less than a call of its own.
const SMALL: u64 = 16 * 1024;

impl ResponseWriter {
    /// send_file adds `len` bytes of a file, from `offset` on, to the body. A file that ends before is an error.
    pub fn send_file(&mut self, file: RawFd, offset: u64, len: u64) -> Result<()> {
        if let Some(over) = self.wrapped.as_mut().filter(|o| !o.overrides_write())
            && let Some(inner) = over.inner()
        {
            inner.send_file(file, offset, len)?;
            self.status = if self.status == 0 { 200 } else { self.status };
            self.written += len;
            return Ok(());
        }
        if self.wrapped.is_some() {
            return self.copy_file(file, offset, len);
        }
        // Settles the head, and answers an earlier failure.
        self.write(&[])?;
        let total = self.written.saturating_add(len);
        let declared = self.declared.is_some_and(|n| total <= n) && self.allows_body();
        if self.request_info.head && declared {
            // As much as its type is found by.
            let looked_at = len.min(sniff::LOOKED_AT as u64);
            self.copy_file(file, offset, looked_at)?;
            self.written = total;
            return Ok(());
        }
        if len <= SMALL || !declared || !self.sink.supports_sendfile() {
            return self.copy_file(file, offset, len);
        }
        let mut first = [0; sniff::LOOKED_AT];
        let known = if self.has_content_type { 0 } else { read_at(file, &mut first, offset)? };
        let head = self.send_head(false, first.get(..known).unwrap_or_default());
        let sent =
            head.and_then(|()| self.send_body(&[])).and_then(|()| self.sink.send_file(file, offset, len));
        self.failed = sent.as_ref().err().cloned();
        let sent = sent?;
        self.written += sent;
        if sent < len { Err(short()) } else { Ok(()) }
    }

    fn copy_file(&mut self, file: RawFd, mut offset: u64, mut len: u64) -> Result<()> {
        let mut buf = vec![0; usize::try_from(len).unwrap_or(COPY).min(COPY)];
        while len > 0 {
            let room = usize::try_from(len).unwrap_or(COPY).min(COPY);
            let n = read_at(file, buf.get_mut(..room).unwrap_or_default(), offset)?;
            if n == 0 {
                return Err(short());
            }
            self.write(buf.get(..n).unwrap_or_default())?;
            offset += n as u64;
            len -= n as u64;
        }
        Ok(())
    }
}

fn read_at(file: RawFd, buf: &mut [u8], offset: u64) -> Result<usize> {
    files::pread(file, buf, offset).map_err(|e| Error::io(Kind::Io, "read", &e))
}

fn short() -> Error {
    Error::new(Kind::UnexpectedEof, "nethttp: the file has ended before its length")
}

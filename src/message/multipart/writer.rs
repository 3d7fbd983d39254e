//! `MultipartWriter`: a `multipart/form-data` body that is made while it is sent (RFC 7578); Go's `multipart.Writer`.
//!
//! Parts come from memory or from sources. The length is known if that of each part is, and the whole can be sent again
//! if each source can.

use crate::error::{Result, invalid};
use crate::message::header::{Header, check_field};
use crate::message::source::Source;
use std::hash::{BuildHasher, RandomState};

/// MultipartWriter is built part by part, and is then a [`Source`].
pub struct MultipartWriter {
    boundary: String,
    pieces: Vec<Piece>,
    /// Whether the last boundary was written.
    closed: bool,
    at: usize,
    parts: usize,
}

enum Piece {
    Text { data: Vec<u8>, sent: usize },
    Source { source: Box<dyn Source>, length: i64, touched: bool },
}

impl Default for MultipartWriter {
    fn default() -> MultipartWriter {
        // Each state hashes with keys of the system's randomness, so a content cannot be made to hold the boundary.
        let random: String =
            (0..4).map(|i: u32| format!("{:016x}", RandomState::new().hash_one(i))).collect();
        MultipartWriter { boundary: random, pieces: Vec::new(), closed: false, at: 0, parts: 0 }
    }
}

impl MultipartWriter {
    pub fn boundary(&self) -> &str {
        &self.boundary
    }

    /// set_boundary is for tests and peers that want a certain one; parts must not have begun.
    pub fn set_boundary(&mut self, text: &[u8]) -> Result<()> {
        if self.parts > 0 {
            return Err(invalid("mime: SetBoundary called after write"));
        }
        if text.is_empty() || text.len() > 70 {
            return Err(invalid("mime: invalid boundary length"));
        }
        let valid = |b: &u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(b);
        if !text.iter().all(valid) || text.ends_with(b" ") {
            return Err(invalid("mime: invalid boundary character"));
        }
        self.boundary = String::from_utf8_lossy(text).into_owned();
        Ok(())
    }

    /// content_type is the value of the request's Content-Type.
    pub fn content_type(&self) -> String {
        let special = |c: char| "()<>@,;:\\\"/[]?= ".contains(c);
        match self.boundary.contains(special) {
            true => format!("multipart/form-data; boundary=\"{}\"", self.boundary),
            false => format!("multipart/form-data; boundary={}", self.boundary),
        }
    }

    /// field adds a plain value.
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        self.begin(&[(b"Content-Disposition", &disposition(name, None))]);
        self.text(value);
    }

    /// file adds what a source gives as a file; `length` is -1 if it is not known.
    pub fn file(
        &mut self,
        name: &[u8],
        filename: &[u8],
        content_type: Option<&[u8]>,
        source: Box<dyn Source>,
        length: i64,
    ) -> Result<()> {
        let kind = content_type.unwrap_or(b"application/octet-stream");
        check_field(b"Content-Type", kind)?;
        let disposition = disposition(name, Some(filename));
        self.begin(&[(b"Content-Disposition", &disposition), (b"Content-Type", kind)]);
        self.pieces.push(Piece::Source { source, length, touched: false });
        Ok(())
    }

    /// part adds bytes under a header of the program's own.
    pub fn part(&mut self, header: &Header, data: &[u8]) {
        self.begin(&header.iter().collect::<Vec<_>>());
        self.text(data);
    }

    /// length is the whole's in bytes, -1 if a part's is not known.
    pub fn length(&self) -> i64 {
        let end = if self.closed { 0 } else { self.boundary.len() + 8 };
        let sum = self.pieces.iter().try_fold(end as i64, |sum, p| match p {
            Piece::Text { data, .. } => sum.checked_add(i64::try_from(data.len()).ok()?),
            Piece::Source { length, .. } if *length >= 0 => sum.checked_add(*length),
            Piece::Source { .. } => None,
        });
        sum.unwrap_or(-1)
    }

    fn begin(&mut self, fields: &[(&[u8], &[u8])]) {
        let mut head = if self.parts == 0 { Vec::new() } else { b"\r\n".to_vec() };
        head.extend_from_slice(format!("--{}\r\n", self.boundary).as_bytes());
        for (name, value) in fields {
            crate::message::header::write_field(&mut head, name, value);
        }
        head.extend_from_slice(b"\r\n");
        self.text(&head);
        self.parts += 1;
    }

    fn text(&mut self, data: &[u8]) {
        if let Some(Piece::Text { data: last, .. }) = self.pieces.last_mut() {
            last.extend_from_slice(data);
        } else {
            self.pieces.push(Piece::Text { data: data.to_vec(), sent: 0 });
        }
    }

    /// close writes the last boundary; nothing can be added any more.
    pub fn close(&mut self) {
        if !self.closed {
            let end = format!("\r\n--{}--\r\n", self.boundary);
            self.text(end.as_bytes());
            self.closed = true;
        }
    }
}

/// disposition names a part; names are escaped as browsers and Go do.
fn disposition(name: &[u8], filename: Option<&[u8]>) -> Vec<u8> {
    let mut out = b"form-data; name=\"".to_vec();
    escape(&mut out, name);
    if let Some(f) = filename {
        out.extend_from_slice(b"\"; filename=\"");
        escape(&mut out, f);
    }
    out.push(b'"');
    out
}

fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for &b in text {
        match b {
            b'\\' | b'"' => out.extend([b'\\', b]),
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            _ => out.push(b),
        }
    }
}

impl Source for MultipartWriter {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.close();
        let mut n = 0;
        while n < buf.len() {
            let room = buf.get_mut(n..).unwrap_or_default();
            match self.pieces.get_mut(self.at) {
                None => break,
                Some(Piece::Text { data, sent }) => {
                    let rest = data.get(*sent..).unwrap_or_default();
                    let take = rest.len().min(room.len());
                    if let (Some(to), Some(from)) = (room.get_mut(..take), rest.get(..take)) {
                        to.copy_from_slice(from);
                    }
                    *sent += take;
                    n += take;
                    if *sent == data.len() {
                        self.at += 1;
                    }
                }
                Some(Piece::Source { source, touched, .. }) => {
                    *touched = true;
                    match source.read(room)? {
                        0 => self.at += 1,
                        // It may block before it gives more.
                        got => return Ok(n + got.min(room.len())),
                    }
                }
            }
        }
        Ok(n)
    }

    fn rewind(&mut self) -> Result<bool> {
        for p in &mut self.pieces {
            match p {
                Piece::Text { sent, .. } => *sent = 0,
                Piece::Source { source, touched, .. } => {
                    if *touched && !source.rewind()? {
                        return Ok(false);
                    }
                    *touched = false;
                }
            }
        }
        self.at = 0;
        Ok(true)
    }

    fn can_rewind(&self) -> bool {
        self.pieces.iter().all(|p| match p {
            Piece::Text { .. } => true,
            Piece::Source { source, .. } => source.can_rewind(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(&'static [u8], usize, bool);

    impl Source for Bytes {
        fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
            let rest = &self.0[self.1..];
            let n = rest.len().min(buf.len()).min(3);
            buf[..n].copy_from_slice(&rest[..n]);
            self.1 += n;
            Ok(n)
        }
        fn rewind(&mut self) -> Result<bool> {
            self.1 = 0;
            Ok(self.2)
        }
        fn can_rewind(&self) -> bool {
            self.2
        }
    }

    fn all(m: &mut MultipartWriter, step: usize) -> String {
        let (mut out, mut buf) = (Vec::new(), vec![0; step]);
        loop {
            match m.read(&mut buf).unwrap() {
                0 => return String::from_utf8(out).unwrap(),
                n => out.extend_from_slice(&buf[..n]),
            }
        }
    }

    fn sample(rewinds: bool, length: i64) -> MultipartWriter {
        let mut m = MultipartWriter::default();
        m.set_boundary(b"b").unwrap();
        m.field(b"a", b"1");
        m.file(b"f\"\\", b"n\r\n", None, Box::new(Bytes(b"content", 0, rewinds)), length).unwrap();
        let mut h = Header::new();
        h.add(b"X-Own", b"y").unwrap();
        m.part(&h, b"own");
        m.field(b"", b"");
        m
    }

    const WANT: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
        Content-Disposition: form-data; name=\"f\\\"\\\\\"; filename=\"n%0D%0A\"\r\n\
        Content-Type: application/octet-stream\r\n\r\ncontent\r\n--b\r\nX-Own: y\r\n\r\nown\r\n--b\r\n\
        Content-Disposition: form-data; name=\"\"\r\n\r\n\r\n--b--\r\n";

    #[test]
    fn written_in_any_steps_and_again() {
        for step in [1, 2, 10, 1000] {
            let mut m = sample(true, 7);
            assert_eq!(m.length(), WANT.len() as i64);
            assert_eq!(all(&mut m, step), WANT);
            assert_eq!(m.length(), WANT.len() as i64);
            assert!(m.can_rewind() && m.rewind().unwrap());
            assert_eq!(all(&mut m, step), WANT);
        }
        let mut m = sample(false, -1);
        assert_eq!((m.length(), m.can_rewind()), (-1, false));
        assert_eq!(all(&mut m, 100), WANT);
        assert!(!m.rewind().unwrap());
        let mut m = sample(true, i64::MAX);
        assert_eq!(m.length(), -1, "no overflow");
        assert!(m.file(b"a", b"b", Some(b"x\r\ny"), Box::new(Bytes(b"", 0, true)), 0).is_err());
        let mut m = MultipartWriter::default();
        m.set_boundary(b"x").unwrap();
        assert_eq!(all(&mut m, 100), "\r\n--x--\r\n");
    }

    #[test]
    fn boundaries() {
        let mut m = MultipartWriter::default();
        assert_eq!(m.boundary().len(), 64);
        assert_ne!(m.boundary(), MultipartWriter::default().boundary());
        for bad in [&b""[..], b"a ", b"a\"b", b"a\r\nb", &[b'x'; 71]] {
            assert!(m.set_boundary(bad).is_err());
        }
        m.set_boundary(b"a b:c").unwrap();
        assert_eq!(m.content_type(), "multipart/form-data; boundary=\"a b:c\"");
        m.field(b"a", b"");
        assert_eq!(m.set_boundary(b"x").unwrap_err().message(), "mime: SetBoundary called after write");
    }
}

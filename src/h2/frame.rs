//! Frames (RFC 9113, 4 and 6): heads, payloads, and the rules on lengths and stream identifiers.

use super::error::{ErrorCode, Fault};

/// The length of a frame's head.
pub const HEAD: usize = 9;
/// What a client sends first.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The payload that every peer takes.
pub const MIN_MAX_FRAME: u32 = 16_384;
pub const MAX_MAX_FRAME: u32 = (1 << 24) - 1;
/// Stream identifiers and windows have 31 bits.
pub const MAX_31: u32 = (1 << 31) - 1;

pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    /// RFC 9218, 7.1.
    pub const PRIORITY_UPDATE: u8 = 16;
}

pub mod flag {
    pub const ACK: u8 = 0x1;
    pub const END_STREAM: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// FrameHead is the nine bytes before a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameHead {
    pub len: u32,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl FrameHead {
    /// parse reads a head; `None` if `bytes` is shorter than one. The reserved bit is ignored (4.1).
    pub fn parse(bytes: &[u8]) -> Option<FrameHead> {
        let &[l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes.first_chunk::<HEAD>()?;
        Some(FrameHead {
            len: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & MAX_31,
        })
    }

    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub fn bytes(self) -> [u8; HEAD] {
        let [_, l0, l1, l2] = self.len.to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]
    }

    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes());
    }

    /// check applies the rules that need nothing but the head. Unknown types are only bounded by `max` (4.1).
    pub fn check(self, max: u32) -> Result<(), Fault> {
        if self.len > max {
            return Err(size("frame too large"));
        }
        let (on_stream, length) = match self.kind {
            kind::DATA | kind::HEADERS | kind::CONTINUATION => (true, true),
            kind::PRIORITY if self.stream != 0 && self.len != 5 => {
                return Err(Fault::stream(
                    self.stream,
                    ErrorCode::FRAME_SIZE_ERROR,
                    "PRIORITY of a wrong length",
                ));
            }
            kind::PRIORITY => (true, true),
            kind::RST_STREAM => (true, self.len == 4),
            kind::SETTINGS if self.has(flag::ACK) => (false, self.len == 0),
            kind::SETTINGS => (false, self.len.is_multiple_of(6)),
            kind::PUSH_PROMISE => return Err(protocol("PUSH_PROMISE was not permitted")),
            kind::PING => (false, self.len == 8),
            kind::GOAWAY => (false, self.len >= 8),
            kind::WINDOW_UPDATE => (self.stream != 0, self.len == 4),
            kind::PRIORITY_UPDATE => (false, self.len >= 4),
            _ => return Ok(()),
        };
        if on_stream != (self.stream != 0) {
            return Err(protocol("frame on a stream where none belongs, or on none"));
        }
        if length { Ok(()) } else { Err(size("frame of a wrong length")) }
    }
}

/// unpad takes the padding off a payload (6.1, 6.2).
pub fn unpad(head: FrameHead, payload: &[u8]) -> Result<&[u8], Fault> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let Some((&pad, rest)) = payload.split_first() else { return Err(size("no room for the padding")) };
    match rest.len().checked_sub(usize::from(pad)) {
        Some(len) => Ok(rest.get(..len).unwrap_or_default()),
        None => Err(protocol("more padding than payload")),
    }
}

/// block is the fragment that a HEADERS frame has, and the stream on which RFC 7540's priority makes it depend.
pub fn block(head: FrameHead, payload: &[u8]) -> Result<(&[u8], Option<u32>), Fault> {
    let rest = unpad(head, payload)?;
    if !head.has(flag::PRIORITY) {
        return Ok((rest, None));
    }
    match rest.split_at_checked(5) {
        Some((priority, fragment)) => Ok((fragment, read_u32(priority).map(|d| d & MAX_31))),
        None => Err(size("no room for the priority")),
    }
}

/// read_u32 reads the first four bytes of a payload.
pub fn read_u32(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|b| u32::from_be_bytes(*b))
}

/// head writes a frame's head; the payload is the caller's to append.
pub fn head(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, len: usize) {
    debug_assert!(len <= MAX_MAX_FRAME as usize);
    FrameHead { len: len as u32, kind, flags, stream }.write(out);
}

pub fn rst_stream(out: &mut Vec<u8>, stream: u32, code: ErrorCode) {
    head(out, kind::RST_STREAM, 0, stream, 4);
    out.extend_from_slice(&code.0.to_be_bytes());
}

pub fn window_update(out: &mut Vec<u8>, stream: u32, n: u32) {
    head(out, kind::WINDOW_UPDATE, 0, stream, 4);
    out.extend_from_slice(&n.to_be_bytes());
}

pub fn ping(out: &mut Vec<u8>, ack: bool, data: [u8; 8]) {
    head(out, kind::PING, if ack { flag::ACK } else { 0 }, 0, 8);
    out.extend_from_slice(&data);
}

pub fn goaway(out: &mut Vec<u8>, last: u32, code: ErrorCode, debug: &[u8]) {
    let debug = debug.get(..1024).unwrap_or(debug);
    head(out, kind::GOAWAY, 0, 0, 8 + debug.len());
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
    out.extend_from_slice(debug);
}

pub fn settings(out: &mut Vec<u8>, values: &[(u16, u32)]) {
    head(out, kind::SETTINGS, 0, 0, values.len() * 6);
    for (id, value) in values {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub fn settings_ack(out: &mut Vec<u8>) {
    head(out, kind::SETTINGS, flag::ACK, 0, 0);
}

pub(super) const fn protocol(reason: &'static str) -> Fault {
    Fault::connection(ErrorCode::PROTOCOL_ERROR, reason)
}

const fn size(reason: &'static str) -> Fault {
    Fault::connection(ErrorCode::FRAME_SIZE_ERROR, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(len: u32, kind: u8, flags: u8, stream: u32) -> Option<(u32, ErrorCode)> {
        let head = FrameHead { len, kind, flags, stream };
        head.check(MIN_MAX_FRAME).err().map(|f| (f.stream, f.code))
    }

    #[test]
    fn heads_go_out_and_come_back() {
        for head in [
            FrameHead { len: 0x01_02_03, kind: 4, flags: 5, stream: 0x0102_0304 },
            FrameHead { len: MAX_MAX_FRAME, kind: 255, flags: 255, stream: MAX_31 },
        ] {
            let mut bytes = head.bytes();
            assert_eq!(FrameHead::parse(&bytes), Some(head));
            bytes[5] |= 0x80;
            assert_eq!(FrameHead::parse(&bytes), Some(head), "the reserved bit is ignored");
            assert_eq!(FrameHead::parse(&bytes[..8]), None);
        }
    }

    #[test]
    fn lengths_and_streams() {
        let (protocol, size) = (Some((0, ErrorCode::PROTOCOL_ERROR)), Some((0, ErrorCode::FRAME_SIZE_ERROR)));
        for kind in [kind::DATA, kind::HEADERS, kind::CONTINUATION] {
            assert_eq!(code(MIN_MAX_FRAME, kind, 0, 1), None);
            assert_eq!(code(MIN_MAX_FRAME + 1, kind, 0, 1), size);
            assert_eq!(code(0, kind, 0, 0), protocol);
        }
        for (kind, stream, len) in [
            (kind::RST_STREAM, 1, 4),
            (kind::SETTINGS, 0, 12),
            (kind::PING, 0, 8),
            (kind::GOAWAY, 0, 8),
            (kind::WINDOW_UPDATE, 0, 4),
            (kind::WINDOW_UPDATE, 1, 4),
            (kind::PRIORITY_UPDATE, 0, 4),
        ] {
            assert_eq!(code(len, kind, 0, stream), None, "{kind}");
            assert_eq!(code(len - 1, kind, 0, stream), size, "{kind}");
            if kind != kind::WINDOW_UPDATE {
                assert_eq!(code(len, kind, 0, 1 - stream), protocol, "{kind}");
            }
        }
        assert_eq!(code(9, kind::PING, 0, 0), size);
        assert_eq!(code(5, kind::RST_STREAM, 0, 1), size);
        assert_eq!(code(5, kind::WINDOW_UPDATE, 0, 1), size);
        assert_eq!(code(0, kind::SETTINGS, flag::ACK, 0), None);
        assert_eq!(code(6, kind::SETTINGS, flag::ACK, 0), size);
        assert_eq!(code(5, kind::PRIORITY, 0, 7), None);
        assert_eq!(code(5, kind::PRIORITY, 0, 0), protocol);
        assert_eq!(code(4, kind::PRIORITY, 0, 7), Some((7, ErrorCode::FRAME_SIZE_ERROR)));
        assert_eq!(code(4, kind::PUSH_PROMISE, 0, 1), protocol);
        assert_eq!(code(MIN_MAX_FRAME, 99, 255, 12), None);
        assert_eq!(code(MIN_MAX_FRAME + 1, 99, 255, 12), size);
    }

    #[test]
    fn padding_and_priority() {
        let head = |flags| FrameHead { len: 0, kind: kind::HEADERS, flags, stream: 1 };
        let padded = head(flag::PADDED);
        assert_eq!(unpad(padded, &[2, b'a', 0, 0]), Ok(&b"a"[..]));
        assert_eq!(unpad(padded, &[0]), Ok(&b""[..]));
        assert_eq!(unpad(padded, &[1, 0]), Ok(&b""[..]));
        assert_eq!(unpad(padded, &[2, 0]).unwrap_err().code, ErrorCode::PROTOCOL_ERROR);
        assert_eq!(unpad(padded, &[]).unwrap_err().code, ErrorCode::FRAME_SIZE_ERROR);
        let both = head(flag::PADDED | flag::PRIORITY);
        assert_eq!(block(both, &[1, 0x80, 0, 0, 3, 9, b'x', 0]), Ok((&b"x"[..], Some(3))));
        assert_eq!(block(both, &[1, 0, 0, 0, 3, 0]).unwrap_err().code, ErrorCode::FRAME_SIZE_ERROR);
        assert_eq!(block(head(0), b"abc"), Ok((&b"abc"[..], None)));
    }

    #[test]
    fn what_is_written() {
        let mut out = Vec::new();
        rst_stream(&mut out, 3, ErrorCode::CANCEL);
        window_update(&mut out, 0, 0x0102_0304);
        ping(&mut out, true, *b"12345678");
        settings(&mut out, &[(4, 65_535)]);
        settings_ack(&mut out);
        goaway(&mut out, 5, ErrorCode::NO_ERROR, b"bye");
        let want: [&[u8]; 6] = [
            b"\0\0\x04\x03\0\0\0\0\x03\0\0\0\x08",
            b"\0\0\x04\x08\0\0\0\0\0\x01\x02\x03\x04",
            b"\0\0\x08\x06\x01\0\0\0\x0012345678",
            b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\xff\xff",
            b"\0\0\0\x04\x01\0\0\0\0",
            b"\0\0\x0b\x07\0\0\0\0\0\0\0\0\x05\0\0\0\0bye",
        ];
        assert_eq!(out, want.concat());
    }
}

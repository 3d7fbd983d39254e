//! Settings (RFC 9113, 6.5): ours, the peer's, and what a SETTINGS frame may say.

use super::error::{ErrorCode, Fault};
use super::flow::DEFAULT_WINDOW;
use super::frame::{MAX_31, MAX_MAX_FRAME, MIN_MAX_FRAME, protocol};
use super::hpack::DEFAULT_TABLE;
use crate::h1::{MAX_REQUEST_FIELDS, MAX_RESPONSE_FIELDS};

pub(super) mod id {
    pub(in crate::h2) const HEADER_TABLE_SIZE: u16 = 1;
    pub(in crate::h2) const ENABLE_PUSH: u16 = 2;
    pub(in crate::h2) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(in crate::h2) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(in crate::h2) const MAX_FRAME_SIZE: u16 = 5;
    pub(in crate::h2) const MAX_HEADER_LIST_SIZE: u16 = 6;
    /// RFC 8441.
    pub(in crate::h2) const ENABLE_CONNECT_PROTOCOL: u16 = 8;
    /// RFC 9218, 2.1.
    pub(in crate::h2) const NO_RFC7540_PRIORITIES: u16 = 9;
}

/// How many settings one frame may have; Go's.
const MOST: usize = 100;

/// EngineConfig is what an engine announces and defends. `docs/http2.md` says where each default comes from.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Streams that the peer may have open.
    pub max_streams: u32,
    pub stream_window: u32,
    pub connection_window: u32,
    pub max_frame: u32,
    /// Of a header list, counted as RFC 9113, 6.5.2 has it.
    pub max_header_list: u32,
    /// Fields of a header list.
    pub max_fields: usize,
    /// Of all header lists of open streams together.
    pub max_headers_held: usize,
    pub header_table: u32,
    /// What is used of the peer's table at most.
    pub encoder_table: u32,
    /// Streams have equal turns, whatever the client says of its priorities (RFC 9218).
    pub ignore_priorities: bool,
    /// Extended CONNECT (RFC 8441).
    pub connect_protocol: bool,
    /// Control frames that wait for the peer to read.
    pub max_control: u32,
    /// Streams that came to nothing by the peer's doing, beyond those that came to something.
    pub max_wasted: u32,
    /// Frames that bring nothing on, beyond those that do.
    pub max_idle_frames: u32,
}

impl EngineConfig {
    pub fn server() -> EngineConfig {
        EngineConfig {
            max_streams: 250,
            stream_window: 1 << 20,
            connection_window: 1 << 20,
            max_frame: MIN_MAX_FRAME,
            max_header_list: 1 << 20,
            max_fields: MAX_REQUEST_FIELDS,
            max_headers_held: 4 << 20,
            header_table: DEFAULT_TABLE as u32,
            encoder_table: DEFAULT_TABLE as u32,
            ignore_priorities: false,
            connect_protocol: false,
            max_control: 1000,
            max_wasted: 500,
            max_idle_frames: 10_000,
        }
    }

    pub fn client() -> EngineConfig {
        EngineConfig {
            max_streams: 0,
            max_fields: MAX_RESPONSE_FIELDS,
            stream_window: 4 << 20,
            connection_window: 1 << 30,
            max_headers_held: 64 << 20,
            ..EngineConfig::server()
        }
    }

    /// clamped brings each value to where the protocol allows it to be.
    pub(super) fn clamped(mut self) -> EngineConfig {
        self.stream_window = self.stream_window.min(MAX_31);
        self.connection_window = self.connection_window.clamp(DEFAULT_WINDOW, MAX_31);
        self.max_frame = self.max_frame.clamp(MIN_MAX_FRAME, MAX_MAX_FRAME);
        self
    }
}

/// PeerSettings is what the peer has announced, or what holds until it does.
#[derive(Clone, Copy, Debug)]
pub struct PeerSettings {
    pub header_table: u32,
    pub max_streams: u32,
    pub initial_window: u32,
    pub max_frame: u32,
    pub max_header_list: u32,
    pub connect_protocol: bool,
}

impl Default for PeerSettings {
    fn default() -> PeerSettings {
        PeerSettings {
            header_table: DEFAULT_TABLE as u32,
            max_streams: u32::MAX,
            initial_window: DEFAULT_WINDOW,
            max_frame: MIN_MAX_FRAME,
            max_header_list: u32::MAX,
            connect_protocol: false,
        }
    }
}

impl PeerSettings {
    /// apply reads a payload whose length is a multiple of six, in its order (6.5.3). `from_client` tells who sent it.
    pub(super) fn apply(&mut self, payload: &[u8], from_client: bool) -> Result<(), Fault> {
        let (settings, _) = payload.as_chunks::<6>();
        if settings.len() > MOST {
            return Err(protocol("more settings than there are"));
        }
        for &[i0, i1, v0, v1, v2, v3] in settings {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([i0, i1]) {
                id::HEADER_TABLE_SIZE => self.header_table = value,
                id::ENABLE_PUSH if value > u32::from(from_client) => {
                    return Err(protocol("a wrong ENABLE_PUSH"));
                }
                id::MAX_CONCURRENT_STREAMS => self.max_streams = value,
                id::INITIAL_WINDOW_SIZE if value > MAX_31 => {
                    return Err(Fault::connection(
                        ErrorCode::FLOW_CONTROL_ERROR,
                        "an initial window of 2^31 or more",
                    ));
                }
                id::INITIAL_WINDOW_SIZE => self.initial_window = value,
                id::MAX_FRAME_SIZE if !(MIN_MAX_FRAME..=MAX_MAX_FRAME).contains(&value) => {
                    return Err(protocol("a wrong MAX_FRAME_SIZE"));
                }
                id::MAX_FRAME_SIZE => self.max_frame = value,
                id::MAX_HEADER_LIST_SIZE => self.max_header_list = value,
                id::ENABLE_CONNECT_PROTOCOL if value > 1 || (value == 0 && self.connect_protocol) => {
                    return Err(protocol("a wrong ENABLE_CONNECT_PROTOCOL"));
                }
                id::ENABLE_CONNECT_PROTOCOL => self.connect_protocol = value == 1,
                id::NO_RFC7540_PRIORITIES if value > 1 => {
                    return Err(protocol("a wrong NO_RFC7540_PRIORITIES"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(settings: &[(u16, u32)], from_client: bool) -> Result<PeerSettings, ErrorCode> {
        let mut out = Vec::new();
        super::super::frame::settings(&mut out, settings);
        let mut p = PeerSettings::default();
        p.apply(&out[9..], from_client).map(|()| p).map_err(|f| f.code)
    }

    #[test]
    fn values_and_their_bounds() {
        let p =
            apply(&[(4, 1), (4, MAX_31), (5, MAX_MAX_FRAME), (3, 7), (8, 1), (9, 1), (77, 5)], true).unwrap();
        assert_eq!((p.initial_window, p.max_frame, p.max_streams), (MAX_31, MAX_MAX_FRAME, 7));
        assert!(p.connect_protocol);
        let wrong = Err(ErrorCode::PROTOCOL_ERROR);
        let code = |s: &[(u16, u32)], from_client| apply(s, from_client).map(|_| ());
        assert_eq!(code(&[(2, 1)], true), Ok(()));
        assert_eq!(code(&[(2, 0)], false), Ok(()));
        assert_eq!(code(&[(2, 2)], true), wrong);
        assert_eq!(code(&[(2, 1)], false), wrong, "a server has no push to permit");
        assert_eq!(code(&[(4, MAX_31 + 1)], true), Err(ErrorCode::FLOW_CONTROL_ERROR));
        assert_eq!(code(&[(5, MIN_MAX_FRAME - 1)], true), wrong);
        assert_eq!(code(&[(5, MAX_MAX_FRAME + 1)], true), wrong);
        assert_eq!(code(&[(8, 2)], true), wrong);
        assert_eq!(code(&[(8, 1), (8, 0)], false), wrong);
        assert_eq!(code(&[(9, 2)], true), wrong);
        assert_eq!(code(&[(3, 1); 100], true), Ok(()));
        assert_eq!(code(&[(3, 1); 101], true), wrong);
    }
}

//! Multipart bodies: the first two bytes choose how the rest is cut; every cut gives the same parts and the same error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::message::multipart::reader::{Disposition, HEADER_BYTES, HEADERS, MultipartReader, ReadStep};

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    parts: Vec<(Disposition, Vec<u8>, Vec<u8>)>,
    error: Option<String>,
}

fuzz_target!(|input: &[u8]| {
    let [cut, room, body @ ..] = input else { return };
    let whole = split(body, body.len().max(1), body.len().max(1));
    let pieces = split(body, usize::from(*cut).max(1), usize::from(*room).max(1));
    assert_eq!(whole, pieces);
    assert!(whole.parts.iter().map(|p| p.2.len()).sum::<usize>() <= body.len());
});

fn split(body: &[u8], step: usize, room: usize) -> Outcome {
    let mut parts = MultipartReader::new(b"b").expect("a boundary");
    let (mut chunks, mut out, mut buf) = (body.chunks(step), Outcome::default(), vec![0; room]);
    let mut inside = false;
    loop {
        let result = if inside {
            parts.read(&mut buf).map(Some)
        } else {
            parts.next((HEADER_BYTES, HEADERS)).map(|s| match s {
                ReadStep::Need => Some(ReadStep::Need),
                ReadStep::Done(None) => None,
                ReadStep::Done(Some(header)) => {
                    let mut text = Vec::new();
                    header.write_to(&mut text);
                    out.parts.push((Disposition::from_header(&header), text, Vec::new()));
                    inside = true;
                    Some(ReadStep::Done(usize::MAX))
                }
            })
        };
        match result {
            Ok(None) => return out,
            Ok(Some(ReadStep::Need)) => match chunks.next() {
                Some(chunk) => parts.feed(chunk),
                None => parts.eof(),
            },
            Ok(Some(ReadStep::Done(0))) => inside = false,
            Ok(Some(ReadStep::Done(usize::MAX))) => {}
            Ok(Some(ReadStep::Done(n))) => {
                if let Some(last) = out.parts.last_mut() {
                    last.2.extend_from_slice(&buf[..n]);
                }
            }
            Err(e) => {
                out.error = Some(e.message().to_owned());
                return out;
            }
        }
    }
}

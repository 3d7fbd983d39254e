//! The media type of content, by its first bytes: the WHATWG's MIME Sniffing, as much of it as Go's
//! `DetectContentType` has.

use std::ffi::CStr;

/// LOOKED_AT is how many bytes count.
pub const LOOKED_AT: usize = 512;

/// HTML begins with one of these, in any case, and a space or `>` behind it.
const HTML: &[&str] = &[
    "<!DOCTYPE HTML",
    "<HTML",
    "<HEAD",
    "<SCRIPT",
    "<IFRAME",
    "<H1",
    "<DIV",
    "<FONT",
    "<TABLE",
    "<A",
    "<STYLE",
    "<TITLE",
    "<B",
    "<BODY",
    "<BR",
    "<P",
    "<!--",
];

/// Mark is a type's bytes at their offsets; all must be there.
type Mark = (&'static [(usize, &'static [u8])], &'static CStr);

const MARKS: &[Mark] = &[
    (&[(0, b"%PDF-")], c"application/pdf"),
    (&[(0, b"%!PS-Adobe-")], c"application/postscript"),
    (&[(0, b"\xFE\xFF"), (3, b"")], c"text/plain; charset=utf-16be"),
    (&[(0, b"\xFF\xFE"), (3, b"")], c"text/plain; charset=utf-16le"),
    (&[(0, b"\xEF\xBB\xBF"), (3, b"")], c"text/plain; charset=utf-8"),
    (&[(0, b"\x00\x00\x01\x00")], c"image/x-icon"),
    (&[(0, b"\x00\x00\x02\x00")], c"image/x-icon"),
    (&[(0, b"BM")], c"image/bmp"),
    (&[(0, b"GIF87a")], c"image/gif"),
    (&[(0, b"GIF89a")], c"image/gif"),
    (&[(0, b"RIFF"), (8, b"WEBPVP")], c"image/webp"),
    (&[(0, b"\x89PNG\r\n\x1A\n")], c"image/png"),
    (&[(0, b"\xFF\xD8\xFF")], c"image/jpeg"),
    (&[(0, b"FORM"), (8, b"AIFF")], c"audio/aiff"),
    (&[(0, b"ID3")], c"audio/mpeg"),
    (&[(0, b"OggS\x00")], c"application/ogg"),
    (&[(0, b"MThd\x00\x00\x00\x06")], c"audio/midi"),
    (&[(0, b"RIFF"), (8, b"AVI ")], c"video/avi"),
    (&[(0, b"RIFF"), (8, b"WAVE")], c"audio/wave"),
];

/// These come behind MP4, whose mark is no fixed bytes.
const LATER_MARKS: &[Mark] = &[
    (&[(0, b"\x1A\x45\xDF\xA3")], c"video/webm"),
    (&[(34, b"LP")], c"application/vnd.ms-fontobject"),
    (&[(0, b"\x00\x01\x00\x00")], c"font/ttf"),
    (&[(0, b"OTTO")], c"font/otf"),
    (&[(0, b"ttcf")], c"font/collection"),
    (&[(0, b"wOFF")], c"font/woff"),
    (&[(0, b"wOF2")], c"font/woff2"),
    (&[(0, b"\x1F\x8B\x08")], c"application/x-gzip"),
    (&[(0, b"PK\x03\x04")], c"application/zip"),
    (&[(0, b"Rar!\x1A\x07\x00")], c"application/x-rar-compressed"),
    (&[(0, b"Rar!\x1A\x07\x01\x00")], c"application/x-rar-compressed"),
    (&[(0, b"\x00asm")], c"application/wasm"),
];

/// detect always gives a valid media type: "application/octet-stream" where none fits better.
pub fn detect(data: &[u8]) -> &'static CStr {
    let data = data.get(..LOOKED_AT).unwrap_or(data);
    let blank = data.iter().take_while(|b| b"\t\n\x0c\r ".contains(b)).count();
    let text = data.get(blank..).unwrap_or_default();
    if HTML.iter().any(|tag| is_tag(text, tag.as_bytes())) {
        return c"text/html; charset=utf-8";
    }
    if text.starts_with(b"<?xml") {
        return c"text/xml; charset=utf-8";
    }
    if let Some(found) = marked(data, MARKS) {
        return found;
    }
    if is_mp4(data) {
        return c"video/mp4";
    }
    let binary = |b: &u8| matches!(b, 0..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
    marked(data, LATER_MARKS).unwrap_or(match text.iter().any(binary) {
        true => c"application/octet-stream",
        false => c"text/plain; charset=utf-8",
    })
}

fn is_tag(text: &[u8], tag: &[u8]) -> bool {
    let begins = text.get(..tag.len()).is_some_and(|t| t.eq_ignore_ascii_case(tag));
    begins && matches!(text.get(tag.len()), Some(b' ' | b'>'))
}

fn marked(data: &[u8], marks: &[Mark]) -> Option<&'static CStr> {
    // An empty piece asks for a byte more than stands before it.
    let has = |(at, piece): &(usize, &[u8])| match piece.is_empty() {
        true => data.len() > *at,
        false => data.get(*at..).is_some_and(|rest| rest.starts_with(piece)),
    };
    marks.iter().find(|(pieces, _)| pieces.iter().all(has)).map(|(_, found)| *found)
}

/// is_mp4: a box "ftyp" with a brand that begins with "mp4".
fn is_mp4(data: &[u8]) -> bool {
    let Some((size, rest)) = data.split_first_chunk::<4>() else { return false };
    let size = u32::from_be_bytes(*size) as usize;
    if data.len() < 12 || data.len() < size || !size.is_multiple_of(4) || !rest.starts_with(b"ftyp") {
        return false;
    }
    // The four bytes at 12 are the version of the first brand.
    (8..size).step_by(4).any(|at| at != 12 && data.get(at..).is_some_and(|brand| brand.starts_with(b"mp4")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_found_and_its_beginning_is_not() {
        for (pieces, want) in MARKS.iter().chain(LATER_MARKS) {
            let end = pieces.iter().map(|(at, p)| at + p.len().max(1)).max().unwrap_or(0);
            let mut data = vec![b'.'; end];
            for (at, piece) in *pieces {
                data[*at..*at + piece.len()].copy_from_slice(piece);
            }
            assert_eq!(detect(&data), *want);
            data.pop();
            // A byte order mark that is cut is text of another kind.
            assert!(detect(&data) != *want || want.to_bytes().starts_with(b"text/"), "{want:?}");
        }
    }

    #[test]
    fn text_and_markup() {
        assert_eq!(detect(b""), c"text/plain; charset=utf-8");
        assert_eq!(detect(b" \r\n<!doctype html>"), c"text/html; charset=utf-8");
        assert_eq!(detect(b"<b"), c"text/plain; charset=utf-8");
        assert_eq!(detect(b"<bx>"), c"text/plain; charset=utf-8");
        assert_eq!(detect(b"\n<?xml?>"), c"text/xml; charset=utf-8");
        assert_eq!(detect(b"a\x00"), c"application/octet-stream");
        assert_eq!(
            detect(&[b"a".repeat(LOOKED_AT), b"\x00".to_vec()].concat()),
            c"text/plain; charset=utf-8"
        );
        assert_eq!(detect(b"\x00\x00\x00\x14ftypisomxxxxmp42"), c"video/mp4");
        assert_eq!(detect(b"\x00\x00\x00\x10ftypisommp42"), c"application/octet-stream");
        assert_eq!(detect(b"\xff\xff\xff\xffftypmp42xxxx"), c"text/plain; charset=utf-8");
    }
}

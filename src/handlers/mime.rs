//! Media types by a file's extension: those on which browsers agree.

/// by_name is the type of a file of that name; `None`: its extension says nothing.
pub(super) fn by_name(name: &[u8]) -> Option<&'static str> {
    let last = name.rsplit(|&b| b == b'/').next()?;
    let dot = memchr::memrchr(b'.', last)?;
    let extension = last.get(dot + 1..)?.to_ascii_lowercase();
    Some(match &*extension {
        b"gz" => "application/gzip",
        b"json" => "application/json",
        b"doc" => "application/msword",
        b"bin" | b"com" | b"exe" => "application/octet-stream",
        b"pdf" => "application/pdf",
        b"ai" | b"eps" | b"ps" => "application/postscript",
        b"rdf" => "application/rdf+xml",
        b"rtf" => "application/rtf",
        b"apk" => "application/vnd.android.package-archive",
        b"xls" => "application/vnd.ms-excel",
        b"ppt" => "application/vnd.ms-powerpoint",
        b"pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        b"xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        b"docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        b"wasm" => "application/wasm",
        b"xht" | b"xhtml" => "application/xhtml+xml",
        b"zip" => "application/zip",
        b"flac" => "audio/flac",
        b"m4a" => "audio/mp4",
        b"mp3" => "audio/mpeg",
        b"oga" | b"ogg" | b"opus" => "audio/ogg",
        b"wav" => "audio/wav",
        b"weba" => "audio/webm",
        b"apng" => "image/apng",
        b"avif" => "image/avif",
        b"bmp" => "image/bmp",
        b"gif" => "image/gif",
        b"jfif" | b"jpeg" | b"jpg" | b"pjp" | b"pjpeg" => "image/jpeg",
        b"png" => "image/png",
        b"svg" => "image/svg+xml",
        b"tif" | b"tiff" => "image/tiff",
        b"ico" => "image/vnd.microsoft.icon",
        b"webp" => "image/webp",
        b"xbm" => "image/x-xbitmap",
        b"eml" => "message/rfc822",
        b"ics" => "text/calendar; charset=utf-8",
        b"css" => "text/css; charset=utf-8",
        b"csv" => "text/csv; charset=utf-8",
        b"ehtml" | b"htm" | b"html" | b"shtml" => "text/html; charset=utf-8",
        b"js" | b"mjs" => "text/javascript; charset=utf-8",
        b"text" | b"txt" => "text/plain; charset=utf-8",
        b"vtt" => "text/vtt; charset=utf-8",
        b"xbl" | b"xml" | b"xsl" => "text/xml; charset=utf-8",
        b"mp4" => "video/mp4",
        b"ogv" => "video/ogg",
        b"webm" => "video/webm",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_of_the_last_segment_counts() {
        for (name, want) in [
            ("a.html", Some("text/html; charset=utf-8")),
            ("A.PNG", Some("image/png")),
            ("a.tar.gz", Some("application/gzip")),
            (".css", Some("text/css; charset=utf-8")),
            ("a.html/b", None),
            ("html", None),
            ("a.", None),
            ("", None),
        ] {
            assert_eq!(by_name(name.as_bytes()), want, "{name}");
        }
    }
}

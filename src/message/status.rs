//! Status codes and their texts (RFC 9110, 15, and the IANA registry), as Go's `StatusText` has them.

/// text is the reason phrase of a code; empty for a code that is not registered.
pub fn text(code: u16) -> &'static str {
    match code {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// body_allowed tells whether a response of that code may have a body (RFC 9110, 6.4.1): not 1xx, 204 or 304.
pub fn body_allowed(code: u16) -> bool {
    !matches!(code, 100..=199 | 204 | 304)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_codes_have_a_text() {
        assert_eq!(text(200), "OK");
        assert_eq!(text(418), "I'm a teapot");
        assert_eq!(text(431), "Request Header Fields Too Large");
        assert_eq!(text(306), "");
        assert_eq!(text(0), "");
        assert_eq!((0..=1000).filter(|&c| !text(c).is_empty()).count(), 62);
    }

    #[test]
    fn bodies() {
        for (code, allowed) in
            [(100, false), (199, false), (200, true), (204, false), (205, true), (304, false)]
        {
            assert_eq!(body_allowed(code), allowed, "{code}");
        }
    }
}

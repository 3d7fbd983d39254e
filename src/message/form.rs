//! Forms: what Go's `Request.ParseForm` makes of a query and an urlencoded body.

use super::query::Values;
use crate::error::{Error, Result};

/// MAX_BODY is how much of a form body is read unless the program sets a limit; Go's 10 MiB.
pub const MAX_BODY: usize = 10 << 20;

/// Form holds the body's pairs, and those followed by the query's.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The body's pairs only: Go's `PostForm`.
    pub post: Values,
    /// The body's pairs first, then the query's: Go's `Form`.
    pub all: Values,
}

impl Form {
    /// parse gives all pairs that are well-formed, and the first error if some were not.
    pub fn parse(query: &[u8], body: &[u8]) -> (Form, Option<Error>) {
        let (post, body_error) = Values::parse(body);
        let mut all = match post.try_clone() {
            Ok(all) => all,
            Err(e) => return (Form::default(), Some(e)),
        };
        let (from_query, query_error) = Values::parse(query);
        all.append(from_query);
        (Form { post, all }, body_error.or(query_error))
    }
}

/// has_form_body tells whether a request's body is to be read as a form: POST, PUT or PATCH with the type
/// `application/x-www-form-urlencoded`. A type that cannot be parsed is an error.
pub fn has_form_body(method: &[u8], content_type: Option<&[u8]>) -> Result<bool> {
    if !matches!(method, b"POST" | b"PUT" | b"PATCH") {
        return Ok(false);
    }
    let Some(value) = content_type else { return Ok(false) };
    let media = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    let mut halves = media.split(|&b| b == b'/');
    let well_formed =
        halves.all(super::header::is_token) && media.iter().filter(|&&b| b == b'/').count() <= 1;
    if !well_formed {
        return Err(crate::error::invalid(if media.is_empty() {
            "mime: no media type"
        } else {
            "mime: expected token after slash"
        }));
    }
    Ok(media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_comes_before_query() {
        let (f, e) = Form::parse(b"a=q&b=q", b"a=p&c=%zz");
        assert_eq!(e.unwrap().message(), "invalid URL escape \"%zz\"");
        assert_eq!(f.all.all(b"a").collect::<Vec<_>>(), [b"p", b"q"]);
        assert_eq!(f.post.len(), 1);
        assert_eq!(f.all.len(), 3);
    }

    #[test]
    fn which_bodies_are_forms() {
        let urlencoded = &b"Application/X-www-form-urlencoded ; charset=utf-8"[..];
        for method in [&b"POST"[..], b"PUT", b"PATCH"] {
            assert!(has_form_body(method, Some(urlencoded)).unwrap());
            assert!(!has_form_body(method, Some(b"text/plain")).unwrap());
            assert!(!has_form_body(method, None).unwrap());
        }
        assert!(!has_form_body(b"GET", Some(urlencoded)).unwrap());
        for bad in [&b""[..], b"; a=b", b"a/", b"a/b/c", b"a b/c"] {
            assert!(has_form_body(b"POST", Some(bad)).is_err());
        }
    }
}

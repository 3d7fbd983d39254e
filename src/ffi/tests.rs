//! The C border as C calls it: exact buffers, borrowed text, NULL, callbacks and their userdata, each to its end. Small
//! enough for Miri, which sees what a sanitizer does not: a reference that overlaps another, or a pointer used past what
//! it was made from.

use super::cookie::*;
use super::date::*;
use super::error::*;
use super::escape::*;
use super::form::*;
use super::header::*;
use super::jar::*;
use super::multipart::*;
use super::reader::*;
use super::request::*;
use super::request_body::*;
use super::request_clone::*;
use super::result::*;
use super::server_request::*;
use super::url::*;
use super::values::*;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};

/// text is what a getter has lent.
unsafe fn text<'a>(p: *const c_char) -> &'a [u8] {
    assert!(!p.is_null());
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe { CStr::from_ptr(p) }.to_bytes()
}

/// written calls what writes to the caller's buffer as C does: once to measure, once into exactly that much.
fn written(f: impl Fn(*mut c_char, usize, *mut usize) -> nh_result) -> Vec<u8> {
    let mut len = 0;
    assert_eq!(f(null_mut(), 0, &mut len), NH_ERR_TOO_LARGE);
    let mut buf = vec![0u8; len + 1].into_boxed_slice();
    assert_eq!(f(buf.as_mut_ptr().cast(), len, &mut len), NH_ERR_TOO_LARGE);
    assert_eq!(f(buf.as_mut_ptr().cast(), buf.len(), &mut len), NH_OK);
    assert_eq!(buf[len], 0);
    buf[..len].to_vec()
}

#[test]
fn errors() {
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe {
        let (mut url, mut err) = (null_mut(), null_mut());
        assert_eq!(nh_url_parse(c"http://[::1".as_ptr(), &mut url, &mut err), NH_ERR_INVALID);
        assert!(url.is_null() && !text(nh_error_message(err)).is_empty());
        assert_eq!((nh_error_code(err), nh_error_address_count(err)), (NH_ERR_INVALID, 0));
        assert!(nh_error_cause(err).is_null() || !text(nh_error_message(nh_error_cause(err))).is_empty());
        nh_error_free(err);
        nh_error_free(null_mut());
        assert_eq!(nh_url_parse(null(), &mut url, null_mut()), NH_ERR_INVALID);
        assert_eq!(nh_url_parse(c"http://h".as_ptr(), null_mut(), null_mut()), NH_ERR_INVALID);
    }
}

#[test]
fn urls_and_values() {
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe {
        let (mut base, mut url, mut n) = (null_mut(), null_mut(), 0);
        assert_eq!(nh_url_parse(c"http://u:p@h:8/a/b?x=1&x=2#f".as_ptr(), &mut base, null_mut()), NH_OK);
        assert_eq!(nh_url_resolve(base, c"../c%20d?y=%00z".as_ptr(), &mut url, null_mut()), NH_OK);
        let copy = nh_url_clone(url);
        nh_url_free(url);
        assert_eq!(text(nh_url_text(copy)), b"http://u:p@h:8/c%20d?y=%00z");
        assert_eq!((text(nh_url_path(copy, &mut n)), n), (&b"/c d"[..], 4));
        assert!(!text(nh_url_redacted(copy)).windows(3).any(|w| w == b":p@"));
        let v = nh_url_query(copy);
        nh_url_free(copy);
        nh_url_free(base);
        assert_eq!(*nh_values_get(v, c"y".as_ptr(), &mut n), 0);
        assert_eq!(n, 2);
        let not_text = [b'k', b'=', 0xff];
        assert_eq!(nh_values_add_n(v, not_text.as_ptr().cast(), 1, not_text.as_ptr().cast(), 3), NH_OK);
        assert_eq!(nh_values_set_n(v, null(), 0, null(), 0), NH_OK);
        let copy = nh_values_clone(v);
        nh_values_free(v);
        let encoded = written(|buf, cap, len| nh_values_encode(copy, buf, cap, len));
        assert_eq!(encoded, b"=&k=k%3D%FF&y=%00z");
        assert_eq!(nh_values_count(copy), 3);
        assert!(nh_values_key_at(copy, 3, &mut n).is_null());
        nh_values_free(copy);
        let escaped = written(|buf, cap, len| nh_query_escape(not_text.as_ptr().cast(), 3, buf, cap, len));
        assert_eq!(escaped, b"k%3D%FF");
        assert_eq!(
            written(|buf, cap, len| nh_date_format(0, buf, cap, len)),
            b"Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }
}

#[test]
fn headers_and_cookies() {
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe {
        let h = nh_header_new();
        for i in 0..40u8 {
            assert_eq!(
                nh_header_add_n(h, b"x-y".as_ptr().cast(), 3, [b'a' + i % 26].as_ptr().cast(), 1),
                NH_OK
            );
        }
        assert_eq!(nh_header_set(h, c"A".as_ptr(), c"b\r\n".as_ptr()), NH_ERR_INVALID);
        let lent = nh_header_value(h, c"X-Y".as_ptr(), 39);
        assert_eq!((text(lent), text(nh_header_name_at(h, 0))), (&b"n"[..], &b"x-y"[..]));
        // Its own text as the new value: it is read before it is let go.
        assert_eq!(nh_header_set(h, c"X-Y".as_ptr(), lent), NH_OK);
        assert_eq!(written(|buf, cap, len| nh_header_write(h, buf, cap, len)), b"X-Y: n\r\n");
        nh_header_free(h);

        let (mut c, jar) = (null_mut(), nh_jar_new());
        let line = c"a=b; Path=/; Max-Age=9";
        assert_eq!(nh_cookie_parse_set(line.as_ptr(), &mut c, null_mut()), NH_OK);
        let all = [c.cast_const()];
        assert_eq!(nh_jar_set_cookies(jar, c"http://h/".as_ptr(), all.as_ptr(), 1, null_mut()), NH_OK);
        nh_cookie_free(c);
        let of = |buf, cap, len| nh_jar_cookies(jar, c"http://h/x".as_ptr(), buf, cap, len);
        assert_eq!((written(of), nh_jar_count(jar)), (b"a=b".to_vec(), 1));
        nh_jar_free(jar);
    }
}

/// Message is what a reader gives out, some bytes at a time; it counts its end.
struct Message {
    bytes: &'static [u8],
    freed: *mut usize,
}

unsafe extern "C-unwind" fn give(
    p: *mut c_void,
    buf: *mut c_void,
    cap: usize,
    n_out: *mut usize,
) -> nh_result {
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe {
        let m = &mut *p.cast::<Message>();
        let (now, later) = m.bytes.split_at(m.bytes.len().min(cap).min(7));
        buf.cast::<u8>().copy_from(now.as_ptr(), now.len());
        m.bytes = later;
        *n_out = now.len();
    }
    NH_OK
}

unsafe extern "C-unwind" fn end(p: *mut c_void) {
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe {
        let m = Box::from_raw(p.cast::<Message>());
        *m.freed += 1;
    }
}

#[test]
fn messages() {
    const FORM: &[u8] =
        b"POST /a?q=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\
        Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n4\r\n&c=d\r\n0\r\n\r\n";
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe {
        let (mut freed, mut reader, mut r) = (0, null_mut(), null_mut());
        let message = Box::into_raw(Box::new(Message { bytes: FORM, freed: &mut freed }));
        assert_eq!(nh_reader_new(Some(give), message.cast(), Some(end), &mut reader), NH_OK);
        assert_eq!(nh_read_request(reader, &mut r, null_mut()), NH_OK);
        let (mut all, mut posted, mut n) = (null_mut(), null_mut(), 0);
        assert_eq!(text(nh_request_header_value(r, c"host".as_ptr())), b"h");
        assert_eq!(nh_request_parse_form(r, 100, &mut all, &mut posted, null_mut()), NH_OK);
        assert_eq!((text(nh_values_get(posted, c"c".as_ptr(), &mut n)), n), (&b"d"[..], 1));
        nh_reader_free(reader);
        nh_request_free(r);
        assert_eq!((freed, nh_values_count(all)), (1, 3));
        nh_values_free(all);
        nh_values_free(posted);
    }
}

#[test]
fn requests() {
    // SAFETY: P1 to P6: each pointer is live, and as long as its length says.
    unsafe {
        let (mut freed, mut r, mut copy) = (0, null_mut(), null_mut());
        let message = Box::into_raw(Box::new(Message { bytes: b"", freed: &mut freed }));
        assert_eq!(nh_request_new(c"PUT".as_ptr(), c"http://h/".as_ptr(), &mut r, null_mut()), NH_OK);
        assert_eq!(nh_request_set_header(r, c"A".as_ptr(), c"b".as_ptr()), NH_OK);
        let data = b"data".to_vec();
        let set = nh_request_set_body_borrowed(r, data.as_ptr().cast(), 4, message.cast(), Some(end));
        assert_eq!((set, nh_request_clone(r, &mut copy, null_mut())), (NH_OK, NH_OK));
        nh_request_free(r);
        assert_eq!(freed, 0, "the copy shares the body");
        assert_eq!(text(nh_header_get(nh_request_header(copy), c"A".as_ptr())), b"b");
        nh_request_free(copy);
        assert_eq!(freed, 1);
        let m = nh_multipart_new();
        assert_eq!(nh_multipart_add_field(m, c"a".as_ptr(), data.as_ptr().cast(), 4), NH_OK);
        nh_multipart_free(m);
    }
}

//! Tables after RFC 3986, 5.4 and what Go's documentation promises; `tests/go_values.rs` asks Go itself.

use super::*;

fn url(s: &str) -> Url {
    Url::parse(s).unwrap_or_else(|e| panic!("{s}: {e}"))
}

fn text(b: &[u8]) -> &str {
    std::str::from_utf8(b).unwrap()
}

#[test]
fn parts() {
    let u = url("HTTP://us%65r:p%40ss@Example.com:8080/a%2Fb/c%20d?q=1&r=%zz#fr%C3%A4g");
    assert_eq!(text(u.scheme()), "http");
    let user = u.user().unwrap();
    assert_eq!((text(&user.username), user.password.as_deref()), ("user", Some(&b"p@ss"[..])));
    assert_eq!(text(u.host()), "Example.com:8080");
    assert_eq!((text(u.hostname()), text(u.port())), ("Example.com", "8080"));
    assert_eq!(text(u.path()), "/a/b/c d");
    assert_eq!(text(&u.escaped_path()), "/a%2Fb/c%20d");
    assert_eq!(text(u.raw_query()), "q=1&r=%zz");
    assert_eq!(text(u.fragment()), "fräg");
    assert_eq!(text(&u.request_uri()), "/a%2Fb/c%20d?q=1&r=%zz");
    assert_eq!(u.redacted(), "http://user:xxxxx@Example.com:8080/a%2Fb/c%20d?q=1&r=%zz#fr%C3%A4g");
    assert!(u.for_errors().contains("user:***@"));
}

#[test]
fn request_targets() {
    for (s, want) in [
        ("http://h", "/"),
        ("http://h?", "/?"),
        ("http://h?a b", "/?a%20b"),
        ("http://h/a b", "/a%20b"),
        ("http://h/%7Euser/~x", "/%7Euser/~x"),
        ("http://h//double//", "//double//"),
        ("mailto:a@b", "a@b"),
        ("http:a/b?c", "a/b?c"),
        ("*", "*"),
    ] {
        assert_eq!(text(&url(s).request_uri()), want, "{s}");
    }
}

#[test]
fn refusals_have_gos_words_and_no_password() {
    for (s, want) in [
        ("http://a b/", "parse \"http://a b/\": invalid character \" \" in host name"),
        (":x", "parse \":x\": missing protocol scheme"),
        ("a:b:c\u{7f}", "parse \"a:b:c\\x7f\": net/url: invalid control character in URL"),
        ("1:b", "parse \"1:b\": first path segment in URL cannot contain colon"),
        ("http://[::1", "parse \"http://[::1\": missing ']' in host"),
        ("http://h/%zz", "parse \"http://h/%zz\": invalid URL escape \"%zz\""),
        ("http://u:secret/x@h:z/", "parse \"http://u:***@h:z/\": invalid port *** after host"),
        ("http://u:se<cret@h/", "parse \"http://u:***@h/\": net/url: invalid userinfo"),
        ("http://u:%zz@h/", "parse \"http://u:***@h/\": invalid URL escape ***"),
        ("http://%zz@h/", "parse \"http://%zz@h/\": invalid URL escape \"%zz\""),
        ("http://::1/", "parse \"http://::1/\": invalid port \"::1\" after host"),
    ] {
        assert_eq!(Url::parse(s).unwrap_err().message(), want);
    }
}

/// The examples of RFC 3986, 5.4.
#[test]
fn resolution() {
    let base = url("http://a/b/c/d;p?q");
    for (reference, want) in [
        ("g:h", "g:h"),
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("g;x?y#s", "http://a/b/c/g;x?y#s"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
    ] {
        assert_eq!(text(&base.resolve(&url(reference)).unwrap().to_bytes()), want, "{reference}");
    }
}

#[test]
fn joining() {
    for (base, elements, want) in [
        ("http://h/a/", &["b"][..], "http://h/a/b"),
        ("http://h/a", &["../../../b/"], "http://h/b/"),
        ("http://h", &[], "http://h/"),
        ("http://h/a/./b//c", &[], "http://h/a/b/c"),
        ("a/b", &["../../../c"], "c"),
    ] {
        let elements: Vec<&[u8]> = elements.iter().map(|e| e.as_bytes()).collect();
        assert_eq!(text(&url(base).join(&elements).unwrap().to_bytes()), want, "{base}");
    }
}

#[test]
fn hosts_on_the_wire() {
    for (host, want) in [
        ("h:80", "h:80"),
        ("[fe80::1%en0]:80", "[fe80::1]:80"),
        ("Bücher.de:80", "xn--bcher-kva.de:80"),
        ("faß.de", "xn--fa-hia.de"),
    ] {
        assert_eq!(text(&host_header(host.as_bytes()).unwrap()), want);
    }
    assert!(host_header(b"a b").is_err());
    assert!(host_header("a\u{200b}\u{2488}b".as_bytes()).is_err());
}

/// Each row is one in which WHATWG's hosts are not Go's.
#[test]
fn names_stay_names() {
    for (name, want) in [
        ("１２７.0.0.1", Some("127.0.0.1")),
        ("１２７.1", Some("127.1")),
        ("bü.08", Some("xn--b-eha.08")),
        ("ü.0x7f", Some("xn--tda.0x7f")),
        ("ü.", Some("xn--tda.")),
        ("\u{ad}", Some("")),
        ("日本。Jp", Some("xn--wgv71a.jp")),
        ("ü%41", None),
        ("ü％41", None),
        ("ü_a", None),
        ("-ü", None),
        ("ü-.a", None),
        ("aü--b", None),
        ("a-üb", Some("xn--a-b-ioa")),
        ("ü.ab--c", None),
        ("ü.xn--0", None),
        ("א.1", None),
        ("ü[::1]", None),
    ] {
        assert_eq!(to_ascii(name.as_bytes()).ok().as_deref().map(text), want, "{name}");
    }
    assert!(to_ascii(b"\xff.de").is_err());
}

#[test]
fn addresses_are_written_in_one_form() {
    for address in
        ["0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "1:2::8", "::ffff:1.2.3.4", "FE80::1"]
    {
        assert_eq!(ip_address(address), Some(address.parse().unwrap()));
    }
    for name in [
        "",
        ".",
        "1",
        "127.1",
        "127.0.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "127.0.0.256",
        "2130706433",
        "１２７.0.0.1",
        "[::1]",
        ":",
        ":::",
        "1::2::3",
        "::1%eth0",
        "::12345",
        "::1.2.3",
        "1:2:3:4:5:6:7",
        "::1]",
    ] {
        assert_eq!(ip_address(name), None, "{name}");
    }
}

#[test]
fn targets_as_urls() {
    for (method, target, path, query, want) in [
        ("GET", "/a%20b?q", "/a%20b", "?q", "/a%20b?q"),
        ("GET", "/a/b?x;y", "b:c", "?x&y", "./b:c?x&y"),
        ("OPTIONS", "*", "", "", "*"),
        ("CONNECT", "h:1", "", "", "//h:1"),
        ("CONNECT", "/rpc", "/rpc", "", "/rpc"),
        ("GET", "http://h?", "", "?", "http://h?"),
        ("GET", "mailto:x?y", "", "?y", "mailto:x?y"),
        ("GET", "//a/b", "//a/b", "", "//a/b"),
    ] {
        let url =
            Url::of_target(target.as_bytes(), method.as_bytes(), path.as_bytes(), query.as_bytes()).unwrap();
        assert_eq!(text(&url.to_bytes()), want);
    }
}

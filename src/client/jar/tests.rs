use super::*;
use crate::message::url::Url;

const NOW: i64 = 1_700_000_000;

fn origin(url: &str) -> CookieOrigin {
    CookieOrigin::from_url(&Url::parse(url).unwrap(), b"").unwrap()
}

fn set(j: &Jar, url: &str, line: &str) {
    j.set(&origin(url), &[Cookie::receive(line.as_bytes()).unwrap()], NOW);
}

fn at(j: &Jar, url: &str, now: i64) -> String {
    String::from_utf8(j.cookies(&origin(url), now).unwrap_or_default()).unwrap()
}

fn get(j: &Jar, url: &str) -> String {
    at(j, url, NOW)
}

/// one tells what a fresh jar sends to `to` after `from` has set `line`.
fn one(from: &str, line: &str, to: &str) -> bool {
    let j = Jar::default();
    set(&j, from, line);
    !get(&j, to).is_empty()
}

#[test]
fn who_gets_which_cookie() {
    for (from, line, to, want) in [
        ("http://www.ex.com/", "a=1", "http://www.ex.com/", true),
        ("http://www.ex.com/", "a=1", "http://WWW.EX.COM.:81/", true),
        ("http://www.ex.com/", "a=1", "http://sub.www.ex.com/", false),
        ("http://www.ex.com/", "a=1", "http://ex.com/", false),
        ("http://www.ex.com/", "a=1; Domain=ex.com", "http://ex.com/", true),
        ("http://www.ex.com/", "a=1; Domain=.EX.com", "http://x.y.ex.com/", true),
        ("http://www.ex.com/", "a=1; Domain=ex.com", "http://badex.com/", false),
        ("http://ex.com/", "a=1; Domain=www.ex.com", "http://www.ex.com/", false),
        ("http://ex.com/", "a=1; Domain=other.com", "http://other.com/", false),
        ("http://ex.com/", "a=1; Domain=..ex.com", "http://ex.com/", false),
        ("http://ex.com/", "a=1; Domain=ex.com.", "http://ex.com/", false),
        ("http://ex.com/", "a=1; Domain=com", "http://ex.com/", false),
        ("http://ex.co.uk/", "a=1; Domain=co.uk", "http://other.co.uk/", false),
        ("http://me.github.io/", "a=1; Domain=github.io", "http://me.github.io/", false),
        ("http://github.io/", "a=1; Domain=github.io", "http://github.io/", true),
        ("http://github.io/", "a=1; Domain=github.io", "http://me.github.io/", false),
        ("http://localhost/", "a=1; Domain=localhost", "http://x.localhost/", false),
        ("http://b\u{fc}cher.de/", "a=1", "http://xn--bcher-kva.de/", true),
        ("http://1.2.3.4/", "a=1", "http://1.2.3.4:8080/", true),
        ("http://1.2.3.4/", "a=1; Domain=1.2.3.4", "http://1.2.3.4/", true),
        ("http://1.2.3.4/", "a=1; Domain=.1.2.3.4", "http://1.2.3.4/", false),
        ("http://1.2.3.4/", "a=1; Domain=3.4", "http://5.6.3.4/", false),
        ("http://[::1]/", "a=1; Domain=::1", "http://[::1]/", true),
        ("http://ex.com/x/y", "a=1", "http://ex.com/x/z", true),
        ("http://ex.com/x/y", "a=1", "http://ex.com/x", true),
        ("http://ex.com/x/y", "a=1", "http://ex.com/", false),
        ("http://ex.com/", "a=1; Path=/x", "http://ex.com/xy", false),
        ("http://ex.com/", "a=1; Path=/x", "http://ex.com/x/y?q", true),
        ("http://ex.com/", "a=1; Path=/x/", "http://ex.com/x", false),
        ("http://ex.com/y/", "a=1; Path=x", "http://ex.com/y/", true),
        ("https://ex.com/", "a=1; Secure", "http://ex.com/", false),
        ("https://ex.com/", "a=1; Secure", "https://ex.com/", true),
        ("http://ex.com/", "a=1; Secure", "https://ex.com/", false),
        ("http://localhost/", "a=1; Secure", "http://localhost/", true),
        ("http://127.0.0.1/", "a=1; Secure", "http://127.0.0.1/", true),
        ("https://ex.com/", "__Secure-a=1", "https://ex.com/", false),
        ("https://ex.com/", "__secure-a=1; Secure", "https://ex.com/", true),
        ("https://ex.com/", "__Host-a=1; Secure; Path=/", "https://ex.com/", true),
        ("https://ex.com/", "__Host-a=1; Secure", "https://ex.com/", false),
        ("https://ex.com/", "__Host-a=1; Path=/", "https://ex.com/", false),
        ("https://ex.com/", "__host-a=1; Secure; Path=/; Domain=ex.com", "https://ex.com/", false),
        ("https://ex.com/", "__Host-a=1; Secure; Path=/x", "https://ex.com/x", false),
    ] {
        assert_eq!(one(from, line, to), want, "{from} {line} -> {to}");
    }
}

#[test]
fn times_are_kept_and_can_end_a_cookie() {
    let j = Jar::default();
    set(&j, "http://a.com/", "s=session");
    set(&j, "http://a.com/", "m=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    set(&j, "http://a.com/", "e=1; Expires=Tue, 14 Nov 2023 22:13:40 GMT");
    assert_eq!(get(&j, "http://a.com/"), "s=session; m=1; e=1");
    assert_eq!(at(&j, "http://a.com/", NOW + 9), "s=session; m=1; e=1");
    assert_eq!(at(&j, "http://a.com/", NOW + 10), "s=session; e=1");
    assert_eq!(at(&j, "http://a.com/", NOW + 20), "s=session");
    set(&j, "http://a.com/", "s=; Max-Age=0");
    set(&j, "http://a.com/", "m=; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(get(&j, "http://a.com/"), "e=1");
    set(&j, "http://a.com/", "f=1; Max-Age=99999999999999999999");
    assert_eq!(at(&j, "http://a.com/", NOW + 10_000_000), "f=1");
}

#[test]
fn order_is_by_path_and_age_and_a_new_value_keeps_its_place() {
    let j = Jar::default();
    for line in ["a=1", "b=2; Path=/x", "c=3", "d=4; Path=/x/y"] {
        set(&j, "http://a.com/", line);
    }
    set(&j, "http://a.com/", "a=new, x");
    set(&j, "http://a.com/", "c=\"q\"");
    assert_eq!(get(&j, "http://a.com/x/y"), "d=4; b=2; a=new, x; c=\"q\"");
}

#[test]
fn what_came_over_tls_is_left_alone() {
    let j = Jar::default();
    set(&j, "https://a.com/x/", "s=tls; Secure; Path=/x");
    set(&j, "http://a.com/", "s=clear; Path=/x");
    set(&j, "http://a.com/", "s=clear; Path=/x/deeper");
    set(&j, "http://www.a.com/", "s=clear; Path=/x; Domain=a.com");
    assert_eq!(get(&j, "https://a.com/x/deeper"), "s=tls");
    set(&j, "http://a.com/", "s=wider; Path=/");
    assert_eq!(get(&j, "https://a.com/x"), "s=tls; s=wider");
    set(&j, "https://a.com/", "s=ours; Path=/x");
    assert_eq!(get(&j, "http://a.com/x"), "s=ours; s=wider");
}

#[test]
fn the_jar_is_bounded() {
    let j = Jar::default();
    set(&j, "https://a.com/", "first=1; Secure");
    set(&j, "https://a.com/", "second=2; Path=/other");
    for i in 0..MAX_PER_DOMAIN - 2 {
        set(&j, &format!("https://h{i}.a.com/"), &format!("n{i}=1"));
    }
    assert_eq!(j.len(), MAX_PER_DOMAIN);
    set(&j, "https://a.com/", "more=1");
    assert_eq!(get(&j, "https://a.com/other"), "first=1; more=1", "the unused one without Secure went");
    set(&j, "https://a.com/", "gone=1; Max-Age=1");
    j.set(&origin("https://a.com/"), &[Cookie::receive(b"later=1").unwrap()], NOW + 5);
    assert_eq!(at(&j, "https://a.com/", NOW + 5), "first=1; more=1; later=1");

    let j = Jar::default();
    for i in 0..MAX_TOTAL + 100 {
        set(&j, &format!("http://h{i}.com/"), "a=1");
    }
    assert_eq!(j.len(), MAX_TOTAL);
    assert_eq!((get(&j, "http://h99.com/"), get(&j, "http://h100.com/")), (String::new(), "a=1".into()));
    assert!(!one("http://a.com/", &format!("a={}", "x".repeat(MAX_BYTES)), "http://a.com/"));
    assert!(one("http://a.com/", &format!("a={}", "x".repeat(MAX_BYTES - 1)), "http://a.com/"));
    assert!(one("http://a.com/", &format!("a=1; Path=/{}", "x".repeat(1024)), "http://a.com/"));
}

#[test]
fn a_file_goes_both_ways() {
    let j = Jar::default();
    set(&j, "https://www.ex.com/", "s=1");
    set(&j, "https://www.ex.com/", "d=\"q v\"; Domain=ex.com; Path=/x; Secure; HttpOnly; Max-Age=50");
    let text = String::from_utf8(j.to_text(true, NOW)).unwrap();
    assert!(
        text.contains(&format!("\n#HttpOnly_.ex.com\tTRUE\t/x\tTRUE\t{}\td\t\"q v\"\n", NOW + 50)),
        "{text}"
    );
    assert!(text.contains("\nwww.ex.com\tFALSE\t/\tFALSE\t0\ts\t1\n"), "{text}");
    assert!(!String::from_utf8(j.to_text(false, NOW)).unwrap().contains("\ts\t"));
    let k = Jar::default();
    k.add_text(text.as_bytes(), NOW);
    assert_eq!(k.stored_cookies(NOW), j.stored_cookies(NOW));
    let dir = std::env::temp_dir().join(format!("nethttp-jar-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("cookies");
    j.save(&path, true, NOW).unwrap();
    j.save(&path, true, NOW).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "no rest is left beside it");
    let k = Jar::default();
    k.load(&path, NOW + 50).unwrap();
    assert_eq!(k.len(), 1);
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(k.load(&path, NOW).is_err() && k.save(&path, true, NOW).is_err());
}

/// What curl, Python and extensions of browsers write, which servers' grammar would not let pass.
#[test]
fn files_of_others() {
    let j = Jar::default();
    let curl = "# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n\n\
        #HttpOnly_.x.com\tTRUE\t/\tTRUE\t1800000000\tcart[items]\t{\"a\": [1, 2]}\n";
    let python = "# Netscape HTTP Cookie File\n# http://curl.haxx.se/rfc/cookie_spec.html\n\
        .x.com\tTRUE\t/\tFALSE\t\tsession\tabc\n";
    let extension = "\u{feff}.x.com\tTRUE\t/\tFALSE\t1800000000.123456\ta\tb\\c\r\n\
        www.x.com\tFALSE\t\tfalse\t-1\tb\tw\u{e4}hl\tx\r\n.x.com\tTRUE\t/\tFALSE\t1.6e9\told\tv\r\n";
    for text in [curl, python, extension] {
        assert!(j.add_text(text.as_bytes(), NOW), "{text}");
    }
    let sent = "cart[items]={\"a\": [1, 2]}; session=abc; a=b\\c; b=w\u{e4}hl\tx";
    assert_eq!(get(&j, "https://www.x.com/"), sent);
    let k = Jar::default();
    assert!(k.add_text(&j.to_text(true, NOW), NOW));
    assert_eq!(k.stored_cookies(NOW).len(), 4);
    assert_eq!(k.stored_cookies(NOW), j.stored_cookies(NOW));
}

/// RFC 6265, 5.2: user agents take what servers should not send, and send it back as it came.
#[test]
fn odd_cookies_are_kept_as_they_came() {
    for (line, sent) in [
        ("a[b]=1", "a[b]=1"),
        ("a b = c d ", "a b=c d"),
        ("j={\"k\":\"v\\n\"}; Path=/", "j={\"k\":\"v\\n\"}"),
        ("q=\"x", "q=\"x"),
        ("q=\"x y\"", "q=\"x y\""),
        ("u=\u{fc}, v=\u{e4}", "u=\u{fc}, v=\u{e4}"),
        ("a=b=c", "a=b=c"),
        ("a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Expires=never", "a=1"),
        ("a=1; Domain=; HttpOnly=x", "a=1"),
        ("a=1; Path=/\"x\"; Path=", "a=1"),
    ] {
        let j = Jar::default();
        set(&j, "http://x.com/", line);
        assert_eq!(get(&j, "http://x.com/"), sent, "{line}");
    }
    for line in ["novalue", "=1", " = x", "", "; a=1", "a=\u{1}", "a=1; Path=/\r"] {
        assert!(Cookie::receive(line.as_bytes()).is_none(), "{line}");
    }
}

#[test]
fn a_request_gets_at_most_8_kib() {
    let j = Jar::default();
    for i in 0..6 {
        set(
            &j,
            "http://x.com/",
            &format!("n{i}={}; Path=/{}", "v".repeat(2000), if i == 5 { "" } else { "a" }),
        );
    }
    let sent = get(&j, "http://x.com/a");
    assert!(sent.len() <= MAX_FIELD);
    let names: Vec<&str> = sent.split("; ").filter_map(|c| c.split('=').next()).collect();
    assert_eq!(names, ["n2", "n3", "n4", "n5"]);
}

#[test]
fn lines_that_are_no_cookies() {
    let j = Jar::default();
    let bad = b"a\tb\n.com\tTRUE\t/\tFALSE\t0\tn\tv\nx.com\tFALSE\t/\tFALSE\tz\tn\tv\n\
        x.com\tFALSE\t/\tFALSE\t0\tn=m\tv\nx.com\tFALSE\t/\tFALSE\t0\tn\tv;w\n# x\n\xff\tFALSE\t/\tFALSE\t0\tn\tv\n\n";
    assert!(!j.add_text(bad, NOW));
    assert!(j.add_text(b"# x\n\n", NOW));
    j.add_text(b"..x.com\tFALSE\t/\tFALSE\t0\tn\tv\nx. com\tFALSE\t/\tFALSE\t0\tn\tv\n", NOW);
    assert!(j.is_empty());
    j.add_text(b"1.2.3.4\tTRUE\t/\tFALSE\t0\tn\tv\n", NOW);
    assert!(j.stored_cookies(NOW).iter().all(|k| k.host_only), "an address has nothing beneath it");
    j.clear();
    j.add_text(b"x.com\tFALSE\t/\tFALSE\t0\tn\r\n", NOW);
    assert_eq!(get(&j, "http://x.com/"), "n=");
}

/// Cookies are for the host that the request names; where it goes decides what may be sent in the clear.
#[test]
fn a_host_of_the_requests_own() {
    let of = |url: &str, host: &[u8]| CookieOrigin::from_url(&Url::parse(url).unwrap(), host).unwrap();
    let o = of("http://127.0.0.1:81/p?q", b"A.test:82");
    assert_eq!((o.key(), o.url.as_str(), o.is_secure()), ("a.test", "http://A.test:82/p?q", true));
    assert!(!of("http://a.test/", b"localhost").is_secure());
    assert!(of("http://LOCALHOST./", b"").is_secure());
    assert!(CookieOrigin::from_url(&Url::parse("http://a.test/").unwrap(), b"[").is_none());
}

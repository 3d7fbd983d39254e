//! `Cookie`: one cookie, read from Cookie and Set-Cookie and written to them by Go's rules.

use super::header::{Header, is_token};
use super::{cookie_date, date};
use crate::error::{Result, invalid};

/// MAX_COUNT is how many cookies a message may have; one with more has none, as in Go.
pub const MAX_COUNT: usize = 3000;

/// SameSite is what the attribute of that name says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum SameSite {
    /// There is none.
    #[default]
    Unset = 0,
    /// It says what nobody knows.
    Default = 1,
    Lax = 2,
    Strict = 3,
    None = 4,
}

/// Cookie has its value without the quotes that may stand around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookie {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
    pub quoted: bool,
    /// Empty: not said.
    pub path: Vec<u8>,
    /// As it was sent, with a leading dot if there was one; empty: not said.
    pub domain: Vec<u8>,
    /// Unix seconds.
    pub expires: Option<i64>,
    /// Seconds; 0 and less: at once.
    pub max_age: Option<i64>,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: SameSite,
    pub partitioned: bool,
    /// Name and value are sent back as they came, whatever a server's grammar says.
    pub verbatim: bool,
}

impl Cookie {
    /// new makes a cookie to be sent.
    pub fn new(name: &[u8], value: &[u8]) -> Result<Cookie> {
        if !is_token(name) {
            return Err(invalid("http: invalid Cookie.Name"));
        }
        if let Some(&b) = value.iter().find(|b| !is_value_byte(**b)) {
            return Err(invalid(format!("http: invalid byte {:?} in Cookie.Value", char::from(b))));
        }
        Ok(Cookie { name: name.to_vec(), value: value.to_vec(), ..Cookie::default() })
    }

    /// parse_set reads the value of a Set-Cookie field: Go's `ParseSetCookie`.
    pub fn parse_set(line: &[u8]) -> Result<Cookie> {
        let mut parts = line.split(|&b| b == b';');
        let pair = trim(parts.next().unwrap_or_default());
        if pair.is_empty() && !line.contains(&b';') {
            return Err(invalid("http: blank cookie"));
        }
        let Some((name, value)) = cut(pair) else {
            return Err(invalid("http: '=' not found in cookie"));
        };
        let name = trim(name);
        if !is_token(name) {
            return Err(invalid("http: invalid cookie name"));
        }
        let Some((value, quoted)) = unquote(value) else {
            return Err(invalid("http: invalid cookie value"));
        };
        let mut c = Cookie { name: name.to_vec(), value: value.to_vec(), quoted, ..Cookie::default() };
        for part in parts {
            let (name, value) = cut(part).unwrap_or((part, b""));
            c.attribute(trim(name), trim(value));
        }
        Ok(c)
    }

    /// receive reads a Set-Cookie field as user agents do (RFC 6265, 5.2): what is odd is kept as it is.
    pub fn receive(line: &[u8]) -> Option<Cookie> {
        if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
            return None;
        }
        let mut parts = line.split(|&b| b == b';');
        let (name, value) = cut(parts.next().unwrap_or_default())?;
        let mut c = Cookie::as_stored(trim(name), trim(value))?;
        for part in parts {
            let (name, value) = cut(part).unwrap_or((part, b""));
            c.attribute(trim(name), trim(value));
        }
        Some(c)
    }

    /// as_stored is a cookie as a user agent has it: its value may have quotes around it.
    pub fn as_stored(name: &[u8], value: &[u8]) -> Option<Cookie> {
        let inside = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
        let (name, value, quoted) = (name.to_vec(), inside.unwrap_or(value).to_vec(), inside.is_some());
        let c = Cookie { name, value, quoted, verbatim: true, ..Cookie::default() };
        (!c.name.is_empty()).then_some(c)
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) {
        if !self.verbatim && !value.iter().all(|&b| is_value_byte(b)) {
            return;
        }
        match name.to_ascii_lowercase().as_slice() {
            b"samesite" => {
                self.same_site = match value.to_ascii_lowercase().as_slice() {
                    b"lax" => SameSite::Lax,
                    b"strict" => SameSite::Strict,
                    b"none" => SameSite::None,
                    _ => SameSite::Default,
                }
            }
            b"secure" => self.secure = true,
            b"httponly" => self.http_only = true,
            b"partitioned" => self.partitioned = true,
            b"domain" if self.verbatim && value.is_empty() => {}
            b"domain" => self.domain = value.to_vec(),
            b"path" => self.path = value.to_vec(),
            b"max-age" => self.max_age = seconds(value).or(self.max_age),
            b"expires" => self.expires = cookie_date::parse(value).or(self.expires.filter(|_| self.verbatim)),
            _ => {}
        }
    }

    /// pair appends `name=value` as it stands in a Cookie field.
    pub fn pair(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.name);
        out.push(b'=');
        if self.verbatim {
            let quote: &[u8] = if self.quoted { b"\"" } else { b"" };
            return [quote, &self.value, quote].iter().for_each(|s| out.extend_from_slice(s));
        }
        let quotes = self.quoted || self.value.iter().any(|b| matches!(b, b' ' | b','));
        out.extend(quotes.then_some(b'"'));
        out.extend(self.value.iter().filter(|b| is_value_byte(**b)));
        out.extend(quotes.then_some(b'"'));
    }

    /// to_set is the value of a Set-Cookie field: Go's `Cookie.String`.
    pub fn to_set(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.pair(&mut out);
        if !self.path.is_empty() {
            out.extend_from_slice(b"; Path=");
            out.extend(self.path.iter().filter(|b| (0x20..0x7f).contains(*b) && **b != b';'));
        }
        if is_domain(&self.domain) {
            out.extend_from_slice(b"; Domain=");
            out.extend_from_slice(self.domain.strip_prefix(b".").unwrap_or(&self.domain));
        }
        if let Some(at) = self.expires {
            out.extend_from_slice(b"; Expires=");
            out.extend_from_slice(&date::format(at));
        }
        if let Some(s) = self.max_age {
            out.extend_from_slice(format!("; Max-Age={}", s.max(0)).as_bytes());
        }
        out.extend_from_slice(if self.http_only { b"; HttpOnly" } else { b"" });
        out.extend_from_slice(if self.secure { b"; Secure" } else { b"" });
        out.extend_from_slice(match self.same_site {
            SameSite::Unset | SameSite::Default => b"",
            SameSite::Lax => b"; SameSite=Lax",
            SameSite::Strict => b"; SameSite=Strict",
            SameSite::None => b"; SameSite=None",
        });
        out.extend_from_slice(if self.partitioned { b"; Partitioned" } else { b"" });
        out
    }
}

/// read_set are the well-formed cookies of a response: Go's `Response.ParsedCookies`.
pub fn read_set(h: &Header) -> Vec<Cookie> {
    if h.values(b"Set-Cookie").count() > MAX_COUNT {
        return Vec::new();
    }
    h.values(b"Set-Cookie").filter_map(|v| Cookie::parse_set(v).ok()).collect()
}

/// receive are the cookies of a response for a jar.
pub fn receive(h: &Header) -> Vec<Cookie> {
    if h.values(b"Set-Cookie").count() > MAX_COUNT {
        return Vec::new();
    }
    h.values(b"Set-Cookie").filter_map(Cookie::receive).collect()
}

/// read are the well-formed cookies of a request: Go's `Request.ParsedCookies`.
pub fn read(h: &Header) -> Vec<Cookie> {
    let parts = || h.values(b"Cookie").flat_map(|v| v.split(|&b| b == b';'));
    if parts().count() > MAX_COUNT {
        return Vec::new();
    }
    parts()
        .filter_map(|part| {
            let part = trim(part);
            let (name, value) = cut(part).unwrap_or((part, b""));
            let (value, quoted) = unquote(value)?;
            let name = trim(name);
            is_token(name).then(|| Cookie {
                name: name.to_vec(),
                value: value.to_vec(),
                quoted,
                ..Cookie::default()
            })
        })
        .collect()
}

/// add puts a pair behind those of the first Cookie field: Go's `Request.AddCookie`.
pub fn add(h: &mut Header, pairs: &[u8]) -> Result<()> {
    match h.get(b"Cookie").filter(|c| !c.is_empty()) {
        Some(c) => {
            let all = [c, b"; ", pairs].concat();
            h.set(b"Cookie", &all)
        }
        None => h.set(b"Cookie", pairs),
    }
}

/// is_value_byte tells what may stand in a value; more than RFC 6265 has, as in Go.
pub fn is_value_byte(b: u8) -> bool {
    (0x20..0x7f).contains(&b) && !matches!(b, b'"' | b';' | b'\\')
}

fn trim(s: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let start = s.iter().position(|b| !is_space(b)).unwrap_or(s.len());
    let end = s.iter().rposition(|b| !is_space(b)).map_or(start, |i| i + 1);
    s.get(start..end).unwrap_or_default()
}

fn cut(s: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', s)?;
    Some((s.get(..at)?, s.get(at + 1..)?))
}

/// unquote takes quotes off and checks the bytes.
fn unquote(s: &[u8]) -> Option<(&[u8], bool)> {
    let inside = s.strip_prefix(b"\"").and_then(|s| s.strip_suffix(b"\""));
    let bare = inside.unwrap_or(s);
    bare.iter().all(|&b| is_value_byte(b)).then_some((bare, inside.is_some()))
}

/// seconds reads Max-Age (RFC 6265, 5.2.2); what is beyond every clock is as far as it goes.
fn seconds(s: &[u8]) -> Option<i64> {
    let digits = s.strip_prefix(b"-").unwrap_or(s);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let far = i64::from(u32::MAX) * 100;
    let n = std::str::from_utf8(digits).ok()?.parse().unwrap_or(far).min(far);
    Some(if digits.len() == s.len() { n } else { 0 })
}

/// is_domain tells whether a Domain attribute may be written: a name, with a leading dot or not, or an IPv4 address.
fn is_domain(d: &[u8]) -> bool {
    let text = std::str::from_utf8(d).unwrap_or_default();
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    let name = text.strip_prefix('.').unwrap_or(text);
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // A dot may end a name, as in Go.
    let labels = name.strip_suffix('.').unwrap_or(name);
    text.len() <= 255 && labels.split('.').all(label) && name.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_cookie_both_ways() {
        for (line, want) in [
            ("a=1", "a=1"),
            (" a = 1", "a=\" 1\""),
            ("a=\"q v\"; path=/x; DOMAIN=.Ex.test", "a=\"q v\"; Path=/x; Domain=Ex.test"),
            (
                "a=b; Expires=Wed, 21-Oct-2037 07:28:00 GMT; Max-Age=5; Secure; HttpOnly; SameSite=lax",
                "a=b; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Max-Age=5; HttpOnly; Secure; SameSite=Lax",
            ),
            ("a=; Max-Age=-3; SameSite=what; Partitioned", "a=; Max-Age=0; Partitioned"),
            ("a=1; Max-Age=x; Expires=never; ; unknown; path", "a=1"),
            ("a=1; domain=-x; domain2; Path = /p ", "a=1; Path=/p"),
            ("a=1; SameSite=None; samesite=strict", "a=1; SameSite=Strict"),
        ] {
            let c = Cookie::parse_set(line.as_bytes()).unwrap();
            assert_eq!(String::from_utf8_lossy(&c.to_set()), want, "{line}");
        }
        for (line, why) in [
            ("", "blank cookie"),
            ("  ", "blank cookie"),
            ("abc", "'=' not found"),
            ("; a=1", "'=' not found"),
            ("=1", "invalid cookie name"),
            ("a b=1", "invalid cookie name"),
            ("a=\"x", "invalid cookie value"),
            ("a=x\\y", "invalid cookie value"),
        ] {
            let e = Cookie::parse_set(line.as_bytes()).unwrap_err();
            assert!(e.message().contains(why), "{line}: {e}");
        }
    }

    #[test]
    fn requests_and_their_limit() {
        let mut h = Header::new();
        h.add(b"Cookie", b"a=1; bad name=2; b=\"x y\";; c; d=\"").unwrap();
        h.add(b"cookie", b" e = 5").unwrap();
        let got: Vec<Vec<u8>> = read(&h).iter().map(|c| [&c.name[..], b":", &c.value].concat()).collect();
        assert_eq!(got, [&b"a:1"[..], b"b:x y", b"c:", b"e: 5"]);
        add(&mut h, b"z=26").unwrap();
        assert!(h.get(b"Cookie").unwrap().ends_with(b"; z=26"));
        let mut h = Header::new();
        h.add(b"Cookie", "a=1;".repeat(MAX_COUNT).as_bytes()).unwrap();
        assert!(read(&h).is_empty());
        let mut h = Header::new();
        h.add(b"Cookie", &"a=1;".repeat(MAX_COUNT).as_bytes()[..MAX_COUNT * 4 - 1]).unwrap();
        assert_eq!(read(&h).len(), MAX_COUNT);
        let mut h = Header::new();
        for _ in 0..=MAX_COUNT {
            h.add_unchecked(b"Set-Cookie", b"a=1");
        }
        assert!(read_set(&h).is_empty());
    }

    #[test]
    fn ages_do_not_overflow() {
        for (text, want) in [
            ("007", Some(7)),
            ("-0", Some(0)),
            ("99999999999999999999", Some(429_496_729_500)),
            ("+1", None),
            ("", None),
        ] {
            assert_eq!(seconds(text.as_bytes()), want, "{text}");
        }
        assert!(Cookie::new(b"a", b"x;y").is_err() && Cookie::new(b"", b"").is_err());
    }
}

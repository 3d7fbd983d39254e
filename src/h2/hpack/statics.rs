//! The static table (RFC 7541, appendix A), and the names that the engine knows.

/// A token is a known name: the first index of it in the static table, or a number of ours beyond the table.
pub mod token {
    pub const UNKNOWN: u8 = 0;
    pub const AUTHORITY: u8 = 1;
    pub const METHOD: u8 = 2;
    pub const PATH: u8 = 4;
    pub const SCHEME: u8 = 6;
    pub const STATUS: u8 = 8;
    pub const AGE: u8 = 21;
    pub const AUTHORIZATION: u8 = 23;
    pub const CONTENT_LENGTH: u8 = 28;
    pub const COOKIE: u8 = 32;
    pub const ETAG: u8 = 34;
    pub const HOST: u8 = 38;
    pub const IF_MODIFIED_SINCE: u8 = 40;
    pub const IF_NONE_MATCH: u8 = 41;
    pub const LOCATION: u8 = 46;
    pub const PROXY_AUTHORIZATION: u8 = 49;
    pub const SET_COOKIE: u8 = 55;
    pub const TRANSFER_ENCODING: u8 = 57;
    pub const PROTOCOL: u8 = 62;
    pub const CONNECTION: u8 = 63;
    pub const KEEP_ALIVE: u8 = 64;
    pub const PROXY_CONNECTION: u8 = 65;
    pub const UPGRADE: u8 = 66;
    pub const TE: u8 = 67;
    pub const PRIORITY: u8 = 68;

    /// from_name gives the token of a name in lower case.
    pub fn from_name(name: &[u8]) -> u8 {
        super::find(name)
    }

    /// is_pseudo tells the names that begin with a colon.
    pub fn is_pseudo(token: u8) -> bool {
        matches!(token, AUTHORITY..=14 | PROTOCOL)
    }

    /// is_connection tells the fields that belong to HTTP/1 connections (RFC 9113, 8.2.2); TE is another matter.
    pub fn is_connection(token: u8) -> bool {
        matches!(token, CONNECTION | KEEP_ALIVE | PROXY_CONNECTION | UPGRADE | TRANSFER_ENCODING)
    }
}

/// The length of the static table; indices begin at 1.
pub(super) const LEN: usize = 61;

/// Index 0 is none; those from 62 on are not the table's but names that the engine looks for.
const FIELDS: [(&str, &str); 69] = [
    ("", ""),
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
    (":protocol", ""),
    ("connection", ""),
    ("keep-alive", ""),
    ("proxy-connection", ""),
    ("upgrade", ""),
    ("te", ""),
    ("priority", ""),
];

const SLOTS: usize = 256;

/// Each name's first index, at its hash or behind it.
static BY_HASH: [u8; SLOTS] = build();
/// The token of each index.
static TOKENS: [u8; FIELDS.len()] = tokens();

const fn hash(name: &[u8]) -> usize {
    let len = name.len();
    if len == 0 {
        return 0;
    }
    let (first, middle, last) = (name[0] as usize, name[len / 2] as usize, name[len - 1] as usize);
    (len * 31 + first * 7 + middle * 61 + last * 13) % SLOTS
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn build() -> [u8; SLOTS] {
    let mut slots = [0; SLOTS];
    let mut i = 1;
    while i < FIELDS.len() {
        let name = FIELDS[i].0.as_bytes();
        if !same(name, FIELDS[i - 1].0.as_bytes()) {
            let mut at = hash(name);
            while slots[at] != 0 {
                at = (at + 1) % SLOTS;
            }
            slots[at] = i as u8;
        }
        i += 1;
    }
    slots
}

const fn tokens() -> [u8; FIELDS.len()] {
    let mut all = [0; FIELDS.len()];
    let mut i = 1;
    while i < FIELDS.len() {
        let repeated = same(FIELDS[i].0.as_bytes(), FIELDS[i - 1].0.as_bytes());
        all[i] = if repeated { all[i - 1] } else { i as u8 };
        i += 1;
    }
    all
}

fn find(name: &[u8]) -> u8 {
    let mut at = hash(name);
    // The table has free slots, so this ends.
    while let Some(&index @ 1..) = BY_HASH.get(at) {
        if name_of(index).as_bytes() == name {
            return index;
        }
        at = (at + 1) % SLOTS;
    }
    token::UNKNOWN
}

pub(super) fn name_of(token: u8) -> &'static str {
    FIELDS.get(usize::from(token)).map_or("", |f| f.0)
}

/// field is the entry at `index` of the static table, with its token.
pub(super) fn field(index: usize) -> Option<(&'static [u8], &'static [u8], u8)> {
    if index == 0 || index > LEN {
        return None;
    }
    let (name, value) = FIELDS.get(index)?;
    Some((name.as_bytes(), value.as_bytes(), *TOKENS.get(index)?))
}

/// exact gives the index of a name and its value, if the table has both.
pub(super) fn exact(token: u8, value: &[u8]) -> Option<usize> {
    let last = match token {
        token::METHOD | token::PATH | token::SCHEME => token + 1,
        token::STATUS => 14,
        16 => 16,
        _ => return None,
    };
    (token..=last).map(usize::from).find(|&i| field(i).is_some_and(|f| f.1 == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        for (i, &(name, value)) in FIELDS.iter().enumerate().skip(1) {
            let token = token::from_name(name.as_bytes());
            assert_eq!(name_of(token), name);
            assert_eq!(token, TOKENS[i]);
            if !value.is_empty() {
                assert_eq!(exact(token, value.as_bytes()), Some(i));
            }
        }
        for name in ["", "x", "content-lengti", "content-lenghh", "Host", "hosts"] {
            assert_eq!(token::from_name(name.as_bytes()), token::UNKNOWN, "{name}");
        }
        assert_eq!(token::from_name(b"content-length"), token::CONTENT_LENGTH);
        assert_eq!(token::from_name(b"proxy-authorization"), token::PROXY_AUTHORIZATION);
        assert_eq!(token::from_name(b"if-none-match"), token::IF_NONE_MATCH);
        assert_eq!(token::from_name(b"transfer-encoding"), token::TRANSFER_ENCODING);
        assert_eq!(exact(token::STATUS, b"201"), None);
        assert_eq!(field(0), None);
        assert_eq!(field(62), None);
        // A lookup looks at few slots.
        let longest = BY_HASH.split(|&s| s == 0).map(<[u8]>::len).max();
        assert!(longest < Some(9), "{longest:?}");
    }
}

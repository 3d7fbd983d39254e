//! `Encoder`: header lists as blocks.

use super::integer::put_integer;
use super::table::DynamicTable;
use super::{DEFAULT_TABLE, field_size, huffman, statics, token};

/// How many fields the encoder remembers where to find; a field that was forgotten is sent in full again.
const SLOTS: usize = 128;
/// Cookies below this length can be guessed one after the other, so no table keeps them (RFC 7541, 7.1.3).
const SHORT_COOKIE: usize = 20;

/// Encoder has the table of what was sent.
#[derive(Debug)]
pub struct Encoder {
    table: DynamicTable,
    /// What is used of the peer's table at most.
    limit: usize,
    /// For a hash of name and value, and of the name alone, the number of the entry that had it last, plus one.
    fields: [u32; SLOTS],
    names: [u32; SLOTS],
    /// The smallest and the last of the sizes that the next block is to announce (4.2).
    update: Option<(usize, usize)>,
    lower: Vec<u8>,
}

enum IndexPolicy {
    Index,
    /// Seldom the same twice.
    Plain,
    /// Secret: no proxy on the way may keep it either (RFC 7541, 7.1.3).
    Never,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::new()
    }
}

impl Encoder {
    pub fn new() -> Encoder {
        Encoder::with_limit(DEFAULT_TABLE)
    }

    /// with_limit makes an encoder that uses at most `limit` bytes of the peer's table.
    pub fn with_limit(limit: usize) -> Encoder {
        let mut encoder = Encoder {
            table: DynamicTable::new(DEFAULT_TABLE),
            limit,
            fields: [0; SLOTS],
            names: [0; SLOTS],
            update: None,
            lower: Vec::new(),
        };
        encoder.set_peer_max(DEFAULT_TABLE);
        encoder
    }

    /// set_peer_max follows the peer's SETTINGS_HEADER_TABLE_SIZE; more than the limit is not used.
    pub fn set_peer_max(&mut self, max: usize) {
        let max = max.min(self.limit);
        let (least, last) = self.update.unwrap_or((self.table.max(), self.table.max()));
        self.update = (max != last || self.update.is_some()).then_some((least.min(max), max));
    }

    /// begin is called before the first field of each block.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        let Some((least, last)) = self.update.take() else { return };
        if least < last.min(self.table.max()) {
            self.table.set_max(least);
            put_integer(out, 0x20, 5, least);
        }
        self.table.set_max(last);
        put_integer(out, 0x20, 5, last);
    }

    /// field appends a field; its name is sent in lower case (RFC 9113, 8.2.1).
    pub fn field(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        self.field_if(out, name, value, |_| true);
    }

    /// field_if appends a field if `keep` says so of its token.
    pub fn field_if(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8], keep: impl FnOnce(u8) -> bool) {
        let mut lower = std::mem::take(&mut self.lower);
        lower.clear();
        lower.extend(name.iter().map(u8::to_ascii_lowercase));
        let token = token::from_name(&lower);
        if keep(token) {
            self.put(out, token, &lower, value);
        }
        self.lower = lower;
    }

    /// known appends a field whose token is known.
    pub fn known(&mut self, out: &mut Vec<u8>, token: u8, value: &[u8]) {
        self.put(out, token, statics::name_of(token).as_bytes(), value);
    }

    fn put(&mut self, out: &mut Vec<u8>, token: u8, name: &[u8], value: &[u8]) {
        if let Some(index) = statics::exact(token, value) {
            put_integer(out, 0x80, 7, index);
            return;
        }
        match policy(token, value) {
            IndexPolicy::Never => self.literal(out, 0x10, 4, token, name, value),
            IndexPolicy::Plain => self.literal(out, 0, 4, token, name, value),
            IndexPolicy::Index => self.indexed(out, token, name, value),
        }
    }

    fn indexed(&mut self, out: &mut Vec<u8>, token: u8, name: &[u8], value: &[u8]) {
        let by_name = hash(0, name);
        let by_field = hash(by_name, value);
        let (name_slot, field_slot) = (slot(by_name), slot(by_field));
        let number = self.fields.get(field_slot).copied().unwrap_or(0);
        if let Some(index) = self.index(number)
            && self.table.get(index).is_some_and(|e| e.0 == name && e.1 == value)
        {
            put_integer(out, 0x80, 7, statics::LEN + 1 + index);
            return;
        }
        // What would push most of the table out is not worth it.
        if field_size(name, value) > self.table.max() / 2 {
            self.literal(out, 0, 4, token, name, value);
            return;
        }
        self.literal(out, 0x40, 6, token, name, value);
        if self.table.insert(name, value, token) {
            let number = self.table.inserted();
            for slot in [self.fields.get_mut(field_slot), self.names.get_mut(name_slot)].into_iter().flatten()
            {
                *slot = number;
            }
        }
    }

    /// index is where the entry with that number, plus one, is now; `None` if it is gone.
    fn index(&self, number: u32) -> Option<usize> {
        let age = self.table.inserted().wrapping_sub(number) as usize;
        (number != 0 && age < self.table.len()).then_some(age)
    }

    fn literal(&self, out: &mut Vec<u8>, pattern: u8, bits: u32, token: u8, name: &[u8], value: &[u8]) {
        let index = match usize::from(token) {
            index @ 1..=statics::LEN => Some(index),
            _ => {
                let number = self.names.get(slot(hash(0, name))).copied().unwrap_or(0);
                self.index(number)
                    .filter(|&i| self.table.get(i).is_some_and(|e| e.0 == name))
                    .map(|i| statics::LEN + 1 + i)
            }
        };
        put_integer(out, pattern, bits, index.unwrap_or(0));
        if index.is_none() {
            string(out, name);
        }
        string(out, value);
    }
}

fn policy(token: u8, value: &[u8]) -> IndexPolicy {
    match token {
        token::AUTHORIZATION | token::PROXY_AUTHORIZATION => IndexPolicy::Never,
        token::COOKIE if value.len() < SHORT_COOKIE => IndexPolicy::Never,
        token::PATH
        | token::AGE
        | token::CONTENT_LENGTH
        | token::ETAG
        | token::IF_MODIFIED_SINCE
        | token::IF_NONE_MATCH
        | token::LOCATION
        | token::SET_COOKIE => IndexPolicy::Plain,
        _ => IndexPolicy::Index,
    }
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    let coded = huffman::coded_len(text);
    if coded < text.len() {
        put_integer(out, 0x80, 7, coded);
        huffman::encode(out, text);
    } else {
        put_integer(out, 0, 7, text.len());
        out.extend_from_slice(text);
    }
}

/// hash takes eight bytes at a time. What it finds is compared, so that collisions cost a few bytes on the wire.
fn hash(seed: u64, text: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut h = seed ^ (text.len() as u64).wrapping_mul(K);
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        h = (h.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(K);
    }
    let tail = rest.iter().fold(0u64, |t, &b| t << 8 | u64::from(b));
    (h.rotate_left(5) ^ tail).wrapping_mul(K)
}

fn slot(hash: u64) -> usize {
    (hash >> 57) as usize % SLOTS
}

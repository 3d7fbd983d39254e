//! The dynamic table (RFC 7541, 2.3.2 and 4).

use super::{FIELD_OVERHEAD, field_size};
use std::collections::VecDeque;

/// DynamicTable keeps the fields' bytes one behind the other in one buffer; when its end is reached, what is alive moves to
/// the front. So an insertion allocates nothing once the buffer has grown.
#[derive(Debug)]
pub(super) struct DynamicTable {
    bytes: Vec<u8>,
    /// From the oldest to the newest.
    entries: VecDeque<TableEntry>,
    size: usize,
    max: usize,
    inserted: u32,
}

#[derive(Clone, Copy, Debug)]
struct TableEntry {
    at: u32,
    name: u32,
    value: u32,
    token: u8,
}

impl TableEntry {
    fn size(self) -> usize {
        self.len() + FIELD_OVERHEAD
    }

    fn len(self) -> usize {
        self.name as usize + self.value as usize
    }
}

impl DynamicTable {
    pub(super) fn new(max: usize) -> DynamicTable {
        DynamicTable { bytes: Vec::new(), entries: VecDeque::new(), size: 0, max, inserted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// inserted counts the insertions, modulo 2^32: the newest entry's number is one less.
    pub(super) fn inserted(&self) -> u32 {
        self.inserted
    }

    /// get is the entry at `index`, the newest being at 0: its name, value and token.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8], u8)> {
        let e = *self.entries.get(self.entries.len().checked_sub(index + 1)?)?;
        let (name, rest) = self.bytes.get(e.at as usize..)?.split_at_checked(e.name as usize)?;
        Some((name, rest.get(..e.value as usize)?, e.token))
    }

    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max;
        self.evict(0);
    }

    /// insert adds a field, for which the oldest ones go; one that is larger than the table only empties it (4.4).
    /// It says whether the field is there.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], token: u8) -> bool {
        let size = field_size(name, value);
        self.evict(size);
        if size > self.max {
            return false;
        }
        let len = name.len() + value.len();
        if self.bytes.len() + len > self.max {
            self.compact();
        }
        let entry = TableEntry {
            at: self.bytes.len() as u32,
            name: name.len() as u32,
            value: value.len() as u32,
            token,
        };
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_back(entry);
        self.size += size;
        self.inserted = self.inserted.wrapping_add(1);
        true
    }

    /// evict makes room for `size` more.
    fn evict(&mut self, size: usize) {
        while self.size + size > self.max
            && let Some(e) = self.entries.pop_front()
        {
            self.size -= e.size();
        }
        if self.entries.is_empty() {
            self.bytes.clear();
        }
    }

    fn compact(&mut self) {
        let Some(from) = self.entries.front().map(|e| e.at) else { return };
        self.bytes.drain(..from as usize);
        for e in &mut self.entries {
            e.at -= from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_bytes_stay_bounded() {
        let mut t = DynamicTable::new(200);
        for i in 0..1000u32 {
            let (name, value) = (format!("name-{i}"), "v".repeat(i as usize % 40));
            assert!(t.insert(name.as_bytes(), value.as_bytes(), 7));
            assert_eq!(t.get(0), Some((name.as_bytes(), value.as_bytes(), 7)));
            assert!(t.size <= 200 && t.bytes.len() <= 200);
            let older = format!("name-{}", i.wrapping_sub(1));
            if t.len() > 1 {
                assert_eq!(t.get(1).map(|f| f.0), Some(older.as_bytes()));
            }
            assert_eq!(t.get(t.len()), None);
        }
        assert!(!t.insert(&[b'x'; 169], b"", 0));
        assert_eq!((t.len(), t.size), (0, 0));
        assert!(t.insert(&[b'x'; 168], b"", 0));
        t.set_max(0);
        assert_eq!(t.len(), 0);
        assert!(!t.insert(b"", b"", 0));
    }
}

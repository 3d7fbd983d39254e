//! `Decoder`: header blocks into a header's store.

use super::integer::BlockCursor;
use super::table::DynamicTable;
use super::{DEFAULT_TABLE, field_size, huffman, statics, token};
use crate::message::header::{Field, Header};
use crate::message::text::{Span, Store};

/// BadBlock is a block that cannot be decoded: a COMPRESSION_ERROR, and the end of the connection (RFC 9113, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBlock(pub &'static str);

/// Decoder has the table of what came.
#[derive(Debug)]
pub struct Decoder {
    table: DynamicTable,
    /// The largest table that the peer may choose.
    allowed: usize,
    /// The peer has acknowledged a smaller table and must choose it before anything else (RFC 7541, 4.2).
    shrink: bool,
    /// Where texts go that the table needs and the message does not.
    scratch: Store,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    pub fn new() -> Decoder {
        Decoder {
            table: DynamicTable::new(DEFAULT_TABLE),
            allowed: DEFAULT_TABLE,
            shrink: false,
            scratch: Store::default(),
        }
    }

    /// allow sets the largest table that the peer may choose. A larger one is allowed as soon as it was announced, a
    /// smaller one is demanded once the announcement was acknowledged: both are the caller's to know.
    pub fn allow(&mut self, max: usize) {
        self.allowed = max;
        self.shrink = self.table.max() > max;
    }

    /// decode reads a whole block. Each field is put into `header`'s store, but not into the header, and given to
    /// `take`, as long as the list, counted as RFC 9113, 6.5.2 has it, is not longer than `limit`. What follows is
    /// decoded for the table's sake and dropped. The answer is the size of the whole list.
    pub fn decode(
        &mut self,
        block: &[u8],
        header: &mut Header,
        limit: usize,
        mut take: impl FnMut(&mut Header, Field, u8),
    ) -> Result<usize, BadBlock> {
        let mut cursor = BlockCursor(block);
        let (mut size, mut updates) = (0usize, 0);
        let mut first_field = true;
        while let Some(first) = cursor.peek() {
            if first & 0xe0 == 0x20 {
                updates += 1;
                // 4.2: at the beginning of a block, and at most two.
                if !first_field || updates > 2 {
                    return Err(BadBlock("a table size update out of place"));
                }
                self.resize(&mut cursor)?;
                continue;
            }
            if self.shrink {
                return Err(BadBlock("no table size update after the table was made smaller"));
            }
            first_field = false;
            if first & 0x80 != 0 {
                let index = cursor.integer(7).ok_or(TRUNCATED)?;
                let (name, value, token) = self.entry(index)?;
                size = size.saturating_add(field_size(name, value));
                if size <= limit {
                    let store = header.store_mut();
                    let field = Field { name: store.intern(name), value: store.intern(value) };
                    take(header, field, token);
                }
                continue;
            }
            let (prefix, keep) = if first & 0x40 != 0 { (6, true) } else { (4, false) };
            let index = cursor.integer(prefix).ok_or(TRUNCATED)?;
            let wanted = size <= limit;
            let mut scratch = std::mem::take(&mut self.scratch);
            let store = if wanted { header.store_mut() } else { &mut scratch };
            let literal = self.literal(&mut cursor, index, keep, store);
            if !wanted {
                scratch.clear_arena();
            }
            self.scratch = scratch;
            let (field, token) = literal?;
            size = size.saturating_add(field.name.len() + field.value.len() + super::FIELD_OVERHEAD);
            if size <= limit {
                take(header, field, token);
            }
        }
        Ok(size)
    }

    fn resize(&mut self, cursor: &mut BlockCursor<'_>) -> Result<(), BadBlock> {
        let max = cursor.integer(5).ok_or(TRUNCATED)?;
        if max > self.allowed {
            return Err(BadBlock("a table larger than allowed"));
        }
        self.table.set_max(max);
        self.shrink = false;
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<(&[u8], &[u8], u8), BadBlock> {
        let found = match index.checked_sub(statics::LEN + 1) {
            Some(dynamic) => self.table.get(dynamic),
            None => statics::field(index),
        };
        found.ok_or(BadBlock("an index that is in neither table"))
    }

    /// literal reads a field whose name is at `index`, or follows.
    fn literal(
        &mut self,
        cursor: &mut BlockCursor<'_>,
        index: usize,
        keep: bool,
        store: &mut Store,
    ) -> Result<(Field, u8), BadBlock> {
        let (name, token) = match index {
            0 => {
                let name = string(cursor, store)?;
                (name, token::from_name(store.get(name)))
            }
            _ => {
                let (name, _, token) = self.entry(index)?;
                (store.intern(name), token)
            }
        };
        let value = string(cursor, store)?;
        if keep {
            self.table.insert(store.get(name), store.get(value), token);
        }
        Ok((Field { name, value }, token))
    }
}

const TRUNCATED: BadBlock = BadBlock("a number that is cut or too large");

/// string reads a string (5.2) into the store.
fn string(cursor: &mut BlockCursor<'_>, store: &mut Store) -> Result<Span, BadBlock> {
    let coded = cursor.peek().is_some_and(|b| b & 0x80 != 0);
    let len = cursor.integer(7).ok_or(TRUNCATED)?;
    let bytes = cursor.take(len).ok_or(BadBlock("a string that is cut"))?;
    if !coded {
        return Ok(store.intern(bytes));
    }
    store
        .intern_with(huffman::longest(len), |room| huffman::decode(bytes, room))
        .ok_or(BadBlock("a string in no Huffman code"))
}

//! `Priority`: urgency and incremental delivery (RFC 9218). RFC 7540's tree is ignored, as RFC 9113, 5.3.2 has it.

use std::collections::BTreeMap;

/// Priority is what a client would like. Without a word of it responses take turns, as in Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// 0 is the most urgent, 7 the least.
    pub urgency: u8,
    pub incremental: bool,
}

pub(super) const DEFAULT_PRIORITY: Priority = Priority { urgency: 3, incremental: true };

impl Priority {
    /// parse reads a field's value: a dictionary (RFC 8941, 3.2) of which `u` and `i` count, the last of each. What is
    /// out of range or unknown is ignored (RFC 9218, 4).
    pub(super) fn parse(value: &[u8]) -> Priority {
        let mut p = Priority { urgency: 3, incremental: false };
        for item in value.split(|&b| b == b',') {
            let item = item.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            match item {
                [b'u', b'=', n @ b'0'..=b'7'] => p.urgency = n - b'0',
                b"i" | b"i=?1" => p.incremental = true,
                b"i=?0" => p.incremental = false,
                _ => {}
            }
        }
        p
    }
}

/// PendingPriorities is what was said of streams that are not open yet (RFC 9218, 7.1).
#[derive(Debug, Default)]
pub(super) struct PendingPriorities(BTreeMap<u32, Priority>);

impl PendingPriorities {
    /// put remembers the last word on a stream; `false`: there are `most` others. No stream up to `opened` is to come any
    /// more (RFC 9113, 5.1.1).
    pub(super) fn put(&mut self, id: u32, priority: Priority, opened: u32, most: usize) -> bool {
        while self.0.first_key_value().is_some_and(|(&first, _)| first <= opened) {
            self.0.pop_first();
        }
        let room = self.0.len() < most || self.0.contains_key(&id);
        if room {
            self.0.insert(id, priority);
        }
        room
    }

    /// take is for a stream that opens.
    pub(super) fn take(&mut self, id: u32) -> Option<Priority> {
        self.0.remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_foretold() {
        let (mut f, urgent) =
            (PendingPriorities::default(), |urgency| Priority { urgency, incremental: false });
        assert!(f.put(3, urgent(1), 0, 2) && f.put(5, urgent(2), 0, 2));
        assert!(!f.put(7, urgent(3), 0, 2), "no room");
        assert!(f.put(5, urgent(4), 0, 2), "the last word counts");
        assert!(f.put(7, urgent(3), 3, 2), "3 was left out, or has come");
        assert_eq!([3, 5, 5, 7].map(|id| f.take(id)), [None, Some(urgent(4)), None, Some(urgent(3))]);
    }

    #[test]
    fn fields() {
        let p = |v: &str| {
            let p = Priority::parse(v.as_bytes());
            (p.urgency, p.incremental)
        };
        assert_eq!(p(""), (3, false));
        assert_eq!(p("u=5, i"), (5, true));
        assert_eq!(p("i=?0,u=0;x=1"), (0, false));
        assert_eq!(p("u=8, i=1, x=y"), (3, false));
        assert_eq!(p("u=1,u=2,i;a,"), (2, true));
    }
}

//! `Priority`: urgency and incremental delivery (RFC 9218). RFC 7540's tree is ignored, as RFC 9113, 5.3.2 has it.

/// Priority is what a client would like. Without a word of it responses take turns, as in Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// 0 is the most urgent, 7 the least.
    pub urgency: u8,
    pub incremental: bool,
}

pub(super) const UNTOLD: Priority = Priority { urgency: 3, incremental: true };

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

#[cfg(test)]
mod tests {
    use super::*;

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

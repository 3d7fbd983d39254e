//! The Huffman code of RFC 7541, appendix B, which is canonical: its lengths are all there is to know.

/// The length of each byte's code, then that of EOS.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];
const EOS: u16 = 256;
const LONGEST: usize = 30;
/// Codes of up to so many bits are found in one look: all but the characters that headers hardly have.
const NEAR: usize = 10;

struct HuffmanCode {
    /// Symbols by the order of their codes.
    symbols: [u16; 257],
    /// The code of each symbol.
    codes: [u32; 257],
    /// For each length the first code, how many there are, and where their symbols begin.
    first: [u32; LONGEST + 1],
    count: [u32; LONGEST + 1],
    start: [u16; LONGEST + 1],
    /// For each NEAR bits the symbol that they begin with and the length of its code; 0 where it is longer.
    near: [(u8, u8); 1 << NEAR],
}

static CODE: HuffmanCode = build();

const fn build() -> HuffmanCode {
    let mut c = HuffmanCode {
        symbols: [0; 257],
        codes: [0; 257],
        first: [0; LONGEST + 1],
        count: [0; LONGEST + 1],
        start: [0; LONGEST + 1],
        near: [(0, 0); 1 << NEAR],
    };
    let (mut len, mut code, mut at) = (1, 0u32, 0);
    while len <= LONGEST {
        code <<= 1;
        c.first[len] = code;
        c.start[len] = at as u16;
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == len {
                c.symbols[at] = symbol as u16;
                c.codes[symbol] = code;
                if len <= NEAR {
                    let mut low = 0;
                    while low < 1 << (NEAR - len) {
                        c.near[(code as usize) << (NEAR - len) | low] = (symbol as u8, len as u8);
                        low += 1;
                    }
                }
                at += 1;
                code += 1;
            }
            symbol += 1;
        }
        c.count[len] = code - c.first[len];
        len += 1;
    }
    c
}

/// longest is how many bytes `len` coded ones can stand for: no code is shorter than five bits.
pub(super) fn longest(len: usize) -> usize {
    len.saturating_mul(8) / 5
}

/// decode writes what `src` stands for to `dst`, which has [`longest`] bytes of room, and says how many they are. EOS,
/// and padding that is longer than 7 bits or not its beginning, are errors (5.2).
pub(super) fn decode(src: &[u8], dst: &mut [u8]) -> Option<usize> {
    let mut dst_left = dst.iter_mut();
    let mut src = src;
    // `have` bits of input stand at the top of `bits`; zeros follow.
    let (mut bits, mut have) = (0u64, 0u32);
    loop {
        if have < LONGEST as u32 {
            if let Some((word, rest)) = src.split_first_chunk::<4>() {
                bits |= u64::from(u32::from_be_bytes(*word)) << (32 - have);
                have += 32;
                src = rest;
            } else {
                while let (true, Some((&b, rest))) = (have <= 56, src.split_first()) {
                    bits |= u64::from(b) << (56 - have);
                    have += 8;
                    src = rest;
                }
            }
        }
        let near = CODE.near.get((bits >> (64 - NEAR)) as usize).copied().unwrap_or_default();
        let (symbol, len) =
            if near.1 != 0 { (u16::from(near.0), u32::from(near.1)) } else { decode_long(bits)? };
        if len > have {
            break;
        }
        if symbol == EOS {
            return None;
        }
        *dst_left.next()? = symbol as u8;
        bits <<= len;
        have -= len;
    }
    let ones = if have == 0 { 0 } else { u64::MAX << (64 - have) };
    let left = dst_left.len();
    (have < 8 && bits == ones).then(|| dst.len() - left)
}

/// decode_long finds a code of more than NEAR bits at the top of `bits`.
#[cold]
fn decode_long(bits: u64) -> Option<(u16, u32)> {
    for len in NEAR + 1..=LONGEST {
        let code = (bits >> (64 - len)) as u32;
        let nth = code.checked_sub(*CODE.first.get(len)?)?;
        if nth < *CODE.count.get(len)? {
            let at = usize::from(*CODE.start.get(len)?) + nth as usize;
            return Some((*CODE.symbols.get(at)?, len as u32));
        }
    }
    None
}

/// coded_len is how many bytes `text` has in this code.
pub(super) fn coded_len(text: &[u8]) -> usize {
    let bits: usize =
        text.iter().map(|&b| usize::from(LENGTHS.get(usize::from(b)).copied().unwrap_or(0))).sum();
    bits.div_ceil(8)
}

/// encode appends `text`, padded by ones.
pub(super) fn encode(out: &mut Vec<u8>, text: &[u8]) {
    let (mut bits, mut have) = (0u64, 0u32);
    for &b in text {
        let at = usize::from(b);
        let (Some(&code), Some(&len)) = (CODE.codes.get(at), LENGTHS.get(at)) else { continue };
        bits = bits << len | u64::from(code);
        have += u32::from(len);
        if have >= 32 {
            have -= 32;
            out.extend_from_slice(&((bits >> have) as u32).to_be_bytes());
        }
    }
    while have >= 8 {
        have -= 8;
        out.push((bits >> have) as u8);
    }
    if have > 0 {
        out.push((bits << (8 - have)) as u8 | (0xff >> have));
    }
}

//! RFC 7541's own examples, what must be refused, and random lists there and back and against another implementation.

use super::*;
use crate::message::header::Header;

type List = Vec<(Vec<u8>, Vec<u8>)>;

fn hex(s: &str) -> Vec<u8> {
    let digits: Vec<u8> = s.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

fn decode_limited(d: &mut Decoder, block: &[u8], limit: usize) -> Result<(List, usize), BadBlock> {
    let (mut h, mut list) = (Header::new(), List::new());
    let size = d.decode(block, &mut h, limit, |h, f, token| {
        let name = h.store().get(f.name);
        assert_eq!(token, token::from_name(name));
        assert_eq!(h.store().cstr(f.name).count_bytes(), name.iter().take_while(|&&b| b != 0).count());
        list.push((name.to_vec(), h.store().get(f.value).to_vec()));
    })?;
    Ok((list, size))
}

fn decode(d: &mut Decoder, block: &[u8]) -> Result<List, BadBlock> {
    decode_limited(d, block, usize::MAX).map(|(list, _)| list)
}

fn encode(e: &mut Encoder, list: &List) -> Vec<u8> {
    let mut out = Vec::new();
    e.begin(&mut out);
    for (name, value) in list {
        e.field(&mut out, name, value);
    }
    out
}

fn text(list: &List) -> String {
    list.iter()
        .map(|(n, v)| format!("{}={}\n", String::from_utf8_lossy(n), String::from_utf8_lossy(v)))
        .collect()
}

/// Appendix C: each block of a connection, and what it decodes to.
#[test]
fn the_rfcs_examples() {
    let requests = [
        ":method=GET\n:scheme=http\n:path=/\n:authority=www.example.com\n",
        ":method=GET\n:scheme=http\n:path=/\n:authority=www.example.com\ncache-control=no-cache\n",
        ":method=GET\n:scheme=https\n:path=/index.html\n:authority=www.example.com\ncustom-key=custom-value\n",
    ];
    let responses = [
        ":status=302\ncache-control=private\ndate=Mon, 21 Oct 2013 20:13:21 GMT\nlocation=https://www.example.com\n",
        ":status=307\ncache-control=private\ndate=Mon, 21 Oct 2013 20:13:21 GMT\nlocation=https://www.example.com\n",
        ":status=200\ncache-control=private\ndate=Mon, 21 Oct 2013 20:13:22 GMT\nlocation=https://www.example.com\n\
         content-encoding=gzip\nset-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n",
    ];
    let c3 = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let c4 = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    let c5 = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 \
         474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 \
         666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 \
         3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    let c6 = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
         63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 \
         b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    for (blocks, lists, table) in [
        (c3, requests, DEFAULT_TABLE),
        (c4, requests, DEFAULT_TABLE),
        (c5, responses, 256),
        (c6, responses, 256),
    ] {
        let mut d = Decoder::new();
        d.allow(table);
        // The examples have a table of that size from the beginning.
        let mut update = Vec::new();
        integer::put_integer(&mut update, 0x20, 5, table);
        decode(&mut d, &update).unwrap();
        for (block, list) in blocks.iter().zip(lists) {
            assert_eq!(text(&decode(&mut d, &hex(block)).unwrap()), list);
        }
    }
    for (block, list) in [
        ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key=custom-header\n"),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path=/sample/path\n"),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password=secret\n"),
        ("82", ":method=GET\n"),
    ] {
        assert_eq!(text(&decode(&mut Decoder::new(), &hex(block)).unwrap()), list);
    }
}

#[test]
fn integers() {
    for (bytes, bits, n) in [("0a", 5, 10), ("1f9a0a", 5, 1337), ("2a", 8, 42), ("1f8080808000", 5, 31)] {
        assert_eq!(integer::BlockCursor(&hex(bytes)).integer(bits.min(7)), Some(n), "{bytes}");
    }
    for bad in ["", "1f", "1f80", "1f808080808000", "1fffffffffff01", "1fffffffff7f"] {
        assert_eq!(integer::BlockCursor(&hex(bad)).integer(5), None, "{bad}");
    }
    for bits in 4..8 {
        for n in [0, 1, 14, 15, 16, 126, 127, 128, 129, 254, 255, 16_383, 1 << 20, u32::MAX as usize] {
            let mut out = Vec::new();
            integer::put_integer(&mut out, 0, bits, n);
            let mut c = integer::BlockCursor(&out);
            assert_eq!((c.integer(bits), c.0.len()), (Some(n), 0));
        }
    }
}

#[test]
fn huffman_both_ways() {
    let all: Vec<u8> = (0..=255).collect();
    for text in [&b""[..], b"www.example.com", b"!", b"\xff\xfe\0", &all] {
        let mut coded = Vec::new();
        huffman::encode(&mut coded, text);
        assert_eq!(coded.len(), huffman::coded_len(text));
        let mut room = vec![0; huffman::longest(coded.len())];
        assert_eq!(huffman::decode(&coded, &mut room), Some(text.len()));
        assert_eq!(&room[..text.len()], text);
    }
    for b in 0..=255 {
        let mut coded = Vec::new();
        huffman::encode(&mut coded, &[b]);
        assert_eq!(huffman::decode(&coded, &mut [0; 8]), Some(1), "{b}");
    }
    // EOS; padding of zeros; padding of eight ones and more; a code that is cut.
    for bad in ["3fffffff", "fffffffc", "18", "1fff", "ff", "1fffff", "fffe"] {
        let coded = hex(bad);
        let mut room = vec![0; huffman::longest(coded.len())];
        assert_eq!(huffman::decode(&coded, &mut room), None, "{bad}");
    }
    assert_eq!(huffman::decode(&hex("1f"), &mut [0; 1]), Some(1));
}

#[test]
fn what_is_refused() {
    for (bad, why) in [
        ("80", "index 0"),
        ("be", "an empty table's entry"),
        ("ff", "a cut index"),
        ("7f", "a cut name index"),
        ("40", "no name"),
        ("4001", "a cut name"),
        ("400161", "no value"),
        ("40016101", "a cut value"),
        ("400184ffffffff00", "EOS in a name"),
        ("003e80ff", "a name index beyond the table"),
        ("8220", "a size update behind a field"),
        ("202020", "three size updates"),
        ("3fe21f", "a table of 4097"),
    ] {
        assert!(decode(&mut Decoder::new(), &hex(bad)).is_err(), "{why}");
    }
    assert!(decode(&mut Decoder::new(), &hex("203fe11f82")).is_ok());
}

#[test]
fn a_smaller_table_must_be_chosen() {
    let mut d = Decoder::new();
    d.allow(100);
    assert!(decode(&mut d, &hex("82")).is_err());
    assert!(decode(&mut d, &hex("3f4682")).is_err(), "101 is too much");
    assert!(decode(&mut d, &hex("3f4582")).is_ok());
    assert!(decode(&mut d, &hex("82")).is_ok());
}

#[test]
fn the_encoder_follows_the_peers_table() {
    let list: List = vec![(b"x-name".to_vec(), b"value".to_vec())];
    let mut e = Encoder::new();
    let first = encode(&mut e, &list);
    assert_eq!(encode(&mut e, &list).len(), 1);
    // Smaller, then larger between two blocks: both are told (RFC 7541, 4.2), and the table is empty.
    e.set_peer_max(0);
    e.set_peer_max(1 << 30);
    let told = encode(&mut e, &list);
    assert_eq!(told, [&hex("203fe11f")[..], &first].concat());
    e.set_peer_max(DEFAULT_TABLE);
    assert_eq!(encode(&mut e, &list).len(), 1);
    e.set_peer_max(10);
    assert_eq!(encode(&mut e, &list)[0], 0x2a);
    let again = encode(&mut e, &list);
    assert_eq!(again.len(), first.len());
}

#[test]
fn the_encoder_has_a_limit_of_its_own() {
    let list: List = vec![(b"x-name".to_vec(), b"value".to_vec())];
    let mut e = Encoder::with_limit(0);
    let first = encode(&mut e, &list);
    assert_eq!(first[0], 0x20, "a smaller table is told at once (RFC 7541, 4.2)");
    assert_eq!(encode(&mut e, &list).len() + 1, first.len(), "and nothing is in it");
    let mut e = Encoder::with_limit(8192);
    encode(&mut e, &list);
    e.set_peer_max(8192);
    assert_eq!(encode(&mut e, &list), hex("3fe13fbe"), "a larger one when the peer has it");
}

#[test]
fn secrets_are_kept_out_of_tables() {
    for (name, value, first) in [
        ("Authorization", "Basic abc", 0x1f),
        ("proxy-authorization", "x", 0x1f),
        ("cookie", "short", 0x1f),
        (":path", "/x", 0x04),
        ("set-cookie", "a=b", 0x0f),
        ("cookie", "a longer cookie than twenty", 0x60),
    ] {
        let mut e = Encoder::new();
        let list: List = vec![(name.into(), value.into())];
        let block = encode(&mut e, &list);
        assert_eq!(block[0], first, "{name}");
        assert_eq!(encode(&mut e, &list).len() == 1, first == 0x60);
        let mut d = Decoder::new();
        assert_eq!(text(&decode(&mut d, &block).unwrap()), format!("{}={value}\n", name.to_lowercase()));
    }
}

/// A bomb: a field of the whole table, then a byte for each time it is named. The table stays right behind the limit.
#[test]
fn past_the_limit_state_is_kept() {
    let mut d = Decoder::new();
    let mut block = hex("400161 7f ef1d");
    block.extend([b'v'; 3950]);
    block.extend([0xbe; 10_000]);
    // A literal behind the limit goes to the table, too.
    block.extend(hex("400162 03313233"));
    let (list, size) = decode_limited(&mut d, &block, 16_384).unwrap();
    assert_eq!(list.len(), 4);
    assert!(size > 39_000_000);
    let (list, size) = decode_limited(&mut d, &hex("be"), 36).unwrap();
    assert_eq!((text(&list).as_str(), size), ("b=123\n", 36));
    assert_eq!(decode_limited(&mut d, &hex("be"), 35).unwrap(), (vec![], 36));
}

/// xorshift, so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn random_list(r: &mut Random) -> List {
    let names = [
        "accept",
        "x-a",
        "x-b",
        "date",
        ":path",
        "cookie",
        "authorization",
        "server",
        "a-name-of-some-length",
    ];
    (0..r.below(12))
        .map(|_| {
            let len = if r.below(50) == 0 { r.below(5000) } else { r.below(40) };
            let (base, spread) = if r.below(2) == 0 { (b'a', 4) } else { (0, 256) };
            let value = (0..len).map(|_| base.wrapping_add(r.below(spread) as u8)).collect();
            (names[r.below(names.len())].as_bytes().to_vec(), value)
        })
        .collect()
}

#[test]
fn random_lists_come_back_here_and_in_another_implementation() {
    let mut r = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..20 {
        let (mut e, mut d) = (Encoder::new(), Decoder::new());
        let (mut oracle_e, mut oracle_d) = (fluke_hpack::Encoder::new(), fluke_hpack::Decoder::new());
        for _ in 0..100 {
            let list = random_list(&mut r);
            let block = encode(&mut e, &list);
            assert_eq!(decode(&mut d, &block).unwrap(), list);
            assert_eq!(oracle_d.decode(&block).unwrap(), list);
        }
        let mut d = Decoder::new();
        for _ in 0..100 {
            let list = random_list(&mut r);
            let block = oracle_e.encode(list.iter().map(|(n, v)| (&n[..], &v[..])));
            assert_eq!(decode(&mut d, &block).unwrap(), list);
        }
    }
}

/// Bytes at random are decoded alike, or refused by both. The oracle takes what RFC 7541, 4.2 and 5.2 forbid.
#[test]
fn random_bytes_are_judged_alike() {
    let mut r = Random(88_172_645_463_325_252);
    let (mut both, mut stricter) = (0, 0);
    for _ in 0..20_000 {
        let block: Vec<u8> = (0..r.below(24))
            .map(|_| match r.below(3) {
                0 => 0x80 | r.below(62) as u8,
                1 => r.below(8) as u8,
                _ => r.below(256) as u8,
            })
            // The oracle refuses a block that ends in a size update.
            .chain([0x82])
            .collect();
        let ours = decode(&mut Decoder::new(), &block);
        let theirs =
            std::panic::catch_unwind(|| fluke_hpack::Decoder::new().decode(&block).ok()).ok().flatten();
        match (ours, theirs) {
            (Ok(a), Some(b)) => {
                assert_eq!(a, b, "{block:02x?}");
                both += 1;
            }
            (Ok(a), None) => panic!("{block:02x?} is refused there, and {a:?} here"),
            (Err(_), Some(_)) => stricter += 1,
            (Err(_), None) => {}
        }
    }
    assert!(both > 500, "{both}");
    assert!(stricter < 2000, "{stricter}");
}

/// Every cut of a block is an error or a shorter list, never a panic; every byte changed, too.
#[test]
fn every_cut_and_every_byte() {
    let mut e = Encoder::new();
    let list: List = vec![
        (b":path".to_vec(), b"/some/path?x".to_vec()),
        (b"x-name".to_vec(), b"value \xff".to_vec()),
        (b"x-name".to_vec(), b"value \xff".to_vec()),
    ];
    let block = encode(&mut e, &list);
    for cut in 0..block.len() {
        if let Ok(got) = decode(&mut Decoder::new(), &block[..cut]) {
            assert!(list.starts_with(&got));
        }
        for b in 0..=255 {
            let mut changed = block.clone();
            changed[cut] = b;
            let _ = decode(&mut Decoder::new(), &changed);
        }
    }
}

//! HPACK: whatever a block holds, it is refused, or its fields come back when they are encoded again; the size of a list
//! is what its fields say; a limit changes what is given and not what the next block means. A byte 0xff ends a block.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nethttp::h2::hpack::{BadBlock, Decoder, Encoder, field_size};
use nethttp::message::header::Header;

type List = Vec<(Vec<u8>, Vec<u8>)>;

fn decode(d: &mut Decoder, block: &[u8], limit: usize) -> Result<(List, usize), BadBlock> {
    let (mut h, mut list) = (Header::new(), List::new());
    let size = d.decode(block, &mut h, limit, |h, f, _| {
        let (name, value) = (h.store().get(f.name).to_vec(), h.store().get(f.value).to_vec());
        let seen = h.store().cstr(f.value).to_bytes().len();
        assert_eq!(seen, value.iter().position(|&b| b == 0).unwrap_or(value.len()));
        list.push((name, value));
    })?;
    Ok((list, size))
}

fuzz_target!(|data: &[u8]| {
    let Some((&limit, data)) = data.split_first() else { return };
    let limit = usize::from(limit) * 16;
    let (mut whole, mut cut) = (Decoder::new(), Decoder::new());
    let (mut encoder, mut back) = (Encoder::new(), Decoder::new());
    for block in data.split(|&b| b == 0xff) {
        let all = decode(&mut whole, block, 1 << 20);
        let some = decode(&mut cut, block, limit);
        let Ok((list, size)) = all else {
            assert!(some.is_err());
            return;
        };
        let (part, same) = some.expect("refused under a limit");
        assert_eq!(size, same);
        let sum = |l: &List| l.iter().map(|(n, v)| field_size(n, v)).sum::<usize>();
        assert!(list.starts_with(&part) && sum(&part) <= limit);
        if size <= 1 << 20 {
            assert_eq!(sum(&list), size);
        }
        let mut wire = Vec::new();
        encoder.begin(&mut wire);
        for (name, value) in &list {
            encoder.field(&mut wire, name, value);
        }
        let (again, _) = decode(&mut back, &wire, 1 << 20).expect("ours is refused");
        let lower = |l: &List| l.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.clone())).collect::<List>();
        assert_eq!(again, lower(&list));
        if wire.len() % 7 == 0 {
            encoder.set_peer_max(wire.len() * 8);
        }
    }
});

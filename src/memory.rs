//! Memory whose amount a peer or the caller decides: where it cannot be had that is an error, and not the process's end.

use crate::error::{Error, Kind, Result};

/// grow makes room for `more` bytes behind those that are there.
pub fn grow<T>(all: &mut Vec<T>, more: usize) -> Result<()> {
    all.try_reserve(more).map_err(|_| out_of_memory(all, more))
}

/// grow_exact makes room for `more` and no further ones.
pub fn grow_exact<T>(all: &mut Vec<T>, more: usize) -> Result<()> {
    all.try_reserve_exact(more).map_err(|_| out_of_memory(all, more))
}

fn out_of_memory<T>(all: &[T], more: usize) -> Error {
    let bytes = all.len().saturating_add(more).saturating_mul(size_of::<T>());
    no_memory(format!("nethttp: no memory for {bytes} bytes"))
}

pub fn no_memory(text: impl Into<String>) -> Error {
    Error::new(Kind::NoResources, text)
}

/// append adds bytes, if there is memory for them.
pub fn append(bytes: &mut Vec<u8>, more: &[u8]) -> Result<()> {
    grow(bytes, more.len())?;
    bytes.extend_from_slice(more);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error() {
        let mut bytes = b"some".to_vec();
        let e = grow(&mut bytes, isize::MAX as usize - 4).unwrap_err();
        assert_eq!(e.kind(), Kind::NoResources);
        append(&mut bytes, b" more").unwrap();
        assert_eq!(bytes, b"some more");
    }
}

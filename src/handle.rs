//! `Handle`: names for objects that are lent to the program for a while and serve others afterwards.
//!
//! A response writer and a request of a server's serve one exchange after the other. A program that keeps a pointer to one
//! beyond its exchange would write into another client's response. So it is given a name that is valid for one exchange:
//! the number of a slot that is never freed, and the slot's generation. A name is odd, which no address of an object is.

use crate::sync::{Mutex, OnceLock};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The bits of a slot's number in a name; the lowest bit marks it, and the generation has the rest.
const INDEX_BITS: u32 = if usize::BITS == 64 { 31 } else { 16 };
const GENERATION_SHIFT: u32 = INDEX_BITS + 1;
const CHUNK: usize = 1 << 10;
const CHUNKS: usize = 1 << 12;

struct HandleSlot {
    generation: AtomicU32,
    object: AtomicPtr<()>,
}

/// Slots stay where they are for ever.
static SLOTS: [OnceLock<Box<[HandleSlot]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static FREE: Mutex<FreeSlots> = Mutex::new(FreeSlots { used: 0, free: Vec::new() });

struct FreeSlots {
    used: u32,
    free: Vec<u32>,
}

fn slot(index: u32) -> Option<&'static HandleSlot> {
    let index = index as usize;
    SLOTS.get(index / CHUNK)?.get()?.get(index % CHUNK)
}

/// Handle is an object's right to be named, with a name that [`Handle::invalidate`] changes.
pub struct Handle {
    slot: &'static HandleSlot,
    index: u32,
}

impl Handle {
    /// new is `None` where all slots are in use: four million.
    pub fn new() -> Option<Handle> {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = free.free.pop() {
            return Some(Handle { slot: slot(index)?, index });
        }
        let index = free.used;
        let chunk = SLOTS.get(index as usize / CHUNK)?;
        chunk.get_or_init(|| {
            let fresh = || HandleSlot { generation: AtomicU32::new(1), object: AtomicPtr::default() };
            (0..CHUNK).map(|_| fresh()).collect()
        });
        free.used += 1;
        Some(Handle { slot: slot(index)?, index })
    }

    /// name is how the program refers to `object` until [`Handle::invalidate`].
    #[inline]
    pub fn name(&self, object: *mut ()) -> *mut () {
        self.slot.object.store(object, Ordering::Release);
        let generation = self.slot.generation.load(Ordering::Relaxed) as usize;
        std::ptr::without_provenance_mut(generation << GENERATION_SHIFT | (self.index as usize) << 1 | 1)
    }

    /// invalidate makes the object's name one that leads nowhere.
    #[inline]
    pub fn invalidate(&self) {
        // Only who has the ticket changes it.
        let next = self.slot.generation.load(Ordering::Relaxed).wrapping_add(1);
        self.slot.generation.store(next, Ordering::Release);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.invalidate();
        FREE.lock().unwrap_or_else(PoisonError::into_inner).free.push(self.index);
    }
}

/// HandleTarget is what a pointer of the program's leads to.
pub enum HandleTarget {
    /// It is an object's address, or NULL.
    Address,
    Object(*mut ()),
    /// It is the name of an object whose exchange has ended.
    Ended,
}

/// resolve finds what a pointer of the program's leads to.
#[inline]
pub fn resolve(pointer: *const ()) -> HandleTarget {
    let name = pointer.addr();
    if name & 1 == 0 {
        return HandleTarget::Address;
    }
    let index = (name >> 1) & ((1 << INDEX_BITS) - 1);
    let Some(slot) = u32::try_from(index).ok().and_then(slot) else { return HandleTarget::Ended };
    let generation = slot.generation.load(Ordering::Acquire) as usize;
    if generation << GENERATION_SHIFT >> GENERATION_SHIFT != name >> GENERATION_SHIFT {
        return HandleTarget::Ended;
    }
    HandleTarget::Object(slot.object.load(Ordering::Acquire))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(name: *mut (), object: *mut ()) -> bool {
        matches!(resolve(name), HandleTarget::Object(o) if o == object)
    }

    #[test]
    fn a_name_leads_to_its_object_until_its_end() {
        let (mut a, mut b) = (1u64, 2u64);
        let (a, b): (*mut (), *mut ()) = ((&raw mut a).cast(), (&raw mut b).cast());
        let ticket = Handle::new().unwrap();
        let first = ticket.name(a);
        assert!(leads_to(first, a) && first == ticket.name(a));
        ticket.invalidate();
        assert!(matches!(resolve(first), HandleTarget::Ended));
        let second = ticket.name(b);
        assert!(second != first && leads_to(second, b) && matches!(resolve(first), HandleTarget::Ended));
        drop(ticket);
        assert!(matches!(resolve(second), HandleTarget::Ended));
        assert!(matches!(resolve(a), HandleTarget::Address));
        assert!(matches!(resolve(std::ptr::null()), HandleTarget::Address));
    }

    #[test]
    fn tickets_are_used_again_under_other_names() {
        let mut names = std::collections::HashSet::new();
        for _ in 0..5000 {
            let tickets: Vec<_> = (0..3).map(|_| Handle::new().unwrap()).collect();
            assert!(tickets.iter().all(|t| names.insert(t.name(std::ptr::null_mut()).addr())));
        }
        let no_such = std::ptr::without_provenance(usize::MAX);
        assert!(matches!(resolve(no_such), HandleTarget::Ended));
    }
}

//! `StreamMap`: values by the identifiers of streams.

use std::cell::Cell;
use std::collections::VecDeque;

/// StreamMap keeps identifiers sorted: they only grow, so a new one goes to the end. The values stay where they are, and a
/// place that came free is used again.
#[derive(Debug)]
pub struct StreamMap<T> {
    order: VecDeque<(u32, u32)>,
    places: Vec<T>,
    free: Vec<u32>,
    /// Where the last one was found that was looked for: what happens to a stream comes in groups.
    last: Cell<usize>,
}

impl<T> Default for StreamMap<T> {
    fn default() -> StreamMap<T> {
        StreamMap { order: VecDeque::new(), places: Vec::new(), free: Vec::new(), last: Cell::new(0) }
    }
}

impl<T> StreamMap<T> {
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn find(&self, id: u32) -> Option<(usize, usize)> {
        if let Some(&(found, place)) = self.order.get(self.last.get())
            && found == id
        {
            return Some((self.last.get(), place as usize));
        }
        let at = match self.order.back() {
            Some(&(newest, _)) if newest == id => self.order.len() - 1,
            _ => self.order.binary_search_by_key(&id, |o| o.0).ok()?,
        };
        self.last.set(at);
        self.order.get(at).map(|o| (at, o.1 as usize))
    }

    pub fn get(&self, id: u32) -> Option<&T> {
        self.places.get(self.find(id)?.1)
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let (_, place) = self.find(id)?;
        self.places.get_mut(place)
    }

    /// insert adds a value, whose identifier is larger than all before it.
    pub fn insert(&mut self, id: u32, value: T) {
        debug_assert!(self.newest().is_none_or(|newest| newest < id));
        let free = self.free.pop().and_then(|at| Some((at, self.places.get_mut(at as usize)?)));
        let place = match free {
            Some((at, place)) => {
                *place = value;
                at
            }
            None => {
                self.places.push(value);
                self.places.len() as u32 - 1
            }
        };
        self.order.push_back((id, place));
    }

    /// remove forgets an identifier, and lends the value, which stays until its place is used again.
    pub fn remove(&mut self, id: u32) -> Option<&mut T> {
        let (at, place) = self.find(id)?;
        self.order.remove(at);
        self.free.push(place as u32);
        self.places.get_mut(place)
    }

    pub fn newest(&self) -> Option<u32> {
        self.order.back().map(|o| o.0)
    }

    pub fn for_each(&mut self, mut f: impl FnMut(&mut T)) {
        for &(_, place) in &self.order {
            if let Some(value) = self.places.get_mut(place as usize) {
                f(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let mut all = StreamMap::default();
        for id in [1, 3, 5] {
            all.insert(id, id * 10);
        }
        assert_eq!(all.remove(3), Some(&mut 30));
        assert!(all.remove(3).is_none() && all.get(3).is_none() && all.get(2).is_none());
        all.insert(7, 70);
        assert_eq!((all.len(), all.places.len(), all.newest()), (3, 3, Some(7)));
        assert!([1, 5, 7, 5, 1].iter().all(|&id| all.get(id) == Some(&(id * 10))));
        let mut seen = Vec::new();
        all.for_each(|n| seen.push(*n));
        assert_eq!(seen, [10, 50, 70]);
        for id in [1, 7, 5] {
            assert!(all.get_mut(id).is_some() && all.remove(id).is_some() && all.get(id).is_none());
        }
        assert!(all.is_empty());
    }
}

//! Sets: insertion-ordered, made of the keys of a map.

use std::fmt;

use super::{MapObject, Owned, tag};
use crate::rc::Body;

/// The body of a set.
#[derive(Clone, Default)]
pub(crate) struct SetObject {
    /// The elements are its keys; the values are all nil.
    map: MapObject,
}

#[expect(unsafe_code, reason = "says which tag belongs to this type")]
// SAFETY: sets have a tag of their own.
unsafe impl Body for SetObject {
    const TAG: u64 = tag::SET;

    fn buffer_bytes(&self) -> usize {
        self.map.buffer_bytes()
    }

    fn shed(&mut self) -> usize {
        self.map.shed()
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        self.iter().for_each(visit);
    }
}

impl SetObject {
    /// An empty set.
    pub(crate) const fn new() -> Self {
        Self { map: MapObject::new() }
    }

    /// An empty set with room for `n` elements.
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self { map: MapObject::with_capacity(n) }
    }

    /// Adds an element; false when it is there. What cannot be a key of a map cannot be an element.
    pub(crate) fn insert(&mut self, element: Owned) -> Result<bool, Owned> {
        Ok(self.map.insert(element, Owned::NIL)?.is_none())
    }

    /// Takes an element off; false when it is not there.
    pub(crate) fn remove(&mut self, element: &Owned) -> bool {
        self.map.remove(element).is_some()
    }

    /// Takes the first element off; amortised O(1).
    pub(crate) fn pop_first(&mut self) -> Option<Owned> {
        self.map.pop_first().map(|(element, _)| element)
    }

    /// Takes the last element off.
    pub(crate) fn pop(&mut self) -> Option<Owned> {
        self.map.pop().map(|(element, _)| element)
    }

    /// True when the element is there.
    pub(crate) fn contains(&self, element: &Owned) -> bool {
        self.map.find(element).is_some()
    }

    /// An error for what cannot be an element.
    pub(crate) fn check_element(&self, element: &Owned) -> Result<(), Owned> {
        self.map.check_key(element)
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// True when there are no elements.
    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The elements in the order of their insertion.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Owned> {
        self.map.iter().map(|(element, _)| element)
    }

    /// The first element.
    pub(crate) fn first(&self) -> Option<&Owned> {
        self.next_from(0).map(|(_, element)| element)
    }

    /// The last element.
    pub(crate) fn last(&self) -> Option<&Owned> {
        self.map.last().map(|(element, _)| element)
    }

    /// The first element at or after position `from`, for loops, with its position. The next one is
    /// looked for from the position behind it.
    pub(crate) fn next_from(&self, from: usize) -> Option<(usize, &Owned)> {
        self.map.next_from(from).map(|(at, element, _)| (at, element))
    }

    /// The map whose keys are the elements.
    pub(crate) fn as_map(&self) -> &MapObject {
        &self.map
    }
}

impl fmt::Debug for SetObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

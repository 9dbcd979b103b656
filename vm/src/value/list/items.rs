//! Elements of lists as they are looked at where they stand, whatever the packing.

#![expect(unsafe_code, reason = "a packed element is looked at as a value")]

use std::fmt;
use std::ops::Deref;

use super::ListObject;
use crate::value::{Owned, Raw, View, tag};

/// The elements of a list as what they are.
#[derive(Clone, Copy)]
pub(crate) enum Elements<'a> {
    /// Whole values of any kind.
    Values(&'a [Owned]),
    /// Bools alone.
    Bools(&'a [bool]),
    /// Ints alone.
    Ints(&'a [i64]),
    /// Floats alone.
    Floats(&'a [f64]),
}

/// An element of a list, or any other value, as it is looked at: it reads as the value it is, and
/// counts nothing.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    /// One that stands somewhere.
    Place(&'a Owned),
    /// An element of a packed list.
    Packed(Packed),
}

/// A bool, an int or a float.
#[derive(Clone, Copy)]
pub(crate) struct Packed(Raw);

impl Packed {
    pub(super) const fn new(value: Raw) -> Self {
        debug_assert!(!value.is_heap());
        Self(value)
    }
}

impl<'a> Item<'a> {
    /// An int.
    #[inline(always)]
    pub(crate) const fn int(n: i64) -> Self {
        Self::Packed(Packed(Raw::int(n)))
    }

    /// The value, counted.
    #[inline(always)]
    pub(crate) fn to_owned(self) -> Owned {
        (*self).clone()
    }

    /// What it is. (Longer than through the borrowed item itself.)
    pub(crate) fn view(self) -> View<'a> {
        match self {
            Item::Place(value) => value.view(),
            Item::Packed(Packed(raw)) => match raw.tag {
                tag::INT => View::Int(raw.as_i64()),
                tag::FLOAT => View::Float(raw.as_f64()),
                _ => View::Bool(raw.truthy()),
            },
        }
    }

    /// The name of its type, as `type(v)` gives it.
    pub(crate) fn type_name(self) -> &'a str {
        match self {
            Item::Place(value) => value.type_name(),
            Item::Packed(Packed(raw)) => tag::name(raw.tag),
        }
    }

    /// The value where it stands.
    pub(crate) fn place(self) -> Option<&'a Owned> {
        if let Item::Place(value) = self { Some(value) } else { None }
    }
}

impl Deref for Item<'_> {
    type Target = Owned;

    #[inline(always)]
    fn deref(&self) -> &Owned {
        match self {
            Item::Place(value) => value,
            // SAFETY: it refers to no object.
            Item::Packed(Packed(raw)) => unsafe { Owned::borrow_raw(raw) },
        }
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The elements of a list in their order.
#[derive(Clone)]
pub(crate) struct Items<'a> {
    list: &'a ListObject,
    next: usize,
    end: usize,
}

impl<'a> Items<'a> {
    pub(super) const fn new(list: &'a ListObject) -> Self {
        Self { list, next: 0, end: list.len() }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let item = if self.next < self.end { self.list.item(self.next) } else { None };
        self.next += usize::from(item.is_some());
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }

    fn nth(&mut self, n: usize) -> Option<Item<'a>> {
        self.next = self.next.saturating_add(n).min(self.end);
        self.next()
    }
}

impl DoubleEndedIterator for Items<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        self.end -= 1;
        self.list.item(self.end)
    }
}

impl ExactSizeIterator for Items<'_> {}

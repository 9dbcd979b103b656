//! Lists: growable arrays whose first elements can be taken off in O(1).
//!
//! # Invariants
//!
//! `first` points at element 0; `len` elements follow, and room for `capacity - len` more. Before
//! it is room for `skipped` elements that were taken off the front. All of it together is the
//! buffer of a `Vec<Owned>` of capacity `skipped + capacity`.

#![expect(unsafe_code, reason = "the buffer of a Vec whose front can be taken off")]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use super::{Owned, Raw, tag};
use crate::rc::{self, Body};

/// So many elements a dead list lets go of at once.
const SHED: usize = 64;

/// The body of a list. Reads as a slice.
#[repr(C)]
pub(crate) struct ListObject {
    first: NonNull<Owned>,
    len: usize,
    capacity: usize,
    skipped: usize,
}

// SAFETY: lists have a tag of their own.
unsafe impl Body for ListObject {
    const TAG: u64 = tag::LIST;

    fn buffer_bytes(&self) -> usize {
        (self.skipped + self.capacity) * size_of::<Owned>()
    }

    fn shed(&mut self) -> bool {
        let many = self.len > SHED;
        if many {
            rc::work_on(SHED * size_of::<Owned>());
            (0..SHED).for_each(|_| drop(self.pop()));
        }
        many
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        self.iter().for_each(visit);
    }
}

impl ListObject {
    /// An empty list.
    pub(crate) fn new() -> Self {
        Self { first: NonNull::dangling(), len: 0, capacity: 0, skipped: 0 }
    }

    /// Appends an element.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: Owned) {
        if self.len == self.capacity {
            self.grow();
        }
        // SAFETY: there is room for one more.
        unsafe { self.first.add(self.len).write(value) };
        self.len += 1;
    }

    /// There is room for one more element.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.len < self.capacity
    }

    /// Takes the last element off.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Owned> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the element is there, and no longer counted in `len`.
        Some(unsafe { self.first.add(self.len).read() })
    }

    /// Takes the first element off, in O(1).
    pub(crate) fn pop_first(&mut self) -> Option<Owned> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the element is there; after this it is in front of the list.
        let value = unsafe { self.first.read() };
        // SAFETY: the buffer has an element here.
        self.first = unsafe { self.first.add(1) };
        self.capacity -= 1;
        self.skipped += 1;
        Some(value)
    }

    /// Room for at least one more element at the end: what was taken off the front is used when
    /// it is at least half of the buffer (so that moving is paid for), else the buffer grows.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        if self.skipped > self.len {
            self.unskip();
        } else {
            // Past what unskipping alone would free: a queue as long as its buffer would else move
            // all its elements at every push.
            let more = self.skipped + 1;
            self.with_vec(|vec| vec.reserve(more));
        }
    }

    /// Moves the elements to the start of the buffer.
    fn unskip(&mut self) {
        if self.skipped == 0 {
            return;
        }
        // SAFETY: the buffer starts `skipped` elements before the first.
        let start = unsafe { self.first.sub(self.skipped) };
        // SAFETY: both ends are in the buffer; elements move bytewise.
        unsafe { start.copy_from(self.first, self.len) };
        self.first = start;
        self.capacity += self.skipped;
        self.skipped = 0;
    }

    /// Changes the list as a `Vec`. Everything that is neither a push nor a pop goes this way.
    pub(crate) fn with_vec<R>(&mut self, change: impl FnOnce(&mut Vec<Owned>) -> R) -> R {
        struct Back<'a> {
            list: &'a mut ListObject,
            vec: ManuallyDrop<Vec<Owned>>,
        }
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                // SAFETY: dropped once, here; the vector is not used afterwards.
                let vec = unsafe { ManuallyDrop::take(&mut self.vec) };
                self.list.put(vec);
            }
        }
        let vec = ManuallyDrop::new(self.take_vec());
        // The list is whole again even when `change` panics.
        let mut back = Back { list: self, vec };
        change(&mut back.vec)
    }

    /// Moves the elements out; the list is empty afterwards.
    pub(crate) fn take_vec(&mut self) -> Vec<Owned> {
        self.unskip();
        rc::credit(self.capacity * size_of::<Owned>());
        let (len, capacity) = (self.len, self.capacity);
        (self.len, self.capacity) = (0, 0);
        let first = std::mem::replace(&mut self.first, NonNull::dangling());
        // SAFETY: by the invariant these are the parts of a vector, given up just now.
        unsafe { Vec::from_raw_parts(first.as_ptr(), len, capacity) }
    }

    /// Puts a vector into the list, which is empty and without a buffer.
    fn put(&mut self, vec: Vec<Owned>) {
        // What was there has no buffer, so there is nothing to drop.
        std::mem::forget(std::mem::replace(self, Self::from(vec)));
    }

    /// The elements, to be changed in place.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [Owned] {
        // SAFETY: `len` elements are there.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }

    /// The elements.
    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[Owned] {
        // SAFETY: `len` elements are there.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }

    /// Where the elements stand, for the interpreter: valid until the list is changed.
    #[inline(always)]
    pub(crate) fn items(&self) -> *mut Raw {
        self.first.as_ptr().cast()
    }

    /// The number of elements.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// True when there are no elements.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Deref for ListObject {
    type Target = [Owned];

    #[inline(always)]
    fn deref(&self) -> &[Owned] {
        self.as_slice()
    }
}

impl From<Vec<Owned>> for ListObject {
    fn from(vec: Vec<Owned>) -> Self {
        let mut vec = ManuallyDrop::new(vec);
        rc::charge(vec.capacity() * size_of::<Owned>());
        // SAFETY: the pointer of a vector is never null.
        let first = unsafe { NonNull::new_unchecked(vec.as_mut_ptr()) };
        Self { first, len: vec.len(), capacity: vec.capacity(), skipped: 0 }
    }
}

impl FromIterator<Owned> for ListObject {
    fn from_iter<I: IntoIterator<Item = Owned>>(items: I) -> Self {
        Self::from(Vec::from_iter(items))
    }
}

impl Extend<Owned> for ListObject {
    fn extend<I: IntoIterator<Item = Owned>>(&mut self, items: I) {
        self.with_vec(|vec| vec.extend(items));
    }
}

impl Default for ListObject {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for ListObject {
    fn clone(&self) -> Self {
        Self::from(self.to_vec())
    }
}

impl Drop for ListObject {
    fn drop(&mut self) {
        if self.skipped + self.capacity != 0 {
            // SAFETY: the elements stand here; they are dropped once, with `len` put to 0.
            let elements = std::ptr::slice_from_raw_parts_mut(self.first.as_ptr(), self.len);
            rc::work_on(self.len * size_of::<Owned>());
            self.len = 0;
            // SAFETY: as above.
            unsafe { elements.drop_in_place() };
            drop(self.take_vec());
        }
    }
}

impl fmt::Debug for ListObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

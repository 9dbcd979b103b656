//! Rows: elements of one kind, one behind the other in a buffer of their own.
//!
//! A row moves its elements as bytes. It neither counts nor drops what they refer to: that is the
//! list's part.
//!
//! # Invariants
//!
//! - `first` points at element 0; `len` elements follow, and room for `capacity - len` more. Before
//!   it is room for `skipped` elements that were taken off the front. All of it together is one
//!   allocation, aligned to words; a row without room has none.
//! - What stands there is what [`Packing`] says: whole values, or their payloads alone.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;

use crate::rc;
use crate::value::{Raw, tag};

/// What the elements of a row are, and how they stand there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
#[repr(u8)]
pub(crate) enum Packing {
    /// Values of any kind, 16 bytes each.
    Values = 0,
    /// Bools, a byte each.
    Bools = 1,
    /// Ints, 8 bytes each. The number is their tag.
    Ints = tag::INT as u8,
    /// Floats, 8 bytes each. The number is their tag.
    Floats = tag::FLOAT as u8,
}

impl Packing {
    /// How a row of such values is packed.
    #[inline(always)]
    pub(crate) const fn of(value: Raw) -> Self {
        match value.tag {
            tag::INT => Self::Ints,
            tag::FLOAT => Self::Floats,
            tag::FALSE | tag::TRUE => Self::Bools,
            _ => Self::Values,
        }
    }

    /// The bytes of an element.
    #[inline(always)]
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Values => size_of::<Raw>(),
            Self::Bools => size_of::<bool>(),
            Self::Ints | Self::Floats => size_of::<u64>(),
        }
    }
}

/// There is no memory for a row.
#[derive(Debug)]
pub(super) struct NoMemory;

/// See the module's text.
#[repr(C)]
pub(super) struct Row {
    first: NonNull<u8>,
    len: usize,
    capacity: usize,
    skipped: u32,
    packing: Packing,
}

/// Runs an expression with `$T` for a type as wide as the elements.
macro_rules! with_width {
    ($packing:expr, $T:ident => $body:expr) => {
        match $packing {
            Packing::Values => {
                type $T = Raw;
                $body
            }
            Packing::Bools => {
                type $T = u8;
                $body
            }
            Packing::Ints | Packing::Floats => {
                type $T = u64;
                $body
            }
        }
    };
}

impl Row {
    /// A row without room.
    pub(super) const fn new(packing: Packing) -> Self {
        Self { first: NonNull::<u64>::dangling().cast(), len: 0, capacity: 0, skipped: 0, packing }
    }

    /// An empty row with room for exactly so many.
    pub(super) fn with_capacity(packing: Packing, capacity: usize) -> Result<Self, NoMemory> {
        let mut row = Self::new(packing);
        row.resize(capacity)?;
        Ok(row)
    }

    /// Takes a vector of whole values over.
    pub(super) fn of_values(mut values: Vec<Raw>) -> Self {
        let (len, capacity) = (values.len(), values.capacity());
        // SAFETY: the pointer of a vector is never null.
        let first = unsafe { NonNull::new_unchecked(values.as_mut_ptr()) }.cast();
        std::mem::forget(values);
        rc::charge(capacity * size_of::<Raw>());
        Self { first, len, capacity, skipped: 0, packing: Packing::Values }
    }

    /// The other way round.
    pub(super) fn into_values(mut self) -> Vec<Raw> {
        debug_assert_eq!(self.packing, Packing::Values);
        self.unskip();
        rc::credit(self.bytes());
        let (len, capacity) = (self.len, self.capacity);
        let first = self.first.cast().as_ptr();
        std::mem::forget(self);
        // SAFETY: by the invariant these are the parts of a vector, given up just now.
        unsafe { Vec::from_raw_parts(first, len, capacity) }
    }

    #[inline(always)]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(super) const fn packing(&self) -> Packing {
        self.packing
    }

    /// There is room for one more element.
    #[inline(always)]
    pub(super) const fn has_room(&self) -> bool {
        self.len < self.capacity
    }

    /// Where the elements stand, or those of as many bytes: valid until the row is changed.
    #[inline(always)]
    pub(super) const fn start<T>(&self) -> *mut T {
        self.first.as_ptr().cast()
    }

    /// The bytes of the buffer.
    pub(super) const fn bytes(&self) -> usize {
        (self.skipped as usize + self.capacity) * self.packing.width()
    }

    /// The bytes of the elements.
    pub(super) const fn element_bytes(&self) -> usize {
        self.len * self.packing.width()
    }

    /// The element at a position, which is there.
    #[inline(always)]
    pub(super) unsafe fn read(&self, at: usize) -> Raw {
        debug_assert!(at < self.len);
        // SAFETY: the caller's promise; rows hold what their packing says.
        unsafe {
            match self.packing {
                Packing::Values => *self.start::<Raw>().add(at),
                Packing::Bools => Raw::bool(*self.start::<bool>().add(at)),
                packing => Raw { tag: packing as u64, bits: *self.start::<u64>().add(at) },
            }
        }
    }

    /// Writes over a position for which there is room, with a value that the packing has.
    #[inline(always)]
    pub(super) unsafe fn write(&mut self, at: usize, value: Raw) {
        debug_assert!(at < self.capacity);
        debug_assert!(
            matches!(self.packing, Packing::Values) || self.packing == Packing::of(value)
        );
        // SAFETY: the caller's promise.
        unsafe {
            match self.packing {
                Packing::Values => self.start::<Raw>().add(at).write(value),
                Packing::Bools => self.start::<bool>().add(at).write(value.tag == tag::TRUE),
                Packing::Ints | Packing::Floats => self.start::<u64>().add(at).write(value.bits),
            }
        }
    }

    /// Counts so many elements as there, which were written or are no longer wanted.
    #[inline(always)]
    pub(super) unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity);
        self.len = len;
    }

    /// Takes the first element off, in O(1).
    pub(super) fn pop_first(&mut self) -> Option<Raw> {
        if self.len == 0 {
            return None;
        }
        if self.skipped == u32::MAX {
            self.unskip();
        }
        // SAFETY: the element is there; after this it is in front of the row.
        let value = unsafe { self.read(0) };
        // SAFETY: the buffer has an element here.
        self.first = unsafe { self.first.add(self.packing.width()) };
        self.len -= 1;
        self.capacity -= 1;
        self.skipped += 1;
        Some(value)
    }

    /// Room for at least one more element at the end: what was taken off the front is used when
    /// it is at least half of the buffer (so that moving is paid for), else the buffer grows.
    #[cold]
    #[inline(never)]
    pub(super) fn grow(&mut self) {
        let skipped = self.skipped as usize;
        if skipped > self.len {
            self.unskip();
        } else if self.reserve(skipped + 1).is_err() {
            // Past what unskipping alone would free: a queue as long as its buffer would else move
            // all its elements at every push.
            handle_alloc_error(self.layout());
        }
    }

    /// Room for so many more.
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), NoMemory> {
        self.unskip();
        if self.capacity - self.len >= more {
            return Ok(());
        }
        let least = self.len.checked_add(more).ok_or(NoMemory)?;
        self.resize(least.max(2 * self.capacity).max(4))
    }

    /// Makes the buffer so many bytes shorter, where there is as much room besides the elements and a
    /// buffer is left.
    pub(super) fn give_back(&mut self, bytes: usize) -> bool {
        let part = bytes / self.packing.width();
        let whole = self.skipped as usize + self.capacity;
        // Where elements would have to be moved for it, only when they are few.
        let ready = self.skipped == 0 || self.len <= part;
        let rest = whole.checked_sub(part).filter(|rest| ready && *rest >= self.len.max(1));
        if rest.is_some() {
            self.unskip();
        }
        rest.is_some_and(|rest| self.resize(rest).is_ok())
    }

    /// Makes the buffer as long as this, which holds what is there.
    fn resize(&mut self, capacity: usize) -> Result<(), NoMemory> {
        debug_assert!(self.skipped == 0 && capacity >= self.len);
        let bytes = capacity.checked_mul(self.packing.width()).ok_or(NoMemory)?;
        let layout = Layout::from_size_align(bytes, align_of::<u64>()).map_err(|_| NoMemory)?;
        let old = self.layout();
        let start = match (old.size(), bytes) {
            (_, 0) => return Ok(()),
            // SAFETY: it has bytes.
            (0, _) => unsafe { alloc(layout) },
            // SAFETY: the buffer has the old layout; the new one has bytes.
            _ => unsafe { realloc(self.first.as_ptr(), old, bytes) },
        };
        self.first = NonNull::new(start).ok_or(NoMemory)?;
        self.capacity = capacity;
        rc::credit(old.size());
        rc::charge(bytes);
        Ok(())
    }

    fn layout(&self) -> Layout {
        // SAFETY: a layout of this size was made when the buffer was.
        unsafe { Layout::from_size_align_unchecked(self.bytes(), align_of::<u64>()) }
    }

    /// Moves the elements to the start of the buffer.
    fn unskip(&mut self) {
        if self.skipped == 0 {
            return;
        }
        let width = self.packing.width();
        // SAFETY: the buffer starts `skipped` elements before the first.
        let start = unsafe { self.first.sub(self.skipped as usize * width) };
        // SAFETY: both ends are in the buffer; elements move bytewise.
        unsafe { start.copy_from(self.first, self.len * width) };
        self.first = start;
        self.capacity += self.skipped as usize;
        self.skipped = 0;
    }

    /// Makes the elements from `at` on stand one place further; what stands at `at` is to be
    /// written over.
    pub(super) fn open(&mut self, at: usize) {
        if !self.has_room() {
            self.grow();
        }
        self.shift(at, at + 1);
        self.len += 1;
    }

    /// Makes the elements behind `at` stand one place nearer, over it.
    pub(super) fn close(&mut self, at: usize) {
        self.shift(at + 1, at);
        self.len -= 1;
    }

    /// Moves the elements from `from` on to `to`, for which there is room.
    fn shift(&mut self, from: usize, to: usize) {
        with_width!(self.packing, T => {
            let start = self.start::<T>();
            // SAFETY: both are in the buffer; elements move bytewise.
            unsafe { start.add(from).copy_to(start.add(to), self.len - from) }
        });
    }

    /// Exchanges two elements, which are there.
    pub(super) fn swap(&mut self, i: usize, j: usize) {
        assert!(i < self.len && j < self.len, "both are there");
        with_width!(self.packing, T => {
            let start = self.start::<T>();
            // SAFETY: both are there.
            unsafe { start.add(i).swap(start.add(j)) }
        });
    }

    /// Turns the order of the elements round.
    pub(super) fn reverse(&mut self) {
        with_width!(self.packing, T => {
            // SAFETY: `len` elements are there.
            unsafe { std::slice::from_raw_parts_mut(self.start::<T>(), self.len) }.reverse();
        });
    }

    /// Writes a part of a row of the same packing behind the last element, where there is room.
    pub(super) unsafe fn append(&mut self, start: *const u8, count: usize) {
        debug_assert!(self.capacity - self.len >= count);
        let width = self.packing.width();
        // SAFETY: the caller's promise; the two do not overlap.
        unsafe { self.first.as_ptr().add(self.len * width).copy_from(start, count * width) };
        self.len += count;
    }

    /// Where element `at` stands.
    pub(super) fn byte_at(&self, at: usize) -> *const u8 {
        debug_assert!(at <= self.len);
        // SAFETY: it is in the buffer, or at its end.
        unsafe { self.first.as_ptr().add(at * self.packing.width()) }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        let layout = self.layout();
        if layout.size() != 0 {
            rc::credit(layout.size());
            let before = self.skipped as usize * self.packing.width();
            // SAFETY: the buffer starts so many bytes before the first element, and has this layout.
            unsafe { dealloc(self.first.as_ptr().sub(before), layout) };
        }
    }
}

//! Lists: growable arrays whose first elements can be taken off in O(1), packed where they can be.
//!
//! # Packing
//!
//! A list of ints, of floats or of bools alone keeps their payloads only, in 8, 8 and 1 byte each.
//! The first element says how; one of another kind makes the list keep whole values from there on, 16
//! bytes each. Nobody sees this but by its speed and size.
//!
//! So an element of a packed list is not a value that stands somewhere: it is read and written
//! ([`ListObject::item`], [`ListObject::set`]). Who needs an element as a place to change it there
//! unpacks the list ([`ListObject::place`]).
//!
//! # Invariants
//!
//! - What the row holds is what its packing says; its values are owned by the list.
//! - A packed list refers to nothing.

#![expect(unsafe_code, reason = "the elements of a row are owned by the list")]

mod items;
mod row;

use std::fmt;
use std::ops::Range;

use super::{Owned, Raw, room, tag};
use crate::rc::{self, Body};
use items::Packed;
pub(crate) use items::{Elements, Item, Items};
pub(crate) use row::Packing;
use row::{NoMemory, Row};

/// So many elements a dead list lets go of at once.
const SHED: usize = 64;

/// The body of a list.
#[repr(transparent)]
pub(crate) struct ListObject {
    row: Row,
}

// SAFETY: lists have a tag of their own.
unsafe impl Body for ListObject {
    const TAG: u64 = tag::LIST;

    fn buffer_bytes(&self) -> usize {
        self.row.bytes()
    }

    fn shed(&mut self) -> usize {
        if self.is_packed() {
            // SAFETY: these elements need no drop.
            unsafe { self.row.set_len(0) };
        }
        if self.row.give_back(rc::LARGE_BUFFER) {
            return rc::BUFFER_COST;
        }
        if self.len() <= SHED {
            return 0;
        }
        rc::work_on(SHED * size_of::<Owned>());
        let objects = (0..SHED).filter_map(|_| self.pop()).filter(Owned::is_heap).count();
        rc::VALUES_COST + objects
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        if let Elements::Values(values) = self.elements() {
            values.iter().for_each(visit);
        }
    }
}

/// What a list that cannot have the room it needs leads to: an error of kind `memory`.
#[cold]
fn no_memory(_: NoMemory) -> Owned {
    super::error(super::Kind::Memory, "out of memory: there is no room for the list")
}

impl ListObject {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self { row: Row::new(Packing::Values) }
    }

    /// A list of values that are moved here.
    ///
    /// # Safety
    /// The values are owned, and the caller does not use them again.
    pub(crate) unsafe fn of(values: &[Raw]) -> Self {
        let packing = common(values);
        let Ok(mut row) = Row::with_capacity(packing, values.len()) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::for_value(values));
        };
        for (at, value) in values.iter().enumerate() {
            // SAFETY: there is room for all, and all have this packing.
            unsafe { row.write(at, *value) };
        }
        // SAFETY: as many are written.
        unsafe { row.set_len(values.len()) };
        Self { row }
    }

    /// The number of elements.
    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        self.row.len()
    }

    /// True when there are no elements.
    #[inline(always)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What its elements are, and how they stand there.
    #[inline(always)]
    pub(crate) const fn packing(&self) -> Packing {
        self.row.packing()
    }

    /// Are its elements something else than whole values?
    #[inline(always)]
    pub(crate) fn is_packed(&self) -> bool {
        self.packing() != Packing::Values
    }

    /// What its elements take.
    pub(crate) const fn element_bytes(&self) -> usize {
        self.row.element_bytes()
    }

    /// Where the elements stand, for the interpreter, in the type that the packing tells: valid until
    /// the list is changed.
    #[inline(always)]
    pub(crate) const fn start<T>(&self) -> *mut T {
        self.row.start()
    }

    /// Appends an element.
    #[inline]
    pub(crate) fn push(&mut self, value: Owned) {
        if let Err(value) = self.push_at_once(value) {
            self.make_fit(&value);
            if !self.row.has_room() {
                self.row.grow();
            }
            // SAFETY: there is room, and the packing has the value.
            unsafe { self.put(self.len(), value) };
        }
    }

    /// Appends an element where there is room, and it fits what is there.
    #[inline(always)]
    pub(crate) fn push_at_once(&mut self, value: Owned) -> Result<(), Owned> {
        if !self.row.has_room() || !self.fits(&value) {
            return Err(value);
        }
        // SAFETY: there is room, and the packing has the value.
        unsafe { self.put(self.len(), value) };
        Ok(())
    }

    /// Writes an element behind the last one.
    ///
    /// # Safety
    /// There is room, and the packing has the value.
    #[inline(always)]
    unsafe fn put(&mut self, at: usize, value: Owned) {
        // SAFETY: the caller's promise; the element is owned by the list from here on.
        unsafe {
            self.row.write(at, value.into_raw());
            self.row.set_len(at + 1);
        }
    }

    /// Can the row hold such a value as it is packed?
    #[inline(always)]
    fn fits(&self, value: &Owned) -> bool {
        let packing = self.packing();
        packing == Packing::Values || packing == Packing::of(value.as_raw())
    }

    /// Asks for the room that the list needs when such a value comes into it: whole values take up to
    /// sixteen times what packed ones do.
    ///
    /// # Errors
    /// One of kind `memory` when there is none.
    #[inline]
    pub(crate) fn admit(&self, value: &Owned) -> Result<(), Owned> {
        if self.fits(value) || self.is_empty() { Ok(()) } else { self.room_unpacked() }
    }

    #[cold]
    fn room_unpacked(&self) -> Result<(), Owned> {
        room(self.len().saturating_mul(size_of::<Owned>()))
    }

    /// Packs the row so that it can hold such a value.
    #[cold]
    #[inline(never)]
    fn make_fit(&mut self, value: &Owned) {
        if self.is_empty() && self.packing() != Packing::of(value.as_raw()) {
            self.row = Row::new(Packing::of(value.as_raw()));
        } else if !self.fits(value) {
            self.unpack();
        }
    }

    /// Makes the row one of whole values.
    #[cold]
    #[inline(never)]
    fn unpack(&mut self) {
        if self.is_packed() {
            let values: Vec<Raw> = self.iter().map(|item| item.as_raw()).collect();
            rc::work_on(size_of_val(&*values));
            self.row = Row::of_values(values);
        }
    }

    /// Takes the last element off.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Owned> {
        let last = self.len().checked_sub(1)?;
        // SAFETY: the element is there.
        let value = unsafe { self.row.read(last) };
        // SAFETY: it is no longer counted, so the list gives it to the caller.
        unsafe {
            self.row.set_len(last);
            Some(Owned::from_raw(value))
        }
    }

    /// Takes the first element off, in O(1).
    pub(crate) fn pop_first(&mut self) -> Option<Owned> {
        // SAFETY: the row gives it up.
        self.row.pop_first().map(|value| unsafe { Owned::from_raw(value) })
    }

    /// The element at a position, as it stands there.
    #[inline]
    pub(crate) fn item(&self, at: usize) -> Option<Item<'_>> {
        if at >= self.len() {
            return None;
        }
        // SAFETY: it is there, as long as the list is not changed.
        Some(unsafe {
            match self.packing() {
                Packing::Values => Item::Place(&*self.row.start::<Owned>().add(at)),
                _ => Item::Packed(Packed::new(self.row.read(at))),
            }
        })
    }

    /// The element at a position.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<Owned> {
        self.item(at).map(|item| item.to_owned())
    }

    /// The elements in their order, as they stand there.
    #[inline]
    pub(crate) const fn iter(&self) -> Items<'_> {
        Items::new(self)
    }

    /// The elements as a slice of what they are.
    pub(crate) fn elements(&self) -> Elements<'_> {
        let (row, len) = (&self.row, self.len());
        // SAFETY: rows hold what their packing says.
        unsafe {
            match row.packing() {
                Packing::Values => Elements::Values(std::slice::from_raw_parts(row.start(), len)),
                Packing::Bools => Elements::Bools(std::slice::from_raw_parts(row.start(), len)),
                Packing::Ints => Elements::Ints(std::slice::from_raw_parts(row.start(), len)),
                Packing::Floats => Elements::Floats(std::slice::from_raw_parts(row.start(), len)),
            }
        }
    }

    /// The elements, where they are whole values.
    pub(crate) fn values(&self) -> Option<&[Owned]> {
        if let Elements::Values(values) = self.elements() { Some(values) } else { None }
    }

    /// Writes over the element at a position.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn set(&mut self, at: usize, value: Owned) {
        assert!(at < self.len(), "the element is there");
        if !self.fits(&value) {
            self.unpack();
        }
        // SAFETY: the element is there and owned by the list, which gives it up for the new one.
        let old = unsafe {
            let old = Owned::from_raw(self.row.read(at));
            self.row.write(at, value.into_raw());
            old
        };
        drop(old);
    }

    /// The element at a position to be changed there: the list is unpacked for it.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn place(&mut self, at: usize) -> &mut Owned {
        self.unpack();
        &mut self.values_mut()[at]
    }

    /// Moves the element at a position out; where it is a whole value nil stays there.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn lend(&mut self, at: usize) -> Owned {
        match self.is_packed() {
            true => self.get(at).expect("the element is there"),
            false => self.values_mut()[at].take(),
        }
    }

    /// The elements, which are whole values.
    fn values_mut(&mut self) -> &mut [Owned] {
        assert!(!self.is_packed(), "only whole values can be changed where they are");
        // SAFETY: `len` values are there.
        unsafe { std::slice::from_raw_parts_mut(self.row.start(), self.len()) }
    }

    /// Puts an element before the one at a position, or at the end.
    pub(crate) fn insert(&mut self, at: usize, value: Owned) {
        assert!(at <= self.len(), "the position is in the list");
        self.make_fit(&value);
        self.row.open(at);
        // SAFETY: what stood there has been moved; the packing has the value.
        unsafe { self.row.write(at, value.into_raw()) };
    }

    /// Takes the element at a position out.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn remove(&mut self, at: usize) -> Owned {
        assert!(at < self.len(), "the element is there");
        // SAFETY: it is there, and the list gives it up.
        let value = unsafe { Owned::from_raw(self.row.read(at)) };
        self.row.close(at);
        value
    }

    /// Exchanges two elements.
    ///
    /// # Panics
    /// When one of them is not there.
    pub(crate) fn swap(&mut self, i: usize, j: usize) {
        self.row.swap(i, j);
    }

    /// Turns the order of the elements round.
    pub(crate) fn reverse(&mut self) {
        self.row.reverse();
    }

    /// An empty list, packed as this one, with room for as many.
    ///
    /// # Errors
    /// One of kind `memory` when there is no room for them.
    pub(crate) fn empty_like(&self) -> Result<Self, Owned> {
        let row = Row::with_capacity(self.packing(), self.len()).map_err(no_memory)?;
        Ok(Self { row })
    }

    /// The ints, to be changed in place, where all elements are ints.
    pub(crate) fn ints_mut(&mut self) -> Option<&mut [i64]> {
        // SAFETY: `len` ints are there.
        (self.packing() == Packing::Ints)
            .then(|| unsafe { std::slice::from_raw_parts_mut(self.row.start(), self.len()) })
    }

    /// The elements of both.
    ///
    /// # Errors
    /// One of kind `memory` when there is no room for them.
    pub(crate) fn joined(&self, more: &Self) -> Result<Self, Owned> {
        let len = self.len().saturating_add(more.len());
        let row = Row::with_capacity(self.packing(), len).map_err(no_memory)?;
        let mut sum = Self { row };
        sum.append(self)?;
        sum.append(more)?;
        Ok(sum)
    }

    /// Appends the elements of a list.
    ///
    /// # Errors
    /// One of kind `memory` when there is no room for them; the list is as it was then.
    pub(crate) fn append(&mut self, more: &Self) -> Result<(), Owned> {
        self.append_part(more, 0..more.len())
    }

    fn append_part(&mut self, more: &Self, part: Range<usize>) -> Result<(), Owned> {
        let count = part.len();
        if count == 0 {
            return Ok(());
        }
        if self.is_empty() && self.packing() != more.packing() {
            self.row = Row::new(more.packing());
        }
        if self.packing() != more.packing() {
            if self.is_packed() {
                self.room_unpacked()?;
                self.unpack();
            }
            self.reserve(count)?;
            part.filter_map(|at| more.get(at)).for_each(|value| self.push(value));
            return Ok(());
        }
        self.reserve(count)?;
        // Counted first: so the row owns whatever it holds.
        if let Some(values) = more.values() {
            values[part.clone()].iter().for_each(|value| std::mem::forget(value.clone()));
        }
        // SAFETY: there is room for as many, of the same packing, and those are owned.
        unsafe { self.row.append(more.row.byte_at(part.start), count) };
        Ok(())
    }

    /// Room for so many more.
    ///
    /// # Errors
    /// One of kind `memory` when there is none.
    fn reserve(&mut self, more: usize) -> Result<(), Owned> {
        self.row.reserve(more).map_err(no_memory)
    }

    /// The elements of a part.
    ///
    /// # Errors
    /// One of kind `memory` when there is no room for them.
    pub(crate) fn part(&self, part: Range<usize>) -> Result<Self, Owned> {
        let row = Row::with_capacity(self.packing(), part.len()).map_err(no_memory)?;
        let mut copy = Self { row };
        copy.append_part(self, part)?;
        Ok(copy)
    }

    /// The elements so many times.
    ///
    /// # Errors
    /// One of kind `memory` when there is no room for them.
    pub(crate) fn repeated(&self, times: usize) -> Result<Self, Owned> {
        let len = self.len().saturating_mul(times);
        let row = Row::with_capacity(self.packing(), len).map_err(no_memory)?;
        let mut copy = Self { row };
        if let Some([one]) = self.values() {
            (0..times).for_each(|_| copy.push(one.clone()));
        } else if len > 0 {
            copy.append(self)?;
            // Twice as many each time.
            while copy.len() < len {
                let count = copy.len().min(len - copy.len());
                copy.double(count);
            }
        }
        Ok(copy)
    }

    /// Appends the first `count` of its own elements, for which there is room.
    fn double(&mut self, count: usize) {
        if let Some(values) = self.values() {
            values[..count].iter().for_each(|value| std::mem::forget(value.clone()));
        }
        // SAFETY: there is room for as many, and they are owned now; what is there already does not
        // overlap the room behind it.
        unsafe { self.row.append(self.row.byte_at(0), count) };
    }

    /// Moves the elements out; the list is empty afterwards.
    pub(crate) fn take_values(&mut self) -> Vec<Owned> {
        self.unpack();
        let row = std::mem::replace(&mut self.row, Row::new(Packing::Values));
        owned(row.into_values())
    }
}

/// The packing of a row of all these.
fn common(values: &[Raw]) -> Packing {
    let Some((first, rest)) = values.split_first() else { return Packing::Values };
    let packing = Packing::of(*first);
    let alike =
        packing != Packing::Values && rest.iter().all(|value| Packing::of(*value) == packing);
    if alike { packing } else { Packing::Values }
}

/// The same vector, of owned values.
fn owned(values: Vec<Raw>) -> Vec<Owned> {
    let mut values = std::mem::ManuallyDrop::new(values);
    // SAFETY: the parts of a vector; `Owned` is laid out like `Raw`, and the caller owns the values.
    unsafe { Vec::from_raw_parts(values.as_mut_ptr().cast(), values.len(), values.capacity()) }
}

impl From<Vec<Owned>> for ListObject {
    fn from(values: Vec<Owned>) -> Self {
        let mut values = std::mem::ManuallyDrop::new(values);
        // SAFETY: the parts of a vector; `Owned` is laid out like `Raw`, and the list owns the values
        // from here on.
        let values = unsafe {
            Vec::from_raw_parts(values.as_mut_ptr().cast(), values.len(), values.capacity())
        };
        if common(&values) == Packing::Values {
            return Self { row: Row::of_values(values) };
        }
        // SAFETY: as above.
        unsafe { Self::of(&values) }
    }
}

impl FromIterator<Owned> for ListObject {
    fn from_iter<I: IntoIterator<Item = Owned>>(items: I) -> Self {
        Self::from(Vec::from_iter(items))
    }
}

impl<'a> IntoIterator for &'a ListObject {
    type Item = Item<'a>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        self.iter()
    }
}

impl Default for ListObject {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for ListObject {
    fn clone(&self) -> Self {
        match self.part(0..self.len()) {
            Ok(copy) => copy,
            Err(_) => std::alloc::handle_alloc_error(std::alloc::Layout::new::<Self>()),
        }
    }
}

impl Drop for ListObject {
    fn drop(&mut self) {
        if !self.is_packed() {
            let values: *mut [Owned] = self.values_mut();
            rc::work_on(size_of_val(self.values_mut()));
            // SAFETY: the values are dropped once, and no longer counted when they are.
            unsafe {
                self.row.set_len(0);
                values.drop_in_place();
            }
        }
    }
}

impl fmt::Debug for ListObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

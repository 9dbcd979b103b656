//! Records: values of structs and enums. The fields stand behind the body, in the same allocation.
//!
//! # Invariants
//!
//! - Behind the body of a record of `len` fields stand `len` values, which it owns. It is as many
//!   as its type has; the number is kept here because freeing must not look at the type.

#![expect(unsafe_code, reason = "the fields stand behind the body")]

use std::fmt;

use super::{Owned, Raw, TypeInfo, TypeRef, tag};
use crate::rc::{self, Body};

/// The body of a record.
#[repr(C)]
pub(crate) struct RecordObject {
    info: TypeRef,
    len: usize,
}

// SAFETY: records have a tag of their own.
unsafe impl Body for RecordObject {
    const TAG: u64 = tag::RECORD;

    fn buffer_bytes(&self) -> usize {
        self.len * size_of::<Owned>()
    }

    unsafe fn trailing(this: *const Self) -> usize {
        // SAFETY: the caller has a body, and the number outlives even its drop.
        unsafe { (*this).len * size_of::<Owned>() }
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        self.fields().iter().for_each(visit);
    }
}

impl RecordObject {
    /// A record of the values at `fields`, which it takes over.
    ///
    /// # Safety
    /// At `fields` stand as many owned values as the type has fields; the caller does not use them
    /// again.
    #[inline]
    pub(crate) unsafe fn allocate(info: TypeRef, fields: *const Raw) -> Raw {
        let trailing = size_of_val(info.fields());
        let len = info.fields().len();
        let init = |at: *mut Self| {
            // SAFETY: there is room for the body, and for so many values behind it.
            unsafe {
                at.write(Self { info, len });
                // A loop: most records are so small that a call would cost more.
                let to = at.add(1).cast::<Raw>();
                (0..len).for_each(|i| to.add(i).write(fields.add(i).read()));
            }
        };
        // SAFETY: `init` writes the body and what stands behind it.
        unsafe { rc::allocate_trailing(info.class(), trailing, init) }
    }

    /// A record like this one, with one local reference.
    pub(crate) fn copy(&self) -> Raw {
        let fields = self.fields();
        for field in fields {
            // Counted for the copy, which gets the same words.
            std::mem::forget(field.clone());
        }
        // SAFETY: a reference to each was counted just now.
        unsafe { Self::allocate(self.info, fields.as_ptr().cast()) }
    }

    /// Its type: a struct, or a variant of an enum.
    #[inline(always)]
    pub(crate) fn type_ref(&self) -> TypeRef {
        self.info
    }

    /// What is known of its type: a struct, or a variant of an enum.
    #[inline(always)]
    pub(crate) fn info(&self) -> &TypeInfo {
        &self.info
    }

    /// Where the fields stand, for the interpreter.
    #[inline(always)]
    pub(crate) fn fields_ptr(&self) -> *mut Raw {
        let behind = (&raw const *self).addr() + size_of::<Self>();
        // Not through `self`, which covers the body alone: the address of the whole object was
        // exposed when it was made.
        std::ptr::with_exposed_provenance_mut(behind)
    }

    /// The fields, in the order of their declaration.
    #[inline(always)]
    pub(crate) fn fields(&self) -> &[Owned] {
        // SAFETY: by the invariant, as long as the record lives.
        unsafe { std::slice::from_raw_parts(self.fields_ptr().cast(), self.len) }
    }

    /// The fields, to be changed in place.
    #[inline(always)]
    pub(crate) fn fields_mut(&mut self) -> &mut [Owned] {
        // SAFETY: by the invariant, and the record is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.fields_ptr().cast(), self.len) }
    }

    /// Where the field with this name (a string) stands.
    #[inline]
    pub(crate) fn field_index(&self, name: &Owned) -> Option<usize> {
        self.info.field_index(name)
    }

    /// The field with this name (a string).
    #[inline]
    pub(crate) fn field(&self, name: &Owned) -> Option<&Owned> {
        self.field_index(name).map(|at| &self.fields()[at])
    }
}

impl Drop for RecordObject {
    fn drop(&mut self) {
        let fields: *mut [Owned] = self.fields_mut();
        // SAFETY: they are dropped once, here.
        unsafe { fields.drop_in_place() };
    }
}

impl fmt::Debug for RecordObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.full_name())?;
        f.debug_list().entries(self.fields()).finish()
    }
}

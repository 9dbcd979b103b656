//! Functions of scripts: a piece of code and the values it captured, which stand behind the body, in the
//! same allocation.
//!
//! # Invariants
//!
//! - Behind the body of a function that has captured `len` values they stand, and it owns them.

#![expect(unsafe_code, reason = "the captures stand behind the body")]

use std::fmt;

use super::{Owned, Raw, tag};
use crate::rc::{self, Body};

/// What every piece of code starts with: the interpreter's own description of a function is
/// `#[repr(C)]` and has this as its first field.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Code {
    /// The function's name: `main`, `area`, `lambda`.
    pub name: Box<str>,
}

/// The body of a script function.
#[repr(C)]
pub(crate) struct Closure {
    code: *const Code,
    len: usize,
}

// SAFETY: script functions have a tag of their own.
unsafe impl Body for Closure {
    const TAG: u64 = tag::FUNCTION;

    fn buffer_bytes(&self) -> usize {
        self.len * size_of::<Owned>()
    }

    unsafe fn trailing(this: *const Self) -> usize {
        // SAFETY: the caller has a body, and the number outlives even its drop.
        unsafe { (*this).len * size_of::<Owned>() }
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        self.captures().iter().for_each(visit);
    }
}

impl Closure {
    /// A function that runs `code` with the `len` captured values at `captures`, which it takes over.
    ///
    /// # Safety
    /// `code` outlives every value that refers to the closure, and is immutable. At `captures` stand so
    /// many owned values; the caller does not use them again.
    pub(crate) unsafe fn allocate(code: *const Code, captures: *const Raw, len: usize) -> Raw {
        let init = |at: *mut Self| {
            // SAFETY: there is room for the body, and for so many values behind it.
            unsafe {
                at.write(Self { code, len });
                // A loop: most functions capture so little that a call would cost more.
                let to = at.add(1).cast::<Raw>();
                (0..len).for_each(|i| to.add(i).write(captures.add(i).read()));
            }
        };
        let trailing = len * size_of::<Owned>();
        // SAFETY: `init` writes the body and what stands behind it.
        unsafe { rc::allocate_trailing(tag::FUNCTION as u16, trailing, init) }
    }

    /// The code.
    #[inline(always)]
    pub(crate) fn code(&self) -> *const Code {
        self.code
    }

    /// The name of the function.
    pub(crate) fn name(&self) -> &str {
        // SAFETY: the code outlives the closure, by the promise to `new`.
        unsafe { &(*self.code).name }
    }

    /// What it captured.
    pub(crate) fn captures(&self) -> &[Owned] {
        // SAFETY: by the invariant, as long as the function lives.
        unsafe { std::slice::from_raw_parts(self.captures_ptr().cast(), self.len) }
    }

    /// It has captured no object.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.captures().iter().all(|value| !value.as_raw().is_heap())
    }

    /// Where the captures stand, for the interpreter.
    #[inline(always)]
    pub(crate) fn captures_ptr(&self) -> *mut Raw {
        let behind = (&raw const *self).addr() + size_of::<Self>();
        // Not through `self`, which covers the body alone: the address of the whole object was
        // exposed when it was made.
        std::ptr::with_exposed_provenance_mut(behind)
    }
}

impl Drop for Closure {
    fn drop(&mut self) {
        let captures =
            std::ptr::slice_from_raw_parts_mut(self.captures_ptr().cast::<Owned>(), self.len);
        // SAFETY: they are dropped once, here.
        unsafe { captures.drop_in_place() };
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<fn {}>", self.name())
    }
}

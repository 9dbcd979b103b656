//! A value on its way between threads.

#![expect(unsafe_code, reason = "says that marked values may cross threads")]

use std::fmt;

use super::{Owned, Raw};
use crate::rc;

/// A value whose graph is marked shared: it may be sent to, kept by and dropped on any thread.
pub(crate) struct Shared(Raw);

// SAFETY: a scalar, or a reference to an object whose graph is shared (or immortal): it is counted
// atomically and not written while anyone else has it.
unsafe impl Send for Shared {}
// SAFETY: as above; only counting and reading goes through a borrow.
unsafe impl Sync for Shared {}

impl Shared {
    /// Marks what is local of the value's graph.
    pub(crate) fn new(value: Owned) -> Self {
        // SAFETY: the value keeps its object alive.
        unsafe { rc::share(value.as_raw()) };
        Self(value.into_raw())
    }

    /// An error of kind `type` when a cell is in the value, so that it cannot leave its thread.
    pub(crate) fn may_cross(value: &Owned) -> Result<(), Owned> {
        // SAFETY: the value keeps its object alive.
        if unsafe { rc::holds_cell(value.as_raw()) } {
            return Err(super::cell::cannot_cross());
        }
        Ok(())
    }

    /// True when [`Shared::crossing`] has nothing to mark and nothing to look for.
    #[inline]
    pub(crate) fn is_crossed(value: &Owned) -> bool {
        // SAFETY: the value keeps its object alive.
        !value.as_raw().is_heap() || unsafe { rc::crosses_as_it_is(value.as_raw()) }
    }

    /// True for what is no object, and so needs no drop.
    pub(crate) fn is_plain(&self) -> bool {
        !self.0.is_heap()
    }

    /// As [`Shared::new`] for a value that leaves its thread: an error of kind `type` when a cell is
    /// in it, which could not be used there.
    #[inline]
    pub(crate) fn crossing(value: Owned) -> Result<Self, Owned> {
        if value.as_raw().is_heap() {
            Self::may_cross(&value)?;
            // SAFETY: the value keeps its object alive.
            unsafe { rc::share_without_cells(value.as_raw()) };
        }
        Ok(Self(value.into_raw()))
    }

    /// The value, in the thread that has it now.
    pub(crate) fn into_owned(self) -> Owned {
        let raw = self.0;
        std::mem::forget(self);
        // SAFETY: the reference was this one's.
        unsafe { Owned::from_raw(raw) }
    }

    /// Another reference to the value, in the thread that asks.
    pub(crate) fn to_owned(&self) -> Owned {
        self.as_owned().clone()
    }

    /// The value, to be looked at.
    pub(crate) fn as_owned(&self) -> &Owned {
        // SAFETY: this keeps the object alive.
        unsafe { Owned::borrow_raw(&self.0) }
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        Self(self.to_owned().into_raw())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the reference is this one's, which ends here.
        unsafe { rc::release(self.0) };
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_owned().fmt(f)
    }
}

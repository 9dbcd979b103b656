//! Handles: values with identity. Channels, threads, mutexes, files, objects of the host.
//!
//! A handle is shared from birth, so everyone who has it may be on another LWP: what it refers to
//! protects itself. Handles are equal when they are the same one.

#![expect(
    unsafe_code,
    reason = "says which tag belongs to handles; what one is about stands behind its body"
)]

use std::any::{Any, TypeId};
use std::fmt;

use super::{Owned, Raw, tag};
use crate::rc::{self, Body};

/// What stands behind a handle.
///
/// It may hold values of scripts only as [`Shared`](super::Shared) ones. Its `Drop` runs when the
/// last reference goes, on any LWP, without any lock of the VM held.
pub(crate) trait Handle: Any + Send + Sync {
    /// The name that `type(v)` gives.
    fn type_name(&self) -> &str;

    /// What method calls look in: the layer above knows its type.
    fn methods(&self) -> &dyn Any {
        &()
    }

    /// The class of its type, when all values of that have the same methods for good; else the tag
    /// of handles.
    fn class(&self) -> u16 {
        tag::HANDLE as u16
    }

    /// What its field `name` reads as, or the value that reading it throws; `None` when there is no
    /// such field.
    fn field(&self, _name: &str) -> Option<Result<Owned, Owned>> {
        None
    }

    /// What it is the same as, where several handles stand for one thing: the address of that.
    fn identity(&self) -> Option<usize> {
        None
    }

    /// Its drop frees no value for certain, now and later.
    fn holds_no_value(&self) -> bool {
        false
    }

    /// How it prints.
    fn display(&self) -> String {
        format!("<{}>", self.type_name())
    }
}

/// The body of a handle. What stands behind it stands behind the body, in the same allocation.
#[repr(C)]
pub(crate) struct HandleObject {
    table: &'static Table,
}

/// What must be known of a type whose values stand behind handles.
struct Table {
    /// The type: asked in each use of a channel.
    of: TypeId,
    size: usize,
    /// The address of a value as that of a handle.
    handle: fn(*const u8) -> *const dyn Handle,
    /// Drops a value, which is not used again.
    drop: unsafe fn(*mut u8),
}

impl Table {
    const fn of<T: Handle>() -> &'static Self {
        const {
            assert!(align_of::<T>() <= 2 * size_of::<usize>());
            &Self {
                of: TypeId::of::<T>(),
                size: size_of::<T>(),
                handle: |at| at.cast::<T>(),
                // SAFETY: the caller has a value of this type, which is not used again.
                drop: |at| unsafe { at.cast::<T>().drop_in_place() },
            }
        }
    }
}

// SAFETY: the three tags of handles belong to this type: see `allocate_shared`.
unsafe impl Body for HandleObject {
    const TAG: u64 = tag::HANDLE;

    fn buffer_bytes(&self) -> usize {
        self.table.size
    }

    unsafe fn trailing(this: *const Self) -> usize {
        // SAFETY: the caller has a body, and the table outlives its drop.
        unsafe { (*this).table }.size
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {}
}

impl HandleObject {
    /// Makes a handle; [`Owned::handle`] and its kin make the value.
    pub(crate) fn allocate<T: Handle>(kind: u64, class: u16, handle: T) -> Raw {
        let table = Table::of::<T>();
        let init = |at: *mut Self| {
            // SAFETY: there is room for the body and for what stands behind it, which is aligned: it
            // starts two words after the object.
            unsafe {
                at.write(Self { table });
                at.add(1).cast::<T>().write(handle);
            }
        };
        // SAFETY: `init` writes the body and what stands behind it.
        unsafe { rc::allocate_shared(kind, class, table.size, init) }
    }

    /// The address of what stands behind the body.
    #[inline]
    fn behind(&self) -> *mut u8 {
        let behind = (&raw const *self).addr() + size_of::<Self>();
        // Not through `self`, which covers the body alone: the address of the whole object was
        // exposed when it was made.
        std::ptr::with_exposed_provenance_mut(behind)
    }

    /// What stands behind it.
    #[inline]
    pub(crate) fn get(&self) -> &dyn Handle {
        // SAFETY: that is its type, and it lives as long as `self`.
        unsafe { &*(self.table.handle)(self.behind()) }
    }

    /// What stands behind it, as the type it was made of.
    #[inline]
    pub(crate) fn downcast<T: Handle>(&self) -> Option<&T> {
        // Most often there is one table of a type.
        let is = std::ptr::eq(self.table, Table::of::<T>()) || self.table.of == TypeId::of::<T>();
        // SAFETY: that is its type, and it lives as long as `self`.
        is.then(|| unsafe { &*self.behind().cast::<T>() })
    }
}

impl Drop for HandleObject {
    fn drop(&mut self) {
        // SAFETY: it is dropped once, here.
        unsafe { (self.table.drop)(self.behind()) };
    }
}

impl fmt::Debug for HandleObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.get().display())
    }
}

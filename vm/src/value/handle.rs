//! Handles: values with identity. Channels, threads, mutexes, files, objects of the host.
//!
//! A handle is shared from birth, so everyone who has it may be on another LWP: what it refers to
//! protects itself. Handles are equal when they are the same one.

#![expect(
    unsafe_code,
    reason = "says which tag belongs to handles, and which type stands behind one"
)]

use std::any::{Any, TypeId};
use std::fmt;

use super::{Owned, tag};
use crate::rc::Body;

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

    /// How it prints.
    fn display(&self) -> String {
        format!("<{}>", self.type_name())
    }
}

/// The body of a handle.
pub(crate) struct HandleObject {
    handle: Box<dyn Handle>,
    /// The type of what stands behind it: asked in each use of a channel.
    of: TypeId,
}

// SAFETY: the three tags of handles belong to this type: see `allocate_shared`.
unsafe impl Body for HandleObject {
    const TAG: u64 = tag::HANDLE;

    fn buffer_bytes(&self) -> usize {
        0
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {}
}

impl HandleObject {
    /// The body of a handle; [`Owned::handle`] and its kin make the value.
    pub(crate) fn new(handle: Box<dyn Handle>) -> Self {
        let of = (*handle).type_id();
        Self { handle, of }
    }

    /// What stands behind it.
    #[inline]
    pub(crate) fn get(&self) -> &dyn Handle {
        &*self.handle
    }

    /// What stands behind it, as the type it was made of.
    #[inline]
    pub(crate) fn downcast<T: Handle>(&self) -> Option<&T> {
        let handle = &raw const *self.handle;
        // SAFETY: that is its type, and it lives as long as `self`.
        (self.of == TypeId::of::<T>()).then(|| unsafe { &*handle.cast::<T>() })
    }
}

impl fmt::Debug for HandleObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.handle.display())
    }
}

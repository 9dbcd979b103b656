//! Values: what variables, registers and containers hold.
//!
//! A value is two words: a tag, and an integer, a float or the address of a counted object. It
//! comes in three wrappings:
//!
//! - [`Raw`]: `Copy`, uncounted. Registers and the interpreter's fast paths.
//! - [`Owned`]: owns its reference; bound to one thread. Everything else works with it.
//! - [`Shared`]: an `Owned` whose graph is marked shared, so that it may cross threads.
//!
//! There is one file for each kind of object, which knows its layout and nothing of other kinds.
//! What works across kinds stands in `ops` (arithmetic), `compare`, `hash`, `access` (indices,
//! fields, slices, places), `display` and `format`. None of it recurses: values nest to any
//! depth.
//!
//! # Invariants
//!
//! - Values are values: an object is written only by the owner of its only reference (see
//!   [`rc`](crate::rc)), so no two variables ever see each other's changes.
//! - Values form no circles: what goes into a container existed before. Only what stands behind
//!   a handle may refer back.
//! - Operations throw errors as values: `Err(Owned)`. What a script can cause never panics.

mod access;
mod bytes;
mod cell;
mod closure;
mod compare;
mod display;
mod error;
mod format;
mod handle;
mod hash;
mod list;
mod map;
mod names;
mod native_object;
pub(crate) mod number;
pub(crate) mod ops;
mod order;
mod owned;
mod range;
mod raw;
mod record;
mod set;
mod shared;
mod string;
pub(crate) mod tag;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod types;
mod view;

pub(crate) use access::{
    Step, field_get, field_set, index_get, index_set, path_get, position, slice, slice_of_text,
    slot, slot_mut, vacant,
};
pub(crate) use bytes::BytesObject;
pub(crate) use cell::{CellDomain, CellObject, cell_access, last_cell};
pub(crate) use closure::{Closure, Code};
pub(crate) use compare::{Comparison, Verdict, equals, try_equals};
pub(crate) use display::{cut_literal, display, literal, try_display, write_display};
pub(crate) use error::{ErrorObject, Kind, TraceEntry, error, uncatchable};
pub(crate) use format::format;
pub(crate) use handle::{Handle, HandleObject};
pub(crate) use list::{Elements, Item, ListObject, Packing};
pub(crate) use map::MapObject;
pub(crate) use names::did_you_mean;
pub(crate) use native_object::{NativeCode, NativeObject};
#[cfg(test)]
pub(crate) use order::less;
pub(crate) use order::{Less, compare, try_less};
pub(crate) use owned::Owned;
pub(crate) use range::RangeObject;
pub(crate) use raw::Raw;
pub(crate) use record::RecordObject;
pub(crate) use set::SetObject;
pub(crate) use shared::Shared;
pub(crate) use string::StrObject;
pub(crate) use text::{Text, append, count_chars, joined, roomy, written};
pub(crate) use types::{
    Behaviour, Operator, TypeInfo, TypeKind, TypeMethod, TypeObject, TypeRef, Variant,
};
pub(crate) use view::View;

use crate::rc::Heap;

/// An error of kind `memory` when so many bytes more would pass a limit. Whatever makes something
/// big asks first.
pub(crate) fn room(bytes: usize) -> Result<(), Owned> {
    // Past this no machine has the memory, whatever the limits say.
    if bytes <= isize::MAX as usize / 4 && Heap::room(bytes) {
        Ok(())
    } else {
        Err(error(Kind::Memory, format!("out of memory: {bytes} bytes more are over the limit")))
    }
}

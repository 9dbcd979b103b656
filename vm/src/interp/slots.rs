//! Parts of values as the loop reaches them: by a step, by a path, in place.
//!
//! Only lists and records, and only where no call is needed; what is found otherwise is the long way's
//! matter (`access`). What is on the way to a part is a whole value ([`slot`]); the part itself may be
//! an element of a packed list ([`Spot`]).

#![expect(unsafe_code, reason = "values are reached without counting")]

use lisle_compiler::bytecode::op::READ_ROOT;

use super::{load, store};
use crate::{
    link::{CodeWord, STEP_FIELD, STEP_INDEX, Word},
    rc,
    value::{
        ListObject, Packing, Raw, RecordObject,
        tag::{FALSE, INT, LIST, RECORD, TRUE},
    },
};

/// Word `i` of the instruction, which may be one that changes: a step of a path.
#[inline(always)]
pub(super) unsafe fn step_at(pc: *const Word, i: usize) -> Word {
    // SAFETY: verified code has all words of its instructions.
    unsafe { (*pc.add(i).cast::<CodeWord>()).get() }
}

/// The part of a value that a step of a path leads to.
#[inline(always)]
pub(super) unsafe fn slot(value: *const Raw, base: *mut u8, step: Word) -> Option<*mut Raw> {
    // SAFETY: the caller has a value, and a step whose register is in the frame.
    unsafe {
        if step.op == STEP_INDEX { list_slot(value, base, step) } else { field_slot(value, step) }
    }
}

/// The same in a value that nobody else has; `flags` are those of the instruction.
#[inline(always)]
pub(super) unsafe fn own_slot(
    value: *mut Raw,
    base: *mut u8,
    step: Word,
    flags: u8,
) -> Option<*mut Raw> {
    // SAFETY: as in `slot`; only objects have counts, and no other value has parts.
    unsafe {
        let slot = slot(value, base, step)?;
        (flags & READ_ROOT == 0 && rc::is_unique(*value)).then_some(slot)
    }
}

/// The field of a record that a step leads to, where the step remembers the record's class.
#[inline(always)]
pub(super) unsafe fn field_slot(record: *const Raw, step: Word) -> Option<*mut Raw> {
    // SAFETY: the caller has a value. A step remembers classes of records only, and slots that
    // these have.
    unsafe {
        if (*record).tag != RECORD || rc::class_of(*record) != step.c || step.op != STEP_FIELD {
            return None;
        }
        let record = rc::body::<RecordObject>(*record);
        Some(record.fields_ptr().add(usize::from(step.flags)))
    }
}

/// The element of a list that an index leads to, where the list keeps whole values.
#[inline(always)]
unsafe fn list_slot(list: *const Raw, base: *mut u8, step: Word) -> Option<*mut Raw> {
    // SAFETY: as in `slot`.
    unsafe {
        if let Some(Spot::Value(slot)) = list_spot(list, base, step) { Some(slot) } else { None }
    }
}

/// Where a part of a value stands.
#[derive(Clone, Copy)]
pub(super) enum Spot {
    /// A whole value.
    Value(*mut Raw),
    /// The payload of an int or a float, of which this is the tag.
    Number(*mut u64, u64),
    /// A bool.
    Bool(*mut bool),
}

impl Spot {
    /// Element `at` of a list, which has one there.
    #[inline(always)]
    pub(super) unsafe fn element(list: &ListObject, at: u64) -> Self {
        // SAFETY: lists have what their packing says.
        unsafe {
            match list.packing() {
                Packing::Values => Self::Value(list.start::<Raw>().add(at as usize)),
                Packing::Bools => Self::Bool(list.start::<bool>().add(at as usize)),
                packing => Self::Number(list.start::<u64>().add(at as usize), packing as u64),
            }
        }
    }

    /// The value there, uncounted.
    #[inline(always)]
    pub(super) unsafe fn load(self) -> Raw {
        // SAFETY: whoever has a spot has the value it is in.
        unsafe {
            match self {
                Self::Value(value) => load(value),
                Self::Number(bits, tag) => Raw { tag, bits: *bits },
                Self::Bool(bool) => Raw::bool(*bool),
            }
        }
    }

    /// Writes an int or a float over one of the same kind.
    #[inline(always)]
    pub(super) unsafe fn put(self, value: Raw) {
        // SAFETY: as above, and nobody else has it.
        unsafe {
            match self {
                Self::Value(place) => store(place, value),
                Self::Number(bits, _) => *bits = value.bits,
                Self::Bool(_) => {}
            }
        }
    }

    /// Writes a value there, whose owner this is then. False when that takes more: freeing what was
    /// there, or unpacking the list.
    #[inline(always)]
    pub(super) unsafe fn replace(self, value: Raw) -> bool {
        // SAFETY: as above, and nobody else has it.
        unsafe {
            match self {
                Self::Value(place) => {
                    let free = rc::try_release(load(place));
                    if free {
                        store(place, value);
                    }
                    free
                }
                Self::Number(bits, tag) => {
                    if value.tag == tag {
                        *bits = value.bits;
                    }
                    value.tag == tag
                }
                Self::Bool(bool) => {
                    let fits = value.tag == TRUE || value.tag == FALSE;
                    if fits {
                        *bool = value.tag == TRUE;
                    }
                    fits
                }
            }
        }
    }
}

/// The element of a list that an index leads to.
#[inline(always)]
unsafe fn list_spot(list: *const Raw, base: *mut u8, step: Word) -> Option<Spot> {
    // SAFETY: as in `slot`.
    unsafe {
        if (*list).tag != LIST {
            return None;
        }
        let index = base.add(step.b as usize).cast::<Raw>();
        let list = rc::body::<ListObject>(*list);
        let at = (*index).bits;
        ((*index).tag == INT && at < list.len() as u64).then(|| Spot::element(list, at))
    }
}

/// The part of a value that the last step of a path leads to.
#[inline(always)]
unsafe fn spot(value: *const Raw, base: *mut u8, step: Word) -> Option<Spot> {
    // SAFETY: as in `slot`.
    unsafe {
        if step.op == STEP_INDEX {
            list_spot(value, base, step)
        } else {
            field_slot(value, step).map(Spot::Value)
        }
    }
}

/// What the path of an instruction leads to. Its length is in `c`, and its steps follow.
#[inline(always)]
pub(super) unsafe fn part(pc: *const Word, base: *mut u8, root: *const Raw) -> Option<Spot> {
    // SAFETY: as in `slot` and `step_at`.
    unsafe {
        let count = (*pc).c as usize;
        let mut part = root;
        for i in 1..count {
            part = slot(part, base, step_at(pc, i))?;
        }
        spot(part, base, step_at(pc, count))
    }
}

/// What the path that starts at word `first` leads to, in values that nobody else has.
#[inline(always)]
pub(super) unsafe fn place(
    pc: *const Word,
    base: *mut u8,
    root: *mut Raw,
    first: usize,
) -> Option<Spot> {
    // SAFETY: as above.
    unsafe {
        let (last, flags) = ((*pc).c as usize - 1, (*pc).flags);
        let mut place = root;
        for i in 0..last {
            place = own_slot(place, base, step_at(pc, first + i), flags)?;
        }
        let spot = spot(place, base, step_at(pc, first + last))?;
        (flags & READ_ROOT == 0 && rc::is_unique(*place)).then_some(spot)
    }
}

/// What a `for &` walks: the root itself, or what the path leads to.
#[inline(always)]
pub(super) unsafe fn walked(pc: *const Word, base: *mut u8, root: *mut Raw) -> Option<*mut Raw> {
    // SAFETY: as above.
    unsafe {
        if (*pc).c == 0 {
            return Some(root);
        }
        if let Spot::Value(value) = place(pc, base, root, 1)? { Some(value) } else { None }
    }
}

/// The element at a position of a list that nobody else has; `flags` are those of the instruction.
#[inline(always)]
pub(super) unsafe fn own_element(
    list: *const Raw,
    position: *const Raw,
    flags: u8,
) -> Option<Spot> {
    // SAFETY: as in `slot`.
    unsafe {
        if (*list).tag != LIST || flags & READ_ROOT != 0 || !rc::is_unique(*list) {
            return None;
        }
        let (list, at) = (rc::body::<ListObject>(*list), (*position).bits);
        (at < list.len() as u64).then(|| Spot::element(list, at))
    }
}

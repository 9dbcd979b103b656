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

    /// Writes what `new` makes of the value there, which it is to give up where it gives one. False
    /// when it does not, and where the list would have to be unpacked for it.
    #[inline(always)]
    pub(super) unsafe fn change(self, new: impl FnOnce(Raw) -> Option<Raw>) -> bool {
        // SAFETY: as above, and nobody else has it.
        unsafe {
            match self {
                Self::Value(place) => {
                    let Some(value) = new(load(place)) else { return false };
                    store(place, value);
                }
                Self::Number(bits, tag) => match new(Raw { tag, bits: *bits }) {
                    Some(value) if value.tag == tag => *bits = value.bits,
                    _ => return false,
                },
                Self::Bool(bool) => match new(Raw::bool(*bool)) {
                    Some(value) if value.tag == TRUE || value.tag == FALSE => {
                        *bool = value.tag == TRUE;
                    }
                    _ => return false,
                },
            }
            true
        }
    }

    /// Writes a value there, whose owner this is then. False when that takes more: freeing what was
    /// there, or unpacking the list.
    #[inline(always)]
    pub(super) unsafe fn replace(self, value: Raw) -> bool {
        // SAFETY: as above; the old value is given up.
        unsafe { self.change(|old| rc::try_release(old).then_some(value)) }
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

/// What the path of an instruction leads to, uncounted. Its length is in `c`, and its steps follow.
#[inline(always)]
pub(super) unsafe fn part(pc: *const Word, base: *mut u8, root: *const Raw) -> Option<Raw> {
    // SAFETY: as in `slot` and `step_at`.
    unsafe {
        let count = (*pc).c as usize;
        let mut part = root;
        // Nearly all have one or two steps.
        if count > 1 {
            part = slot(part, base, step_at(pc, 1))?;
            for i in 2..count {
                part = slot(part, base, step_at(pc, i))?;
            }
        }
        let last = step_at(pc, count);
        if last.op == STEP_INDEX {
            list_spot(part, base, last).map(|spot| spot.load())
        } else {
            field_slot(part, last).map(|slot| load(slot))
        }
    }
}

/// What the last step of the path that starts at word `first` starts from, where nobody else has it
/// or what it is in.
#[inline(always)]
unsafe fn holder(pc: *const Word, base: *mut u8, root: *mut Raw, first: usize) -> Option<*mut Raw> {
    // SAFETY: as above.
    unsafe {
        let (last, flags) = ((*pc).c as usize - 1, (*pc).flags);
        let mut place = root;
        // Nearly all have one or two steps.
        if last > 0 {
            place = own_slot(place, base, step_at(pc, first), flags)?;
            for i in 1..last {
                place = own_slot(place, base, step_at(pc, first + i), flags)?;
            }
        }
        (flags & READ_ROOT == 0).then_some(place)
    }
}

/// Writes what `new` makes of what the path that starts at word `first` leads to, as [`Spot::change`]
/// does it.
#[inline(always)]
pub(super) unsafe fn change(
    pc: *const Word,
    base: *mut u8,
    root: *mut Raw,
    first: usize,
    new: impl FnOnce(Raw) -> Option<Raw>,
) -> bool {
    // SAFETY: as above.
    unsafe {
        let Some(holder) = holder(pc, base, root, first) else { return false };
        let last = step_at(pc, first + (*pc).c as usize - 1);
        if last.op == STEP_INDEX {
            match list_spot(holder, base, last) {
                Some(spot) => rc::is_unique(*holder) && spot.change(new),
                None => false,
            }
        } else {
            match field_slot(holder, last) {
                Some(slot) => rc::is_unique(*holder) && Spot::Value(slot).change(new),
                None => false,
            }
        }
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
        let holder = holder(pc, base, root, 1)?;
        own_slot(holder, base, step_at(pc, (*pc).c as usize), (*pc).flags)
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

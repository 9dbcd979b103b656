//! Parts of values as the loop reaches them: by a step, by a path, in place.
//!
//! Only lists and records, and only where no call is needed; what is found otherwise is the long way's
//! matter (`access`).

#![expect(unsafe_code, reason = "values are reached without counting")]

use lisle_compiler::bytecode::op::READ_ROOT;

use crate::{
    link::{CodeWord, STEP_FIELD, STEP_INDEX, Word},
    rc,
    value::{
        ListObject, Raw, RecordObject,
        tag::{INT, LIST, RECORD},
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

/// The element of a list that an index leads to.
#[inline(always)]
unsafe fn list_slot(list: *const Raw, base: *mut u8, step: Word) -> Option<*mut Raw> {
    // SAFETY: as in `slot`.
    unsafe {
        if (*list).tag != LIST {
            return None;
        }
        let index = base.add(step.b as usize).cast::<Raw>();
        let list = rc::body::<ListObject>(*list);
        let at = (*index).bits;
        ((*index).tag == INT && at < list.len() as u64).then(|| list.items().add(at as usize))
    }
}

/// What the path of an instruction leads to. Its length is in `c`, and its steps follow.
#[inline(always)]
pub(super) unsafe fn part(pc: *const Word, base: *mut u8, root: *const Raw) -> Option<*const Raw> {
    // SAFETY: as in `slot` and `step_at`.
    unsafe {
        let count = (*pc).c as usize;
        // Nearly all have one or two steps.
        let mut part = slot(root, base, step_at(pc, 1))?;
        if count > 1 {
            part = slot(part, base, step_at(pc, 2))?;
            for i in 3..=count {
                part = slot(part, base, step_at(pc, i))?;
            }
        }
        Some(part)
    }
}

/// As [`part`], in values that nobody else has, for a path that starts at word `first`.
#[inline(always)]
pub(super) unsafe fn place(
    pc: *const Word,
    base: *mut u8,
    root: *mut Raw,
    first: usize,
) -> Option<*mut Raw> {
    // SAFETY: as above.
    unsafe {
        let (count, flags) = ((*pc).c as usize, (*pc).flags);
        let mut place = own_slot(root, base, step_at(pc, first), flags)?;
        if count > 1 {
            place = own_slot(place, base, step_at(pc, first + 1), flags)?;
            for i in 2..count {
                place = own_slot(place, base, step_at(pc, first + i), flags)?;
            }
        }
        Some(place)
    }
}

/// What a `for &` walks: the root itself, or what the path leads to.
#[inline(always)]
pub(super) unsafe fn walked(pc: *const Word, base: *mut u8, root: *mut Raw) -> Option<*mut Raw> {
    // SAFETY: as above.
    unsafe { if (*pc).c == 0 { Some(root) } else { place(pc, base, root, 1) } }
}

/// The element at a position of a list that nobody else has; `flags` are those of the instruction.
#[inline(always)]
pub(super) unsafe fn own_element(
    list: *const Raw,
    position: *const Raw,
    flags: u8,
) -> Option<*mut Raw> {
    // SAFETY: as in `slot`.
    unsafe {
        if (*list).tag != LIST || flags & READ_ROOT != 0 || !rc::is_unique(*list) {
            return None;
        }
        let (list, at) = (rc::body::<ListObject>(*list), (*position).bits);
        (at < list.len() as u64).then(|| list.items().add(at as usize))
    }
}

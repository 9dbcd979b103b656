//! Classes: small numbers that stand in the headers of objects and say which methods and fields
//! they have.
//!
//! A value of a built-in type has its tag for a class, or that of its type. Each struct, each variant
//! of an enum and each type of handles has a number of its own, so that code can remember in one word
//! what it found for a class.
//!
//! # Invariants
//!
//! - No two types that exist at once have the same class from [`FIRST`] on, in all VMs of the
//!   process: what was remembered for a class holds for every object that has it. A class is given
//!   back when its type goes, and then neither values of it nor code that has met them are left.
//! - When there are no more numbers, types have the tag of their values for a class, for which
//!   nothing is ever remembered.

use std::sync::{Mutex, PoisonError};

/// The first class that is not a tag.
pub(crate) const FIRST: u16 = 64;

#[derive(Debug)]
struct Classes {
    /// The lowest number that was never given out.
    next: u16,
    /// What was given back.
    free: Vec<u16>,
}

static CLASSES: Mutex<Classes> = Mutex::new(Classes { next: FIRST, free: Vec::new() });

/// A class of its own, if there is one left.
pub(crate) fn take() -> Option<u16> {
    let mut classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
    classes.free.pop().or_else(|| {
        let class = classes.next;
        classes.next = class.checked_add(1)?;
        Some(class)
    })
}

/// Gives a class back that [`take`] gave.
pub(crate) fn give_back(class: u16) {
    CLASSES.lock().unwrap_or_else(PoisonError::into_inner).free.push(class);
}

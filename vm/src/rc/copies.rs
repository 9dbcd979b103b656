//! Large copies of values that had another owner when they were to be changed, for a profile.
//!
//! A kernel thread that [watches](watch_copies) keeps a list of those that it makes; the interpreter
//! [takes](take_copies) it after each instruction, and so knows which one it was.

use std::cell::RefCell;

use crate::value::{Owned, View};

/// A copy of fewer bytes is not worth telling.
const LARGE: usize = 4096;

thread_local! {
    /// What was copied since it was last asked for; `None` where nobody asks.
    static COPIES: RefCell<Option<Vec<LargeCopy>>> = const { RefCell::new(None) };
}

/// A large copy that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeCopy {
    /// The tag of what was copied.
    pub(crate) tag: u64,
    /// Its elements, entries, fields, or the bytes of a text.
    pub(crate) length: usize,
    /// The bytes of the copy.
    pub(crate) bytes: usize,
}

/// From now on the large copies of this kernel thread are kept.
pub(crate) fn watch_copies() {
    COPIES.with_borrow_mut(|copies| {
        copies.get_or_insert_default();
    });
}

/// The large copies of this kernel thread since the last call.
pub(crate) fn take_copies() -> Vec<LargeCopy> {
    COPIES.with_borrow_mut(|copies| copies.as_mut().map(std::mem::take).unwrap_or_default())
}

/// Notes a copy, if it is large and somebody asks.
pub(super) fn note(copy: &Owned, bytes: usize) {
    if bytes < LARGE {
        return;
    }
    COPIES.with_borrow_mut(|copies| {
        if let Some(copies) = copies {
            copies.push(LargeCopy { tag: copy.tag(), length: length(copy), bytes });
        }
    });
}

fn length(value: &Owned) -> usize {
    match value.view() {
        View::Str(text) => text.as_str().len(),
        View::Bytes(bytes) => bytes.len(),
        View::List(list) => list.len(),
        View::Map(map) => map.len(),
        View::Set(set) => set.len(),
        View::Record(record) => record.fields().len(),
        View::Nil
        | View::Bool(_)
        | View::Int(_)
        | View::Float(_)
        | View::Range(_)
        | View::Function(_)
        | View::Native(_)
        | View::Error(_)
        | View::Channel(_)
        | View::Thread(_)
        | View::Handle(_)
        | View::Type(_)
        | View::Cell(_)
        | View::Absent => 0,
    }
}

//! Re-derives the invariants of counting from a graph of values: for tests and debugging.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::{STICKY, count, visit_children};
use crate::value::{Owned, Raw, tag};

/// What a walk has found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Census {
    /// Local objects.
    pub local: usize,
    /// Shared objects, handles included.
    pub shared: usize,
    /// Immortal objects.
    pub immortal: usize,
}

/// Walks everything reachable from `roots` and checks that
///
/// - every word of a count is that of a live object, and every tag that of a kind of objects;
/// - no shared or immortal object refers to a local one;
/// - no object has fewer references than were found, and a local one, when `roots` are all the
///   references there are from outside (`complete`), has exactly as many;
/// - handles are shared.
///
/// An `Err` says what is wrong.
pub fn walk(roots: &[&Owned], complete: bool) -> Result<Census, String> {
    let mut found: HashMap<u64, (Raw, usize)> = HashMap::new();
    let mut work = Vec::new();
    let mut note = |value: &Owned, work: &mut Vec<Raw>| {
        let raw = value.as_raw();
        if raw.is_heap() {
            let entry = found.entry(raw.bits).or_insert((raw, 0));
            entry.1 += 1;
            if entry.1 == 1 {
                work.push(raw);
            }
        }
    };
    for root in roots {
        note(root, &mut work);
    }
    let mut wrong = None;
    while let Some(parent) = work.pop() {
        if parent.tag >= tag::END {
            return Err(format!("{parent:?} has no known tag"));
        }
        let parent_local = state(parent)? == State::Local;
        // SAFETY: a root keeps it alive.
        unsafe {
            visit_children(parent, &mut |child| {
                note(child, &mut work);
                let raw = child.as_raw();
                if raw.is_heap() && !parent_local && state(raw) == Ok(State::Local) {
                    wrong =
                        Some(format!("{parent:?} is not local and refers to {child:?}, which is"));
                }
            });
        }
    }
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let mut census = Census::default();
    for (raw, references) in found.into_values() {
        // SAFETY: a root keeps it alive.
        let n = unsafe { count(raw) }.load(Ordering::Relaxed);
        match state(raw)? {
            State::Local => {
                census.local += 1;
                let n = n.unsigned_abs() as usize;
                if n < references || (complete && n != references) {
                    return Err(format!("{raw:?} counts {n} references of {references}"));
                }
                if matches!(raw.tag, tag::CHANNEL | tag::THREAD | tag::HANDLE | tag::CELL) {
                    return Err(format!("the handle {raw:?} is local"));
                }
            }
            State::Shared => {
                census.shared += 1;
                if (n.unsigned_abs() as usize) < references {
                    return Err(format!("{raw:?} counts {n} references of {references}"));
                }
            }
            State::Immortal => census.immortal += 1,
        }
    }
    Ok(census)
}

#[derive(PartialEq, Eq)]
enum State {
    Local,
    Shared,
    Immortal,
}

fn state(raw: Raw) -> Result<State, String> {
    // SAFETY: it is reachable from a root, which keeps it alive.
    match unsafe { count(raw) }.load(Ordering::Relaxed) {
        0 => Err(format!("{raw:?} is dead")),
        n if n > 0 => Ok(State::Local),
        n if n > STICKY => Ok(State::Shared),
        _ => Ok(State::Immortal),
    }
}

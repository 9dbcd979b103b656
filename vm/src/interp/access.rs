//! Indexes, fields and paths.
//!
//! A path is walked from its root register without counting. To change something each level is made
//! unique on the way down; the values a step reads its index from are copied bitwise first, so that
//! a root may be its own index.

#![expect(unsafe_code, reason = "paths are walked without counting")]

use lisle_compiler::bytecode::{Op, op::INCLUSIVE};

use super::arith;
use super::machine::{Machine, Step};
use super::method::Found;
use crate::{
    link::{LinkedStep, Word, step},
    value::{self, Owned, Raw, View},
};

/// A step with the raw value of its index or name, which is owned elsewhere.
#[derive(Clone, Copy)]
struct RawStep {
    field: bool,
    key: Raw,
}

impl RawStep {
    fn step(&self) -> value::Step<'_> {
        // SAFETY: the key is in a register or constant as long as the instruction runs.
        let key = unsafe { Owned::borrow_raw(&self.key) };
        if self.field { value::Step::Field(key) } else { value::Step::Index(key) }
    }
}

fn steps(m: &Machine<'_>, words: &[Word]) -> impl Iterator<Item = RawStep> {
    words.iter().map(|&word| match step(word) {
        LinkedStep::Index(register) => RawStep { field: false, key: m.raw(register) },
        LinkedStep::Field(name) => RawStep { field: true, key: m.constant(name as usize) },
    })
}

/// What a path leads to, without counting as far as it goes through containers.
pub(super) fn walk(m: &Machine<'_>, root: &Owned, words: &[Word]) -> Result<Found, Owned> {
    let mut place = Found::Ref(root);
    for raw in steps(m, words) {
        let step = raw.step();
        let container = match &place {
            // SAFETY: it is a register, or part of what one holds; nothing is changed meanwhile.
            Found::Ref(value) => unsafe { &**value },
            Found::Temp(value) => {
                place = Found::Temp(value::path_get(value, [step])?);
                continue;
            }
        };
        let is_slot = match (container.view(), step) {
            (View::Map(_), _) => true,
            (View::List(_), value::Step::Index(key)) => key.as_int().is_some(),
            _ => false,
        };
        place = if is_slot {
            Found::Ref(value::slot(container, step)?)
        } else {
            Found::Temp(value::path_get(container, [step])?)
        };
    }
    Ok(place)
}

/// The place that a path leads to, for writing: all levels above it are unique then.
pub(super) fn walk_mut(
    m: &mut Machine<'_>,
    root: u16,
    words: &[Word],
) -> Result<*mut Owned, Owned> {
    let mut place: *mut Owned = m.reg(root).cast();
    for raw in steps(m, words) {
        // SAFETY: the root is a place of this instruction, and each further place is part of what
        // the one before holds alone.
        place = value::slot_mut(unsafe { &mut *place }, raw.step())?;
    }
    Ok(place)
}

/// `a = b[c]`
pub(super) fn get_index(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = value::index_get(m.get(word.b), m.get(word.c))?;
    m.put(word.a, value);
    m.next(1)
}

/// `a = b.name`
pub(super) fn get_field(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = value::field_get(m.get(word.b), m.constant_value(word.c as usize))?;
    m.put(word.a, value);
    m.next(1)
}

/// `a = b.name`, or nil when the map `b` has no such key.
pub(super) fn get_field_opt(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let name = m.constant_value(word.c as usize);
    let value = match m.get(word.b).as_map() {
        Some(map) => map.get(name).cloned().unwrap_or(Owned::NIL),
        None => value::field_get(m.get(word.b), name)?,
    };
    m.put(word.a, value);
    m.next(1)
}

/// `a = b[c .. c+1]`
pub(super) fn slice(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let ends = m.take_all(word.c, 2);
    let end = |i: usize| (!ends[i].is_nil()).then_some(&ends[i]);
    let value = value::slice(m.get(word.b), end(0), end(1), word.flags & INCLUSIVE != 0)?;
    m.put(word.a, value);
    m.next(1)
}

/// `a = ` what a path leads to
pub(super) fn get_path(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let value = match walk(m, m.get(word.b), m.words(1, count))? {
        // SAFETY: as in `walk`.
        Found::Ref(value) => unsafe { &*value }.clone(),
        Found::Temp(value) => value,
    };
    m.put(word.a, value);
    m.next(1 + count)
}

/// `a[b] = c`
pub(super) fn set_index(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take(word.c);
    let key = m.raw(word.b);
    // SAFETY: the key is in a register, which the instruction borrows.
    value::index_set(m.place(word.a), unsafe { Owned::borrow_raw(&key) }, value)?;
    m.next(1)
}

/// `a.name = c`
pub(super) fn set_field(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take(word.c);
    let name = m.constant_value(word.b as usize);
    value::field_set(m.place(word.a), name, value)?;
    m.next(1)
}

/// Sets the end of a path.
pub(super) fn set_path(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let value = m.take(word.b);
    let words = m.words(1, count);
    let Some((last, before)) = words.split_last() else {
        *m.place(word.a) = value;
        return m.next(1);
    };
    let place = walk_mut(m, word.a, before)?;
    let raw = steps(m, std::slice::from_ref(last)).next().expect("there is one");
    // SAFETY: as in `walk_mut`.
    let place = unsafe { &mut *place };
    match raw.step() {
        value::Step::Index(key) => value::index_set(place, key, value)?,
        value::Step::Field(name) => value::field_set(place, name, value)?,
    }
    m.next(1 + count)
}

/// `place op= b` at the end of a path.
pub(super) fn update_path(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let operand = m.take(word.b);
    let operator = Op::from_code(m.extension(1).op).expect("verified code has known operators");
    let words = m.words(2, count);
    let place = walk_mut(m, word.a, words)?;
    // SAFETY: as in `walk_mut`.
    let place = unsafe { &mut *place };
    if operator == Op::Add {
        value::ops::add_assign(place, &operand)?;
    } else {
        *place = arith::operation(operator)(place, &operand)?;
    }
    m.next(2 + count)
}

/// `b = ` the end of a path is nil or its last key missing
pub(super) fn path_vacant(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let words = m.words(1, count);
    let vacant = match words.split_last() {
        None => m.get(word.a).is_nil(),
        Some((last, before)) => {
            let container = walk(m, m.get(word.a), before)?;
            let container = match &container {
                // SAFETY: as in `walk`.
                Found::Ref(value) => unsafe { &**value },
                Found::Temp(value) => value,
            };
            let raw = steps(m, std::slice::from_ref(last)).next().expect("there is one");
            value::vacant(container, raw.step())?
        }
    };
    m.put(word.b, Owned::bool(vacant));
    m.next(1 + count)
}

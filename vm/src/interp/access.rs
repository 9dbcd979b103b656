//! Indexes, fields and paths.
//!
//! A path is walked from its root register without counting. To change something each level is made
//! unique on the way down; the values a step reads its index from are copied bitwise first, so that
//! a root may be its own index. Where a cell is on the way, what stands before it is only read.

#![expect(unsafe_code, reason = "paths are walked without counting")]

use lisle_compiler::bytecode::{
    Op,
    op::{INCLUSIVE, READ_ROOT},
};

use super::machine::{Machine, Step};
use super::method::Found;
use super::operators::{self, Asked, ask};
use super::{arith, places};
use crate::{
    builtins::long,
    link::{CodeWord, LinkedStep, STEP_FIELD, Word, step},
    rc::class,
    value::{self, Item, Kind, ListObject, Operator, Owned, Raw, View, error},
};

/// A step with the raw value of its index or name, which is owned elsewhere.
#[derive(Clone, Copy)]
pub(super) struct RawStep {
    field: bool,
    key: Raw,
}

impl RawStep {
    pub(super) fn step(&self) -> value::Step<'_> {
        // SAFETY: the key is in a register or constant as long as the instruction runs.
        let key = unsafe { Owned::borrow_raw(&self.key) };
        if self.field { value::Step::Field(key) } else { value::Step::Index(key) }
    }
}

/// A step of a path from `container` on.
pub(super) fn raw_step(m: &Machine<'_>, word: &CodeWord, container: &Owned) -> RawStep {
    remember(m, word, container);
    plain_step(m, word.get())
}

/// A step of a path, whatever it starts from.
pub(super) fn plain_step(m: &Machine<'_>, word: Word) -> RawStep {
    match step(word) {
        LinkedStep::Index(register) => RawStep { field: false, key: m.raw(register) },
        LinkedStep::Field(name) => RawStep { field: true, key: m.constant(name as usize) },
    }
}

/// Remembers where a field stands in records of the class of `container`, for the loop. A step that
/// meets records of several classes remembers one of them: were it each time the last one, the word
/// would be written all the time.
fn remember(m: &Machine<'_>, word: &CodeWord, container: &Owned) {
    let known = word.get();
    if known.op != STEP_FIELD || (known.c != 0 && m.fuel & 15 != 0) {
        return;
    }
    if let Some(record) = container.as_record()
        && record.info().class() >= class::FIRST
        && let Some(slot) = record.field_index(m.constant_value(known.b.into()))
    {
        word.remember_field(record.info().class(), slot);
    }
}

/// How far a path was walked.
pub(super) enum Walked {
    /// To its end.
    Found(Found),
    /// To a type that defines `[]` itself: what this gives for the arguments is where the step with
    /// this number starts from.
    Ask { function: Owned, args: Vec<Owned>, next: usize },
}

impl Walked {
    /// The end of a path that must lead through parts of values only, as a place does.
    pub(super) fn no_question(self) -> Result<Found, Owned> {
        match self {
            Self::Found(found) => Ok(found),
            Self::Ask { args, .. } => {
                let name = args[0].type_name();
                let text = format!(
                    "what the `[]` of {name} gives is a new value, not a place: the change would be \
                     lost"
                );
                Err(error(Kind::Type, text))
            }
        }
    }
}

/// What a path leads to, without counting as far as it goes through containers.
pub(super) fn walk(m: &Machine<'_>, root: &Owned, words: &[CodeWord]) -> Result<Walked, Owned> {
    walk_from(m, Found::Ref(root), words, 0)
}

/// The same, from `place` and step `next` on.
pub(super) fn walk_from(
    m: &Machine<'_>,
    mut place: Found,
    words: &[CodeWord],
    next: usize,
) -> Result<Walked, Owned> {
    for (i, word) in words.iter().enumerate().skip(next) {
        let container = place.get();
        let raw = raw_step(m, word, container);
        let step = raw.step();
        if let (Some(function), value::Step::Index(key)) =
            (operators::own(container, Operator::Index), step)
        {
            let args = vec![container.clone(), key.clone()];
            return Ok(Walked::Ask { function, args, next: i + 1 });
        }
        let part = match &place {
            // SAFETY: it is a register, or part of what one holds; nothing is changed meanwhile.
            Found::Ref(value) => Some(unsafe { &**value }),
            Found::Temp(_) => None,
        };
        let is_slot = match (container.view(), step) {
            (View::Map(_), _) | (View::Record(_) | View::Cell(_), value::Step::Field(_)) => true,
            (View::List(_), value::Step::Index(key)) => key.as_int().is_some(),
            _ => false,
        };
        place = match part {
            Some(container) if is_slot => match value::slot(container, step)? {
                Some(part) => Found::Ref(part),
                None => Found::Temp(value::path_get(container, [step])?),
            },
            _ => Found::Temp(value::path_get(container, [step])?),
        };
    }
    Ok(Walked::Found(place))
}

/// The place that a path leads to, for writing: all levels above it are unique then. `flags` are those
/// of the instruction.
pub(super) fn walk_mut(
    m: &mut Machine<'_>,
    root: u16,
    words: &[CodeWord],
    flags: u8,
) -> Result<*mut Owned, Owned> {
    let (mut place, from) = places::start(m, root, words, flags)?;
    for word in &words[from..] {
        // SAFETY: the root is a place of this instruction or the value of a cell, and each further
        // place is part of what the one before holds alone.
        let container = unsafe { &mut *place };
        place = value::slot_mut(container, raw_step(m, word, container).step())?;
    }
    Ok(place)
}

/// `a = b[c]`
pub(super) fn get_index(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    if let Some(asked) = operators::binary(m, |m| Item::Place(m.get(word.c))) {
        return asked;
    }
    let value = value::index_get(m.get(word.b), m.get(word.c))?;
    m.put(word.a, value);
    m.next(1)
}

/// `a = b.name`
pub(super) fn get_field(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let object = m.get(word.b);
    let raw = raw_step(m, &m.words(1, 1)[0], object);
    let value = value::path_get(object, [raw.step()])?;
    m.put(word.a, value);
    m.next(2)
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
    let (whole, inclusive) = (m.get(word.b), word.flags & INCLUSIVE != 0);
    if let Some(part) = long::long_slice(whole, end(0), end(1), inclusive)? {
        let edge = |at: usize| Owned::int(at as i64);
        let args = vec![whole.clone(), edge(part.start), edge(part.end)];
        return ask(m, long::partition(), args, Asked::Value);
    }
    let value = value::slice(whole, end(0), end(1), inclusive)?;
    m.put(word.a, value);
    m.next(1)
}

/// `a = ` what a path leads to
pub(super) fn get_path(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let walked = walk(m, m.get(word.b), m.words(1, word.c as usize))?;
    path_walked(m, walked)
}

/// Goes on with a path whose step before `next` was the `[]` of a type, which gave `value`.
pub(super) fn path_found(m: &mut Machine<'_>, value: Owned, next: usize) -> Step {
    let words = m.words(1, m.word().c as usize);
    let walked = walk_from(m, Found::Temp(value), words, next)?;
    path_walked(m, walked)
}

fn path_walked(m: &mut Machine<'_>, walked: Walked) -> Step {
    let word = m.word();
    let value = match walked {
        Walked::Found(found) => found.into_owned(),
        Walked::Ask { function, args, next } => {
            return ask(m, function, args, Asked::Path(next));
        }
    };
    m.put(word.a, value);
    m.next(1 + word.c as usize)
}

/// The root of an instruction that changes a part of what the register holds, where it may do so.
fn changed(m: &mut Machine<'_>, register: u16) -> Result<(), Owned> {
    // A path of one step: the root itself is what is written to, so it must be a cell.
    let read_only = m.word().flags & READ_ROOT != 0;
    if read_only && m.get(register).as_cell().is_none() {
        let text = "this is a part of a name that cannot be changed, and of no cell: declare it with \
                    `var`";
        return Err(error(Kind::Type, text));
    }
    Ok(())
}

/// `a[b] = c`
pub(super) fn set_index(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take(word.c);
    changed(m, word.a)?;
    let key = m.raw(word.b);
    // SAFETY: the key is in a register, which the instruction borrows.
    value::index_set(m.place(word.a), unsafe { Owned::borrow_raw(&key) }, value)?;
    m.next(1)
}

/// `a.name = c`
pub(super) fn set_field(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take(word.c);
    changed(m, word.a)?;
    let raw = raw_step(m, &m.words(1, 1)[0], m.get(word.a));
    if let value::Step::Field(name) = raw.step() {
        value::field_set(m.place(word.a), name, value)?;
    }
    m.next(2)
}

/// Sets the end of a path.
pub(super) fn set_path(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let value = m.take(word.b);
    let words = m.words(1, count);
    let (place, from) = places::start(m, word.a, words, word.flags)?;
    let Some((last, before)) = words[from..].split_last() else {
        // SAFETY: the register is a place, or it is the value of a cell that may be written.
        let old = std::mem::replace(unsafe { &mut *place }, value);
        drop(old);
        return m.next(1 + count);
    };
    let mut place = place;
    for word in before {
        // SAFETY: as in `walk_mut`.
        let container = unsafe { &mut *place };
        place = value::slot_mut(container, raw_step(m, word, container).step())?;
    }
    // SAFETY: as in `walk_mut`.
    let place = unsafe { &mut *place };
    let raw = raw_step(m, last, place);
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
    if let Some((last, before)) = words.split_last()
        && matches!(step(last.get()), LinkedStep::Index(_))
    {
        let container = walk(m, m.get(word.a), before)?.no_question()?;
        let container = container.get();
        let is_packed = container.as_list().is_some_and(ListObject::is_packed);
        if is_packed || container.as_bytes().is_some() {
            return update_packed(m, before, last, (operator, &operand));
        }
    }
    let place = walk_mut(m, word.a, words, word.flags)?;
    // SAFETY: as in `walk_mut`.
    let place = unsafe { &mut *place };
    if let Some(function) = operators::own_for(place, operator) {
        // Handed over as a copy: should the operator throw, the place is as it was.
        let left = place.clone();
        return ask(m, function, vec![left, operand], Asked::Value);
    }
    if operator == Op::Add {
        value::ops::add_assign(place, &operand)?;
    } else {
        *place = arith::operation(operator)(place, &operand)?;
    }
    m.next(2 + count)
}

/// `x[i] op= operand` in bytes or a packed list: the element is no place, so it is read and set.
fn update_packed(
    m: &mut Machine<'_>,
    before: &[CodeWord],
    last: &CodeWord,
    (operator, operand): (Op, &Owned),
) -> Step {
    let word = m.word();
    let place = walk_mut(m, word.a, before, word.flags)?;
    // SAFETY: as in `walk_mut`.
    let container = unsafe { &mut *place };
    let raw = raw_step(m, last, container);
    match raw.step() {
        value::Step::Index(key) => {
            let old = value::index_get(container, key)?;
            let new = arith::operation(operator)(&old, operand)?;
            value::index_set(container, key, new)?;
        }
        step @ value::Step::Field(_) => drop(value::slot_mut(container, step)?),
    }
    m.next(2 + word.c as usize)
}

/// Ends `place op= b` with what the operator gave.
pub(super) fn updated(m: &mut Machine<'_>, value: Owned) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let place = walk_mut(m, word.a, m.words(2, count), word.flags)?;
    // SAFETY: as in `walk_mut`.
    let old = std::mem::replace(unsafe { &mut *place }, value);
    drop(old);
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
            let container = walk(m, m.get(word.a), before)?.no_question()?;
            value::vacant(container.get(), raw_step(m, last, container.get()).step())?
        }
    };
    m.put(word.b, Owned::bool(vacant));
    m.next(1 + count)
}

/// `a = ` the number of elements at the end of the path of `c` steps from `b`
pub(super) fn place_start(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let end = walk(m, m.get(word.b), m.words(1, count))?.no_question()?;
    let value = end.get();
    let len = match value.view() {
        View::List(list) => list.len(),
        View::Map(map) => map.len(),
        _ => {
            let text = format!(
                "`for &` walks the places of a list or a map, not of {}",
                value.type_name()
            );
            return Err(error(Kind::Type, text).into());
        }
    };
    m.put(word.a, Owned::int(len as i64));
    m.next(1 + count)
}

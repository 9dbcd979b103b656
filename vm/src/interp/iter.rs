//! Loops: ranges, and walks over anything that `for` takes.
//!
//! A walk stands in three registers: the collection, which it owns and so keeps as it was at its
//! start; a position; and a second number. The numbers are ints, so they need no dropping:
//!
//! | collection | position | second number |
//! |---|---|---|
//! | list | index | |
//! | map | position of the next entry | |
//! | string | byte offset | characters walked |
//! | range | next number | numbers left |
//! | channel, handle, struct | | elements walked |
//!
//! A walk may lend its elements ([`Op::IterNext`] says when that holds): they are written without being
//! counted. The collection keeps them; one that the walk makes is kept in the register of the position,
//! which such walks have no use for, until the next turn.
//!
//! [`Op::IterNext`]: lisle_compiler::bytecode::Op::IterNext

#![expect(unsafe_code, reason = "the registers of a walk are written by address")]

use lisle_compiler::bytecode::op::{BORROWED, INCLUSIVE, PAIR};

use super::call::{self, Given};
use super::machine::{Exit, Machine, Step};
use super::native::{self, Receiver};
use super::operators::{self, Asked};
use super::{method, threads};
use crate::{
    link::{SLOT, Word},
    rc,
    sched::Outcome,
    value::{Kind, Owned, Raw, View, error, ops, tag},
    waiting::Progress,
};

/// Starts a loop over a range given by its parts.
pub(super) fn range_loop_start(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let part = |i: usize| {
        // SAFETY: the three registers are owned.
        unsafe { Owned::borrow_raw(&*m.reg_after(word.a, i)) }
    };
    let inclusive = word.flags & INCLUSIVE != 0;
    let range = ops::range(part(0), part(1), Some(part(2)), inclusive)?;
    let turns = u64::try_from(range.len()).unwrap_or(u64::MAX);
    set(m, word.a, 0, range.start.wrapping_sub(range.step));
    set(m, word.a, 1, turns.cast_signed());
    m.next(1)
}

/// Writes an int to a register of a loop.
fn set(m: &mut Machine<'_>, first: u16, i: usize, n: i64) {
    m.put_at(m.reg_after(first, i), Owned::int(n));
}

/// The number in a register of a loop.
fn number(m: &Machine<'_>, first: u16, i: usize) -> i64 {
    // SAFETY: `iter_start` wrote an int there.
    let raw: Raw = unsafe { *m.reg_after(first, i) };
    raw.as_i64()
}

/// Starts a walk over what is in `a`.
pub(super) fn iter_start(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.get(word.a);
    let (position, second) = match value.view() {
        View::List(_) | View::Map(_) | View::Str(_) | View::Channel(_) => (0, 0),
        View::Range(range) => {
            (range.start, u64::try_from(range.len()).unwrap_or(u64::MAX).cast_signed())
        }
        View::Handle(_) if method::own_method(value, "next").is_some() => (0, 0),
        View::Set(_) | View::Bytes(_) => (0, 0),
        View::Record(record) => {
            if record.info().method_by_text("next").is_none_or(|method| !method.takes_self) {
                let text = format!(
                    "cannot walk {} with `for`: it has no method `fn next(mut self)`",
                    value.type_name()
                );
                return Err(error(Kind::Type, text).into());
            }
            (0, 0)
        }
        View::Nil => return Err(error(Kind::Type, "cannot walk nil with `for`").into()),
        _ => {
            let text = format!("cannot walk {} with `for`", value.type_name());
            return Err(error(Kind::Type, text).into());
        }
    };
    set(m, word.a, 1, position);
    set(m, word.a, 2, second);
    m.next(1)
}

/// The next element of a walk, or its end.
pub(super) fn iter_next(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let kept = m.reg_after(word.a, 1);
    // SAFETY: the registers of a walk are owned.
    if unsafe { (*kept).tag } != tag::INT {
        // What was made for the turn before, and lent. It goes first: this turn may have to wait.
        drop(m.take_at(kept));
        set(m, word.a, 1, 0);
        if rc::has_dead() {
            // Freeing the rest takes long, and who waits frees it all at once.
            return Err(Exit::Stop(Outcome::Yielded));
        }
    }
    let (position, second) = (number(m, word.a, 1), number(m, word.a, 2));
    let found = match m.get(word.a).view() {
        View::List(list) => list
            .item(position as usize)
            .map(|item| (position + 1, second, Raw::int(position), item.as_raw())),
        View::Map(map) => map.next_from(position as usize).map(|(at, key, value)| {
            let (key, value) = (key.as_raw(), value.as_raw());
            let element = if word.flags & PAIR != 0 { value } else { key };
            (at as i64 + 1, second, key, element)
        }),
        View::Str(text) => text.as_str()[position as usize..].chars().next().map(|c| {
            let next = position + c.len_utf8() as i64;
            (next, second + 1, Raw::int(second), Owned::char(c).into_raw())
        }),
        View::Range(range) if second != 0 => {
            let count = range.index_of(position).and_then(|i| i64::try_from(i).ok());
            let next = position.wrapping_add(range.step);
            let count = Raw::int(count.unwrap_or(position));
            Some((next, second.wrapping_sub(1), count, Raw::int(position)))
        }
        View::Set(set) => set
            .next_from(position as usize)
            .map(|(at, item)| (at as i64 + 1, second + 1, Raw::int(second), item.as_raw())),
        View::Bytes(bytes) => bytes
            .get(position as usize)
            .map(|&byte| (position + 1, second, Raw::int(position), Raw::int(byte.into()))),
        View::Channel(_) => return threads::iter_channel(m),
        View::Handle(_) => return iter_handle(m),
        View::Record(_) => return iter_record(m),
        _ => None,
    };
    let Some((next, second, key, element)) = found else { return m.jump(word.wide_i32()) };
    set(m, word.a, 1, next);
    set(m, word.a, 2, second);
    let is_pair = word.flags & PAIR != 0;
    if word.flags & BORROWED == 0 {
        // SAFETY: the collection has them, or they are no objects.
        unsafe {
            rc::retain(element);
            if is_pair {
                rc::retain(key);
            }
        }
    }
    write(m, word, key, element);
    m.next(1)
}

/// Writes what a turn of the loop gets. The references are counted, or kept elsewhere.
fn write(m: &mut Machine<'_>, word: Word, key: Raw, element: Raw) {
    let (first, second) = (m.reg_after(word.a, 3), m.reg_after(word.a, 4));
    // SAFETY: the registers are the loop's, and own nothing.
    unsafe {
        if word.flags & PAIR != 0 {
            first.write(key);
            second.write(element);
        } else {
            first.write(element);
        }
    }
}

/// Gives the loop an element that was made for it; nil is the end.
pub(super) fn deliver(m: &mut Machine<'_>, value: Owned) -> Step {
    let word = m.word();
    if value.is_nil() {
        return m.jump(word.wide_i32());
    }
    let walked = number(m, word.a, 2);
    set(m, word.a, 2, walked + 1);
    let element = value.as_raw();
    if word.flags & BORROWED == 0 {
        // The register's.
        let _ = value.into_raw();
    } else {
        m.put_at(m.reg_after(word.a, 1), value);
    }
    write(m, word, Raw::int(walked), element);
    m.next(1)
}

/// The next element of a handle: what its method `next` gives.
fn iter_handle(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let handle: *const Owned = m.get(word.a);
    // SAFETY: the walk's register keeps the handle, and with it the method, until the call has
    // ended.
    let native = unsafe { method::own_method(&*handle, "next") };
    let Some(native) = native else {
        let error = error(Kind::Type, "cannot walk this with `for`: it has no method `next`");
        return Err(Exit::Throw(error));
    };
    // The arguments stand behind all that the loop has; there are none, but defaults may be.
    let args = (m.proto().registers() * SLOT) as u16;
    let given =
        Given { result: word.a, args, count: 0, hidden: 0, names: &[], spread: false, length: 1 };
    call::call_native(m, native, Receiver::Ref(handle), given)
}

/// The next element of a struct: what its method `next` gives. The struct is the loop's own, and
/// is handed over as a place.
fn iter_record(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let info = m.get(word.a).as_record().map(|record| record.type_ref());
    let method = info.as_ref().and_then(|info| info.method_by_text("next"));
    let Some(method) = method else { unreachable!("the walk's start has looked for it") };
    // SAFETY: functions of types are immortal.
    let function = unsafe { Owned::from_raw(method.function) };
    let base = m.base;
    let first = m.slot_of(base.cast()) + m.proto().registers();
    // Room first: what is moved out must come back.
    native::make_room(m, first, 1)?;
    let walked = if method.self_mutable { m.take(word.a) } else { m.get(word.a).clone() };
    operators::ask_at(m, function, vec![walked], Asked::Next, (first, 0), method.self_mutable)
}

/// Goes on with what `next` gave.
pub(super) fn asked(m: &mut Machine<'_>, outcome: Result<Owned, Owned>, back: Owned) -> Step {
    let register = m.word().a;
    // Nil where the struct was only read.
    if !back.is_nil() {
        *m.place(register) = back;
    }
    deliver(m, outcome?)
}

/// An operation that the loop waits in has come so far.
pub(super) fn progress(m: &mut Machine<'_>, progress: Progress<Option<Owned>>) -> Step {
    match progress {
        Progress::Done(value) => deliver(m, value.unwrap_or(Owned::NIL)),
        Progress::Park => Err(Exit::Stop(Outcome::Parked)),
    }
}

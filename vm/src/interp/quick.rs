//! Calls of methods and of natives that the code names: the short way.
//!
//! Only what needs no binding of arguments goes this way; it decides that before it changes
//! anything, and leaves everything else to the long way in [`slow`]. A call that has begun in a slice
//! before goes on before the loop is entered, so all that come here are new.

#![expect(unsafe_code, reason = "the receiver is reached without counting")]

use std::mem::MaybeUninit;

use lisle_compiler::bytecode::{METHOD_WORDS, Receiver::Var, op::KILL_B};
use thin_vec::ThinVec;

use super::call::{self, Given, enter};
use super::machine::{Machine, Step};
use super::native::{self, Receiver};
use super::slots::{own_slot, slot};
use super::{proto_of_closure, slow};
use crate::{
    link::{CodeWord, LINK, Proto, SLOT, Word},
    native::{Brief, Loan, NativeDef, OrPark},
    rc,
    sched::Outcome,
    symbols::Symbol,
    thread::{Handed, Slots, Stopped, push_in_place},
    value::{Owned, Raw, RecordObject, tag},
};

/// A receiver that its path leads to through lists and records only.
struct Reached<'a> {
    path: &'a [CodeWord],
    root: u16,
    is_var: bool,
    at: *mut Raw,
    class: u16,
}

impl Reached<'_> {
    /// The receiver as a place, if it is one that may be changed, and all that is on the way is the
    /// caller's alone.
    fn place(&self, m: &Machine<'_>) -> Option<*mut Raw> {
        if !self.is_var {
            return None;
        }
        let mut place: *mut Raw = m.reg(self.root);
        for step in self.path {
            // SAFETY: the root is a value, and each step leads to a part of the one before.
            place = unsafe { own_slot(place, m.base, step.get(), 0)? };
        }
        Some(place)
    }
}

/// `CALL_METHOD a n`, a plain one. Gives an outcome when the slice ends.
pub(super) fn call_method(m: &mut Machine<'_>) -> Option<Outcome> {
    if let Some(receiver) = reach(m) {
        if let Some((native, found)) = native_of(m, &receiver) {
            if let Some(loan) = &native.loan
                && receiver.path.is_empty()
                && native::lend(m, native, loan, receiver.at.cast())
            {
                return None;
            }
            return call_found(m, native, found);
        }
        if let Some(proto) = script_of(m, &receiver)
            && enter_script(m, proto, &receiver)
        {
            return None;
        }
    }
    slow::step(m)
}

/// The receiver of the call at hand.
fn reach<'a>(m: &Machine<'a>) -> Option<Reached<'a>> {
    let first = m.extension(1);
    let path = m.words(1 + METHOD_WORDS, usize::from(first.flags));
    let mut at: *mut Raw = m.reg(first.a);
    for step in path {
        // SAFETY: as in `Reached::place`.
        at = unsafe { slot(at, m.base, step.get())? };
    }
    // SAFETY: as above.
    let value = unsafe { Owned::borrow_raw(&*at) };
    if value.is_nil() {
        // Its class is that of nothing remembered.
        return None;
    }
    let class = rc::class_of_value(value);
    Some(Reached { path, root: first.a, is_var: first.op == Var as u8, at, class })
}

/// The native that is remembered for the receiver, and the receiver as it may see it.
fn native_of<'a>(m: &mut Machine<'a>, reached: &Reached<'_>) -> Option<(&'a NativeDef, Receiver)> {
    let native = m.words(2, 1)[0].method(reached.class)?.as_native()?;
    // SAFETY: what is remembered lives as long as the VM.
    let native: &NativeDef = unsafe { &*native };
    if !takes(m, native, 1) {
        return None;
    }
    let dies = m.word().flags & KILL_B != 0 && reached.path.is_empty();
    let receiver = if native.mutating {
        Receiver::Place(reached.place(m)?.cast())
    } else if dies {
        Receiver::Last(reached.at.cast())
    } else {
        Receiver::Ref(reached.at.cast())
    };
    Some((native, receiver))
}

/// The same, with the native that is remembered for what the receiver's register holds: it takes the
/// arguments as they are, and changes nothing.
pub(super) fn call_known(m: &mut Machine<'_>, native: &NativeDef) -> Option<Outcome> {
    if !has_room(m, usize::from(m.word().c), 1) {
        return call_method(m);
    }
    let at = m.reg(m.extension(1).a).cast();
    if m.word().flags & KILL_B != 0 {
        return call_found(m, native, Receiver::Last(at));
    }
    // Its short way was tried where it was found.
    let step = run(m, native, Receiver::Ref(at), 1);
    slow::settle(m, step)
}

/// The same for a method whose receiver lends something.
pub(super) fn call_lending(
    m: &mut Machine<'_>,
    native: &NativeDef,
    loan: &Loan,
) -> Option<Outcome> {
    let receiver = m.reg(m.extension(1).a).cast();
    if native::lend(m, native, loan, receiver) { None } else { call_known(m, native) }
}

/// The same for a native that may park.
pub(super) fn call_or_park(
    m: &mut Machine<'_>,
    native: &NativeDef,
    or_park: OrPark,
) -> Option<Outcome> {
    let (args, first) = (arguments(m, 1), m.extension(1));
    let receiver: *const Owned = m.reg(first.a).cast();
    let result: *mut MaybeUninit<Owned> = m.reg(m.word().a).cast();
    // SAFETY: the receiver stands there, and nobody else touches it meanwhile; the register of the result
    // is in the frame's link, and holds nothing.
    match or_park(&mut m.waits(), unsafe { &*receiver }, args, unsafe { &mut *result }) {
        Brief::Done => {
            m.fuel -= 1;
            if m.word().flags & KILL_B != 0 {
                drop(m.take(first.a));
            }
            m.pc = m.pc.wrapping_add(1 + METHOD_WORDS);
            slow::settle(m, Ok(()))
        }
        Brief::Park => {
            m.fuel -= 1;
            let first = m.slot_of(args.as_mut_ptr().cast());
            m.state().stopped = Stopped::Native(Slots::new(first, args.len()));
            Some(Outcome::Parked)
        }
        Brief::Longer => call_known(m, native),
    }
}

/// `RET_PLACES` of a function that a native or an operator has called. Gives an outcome when the slice
/// ends.
pub(super) fn return_called(m: &mut Machine<'_>) -> Option<Outcome> {
    if native::returns_lent(m) { slow::settle(m, Ok(())) } else { slow::step(m) }
}

fn call_found(m: &mut Machine<'_>, native: &NativeDef, receiver: Receiver) -> Option<Outcome> {
    let step = match shortcut_of(m, native, receiver) {
        Some(value) => native::finish_new(m, value),
        None => run(m, native, receiver, 1),
    };
    slow::settle(m, step)
}

/// The result of a native's short way where the loop has not tried that: where the receiver dies, as it
/// drops nothing, and where it is no object.
fn shortcut_of(m: &Machine<'_>, native: &NativeDef, receiver: Receiver) -> Option<Owned> {
    if !native.takes_exactly(m.word().c.into()) {
        return None;
    }
    let shortcut = native.shortcut?.at_once;
    let args = arguments(m, 1);
    match receiver {
        // SAFETY: the receiver stands there, and is the instruction's.
        Receiver::Last(at) => shortcut(unsafe { &mut *at }, args),
        Receiver::Ref(at) => {
            // SAFETY: it is a value.
            let receiver = unsafe { &*at };
            if receiver.is_heap() { None } else { shortcut(&mut receiver.clone(), args) }
        }
        Receiver::None | Receiver::Kept(_) | Receiver::Place(_) => None,
    }
}

/// A call of a native that the instruction names. Gives an outcome when the slice ends.
pub(super) fn call_native(m: &mut Machine<'_>) -> Option<Outcome> {
    let (word, native) = (m.word(), call::known_native(m));
    if let (Some(function), 1) = (native.of_float, word.c) {
        let argument = m.raw(word.a + LINK as u16);
        if argument.tag == tag::FLOAT {
            m.put(word.a, Owned::float(function(argument.as_f64())));
            m.fuel -= 1;
            m.pc = m.pc.wrapping_add(1);
            return None;
        }
    }
    if let Some(shortcut) = native.shortcut {
        let mut no_receiver = Owned::NIL;
        if let Some(value) = (shortcut.at_once)(&mut no_receiver, arguments(m, 0)) {
            m.put(word.a, value);
            m.fuel -= 1;
            m.pc = m.pc.wrapping_add(1);
            return None;
        }
    }
    if takes(m, native, 0) {
        let step = run(m, native, Receiver::None, 0);
        return slow::settle(m, step);
    }
    slow::step(m)
}

/// Can the native be called with its arguments from so many slots behind the link on, and defaults for
/// those that are left out?
fn takes(m: &Machine<'_>, native: &NativeDef, skip: usize) -> bool {
    native.takes(m.word().c.into()) && has_room(m, native.signature.params().len(), skip)
}

/// Is there room behind so many arguments?
fn has_room(m: &Machine<'_>, count: usize, skip: usize) -> bool {
    m.base.wrapping_add(usize::from(m.word().a) + LINK + (skip + count) * SLOT) <= m.limit
}

/// The arguments, from so many slots behind the link on.
fn arguments<'a>(m: &Machine<'a>, skip: usize) -> &'a mut [Owned] {
    let word = m.word();
    let args: *mut Owned = m.reg(word.a + (LINK + skip * SLOT) as u16).cast();
    // SAFETY: the arguments stand there, and are the instruction's.
    unsafe { std::slice::from_raw_parts_mut(args, word.c.into()) }
}

#[inline(always)]
fn run(m: &mut Machine<'_>, native: &NativeDef, receiver: Receiver, skip: usize) -> Step {
    let word = m.word();
    let args = m.reg(word.a + (LINK + skip * SLOT) as u16);
    let (given, count) = (usize::from(word.c), native.signature.params().len());
    for i in given..count {
        m.put_at(args.wrapping_add(i), native.signature.default(i));
    }
    let first = m.slot_of(args);
    native::run_new(m, native, receiver, (first, count))
}

/// The method of the receiver's own type.
fn script_of<'a>(m: &Machine<'a>, reached: &Reached<'_>) -> Option<&'a Proto> {
    // SAFETY: it is a value.
    let value = unsafe { *reached.at };
    let name: Word = m.extension(METHOD_WORDS);
    if value.tag != tag::RECORD || name.flags != 0 {
        return None;
    }
    // SAFETY: it is a record.
    let info = unsafe { rc::body::<RecordObject>(value) }.info();
    let method = info.method(Symbol(name.wide_u32())).filter(|method| method.takes_self)?;
    // SAFETY: functions of types are immortal, and code lives as long as the VM.
    Some(unsafe { &*proto_of_closure(method.function) })
}

/// Enters a method whose arguments need no binding, if there is fuel and room.
fn enter_script(m: &mut Machine<'_>, proto: &Proto, reached: &Reached<'_>) -> bool {
    let word = m.word();
    let new = m.base.wrapping_add(usize::from(word.a) + LINK);
    let fits = new.wrapping_add(proto.frame) <= m.limit;
    if !fits || m.fuel <= 0 || proto.arity != u32::from(word.c) + 1 || word.flags & KILL_B != 0 {
        return false;
    }
    let count = usize::from(word.c) + 1;
    let length = 1 + METHOD_WORDS + reached.path.len();
    let given = Given { hidden: 1, length, ..Given::plain(word.a, count) };
    match proto.places {
        0 => {
            // SAFETY: it is a value, which is counted for the parameter.
            let receiver = unsafe { (*reached.at.cast::<Owned>()).clone() };
            m.put(given.args, receiver);
            enter(m, proto.function, given);
        }
        1 => {
            let Some(place) = reached.place(m) else { return false };
            // SAFETY: it is a place, and nothing looks there until it is given back.
            let receiver = unsafe { (*place.cast::<Owned>()).take() };
            m.put(given.args, receiver);
            let pc = m.pc;
            enter(m, proto.function, given);
            let base = m.save().base;
            let plain = reached.path.is_empty();
            push_in_place(&mut m.state().handed, || {
                let (receiver, cells) = (Some(false), ThinVec::new());
                Handed { base, pc, hidden: 1, receiver, cells, plain }
            });
        }
        _ => return false,
    }
    true
}

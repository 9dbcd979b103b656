//! Operators that a type defines: the instruction calls the function, and goes on with what that gives.
//!
//! # How
//!
//! An instruction that finds a struct with an operator of its own does not end: [`ask`] notes in a
//! [`Pending`] what the instruction knows so far, puts the function and its arguments behind the
//! frame's registers, and goes on there, as for a function that a native calls. When it has
//! returned, [`resume`] is back at the instruction and ends it, or asks again. So:
//!
//! - an operator may do what any function may: block, recurse, throw, be cancelled;
//! - what the instruction only reads stays in its registers, what it has consumed is in the
//!   [`Asked`], or is the function's; so a throw or the end of the thread leaves nothing behind;
//! - the operands that die at the instruction do so after it has succeeded. The left operand is
//!   handed over, not copied, where it dies and no handler reads it: updates stay in place.

use lisle_compiler::bytecode::{
    Op,
    op::{KILL_A, KILL_B, KILL_C},
};

use super::access;
use super::machine::{Machine, Step};
use super::method::{self, handler_reads};
use super::native::{make_room, push_call};
use super::places::unchanged;
use super::{arith, code, data, iter};
use crate::{
    builtins::long::{self, LONG},
    link::Word,
    native::check_text,
    thread::{After, Called, Pending, Then},
    value::{Comparison, Item, Less, Operator, Owned, Verdict, ops, tag},
};

/// What an instruction waits for, and what it knows so far.
pub(crate) enum Asked {
    /// Its result, or for `UpdatePath` what is put into the place.
    Value,
    /// What `[]` gives, on a path: the step after it is the next.
    Path(usize),
    /// Whether two parts are equal.
    Equal(Comparison),
    /// Whether one part is less than another.
    Less(Less),
    /// Whether an element of a list, the one before this, equals what is looked for.
    Contains(Comparison, usize),
    /// The text of one of several values; the last is the name of its type.
    Texts(Vec<Owned>, usize, Box<str>),
    /// The text that is to be formatted.
    Text,
    /// The next element of a walk.
    Next,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
}

/// Calls the function of an operator. The registers of the current instruction above its frame are
/// free.
pub(super) fn ask(m: &mut Machine<'_>, function: Owned, args: Vec<Owned>, asked: Asked) -> Step {
    let base = m.base;
    let first = m.slot_of(base.cast()) + m.proto().registers();
    ask_at(m, function, args, asked, (first, 0), false)
}

/// The same, where the instruction has arguments of its own from a slot on, so many of them; the first
/// argument of the function may be a `place`.
pub(super) fn ask_at(
    m: &mut Machine<'_>,
    function: Owned,
    arguments: Vec<Owned>,
    asked: Asked,
    (first, count): (usize, usize),
    place: bool,
) -> Step {
    let args = arguments.len();
    make_room(m, first + count, args)?;
    let back = if place { unchanged(&function, &arguments[0]) } else { Owned::NIL };
    let called = Called { then: After::Instruction(Box::new(asked)), args, place, back };
    let (at, native, then) = (m.save(), std::ptr::null(), Then::Called(called));
    let pending = || Pending { native, place: at, args: first, count, receiver: None, then };
    push_call(m, first + count, pending, function, arguments);
    Ok(())
}

/// Goes on with the current instruction, given what became of the function.
pub(super) fn resume(
    m: &mut Machine<'_>,
    asked: Asked,
    outcome: Result<Owned, Owned>,
    back: Owned,
) -> Step {
    match asked {
        Asked::Value if m.word().op == code::UpdatePath => access::updated(m, outcome?),
        Asked::Value => finish(m, outcome?),
        Asked::Path(next) if m.word().op == code::CallMethod => {
            method::receiver_found(m, outcome, next)
        }
        Asked::Path(next) => access::path_found(m, outcome?, next),
        Asked::Equal(mut comparison) => {
            comparison.answer(outcome?.truthy());
            equal(m, comparison)
        }
        Asked::Less(mut comparison) => {
            comparison.answer(outcome?.truthy());
            less(m, comparison)
        }
        Asked::Contains(mut comparison, at) => {
            comparison.answer(outcome?.truthy());
            contains(m, comparison, at)
        }
        Asked::Texts(mut parts, at, name) => {
            parts[at] = check_text(outcome?, &name)?;
            data::join(m, parts, at + 1)
        }
        Asked::Text => {
            let name = m.get(m.word().b).type_name();
            let text = check_text(outcome?, name)?;
            data::formatted(m, &text)
        }
        Asked::Next => iter::asked(m, outcome, back),
    }
}

/// The operator that an instruction stands for.
fn operator_of(op: Op) -> Option<Operator> {
    Some(match op {
        Op::Add | Op::AddImm | Op::AddConst => Operator::Add,
        Op::Sub | Op::SubImm | Op::SubConst => Operator::Sub,
        Op::Mul | Op::MulImm | Op::MulConst => Operator::Mul,
        Op::Div | Op::DivConst => Operator::Div,
        Op::FloorDiv | Op::FloorDivImm => Operator::FloorDiv,
        Op::Rem | Op::RemImm | Op::RemConst => Operator::Mod,
        Op::Pow => Operator::Pow,
        Op::Neg => Operator::Neg,
        Op::GetIndex => Operator::Index,
        _ => return None,
    })
}

/// The function that a value's type has for an operator.
pub(super) fn own(value: &Owned, operator: Operator) -> Option<Owned> {
    value.as_record()?.info().operator(operator)
}

/// The function that a value's type has for the operator of an instruction.
pub(super) fn own_for(value: &Owned, op: Op) -> Option<Owned> {
    own(value, operator_of(op)?)
}

/// `a = b op right`, when the type of `b` defines it. `None` when it does not.
pub(super) fn binary(
    m: &mut Machine<'_>,
    right: impl for<'m> Fn(&'m Machine<'_>) -> Item<'m>,
) -> Option<Step> {
    let word = m.word();
    let op = Op::from_code(word.op)?;
    if let Some(function) = own_for(m.get(word.b), op) {
        let right = right(m).to_owned();
        let left = left_operand(m, word);
        return Some(ask(m, function, vec![left, right], Asked::Value));
    }
    let left = m.raw(word.b).tag;
    let may_be_text =
        tag::is_string(left) || (left == tag::INT && operator_of(op) == Some(Operator::Mul));
    if !may_be_text {
        return None;
    }
    let (function, args) = long_text(op, m.get(word.b), &right(m))?;
    Some(ask(m, function, args, Asked::Value))
}

/// `a = constant op b`, where that is a long text. (No number defines an operator.)
pub(super) fn swapped(m: &mut Machine<'_>) -> Option<Step> {
    let word = m.word();
    let left = m.constant_value(word.c.into());
    let (function, args) = long_text(Op::from_code(word.op)?, left, m.get(word.b))?;
    Some(ask(m, function, args, Asked::Value))
}

/// What makes the text that an operator gives, and of what, where that is long.
fn long_text(op: Op, left: &Owned, right: &Owned) -> Option<(Owned, Vec<Owned>)> {
    let text = |value: &Owned| tag::is_string(value.tag());
    match operator_of(op)? {
        Operator::Add if text(left) && text(right) => {
            let is_long = long::length(left).saturating_add(long::length(right)) >= LONG;
            is_long.then(|| (long::concatenation(), vec![left.clone(), right.clone()]))
        }
        Operator::Mul => {
            let (value, times) = if text(left) { (left, right) } else { (right, left) };
            let is_long = text(value) && long::repeated_length(value, times.as_int()?) >= LONG;
            is_long.then(|| (long::repetition(), vec![value.clone(), times.clone()]))
        }
        _ => None,
    }
}

/// `a = op b`, when the type of `b` defines it.
pub(super) fn unary(m: &mut Machine<'_>) -> Option<Step> {
    let word = m.word();
    let function = own_for(m.get(word.b), Op::from_code(word.op)?)?;
    let value = left_operand(m, word);
    Some(ask(m, function, vec![value], Asked::Value))
}

/// The operand `b`: moved out where it dies and nothing that handles a throw reads it.
fn left_operand(m: &mut Machine<'_>, word: Word) -> Owned {
    let kills = Op::from_code(word.op).is_some_and(|op| op.effects().kills);
    if kills && word.flags & KILL_B != 0 && word.b != word.c && !handler_reads(m, word.b) {
        m.take(word.b)
    } else {
        m.get(word.b).clone()
    }
}

/// Ends an instruction whose result is what the operator gave.
fn finish(m: &mut Machine<'_>, value: Owned) -> Step {
    let word = m.word();
    if word.op == code::GetPath {
        return access::path_found(m, value, word.c as usize);
    }
    let op = Op::from_code(word.op).expect("an operation of the table");
    // Only `c` operands that are registers can die.
    let flags = match op {
        _ if !op.effects().kills => 0,
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::FloorDiv | Op::Rem | Op::Pow => word.flags,
        _ => word.flags & !KILL_C,
    };
    m.kill(Word { flags, ..word });
    m.put(word.a, value);
    m.next(1)
}

/// Goes on comparing whether two values are equal.
pub(super) fn equal(m: &mut Machine<'_>, mut comparison: Comparison) -> Step {
    match comparison.next() {
        Verdict::Known(equal) => decided(m, equal),
        Verdict::Ask { function, left, right } => {
            ask(m, function, vec![left, right], Asked::Equal(comparison))
        }
    }
}

/// Goes on comparing whether one value is less than the other.
pub(super) fn less(m: &mut Machine<'_>, mut comparison: Less) -> Step {
    match comparison.next()? {
        Verdict::Known(less) => decided(m, less),
        Verdict::Ask { function, left, right } => {
            ask(m, function, vec![left, right], Asked::Less(comparison))
        }
    }
}

/// Goes on looking for `b` in the list `c`: compares the element before `at`, then those from there.
pub(super) fn contains(m: &mut Machine<'_>, mut comparison: Comparison, mut at: usize) -> Step {
    let word = m.word();
    loop {
        match comparison.next() {
            Verdict::Known(true) => return decided(m, true),
            Verdict::Known(false) => {}
            Verdict::Ask { function, left, right } => {
                return ask(m, function, vec![left, right], Asked::Contains(comparison, at));
            }
        }
        let element = m.get(word.c).as_list().and_then(|list| list.get(at));
        let Some(element) = element else { return decided(m, false) };
        comparison = Comparison::new(element, m.get(word.b).clone());
        at += 1;
    }
}

/// `b in c`
pub(super) fn is_in(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    if let Some(found) = ops::try_contains(m.get(word.c), m.get(word.b))? {
        return decided(m, found);
    }
    let first = m.get(word.c).as_list().and_then(|list| list.get(0));
    let Some(first) = first else { return decided(m, false) };
    let comparison = Comparison::new(first, m.get(word.b).clone());
    contains(m, comparison, 1)
}

/// Ends a comparison: `holds` is the answer to `==`, `<` or `in`, with the operands turned round for
/// `<=`.
pub(super) fn decided(m: &mut Machine<'_>, holds: bool) -> Step {
    let word = m.word();
    let op = Op::from_code(word.op).expect("an operation of the table");
    let holds = match op {
        Op::Ne | Op::Le | Op::JumpNe | Op::JumpNeConst | Op::JumpNeImm => !holds,
        Op::JumpLe | Op::JumpNotLt => !holds,
        _ => holds,
    };
    match op {
        Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::In => {
            m.kill(word);
            m.put(word.a, Owned::bool(holds));
            m.next(1)
        }
        _ => {
            // `c` is where it jumps to; `b` may be no register.
            let registers = matches!(
                op,
                Op::JumpEq | Op::JumpNe | Op::JumpLt | Op::JumpLe | Op::JumpNotLt | Op::JumpNotLe
            );
            let kept = if registers { KILL_A | KILL_B } else { KILL_A };
            m.kill(Word { flags: word.flags & kept, ..word });
            arith::jump_if(m, holds, word.c.cast_signed().into())
        }
    }
}

/// True for the forms of `<=`, which ask for `<` with the operands turned round.
pub(super) fn turned(op: Op) -> bool {
    matches!(op, Op::Le | Op::JumpLe | Op::JumpNotLe)
}

//! Operators and comparisons on anything.

#![expect(unsafe_code, reason = "an operand is borrowed beside one that changes")]

use lisle_compiler::bytecode::{
    Op,
    op::{KILL_B, KILL_C},
};

use super::machine::{Machine, Step};
use crate::{
    link::Word,
    value::{Owned, ops},
};

/// An operator on two values.
pub(super) type Operation = fn(&Owned, &Owned) -> Result<Owned, Owned>;

/// The function of a binary operator, also of its immediate and constant forms.
pub(super) fn operation(op: Op) -> Operation {
    match op {
        Op::Add | Op::AddImm | Op::AddConst => ops::add,
        Op::Sub | Op::SubImm | Op::SubConst => ops::sub,
        Op::Mul | Op::MulImm | Op::MulConst => ops::mul,
        Op::Div | Op::DivConst => ops::div,
        Op::FloorDiv | Op::FloorDivImm => ops::floor_div,
        Op::Rem | Op::RemImm => ops::rem,
        Op::Pow => ops::pow,
        Op::BitAnd => ops::bit_and,
        Op::BitOr => ops::bit_or,
        Op::BitXor => ops::bit_xor,
        Op::Shl => ops::shl,
        Op::Shr => ops::shr,
        other => unreachable!("{} is no binary operator", other.name()),
    }
}

/// `a = b op c`
pub(super) fn binary(m: &mut Machine<'_>, operation: Operation) -> Step {
    let word = m.word();
    let value = operation(m.get(word.b), m.get(word.c))?;
    finish(m, word, value)
}

/// `a = b + c`, in place when `b` dies here.
pub(super) fn add(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let grows = word.flags & KILL_B != 0 && word.b != word.c && m.raw(word.b).is_heap();
    if !grows {
        return binary(m, ops::add);
    }
    let addend = m.raw(word.c);
    // The register keeps its value when this throws.
    // SAFETY: the addend is in another register, which the instruction borrows.
    ops::add_assign(m.place(word.b), unsafe { Owned::borrow_raw(&addend) })?;
    let value = m.take(word.b);
    finish(m, Word { flags: word.flags & !KILL_B, ..word }, value)
}

/// `a = b op immediate`
pub(super) fn immediate(m: &mut Machine<'_>, operation: Operation) -> Step {
    let word = m.word();
    let value = operation(m.get(word.b), &Owned::int(word.c.cast_signed().into()))?;
    finish(m, word, value)
}

/// `a = b op constant`
pub(super) fn with_constant(m: &mut Machine<'_>, operation: Operation) -> Step {
    let word = m.word();
    let value = operation(m.get(word.b), m.constant_value(word.c as usize))?;
    finish(m, word, value)
}

/// `a = op b`
pub(super) fn unary(m: &mut Machine<'_>, operation: fn(&Owned) -> Result<Owned, Owned>) -> Step {
    let word = m.word();
    let value = operation(m.get(word.b))?;
    finish(m, word, value)
}

/// Drops what dies and writes the result.
fn finish(m: &mut Machine<'_>, word: Word, value: Owned) -> Step {
    m.kill(word);
    m.put(word.a, value);
    m.next(1)
}

/// `a = ` a comparison of `b` and `c`
pub(super) fn compare(
    m: &mut Machine<'_>,
    holds: fn(&Owned, &Owned) -> Result<bool, Owned>,
) -> Step {
    let word = m.word();
    let holds = holds(m.get(word.b), m.get(word.c))?;
    finish(m, word, Owned::bool(holds))
}

/// `a = b is T`
pub(super) fn is_type(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let holds = super::is_type(m.raw(word.b).tag, word.c);
    // `c` names no register.
    finish(m, Word { flags: word.flags & !KILL_C, ..word }, Owned::bool(holds))
}

/// Jumps on a condition on `a`.
pub(super) fn jump_on(m: &mut Machine<'_>, holds: fn(&Owned) -> bool) -> Step {
    let word = m.word();
    let holds = holds(m.get(word.a));
    m.kill(word);
    jump_if(m, holds, word.wide_i32())
}

/// Jumps on a comparison of `a` and `b`.
pub(super) fn jump_compare(
    m: &mut Machine<'_>,
    holds: fn(&Owned, &Owned) -> Result<bool, Owned>,
    expected: bool,
) -> Step {
    let word = m.word();
    let holds = holds(m.get(word.a), m.get(word.b))?;
    m.kill(word);
    jump_if(m, holds == expected, word.c.cast_signed().into())
}

/// Jumps on a comparison of `a` with an immediate.
pub(super) fn jump_immediate(
    m: &mut Machine<'_>,
    holds: fn(&Owned, &Owned) -> Result<bool, Owned>,
    expected: bool,
) -> Step {
    let word = m.word();
    let holds = holds(m.get(word.a), &Owned::int(word.b.cast_signed().into()))?;
    m.kill(word);
    jump_if(m, holds == expected, word.c.cast_signed().into())
}

/// Jumps when `a` equals a constant, or does not.
pub(super) fn jump_constant(m: &mut Machine<'_>, expected: bool) -> Step {
    let word = m.word();
    let equal = ops::equals(m.get(word.a), m.constant_value(word.b as usize));
    m.kill(word);
    jump_if(m, equal == expected, word.c.cast_signed().into())
}

fn jump_if(m: &mut Machine<'_>, holds: bool, offset: i32) -> Step {
    if holds { m.jump(offset) } else { m.next(1) }
}

/// `a == b`
pub(super) fn equals(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    Ok(ops::equals(a, b))
}

/// `a != b`
pub(super) fn differs(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    Ok(!ops::equals(a, b))
}

/// `a > b`
pub(super) fn greater(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    ops::less(b, a)
}

/// `a >= b`
pub(super) fn greater_equal(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    ops::less_equal(b, a)
}

/// `a in b`
pub(super) fn is_in(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    ops::contains(b, a)
}

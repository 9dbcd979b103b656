//! Operators and comparisons on anything.

#![expect(unsafe_code, reason = "an operand is borrowed beside one that changes")]

use lisle_compiler::bytecode::{
    Op,
    op::{FLOAT, KILL_B, KILL_C, SWAPPED},
};

use super::machine::{Machine, Step};
use super::operators;
use crate::{
    builtins::long::LONG,
    link::Word,
    value::{Comparison, Item, Less, Owned, ops, try_equals, try_less},
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
        Op::Rem | Op::RemImm | Op::RemConst => ops::rem,
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
    if let Some(asked) = operators::binary(m, |m| Item::Place(m.get(m.word().c))) {
        return asked;
    }
    let word = m.word();
    let value = operation(m.get(word.b), m.get(word.c))?;
    finish(m, word, value)
}

/// `a = b + c`, in place when `b` dies here.
pub(super) fn add(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let grows = word.flags & KILL_B != 0
        && word.b != word.c
        && m.raw(word.b).is_heap()
        && m.get(word.b).as_record().is_none()
        && m.get(word.c).as_str().is_none_or(|more| more.len() < LONG);
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
    if let Some(asked) = operators::binary(m, |m| Item::int(m.word().c.cast_signed().into())) {
        return asked;
    }
    let word = m.word();
    let value = operation(m.get(word.b), &Owned::int(word.c.cast_signed().into()))?;
    finish(m, word, value)
}

/// `a = b op constant`
pub(super) fn with_constant(m: &mut Machine<'_>, operation: Operation) -> Step {
    let word = m.word();
    if word.flags & SWAPPED != 0 {
        if let Some(asked) = operators::swapped(m) {
            return asked;
        }
        let value = operation(m.constant_value(word.c as usize), m.get(word.b))?;
        return finish(m, word, value);
    }
    if let Some(asked) =
        operators::binary(m, |m| Item::Place(m.constant_value(m.word().c as usize)))
    {
        return asked;
    }
    let value = operation(m.get(word.b), m.constant_value(word.c as usize))?;
    finish(m, word, value)
}

/// `a = op b`
pub(super) fn unary(m: &mut Machine<'_>, operation: fn(&Owned) -> Result<Owned, Owned>) -> Step {
    if let Some(asked) = operators::unary(m) {
        return asked;
    }
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

/// `==` and `!=`, as a value or a jump, on two registers.
pub(super) fn equality(m: &mut Machine<'_>) -> Step {
    let (a, b) = compared(m);
    match try_equals(m.get(a), m.get(b)) {
        Some(equal) => operators::decided(m, equal),
        None => {
            let comparison = Comparison::new(m.get(a).clone(), m.get(b).clone());
            operators::equal(m, comparison)
        }
    }
}

/// `<` and `<=`, as a value or a jump, on two registers.
pub(super) fn order(m: &mut Machine<'_>) -> Step {
    let (a, b) = compared(m);
    let turned = Op::from_code(m.word().op).is_some_and(operators::turned);
    let (a, b) = if turned { (b, a) } else { (a, b) };
    match try_less(m.get(a), m.get(b))? {
        Some(less) => operators::decided(m, less),
        None => {
            let comparison = Less::new(m.get(a).clone(), m.get(b).clone());
            operators::less(m, comparison)
        }
    }
}

/// The registers that the current instruction compares.
fn compared(m: &Machine<'_>) -> (u16, u16) {
    let word = m.word();
    match Op::from_code(word.op) {
        Some(Op::Eq | Op::Ne | Op::Lt | Op::Le) => (word.b, word.c),
        _ => (word.a, word.b),
    }
}

/// `a = b is T`
pub(super) fn is_type(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let mut holds = super::is_type(m.raw(word.b).tag, word.c);
    let proto = m.proto();
    if let (true, Some(named)) = (holds, proto.handle_type(m.pc)) {
        holds = m.constant_value(named.into()).as_str() == Some(m.get(word.b).type_name());
    }
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

/// Jumps on a comparison of `a` with an immediate.
pub(super) fn jump_immediate(
    m: &mut Machine<'_>,
    holds: fn(&Owned, &Owned) -> Result<bool, Owned>,
    expected: bool,
) -> Step {
    let word = m.word();
    let immediate = word.b.cast_signed();
    let immediate = match word.flags & FLOAT {
        0 => Owned::int(immediate.into()),
        _ => Owned::float(immediate.into()),
    };
    let holds = holds(m.get(word.a), &immediate)?;
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

pub(super) fn jump_if(m: &mut Machine<'_>, holds: bool, offset: i32) -> Step {
    if holds { m.jump(offset) } else { m.next(1) }
}

/// `a == b`
pub(super) fn equals(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    Ok(ops::equals(a, b))
}

/// `a > b`
pub(super) fn greater(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    ops::less(b, a)
}

/// `a >= b`
pub(super) fn greater_equal(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    ops::less_equal(b, a)
}

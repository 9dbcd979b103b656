//! What an instruction does with registers: derived from the operation table, plus the registers
//! that calls, constructors and loops touch beyond their operands.

use super::op::{self, FRAME, Op, Operand};
use super::unit::{Arm, MAX_PLACES, METHOD_WORDS, Receiver, Step, Word};

/// What happens to one register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Borrowed.
    Read,
    /// Consumed.
    Take,
    /// Changed in place.
    Place,
    /// Written; dead before.
    Write,
    /// Written only when the instruction goes on with the next one, not when it jumps.
    WriteOnNext,
    /// Written when the instruction goes on with the next one, but not owned: what is there is kept
    /// by the walk that starts at `a`.
    LendOnNext,
}

/// An instruction with its extension words.
#[derive(Clone, Copy, Debug)]
pub struct Decoded<'a> {
    /// The operation.
    pub op: Op,
    /// The first word.
    pub word: Word,
    /// Its extension words.
    pub ext: &'a [Word],
}

/// The number of extension words of the instruction whose first words are given.
///
/// `words` starts with the instruction; `None` when the operation is unknown or words are missing.
pub fn extension_len(words: &[Word]) -> Option<usize> {
    let word = words.first()?;
    let op = Op::from_code(word.op)?;
    let fixed = op.fixed_extension();
    let more = match op {
        Op::GetPath
        | Op::SetPath
        | Op::UpdatePath
        | Op::PathVacant
        | Op::PlaceStart
        | Op::PlaceTake
        | Op::PlaceBack
        | Op::Select => usize::from(word.c),
        Op::CallMethod => {
            let receiver = words.get(1)?;
            let steps = usize::from(receiver.flags);
            steps + places_len(words.get(1 + fixed + steps..)?, receiver.b)?
        }
        Op::CallPlaces => places_len(words.get(1 + fixed..)?, words.get(2)?.b)?,
        _ => 0,
    };
    (words.len() > fixed + more).then_some(fixed + more)
}

/// The number of words of `count` places at the start of `words`.
fn places_len(words: &[Word], count: u16) -> Option<usize> {
    let mut length = 0;
    for _ in 0..count {
        length += 1 + usize::from(words.get(length)?.flags);
    }
    Some(length)
}

/// The places among the arguments of a call: the root word and the path of each.
pub fn places<'a>(ins: Decoded<'a>) -> impl Iterator<Item = (Word, &'a [Word])> {
    let mut words: &'a [Word] = match ins.op {
        Op::CallPlaces => &ins.ext[2..],
        Op::CallMethod => &ins.ext[METHOD_WORDS + usize::from(ins.ext[0].flags)..],
        _ => &[],
    };
    std::iter::from_fn(move || {
        let (root, rest) = words.split_first()?;
        let (path, rest) = rest.split_at(usize::from(root.flags));
        words = rest;
        Some((*root, path))
    })
}

/// Calls `visit` with every register that the instruction touches; `captures` is the number of
/// registers that a `Closure` consumes.
pub fn visit_registers(
    ins: Decoded<'_>,
    captures: impl Fn(u16) -> u16,
    mut visit: impl FnMut(u16, Access),
) {
    let Decoded { op, word, ext } = ins;
    let range = |first: u16, count: u16, visit: &mut dyn FnMut(u16, Access)| {
        for register in first..first.saturating_add(count) {
            visit(register, Access::Take);
        }
    };
    let mut written = None;
    for (operand, register) in op.operands().into_iter().zip([word.a, word.b, word.c]) {
        match operand {
            Operand::R => visit(register, Access::Read),
            Operand::M => visit(register, Access::Take),
            Operand::X => visit(register, Access::Place),
            Operand::W => written = Some(register),
            Operand::None
            | Operand::K
            | Operand::K32
            | Operand::I
            | Operand::I32
            | Operand::N
            | Operand::J
            | Operand::J32 => {}
        }
    }
    let steps = |words: &[Word], visit: &mut dyn FnMut(u16, Access)| {
        for word in words {
            if let Step::Index(register) = word.step() {
                visit(register, Access::Read);
            }
        }
    };
    let arguments = |first: u16, visit: &mut dyn FnMut(u16, Access)| {
        let mut is_place = [false; MAX_PLACES];
        for (root, path) in places(ins) {
            if let Some(is_place) = is_place.get_mut(usize::from(root.c)) {
                *is_place = true;
            }
            visit(root.b, Access::Place);
            steps(path, visit);
        }
        for i in 0..word.c {
            if is_place.get(usize::from(i)) != Some(&true) {
                visit(first.saturating_add(i), Access::Take);
            }
        }
    };
    match op {
        Op::CallPlaces => arguments(word.a + FRAME, &mut visit),
        Op::RetPlaces => {
            let mask = ext[0].wide_u32();
            let places = (0..MAX_PLACES as u16).filter(|i| mask >> i & 1 != 0);
            places.for_each(|register| visit(register, Access::Take));
        }
        Op::NewRecord => range(ext[0].a, word.c, &mut visit),
        Op::PlaceStart => steps(ext, &mut visit),
        Op::PlaceTake => {
            steps(ext, &mut visit);
            visit(word.a + 1, Access::Write);
        }
        Op::PlaceBack => {
            steps(ext, &mut visit);
            visit(word.a + 1, Access::Take);
        }
        Op::Call | Op::CallConst | Op::CallWith | Op::Spawn => {
            range(word.a + FRAME, word.c, &mut visit);
        }
        Op::CallMethod => {
            arguments(word.a + FRAME + 1, &mut visit);
            let place = Receiver::from_code(ext[0].op) == Some(Receiver::Var);
            visit(ext[0].a, if place { Access::Place } else { Access::Read });
            steps(&ext[METHOD_WORDS..METHOD_WORDS + usize::from(ext[0].flags)], &mut visit);
        }
        Op::Closure => range(word.c, captures(word.b), &mut visit),
        Op::NewList | Op::Concat => range(word.b, word.c, &mut visit),
        Op::NewMap => range(word.b, word.c * 2, &mut visit),
        Op::NewRange => range(word.b, 3, &mut visit),
        Op::Slice => range(word.c, 2, &mut visit),
        Op::GetPath | Op::SetPath | Op::PathVacant => steps(ext, &mut visit),
        Op::UpdatePath => steps(&ext[1..], &mut visit),
        Op::RangeLoopStart => {
            visit(word.a + 1, Access::Place);
            visit(word.a + 2, Access::Place);
        }
        Op::RangeLoop => {
            visit(word.a + 1, Access::Place);
            visit(word.a + 2, Access::Place);
            visit(word.a + 3, Access::WriteOnNext);
        }
        Op::IterStart => {
            visit(word.a + 1, Access::Write);
            visit(word.a + 2, Access::Write);
        }
        Op::IterNext => {
            visit(word.a + 1, Access::Place);
            visit(word.a + 2, Access::Place);
            let lent = word.flags & op::BORROWED != 0;
            let element = if lent { Access::LendOnNext } else { Access::WriteOnNext };
            visit(word.a + 3, element);
            if word.flags & op::PAIR != 0 {
                visit(word.a + 4, element);
            }
        }
        Op::Select => {
            for arm in ext {
                match Arm::from_code(arm.op) {
                    Some(Arm::Send) => {
                        visit(arm.a, Access::Take);
                        visit(arm.b, Access::Take);
                    }
                    Some(Arm::Recv | Arm::Join | Arm::After) => visit(arm.a, Access::Take),
                    Some(Arm::Else) | None => {}
                }
                if arm.flags & 1 != 0 {
                    visit(arm.c, Access::Take);
                }
            }
            visit(word.a + 1, Access::Write);
        }
        _ => {}
    }
    if let Some(register) = written {
        visit(register, Access::Write);
    }
}

/// The offset of a jump, in words relative to the next instruction.
pub fn jump_offset(op: Op, word: Word) -> Option<i32> {
    let operands = op.operands();
    if operands[1] == Operand::J32 {
        Some(word.wide_i32())
    } else if operands[2] == Operand::J {
        Some(i32::from(word.c as i16))
    } else {
        None
    }
}

/// True when the result of the instruction is never an object, given which registers may hold one.
pub fn is_scalar_result(ins: Decoded<'_>, heap: impl Fn(u16) -> bool) -> bool {
    let effects = ins.op.effects();
    if effects.scalar {
        return true;
    }
    if effects.arith {
        let [_, b, c] = ins.op.operands();
        return !(b == Operand::R && heap(ins.word.b) || c == Operand::R && heap(ins.word.c));
    }
    match ins.op {
        Op::Copy | Op::Move => !heap(ins.word.b),
        Op::LoadConst => ins.word.flags & op::NUMBER != 0,
        _ => false,
    }
}

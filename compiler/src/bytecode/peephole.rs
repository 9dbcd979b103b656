//! Takes moves out that only hand a result on.
//!
//! Code generation evaluates into temporaries, and ownership makes the copies from them moves. Two
//! neighbours are made one, where no jump leads between them:
//!
//! - an instruction that writes a register, and the move of that register to another one, which is
//!   dead or dies at the instruction: it writes the other one itself;
//! - a move, and an instruction that consumes what was moved: it consumes the register itself.
//!
//! What is owned where stays true: see [`liveness`](super::liveness).

use super::effects::visit_registers;
use super::liveness::{Ins, Owned};
use super::op::{KILL_A, KILL_B, KILL_C, Op, Operand};

/// Joins neighbours. `captures` are those of each function of the unit.
pub(crate) fn join_moves(mut owned: Owned, captures: &[u16]) -> Owned {
    let n = owned.code.len();
    let mut is_target = vec![false; n + 1];
    owned.labels.iter().filter(|&&at| at <= n).for_each(|&at| is_target[at] = true);
    let (mut code, mut sets): (Vec<Ins>, Vec<u32>) = (Vec::with_capacity(n), Vec::with_capacity(n));
    let mut new_index = Vec::with_capacity(n + 1);
    for (i, (mut ins, mut set)) in std::mem::take(&mut owned.code)
        .into_iter()
        .zip(std::mem::take(&mut owned.owned))
        .enumerate()
    {
        new_index.push(code.len());
        if let (false, Some(before)) = (is_target[i], code.last_mut())
            && before.region == ins.region
        {
            let held = &owned.sets[sets[sets.len() - 1] as usize];
            if ins.op == Op::Move && writes_for(before, ins.word.b, ins.word.a, held) {
                before.word.a = ins.word.a;
                continue;
            }
            if before.op == Op::Move
                && consumes_instead(&mut ins, before.word.a, before.word.b, captures)
            {
                set = renamed(&mut owned.sets, set, before.word.a, before.word.b);
                code.pop();
                sets.pop();
                *new_index.last_mut().expect("pushed above") = code.len();
            }
        }
        code.push(ins);
        sets.push(set);
    }
    new_index.push(code.len());
    owned.labels.iter_mut().filter(|at| **at <= n).for_each(|at| *at = new_index[*at]);
    (owned.code, owned.owned) = (code, sets);
    owned
}

/// The instruction's result is register `from`, and could as well be `to`; `held` is what is owned
/// when it throws.
fn writes_for(ins: &Ins, from: u16, to: u16, held: &[u16]) -> bool {
    // Where the result of a call stands says where its frame does; the registers of a select stand
    // side by side; and that of a landing is the handler's.
    let is_free = !matches!(
        ins.op,
        Op::Call
            | Op::CallConst
            | Op::CallWith
            | Op::CallMethod
            | Op::CallPlaces
            | Op::Spawn
            | Op::Select
            | Op::Landing
    );
    let killed = KILLS.iter().zip([ins.word.a, ins.word.b, ins.word.c]);
    let dies = |(flag, register): (&u8, u16)| {
        ins.op.effects().kills && ins.word.flags & flag != 0 && register == to
    };
    ins.op.operands()[0] == Operand::W
        && ins.word.a == from
        && is_free
        && (!held.contains(&to) || killed.into_iter().any(dies))
}

const KILLS: [u8; 3] = [KILL_A, KILL_B, KILL_C];

/// Makes the instruction consume register `to` where it consumed `from`, if `from` is an operand of
/// its own and it does nothing else with it.
fn consumes_instead(ins: &mut Ins, from: u16, to: u16, captures: &[u16]) -> bool {
    let mut uses = 0;
    let captures = |f: u16| captures[usize::from(f)];
    visit_registers(ins.decoded(), captures, |register, _| uses += u32::from(register == from));
    let (operands, flags) = (ins.op.operands(), ins.word.flags);
    let kills = ins.op.effects().kills;
    let registers = [&mut ins.word.a, &mut ins.word.b, &mut ins.word.c];
    for (i, register) in registers.into_iter().enumerate() {
        let consumed = match operands[i] {
            Operand::M => true,
            Operand::R => kills && flags & KILLS[i] != 0,
            _ => false,
        };
        if consumed && uses == 1 && *register == from {
            *register = to;
            return true;
        }
    }
    false
}

/// The set in which `to` stands for `from`.
fn renamed(sets: &mut Vec<Box<[u16]>>, set: u32, from: u16, to: u16) -> u32 {
    let old = &sets[set as usize];
    if !old.contains(&from) {
        return set;
    }
    let mut new: Vec<u16> = old.iter().map(|&r| if r == from { to } else { r }).collect();
    new.sort_unstable();
    sets.push(new.into());
    sets.len() as u32 - 1
}

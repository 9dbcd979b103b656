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

use bumpalo::{Bump, collections::Vec, vec};

use super::draft::Ins;
use super::effects::visit_registers;
use super::liveness::{Owned, Set};
use super::op::{KILL_A, KILL_B, KILL_C, Op, Operand};
use super::unit::Word;

/// Joins neighbours. `captures` are those of each function of the unit.
pub(crate) fn join_moves<const N: usize>(owned: &mut Owned<'_, N>, captures: &[u16], room: &Bump) {
    let n = owned.code.len();
    let mut is_target = vec![in room; false; n + 1];
    owned.labels.iter().filter(|&&at| at <= n).for_each(|&at| is_target[at] = true);
    let mut new_index = Vec::with_capacity_in(n + 1, room);
    // What stands before `kept` is done.
    let mut kept = 0;
    for i in 0..n {
        let (mut ins, mut set) = (owned.code[i], owned.owned[i]);
        new_index.push(kept);
        if !is_target[i] && kept > 0 && owned.code[kept - 1].region == ins.region {
            let before = &mut owned.code[kept - 1];
            let held = &owned.sets[owned.owned[kept - 1] as usize];
            if ins.op == Op::Move && writes_for(before, ins.word.b, ins.word.a, held) {
                before.word.a = ins.word.a;
                continue;
            }
            let (from, to) = (before.word.a, before.word.b);
            if before.op == Op::Move && consumes_instead(&mut ins, from, to, owned.words, captures)
            {
                set = renamed(&mut owned.sets, set, from, to);
                kept -= 1;
                new_index[i] = kept;
            }
        }
        owned.code[kept] = ins;
        owned.owned[kept] = set;
        kept += 1;
    }
    new_index.push(kept);
    owned.code.truncate(kept);
    owned.owned.truncate(kept);
    owned.labels.iter_mut().filter(|at| **at <= n).for_each(|at| *at = new_index[*at]);
}

/// The instruction's result is register `from`, and could as well be `to`; `held` is what is owned
/// when it throws.
fn writes_for<const N: usize>(ins: &Ins, from: u16, to: u16, held: &Set<N>) -> bool {
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
        && (!held.has(to) || killed.into_iter().any(dies))
}

const KILLS: [u8; 3] = [KILL_A, KILL_B, KILL_C];

/// Makes the instruction consume register `to` where it consumed `from`, if `from` is an operand of
/// its own and it does nothing else with it.
fn consumes_instead(ins: &mut Ins, from: u16, to: u16, words: &[Word], captures: &[u16]) -> bool {
    let mut uses = 0;
    let captures = |f: u16| captures[usize::from(f)];
    visit_registers(ins.decoded(words), captures, |register, _| {
        uses += u32::from(register == from)
    });
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
fn renamed<const N: usize>(sets: &mut Vec<'_, Set<N>>, set: u32, from: u16, to: u16) -> u32 {
    let mut new = sets[set as usize];
    if !new.has(from) {
        return set;
    }
    new.remove(from);
    new.add(to);
    sets.push(new);
    sets.len() as u32 - 1
}

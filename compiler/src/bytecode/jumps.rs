//! Shortens the ways of jumps.
//!
//! - A jump that leads to an unconditional one leads where that one does.
//! - An unconditional jump that leads to a `JumpBack` is that `JumpBack`: fuel is taken, and the thread
//!   preempted, where the loop's turn ends. What is owned at both is the same, since a jump drops nothing.
//! - A jump that nothing leads to any more is left out.

use bumpalo::{Bump, vec};

use super::draft::Ins;
use super::liveness::Owned;
use super::op::Op;

/// Shortens all of them.
pub(crate) fn shorten<const N: usize>(owned: &mut Owned<'_, N>, room: &Bump) {
    let n = owned.code.len();
    for label in 0..owned.labels.len() {
        let mut at = owned.labels[label];
        // As many as there are instructions lead in a circle.
        for _ in 0..n {
            match owned.code.get(at).and_then(jump_target) {
                Some(target) => at = owned.labels[target],
                None => break,
            }
        }
        owned.labels[label] = at;
    }
    for i in 0..n {
        let Some(target) = jump_target(&owned.code[i]) else { continue };
        let at = owned.labels[target];
        if owned.code.get(at).is_some_and(|ins| ins.op == Op::JumpBack) {
            owned.code[i] = owned.code[at];
            owned.owned[i] = owned.owned[at];
        }
    }
    leave_out(owned, room);
}

/// Leaves out the jumps that are not reached.
fn leave_out<const N: usize>(owned: &mut Owned<'_, N>, room: &Bump) {
    let n = owned.code.len();
    let mut is_target = vec![in room; false; n + 1];
    for ins in &owned.code {
        if let Some(target) = ins.target {
            is_target[owned.labels[target.0 as usize]] = true;
        }
    }
    let mut new_index = vec![in room; 0; n + 1];
    let (mut kept, mut goes_on) = (0, true);
    for i in 0..n {
        let ins = owned.code[i];
        new_index[i] = kept;
        if !goes_on && !is_target[i] && matches!(ins.op, Op::Jump | Op::JumpBack) {
            continue;
        }
        goes_on = !ins.op.effects().ends;
        owned.code[kept] = ins;
        owned.owned[kept] = owned.owned[i];
        kept += 1;
    }
    new_index[n] = kept;
    owned.code.truncate(kept);
    owned.owned.truncate(kept);
    owned.labels.iter_mut().filter(|at| **at <= n).for_each(|at| *at = new_index[*at]);
}

/// The label that an unconditional jump leads to.
fn jump_target(ins: &Ins) -> Option<usize> {
    let target = ins.target.filter(|_| ins.op == Op::Jump)?;
    Some(target.0 as usize)
}

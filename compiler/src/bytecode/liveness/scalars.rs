//! Takes out the drops of registers that cannot hold an object, found by walking forwards.

use bumpalo::{Bump, collections::Vec, vec};

use super::set::Set;
use super::write::Owned;
use crate::bytecode::draft::{Draft, Ins};
use crate::bytecode::effects::{Access, is_scalar_result, visit_registers};
use crate::bytecode::op::{BORROWED, Op};

/// No block starts at an instruction.
const NONE: u32 = u32::MAX;

/// Takes out the drops that drop nothing.
pub(super) fn remove_drops<const N: usize>(
    owned: &mut Owned<'_, N>,
    draft: &Draft,
    captures: &[u16],
    room: &Bump,
) {
    let needed = needed_drops(owned, draft, captures, room);
    let kept = |i: usize, ins: &Ins| ins.op != Op::Drop || needed[i];
    let mut new_index = Vec::with_capacity_in(owned.code.len() + 1, room);
    let mut count = 0;
    for (i, ins) in owned.code.iter().enumerate() {
        new_index.push(count);
        if kept(i, ins) {
            owned.owned[count] = owned.owned[i];
            count += 1;
        }
    }
    new_index.push(count);
    let mut i = 0;
    owned.code.retain(|ins| {
        i += 1;
        kept(i - 1, ins)
    });
    owned.owned.truncate(count);
    for at in &mut owned.labels {
        if *at != usize::MAX {
            *at = new_index[*at];
        }
    }
}

/// For each instruction, whether it is a drop of what may be an object.
fn needed_drops<'a, const N: usize>(
    owned: &Owned<'_, N>,
    draft: &Draft,
    captures: &[u16],
    room: &'a Bump,
) -> Vec<'a, bool> {
    let n = owned.code.len();
    let mut needed = vec![in room; false; n];
    let target = |ins: &Ins| ins.target.map(|l| owned.labels[l.0 as usize]);
    // For each start of a block the registers that may hold objects; `None`: not reached yet.
    let mut heap_at: Vec<'_, Option<Set<N>>> = Vec::new_in(room);
    let mut block_at = vec![in room; NONE; n + 1];
    let mut start = |at: usize, heap: Option<Set<N>>| {
        if block_at[at] == NONE {
            block_at[at] = heap_at.len() as u32;
            heap_at.push(heap);
        } else if heap.is_some() {
            heap_at[block_at[at] as usize] = heap;
        }
    };
    let parameters = 0..draft.parameters;
    start(0, Some(parameters.chain(draft.borrowed.iter().copied()).collect()));
    for region in &draft.regions {
        let at = owned.labels[region.handler.0 as usize];
        start(at, Some(Set::below(draft.registers)));
    }
    for ins in &owned.code {
        if let Some(at) = target(ins) {
            start(at, None);
        }
    }
    let mut changed = true;
    while changed {
        changed = false;
        let mut heap: Option<Set<N>> = None;
        for (i, ins) in owned.code.iter().enumerate() {
            if block_at[i] != NONE {
                let at = &mut heap_at[block_at[i] as usize];
                if let Some(falling) = &heap {
                    merge(at, falling);
                }
                heap = *at;
            }
            let Some(state) = &mut heap else { continue };
            if ins.op == Op::Drop && state.has(ins.word.a) {
                needed[i] = true;
            }
            let decoded = ins.decoded(owned.words);
            let scalar = is_scalar_result(decoded, |r| state.has(r));
            // Where a jump leads nothing is written.
            let mut jump_state = *state;
            visit_registers(
                decoded,
                |f| captures[usize::from(f)],
                |r, access| match access {
                    Access::Take => {
                        state.remove(r);
                        jump_state.remove(r);
                    }
                    Access::Write | Access::WriteOnNext => {
                        let loop_state = ins.op == Op::IterStart
                            || ins.op == Op::RangeLoop
                            || ins.op == Op::Select && r == ins.word.a;
                        if scalar || loop_state { state.remove(r) } else { state.add(r) }
                    }
                    Access::LendOnNext => state.add(r),
                    // Here stands what keeps an element that was lent; at the end there is none.
                    Access::Place if keeps(ins) == Some(r) => {
                        state.add(r);
                        jump_state.remove(r);
                    }
                    Access::Place if ins.op == Op::RangeLoopStart => {
                        state.remove(r);
                        jump_state.remove(r);
                    }
                    Access::Read | Access::Place => {}
                },
            );
            if let Some(at) = target(ins) {
                let grew = merge(&mut heap_at[block_at[at] as usize], &jump_state);
                changed |= grew && at <= i;
            }
            if ins.op.effects().ends {
                heap = None;
            }
        }
    }
    needed
}

/// The register of a walk that keeps what it lends and has made.
fn keeps(ins: &Ins) -> Option<u16> {
    (ins.op == Op::IterNext && ins.word.flags & BORROWED != 0).then_some(ins.word.a + 1)
}

/// Adds what may hold objects on one way to what may on others; true when that is more.
fn merge<const N: usize>(at: &mut Option<Set<N>>, from: &Set<N>) -> bool {
    let before = *at;
    match at {
        None => *at = Some(*from),
        Some(set) => set.join(from),
    }
    *at != before
}

//! Liveness and ownership: decides where values are copied, moved and dropped.
//!
//! Code generation writes plain code: it copies where it needs a value of its own, and drops
//! nothing. This pass makes the ownership explicit. Its invariant: **before every instruction the
//! owned registers are exactly the live ones**, those that some path still reads. From it follows
//!
//! - a `Copy` whose source is dead afterwards becomes a `Move`;
//! - an operand that dies at an instruction which takes kill flags gets one;
//! - every other register that dies is dropped right after the instruction or on the edge where it
//!   dies, unless it cannot hold an object;
//! - a function's live map is the set of live registers less those the instruction consumes.
//!
//! `mut` parameters go back to the caller however the function is left, so every instruction that may
//! throw needs them.
//!
//! What a walk lends to the body of its loop ([`Op::IterNext`]) is owned by nobody there; instead,
//! who reads it needs what keeps it. So that lives as long as what is lent, on every way out.
//!
//! A throw is an edge from every instruction that may throw to its handlers: what a handler reads
//! stays owned until the last instruction that may go there.

mod scalars;
mod set;
mod write;

use bumpalo::{Bump, collections::Vec, vec};

use super::draft::{Draft, Ins, Label, Loan, Region};
use super::effects::{Access, places, visit_registers};
use super::op::{KILL_A, KILL_B, KILL_C, Op, Operand};
use super::unit::{METHOD_WORDS, Receiver, Step, Word};
pub(crate) use set::{LONG, SHORT, Set};
pub(crate) use write::Owned;
use write::{Detour, Writer};

/// A basic block: a range of instructions.
struct Block<const N: usize> {
    start: usize,
    end: usize,
    /// Block that follows when the last instruction goes on.
    next: Option<usize>,
    /// Block that the last instruction jumps to.
    jump: Option<usize>,
    predecessors: u32,
    reachable: bool,
    /// A block that stands here or further down leads here.
    is_returned_to: bool,
    /// The registers that are live where it starts.
    live_in: Set<N>,
    /// What dies on the one jump that leads here, where there is one alone.
    head: Set<N>,
    /// The innermost loop around it that lends its elements.
    loan: Option<u32>,
}

struct Pass<'a, const N: usize> {
    draft: &'a Draft,
    /// Captures of each function of the unit, for `Closure`.
    captures: &'a [u16],
    room: &'a Bump,
    blocks: Vec<'a, Block<N>>,
    /// The block that starts at an instruction.
    block_at: Vec<'a, u32>,
    borrowed: Set<N>,
    /// For each loan the one around it.
    outer: Vec<'a, Option<u32>>,
}

/// What an instruction does with registers.
struct Touched<const N: usize> {
    /// Read, consumed or changed.
    needed: Set<N>,
    /// Consumed.
    taken: Set<N>,
    /// Written, also when only where it goes on.
    written: Set<N>,
}

/// What an instruction leaves behind.
struct Left<const N: usize> {
    /// The registers still owned after a throw.
    at_throw: Set<N>,
    /// Those still owned after success, without results.
    after: Set<N>,
}

/// Makes ownership explicit, see the module's text. `captures` are those of each function of the
/// unit; in the `room` there is nothing else.
pub(crate) fn own<'a, const N: usize>(
    draft: &'a Draft,
    captures: &'a [u16],
    room: &'a Bump,
) -> Owned<'a, N> {
    let mut pass = Pass::new(draft, captures, room);
    pass.solve();
    let mut owned = pass.rewrite();
    scalars::remove_drops(&mut owned, draft, captures, room);
    owned
}

impl<'a, const N: usize> Pass<'a, N> {
    fn new(draft: &'a Draft, captures: &'a [u16], room: &'a Bump) -> Self {
        let code = &draft.code;
        let n = code.len();
        let mut leader = vec![in room; false; n + 1];
        leader[0] = true;
        for (i, ins) in code.iter().enumerate() {
            if ins.target.is_some() || ins.op.effects().ends {
                leader[i + 1] = true;
            }
        }
        for &at in &draft.labels {
            leader[at] = true;
        }
        let mut block_at = vec![in room; u32::MAX; n + 1];
        let count = leader.iter().filter(|l| **l).count();
        let mut blocks: Vec<'_, Block<N>> = Vec::with_capacity_in(count, room);
        for i in 0..n {
            if leader[i] {
                block_at[i] = blocks.len() as u32;
                blocks.push(Block {
                    start: i,
                    end: i + 1,
                    next: None,
                    jump: None,
                    predecessors: 0,
                    reachable: false,
                    is_returned_to: false,
                    live_in: Set::EMPTY,
                    head: Set::EMPTY,
                    loan: None,
                });
            } else if let Some(block) = blocks.last_mut() {
                block.end = i + 1;
            }
        }
        for (b, block) in blocks.iter_mut().enumerate() {
            let last = &code[block.end - 1];
            block.jump = last.target.map(|l| block_at[draft.labels[l.0 as usize]] as usize);
            block.next = (!last.op.effects().ends).then_some(b + 1);
        }
        let borrowed = draft.borrowed.iter().copied().collect();
        let outer = vec![in room; None; draft.loans.len()];
        let mut pass = Self { draft, captures, room, blocks, block_at, borrowed, outer };
        pass.mark_loans();
        pass.mark_reachable();
        pass
    }

    /// Says of each block in which loops that lend it stands: the outer ones first.
    fn mark_loans(&mut self) {
        for (i, loan) in self.draft.loans.iter().enumerate().rev() {
            let first = self.block_at[loan.body.start] as usize;
            self.outer[i] = self.blocks[first].loan;
            let body = self.blocks[first..].iter_mut().take_while(|b| b.start < loan.body.end);
            body.for_each(|block| block.loan = Some(i as u32));
        }
    }

    /// The loops around block `b` that lend their elements.
    fn loans(&self, b: usize) -> impl Iterator<Item = &'a Loan> {
        let loans: &'a [Loan] = &self.draft.loans;
        let around = |i: &u32| self.outer[*i as usize];
        std::iter::successors(self.blocks[b].loan, around).map(|i| &loans[i as usize])
    }

    /// The registers that own nothing in block `b`.
    fn borrowed(&self, b: usize) -> Set<N> {
        let mut borrowed = self.borrowed;
        self.loans(b).flat_map(Loan::elements).for_each(|r| borrowed.add(r));
        borrowed
    }

    fn label_block(&self, label: Label) -> usize {
        self.block_at[self.draft.labels[label.0 as usize]] as usize
    }

    /// The handlers an exception at `region` may reach: the innermost, and when that only catches
    /// what can be caught, also the innermost cleanup around it.
    fn handlers(&self, region: Option<u32>) -> impl Iterator<Item = &'a Region> {
        let regions: &'a [Region] = &self.draft.regions;
        let mut at = region;
        let mut first = true;
        std::iter::from_fn(move || {
            loop {
                let region = &regions[at? as usize];
                at = if region.cleanup { None } else { region.parent };
                if std::mem::take(&mut first) || region.cleanup {
                    return Some(region);
                }
            }
        })
    }

    fn mark_reachable(&mut self) {
        let mut todo = vec![in self.room; 0];
        self.blocks[0].predecessors = 1;
        let mut targets: Vec<'_, usize> = Vec::new_in(self.room);
        while let Some(b) = todo.pop() {
            if std::mem::replace(&mut self.blocks[b].reachable, true) {
                continue;
            }
            let block = &self.blocks[b];
            targets.extend(block.next);
            targets.extend(block.jump);
            let mut seen = None;
            for ins in &self.draft.code[block.start..block.end] {
                if ins.region != seen && ins.op.effects().throws {
                    seen = ins.region;
                    targets.extend(self.handlers(ins.region).map(|r| self.label_block(r.handler)));
                }
            }
            for target in targets.drain(..) {
                self.blocks[target].predecessors += 1;
                self.blocks[target].is_returned_to |= target <= b;
                todo.push(target);
            }
        }
    }

    /// What an exception at `ins` needs.
    fn add_handler_needs(&self, ins: &Ins, live: &mut Set<N>) {
        if !ins.op.effects().throws {
            return;
        }
        // Parameters are the first registers.
        live.add_first(self.draft.places);
        if ins.region.is_some() {
            for region in self.handlers(ins.region) {
                // The handler writes its register, and so does not need it.
                let own = live.has(region.register);
                live.join(&self.blocks[self.label_block(region.handler)].live_in);
                if !own {
                    live.remove(region.register);
                }
            }
        }
    }

    /// Live registers on leaving block `b` by its last instruction: on going on, and on jumping.
    fn live_out(&self, b: usize) -> (Set<N>, Set<N>) {
        let block = &self.blocks[b];
        let live_in =
            |block: Option<usize>| block.map_or(Set::EMPTY, |block| self.blocks[block].live_in);
        (live_in(block.next), live_in(block.jump))
    }

    /// What an instruction of block `b` does with registers.
    fn touched(&self, b: usize, ins: &Ins) -> Touched<N> {
        let mut touched = Touched { needed: Set::EMPTY, taken: Set::EMPTY, written: Set::EMPTY };
        let captures = |f| self.captures[usize::from(f)];
        visit_registers(ins.decoded(&self.draft.words), captures, |r, access| match access {
            Access::Write | Access::WriteOnNext => touched.written.add(r),
            Access::Read | Access::Place => touched.needed.add(r),
            Access::Take => {
                touched.needed.add(r);
                touched.taken.add(r);
            }
            Access::LendOnNext => {}
        });
        for loan in self.loans(b) {
            if loan.elements().iter().any(|&r| touched.needed.has(r)) {
                touched.needed.add(loan.walk);
                touched.needed.add(loan.walk + 1);
            }
        }
        touched
    }

    /// Turns the live registers after `ins` into those before it, none of which are `borrowed`.
    fn step_back(
        &self,
        ins: &Ins,
        touched: &Touched<N>,
        borrowed: &Set<N>,
        after: &Set<N>,
        jump: Option<&Set<N>>,
    ) -> Set<N> {
        let mut live = after.minus(&touched.written);
        if ins.op == Op::JumpIfGiven {
            live.remove(ins.word.a);
        }
        if let Some(jump) = jump {
            live.join(jump);
        }
        self.add_handler_needs(ins, &mut live);
        live.join(&touched.needed);
        live.minus(borrowed)
    }

    /// Finds what is live where each block starts. From the last block to the first, so that only a
    /// change of what is returned to makes another round necessary.
    fn solve(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for b in (0..self.blocks.len()).rev() {
                if !self.blocks[b].reachable {
                    continue;
                }
                let (mut live, jump) = self.live_out(b);
                let borrowed = self.borrowed(b);
                let (start, end) = (self.blocks[b].start, self.blocks[b].end);
                for (i, ins) in (start..end).zip(&self.draft.code[start..end]).rev() {
                    let jump = (i + 1 == end).then_some(&jump);
                    live = self.step_back(ins, &self.touched(b, ins), &borrowed, &live, jump);
                }
                let block = &mut self.blocks[b];
                if live != block.live_in {
                    block.live_in = live;
                    changed |= block.is_returned_to;
                }
            }
        }
    }

    /// Writes the code anew, backwards, with kill flags, moves and drops.
    fn rewrite(mut self) -> Owned<'a, N> {
        let code = &self.draft.code;
        let room = self.room;
        let mut out = Writer::new(code.len(), room);
        self.find_heads();
        let mut block_start = vec![in room; 0; self.blocks.len()];
        let mut detours: Vec<'_, Detour<N>> = Vec::new_in(room);
        let mut labels = Vec::from_iter_in(self.draft.labels.iter().copied(), room);
        for b in (0..self.blocks.len()).rev() {
            let block = &self.blocks[b];
            if block.reachable {
                self.rewrite_block(b, &mut out, &mut detours, &mut labels);
                let first = &code[block.start];
                out.drops(&block.head, (first.span, first.region), &block.live_in);
            }
            block_start[b] = out.len();
        }
        // Parameters that nothing reads.
        let parameters = Set::below(self.draft.parameters);
        let live_in = &self.blocks[0].live_in;
        let entry = parameters.minus(live_in).minus(&self.borrowed);
        out.drops(&entry, (code[0].span, None), live_in);
        out.finish(|at| block_start[self.block_at[at] as usize], labels, detours, &self.draft.words)
    }

    fn rewrite_block(
        &self,
        b: usize,
        out: &mut Writer<'_, N>,
        detours: &mut Vec<'_, Detour<N>>,
        labels: &mut Vec<'_, usize>,
    ) {
        let (mut next, jump) = self.live_out(b);
        let borrowed = self.borrowed(b);
        let Block { start, end, next: goes_on, jump: jumps, .. } = self.blocks[b];
        for i in (start..end).rev() {
            let is_last = i + 1 == end;
            let mut ins = self.draft.code[i];
            let touched = self.touched(b, &ins);
            let live = self.step_back(&ins, &touched, &borrowed, &next, is_last.then_some(&jump));

            let Left { at_throw, after } =
                self.settle(&mut ins, &touched, &live, &next, is_last.then_some(&jump));
            // Edge to the jump target; where no other edge leads there, its drops stand at the
            // target's head.
            if let (true, Some(label), Some(target)) = (is_last, ins.target, jumps) {
                let dying = after.minus(&jump);
                if !dying.is_empty() {
                    // (A jump back may throw, so a handler's needs can die on its only way out.)
                    if goes_on.is_some() && self.blocks[target].predecessors == 1 {
                        debug_assert_eq!(self.blocks[target].head, dying);
                    } else {
                        detours.push((dying, label, ins.span));
                        ins.target = Some(new_label(labels));
                    }
                }
            }
            // Going on.
            if !ins.op.effects().ends {
                let mut dying = after;
                dying.join(&touched.written);
                if ins.op == Op::JumpIfGiven {
                    dying.remove(ins.word.a);
                }
                let dying = dying.minus(&next).minus(&borrowed);
                out.drops(&dying, (ins.span, ins.region), &next);
            }
            out.push(ins, &at_throw);
            next = live;
        }
    }

    /// Decides what dies at `ins`, before which `live` are owned, and where it leaves them: sets
    /// kill flags, makes copies moves.
    fn settle(
        &self,
        ins: &mut Ins,
        touched: &Touched<N>,
        live: &Set<N>,
        next: &Set<N>,
        jump: Option<&Set<N>>,
    ) -> Left<N> {
        let mut needed = next.minus(&touched.written);
        if let Some(jump) = jump {
            needed.join(jump);
        }
        let at_throw = live.minus(&touched.taken);
        let mut after = at_throw;
        self.set_kill_flags(ins, &mut after, &needed);
        if ins.op == Op::Copy && !needed.has(ins.word.b) && after.has(ins.word.b) {
            ins.op = Op::Move;
            ins.word.op = Op::Move as u8;
            after.remove(ins.word.b);
        }
        Left { at_throw, after }
    }

    /// For each block that one jump alone leads to, what dies on that jump.
    fn find_heads(&mut self) {
        for b in 0..self.blocks.len() {
            let block = &self.blocks[b];
            let (true, Some(target), Some(_)) = (block.reachable, block.jump, block.next) else {
                continue;
            };
            if self.blocks[target].predecessors == 1 {
                let (next, jump) = self.live_out(b);
                let mut ins = self.draft.code[block.end - 1];
                let touched = self.touched(b, &ins);
                let live = self.step_back(&ins, &touched, &self.borrowed(b), &next, Some(&jump));
                let left = self.settle(&mut ins, &touched, &live, &next, Some(&jump));
                self.blocks[target].head = left.after.minus(&jump);
            }
        }
    }

    /// Flags the operands that die here, where the operation allows it.
    fn set_kill_flags(&self, ins: &mut Ins, after: &mut Set<N>, needed: &Set<N>) {
        let operands = ins.op.operands();
        let registers = [ins.word.a, ins.word.b, ins.word.c];
        if ins.op == Op::CallMethod {
            let decoded = ins.decoded(&self.draft.words);
            let receiver = decoded.ext[0];
            let root = receiver.a;
            let own = &decoded.ext[METHOD_WORDS..METHOD_WORDS + usize::from(receiver.flags)];
            let is_root = |w: &Word| w.step() == Step::Index(root);
            let in_path = own.iter().any(is_root)
                || places(decoded).any(|(r, path)| r.b == root || path.iter().any(is_root));
            // What a handler reads must not be taken by a method that may throw afterwards: it is
            // dropped once the call has succeeded.
            let mut handlers = Set::EMPTY;
            self.add_handler_needs(ins, &mut handlers);
            if after.has(root) && !needed.has(root) && !in_path && !handlers.has(root) {
                ins.word.flags |= KILL_B;
                after.remove(root);
            }
            debug_assert!(Receiver::from_code(receiver.op).is_some());
            return;
        }
        if !ins.op.effects().kills {
            return;
        }
        for (i, flag) in [KILL_A, KILL_B, KILL_C].into_iter().enumerate() {
            let twice =
                (0..3).any(|j| j != i && operands[j] == Operand::R && registers[j] == registers[i]);
            if operands[i] == Operand::R
                && after.has(registers[i])
                && !needed.has(registers[i])
                && !twice
            {
                ins.word.flags |= flag;
                after.remove(registers[i]);
            }
        }
    }
}

fn new_label(labels: &mut Vec<'_, usize>) -> Label {
    labels.push(usize::MAX);
    Label(labels.len() as u32 - 1)
}

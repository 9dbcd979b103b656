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
//! A throw is an edge from every instruction that may throw to its handlers: what a handler reads
//! stays owned until the last instruction that may go there.

use std::collections::BTreeMap;

use super::effects::{Access, Decoded, is_scalar_result, places, visit_registers};
use super::op::{KILL_A, KILL_B, KILL_C, Op, Operand};
use super::unit::{LiveMap, METHOD_WORDS, Receiver, Word};
use crate::source::Span;

/// A place in the code that jumps name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Label(pub(crate) u32);

/// A stretch of code with a handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) handler: Label,
    pub(crate) register: u16,
    pub(crate) cleanup: bool,
    pub(crate) parent: Option<u32>,
}

/// An instruction before assembly: its jump is a label.
#[derive(Clone, Debug)]
pub(crate) struct Ins {
    pub(crate) op: Op,
    pub(crate) word: Word,
    pub(crate) ext: Vec<Word>,
    pub(crate) target: Option<Label>,
    pub(crate) span: Span,
    pub(crate) region: Option<u32>,
}

impl Ins {
    pub(crate) fn decoded(&self) -> Decoded<'_> {
        Decoded { op: self.op, word: self.word, ext: &self.ext }
    }
}

/// The code of one function before assembly.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) code: Vec<Ins>,
    /// Where each label stands: an index of `code`.
    pub(crate) labels: Vec<usize>,
    pub(crate) regions: Vec<Region>,
    pub(crate) registers: u16,
    pub(crate) parameters: u16,
    /// The parameters that are `mut`: bit `i` for parameter `i`.
    pub(crate) places: u32,
    /// Registers that borrow from the closure: never copied from by moving, never dropped.
    pub(crate) borrowed: Vec<u16>,
    /// Captures of each function of the unit, for `Closure`.
    pub(crate) captures: &'a [u16],
}

/// Code with explicit ownership, and the registers owned at each instruction.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) code: Vec<Ins>,
    pub(crate) labels: Vec<usize>,
    /// For each instruction its set in `map.sets`.
    pub(crate) owned: Vec<u32>,
    pub(crate) sets: Vec<Box<[u16]>>,
}

/// A set of registers. Most functions have few, so that most sets need no memory of their own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Set {
    first: u64,
    /// The registers from 64 on; empty in functions that have none.
    more: Vec<u64>,
}

impl Set {
    fn new(registers: usize) -> Self {
        Self { first: 0, more: vec![0; registers.saturating_sub(1) / 64] }
    }
    fn word(&mut self, r: u16) -> &mut u64 {
        match usize::from(r / 64) {
            0 => &mut self.first,
            i => &mut self.more[i - 1],
        }
    }
    fn has(&self, r: u16) -> bool {
        let word = match usize::from(r / 64) {
            0 => self.first,
            i => self.more[i - 1],
        };
        word >> (r % 64) & 1 != 0
    }
    fn add(&mut self, r: u16) {
        *self.word(r) |= 1 << (r % 64);
    }
    fn remove(&mut self, r: u16) {
        *self.word(r) &= !(1 << (r % 64));
    }
    fn join(&mut self, other: &Self) {
        self.first |= other.first;
        self.more.iter_mut().zip(&other.more).for_each(|(a, b)| *a |= b);
    }
    fn subtract(&mut self, other: &Self) {
        self.first &= !other.first;
        self.more.iter_mut().zip(&other.more).for_each(|(a, b)| *a &= !b);
    }
    fn minus(mut self, other: &Self) -> Self {
        self.subtract(other);
        self
    }
    fn is_empty(&self) -> bool {
        self.first == 0 && self.more.iter().all(|&bits| bits == 0)
    }
    fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let words = std::iter::once(self.first).chain(self.more.iter().copied());
        words.zip((0..).step_by(64)).flat_map(|(mut bits, start)| {
            std::iter::from_fn(move || {
                (bits != 0).then(|| {
                    let bit = bits.trailing_zeros();
                    bits &= bits - 1;
                    start + bit as u16
                })
            })
        })
    }
}

/// A basic block: a range of instructions.
struct Block {
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
}

struct Pass<'a> {
    draft: &'a Draft<'a>,
    /// The draft's code.
    code: Vec<Ins>,
    blocks: Vec<Block>,
    /// The block that starts at an instruction.
    block_at: Vec<u32>,
    live_in: Vec<Set>,
    borrowed: Set,
}

/// Makes ownership explicit. See the module's text.
pub(crate) fn own(draft: &mut Draft<'_>) -> Owned {
    let code = std::mem::take(&mut draft.code);
    let mut pass = Pass::new(draft, code);
    pass.solve();
    let owned = pass.rewrite();
    remove_scalar_drops(owned, draft)
}

impl<'a> Pass<'a> {
    fn new(draft: &'a Draft<'a>, code: Vec<Ins>) -> Self {
        let n = code.len();
        let mut leader = vec![false; n + 1];
        leader[0] = true;
        for (i, ins) in code.iter().enumerate() {
            if ins.target.is_some() || ins.op.effects().ends {
                leader[i + 1] = true;
            }
        }
        for &at in &draft.labels {
            leader[at] = true;
        }
        let mut block_at = vec![u32::MAX; n + 1];
        let mut blocks: Vec<Block> = Vec::new();
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
        let mut borrowed = Set::new(draft.registers as usize);
        draft.borrowed.iter().for_each(|&r| borrowed.add(r));
        let live_in = vec![Set::new(draft.registers as usize); blocks.len()];
        let mut pass = Self { draft, code, blocks, block_at, live_in, borrowed };
        pass.mark_reachable();
        pass
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
        let mut todo = vec![0];
        self.blocks[0].predecessors = 1;
        while let Some(b) = todo.pop() {
            if std::mem::replace(&mut self.blocks[b].reachable, true) {
                continue;
            }
            let mut targets: Vec<usize> = Vec::new();
            let block = &self.blocks[b];
            targets.extend(block.next);
            targets.extend(block.jump);
            let mut seen = None;
            for ins in &self.code[block.start..block.end] {
                if ins.op.effects().throws && ins.region != seen {
                    seen = ins.region;
                    targets.extend(self.handlers(ins.region).map(|r| self.label_block(r.handler)));
                }
            }
            for target in targets {
                self.blocks[target].predecessors += 1;
                self.blocks[target].is_returned_to |= target <= b;
                todo.push(target);
            }
        }
    }

    /// What an exception at `ins` needs.
    fn add_handler_needs(&self, ins: &Ins, live: &mut Set) {
        if !ins.op.effects().throws {
            return;
        }
        // Parameters are the first registers.
        live.first |= u64::from(self.draft.places);
        if ins.region.is_some() {
            for region in self.handlers(ins.region) {
                // The handler writes its register, and so does not need it.
                let own = live.has(region.register);
                live.join(&self.live_in[self.label_block(region.handler)]);
                if !own {
                    live.remove(region.register);
                }
            }
        }
    }

    /// Live registers on leaving block `b` by its last instruction: on going on, and on jumping.
    fn live_out(&self, b: usize) -> (Set, Set) {
        let empty = || Set::new(self.draft.registers as usize);
        let block = &self.blocks[b];
        (
            block.next.map_or_else(empty, |s| self.live_in[s].clone()),
            block.jump.map_or_else(empty, |s| self.live_in[s].clone()),
        )
    }

    /// Turns the live registers after `ins` into those before it.
    fn step_back(&self, ins: &Ins, live: &mut Set, jump: Option<&Set>) {
        self.visit(ins, |r, access| {
            if matches!(access, Access::Write | Access::WriteOnNext) {
                live.remove(r);
            }
        });
        if ins.op == Op::JumpIfGiven {
            live.remove(ins.word.a);
        }
        if let Some(jump) = jump {
            live.join(jump);
        }
        self.add_handler_needs(ins, live);
        self.visit(ins, |r, access| {
            if matches!(access, Access::Read | Access::Take | Access::Place) {
                live.add(r);
            }
        });
        live.subtract(&self.borrowed);
    }

    fn visit(&self, ins: &Ins, visit: impl FnMut(u16, Access)) {
        visit_registers(ins.decoded(), |f| self.draft.captures[f as usize], visit);
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
                let (next, jump) = self.live_out(b);
                let (start, end) = (self.blocks[b].start, self.blocks[b].end);
                let mut live = next;
                for i in (start..end).rev() {
                    let jump = (i + 1 == end).then_some(&jump);
                    self.step_back(&self.code[i], &mut live, jump);
                }
                if live != self.live_in[b] {
                    self.live_in[b] = live;
                    changed |= self.blocks[b].is_returned_to;
                }
            }
        }
    }

    /// Writes the code anew, backwards, with kill flags, moves and drops.
    fn rewrite(mut self) -> Owned {
        let mut out = Writer::default();
        let heads = self.head_drops();
        let mut block_start = vec![0; self.blocks.len()];
        let mut detours: Vec<(Vec<u16>, Label, Span)> = Vec::new();
        let mut labels = self.draft.labels.clone();
        for b in (0..self.blocks.len()).rev() {
            if self.blocks[b].reachable {
                self.rewrite_block(b, &mut out, &heads, &mut detours, &mut labels);
                let first = &self.code[self.blocks[b].start];
                let (span, region) = (first.span, first.region);
                out.drops(&heads[b], (span, region), &self.live_in[b]);
            }
            block_start[b] = out.code.len();
        }
        // Parameters that nothing reads.
        let mut unread = Set::new(self.draft.registers as usize);
        (0..self.draft.parameters).for_each(|r| unread.add(r));
        let entry = unread.minus(&self.live_in[0]).minus(&self.borrowed);
        out.drops(&entry, (self.code[0].span, None), &self.live_in[0]);
        out.finish(block_start, &self.block_at, labels, detours)
    }

    /// Takes the extension words out of the code.
    fn rewrite_block(
        &mut self,
        b: usize,
        out: &mut Writer,
        heads: &[Set],
        detours: &mut Vec<(Vec<u16>, Label, Span)>,
        labels: &mut Vec<usize>,
    ) {
        let (mut next, jump) = self.live_out(b);
        let Block { start, end, next: goes_on, jump: jumps, .. } = self.blocks[b];
        for i in (start..end).rev() {
            let is_last = i + 1 == end;
            let ext = std::mem::take(&mut self.code[i].ext);
            let mut ins = Ins { ext, ..self.code[i] };
            let mut live = next.clone();
            self.step_back(&ins, &mut live, is_last.then_some(&jump));

            let (at_throw, after) =
                self.settle(&mut ins, live.clone(), &next, is_last.then_some(&jump));
            // Edge to the jump target; where no other edge leads there, its drops stand at the
            // target's head.
            if let (true, Some(label), Some(target)) = (is_last, ins.target, jumps) {
                let dying = after.clone().minus(&jump);
                if !dying.is_empty() {
                    // (A jump back may throw, so a handler's needs can die on its only way out.)
                    if goes_on.is_some() && self.blocks[target].predecessors == 1 {
                        debug_assert_eq!(heads[target], dying);
                    } else {
                        detours.push((dying.iter().collect(), label, ins.span));
                        ins.target = Some(new_label(labels));
                    }
                }
            }
            // Going on.
            let mut dying = after;
            self.visit(&ins, |r, access| {
                if matches!(access, Access::Write | Access::WriteOnNext) {
                    dying.add(r);
                }
            });
            if ins.op == Op::JumpIfGiven {
                dying.remove(ins.word.a);
            }
            let dying = dying.minus(&next).minus(&self.borrowed);
            if !ins.op.effects().ends {
                out.drops(&dying, (ins.span, ins.region), &next);
            }
            out.push(ins, &at_throw);
            next = live;
        }
    }

    /// Decides what dies at `ins`, before which `live` are owned, and where it leaves them: sets
    /// kill flags, makes copies moves. Gives the registers still owned after a throw, and those
    /// still owned after success (without results) that have to be dropped or are needed.
    fn settle(&self, ins: &mut Ins, live: Set, next: &Set, jump: Option<&Set>) -> (Set, Set) {
        let mut after = live;
        let mut needed = next.clone();
        self.visit(ins, |r, access| match access {
            Access::Take => after.remove(r),
            Access::Write | Access::WriteOnNext => needed.remove(r),
            Access::Read | Access::Place => {}
        });
        if let Some(jump) = jump {
            needed.join(jump);
        }
        let at_throw = after.clone();
        self.set_kill_flags(ins, &mut after, &needed);
        if ins.op == Op::Copy && !needed.has(ins.word.b) && after.has(ins.word.b) {
            ins.op = Op::Move;
            ins.word.op = Op::Move as u8;
            after.remove(ins.word.b);
        }
        (at_throw, after)
    }

    /// For each block that one jump alone leads to, what dies on that jump.
    fn head_drops(&self) -> Vec<Set> {
        let empty = Set::new(self.draft.registers as usize);
        let mut heads = vec![empty; self.blocks.len()];
        for (b, block) in self.blocks.iter().enumerate() {
            let (true, Some(target), Some(_)) = (block.reachable, block.jump, block.next) else {
                continue;
            };
            if self.blocks[target].predecessors == 1 {
                let (next, jump) = self.live_out(b);
                let mut ins = self.code[block.end - 1].clone();
                let mut live = next.clone();
                self.step_back(&ins, &mut live, Some(&jump));
                let (_, after) = self.settle(&mut ins, live, &next, Some(&jump));
                heads[target] = after.minus(&jump);
            }
        }
        heads
    }

    /// Flags the operands that die here, where the operation allows it.
    fn set_kill_flags(&self, ins: &mut Ins, after: &mut Set, needed: &Set) {
        let operands = ins.op.operands();
        let registers = [ins.word.a, ins.word.b, ins.word.c];
        if ins.op == Op::CallMethod {
            let root = ins.ext[0].a;
            let own = &ins.ext[METHOD_WORDS..METHOD_WORDS + usize::from(ins.ext[0].flags)];
            let is_root = |w: &Word| w.step() == super::unit::Step::Index(root);
            let in_path = own.iter().any(is_root)
                || places(ins.decoded()).any(|(r, path)| r.b == root || path.iter().any(is_root));
            // What a handler reads must not be taken by a method that may throw afterwards: it is
            // dropped once the call has succeeded.
            let mut handlers = Set::new(self.draft.registers as usize);
            self.add_handler_needs(ins, &mut handlers);
            if after.has(root) && !needed.has(root) && !in_path && !handlers.has(root) {
                ins.word.flags |= KILL_B;
                after.remove(root);
            }
            debug_assert!(Receiver::from_code(ins.ext[0].op).is_some());
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

fn new_label(labels: &mut Vec<usize>) -> Label {
    labels.push(usize::MAX);
    Label(labels.len() as u32 - 1)
}

/// Collects instructions backwards, with the registers owned at each.
#[derive(Default)]
struct Writer {
    code: Vec<Ins>,
    owned: Vec<u32>,
    sets: Vec<Box<[u16]>>,
    index: BTreeMap<Set, u32>,
    /// The set that was asked for last, which is often asked for again.
    last: Option<(Set, u32)>,
}

impl Writer {
    fn set(&mut self, set: &Set) -> u32 {
        if let Some((last, id)) = &self.last
            && last == set
        {
            return *id;
        }
        let new = self.sets.len() as u32;
        let id = *self.index.entry(set.clone()).or_insert(new);
        if id == new {
            self.sets.push(set.iter().collect());
        }
        self.last = Some((set.clone(), id));
        id
    }

    fn push(&mut self, ins: Ins, owned: &Set) {
        let id = self.set(owned);
        self.code.push(ins);
        self.owned.push(id);
    }

    /// Drops `registers`, after which `live` are owned. A drop never throws; it belongs to the region
    /// it stands in only so that the handler table has fewer rows.
    fn drops(&mut self, registers: &Set, at: (Span, Option<u32>), live: &Set) {
        for register in registers.iter() {
            self.push(drop_of(register, at), live);
        }
    }

    fn finish(
        mut self,
        block_start: Vec<usize>,
        block_at: &[u32],
        mut labels: Vec<usize>,
        detours: Vec<(Vec<u16>, Label, Span)>,
    ) -> Owned {
        let total = self.code.len();
        self.code.reverse();
        self.owned.reverse();
        let first_new = labels.len() - detours.len();
        for at in &mut labels[..first_new] {
            *at = total - block_start[block_at[*at] as usize];
        }
        for (i, (registers, label, span)) in detours.into_iter().enumerate() {
            labels[first_new + i] = self.code.len();
            let empty = Set::new(0);
            let id = self.set(&empty);
            for register in registers {
                self.code.push(drop_of(register, (span, None)));
                self.owned.push(id);
            }
            self.code.push(Ins {
                op: Op::Jump,
                word: Word::wide(Op::Jump, 0, 0),
                ext: Vec::new(),
                target: Some(label),
                span,
                region: None,
            });
            self.owned.push(id);
        }
        Owned { code: self.code, labels, owned: self.owned, sets: self.sets }
    }
}

fn drop_of(register: u16, (span, region): (Span, Option<u32>)) -> Ins {
    Ins {
        op: Op::Drop,
        word: Word::abc(Op::Drop, register, 0, 0),
        ext: Vec::new(),
        target: None,
        span,
        region,
    }
}

/// Takes out the drops of registers that cannot hold an object, found by walking forwards.
fn remove_scalar_drops(mut owned: Owned, draft: &Draft<'_>) -> Owned {
    let n = owned.code.len();
    let registers = draft.registers as usize;
    let target = |ins: &Ins| ins.target.map(|l| owned.labels[l.0 as usize]);
    let mut starts = vec![false; n + 1];
    starts[0] = true;
    for ins in &owned.code {
        if let Some(at) = target(ins) {
            starts[at] = true;
        }
    }
    for region in &draft.regions {
        starts[owned.labels[region.handler.0 as usize]] = true;
    }
    // For each start of a block the registers that may hold objects; `None`: not reached yet.
    let mut heap_at: Vec<Option<Set>> = vec![None; n + 1];
    let mut entry = Set::new(registers);
    (0..draft.parameters).for_each(|r| entry.add(r));
    draft.borrowed.iter().for_each(|&r| entry.add(r));
    heap_at[0] = Some(entry);
    let mut everything = Set::new(registers);
    (0..draft.registers).for_each(|r| everything.add(r));
    for region in &draft.regions {
        heap_at[owned.labels[region.handler.0 as usize]] = Some(everything.clone());
    }
    let merge = |at: &mut Option<Set>, from: &Set| -> bool {
        match at {
            None => {
                *at = Some(from.clone());
                true
            }
            Some(set) => {
                let before = set.clone();
                set.join(from);
                *set != before
            }
        }
    };
    let mut drop_needed = vec![false; n];
    let mut changed = true;
    while changed {
        changed = false;
        let mut heap: Option<Set> = None;
        for i in 0..n {
            if starts[i] {
                if let Some(falling) = &heap {
                    merge(&mut heap_at[i], falling);
                }
                heap = heap_at[i].clone();
            }
            let Some(state) = &mut heap else { continue };
            let ins = &owned.code[i];
            if ins.op == Op::Drop && state.has(ins.word.a) {
                drop_needed[i] = true;
            }
            let scalar = is_scalar_result(ins.decoded(), |r| state.has(r));
            // Where a jump leads nothing is written.
            let mut jump_state = ins.target.map(|_| state.clone());
            visit_registers(
                ins.decoded(),
                |f| draft.captures[f as usize],
                |r, access| match access {
                    Access::Take => {
                        state.remove(r);
                        jump_state.iter_mut().for_each(|state| state.remove(r));
                    }
                    Access::Write | Access::WriteOnNext => {
                        let loop_state = ins.op == Op::IterStart
                            || ins.op == Op::RangeLoop
                            || ins.op == Op::Select && r == ins.word.a;
                        if scalar || loop_state { state.remove(r) } else { state.add(r) }
                    }
                    Access::Place if ins.op == Op::RangeLoopStart => {
                        state.remove(r);
                        jump_state.iter_mut().for_each(|state| state.remove(r));
                    }
                    Access::Read | Access::Place => {}
                },
            );
            if let (Some(at), Some(jump_state)) = (target(ins), &jump_state) {
                let grew = merge(&mut heap_at[at], jump_state);
                changed |= grew && at <= i;
            }
            if ins.op.effects().ends {
                heap = None;
            }
        }
    }
    let kept: Vec<bool> = (0..n).map(|i| owned.code[i].op != Op::Drop || drop_needed[i]).collect();
    let mut new_index = Vec::with_capacity(n + 1);
    let mut count = 0;
    for &k in &kept {
        new_index.push(count);
        count += usize::from(k);
    }
    new_index.push(count);
    for at in &mut owned.labels {
        if *at != usize::MAX {
            *at = new_index[*at];
        }
    }
    let mut it = kept.iter();
    owned.code.retain(|_| *it.next().unwrap_or(&true));
    let mut it = kept.iter();
    owned.owned.retain(|_| *it.next().unwrap_or(&true));
    owned
}

/// The live map of assembled code, from the set of each instruction and where it starts.
pub(crate) fn live_map(owned: Owned, starts: &[u32]) -> LiveMap {
    let mut map = LiveMap { runs: Vec::new(), sets: owned.sets };
    for (set, &pc) in owned.owned.into_iter().zip(starts) {
        if map.runs.last().is_none_or(|&(_, last)| last != set) {
            map.runs.push((pc, set));
        }
    }
    map
}

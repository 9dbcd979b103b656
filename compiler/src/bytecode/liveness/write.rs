//! Code with explicit ownership, and how it is written: backwards, with the registers owned at each
//! instruction.

use bumpalo::{Bump, collections::Vec};

use super::set::Set;
use crate::bytecode::draft::{Ins, Label};
use crate::bytecode::op::Op;
use crate::bytecode::unit::{LiveMap, Word};
use crate::source::Span;

/// Code with explicit ownership, and the registers owned at each instruction.
#[derive(Debug)]
pub(crate) struct Owned<'a, const N: usize> {
    pub(crate) code: Vec<'a, Ins>,
    /// The extension words of all instructions.
    pub(crate) words: &'a [Word],
    pub(crate) labels: Vec<'a, usize>,
    /// For each instruction its set in `sets`.
    pub(crate) owned: Vec<'a, u32>,
    pub(crate) sets: Vec<'a, Set<N>>,
}

impl<const N: usize> Owned<'_, N> {
    /// The live map of the assembled code, whose instructions start at `starts`.
    pub(crate) fn live_map(&self, starts: &[u32]) -> LiveMap {
        let mut map = LiveMap::default();
        let changes = self.owned.windows(2).filter(|pair| pair[0] != pair[1]).count();
        map.runs.reserve_exact(changes + 1);
        // Where each set stands in the map.
        let mut placed = bumpalo::vec![in self.sets.bump(); None; self.sets.len()];
        let mut last = None;
        for (&set, &pc) in self.owned.iter().zip(starts) {
            if last != Some(set) {
                last = Some(set);
                let registers = &self.sets[set as usize];
                let at = &mut placed[set as usize];
                let at = *at.get_or_insert_with(|| map.add_set(registers.iter()));
                map.runs.push((pc, at));
            }
        }
        map
    }
}

/// Drops on an edge that have no place of their own: the registers, where the edge leads, and what
/// the drops belong to.
pub(super) type Detour<const N: usize> = (Set<N>, Label, Span);

/// Collects instructions backwards.
pub(super) struct Writer<'a, const N: usize> {
    code: Vec<'a, Ins>,
    owned: Vec<'a, u32>,
    sets: Vec<'a, Set<N>>,
}

/// How many sets are looked at for one that there is already. Statements leave what was live before
/// them, so it is near.
const NEAR: usize = 8;

impl<'a, const N: usize> Writer<'a, N> {
    /// A writer for about as many instructions.
    pub(super) fn new(instructions: usize, room: &'a Bump) -> Self {
        let some = instructions + instructions / 2;
        Self {
            code: Vec::with_capacity_in(some, room),
            owned: Vec::with_capacity_in(some, room),
            sets: Vec::with_capacity_in(NEAR, room),
        }
    }

    fn set(&mut self, set: &Set<N>) -> u32 {
        let near = self.sets.len().saturating_sub(NEAR);
        let known = self.sets[near..].iter().rposition(|known| known == set);
        let id = known.map_or(self.sets.len(), |at| near + at);
        if known.is_none() {
            self.sets.push(*set);
        }
        id as u32
    }

    pub(super) fn len(&self) -> usize {
        self.code.len()
    }

    pub(super) fn push(&mut self, ins: Ins, owned: &Set<N>) {
        let id = self.set(owned);
        self.code.push(ins);
        self.owned.push(id);
    }

    /// Drops `registers`, after which `live` are owned. A drop never throws; it belongs to the region
    /// it stands in only so that the handler table has fewer rows.
    pub(super) fn drops(
        &mut self,
        registers: &Set<N>,
        (span, region): (Span, Option<u32>),
        live: &Set<N>,
    ) {
        for register in registers.iter() {
            self.push(Ins { region, ..drop_of(register, span) }, live);
        }
    }

    /// Turns the code around and appends the detours. `labels` are places in the code as it was;
    /// `start_of` gives how much had been written when the block that starts there was.
    pub(super) fn finish(
        mut self,
        start_of: impl Fn(usize) -> usize,
        mut labels: Vec<'a, usize>,
        detours: Vec<'_, Detour<N>>,
        words: &'a [Word],
    ) -> Owned<'a, N> {
        let total = self.code.len();
        self.code.reverse();
        self.owned.reverse();
        let first_new = labels.len() - detours.len();
        for at in &mut labels[..first_new] {
            *at = total - start_of(*at);
        }
        for (i, (registers, label, span)) in detours.into_iter().enumerate() {
            labels[first_new + i] = self.code.len();
            for register in registers.iter() {
                self.push(drop_of(register, span), &Set::EMPTY);
            }
            let jump = Ins::plain(Word::wide(Op::Jump, 0, 0), Op::Jump, span);
            self.push(Ins { target: Some(label), ..jump }, &Set::EMPTY);
        }
        let Self { code, owned, sets, .. } = self;
        Owned { code, words, labels, owned, sets }
    }
}

fn drop_of(register: u16, span: Span) -> Ins {
    Ins::plain(Word::abc(Op::Drop, register, 0, 0), Op::Drop, span)
}

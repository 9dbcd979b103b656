//! Code with explicit ownership, and how it is written: backwards, with the registers owned at each
//! instruction.

use hashbrown::HashMap;

use super::set::Set;
use crate::bytecode::draft::{Ins, Label};
use crate::bytecode::op::Op;
use crate::bytecode::unit::{LiveMap, Word};
use crate::source::Span;

/// Code with explicit ownership, and the registers owned at each instruction.
#[derive(Debug)]
pub(crate) struct Owned<const N: usize> {
    pub(crate) code: Vec<Ins>,
    /// The extension words of all instructions.
    pub(crate) words: Vec<Word>,
    pub(crate) labels: Vec<usize>,
    /// For each instruction its set in `sets`.
    pub(crate) owned: Vec<u32>,
    pub(crate) sets: Vec<Set<N>>,
}

impl<const N: usize> Owned<N> {
    /// The live map of the assembled code, whose instructions start at `starts`.
    pub(crate) fn live_map(&self, starts: &[u32]) -> LiveMap {
        let mut map = LiveMap::default();
        // Where each set stands in the map.
        let mut placed: Vec<Option<u32>> = vec![None; self.sets.len()];
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
pub(super) struct Writer<const N: usize> {
    code: Vec<Ins>,
    owned: Vec<u32>,
    sets: Vec<Set<N>>,
    index: HashMap<Set<N>, u32>,
    /// The set that was asked for last, which is often asked for again.
    last: u32,
}

impl<const N: usize> Writer<N> {
    /// A writer for about as many instructions.
    pub(super) fn new(instructions: usize) -> Self {
        let some = instructions + instructions / 2;
        Self {
            code: Vec::with_capacity(some),
            owned: Vec::with_capacity(some),
            sets: Vec::new(),
            index: HashMap::new(),
            last: 0,
        }
    }

    fn set(&mut self, set: &Set<N>) -> u32 {
        if self.sets.get(self.last as usize) != Some(set) {
            let new = self.sets.len() as u32;
            self.last = *self.index.entry(*set).or_insert(new);
            if self.last == new {
                self.sets.push(*set);
            }
        }
        self.last
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
        mut labels: Vec<usize>,
        detours: Vec<Detour<N>>,
    ) -> Owned<N> {
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
        Owned { code, words: Vec::new(), labels, owned, sets }
    }
}

fn drop_of(register: u16, span: Span) -> Ins {
    Ins::plain(Word::abc(Op::Drop, register, 0, 0), Op::Drop, span)
}

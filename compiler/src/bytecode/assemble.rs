//! Assembly: labels to offsets, spans and handlers to tables.
//!
//! Compare-and-jump instructions have 16-bit offsets. In a function so long that an offset might
//! not fit, each of them is written as three words: jump over the next, jump past the long jump,
//! long jump.

use bumpalo::Bump;

use super::draft::{Draft, Ins, Region};
use super::effects::jump_offset;
use super::jumps;
use super::liveness::{self, LONG, Owned, SHORT};
use super::op::{Op, Operand};
use super::peephole::join_moves;
use super::unit::{Handler, LiveMap, Word};
use crate::source::Span;

/// The longest code for which 16-bit offsets always fit, in words.
const NEAR: usize = i16::MAX as usize;

/// The longest code at all, in words.
const LONGEST: usize = i32::MAX as usize / 8;

/// Assembled code with its tables.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) words: Vec<Word>,
    pub(crate) spans: Vec<(u32, Span)>,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) live: LiveMap,
}

fn has_short_jump(ins: &Ins) -> bool {
    ins.op.operands()[2] == Operand::J
}

/// Settles ownership and assembles; `None` when the code is too long. `captures` are those of each
/// function of the unit; in the `room` there is nothing else.
pub(crate) fn assemble(draft: &Draft, captures: &[u16], room: &Bump) -> Option<Assembled> {
    if usize::from(draft.registers) <= SHORT * 64 {
        assemble_sets::<SHORT>(draft, captures, room)
    } else {
        assemble_sets::<LONG>(draft, captures, room)
    }
}

fn assemble_sets<const N: usize>(
    draft: &Draft,
    captures: &[u16],
    room: &Bump,
) -> Option<Assembled> {
    let mut owned = liveness::own::<N>(draft, captures, room);
    join_moves(&mut owned, captures, room);
    jumps::shorten(&mut owned, room);
    write(&owned, &draft.regions, room)
}

fn write<const N: usize>(
    owned: &Owned<'_, N>,
    regions: &[Region],
    room: &Bump,
) -> Option<Assembled> {
    let plain: usize = owned.code.iter().map(|ins| 1 + ins.ext.len()).sum();
    let long = plain > NEAR;
    let length = |ins: &Ins| 1 + ins.ext.len() + if long && has_short_jump(ins) { 2 } else { 0 };
    let mut starts = bumpalo::collections::Vec::with_capacity_in(owned.code.len() + 1, room);
    let mut at = 0;
    for ins in &owned.code {
        starts.push(at as u32);
        at += length(ins);
    }
    starts.push(at as u32);
    if at > LONGEST {
        return None;
    }
    let mut words = Vec::with_capacity(at);
    let changes = owned.code.windows(2).filter(|pair| pair[0].span != pair[1].span).count();
    let mut spans: Vec<(u32, Span)> = Vec::with_capacity(changes + 1);
    for (i, ins) in owned.code.iter().enumerate() {
        let start = starts[i];
        if spans.last().is_none_or(|&(_, span)| span != ins.span) {
            spans.push((start, ins.span));
        }
        let mut word = ins.word;
        if let Some(target) = ins.target {
            let to = i64::from(starts[owned.labels[target.0 as usize]]);
            if has_short_jump(ins) && long {
                word.c = 1;
                words.push(word);
                words.push(Word::wide(Op::Jump, 0, 1));
                let offset = to - i64::from(start) - 3;
                words.push(Word::wide(Op::Jump, 0, offset as u32));
                continue;
            }
            let offset = to - i64::from(start) - 1 - ins.ext.len() as i64;
            if has_short_jump(ins) {
                word.c = offset as u16;
            } else {
                (word.b, word.c) = (offset as u16, (offset as u32 >> 16) as u16);
            }
            debug_assert_eq!(jump_offset(ins.op, word).map(i64::from), Some(offset));
        }
        words.push(word);
        words.extend_from_slice(&owned.words[ins.ext.range()]);
    }
    let handlers = handlers(owned, regions, &starts);
    let live = owned.live_map(&starts);
    Some(Assembled { words, spans, handlers, live })
}

/// The handler table: for each region the stretches of code in it, inner regions first.
fn handlers<const N: usize>(
    owned: &Owned<'_, N>,
    regions: &[Region],
    starts: &[u32],
) -> Vec<Handler> {
    let mut table: Vec<(usize, Handler)> = Vec::new();
    let depth = |mut region: Option<u32>| {
        let mut depth = 0;
        while let Some(r) = region {
            depth += 1;
            region = regions[r as usize].parent;
        }
        depth
    };
    // The last table row of each region.
    let mut last: Vec<Option<usize>> = vec![None; regions.len()];
    for (i, ins) in owned.code.iter().enumerate() {
        let mut at = ins.region;
        while let Some(r) = at {
            let region = &regions[r as usize];
            let (start, end) = (starts[i], starts[i + 1]);
            let target = owned.labels[region.handler.0 as usize];
            at = region.parent;
            // A handler that nothing can reach has been left out of the code.
            if owned.code.get(target).is_none_or(|ins| ins.op != Op::Landing) {
                continue;
            }
            match last[r as usize] {
                Some(row) if table[row].1.end == start => table[row].1.end = end,
                _ => {
                    last[r as usize] = Some(table.len());
                    let handler = Handler {
                        start,
                        end,
                        target: starts[target],
                        register: region.register,
                        cleanup: region.cleanup,
                    };
                    table.push((depth(Some(r)), handler));
                }
            }
        }
    }
    table.sort_by_key(|&(depth, _)| std::cmp::Reverse(depth));
    table.into_iter().map(|(_, handler)| handler).collect()
}

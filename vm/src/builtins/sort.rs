//! Sorting values: stable, NaN last, and safe with an order that throws.
//!
//! Where all values are ints, all numbers or all strings, the order is total and the standard
//! library sorts. Everything else is sorted by merging, which works with any comparison, stops at
//! the first error, and can wait for what a struct's own `<` says.

use std::cmp::Ordering;

use super::compare::{Question, Work, after, run};
use crate::native::{Call, NativeResult};
use crate::value::{Owned, View, room, try_less};

/// Upwards or downwards. NaN is last in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// Downwards if `reverse`.
    pub(super) fn reversed(reverse: bool) -> Self {
        if reverse { Self::Down } else { Self::Up }
    }

    fn apply(self, order: Ordering) -> Ordering {
        match self {
            Self::Up => order,
            Self::Down => order.reverse(),
        }
    }

    /// The two in the order in which the first must be less, to stand before the second.
    pub(super) fn pair<'a>(self, a: &'a Owned, b: &'a Owned) -> (&'a Owned, &'a Owned) {
        match self {
            Self::Up => (a, b),
            Self::Down => (b, a),
        }
    }

    /// The order of two numbers.
    fn numbers(self, a: &Owned, b: &Owned) -> Ordering {
        let known = |a, b| after(a, b, self).ok().flatten().unwrap_or_default();
        known(a, b).cmp(&known(b, a))
    }
}

/// What all values of a list are.
enum Class {
    Ints,
    Numbers,
    Texts,
    Mixed,
}

fn class(values: &[Owned]) -> Class {
    let all = |is: fn(&Owned) -> bool| values.iter().all(is);
    match values.first().map(Owned::view) {
        Some(View::Int(_)) if all(|value| value.as_int().is_some()) => Class::Ints,
        Some(View::Int(_) | View::Float(_)) if all(|value| value.as_number().is_some()) => {
            Class::Numbers
        }
        Some(View::Str(_)) if all(|value| value.as_str().is_some()) => Class::Texts,
        _ => Class::Mixed,
    }
}

fn texts(a: &Owned, b: &Owned) -> Ordering {
    a.as_str().cmp(&b.as_str())
}

/// Sorts in place, if there is a quick way to do it.
pub(super) fn quick(values: &mut [Owned], direction: Direction) -> bool {
    match class(values) {
        // Equal ints and equal strings cannot be told apart, so stability is no matter.
        Class::Ints => values.sort_unstable_by(|a, b| direction.apply(a.as_int().cmp(&b.as_int()))),
        Class::Texts => values.sort_unstable_by(|a, b| direction.apply(texts(a, b))),
        Class::Numbers => values.sort_by(|a, b| direction.numbers(a, b)),
        Class::Mixed => return false,
    }
    true
}

/// The positions of values in their sorted order; `None` when an own `<` must be asked.
pub(super) fn order_of(keys: &[Owned], direction: Direction) -> Result<Option<Vec<usize>>, Owned> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    match class(keys) {
        Class::Ints => {
            order.sort_by(|&i, &j| direction.apply(keys[i].as_int().cmp(&keys[j].as_int())))
        }
        Class::Texts => order.sort_by(|&i, &j| direction.apply(texts(&keys[i], &keys[j]))),
        Class::Numbers => order.sort_by(|&i, &j| direction.numbers(&keys[i], &keys[j])),
        Class::Mixed => {
            let mut merge = Merge::new(keys)?;
            while let Some((i, j)) = merge.next() {
                match after(&keys[i], &keys[j], direction)? {
                    Some(after) => merge.answer(after),
                    None => return Ok(None),
                }
            }
            order = merge.from;
        }
    }
    Ok(Some(order))
}

/// Gives `then` the positions of the elements of the list `keys` in their sorted order.
pub(super) fn ordered(
    call: &mut Call<'_>,
    keys: Owned,
    direction: Direction,
    then: impl FnOnce(&mut Call<'_>, Vec<usize>) -> NativeResult + 'static,
) -> NativeResult {
    let list = keys.as_list().map(|list| &**list).unwrap_or_default();
    call.charge(list.len() * list.len().max(1).ilog2() as usize / 4);
    match order_of(list, direction)? {
        Some(order) => {
            drop(keys);
            then(call, order)
        }
        None => {
            let merge = Merge::new(list)?;
            run(call, Sorting { keys, merge, direction, then })
        }
    }
}

/// Puts values in an order of their positions.
pub(super) fn arrange(values: &mut Vec<Owned>, order: &[usize]) {
    let sorted: Vec<Owned> = order.iter().map(|&i| values[i].take()).collect();
    *values = sorted;
}

/// A sort that waits for answers.
struct Sorting<F> {
    /// A list.
    keys: Owned,
    merge: Merge,
    direction: Direction,
    then: F,
}

impl<F: FnOnce(&mut Call<'_>, Vec<usize>) -> NativeResult + 'static> Work for Sorting<F> {
    fn next(&mut self) -> Option<Question<'_>> {
        let (i, j) = self.merge.next()?;
        let keys = self.keys.as_list()?;
        Some(Question::After(&keys[i], &keys[j], self.direction))
    }

    fn answer(&mut self, yes: bool) {
        self.merge.answer(yes);
    }

    fn finish(self, call: &mut Call<'_>) -> NativeResult {
        drop(self.keys);
        (self.then)(call, self.merge.from)
    }
}

/// Sorting by merging runs of positions, each twice as long as those of the round before.
struct Merge {
    /// The runs of this round.
    from: Vec<usize>,
    /// What is merged of them.
    to: Vec<usize>,
    /// How long the runs are.
    width: usize,
    /// What is left of the two runs that are merged: `left..middle` and `right..end`.
    left: usize,
    middle: usize,
    right: usize,
    end: usize,
}

impl Merge {
    /// Nothing is sorted yet.
    fn new(values: &[Owned]) -> Result<Self, Owned> {
        let n = values.len();
        room(n.saturating_mul(2 * size_of::<usize>()))?;
        if let [one] = values {
            // It must be something that has an order, as among others.
            try_less(one, one)?;
        }
        let (from, to) = ((0..n).collect(), Vec::with_capacity(n));
        let mut merge = Self { from, to, width: 1, left: 0, middle: 0, right: 0, end: 0 };
        merge.pair(0);
        Ok(merge)
    }

    /// The two runs from `start` on.
    fn pair(&mut self, start: usize) {
        let n = self.from.len();
        self.left = start;
        self.middle = (start + self.width).min(n);
        self.right = self.middle;
        self.end = (start + 2 * self.width).min(n);
    }

    /// The positions of two values, the first of which stands before the second: is it to stand
    /// behind it? `None` when all are in order: in `from`.
    fn next(&mut self) -> Option<(usize, usize)> {
        while self.width < self.from.len() {
            if self.left < self.middle && self.right < self.end {
                return Some((self.from[self.left], self.from[self.right]));
            }
            self.to.extend_from_slice(&self.from[self.left..self.middle]);
            self.to.extend_from_slice(&self.from[self.right..self.end]);
            if self.end < self.from.len() {
                self.pair(self.end);
            } else {
                std::mem::swap(&mut self.from, &mut self.to);
                self.to.clear();
                self.width *= 2;
                self.pair(0);
            }
        }
        None
    }

    fn answer(&mut self, after: bool) {
        // The left one first when both are equal: that is what makes it stable.
        let run = if after { &mut self.right } else { &mut self.left };
        self.to.push(self.from[*run]);
        *run += 1;
    }
}

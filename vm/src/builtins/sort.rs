//! Sorting values: stable, NaN last, and safe with an order that throws.
//!
//! Where all values are ints, all numbers or all strings, the order is total and the standard
//! library sorts. Everything else is sorted by merging, which works with any comparison and stops
//! at the first error.

use std::cmp::Ordering;

use crate::value::{Owned, View, compare, order, room};

/// Upwards or downwards. NaN is last in both.
#[derive(Clone, Copy, PartialEq, Eq)]
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

    fn order(self, a: &Owned, b: &Owned) -> Result<Ordering, Owned> {
        match (self, compare(a, b)?) {
            (Self::Down, Some(order)) => Ok(order.reverse()),
            // NaN decides, the same way in both directions.
            _ => order(a, b),
        }
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

fn total(direction: Direction, a: &Owned, b: &Owned) -> Ordering {
    direction.order(a, b).unwrap_or(Ordering::Equal)
}

fn texts(a: &Owned, b: &Owned) -> Ordering {
    a.as_str().cmp(&b.as_str())
}

/// Sorts in place. When it throws, nothing has moved.
pub(super) fn sort(values: &mut Vec<Owned>, direction: Direction) -> Result<(), Owned> {
    match class(values) {
        // Equal ints and equal strings cannot be told apart, so stability is no matter.
        Class::Ints => values.sort_unstable_by(|a, b| direction.apply(a.as_int().cmp(&b.as_int()))),
        Class::Texts => values.sort_unstable_by(|a, b| direction.apply(texts(a, b))),
        Class::Numbers => values.sort_by(|a, b| total(direction, a, b)),
        Class::Mixed => {
            let order = merged(values, direction)?;
            *values = order.into_iter().map(|i| values[i].take()).collect();
        }
    }
    Ok(())
}

/// The positions of values in their sorted order.
pub(super) fn order_of(keys: &[Owned], direction: Direction) -> Result<Vec<usize>, Owned> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    match class(keys) {
        Class::Ints => {
            order.sort_by(|&i, &j| direction.apply(keys[i].as_int().cmp(&keys[j].as_int())))
        }
        Class::Texts => order.sort_by(|&i, &j| direction.apply(texts(&keys[i], &keys[j]))),
        Class::Numbers => order.sort_by(|&i, &j| total(direction, &keys[i], &keys[j])),
        Class::Mixed => return merged(keys, direction),
    }
    Ok(order)
}

/// Runs of so many values are sorted by insertion.
const RUN: usize = 8;

/// The positions of values in their sorted order, by merging.
fn merged(values: &[Owned], direction: Direction) -> Result<Vec<usize>, Owned> {
    let n = values.len();
    room(n.saturating_mul(2 * size_of::<usize>()))?;
    if n == 1 {
        // It must be something that has an order, as among others.
        compare(&values[0], &values[0])?;
    }
    let after = |i: usize, j: usize| Ok(direction.order(&values[i], &values[j])?.is_gt());
    let mut from: Vec<usize> = (0..n).collect();
    for run in from.chunks_mut(RUN) {
        for end in 1..run.len() {
            let mut at = end;
            while at > 0 && after(run[at - 1], run[at])? {
                run.swap(at - 1, at);
                at -= 1;
            }
        }
    }
    let mut to = vec![0; n];
    let mut width = RUN;
    while width < n {
        for start in (0..n).step_by(2 * width) {
            let middle = (start + width).min(n);
            let end = (start + 2 * width).min(n);
            merge(&from[start..middle], &from[middle..end], &mut to[start..end], after)?;
        }
        std::mem::swap(&mut from, &mut to);
        width *= 2;
    }
    Ok(from)
}

/// Merges two sorted runs.
fn merge<'a>(
    mut left: &'a [usize],
    mut right: &'a [usize],
    out: &mut [usize],
    after: impl Fn(usize, usize) -> Result<bool, Owned>,
) -> Result<(), Owned> {
    for place in out {
        // The left one first when both are equal: that is what makes it stable.
        let source = match (left, right) {
            ([l, ..], [r, ..]) if after(*l, *r)? => &mut right,
            ([], _) => &mut right,
            _ => &mut left,
        };
        if let [next, rest @ ..] = *source {
            *place = *next;
            *source = rest;
        }
    }
    Ok(())
}

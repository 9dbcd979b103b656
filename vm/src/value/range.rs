//! Ranges: `a..b`, `a..=b`, `a..b by step`; integers that are computed, not stored.

use super::{Owned, tag};
use crate::rc::Body;

/// The body of a range. The step is not 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RangeObject {
    /// The first number, if there is any.
    pub start: i64,
    /// The end.
    pub end: i64,
    /// From one number to the next; not 0.
    pub step: i64,
    /// The end may belong to it.
    pub inclusive: bool,
}

#[expect(unsafe_code, reason = "says which tag belongs to this type")]
// SAFETY: ranges have a tag of their own.
unsafe impl Body for RangeObject {
    const TAG: u64 = tag::RANGE;

    fn buffer_bytes(&self) -> usize {
        0
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {}
}

impl RangeObject {
    /// A range; `None` when the step is 0.
    pub(crate) fn new(start: i64, end: i64, step: i64, inclusive: bool) -> Option<Self> {
        (step != 0).then_some(Self { start, end, step, inclusive })
    }

    /// How many numbers it has.
    pub(crate) fn len(&self) -> u128 {
        let distance = i128::from(self.end) - i128::from(self.start);
        let step = i128::from(self.step);
        if distance == 0 {
            return u128::from(self.inclusive);
        }
        if (distance > 0) != (step > 0) {
            return 0;
        }
        let (distance, step) = (distance.unsigned_abs(), step.unsigned_abs());
        if self.inclusive { distance / step + 1 } else { distance.div_ceil(step) }
    }

    /// True when it has no numbers.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number `i`.
    pub(crate) fn get(&self, i: u128) -> Option<i64> {
        if i >= self.len() {
            return None;
        }
        // In bounds, so the result is between start and end; the product is below 2^128.
        let offset = i128::from(self.step).checked_mul(i128::try_from(i).ok()?)?;
        i64::try_from(i128::from(self.start) + offset).ok()
    }

    /// The last number.
    pub(crate) fn last(&self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Where a number stands.
    pub(crate) fn index_of(&self, n: i64) -> Option<u128> {
        let distance = i128::from(n) - i128::from(self.start);
        let step = i128::from(self.step);
        if distance % step != 0 {
            return None;
        }
        let i = u128::try_from(distance / step).ok()?;
        (i < self.len()).then_some(i)
    }

    /// The numbers.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + use<> {
        let range = *self;
        (0..range.len()).map(move |i| {
            let offset = i128::from(range.step) * i as i128;
            (i128::from(range.start) + offset) as i64
        })
    }

    /// What two equal ranges have in common: the numbers they have, not how they were written.
    pub(crate) fn key(&self) -> (u128, i64, i64) {
        match self.len() {
            0 => (0, 0, 0),
            1 => (1, self.start, 0),
            n => (n, self.start, self.step),
        }
    }
}

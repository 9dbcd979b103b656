//! The methods of ranges.

use super::arguments::{contains, format, give, int, numbers, slice, this_range, wide};
use super::elements::{chunks, enumerate, sorted, zip};
use super::texts::join;
use crate::native::{Call, NativeResult, Next};
use crate::value::{Kind, Owned, RangeObject, error};

methods! {
    /// How many numbers it has.
    "len" "()" => |call| give(wide(this_range(call).len())?);
    /// Has it no numbers?
    "is_empty" "()" => |call| give(this_range(call).is_empty());
    /// The first number, or nil.
    "first" "()" => |call| give(this_range(call).get(0).map(Owned::int));
    /// The last number, or nil.
    "last" "()" => |call| give(this_range(call).last().map(Owned::int));
    /// The number at a position, or `default`.
    "get" "(index, default = nil)" => get;
    /// Is this one of its numbers?
    "contains" "(value)" => contains;
    /// Where this number is in it; nil when it is not.
    "index_of" "(value)" => index_of;
    /// How often this number is in it: once or never.
    "count" "(value)" => |call| {
        give(i64::from(crate::value::ops::contains(call.receiver(), call.arg(0))?))
    };
    /// A list of the numbers.
    "list" "()" => list;
    /// The numbers from last to first.
    "reverse" "()" => |call| give(Owned::range(reversed(this_range(call))?));
    /// A list of the numbers from least to greatest.
    "sort" "(reverse = false)" => sorted;
    /// The numbers from `start` up to `end`, counted by their positions.
    "slice" "(start, end = nil)" => slice;
    /// The sum of the numbers.
    "sum" "()" => sum;
    /// The least number, or nil.
    "min" "()" => |call| {
        let range = this_range(call);
        give(range.get(0).min(range.last()).map(Owned::int))
    };
    /// The greatest number, or nil.
    "max" "()" => |call| {
        let range = this_range(call);
        give(range.get(0).max(range.last()).map(Owned::int))
    };
    /// Lists of `n` numbers each, the last of what is left.
    "chunks" "(n)" => chunks;
    /// Pairs `[a, b]` of elements, as many as the shorter of both has.
    "zip" "(other)" => zip;
    /// Pairs `[i, n]` of position and number.
    "enumerate" "()" => enumerate;
    /// The numbers as texts, with a separator between them.
    "join" "(separator = \"\")" => join;
    /// The text in a format, as in `"{x:>8}"`.
    "format" "(spec)" => format;
}

fn get(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let range = this_range(call);
    let at =
        if i < 0 { range.len().checked_sub(u128::from(i.unsigned_abs())) } else { Some(i as u128) };
    match at.and_then(|at| range.get(at)) {
        Some(n) => give(n),
        None => Ok(Next::Return(call.take(1))),
    }
}

fn index_of(call: &mut Call<'_>) -> NativeResult {
    let number = call.arg(0);
    let number = number.as_int().or_else(|| crate::value::number::exact_int(number.as_float()?));
    let at = number.and_then(|n| this_range(call).index_of(n));
    give(at.map(wide).transpose()?)
}

fn list(call: &mut Call<'_>) -> NativeResult {
    let numbers = numbers(&this_range(call))?;
    call.charge(numbers.len() / 8);
    give(numbers)
}

/// The same numbers the other way around.
fn reversed(range: RangeObject) -> Result<RangeObject, Owned> {
    let Some(last) = range.last().filter(|last| *last != range.start) else {
        // None or one: it reads the same both ways.
        return Ok(range);
    };
    let step = range.step.checked_neg().ok_or_else(|| {
        let text = format!("-({}) does not fit 64 bits: the range cannot be reversed", range.step);
        error(Kind::Overflow, text)
    })?;
    Ok(RangeObject { start: last, end: range.start, step, inclusive: true })
}

fn sum(call: &mut Call<'_>) -> NativeResult {
    let range = this_range(call);
    let (Some(first), Some(last)) = (range.get(0), range.last()) else { return give(0) };
    // At most 2^64 numbers, of which first and last are 2^64 apart: below 2^128 in the middle.
    let ends = i128::from(first) + i128::from(last);
    let sum = i128::try_from(range.len()).ok().and_then(|len| match (len % 2, ends % 2) {
        (0, _) => (len / 2).checked_mul(ends),
        // With an odd number of them the middle one is half of the ends.
        _ => len.checked_mul(ends / 2),
    });
    match sum.and_then(|sum| i64::try_from(sum).ok()) {
        Some(sum) => give(sum),
        None => Err(error(Kind::Overflow, "the sum does not fit 64 bits")),
    }
}

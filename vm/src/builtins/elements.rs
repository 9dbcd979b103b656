//! Methods that types have in common which are walked element by element.

use super::arguments::{
    OBJECT, PAIR, REFERENCE, elements, first_elements, give, length, list_of, size, size_of_chunks,
    vector,
};
use super::compare::{Extreme, extreme};
use super::sort::{self, Direction};
use crate::native::{Call, NativeResult, Next};
use crate::value::{Item, ListObject, Operator, Owned, ops, room};

/// `value.enumerate()`: pairs of position and element.
pub(super) fn enumerate(call: &mut Call<'_>) -> NativeResult {
    let items = elements(call.receiver())?;
    let mut pairs = vector(items.len(), PAIR)?;
    call.charge(items.len());
    pairs.extend(items.into_iter().enumerate().map(|(i, item)| Owned::pair(length(i), item)));
    give(pairs)
}

/// `value.zip(other)`: pairs of elements, as many as the shorter one has.
pub(super) fn zip(call: &mut Call<'_>) -> NativeResult {
    let (left, right) = (call.receiver(), call.arg(0));
    // No more than both have: one of them may be a range without an end in sight.
    let len = size(left)?.min(size(right)?);
    let (left, right) = (first_elements(left, len)?, first_elements(right, len)?);
    let mut pairs = vector(len, PAIR)?;
    call.charge(len);
    pairs.extend(left.into_iter().zip(right).map(|(a, b)| Owned::pair(a, b)));
    give(pairs)
}

/// `value.chunks(n)`: lists of `n` elements, the last of what is left.
pub(super) fn chunks(call: &mut Call<'_>) -> NativeResult {
    let n = size_of_chunks(call)?;
    let items = as_list(call.receiver())?;
    let list = list_of(&items);
    let len = list.len();
    room(list.element_bytes())?;
    let mut parts = vector(len.div_ceil(n), OBJECT)?;
    call.charge(len / n + len / 8);
    for start in (0..len).step_by(n) {
        parts.push(Owned::from(list.part(start..len.min(start.saturating_add(n)))?));
    }
    give(parts)
}

/// `value.flatten()`: a list of the elements of the elements that are lists, and the others.
pub(super) fn flatten(call: &mut Call<'_>) -> NativeResult {
    let items = as_list(call.receiver())?;
    let len = |element: Item<'_>| element.as_list().map_or(1, ListObject::len);
    let len = list_of(&items).iter().map(len).fold(0, usize::saturating_add);
    room(len.saturating_mul(REFERENCE))?;
    let mut out = ListObject::new();
    for element in list_of(&items) {
        match element.as_list() {
            Some(list) => out.append(list)?,
            None => out.push(element.to_owned()),
        }
    }
    call.charge(len / 8);
    give(out)
}

/// `value.sort(reverse)`, where that gives a list.
pub(super) fn sorted(call: &mut Call<'_>) -> NativeResult {
    let direction = Direction::reversed(call.arg(0).truthy());
    let mut items = ListObject::from(elements(call.receiver())?);
    if sort::quick(&mut items, direction) {
        call.charge(items.len() * items.len().max(1).ilog2() as usize / 4);
        return give(items);
    }
    let keys = Owned::from(items.clone());
    sort::ordered(call, keys, direction, |call, order| {
        sort::arrange(call, Owned::from(items), order)
    })
}

/// A list of what `for x in value` would walk; a list is its own.
pub(super) fn as_list(value: &Owned) -> Result<Owned, Owned> {
    match value.as_list() {
        Some(_) => Ok(value.clone()),
        None => elements(value).map(Owned::list),
    }
}

/// `value.min()`
pub(super) fn minimum(call: &mut Call<'_>) -> NativeResult {
    let items = as_list(call.receiver())?;
    extreme(call, items, Extreme::Min)
}

/// `value.max()`
pub(super) fn maximum(call: &mut Call<'_>) -> NativeResult {
    let items = as_list(call.receiver())?;
    extreme(call, items, Extreme::Max)
}

/// `value.sum(start)`
pub(super) fn sum(call: &mut Call<'_>) -> NativeResult {
    let items = as_list(call.receiver())?;
    let sum = call.take(0);
    Sum { items, done: 0, sum }.go_on(call)
}

/// A sum so far, where a struct's own `+` may be asked.
struct Sum {
    items: Owned,
    done: usize,
    sum: Owned,
}

impl Sum {
    fn go_on(mut self, call: &mut Call<'_>) -> NativeResult {
        let items = list_of(&self.items);
        for (i, item) in items.iter().enumerate().skip(self.done) {
            let own = self.sum.as_record().and_then(|record| record.info().operator(Operator::Add));
            if let Some(function) = own {
                let arguments = vec![self.sum.take(), item.to_owned()];
                self.done = i + 1;
                let resume = |call: &mut Call<'_>, outcome: Result<Owned, Owned>| {
                    self.sum = outcome?;
                    self.go_on(call)
                };
                return Ok(Next::Call(function, arguments, Box::new(resume)));
            }
            self.sum = ops::add(&self.sum, &item)?;
        }
        call.charge(items.len() / 4);
        give(self.sum)
    }
}

//! The methods of lists.

use super::arguments::{
    OBJECT, REFERENCE, chunks, contains, elements, enumerate, format, give, int, length,
    list_argument, repeat, slice, text, this_list, this_list_mut, vector, zip,
};
use super::sort;
use crate::native::{Call, NativeResult, Next};
use crate::value::{
    Kind, ListObject, MapObject, Owned, equals, error, less, ops, position, room, try_display,
    write_display,
};

methods! {
    /// The number of elements.
    "len" "()" => |call| give(length(this_list(call).len()));
    /// Has it no elements?
    "is_empty" "()" => |call| give(this_list(call).is_empty());
    /// Adds an element at the end.
    mut "push" "(value)" => push;
    /// Takes the last element off and gives it; nil when there is none.
    mut "pop" "()" => |call| give(this_list_mut(call).pop());
    /// Takes the first element off and gives it; nil when there is none.
    mut "pop_first" "()" => |call| give(this_list_mut(call).pop_first());
    /// Puts an element before the one at a position.
    mut "insert" "(index, value)" => insert;
    /// Takes the element at a position out and gives it.
    mut "remove" "(index)" => remove;
    /// Takes all elements off.
    mut "clear" "()" => clear;
    /// Adds all that `for` would walk at the end.
    mut "extend" "(values)" => extend;
    /// Exchanges two elements.
    mut "swap" "(i, j)" => swap;
    /// Takes the elements from position `len` on off.
    mut "truncate" "(len)" => truncate;
    /// The elements from least to greatest, nan last; equal ones keep their order.
    "sort" "(reverse = false)" => sorted;
    /// The elements in the order of their keys: one for each, in a list.
    "sort_by_keys" "(keys, reverse = false)" => sorted_by_keys;
    /// The elements from last to first.
    "reverse" "()" => reverse;
    /// Is there an element equal to this?
    "contains" "(value)" => contains;
    /// Where the first element is that equals this; nil when there is none.
    "index_of" "(value)" => index_of;
    /// How many elements equal this.
    "count" "(value)" => count;
    /// The first element, or nil.
    "first" "()" => |call| give(this_list(call).first().cloned());
    /// The last element, or nil.
    "last" "()" => |call| give(this_list(call).last().cloned());
    /// The element at a position, or `default`.
    "get" "(index, default = nil)" => get;
    /// The elements from `start` up to `end`.
    "slice" "(start, end = nil)" => slice;
    /// The sum of the elements.
    "sum" "()" => sum;
    /// The least element, or nil.
    "min" "()" => |call| give(extreme(this_list(call), Extreme::Min)?);
    /// The greatest element, or nil.
    "max" "()" => |call| give(extreme(this_list(call), Extreme::Max)?);
    /// The elements without those that equal an earlier one.
    "unique" "()" => unique;
    /// The elements of the elements that are lists, and those that are none.
    "flatten" "()" => flatten;
    /// Lists of `n` elements each, the last of what is left.
    "chunks" "(n)" => chunks;
    /// Pairs `[a, b]` of elements, as many as the shorter of both has.
    "zip" "(other)" => zip;
    /// Pairs `[i, x]` of position and element.
    "enumerate" "()" => enumerate;
    /// The texts of the elements, with a separator between them.
    "join" "(separator = \"\")" => join;
    /// The elements `n` times.
    "repeat" "(n)" => repeat;
    /// The text in a format, as in `"{x:>8}"`.
    "format" "(spec)" => format;
}

fn push(call: &mut Call<'_>) -> NativeResult {
    let value = call.take(0);
    this_list_mut(call).push(value);
    Next::nil()
}

#[cold]
fn out_of_range(i: i64, len: usize) -> Owned {
    error(Kind::Index, format!("index {i} is out of range: the list has length {len}"))
}

fn insert(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let len = this_list(call).len();
    // One place more than there are elements: behind the last.
    let at = if i == len as i64 { Some(len) } else { position(i, len) };
    let at = at.ok_or_else(|| out_of_range(i, len))?;
    let value = call.take(1);
    let list = this_list_mut(call);
    if at == len {
        list.push(value);
    } else {
        list.with_vec(|vec| vec.insert(at, value));
    }
    call.charge((len - at) / 64);
    Next::nil()
}

fn remove(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let len = this_list(call).len();
    let at = position(i, len).ok_or_else(|| out_of_range(i, len))?;
    let list = this_list_mut(call);
    // At both ends nothing moves.
    if at == 0 {
        return give(list.pop_first());
    }
    if at == len - 1 {
        return give(list.pop());
    }
    let value = list.with_vec(|vec| vec.remove(at));
    call.charge((len - at) / 64);
    give(value)
}

fn clear(call: &mut Call<'_>) -> NativeResult {
    // Not through a unique list: that would copy what is thrown away.
    *call.receiver_mut() = Owned::from(ListObject::new());
    Next::nil()
}

fn extend(call: &mut Call<'_>) -> NativeResult {
    let values = elements(call.arg(0))?;
    room(values.len().saturating_mul(REFERENCE))?;
    call.charge(values.len() / 8);
    let list = this_list_mut(call);
    if values.len() > list.len() {
        list.extend(values);
    } else {
        // One by one: `extend` first moves what is there over elements that were taken off the
        // front, which a queue would pay for every time.
        values.into_iter().for_each(|value| list.push(value));
    }
    Next::nil()
}

fn swap(call: &mut Call<'_>) -> NativeResult {
    let len = this_list(call).len();
    let place = |name, i| {
        let i = int(call, i, name)?;
        position(i, len).ok_or_else(|| out_of_range(i, len))
    };
    let (i, j) = (place("i", 0)?, place("j", 1)?);
    this_list_mut(call).as_mut_slice().swap(i, j);
    Next::nil()
}

fn truncate(call: &mut Call<'_>) -> NativeResult {
    let len = super::arguments::count(call, 0, "len")?;
    let off = this_list(call).len().saturating_sub(len);
    if off > 0 {
        let list = this_list_mut(call);
        (0..off).for_each(|_| drop(list.pop()));
    }
    call.charge(off / 8);
    Next::nil()
}

/// Runs `change` on the receiver, in place when this is its last use, and gives it. When `change`
/// throws, the receiver is as before.
fn changed(
    call: &mut Call<'_>,
    change: impl FnOnce(&mut Vec<Owned>) -> Result<(), Owned>,
) -> NativeResult {
    let mut receiver = call.take_receiver();
    let Some(list) = receiver.list_mut() else {
        unreachable!("methods of lists are called on lists")
    };
    match list.with_vec(change) {
        Ok(()) => give(receiver),
        Err(error) => {
            call.give_back(receiver);
            Err(error)
        }
    }
}

fn sorted(call: &mut Call<'_>) -> NativeResult {
    let direction = sort::Direction::reversed(call.arg(0).truthy());
    charge_sort(call);
    changed(call, |vec| sort::sort(vec, direction))
}

fn sorted_by_keys(call: &mut Call<'_>) -> NativeResult {
    let keys = list_argument(call, 0, "keys")?;
    let (have, want) = (keys.len(), this_list(call).len());
    if have != want {
        return Err(error(Kind::Value, format!("there are {have} keys for {want} elements")));
    }
    let direction = sort::Direction::reversed(call.arg(1).truthy());
    let order = sort::order_of(keys, direction)?;
    charge_sort(call);
    changed(call, |vec| {
        let sorted: Vec<Owned> = order.iter().map(|&i| vec[i].take()).collect();
        *vec = sorted;
        Ok(())
    })
}

fn charge_sort(call: &mut Call<'_>) {
    let n = this_list(call).len();
    call.charge(n * n.max(1).ilog2() as usize / 4);
}

fn reverse(call: &mut Call<'_>) -> NativeResult {
    call.charge(this_list(call).len() / 16);
    changed(call, |vec| {
        vec.reverse();
        Ok(())
    })
}

fn index_of(call: &mut Call<'_>) -> NativeResult {
    let at = this_list(call).iter().position(|element| equals(element, call.arg(0)));
    call.charge(at.unwrap_or(this_list(call).len()) / 4);
    give(at.map(length))
}

fn count(call: &mut Call<'_>) -> NativeResult {
    let n = this_list(call).iter().filter(|element| equals(element, call.arg(0))).count();
    call.charge(this_list(call).len() / 4);
    give(length(n))
}

fn get(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let this = this_list(call);
    match position(i, this.len()) {
        Some(at) => give(this[at].clone()),
        None => Ok(Next::Return(call.take(1))),
    }
}

fn sum(call: &mut Call<'_>) -> NativeResult {
    let mut sum = Owned::int(0);
    for element in this_list(call).iter() {
        sum = ops::add(&sum, element)?;
    }
    call.charge(this_list(call).len() / 4);
    give(sum)
}

#[derive(Clone, Copy)]
pub(super) enum Extreme {
    Min,
    Max,
}

/// The least or the greatest of some values, the first of several; nil of none. NaN counts as
/// greater than all numbers, as in sorting.
pub(super) fn extreme(values: &[Owned], which: Extreme) -> Result<Owned, Owned> {
    let Some((mut best, rest)) = values.split_first() else { return Ok(Owned::NIL) };
    if rest.is_empty() {
        // It must be something that has an order.
        less(best, best)?;
    }
    for value in rest {
        let order = crate::value::order(value, best)?;
        let better = match which {
            Extreme::Min => order.is_lt(),
            Extreme::Max => order.is_gt(),
        };
        if better {
            best = value;
        }
    }
    Ok(best.clone())
}

fn unique(call: &mut Call<'_>) -> NativeResult {
    let this = this_list(call);
    room(this.len().saturating_mul(OBJECT))?;
    let mut seen = MapObject::with_capacity(0);
    let mut out = Vec::new();
    for element in this.iter() {
        // What cannot be a key equals nothing, not even itself.
        if !matches!(seen.insert(element.clone(), Owned::NIL), Ok(Some(_))) {
            out.push(element.clone());
        }
    }
    call.charge(this_list(call).len());
    give(out)
}

fn flatten(call: &mut Call<'_>) -> NativeResult {
    let this = this_list(call);
    let len = |element: &Owned| element.as_list().map_or(1, |list| list.len());
    let len = this.iter().map(len).fold(0, usize::saturating_add);
    let mut out = vector(len, REFERENCE)?;
    for element in this.iter() {
        match element.as_list() {
            Some(list) => out.extend_from_slice(list),
            None => out.push(element.clone()),
        }
    }
    call.charge(len / 8);
    give(out)
}

fn join(call: &mut Call<'_>) -> NativeResult {
    let separator = text(call, 0, "separator")?;
    let this = this_list(call);
    let bytes = |element: &Owned| element.as_str().map_or(8, str::len);
    let separators = separator.len().saturating_mul(this.len().saturating_sub(1));
    let len = this.iter().map(bytes).fold(separators, usize::saturating_add);
    room(len)?;
    let mut out = String::new();
    // The same long text may be in the list many times.
    out.try_reserve(len).map_err(|_| {
        error(Kind::Memory, format!("out of memory: there is no room for a text of {len} bytes"))
    })?;
    for (i, element) in this.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        if element.as_list().is_some() || element.as_map().is_some() {
            // May be large although it looks small.
            out.push_str(&try_display(element)?);
        } else {
            write_display(&mut out, element);
        }
    }
    let len = out.len();
    call.charge(len / 16);
    give(out)
}

//! The methods of lists.

use super::arguments::{
    format, give, int, length, list_argument, list_of, place, repeat, slice, this_list,
    this_list_mut,
};
use super::compare::{Search, is_there, number, search, unique};
use super::elements::{as_list, chunks, enumerate, flatten, maximum, minimum, sum, zip};
use super::sort::{self, Direction, Order};
use super::texts::join;
use crate::native::{Call, NativeResult, Next};
use crate::value::{Item, Kind, ListObject, Owned, error, position, room};

methods! {
    /// The number of elements.
    "len" "()" => |call| give(length(this_list(call).len())), short len_at_once;
    /// Has it no elements?
    "is_empty" "()" => |call| give(this_list(call).is_empty());
    /// Adds an element at the end.
    mut "push" "(value)" => push, short push_at_once;
    /// Takes the last element off and gives it; nil when there is none.
    mut "pop" "()" => |call| give(this_list_mut(call).pop()), short pop_at_once;
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
    mut "swap" "(i, j)" => swap, short swap_at_once;
    /// Takes the elements from position `len` on off.
    mut "truncate" "(len)" => truncate;
    /// The elements from least to greatest, nan last; equal ones keep their order.
    "sort" "(reverse = false)" => sorted;
    /// The elements in the order of their keys: one for each, in a list.
    "sort_by_keys" "(keys, reverse = false)" => sorted_by_keys;
    /// The elements from last to first.
    "reverse" "()" => reverse;
    /// Is there an element equal to this?
    "contains" "(value)" => |call| search(call, call.receiver().clone(), Search::Contains, is_there);
    /// Where the first element is that equals this; nil when there is none.
    "index_of" "(value)" => |call| search(call, call.receiver().clone(), Search::Index, number);
    /// How many elements equal this.
    "count" "(value)" => |call| search(call, call.receiver().clone(), Search::Count, number);
    /// The first element, or nil.
    "first" "()" => |call| give(this_list(call).get(0));
    /// The last element, or nil.
    "last" "()" => |call| give(this_list(call).iter().next_back().map(Item::to_owned));
    /// The element at a position, or `default`.
    "get" "(index, default = nil)" => get, short get_at_once;
    /// The elements from `start` up to `end`.
    "slice" "(start, end = nil)" => slice;
    /// The sum of the elements, from `start` on.
    "sum" "(start = 0)" => sum;
    /// The least element, or nil.
    "min" "()" => minimum;
    /// The greatest element, or nil.
    "max" "()" => maximum;
    /// The elements without those that equal an earlier one.
    "unique" "()" => |call| unique(call, call.receiver().clone());
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
    this_list(call).admit(&value)?;
    this_list_mut(call).push(value);
    Next::nil()
}

fn len_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    Some(Owned::int(this.as_list()?.len() as i64))
}

fn push_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    match this.own_list_mut()?.push_at_once(args[0].take()) {
        Ok(()) => Some(Owned::NIL),
        Err(value) => {
            args[0] = value;
            None
        }
    }
}

fn pop_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    Some(this.own_list_mut()?.pop().unwrap_or(Owned::NIL))
}

fn swap_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    let list = this.own_list_mut()?;
    let place = |i: &Owned| position(i.as_int()?, list.len());
    let (i, j) = (place(&args[0])?, place(&args[1])?);
    list.swap(i, j);
    Some(Owned::NIL)
}

fn get_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    let list = this.as_list()?;
    match position(args[0].as_int()?, list.len()) {
        Some(at) if !args[1].as_raw().is_heap() => list.get(at),
        Some(_) => None,
        None => Some(args[1].take()),
    }
}

#[cold]
fn out_of_range(i: i64, len: usize) -> Owned {
    error(Kind::Index, format!("index {i} is out of range: the list has length {len}"))
}

fn insert(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let len = this_list(call).len();
    let at = place(i, len).ok_or_else(|| out_of_range(i, len))?;
    let value = call.take(1);
    this_list(call).admit(&value)?;
    let list = this_list_mut(call);
    if at == len {
        list.push(value);
    } else {
        list.insert(at, value);
    }
    call.charge((len - at) / 64);
    Next::nil()
}

fn remove(call: &mut Call<'_>) -> NativeResult {
    if call.arg(0).as_int().is_none() {
        let given = call.arg(0).type_name();
        let text = format!(
            "lists remove by index, which must be an int, not {given}; `index_of` finds an element"
        );
        return Err(error(Kind::Type, text));
    }
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
    let value = list.remove(at);
    call.charge((len - at) / 64);
    give(value)
}

fn clear(call: &mut Call<'_>) -> NativeResult {
    // Not through a unique list: that would copy what is thrown away.
    *call.receiver_mut() = Owned::from(ListObject::new());
    Next::nil()
}

fn extend(call: &mut Call<'_>) -> NativeResult {
    let values = as_list(call.arg(0))?;
    let values = list_of(&values);
    room(values.element_bytes())?;
    call.charge(values.len() / 8);
    let list = this_list_mut(call);
    if values.len() > list.len() {
        list.append(values)?;
    } else {
        // One by one: `append` first moves what is there over elements that were taken off the
        // front, which a queue would pay for every time.
        values.iter().try_for_each(|value| list.admit(&value))?;
        values.iter().for_each(|value| list.push(value.to_owned()));
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
    this_list_mut(call).swap(i, j);
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

fn sorted(call: &mut Call<'_>) -> NativeResult {
    let direction = Direction::reversed(call.arg(0).truthy());
    let n = this_list(call).len();
    if n <= sort::AT_ONCE {
        let mut receiver = call.take_receiver();
        let quick = match receiver.list_mut() {
            Some(list) => sort::quick(list, direction),
            None => unreachable!("methods of lists are called on lists"),
        };
        if quick {
            call.charge(n * n.max(1).ilog2() as usize / 4);
            return give(receiver);
        }
        call.give_back(receiver);
    }
    let keys = call.receiver().clone();
    sort::ordered(call, keys, direction, arranged)
}

fn sorted_by_keys(call: &mut Call<'_>) -> NativeResult {
    let keys = list_argument(call, 0, "keys")?;
    let (have, want) = (keys.len(), this_list(call).len());
    if have != want {
        return Err(error(Kind::Value, format!("there are {have} keys for {want} elements")));
    }
    let direction = Direction::reversed(call.arg(1).truthy());
    let keys = call.take(0);
    sort::ordered(call, keys, direction, arranged)
}

/// The receiver in an order of its positions.
fn arranged(call: &mut Call<'_>, order: Order) -> NativeResult {
    let receiver = call.take_receiver();
    sort::arrange(call, receiver, order)
}

fn reverse(call: &mut Call<'_>) -> NativeResult {
    call.charge(this_list(call).len() / 16);
    // In place when this is its last use.
    let mut receiver = call.take_receiver();
    match receiver.list_mut() {
        Some(list) => list.reverse(),
        None => unreachable!("methods of lists are called on lists"),
    }
    give(receiver)
}

fn get(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let this = this_list(call);
    match position(i, this.len()) {
        Some(at) => give(this.get(at)),
        None => Ok(Next::Return(call.take(1))),
    }
}

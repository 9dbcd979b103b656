//! The methods of maps.

use super::arguments::{
    OBJECT, PAIR, REFERENCE, contains, element, format, give, length, this_map, this_map_mut,
    vector,
};
use super::compare::{Search, number, search};
use super::sort::{self, Direction, Order};
use crate::native::{Call, NativeResult, Next};
use crate::value::{Item, Kind, ListObject, MapObject, Owned, View, cut_literal, error, room};

methods! {
    /// The number of entries.
    "len" "()" => |call| give(length(this_map(call).len())), short len_at_once;
    /// Has it no entries?
    "is_empty" "()" => |call| give(this_map(call).is_empty());
    /// A list of the keys.
    "keys" "()" => |call| listed(call, REFERENCE, |key, _| key.clone());
    /// A list of the values.
    "values" "()" => |call| listed(call, REFERENCE, |_, value| value.clone());
    /// A list of pairs `[key, value]`.
    "entries" "()" => |call| listed(call, PAIR, |key, value| cloned((key, value)));
    /// What belongs to a key, or `default`.
    "get" "(key, default = nil)" => get, short get_at_once;
    /// Is this a key?
    "contains" "(key)" => contains;
    /// A key to which this value belongs, the first one; nil when there is none.
    "index_of" "(value)" => index_of;
    /// How many keys this value belongs to.
    "count" "(value)" => |call| search(call, values(call), Search::Count, number);
    /// Takes a key out and gives what belonged to it.
    mut "remove" "(key)" => remove;
    /// Takes all entries out.
    mut "clear" "()" => clear;
    /// Adds the entries of another map, or of a list of pairs `[key, value]`.
    mut "extend" "(entries)" => extend;
    /// Takes the last entry out and gives it as `[key, value]`; nil when there is none.
    mut "pop" "()" => |call| give(this_map_mut(call).pop().map(pair));
    /// Takes the first entry out and gives it as `[key, value]`; nil when there is none.
    mut "pop_first" "()" => |call| give(this_map_mut(call).pop_first().map(pair));
    /// The first entry as `[key, value]`, or nil.
    "first" "()" => |call| give(this_map(call).iter().next().map(cloned));
    /// The last entry as `[key, value]`, or nil.
    "last" "()" => |call| give(this_map(call).last().map(cloned));
    /// The entries in the order of their keys, as a map.
    "sort" "(reverse = false)" => sorted;
    /// The entries from last to first.
    "reverse" "()" => reverse;
    /// The text in a format, as in `"{x:>8}"`.
    "format" "(spec)" => format;
}

fn pair((key, value): (Owned, Owned)) -> Owned {
    Owned::pair(key, value)
}

fn cloned((key, value): (&Owned, &Owned)) -> Owned {
    Owned::pair(key.clone(), value.clone())
}

/// A list of what `item` makes of each entry, which takes `each` bytes.
fn listed(call: &mut Call<'_>, each: usize, item: fn(&Owned, &Owned) -> Owned) -> NativeResult {
    let this = this_map(call);
    let len = this.len();
    let mut out = vector(len, each)?;
    out.extend(this.iter().map(|(key, value)| item(key, value)));
    call.charge(len / 4);
    give(out)
}

fn get(call: &mut Call<'_>) -> NativeResult {
    match this_map(call).get(call.arg(0)) {
        Some(value) => give(value.clone()),
        None => Ok(Next::Return(call.take(1))),
    }
}

fn len_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    Some(Owned::int(this.as_map()?.len() as i64))
}

fn get_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    if args.iter().any(|arg| arg.as_raw().is_heap()) {
        return None;
    }
    Some(this.as_map()?.get(&args[0]).cloned().unwrap_or_else(|| args[1].take()))
}

/// The values, to be looked through.
fn values(call: &Call<'_>) -> Owned {
    Owned::list(this_map(call).iter().map(|(_, value)| value.clone()).collect())
}

fn index_of(call: &mut Call<'_>) -> NativeResult {
    search(call, values(call), Search::Index, |call, at| {
        let key = at.and_then(|at| this_map(call).iter().nth(at)).map(|(key, _)| key.clone());
        give(key)
    })
}

fn remove(call: &mut Call<'_>) -> NativeResult {
    // Looked for first, so that nothing is copied for an error.
    if this_map(call).find(call.arg(0)).is_none() {
        let key = cut_literal(call.arg(0));
        return Err(error(Kind::Key, format!("no key {key} in the map")));
    }
    let key = call.take(0);
    give(this_map_mut(call).remove(&key))
}

fn clear(call: &mut Call<'_>) -> NativeResult {
    // Not through a unique map: that would copy what is thrown away.
    *call.receiver_mut() = Owned::map(MapObject::new());
    Next::nil()
}

fn extend(call: &mut Call<'_>) -> NativeResult {
    let entries = match call.arg(0).view() {
        View::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        View::List(list) => pairs(list, this_map(call))?,
        _ => {
            let given = call.arg(0).type_name();
            let text = format!("a map is extended by a map or a list of pairs, not by {given}");
            return Err(error(Kind::Type, text));
        }
    };
    room(entries.len().saturating_mul(OBJECT))?;
    call.charge(entries.len());
    let this = this_map_mut(call);
    for (key, value) in entries {
        this.insert(key, value)?;
    }
    Next::nil()
}

/// The pairs of a list, all of which can be entries of `map`.
fn pairs(list: &ListObject, map: &MapObject) -> Result<Vec<(Owned, Owned)>, Owned> {
    let pair = |item: Item<'_>| match item.as_list().filter(|pair| pair.len() == 2) {
        Some(pair) => {
            let (key, value) = (element(pair, 0), element(pair, 1));
            map.check_key(&key)?;
            Ok((key.to_owned(), value.to_owned()))
        }
        None => {
            let item = cut_literal(&item);
            Err(error(
                Kind::Type,
                format!("a map is extended by pairs [key, value], not by {item}"),
            ))
        }
    };
    list.iter().map(pair).collect()
}

fn reverse(call: &mut Call<'_>) -> NativeResult {
    let last = this_map(call).len();
    arranged(call, Order::Positions((0..last).rev().collect()))
}

fn sorted(call: &mut Call<'_>) -> NativeResult {
    let keys = Owned::list(this_map(call).iter().map(|(key, _)| key.clone()).collect());
    sort::ordered(call, keys, Direction::reversed(call.arg(0).truthy()), arranged)
}

/// A map of the entries in an order of their positions.
fn arranged(call: &mut Call<'_>, order: Order) -> NativeResult {
    let this = this_map(call);
    let len = this.len();
    room(len.saturating_mul(OBJECT))?;
    let entries: Vec<_> = this.iter().collect();
    let mut out = MapObject::with_capacity(len);
    for at in order.positions() {
        let (key, value) = entries[at];
        out.insert(key.clone(), value.clone())?;
    }
    call.charge(len);
    give(out)
}

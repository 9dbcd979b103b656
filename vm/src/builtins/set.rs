//! The methods of sets.
//!
//! What another set is asked for may be anything that is walked element by element.

use super::arguments::{REFERENCE, elements, format, give, length, vector};
use super::elements::{chunks, enumerate, flatten, maximum, minimum, sorted, sum, zip};
use super::texts::join;
use crate::native::{Call, NativeResult, Next};
use crate::value::{Owned, SetObject, View};

methods! {
    /// The number of elements.
    "len" "()" => |call| give(length(this(call).len()));
    /// Has it no elements?
    "is_empty" "()" => |call| give(this(call).is_empty());
    /// Adds an element; says whether it is new.
    mut "insert" "(value)" => |call| {
        let value = call.take(0);
        give(this_mut(call).insert(value)?)
    };
    /// Takes an element out and gives it; nil when it is not there.
    mut "remove" "(value)" => remove;
    /// Takes all elements out.
    mut "clear" "()" => |call| {
        // Not through a unique set: that would copy what is thrown away.
        *call.receiver_mut() = Owned::set(SetObject::new());
        Next::nil()
    };
    /// Adds all that `for` would walk.
    mut "extend" "(values)" => extend;
    /// Takes the last element out and gives it; nil when there is none.
    mut "pop" "()" => |call| give(this_mut(call).pop());
    /// Takes the first element out and gives it; nil when there is none.
    mut "pop_first" "()" => |call| give(this_mut(call).pop_first());
    /// The first element, or nil.
    "first" "()" => |call| give(this(call).first().cloned());
    /// The last element, or nil.
    "last" "()" => |call| give(this(call).last().cloned());
    /// Is this an element?
    "contains" "(value)" => |call| give(this(call).contains(call.arg(0)));
    /// How often this is in it: once or never.
    "count" "(value)" => |call| give(i64::from(this(call).contains(call.arg(0))));
    /// The elements of both.
    "union" "(other)" => union;
    /// The elements that are in both.
    "intersection" "(other)" => |call| kept(call, true);
    /// The elements that are not in the other.
    "difference" "(other)" => |call| kept(call, false);
    /// The elements that are in one of both only.
    "symmetric_difference" "(other)" => symmetric_difference;
    /// Are all its elements in the other?
    "is_subset" "(other)" => |call| {
        answer(call, |this, other| this.iter().all(|element| other.contains(element)))
    };
    /// Are all elements of the other in it?
    "is_superset" "(other)" => |call| {
        answer(call, |this, other| other.iter().all(|element| this.contains(element)))
    };
    /// Have both no element in common?
    "is_disjoint" "(other)" => |call| {
        answer(call, |this, other| !this.iter().any(|element| other.contains(element)))
    };
    /// A list of the elements.
    "list" "()" => |call| {
        let items = elements(call.receiver())?;
        call.charge(items.len() / 8);
        give(items)
    };
    /// A list of the elements from last to first.
    "reverse" "()" => |call| {
        let mut items = elements(call.receiver())?;
        items.reverse();
        call.charge(items.len() / 8);
        give(items)
    };
    /// A list of the elements from least to greatest, nan last.
    "sort" "(reverse = false)" => sorted;
    /// The sum of the elements, from `start` on.
    "sum" "(start = 0)" => sum;
    /// The least element, or nil.
    "min" "()" => minimum;
    /// The greatest element, or nil.
    "max" "()" => maximum;
    /// Lists of `n` elements each, the last of what is left.
    "chunks" "(n)" => chunks;
    /// Pairs `[a, b]` of elements, as many as the shorter of both has.
    "zip" "(other)" => zip;
    /// Pairs `[i, x]` of position and element.
    "enumerate" "()" => enumerate;
    /// A list of the elements of the elements that are lists, and those that are none.
    "flatten" "()" => flatten;
    /// The texts of the elements, with a separator between them.
    "join" "(separator = \"\")" => join;
    /// The text in a format, as in `"{x:>8}"`.
    "format" "(spec)" => format;
}

fn this<'a>(call: &'a Call<'_>) -> &'a SetObject {
    match call.receiver().view() {
        View::Set(set) => set,
        _ => unreachable!("methods of sets are called on sets"),
    }
}

fn this_mut<'a>(call: &'a mut Call<'_>) -> &'a mut SetObject {
    match call.receiver_mut().set_mut() {
        Some(set) => set,
        None => unreachable!("methods of sets are called on sets"),
    }
}

/// A set that is there, or one made of something else.
enum Other<'a> {
    There(&'a SetObject),
    Made(SetObject),
}

impl std::ops::Deref for Other<'_> {
    type Target = SetObject;

    fn deref(&self) -> &SetObject {
        match self {
            Self::There(set) => set,
            Self::Made(set) => set,
        }
    }
}

/// The argument as a set.
fn other<'a>(call: &'a Call<'_>) -> Result<Other<'a>, Owned> {
    match call.arg(0).view() {
        View::Set(set) => Ok(Other::There(set)),
        _ => set_of(elements(call.arg(0))?).map(Other::Made),
    }
}

/// Says something about the receiver and the argument.
fn answer(call: &mut Call<'_>, of: fn(&SetObject, &SetObject) -> bool) -> NativeResult {
    let other = other(call)?;
    let work = this(call).len() + other.len();
    let yes = of(this(call), &other);
    drop(other);
    call.charge(work / 4);
    give(yes)
}

/// A set of these elements.
pub(super) fn set_of(items: Vec<Owned>) -> Result<SetObject, Owned> {
    let mut set = SetObject::with_capacity(items.len());
    for item in items {
        set.insert(item)?;
    }
    Ok(set)
}

fn remove(call: &mut Call<'_>) -> NativeResult {
    // Looked for first, so that nothing is copied when it is not there.
    let map = this(call).as_map();
    let found = map.find(call.arg(0)).and_then(|at| map.entry(at));
    let Some(element) = found.map(|(element, _)| element.clone()) else { return Next::nil() };
    this_mut(call).remove(&element);
    give(element)
}

fn extend(call: &mut Call<'_>) -> NativeResult {
    let values = elements(call.arg(0))?;
    call.charge(values.len());
    // All of them or none.
    values.iter().try_for_each(|value| this(call).check_element(value))?;
    let set = this_mut(call);
    for value in values {
        set.insert(value)?;
    }
    Next::nil()
}

fn union(call: &mut Call<'_>) -> NativeResult {
    let more = elements(call.arg(0))?;
    let mut union = this(call).clone();
    call.charge(union.len() / 4 + more.len());
    for element in more {
        union.insert(element)?;
    }
    give(Owned::set(union))
}

/// The elements that are in the other, or those that are not.
fn kept(call: &mut Call<'_>, if_there: bool) -> NativeResult {
    let other = other(call)?;
    let this = this(call);
    let mut kept = vector(this.len(), REFERENCE)?;
    kept.extend(this.iter().filter(|element| other.contains(element) == if_there).cloned());
    let work = this.len();
    drop(other);
    call.charge(work);
    give(Owned::set(set_of(kept)?))
}

fn symmetric_difference(call: &mut Call<'_>) -> NativeResult {
    let other = other(call)?;
    let this = this(call);
    let mut one = vector(this.len() + other.len(), REFERENCE)?;
    one.extend(this.iter().filter(|element| !other.contains(element)).cloned());
    one.extend(other.iter().filter(|element| !this.contains(element)).cloned());
    let work = this.len() + other.len();
    drop(other);
    call.charge(work);
    give(Owned::set(set_of(one)?))
}

//! What the built-in functions and methods do with their arguments, over and over.

use super::long::{self, LONG};
use crate::native::{Call, NativeResult, Next};
use crate::value::{
    Item, Kind, ListObject, MapObject, Owned, RangeObject, Text, View, error, position, room,
};

/// The result of a native.
pub(super) fn give(value: impl Into<Owned>) -> NativeResult {
    Ok(Next::Return(value.into()))
}

#[cold]
fn wrong_type(name: &str, wanted: &str, value: &Owned) -> Owned {
    error(Kind::Type, format!("`{name}` must be {wanted}, not {}", value.type_name()))
}

/// Argument `i`, which must be an int.
pub(super) fn int(call: &Call<'_>, i: usize, name: &str) -> Result<i64, Owned> {
    let value = call.arg(i);
    value.as_int().ok_or_else(|| wrong_type(name, "an int", value))
}

/// Argument `i`, which must be a count: an int that is not negative.
pub(super) fn count(call: &Call<'_>, i: usize, name: &str) -> Result<usize, Owned> {
    let n = int(call, i, name)?;
    usize::try_from(n)
        .map_err(|_| error(Kind::Value, format!("`{name}` must not be negative, but is {n}")))
}

/// Argument `i`, which must be a string.
pub(super) fn text<'a>(call: &'a Call<'_>, i: usize, name: &str) -> Result<&'a str, Owned> {
    let value = call.arg(i);
    value.as_str().ok_or_else(|| wrong_type(name, "a string", value))
}

/// Argument `i`, which must be a list.
pub(super) fn list_argument<'a>(
    call: &'a Call<'_>,
    i: usize,
    name: &str,
) -> Result<&'a ListObject, Owned> {
    let value = call.arg(i);
    value.as_list().ok_or_else(|| wrong_type(name, "a list", value))
}

/// The receiver of a method of strings.
pub(super) fn this_text<'a>(call: &'a Call<'_>) -> Text<'a> {
    match call.receiver().view() {
        View::Str(text) => text,
        _ => unreachable!("methods of strings are called on strings"),
    }
}

/// The receiver of a method of lists.
pub(super) fn this_list<'a>(call: &'a Call<'_>) -> &'a ListObject {
    match call.receiver().as_list() {
        Some(list) => list,
        None => unreachable!("methods of lists are called on lists"),
    }
}

/// The receiver of a method of lists that changes it.
pub(super) fn this_list_mut<'a>(call: &'a mut Call<'_>) -> &'a mut ListObject {
    match call.receiver_mut().list_mut() {
        Some(list) => list,
        None => unreachable!("methods of lists are called on lists"),
    }
}

/// The list that a native has made, or knows to be one.
pub(super) fn list_of(value: &Owned) -> &ListObject {
    match value.as_list() {
        Some(list) => list,
        None => unreachable!("it is known to be a list"),
    }
}

/// The element of a list at a position where there is one.
#[inline]
pub(super) fn element(list: &ListObject, at: usize) -> Item<'_> {
    match list.item(at) {
        Some(item) => item,
        None => unreachable!("there is an element at {at}"),
    }
}

/// The receiver of a method of maps.
pub(super) fn this_map<'a>(call: &'a Call<'_>) -> &'a MapObject {
    match call.receiver().as_map() {
        Some(map) => map,
        None => unreachable!("methods of maps are called on maps"),
    }
}

/// The receiver of a method of maps that changes it.
pub(super) fn this_map_mut<'a>(call: &'a mut Call<'_>) -> &'a mut MapObject {
    match call.receiver_mut().map_mut() {
        Some(map) => map,
        None => unreachable!("methods of maps are called on maps"),
    }
}

/// The receiver of a method of ranges.
pub(super) fn this_range(call: &Call<'_>) -> RangeObject {
    match call.receiver().as_range() {
        Some(range) => *range,
        None => unreachable!("methods of ranges are called on ranges"),
    }
}

/// What `for x in value` would walk, as long as it needs no waiting: the elements of a list, the
/// characters of a string, the keys of a map, the numbers of a range or of bytes, the elements of a
/// set.
pub(super) fn elements(value: &Owned) -> Result<Vec<Owned>, Owned> {
    first_elements(value, usize::MAX)
}

/// The first of the elements, `most` at most.
pub(super) fn first_elements(value: &Owned, most: usize) -> Result<Vec<Owned>, Owned> {
    let mut out = vector(size(value)?.min(most), REFERENCE)?;
    match value.view() {
        View::List(list) => out.extend(list.iter().take(most).map(Item::to_owned)),
        View::Str(text) => out.extend(text.as_str().chars().take(most).map(Owned::char)),
        View::Map(map) => out.extend(map.iter().take(most).map(|(key, _)| key.clone())),
        View::Range(range) => out.extend(range.iter().take(most).map(Owned::int)),
        View::Set(set) => out.extend(set.iter().take(most).cloned()),
        View::Bytes(bytes) => {
            out.extend(bytes.iter().take(most).map(|byte| Owned::int(i64::from(*byte))));
        }
        _ => unreachable!("it has a size"),
    }
    Ok(out)
}

/// How many elements there are in something that [`elements`] knows.
pub(super) fn size(value: &Owned) -> Result<usize, Owned> {
    let text = match value.view() {
        View::List(list) => return Ok(list.len()),
        View::Str(text) => return Ok(text.char_count()),
        View::Map(map) => return Ok(map.len()),
        View::Range(range) => return Ok(usize::try_from(range.len()).unwrap_or(usize::MAX)),
        View::Set(set) => return Ok(set.len()),
        View::Bytes(bytes) => return Ok(bytes.len()),
        View::Channel(_) | View::Handle(_) => {
            let name = value.type_name();
            format!("cannot take all elements of a {name} at once: walk it with `for`")
        }
        _ => format!("cannot walk {}", value.type_name()),
    };
    Err(error(Kind::Type, text))
}

/// What a value takes where it is kept.
pub(super) const REFERENCE: usize = size_of::<Owned>();
/// What a small object takes, and the reference to it.
pub(super) const OBJECT: usize = 64 + REFERENCE;
/// What a pair takes, its buffer included, and the reference to it.
pub(super) const PAIR: usize = OBJECT + 2 * REFERENCE;

/// An empty vector for `n` values, which will take `each` bytes each; an error of kind `memory`
/// when there is no room for them. With no limit set, the allocator decides.
pub(super) fn vector(n: usize, each: usize) -> Result<Vec<Owned>, Owned> {
    room(n.saturating_mul(each))?;
    let mut out = Vec::new();
    out.try_reserve_exact(n).map_err(|_| no_memory(n))?;
    Ok(out)
}

#[cold]
fn no_memory(n: usize) -> Owned {
    error(Kind::Memory, format!("out of memory: there is no room for {n} values"))
}

/// There is no memory for a text or bytes of this length.
#[cold]
pub(super) fn no_room(bytes: usize) -> Owned {
    error(Kind::Memory, format!("out of memory: there is no room for {bytes} bytes"))
}

/// The numbers of a range.
pub(super) fn numbers(range: &RangeObject) -> Result<Vec<Owned>, Owned> {
    let len = usize::try_from(range.len()).unwrap_or(usize::MAX);
    let mut out = vector(len, REFERENCE)?;
    out.extend(range.iter().map(Owned::int));
    Ok(out)
}

/// A length as an int.
pub(super) fn length(n: usize) -> Owned {
    Owned::int(n as i64)
}

/// A length that may not fit an int.
pub(super) fn wide(n: u128) -> Result<Owned, Owned> {
    let fits = i64::try_from(n).map(Owned::int);
    fits.map_err(|_| error(Kind::Overflow, format!("the length {n} does not fit 64 bits")))
}

/// `value.format(spec)`, of all types.
pub(super) fn format(call: &mut Call<'_>) -> NativeResult {
    let spec = text(call, 0, "spec")?;
    give(crate::value::format(call.receiver(), spec)?)
}

/// `value.slice(start, end)`: as `value[start..end]`; what is nil is left out.
pub(super) fn slice(call: &mut Call<'_>) -> NativeResult {
    let end = |i| Some(call.arg(i)).filter(|value| !value.is_nil());
    if let Some(part) = long::long_slice(call.receiver(), end(0), end(1), false)? {
        let text = call.receiver().clone();
        return long::copied(call, text, part);
    }
    let part = crate::value::slice(call.receiver(), end(0), end(1), false)?;
    call.charge(part.as_list().map_or(0, |list| list.len() / 16));
    give(part)
}

/// `value.contains(item)`: as `item in value`.
pub(super) fn contains(call: &mut Call<'_>) -> NativeResult {
    call.charge(call.receiver().as_list().map_or(0, |list| list.len() / 4));
    give(crate::value::ops::contains(call.receiver(), call.arg(0))?)
}

/// `value.repeat(n)`: as `value * n`.
pub(super) fn repeat(call: &mut Call<'_>) -> NativeResult {
    let n = int(call, 0, "n")?;
    if long::repeated_length(call.receiver(), n) >= LONG {
        let text = call.receiver().clone();
        return long::repeated(call, text, n as usize);
    }
    let result = crate::value::ops::repeat(call.receiver(), n)?;
    call.charge(result.as_list().map_or(0, |list| list.len() / 8));
    give(result)
}

/// The argument of `value.chunks(n)`.
pub(super) fn size_of_chunks(call: &Call<'_>) -> Result<usize, Owned> {
    let n = int(call, 0, "n")?;
    usize::try_from(n)
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| error(Kind::Value, format!("`n` must be above 0, but is {n}")))
}

/// The position before which something is put in: behind the last one is one place more.
pub(super) fn place(i: i64, len: usize) -> Option<usize> {
    if i == len as i64 { Some(len) } else { position(i, len) }
}

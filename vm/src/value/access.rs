//! Getting into values: indices, fields, slices, and places to be changed.
//!
//! A path is walked by [`slot`] (reading) or [`slot_mut`] (writing, each level made unique on the
//! way down). Paths do not create: a key that is missing is an error, except for the last step of
//! an assignment, which is [`index_set`] or [`field_set`].
//!
//! The `value` of a cell is a place; any other field of a cell is read from that value. A reference
//! into a cell is good until the next thing is done: see [`cell_access`].

#![expect(unsafe_code, reason = "looks into cells")]

use std::ops::Range;

use super::cell::{innermost, is_value};
use super::error::{Kind, error};
use super::{
    BytesObject, ErrorObject, ListObject, Owned, RangeObject, Text, TypeInfo, View, cell_access,
    cut_literal, did_you_mean,
};
use crate::rc;

/// One step of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// `[key]`
    Index(&'a Owned),
    /// `.name`; the name is a string.
    Field(&'a Owned),
}

/// Position `i` of something with `len` elements: negative counts from the end.
#[inline]
pub(crate) fn position(i: i64, len: usize) -> Option<usize> {
    let at = if i < 0 { i.checked_add(len as i64)? } else { i };
    usize::try_from(at).ok().filter(|at| *at < len)
}

#[cold]
fn out_of_range(i: i64, len: usize, what: &str) -> Owned {
    error(Kind::Index, format!("index {i} is out of range: the {what} has {}", items(len)))
}

fn items(n: usize) -> String {
    match n {
        0 => "no elements".to_owned(),
        1 => "1 element".to_owned(),
        n => format!("{n} elements"),
    }
}

#[cold]
fn bad_index(container: &Owned, key: &Owned) -> Owned {
    let text = match container.view() {
        View::Str(_) | View::List(_) | View::Range(_) | View::Bytes(_) => {
            format!("cannot index {} with {}", container.type_name(), key.type_name())
        }
        View::Cell(_) => "cannot index a cell: write `.value[...]`".to_owned(),
        View::Set(_) => "cannot index a set: it has no places; `in` finds an element".to_owned(),
        View::Nil => "cannot index nil".to_owned(),
        _ => format!("cannot index {}", container.type_name()),
    };
    error(Kind::Type, text)
}

#[cold]
fn no_key(key: &Owned) -> Owned {
    error(Kind::Key, format!("no key {} in the map", cut_literal(key)))
}

#[cold]
fn no_field(value: &Owned, name: &Owned) -> Owned {
    let name = name.as_str().unwrap_or_default();
    let text = match value.view() {
        View::Record(record) => no_field_of(record.info(), name),
        View::Type(object) => no_member(&object.info(), name),
        _ => format!("{} has no field `{name}`", value.type_name()),
    };
    error(Kind::Name, text)
}

fn no_field_of(info: &TypeInfo, name: &str) -> String {
    let hint = match info.method_by_text(name) {
        Some(_) => format!("; it is a method: call it, `.{name}(...)`"),
        None => did_you_mean(name, info.fields().iter().filter_map(Owned::as_str)),
    };
    format!("{} has no field `{name}`{hint}", info.full_name())
}

fn no_member(info: &TypeInfo, name: &str) -> String {
    if info.method_by_text(name).is_some() {
        let of = info.full_name();
        return format!("`{name}` is a method of {of} values: it cannot be read from the type");
    }
    let variants = info.variants().iter().map(|variant| variant.info.name());
    let functions = info.methods().filter(|method| !method.takes_self).map(|method| &*method.name);
    // They come in no order, the hint must not.
    let mut names: Vec<&str> = variants.chain(functions).collect();
    names.sort_unstable();
    let hint = did_you_mean(name, names.into_iter());
    let what = if info.variants().is_empty() { "function" } else { "variant or function" };
    format!("{} has no {what} `{name}`{hint}", info.full_name())
}

/// `container[key]`
pub(crate) fn index_get(container: &Owned, key: &Owned) -> Result<Owned, Owned> {
    match (container.view(), key.view()) {
        (View::List(list), View::Int(i)) => match position(i, list.len()) {
            Some(at) => Ok(list.get(at).expect("the position is in the list")),
            None => Err(out_of_range(i, list.len(), "list")),
        },
        (View::Map(map), _) => map.get(key).cloned().ok_or_else(|| no_key(key)),
        (View::Str(text), View::Int(i)) => {
            match position(i, text.char_count()).and_then(|at| text.char_at(at)) {
                Some(c) => Ok(Owned::char(c)),
                None => Err(out_of_range(i, text.char_count(), "string")),
            }
        }
        (View::Range(range), View::Int(i)) => {
            let len = range.len();
            let at =
                if i < 0 { i128::from(i) + len.min(i128::MAX as u128) as i128 } else { i.into() };
            match u128::try_from(at).ok().and_then(|at| range.get(at)) {
                Some(n) => Ok(Owned::int(n)),
                None => Err(out_of_range(i, usize::try_from(len).unwrap_or(usize::MAX), "range")),
            }
        }
        (View::Bytes(bytes), View::Int(i)) => match position(i, bytes.len()) {
            Some(at) => Ok(Owned::int(bytes[at].into())),
            None => Err(out_of_range(i, bytes.len(), "byte sequence")),
        },
        (View::List(_) | View::Str(_) | View::Range(_) | View::Bytes(_), View::Range(range)) => {
            pick(container, key, range)
        }
        _ => Err(bad_index(container, key)),
    }
}

/// `container[key] = value`; a map gets the key if it is new.
pub(crate) fn index_set(container: &mut Owned, key: &Owned, value: Owned) -> Result<(), Owned> {
    if let Some(map) = container.as_map() {
        // What cannot be a key is found out before anything is copied.
        if !container.is_unique() {
            map.check_key(key)?;
        }
        if let Some(map) = container.map_mut() {
            map.insert(key.clone(), value)?;
        }
        return Ok(());
    }
    if container.as_bytes().is_some() {
        return byte_set(container, key, &value);
    }
    if let (Some(list), Some(i)) = (container.as_list(), key.as_int()) {
        let Some(at) = position(i, list.len()) else {
            return Err(out_of_range(i, list.len(), "list"));
        };
        list.admit(&value)?;
        if let Some(list) = container.list_mut() {
            list.set(at, value);
        }
        return Ok(());
    }
    *slot_mut(container, Step::Index(key))? = value;
    Ok(())
}

fn byte_set(container: &mut Owned, key: &Owned, value: &Owned) -> Result<(), Owned> {
    let len = container.as_bytes().map_or(0, |bytes| bytes.len());
    let Some(i) = key.as_int() else { return Err(bad_index(container, key)) };
    let Some(at) = position(i, len) else {
        return Err(out_of_range(i, len, "byte sequence"));
    };
    let byte = BytesObject::byte(value)?;
    if let Some(bytes) = container.bytes_mut() {
        bytes.as_mut_slice()[at] = byte;
    }
    Ok(())
}

/// `value.name`; `name` is a string.
pub(crate) fn field_get(value: &Owned, name: &Owned) -> Result<Owned, Owned> {
    match value.view() {
        View::Map(map) => map.get(name).cloned().ok_or_else(|| no_key(name)),
        View::Error(e) => error_field(e, name).ok_or_else(|| no_field(value, name)),
        View::Record(record) => record.field(name).cloned().ok_or_else(|| no_field(value, name)),
        View::Type(object) => {
            let member = object.info().member(name.as_str().unwrap_or_default());
            member.ok_or_else(|| no_field(value, name))
        }
        View::Cell(_) => match cell_step(value, name)? {
            (content, true) => Ok(content.clone()),
            (content, false) => field_get(content, name),
        },
        View::Channel(handle) | View::Thread(handle) | View::Handle(handle) => {
            let field = handle.get().field(name.as_str().unwrap_or_default());
            field.unwrap_or_else(|| Err(no_field(value, name)))
        }
        _ => Err(no_field(value, name)),
    }
}

/// What the field `name` of a cell leads to: the value in it (and true), or, for a field that cells
/// do not have, the value to read the field from.
fn cell_step<'a>(value: &'a Owned, name: &Owned) -> Result<(&'a Owned, bool), Owned> {
    let Some(cell) = value.as_cell() else { return Ok((value, false)) };
    if is_value(name) {
        // SAFETY: whoever holds the cell keeps the content, and uses the reference before anything
        // else is done.
        return Ok((&unsafe { cell_access(cell) }?.value, true));
    }
    // SAFETY: as above.
    match unsafe { innermost(cell) }? {
        Some(content) => Ok((content, false)),
        None => Err(no_field(value, name)),
    }
}

fn error_field(e: &ErrorObject, name: &Owned) -> Option<Owned> {
    Some(match name.as_str()? {
        "message" => e.message.clone(),
        "kind" => e.kind.clone(),
        "data" => e.data.clone(),
        "trace" => e.trace_value(),
        "also" => Owned::from(e.also.iter().cloned().collect::<ListObject>()),
        "thread" => e.thread.as_ref().map_or(Owned::NIL, |name| Owned::str(name)),
        _ => return None,
    })
}

/// `container.name = value`; a map gets the key if it is new.
pub(crate) fn field_set(container: &mut Owned, name: &Owned, value: Owned) -> Result<(), Owned> {
    if let Some(map) = container.map_mut() {
        map.insert(name.clone(), value)?;
        return Ok(());
    }
    let place = slot_mut(container, Step::Field(name))?;
    *place = value;
    Ok(())
}

/// The element of a list, the value of a map, the field of a record or error, or the value of a cell
/// that a step leads to; `None` for an element of a packed list, which does not stand there as a
/// value. What other values give for an index is not a part of them: see [`path_get`].
pub(crate) fn slot<'a>(container: &'a Owned, step: Step<'_>) -> Result<Option<&'a Owned>, Owned> {
    match (container.view(), step) {
        (View::List(list), Step::Index(key)) => match key.as_int() {
            Some(i) => match position(i, list.len()) {
                Some(at) => Ok(list.values().map(|values| &values[at])),
                None => Err(out_of_range(i, list.len(), "list")),
            },
            None => Err(bad_index(container, key)),
        },
        (View::Map(map), Step::Index(key) | Step::Field(key)) => {
            map.get(key).ok_or_else(|| no_key(key)).map(Some)
        }
        (View::Error(e), Step::Field(name)) => match name.as_str() {
            Some("message") => Ok(Some(&e.message)),
            Some("kind") => Ok(Some(&e.kind)),
            Some("data") => Ok(Some(&e.data)),
            _ => Err(no_field(container, name)),
        },
        (View::Record(record), Step::Field(name)) => {
            record.field(name).ok_or_else(|| no_field(container, name)).map(Some)
        }
        (View::Cell(_), Step::Field(name)) => match cell_step(container, name)? {
            (content, true) => Ok(Some(content)),
            // No cell, so this is the end of it.
            (content, false) => slot(content, step),
        },
        (View::Bytes(_), Step::Index(_)) => Err(no_byte_place()),
        (_, Step::Index(key)) => Err(bad_index(container, key)),
        (_, Step::Field(name)) => Err(no_field(container, name)),
    }
}

#[cold]
fn no_byte_place() -> Owned {
    error(Kind::Type, "an element of bytes is no place: read it, and assign it with `b[i] = n`")
}

/// The place that a step leads to, for writing: `container` is made unique.
pub(crate) fn slot_mut<'a>(
    container: &'a mut Owned,
    step: Step<'_>,
) -> Result<&'a mut Owned, Owned> {
    // Errors first, so that nothing is copied for them.
    match (container.view(), step) {
        (View::List(list), Step::Index(key)) => {
            let Some(i) = key.as_int() else { return Err(bad_index(container, key)) };
            let Some(at) = position(i, list.len()) else {
                return Err(out_of_range(i, list.len(), "list"));
            };
            // A place holds whatever is put there.
            list.admit(&Owned::NIL)?;
            if let Some(list) = container.list_mut() {
                return Ok(list.place(at));
            }
        }
        (View::Map(map), Step::Index(key) | Step::Field(key)) => {
            // A copy has its entries in the same positions.
            let Some(at) = map.find(key) else { return Err(no_key(key)) };
            if let Some(map) = container.map_mut() {
                return Ok(map.value_at_mut(at));
            }
        }
        (View::Record(record), Step::Field(name)) => {
            let Some(at) = record.field_index(name) else { return Err(no_field(container, name)) };
            if let Some(record) = container.record_mut() {
                return Ok(&mut record.fields_mut()[at]);
            }
        }
        (View::Cell(cell), Step::Field(name)) => {
            if !is_value(name) {
                return Err(not_named(name));
            }
            // SAFETY: `container` keeps the cell. Whoever changes a place uses one at a time, and
            // looks at nothing else meanwhile.
            return Ok(&mut unsafe { cell_access(cell) }?.value);
        }
        (View::Error(_), Step::Field(name)) => return error_place(container, name),
        (View::Bytes(_), Step::Index(_)) => return Err(no_byte_place()),
        (View::Str(_), Step::Index(_)) => {
            let text = "a string cannot be changed by index: build a new one";
            return Err(error(Kind::Type, text));
        }
        (View::Range(_), Step::Index(_)) => {
            return Err(error(Kind::Type, "a range cannot be changed: make a list of it first"));
        }
        (_, Step::Index(key)) => return Err(bad_index(container, key)),
        (_, Step::Field(name)) => return Err(no_field(container, name)),
    }
    unreachable!("a list, map or record can be made unique")
}

/// A change through a cell that does not say so.
#[cold]
fn not_named(name: &Owned) -> Owned {
    let name = name.as_str().unwrap_or_default();
    let text = format!("a cell has no field `{name}` to change: write `.value.{name}`");
    error(Kind::Type, text)
}

fn error_place<'a>(container: &'a mut Owned, name: &Owned) -> Result<&'a mut Owned, Owned> {
    let missing = no_field_later(container, name);
    let Some(e) = container.error_mut() else { return Err(missing()) };
    match name.as_str() {
        Some("message") => Ok(&mut e.message),
        Some("kind") => Ok(&mut e.kind),
        Some("data") => Ok(&mut e.data),
        Some("trace" | "also" | "thread") => {
            let name = name.as_str().unwrap_or_default();
            Err(error(Kind::Type, format!("the field `{name}` of an error cannot be changed")))
        }
        _ => Err(missing()),
    }
}

fn no_field_later(container: &Owned, name: &Owned) -> impl FnOnce() -> Owned + use<> {
    let (container, name) = (container.type_name().to_owned(), name.clone());
    move || {
        let name = name.as_str().unwrap_or_default();
        error(Kind::Name, format!("{container} has no field `{name}`"))
    }
}

/// True when a step leads to nil or to a key that the map does not have: what `??=` fills.
pub(crate) fn vacant(container: &Owned, step: Step<'_>) -> Result<bool, Owned> {
    match (container.view(), step) {
        (View::Map(map), Step::Index(key) | Step::Field(key)) => {
            Ok(map.get(key).is_none_or(Owned::is_nil))
        }
        _ => Ok(slot(container, step)?.is_some_and(Owned::is_nil)),
    }
}

/// What a path leads to, walked without counting as far as it goes through containers.
pub(crate) fn path_get<'a>(
    root: &Owned,
    steps: impl IntoIterator<Item = Step<'a>>,
) -> Result<Owned, Owned> {
    let get = |container: &Owned, step| match step {
        Step::Index(key) => index_get(container, key),
        Step::Field(name) => field_get(container, name),
    };
    let mut steps = steps.into_iter();
    let mut place = root;
    while let Some(step) = steps.next() {
        if let Step::Field(name) = step {
            let (content, done) = cell_step(place, name)?;
            place = content;
            if done {
                continue;
            }
        }
        let part = match (place.view(), step) {
            (View::Map(_), _) | (View::Record(_), Step::Field(_)) => slot(place, step)?,
            (View::List(_), Step::Index(key)) if key.as_int().is_some() => slot(place, step)?,
            _ => None,
        };
        let Some(part) = part else {
            // A character, a slice, a field that is computed: no place, but a value of its own.
            let mut value = get(place, step)?;
            for step in steps {
                value = get(&value, step)?;
            }
            return Ok(value);
        };
        place = part;
    }
    Ok(place.clone())
}

/// `container[start..end]`, clipped to the ends; either may be left out, negative ones count from
/// the end.
pub(crate) fn slice(
    container: &Owned,
    start: Option<&Owned>,
    end: Option<&Owned>,
    inclusive: bool,
) -> Result<Owned, Owned> {
    let (start, end) = positions(container, start, end, inclusive)?;
    part(container, start, end)
}

/// Which bytes of a text are its slice; nothing for what is no text.
pub(crate) fn slice_of_text(
    text: &Owned,
    start: Option<&Owned>,
    end: Option<&Owned>,
    inclusive: bool,
) -> Result<Range<usize>, Owned> {
    let (start, end) = positions(text, start, end, inclusive)?;
    let View::Str(text) = text.view() else { return Ok(0..0) };
    Ok(text.byte_offset(start)..text.byte_offset(end))
}

/// Between which positions a slice is.
fn positions(
    container: &Owned,
    start: Option<&Owned>,
    end: Option<&Owned>,
    inclusive: bool,
) -> Result<(usize, usize), Owned> {
    let int = |value: Option<&Owned>| match value {
        None => Ok(None),
        Some(value) => match value.as_int() {
            Some(i) => Ok(Some(i)),
            None => {
                let text = format!("the end of a slice must be an int, not {}", value.type_name());
                Err(error(Kind::Type, text))
            }
        },
    };
    let (start, end) = (int(start)?, int(end)?);
    let len = match container.view() {
        View::Str(text) => text.char_count(),
        View::List(list) => list.len(),
        View::Range(range) => usize::try_from(range.len()).unwrap_or(usize::MAX),
        View::Bytes(bytes) => bytes.len(),
        View::Nil => return Err(error(Kind::Type, "cannot slice nil")),
        _ => {
            return Err(error(Kind::Type, format!("cannot slice {}", container.type_name())));
        }
    };
    Ok(clip(start, end, inclusive, len))
}

/// Turns the ends of a slice into positions with `start <= end <= len`.
fn clip(start: Option<i64>, end: Option<i64>, inclusive: bool, len: usize) -> (usize, usize) {
    let edge = |i: i64, more: i64| {
        let from_end = if i < 0 { i.saturating_add_unsigned(len as u64) } else { i };
        usize::try_from(from_end.saturating_add(more).max(0)).unwrap_or(usize::MAX).min(len)
    };
    let start = start.map_or(0, |i| edge(i, 0));
    let end = end.map_or(len, |i| edge(i, i64::from(inclusive)));
    (start, end.max(start))
}

/// The elements from `start` to `end`, which are in bounds.
fn part(container: &Owned, start: usize, end: usize) -> Result<Owned, Owned> {
    Ok(match container.view() {
        View::Str(text) => part_of_text(container, text, start, end),
        View::List(list) if end - start == list.len() => container.clone(),
        View::List(list) => {
            let part = list.part(start..end)?;
            rc::work_on(part.element_bytes());
            Owned::from(part)
        }
        View::Bytes(bytes) if end - start == bytes.len() => container.clone(),
        View::Bytes(bytes) => {
            rc::work_on(end - start);
            Owned::bytes(bytes[start..end].to_vec())
        }
        View::Range(range) => Owned::range(part_of_range(range, start as u128, end as u128)),
        _ => unreachable!("strings, lists, bytes and ranges have slices"),
    })
}

fn part_of_text(container: &Owned, text: Text<'_>, start: usize, end: usize) -> Owned {
    let part = text.slice_chars(start, end);
    if part.len() == text.byte_len() {
        return container.clone();
    }
    rc::work_on(part.len());
    Owned::str(part)
}

fn part_of_range(range: &RangeObject, start: u128, end: u128) -> RangeObject {
    let first = range.get(start).unwrap_or(range.start);
    match end.checked_sub(1).filter(|_| start < end).and_then(|last| range.get(last)) {
        Some(last) => RangeObject { start: first, end: last, step: range.step, inclusive: true },
        None => RangeObject { start: first, end: first, step: range.step, inclusive: false },
    }
}

/// `container[range]` with a range that is a value.
fn pick(container: &Owned, key: &Owned, range: &RangeObject) -> Result<Owned, Owned> {
    if range.step == 1 {
        let (start, end) = (Owned::int(range.start), Owned::int(range.end));
        return slice(container, Some(&start), Some(&end), range.inclusive);
    }
    let len = match container.view() {
        View::Str(text) => text.char_count(),
        View::List(list) => list.len(),
        View::Bytes(bytes) => bytes.len(),
        _ => return Err(bad_index(container, key)),
    };
    // Ends count from the end of the container when they are negative; then numbers outside of
    // it are left out.
    let edge = |i: i64| if i < 0 { i.saturating_add_unsigned(len as u64) } else { i };
    let mut walk = RangeObject { start: edge(range.start), end: edge(range.end), ..*range };
    if len == 0 {
        walk.inclusive = false;
        walk.end = walk.start;
    } else if walk.step < 0 {
        walk.start = walk.start.min(len as i64 - 1);
        walk.end = walk.end.max(-1);
    } else {
        walk.end = walk.end.min(len as i64);
    }
    let mut steps = rc::Steps::new();
    let picked = walk
        .iter()
        .inspect(|_| steps.turn())
        .filter_map(|i| usize::try_from(i).ok().filter(|i| *i < len));
    Ok(match container.view() {
        View::Str(text) => {
            let chars: String = picked.filter_map(|i| text.char_at(i)).collect();
            Owned::string(chars)
        }
        View::List(list) => Owned::list(picked.filter_map(|i| list.get(i)).collect()),
        View::Bytes(bytes) => Owned::bytes(picked.map(|i| bytes[i]).collect()),
        _ => unreachable!("checked above"),
    })
}

//! Texts made of values, as `str` gives them.

use super::arguments::{elements, give, no_room, text};
use super::long::{self, LONG};
use crate::native::{Call, NativeResult, with_texts};
use crate::value::{Owned, View, room, try_display, write_display, written};

/// Adds the text of a value to a line.
fn append(line: &mut String, value: &Owned) -> Result<(), Owned> {
    match value.view() {
        View::Nil | View::Bool(_) | View::Int(_) | View::Float(_) | View::Str(_) => {
            write_display(line, value);
        }
        // May be larger than they look.
        _ => line.push_str(&try_display(value)?),
    }
    Ok(())
}

/// Gives `then` the texts of the values with a separator between them.
pub(super) fn line(
    call: &mut Call<'_>,
    values: Vec<Owned>,
    separator: String,
    then: impl FnOnce(&mut Call<'_>, String) -> NativeResult + 'static,
) -> NativeResult {
    let finish = move |call: &mut Call<'_>, values: Vec<Owned>| {
        let line = joined(&values, &separator)?;
        call.charge(line.len() / 16);
        then(call, line)
    };
    if values.iter().all(|value| value.as_record().is_none()) {
        return finish(call, values);
    }
    with_texts(call, values, Box::new(finish))
}

fn joined(values: &[Owned], separator: &str) -> Result<String, Owned> {
    let bytes = long::joined_length(values, separator);
    room(bytes)?;
    let mut line = String::new();
    line.try_reserve(bytes).map_err(|_| no_room(bytes))?;
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            line.push_str(separator);
        }
        append(&mut line, value)?;
    }
    Ok(line)
}

/// The text of a value whose type has no `str` of its own.
fn text_of(call: &mut Call<'_>, value: Owned) -> Result<Owned, Owned> {
    if value.as_str().is_some() {
        return Ok(value);
    }
    let text = written(|text| append(text, &value))?;
    call.charge(text.as_str().map_or(0, str::len) / 16);
    Ok(text)
}

/// Gives `then` the text of one value.
pub(super) fn of(
    call: &mut Call<'_>,
    value: Owned,
    then: impl FnOnce(&mut Call<'_>, Owned) -> NativeResult + 'static,
) -> NativeResult {
    if value.as_record().is_none() {
        let text = text_of(call, value)?;
        return then(call, text);
    }
    with_texts(
        call,
        vec![value],
        Box::new(move |call, mut values| {
            let text = text_of(call, values.pop().unwrap_or_default())?;
            then(call, text)
        }),
    )
}

/// `value.join(separator)`
pub(super) fn join(call: &mut Call<'_>) -> NativeResult {
    let separator = text(call, 0, "separator")?.to_owned();
    let values = elements(call.receiver())?;
    let plain = values.iter().all(|value| value.as_record().is_none());
    if plain && long::joined_length(&values, &separator) >= LONG {
        return long::joined(call, values, Owned::string(separator));
    }
    line(call, values, separator, |_, text| give(text))
}

//! Long texts, put together in steps between which other threads run.
//!
//! Copying a gigabyte takes a good part of a second, most of it in the kernel, which finds the memory
//! for it. So a text of [`LONG`] bytes and more is made piece by piece ([`Next::Later`]), by methods
//! and by operators alike: an operator that would make one calls a native of this file instead.

use std::ops::Range;
use std::sync::Arc;

use super::arguments::{give, int, no_room};
use crate::native::{Call, FunctionDef, NativeDef, NativeResult, Next};
use crate::value::{Owned, append, room, roomy, slice_of_text, try_display};

/// From so many bytes on a text is long.
pub(crate) const LONG: usize = 1 << 20;

/// So many bytes are written in a step.
const STEP: usize = 1 << 17;

/// What a short text is repeated to, before it is repeated as a whole.
const UNIT: usize = 1 << 12;

/// `concat(...parts)`
const CONCAT: FunctionDef = FunctionDef {
    name: "concat",
    signature: "(...parts)",
    doc: "The texts of all parts, one behind the other.",
    run: concat,
    shortcut: None,
};

/// `repeat(text, n)`
const REPEAT: FunctionDef = FunctionDef {
    name: "repeat",
    signature: "(text, n)",
    doc: "The same text `n` times.",
    run: repeat,
    shortcut: None,
};

/// `part(text, start, end)`
const PART: FunctionDef = FunctionDef {
    name: "part",
    signature: "(text, start, end)",
    doc: "The bytes of a text from `start` up to `end`.",
    run: part,
    shortcut: None,
};

/// What makes one text of several, which is long.
pub(crate) fn concatenation() -> Owned {
    Owned::native(Arc::new(NativeDef::from(&CONCAT)))
}

/// What repeats a text, where that is long.
pub(crate) fn repetition() -> Owned {
    Owned::native(Arc::new(NativeDef::from(&REPEAT)))
}

/// What copies a part of a text, which is long.
pub(crate) fn partition() -> Owned {
    Owned::native(Arc::new(NativeDef::from(&PART)))
}

fn concat(call: &mut Call<'_>) -> NativeResult {
    let mut parts = call.take(0);
    let parts = parts.list_mut().map(|list| list.take_values()).unwrap_or_default();
    joined(call, parts, Owned::str(""))
}

fn repeat(call: &mut Call<'_>) -> NativeResult {
    let (text, n) = (call.take(0), int(call, 1, "n")?);
    repeated(call, text, usize::try_from(n).unwrap_or(0))
}

fn part(call: &mut Call<'_>) -> NativeResult {
    let (start, end) = (int(call, 1, "start")?, int(call, 2, "end")?);
    let text = call.take(0);
    copied(call, text, start as usize..end as usize)
}

/// Which bytes of a text are a slice of it, where these are so many that they are copied in steps.
pub(crate) fn long_slice(
    text: &Owned,
    start: Option<&Owned>,
    end: Option<&Owned>,
    inclusive: bool,
) -> Result<Option<Range<usize>>, Owned> {
    let whole = length(text);
    if whole < LONG {
        return Ok(None);
    }
    let part = slice_of_text(text, start, end, inclusive)?;
    Ok((LONG..whole).contains(&part.len()).then_some(part))
}

/// Some of the bytes of a text, whose characters they begin and end with, as a text of its own.
pub(super) fn copied(call: &mut Call<'_>, text: Owned, part: Range<usize>) -> NativeResult {
    let mut building = Building::new(part.len(), std::iter::empty(), Owned::str(""))?;
    building.open.push((text, part));
    go_on(call, building)
}

/// How long a text becomes when it is repeated so many times.
pub(crate) fn repeated_length(text: &Owned, n: i64) -> usize {
    let times = usize::try_from(n).unwrap_or(0);
    length(text).saturating_mul(times)
}

/// A text so many times.
pub(super) fn repeated(call: &mut Call<'_>, text: Owned, times: usize) -> NativeResult {
    let unit = text.as_str().unwrap_or_default();
    let bytes = unit.len().saturating_mul(times);
    let many = (UNIT / unit.len().max(1)).clamp(1, times.max(1));
    let rest = Owned::string(unit.repeat(times % many));
    let whole = if many == 1 { text } else { Owned::string(unit.repeat(many)) };
    let pieces = std::iter::repeat_n(whole, times / many).chain([rest]);
    build(call, bytes, pieces, Owned::str(""))
}

/// The texts of values that have no `str` of their own, with a separator between them.
pub(super) fn joined(call: &mut Call<'_>, values: Vec<Owned>, separator: Owned) -> NativeResult {
    let bytes = joined_length(&values, separator.as_str().unwrap_or_default());
    build(call, bytes, values.into_iter(), separator)
}

/// How long the text of these values becomes, at least. (The same long text may be in it many times.)
pub(crate) fn joined_length(values: &[Owned], separator: &str) -> usize {
    let separators = separator.len().saturating_mul(values.len().saturating_sub(1));
    values.iter().map(length).fold(separators, usize::saturating_add)
}

/// The bytes of a text; 0 of anything else.
pub(crate) fn length(value: &Owned) -> usize {
    value.as_str().map_or(0, str::len)
}

/// The texts of the pieces, one behind the other: so many bytes at least, and these are many.
fn build(
    call: &mut Call<'_>,
    bytes: usize,
    pieces: impl Iterator<Item = Owned> + 'static,
    separator: Owned,
) -> NativeResult {
    let building = Building::new(bytes, pieces, separator)?;
    go_on(call, building)
}

/// A text that is being made.
struct Building<I> {
    text: Owned,
    pieces: I,
    separator: Owned,
    /// There has been a piece: from now on, a separator stands before each.
    begun: bool,
    /// What has been taken for a step that had no room for it, the first last, and which bytes of it
    /// are to be written yet.
    open: Vec<(Owned, Range<usize>)>,
}

fn go_on<I>(call: &mut Call<'_>, mut building: Building<I>) -> NativeResult
where
    I: Iterator<Item = Owned> + 'static,
{
    // For the most part it is the kernel's, which finds fresh memory.
    call.charge(STEP / 16);
    let mut run = String::with_capacity(UNIT);
    let goes_on = building.step(&mut run)?;
    append(&mut building.text, &run);
    if goes_on {
        return Ok(Next::Later(Box::new(|call| go_on(call, building))));
    }
    give(building.text)
}

impl<I: Iterator<Item = Owned>> Building<I> {
    fn new(bytes: usize, pieces: I, separator: Owned) -> Result<Self, Owned> {
        room(bytes)?;
        let text = roomy(bytes.max(LONG)).ok_or_else(|| no_room(bytes))?;
        Ok(Self { text, pieces, separator, begun: false, open: Vec::new() })
    }

    /// Writes as much as a step may, of which the last is left in `run`; false when all is written.
    fn step(&mut self, run: &mut String) -> Result<bool, Owned> {
        let mut left = STEP;
        loop {
            while let Some((piece, rest)) = self.open.pop() {
                let text = &piece.as_str().unwrap_or_default()[rest.clone()];
                // At least a character, of which none has more than four bytes.
                let part = &text[..text.floor_char_boundary(left.max(4))];
                put(&mut self.text, run, part);
                let (written, is_whole) = (part.len(), part.len() == text.len());
                left = left.saturating_sub(written);
                if !is_whole {
                    self.open.push((piece, rest.start + written..rest.end));
                    return Ok(true);
                }
            }
            if left == 0 {
                return Ok(true);
            }
            let Some(mut piece) = self.pieces.next() else { return Ok(false) };
            if piece.as_str().is_none() {
                piece = Owned::string(try_display(&piece)?);
            }
            let separator =
                if self.begun { self.separator.as_str().unwrap_or_default() } else { "" };
            let text = piece.as_str().unwrap_or_default();
            let bytes = separator.len() + text.len();
            if bytes <= left {
                put(&mut self.text, run, separator);
                put(&mut self.text, run, text);
                left -= bytes.max(1);
            } else {
                let before = self.begun.then(|| (self.separator.clone(), 0..separator.len()));
                let whole = 0..text.len();
                self.open.extend([(piece, whole)].into_iter().chain(before));
            }
            self.begun = true;
        }
    }
}

/// Appends a part of a text. Short ones are gathered in a run first, which costs less than to append
/// each.
fn put(text: &mut Owned, run: &mut String, part: &str) {
    if run.len() + part.len() > UNIT {
        append(text, run);
        run.clear();
        if part.len() > UNIT {
            append(text, part);
            return;
        }
    }
    run.push_str(part);
}

//! The methods of strings.
//!
//! Positions, widths and lengths count characters (Unicode scalar values). Nothing here changes its
//! receiver; what comes out the same is the receiver itself, not a copy. The size of a result that
//! may be much larger than the receiver is known before memory is asked for, so that a wrong number
//! is an error and not the end of the process.

use std::collections::HashSet;

use super::arguments::{
    OBJECT, contains, format, give, int, length, no_room, repeat, size_of_chunks, slice, text,
    this_text, vector,
};
use super::elements::{enumerate, zip};
use super::passes;
use crate::native::{Call, NativeResult, Next};
use crate::value::{Kind, Owned, View, count_chars, error, position, room};

methods! {
    /// The number of characters.
    "len" "()" => |call| give(length(this_text(call).char_count())), short len_at_once;
    /// Has it no characters?
    "is_empty" "()" => |call| give(this_text(call).is_empty());
    /// Without spaces and line ends at both ends.
    "trim" "()" => |call| part(call, str::trim);
    /// Without spaces and line ends at the start.
    "trim_start" "()" => |call| part(call, str::trim_start);
    /// Without spaces and line ends at the end.
    "trim_end" "()" => |call| part(call, str::trim_end);
    /// A list of the parts between separators; without one, of the words between spaces.
    "split" "(separator = nil)" => passes::split;
    /// A list of the lines, without their ends.
    "lines" "()" => passes::lines;
    /// The longest parts with only characters of a set like "A-Za-z"; a first or last "-" is itself.
    "runs" "(set)" => passes::runs;
    /// A list of the characters.
    "chars" "()" => passes::chars;
    /// The bytes of the text in UTF-8.
    "bytes" "()" => passes::bytes;
    /// In capital letters.
    "to_upper" "()" => passes::to_upper;
    /// In small letters.
    "to_lower" "()" => passes::to_lower;
    /// With `new` in place of every `old`.
    "replace" "(old, new)" => passes::replace;
    /// Does it start with this?
    "starts_with" "(part)" => |call| give(this_text(call).as_str().starts_with(text(call, 0, "part")?));
    /// Does it end with this?
    "ends_with" "(part)" => |call| give(this_text(call).as_str().ends_with(text(call, 0, "part")?));
    /// Is this in it?
    "contains" "(part)" => contains;
    /// Where this is in it for the first time, counted in characters; nil when it is not.
    "index_of" "(part)" => passes::index_of;
    /// How often this is in it, without overlaps.
    "count" "(part)" => passes::count;
    /// The same text `n` times.
    "repeat" "(n)" => repeat;
    /// Filled up at the end to a width.
    "pad" "(width, fill = \" \")" => |call| pad(call, Side::End);
    /// Filled up at the start to a width.
    "pad_start" "(width, fill = \" \")" => |call| pad(call, Side::Start);
    /// The first character, or nil.
    "first" "()" => |call| give(this_text(call).as_str().chars().next().map(Owned::char));
    /// The last character, or nil.
    "last" "()" => |call| give(this_text(call).as_str().chars().next_back().map(Owned::char));
    /// The character at a position, or `default`.
    "get" "(index, default = nil)" => get;
    /// The characters from `start` up to `end`.
    "slice" "(start, end = nil)" => slice;
    /// The characters from last to first.
    "reverse" "()" => |call| changed(call, |text| text.chars().rev().collect());
    /// The characters in the order of their code points, as a string.
    "sort" "(reverse = false)" => |call| {
        let reverse = call.arg(0).truthy();
        changed(call, move |text| {
            let mut chars: Vec<char> = text.chars().collect();
            chars.sort_unstable();
            if reverse {
                chars.reverse();
            }
            chars.into_iter().collect()
        })
    };
    /// The characters without those that equal an earlier one, as a string.
    "unique" "()" => |call| changed(call, |text| {
        let mut seen = HashSet::new();
        text.chars().filter(|c| seen.insert(*c)).collect()
    });
    /// The least character, or nil.
    "min" "()" => |call| extreme(call, |text| text.chars().min());
    /// The greatest character, or nil.
    "max" "()" => |call| extreme(call, |text| text.chars().max());
    /// Strings of `n` characters each, the last of what is left.
    "chunks" "(n)" => chunks;
    /// Pairs `[a, b]` of elements, as many as the shorter of both has.
    "zip" "(other)" => zip;
    /// Pairs `[i, c]` of position and character.
    "enumerate" "()" => enumerate;
    /// The text in a format, as in `"{x:>8}"`.
    "format" "(spec)" => format;
}

/// Gives a part of the receiver; all of it is no new object.
fn part(call: &mut Call<'_>, of: fn(&str) -> &str) -> NativeResult {
    let this = this_text(call);
    let (part, len) = (of(this.as_str()), this.byte_len());
    // What is taken off was looked at, what is left is copied.
    let work = (len - part.len()) / 8 + part.len() / 64;
    if part.len() == len {
        return give(call.receiver().clone());
    }
    let part = Owned::str(part);
    call.charge(work);
    give(part)
}

/// Gives one of the receiver's characters, for which all are looked at.
fn extreme(call: &mut Call<'_>, of: fn(&str) -> Option<char>) -> NativeResult {
    let this = this_text(call);
    let (found, len) = (of(this.as_str()), this.byte_len());
    call.charge(len / 16);
    give(found.map(Owned::char))
}

/// Gives a new text made of the whole receiver.
fn changed(call: &mut Call<'_>, change: impl FnOnce(&str) -> String) -> NativeResult {
    let this = this_text(call);
    let len = this.byte_len();
    room(len)?;
    let result = change(this.as_str());
    call.charge(len / 16);
    give(result)
}

fn chunks(call: &mut Call<'_>) -> NativeResult {
    let n = size_of_chunks(call)?;
    let this = this_text(call);
    let mut parts = vector(this.char_count().div_ceil(n), OBJECT)?;
    let mut rest = this.as_str();
    while !rest.is_empty() {
        let end = rest.char_indices().nth(n).map_or(rest.len(), |(end, _)| end);
        let (part, behind) = rest.split_at(end);
        parts.push(Owned::str(part));
        rest = behind;
    }
    call.charge(this.byte_len() / 16 + parts.len());
    give(parts)
}

/// The length of a text whose characters are counted as soon as asked for.
fn len_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    const AT_ONCE: usize = 256;
    let View::Str(text) = this.view() else { return None };
    (text.byte_len() <= AT_ONCE).then(|| Owned::int(text.char_count() as i64))
}

/// An empty text with room for `len` bytes; an error of kind `memory` when there is none.
fn buffer(len: usize) -> Result<String, Owned> {
    room(len)?;
    let mut out = String::new();
    // With no limit set, the allocator decides.
    out.try_reserve_exact(len).map_err(|_| no_room(len))?;
    Ok(out)
}

/// Where a text is filled up.
enum Side {
    Start,
    End,
}

fn pad(call: &mut Call<'_>, side: Side) -> NativeResult {
    let (width, fill) = (int(call, 0, "width")?, text(call, 1, "fill")?);
    if count_chars(fill) != 1 {
        return Err(error(Kind::Value, "`fill` must be one character"));
    }
    let this = this_text(call);
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(this.char_count());
    if missing == 0 {
        return give(call.receiver().clone());
    }
    let len = missing.saturating_mul(fill.len()).saturating_add(this.byte_len());
    let mut out = buffer(len)?;
    if let Side::Start = side {
        out.extend(std::iter::repeat_n(fill, missing));
    }
    out.push_str(this.as_str());
    if let Side::End = side {
        out.extend(std::iter::repeat_n(fill, missing));
    }
    call.charge(len / 16);
    give(out)
}

fn get(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let this = this_text(call);
    match position(i, this.char_count()).and_then(|at| this.char_at(at)) {
        Some(c) => give(Owned::char(c)),
        None => Ok(Next::Return(call.take(1))),
    }
}

/// `chr(n)`: the character of a code point.
pub(super) fn chr(call: &mut Call<'_>) -> NativeResult {
    let n = int(call, 0, "n")?;
    match u32::try_from(n).ok().and_then(char::from_u32) {
        Some(c) => give(Owned::char(c)),
        None => Err(error(Kind::Value, format!("{n} is not the code point of a character"))),
    }
}

/// `ord(c)`: the code point of a character.
pub(super) fn ord(call: &mut Call<'_>) -> NativeResult {
    let c = text(call, 0, "c")?;
    let mut chars = c.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => give(Owned::int(i64::from(u32::from(c)))),
        _ => {
            let n = count_chars(c);
            Err(error(Kind::Value, format!("`ord` needs a string of one character, not of {n}")))
        }
    }
}

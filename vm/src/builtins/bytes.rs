//! The methods of bytes: those of lists, for elements that are ints from 0 to 255.

use super::arguments::{
    OBJECT, contains, count, elements, format, give, int, length, no_room, place, repeat,
    size_of_chunks, slice, vector,
};
use super::elements::{enumerate, sum, zip};
use super::texts::join;
use crate::native::{Call, NativeResult, Next};
use crate::value::{BytesObject, Kind, Owned, View, error, position, room};

methods! {
    /// The number of bytes.
    "len" "()" => |call| give(length(this(call).len()));
    /// Are there no bytes?
    "is_empty" "()" => |call| give(this(call).is_empty());
    /// Adds a byte at the end.
    mut "push" "(byte)" => |call| {
        let byte = BytesObject::byte(call.arg(0))?;
        this_mut(call).push(byte);
        Next::nil()
    };
    /// Takes the last byte off and gives it; nil when there is none.
    mut "pop" "()" => |call| give(this_mut(call).pop().map(number));
    /// Takes the first byte off and gives it; nil when there is none.
    mut "pop_first" "()" => |call| give(this_mut(call).pop_first().map(number));
    /// Puts a byte before the one at a position.
    mut "insert" "(index, byte)" => insert;
    /// Takes the byte at a position out and gives it.
    mut "remove" "(index)" => remove;
    /// Takes all bytes off.
    mut "clear" "()" => |call| {
        *call.receiver_mut() = Owned::bytes(Vec::new());
        Next::nil()
    };
    /// Adds what `bytes` makes of a value at the end: of a text, of bytes, of a list of ints.
    mut "extend" "(values)" => extend;
    /// Exchanges two bytes.
    mut "swap" "(i, j)" => swap;
    /// Takes the bytes from position `len` on off.
    mut "truncate" "(len)" => truncate;
    /// The text that the bytes are in UTF-8.
    "text" "()" => to_text;
    /// The bytes from least to greatest.
    "sort" "(reverse = false)" => |call| {
        let down = call.arg(0).truthy();
        changed(call, |bytes| {
            bytes.sort_unstable();
            if down {
                bytes.reverse();
            }
        })
    };
    /// The bytes from last to first.
    "reverse" "()" => |call| changed(call, |bytes| bytes.reverse());
    /// Is this byte, or are these bytes in a row, in it?
    "contains" "(part)" => contains;
    /// Do they start with these bytes?
    "starts_with" "(part)" => |call| give(this(call).starts_with(part(call)?));
    /// Do they end with these bytes?
    "ends_with" "(part)" => |call| give(this(call).ends_with(part(call)?));
    /// Where this byte, or these bytes in a row, stand for the first time; nil when they do not.
    "index_of" "(part)" => index_of;
    /// How many bytes equal this.
    "count" "(byte)" => |call| {
        let byte = a_byte(call.arg(0));
        let n = this(call).iter().filter(|other| Some(**other) == byte).count();
        let work = this(call).len() / 64;
        call.charge(work);
        give(length(n))
    };
    /// The first byte, or nil.
    "first" "()" => |call| give(this(call).first().copied().map(number));
    /// The last byte, or nil.
    "last" "()" => |call| give(this(call).last().copied().map(number));
    /// The byte at a position, or `default`.
    "get" "(index, default = nil)" => get;
    /// The bytes from `start` up to `end`.
    "slice" "(start, end = nil)" => slice;
    /// The sum of the bytes, from `start` on.
    "sum" "(start = 0)" => sum;
    /// The least byte, or nil.
    "min" "()" => |call| give(this(call).iter().min().copied().map(number));
    /// The greatest byte, or nil.
    "max" "()" => |call| give(this(call).iter().max().copied().map(number));
    /// The bytes without those that equal an earlier one.
    "unique" "()" => unique;
    /// The bytes themselves: none of them is a list.
    "flatten" "()" => |call| give(call.receiver().clone());
    /// Bytes of length `n`, the last of what is left.
    "chunks" "(n)" => chunks;
    /// Pairs `[a, b]` of elements, as many as the shorter of both has.
    "zip" "(other)" => zip;
    /// Pairs `[i, byte]` of position and byte.
    "enumerate" "()" => enumerate;
    /// The numbers as texts, with a separator between them.
    "join" "(separator = \"\")" => join;
    /// The bytes `n` times.
    "repeat" "(n)" => repeat;
    /// A list of the bytes, as ints.
    "list" "()" => |call| {
        let items = elements(call.receiver())?;
        call.charge(items.len() / 8);
        give(items)
    };
    /// The text in a format, as in `"{x:>8}"`.
    "format" "(spec)" => format;
}

fn this<'a>(call: &'a Call<'_>) -> &'a BytesObject {
    match call.receiver().view() {
        View::Bytes(bytes) => bytes,
        _ => unreachable!("methods of bytes are called on bytes"),
    }
}

fn this_mut<'a>(call: &'a mut Call<'_>) -> &'a mut BytesObject {
    match call.receiver_mut().bytes_mut() {
        Some(bytes) => bytes,
        None => unreachable!("methods of bytes are called on bytes"),
    }
}

/// The first argument, which must be bytes.
fn part<'a>(call: &'a Call<'_>) -> Result<&'a [u8], Owned> {
    match call.arg(0).view() {
        View::Bytes(part) => Ok(part),
        _ => {
            let given = call.arg(0).type_name();
            Err(error(Kind::Type, format!("`part` must be bytes, not {given}")))
        }
    }
}

fn number(byte: u8) -> Owned {
    Owned::int(i64::from(byte))
}

/// The byte that equals a value, if there is one.
fn a_byte(value: &Owned) -> Option<u8> {
    let n = value.as_int().or_else(|| crate::value::number::exact_int(value.as_float()?))?;
    u8::try_from(n).ok()
}

/// `bytes(value)`: of a text in UTF-8, of ints from 0 to 255, or so many zeros.
pub(super) fn bytes(call: &mut Call<'_>) -> NativeResult {
    let made = match call.arg(0).view() {
        View::Bytes(_) => return Ok(Next::Return(call.take(0))),
        View::Int(_) => {
            let n = count(call, 0, "value")?;
            let mut zeros = buffer(n)?;
            zeros.resize(n, 0);
            zeros
        }
        _ => bytes_of(call.arg(0))?,
    };
    call.charge(made.len() / 64);
    give(Owned::bytes(made))
}

/// The bytes that are in a value.
fn bytes_of(value: &Owned) -> Result<Vec<u8>, Owned> {
    let of_slice = |bytes: &[u8]| {
        let mut copy = buffer(bytes.len())?;
        copy.extend_from_slice(bytes);
        Ok(copy)
    };
    match value.view() {
        View::Str(text) => of_slice(text.as_bytes()),
        View::Bytes(bytes) => of_slice(bytes),
        View::Int(_) => {
            let text = "cannot walk int; to add one byte, use push";
            Err(error(Kind::Type, text))
        }
        _ => elements(value)?.iter().map(BytesObject::byte).collect(),
    }
}

fn buffer(n: usize) -> Result<Vec<u8>, Owned> {
    room(n)?;
    let mut out = Vec::new();
    out.try_reserve_exact(n).map_err(|_| no_room(n))?;
    Ok(out)
}

fn to_text(call: &mut Call<'_>) -> NativeResult {
    let bytes = this(call);
    room(bytes.len())?;
    let work = bytes.len() / 64;
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Owned::str(text),
        Err(bad) => {
            let at = bad.valid_up_to();
            let text = format!("the bytes are not UTF-8: byte {} at position {at}", bytes[at]);
            return Err(error(Kind::Value, text));
        }
    };
    call.charge(work);
    give(text)
}

#[cold]
fn out_of_range(i: i64, len: usize) -> Owned {
    error(Kind::Index, format!("index {i} is out of range: the bytes have length {len}"))
}

fn insert(call: &mut Call<'_>) -> NativeResult {
    let (i, len) = (int(call, 0, "index")?, this(call).len());
    let at = place(i, len).ok_or_else(|| out_of_range(i, len))?;
    let byte = BytesObject::byte(call.arg(1))?;
    this_mut(call).with_vec(|bytes| bytes.insert(at, byte));
    call.charge((len - at) / 512);
    Next::nil()
}

fn remove(call: &mut Call<'_>) -> NativeResult {
    let (i, len) = (int(call, 0, "index")?, this(call).len());
    let at = position(i, len).ok_or_else(|| out_of_range(i, len))?;
    let bytes = this_mut(call);
    let byte = match at {
        0 => bytes.pop_first(),
        _ => Some(bytes.with_vec(|bytes| bytes.remove(at))),
    };
    call.charge((len - at) / 512);
    give(byte.map(number))
}

fn extend(call: &mut Call<'_>) -> NativeResult {
    let more = bytes_of(call.arg(0))?;
    room(more.len())?;
    call.charge(more.len() / 64);
    this_mut(call).with_vec(|bytes| bytes.extend_from_slice(&more));
    Next::nil()
}

fn swap(call: &mut Call<'_>) -> NativeResult {
    let len = this(call).len();
    let place = |name, i| {
        let i = int(call, i, name)?;
        position(i, len).ok_or_else(|| out_of_range(i, len))
    };
    let (i, j) = (place("i", 0)?, place("j", 1)?);
    this_mut(call).as_mut_slice().swap(i, j);
    Next::nil()
}

fn truncate(call: &mut Call<'_>) -> NativeResult {
    let len = count(call, 0, "len")?;
    if len < this(call).len() {
        this_mut(call).with_vec(|bytes| bytes.truncate(len));
    }
    Next::nil()
}

/// Changes the receiver, in place when this is its last use, and gives it.
fn changed(call: &mut Call<'_>, change: impl FnOnce(&mut [u8])) -> NativeResult {
    let mut receiver = call.take_receiver();
    let Some(bytes) = receiver.bytes_mut() else {
        unreachable!("methods of bytes are called on bytes")
    };
    change(bytes.as_mut_slice());
    let work = bytes.len() / 16;
    call.charge(work);
    give(receiver)
}

fn index_of(call: &mut Call<'_>) -> NativeResult {
    let this = this(call);
    let at = match call.arg(0).view() {
        View::Bytes(part) if part.is_empty() => Some(0),
        View::Bytes(part) => this.windows(part.len()).position(|window| window == &**part),
        _ => match a_byte(call.arg(0)) {
            Some(byte) => this.iter().position(|other| *other == byte),
            None => None,
        },
    };
    let work = this.len() / 16;
    call.charge(work);
    give(at.map(length))
}

fn get(call: &mut Call<'_>) -> NativeResult {
    let i = int(call, 0, "index")?;
    let this = this(call);
    match position(i, this.len()) {
        Some(at) => give(number(this[at])),
        None => Ok(Next::Return(call.take(1))),
    }
}

fn unique(call: &mut Call<'_>) -> NativeResult {
    let mut seen = [false; 256];
    let first = |byte: &u8| !std::mem::replace(&mut seen[usize::from(*byte)], true);
    let once: Vec<u8> = this(call).iter().copied().filter(first).collect();
    let work = this(call).len() / 16;
    call.charge(work);
    give(Owned::bytes(once))
}

fn chunks(call: &mut Call<'_>) -> NativeResult {
    let n = size_of_chunks(call)?;
    let this = this(call);
    room(this.len())?;
    let mut parts = vector(this.len().div_ceil(n), OBJECT)?;
    parts.extend(this.chunks(n).map(|part| Owned::bytes(part.to_vec())));
    let work = parts.len() + this.len() / 64;
    call.charge(work);
    give(parts)
}

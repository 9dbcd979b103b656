//! Texts as values hold them: up to eight bytes stand in the value itself, more in a string object.
//!
//! # Invariants
//!
//! - Text of at most [`SHORT_MAX`] bytes stands in no object. So two values that are short strings
//!   are equal exactly when they are the same words, and no short string equals another one.
//! - The tag of a short string says its length; the payload is its bytes as they stand in memory,
//!   and zeros behind them.

#![expect(unsafe_code, reason = "text stands in the payload of a value")]

use std::cell::Cell;

use arrayvec::ArrayString;

use super::hash::hash_short;
use super::{Owned, Raw, StrObject, View, tag};
use crate::rc;

/// The longest text that needs no object.
pub(super) const SHORT_MAX: usize = 8;

const _: () = assert!(tag::SHORT + SHORT_MAX as u64 + 1 == tag::STR);

/// The text of a string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    text: &'a str,
    /// Where it stands, if it is long: there it is kept what was found out about it.
    object: Option<&'a StrObject>,
}

impl<'a> Text<'a> {
    /// The text of a short string.
    ///
    /// # Safety
    /// `raw` is a short string.
    #[inline(always)]
    pub(super) unsafe fn short(raw: &'a Raw) -> Self {
        let len = (raw.tag - tag::SHORT) as usize;
        // SAFETY: the payload has `len` bytes; it is not written while it is borrowed.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const raw.bits).cast::<u8>(), len) };
        // SAFETY: they are valid UTF-8.
        Self { text: unsafe { std::str::from_utf8_unchecked(bytes) }, object: None }
    }

    /// The text of a string object.
    #[inline(always)]
    pub(super) fn long(object: &'a StrObject) -> Self {
        Self { text: object.as_str(), object: Some(object) }
    }

    /// The text.
    #[inline(always)]
    pub(crate) const fn as_str(self) -> &'a str {
        self.text
    }

    /// The bytes of the text.
    #[inline(always)]
    pub(crate) const fn as_bytes(self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The number of bytes.
    #[inline(always)]
    pub(crate) const fn byte_len(self) -> usize {
        self.text.len()
    }

    /// True when there is no text.
    #[inline(always)]
    pub(crate) const fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// The same text.
    #[inline]
    pub(crate) fn is_same_text(self, other: Self) -> bool {
        rc::work_on(if self.byte_len() == other.byte_len() { self.byte_len() } else { 0 });
        self.text == other.text
    }

    /// The number of characters (Unicode scalar values). O(1) but for the first time.
    pub(crate) fn char_count(self) -> usize {
        self.object.map_or_else(|| count_chars(self.text), StrObject::char_count)
    }

    /// True when every byte is a character.
    pub(crate) fn is_ascii(self) -> bool {
        self.char_count() == self.byte_len()
    }

    /// Character `i`.
    pub(crate) fn char_at(self, i: usize) -> Option<char> {
        if i >= self.char_count() {
            return None;
        }
        if self.is_ascii() {
            return Some(char::from(self.as_bytes()[i]));
        }
        self.text[self.byte_offset(i)..].chars().next()
    }

    /// The characters from `start` up to but not including `end`, both at most the count.
    pub(crate) fn slice_chars(self, start: usize, end: usize) -> &'a str {
        if start >= end {
            return "";
        }
        &self.text[self.byte_offset(start)..self.byte_offset(end)]
    }

    /// Where character `i` starts; `i` is at most the count.
    pub(crate) fn byte_offset(self, i: usize) -> usize {
        match self.object {
            Some(object) => object.byte_offset(i),
            None => self.text.char_indices().nth(i).map_or(self.text.len(), |(at, _)| at),
        }
    }

    /// Which character the byte at `offset` belongs to: the number of characters before it.
    pub(crate) fn char_of_byte(self, offset: usize) -> usize {
        if self.is_ascii() {
            return offset;
        }
        rc::work_on(offset);
        count_chars(&self.text[..offset])
    }
}

/// A string, which the caller owns.
#[inline]
pub(super) fn string(text: &str) -> Raw {
    short(text.as_bytes()).unwrap_or_else(|| StrObject::allocate(text))
}

/// A string, which the caller owns: the text is taken over when it is long.
#[inline]
pub(super) fn take_string(text: String) -> Raw {
    short(text.as_bytes()).unwrap_or_else(|| rc::allocate(StrObject::from_string(text)))
}

thread_local! {
    /// Where texts are put together that become short, so that they cost no allocation.
    static DRAFT: Cell<String> = const { Cell::new(String::new()) };
}

/// Longer drafts become strings as they are, with the room that they have.
const DRAFT_MAX: usize = 256;

/// A string of what `write` appends to a text that is empty at first.
pub(crate) fn written(
    write: impl FnOnce(&mut String) -> Result<(), Owned>,
) -> Result<Owned, Owned> {
    // The kernel thread may be ending, or in the middle of another one: then a new one does.
    let mut draft = DRAFT.try_with(Cell::take).unwrap_or_default();
    let result = write(&mut draft);
    if draft.capacity() > DRAFT_MAX {
        return result.map(|()| Owned::string(draft));
    }
    let string = result.map(|()| Owned::str(&draft));
    draft.clear();
    let _ = DRAFT.try_with(|place| place.set(draft));
    string
}

/// The most that [`joined`] joins.
const JOINED_MAX: usize = 64;

/// The texts of strings and ints, joined; none when that is long, and where there is any other value.
pub(crate) fn joined(parts: &[Owned]) -> Option<Owned> {
    let (mut joined, mut digits) = (ArrayString::<JOINED_MAX>::new(), itoa::Buffer::new());
    for part in parts {
        let pushed = match part.view() {
            View::Str(text) => joined.try_push_str(text.as_str()),
            View::Int(n) => joined.try_push_str(digits.format(n)),
            _ => return None,
        };
        pushed.ok()?;
    }
    Some(Owned::str(&joined))
}

/// A short string of these bytes of a text, unless they are too many.
#[inline(always)]
fn short(bytes: &[u8]) -> Option<Raw> {
    (bytes.len() <= SHORT_MAX).then(|| Raw {
        tag: tag::SHORT + bytes.len() as u64,
        bits: u64::from_ne_bytes(short_bytes(bytes)),
    })
}

/// The hash of a value that is a string.
#[inline]
pub(super) fn hash_of(value: &Owned) -> u32 {
    let raw = value.as_raw();
    if raw.tag == tag::STR {
        // SAFETY: the tag says so, and the value keeps it alive.
        unsafe { rc::body::<StrObject>(raw) }.hash32()
    } else {
        hash_short(raw.bits, (raw.tag - tag::SHORT) as usize)
    }
}

/// A string without text yet, with room for so many bytes, which are to be appended before anything
/// else is done with it: more than a short one has. `None` when there is no memory for them.
pub(crate) fn roomy(bytes: usize) -> Option<Owned> {
    let object = rc::allocate(StrObject::with_room(bytes)?);
    // SAFETY: just made.
    Some(unsafe { Owned::from_raw(object) })
}

/// Appends to a string in place, or makes it longer; false when it is none.
#[inline]
pub(crate) fn append(this: &mut Owned, more: &str) -> bool {
    if let Some(object) = this.str_mut() {
        object.push_str(more);
        return true;
    }
    let Some(text) = this.as_str() else { return false };
    let len = text.len() + more.len();
    let longer = if len <= SHORT_MAX {
        let mut bytes = [0; SHORT_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes[text.len()..len].copy_from_slice(more.as_bytes());
        Raw { tag: tag::SHORT + len as u64, bits: u64::from_ne_bytes(bytes) }
    } else {
        let mut object = StrObject::new("");
        object.push_str(text);
        object.push_str(more);
        rc::allocate(object)
    };
    // SAFETY: a short string has no references, and an object was just made.
    *this = unsafe { Owned::from_raw(longer) };
    true
}

/// Up to eight bytes and zeros behind them, from pieces that overlap: copying a number of bytes that
/// is not known would be a call.
#[inline(always)]
pub(super) fn short_bytes(bytes: &[u8]) -> [u8; SHORT_MAX] {
    debug_assert!(bytes.len() <= SHORT_MAX);
    let n = bytes.len();
    let word = if let Some(all) = bytes.first_chunk::<8>() {
        return *all;
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        u64::from(first) | u64::from(last) << (8 * (n - 4))
    } else {
        match *bytes {
            [a] => u64::from(a),
            [a, b] => u64::from(a) | u64::from(b) << 8,
            [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
            _ => 0,
        }
    };
    word.to_le_bytes()
}

/// The number of characters of a text.
pub(crate) fn count_chars(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

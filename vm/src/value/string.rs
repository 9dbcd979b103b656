//! Long strings: UTF-8 text that can grow in place, indexed by Unicode scalar values.
//!
//! Up to [`INLINE`] bytes stand in the object itself. What is costly to find out is kept: the hash
//! and the number of characters, and for long text that is not ASCII an index of the place of
//! every [`STRIDE`]th character, so that indexing is O(1) after one O(n) step.
//!
//! # Invariants
//!
//! - The bytes are valid UTF-8. `capacity` is 0 exactly when the text is inline; else `data.heap`
//!   and `capacity` belong to a `String`.
//! - `chars` is 0 (not known), `count << 1 | 1`, or the address of a `CharIndex`; `hash` is 0 (not
//!   known) or the hash. Both may be filled in by any thread that reads the string (atomic, each
//!   is complete in one word), and are reset by whoever changes it.

#![expect(unsafe_code, reason = "small strings are inline; the index is published atomically")]

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::hash::hash_bytes;
use super::text::{count_chars, short_bytes};
use super::{Owned, Raw, tag};
use crate::rc::{self, Body};

/// The longest text that needs no buffer.
pub(super) const INLINE: usize = 16;
/// One place is kept for so many characters.
const STRIDE: usize = 64;

/// The body of a string.
#[repr(C)]
pub(crate) struct StrObject {
    len: usize,
    capacity: usize,
    data: Data,
    chars: AtomicUsize,
    hash: AtomicU32,
}

union Data {
    /// What is behind the text is 0.
    inline: [u8; INLINE],
    /// The same, to be compared at once.
    words: [u64; 2],
    heap: *mut u8,
}

struct CharIndex {
    count: usize,
    /// The byte offsets of characters 0, `STRIDE`, 2 `STRIDE`, ...
    places: Box<[usize]>,
}

// SAFETY: strings have a tag of their own.
unsafe impl Body for StrObject {
    const TAG: u64 = tag::STR;

    fn buffer_bytes(&self) -> usize {
        self.capacity
    }

    fn shed(&mut self) -> usize {
        let Some(rest) = self.capacity.checked_sub(rc::LARGE_BUFFER) else { return 0 };
        self.forget();
        let mut buffer = self.take_buffer(0).into_bytes();
        buffer.clear();
        buffer.shrink_to(rest.max(INLINE + 1));
        // SAFETY: nothing is no less than text.
        let text = unsafe { String::from_utf8_unchecked(buffer) };
        self.put_buffer(text);
        rc::BUFFER_COST
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {}
}

impl StrObject {
    /// A string of this text, copied.
    #[inline]
    pub(super) fn new(text: &str) -> Self {
        if text.len() <= INLINE {
            Self::with_data(text.len(), 0, Data { words: inline_bytes(text.as_bytes()) })
        } else {
            Self::from_string(text.to_owned())
        }
    }

    /// An object with this text, which the caller owns: as [`StrObject::new`], but short text is
    /// written straight to its place.
    #[inline]
    pub(super) fn allocate(text: &str) -> Raw {
        if text.len() > INLINE {
            return rc::allocate(Self::from_string(text.to_owned()));
        }
        let init = |at: *mut Self| {
            let inline = inline_bytes(text.as_bytes());
            let (chars, hash) = (AtomicUsize::new(0), AtomicU32::new(0));
            // SAFETY: `at` has room for a body.
            unsafe {
                (&raw mut (*at).len).write(text.len());
                (&raw mut (*at).capacity).write(0);
                (&raw mut (*at).data).cast::<[u64; 2]>().write(inline);
                (&raw mut (*at).chars).write(chars);
                (&raw mut (*at).hash).write(hash);
            }
        };
        // SAFETY: all fields are written.
        unsafe { rc::allocate_in_place(init) }
    }

    /// A string of this text, which is taken over when it is long.
    pub(crate) fn from_string(text: String) -> Self {
        if text.len() <= INLINE {
            return Self::new(&text);
        }
        Self::with_buffer(text)
    }

    /// No text, and a buffer for so many bytes, more than [`INLINE`]; `None` when there is no memory
    /// for it.
    pub(super) fn with_room(bytes: usize) -> Option<Self> {
        debug_assert!(bytes > INLINE);
        let mut text = String::new();
        text.try_reserve_exact(bytes).ok()?;
        Some(Self::with_buffer(text))
    }

    /// A string with this buffer, which is not empty.
    fn with_buffer(text: String) -> Self {
        let mut text = ManuallyDrop::new(text);
        rc::charge(text.capacity());
        let data = Data { heap: text.as_mut_ptr() };
        Self::with_data(text.len(), text.capacity(), data)
    }

    fn with_data(len: usize, capacity: usize, data: Data) -> Self {
        Self { len, capacity, data, chars: AtomicUsize::new(0), hash: AtomicU32::new(0) }
    }

    /// Appends text in place; amortised O(1) a byte.
    pub(crate) fn push_str(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let count = self.known_count();
        let len = self.len + text.len();
        if self.capacity == 0 && len <= INLINE {
            // SAFETY: without a buffer the inline bytes are the ones in use.
            let inline = unsafe { &mut self.data.inline };
            inline[self.len..len].copy_from_slice(text.as_bytes());
            self.len = len;
        } else {
            self.push_to_buffer(text);
        }
        self.forget();
        if let Some(count) = count {
            // Keeping it known costs the new part only; asking again would cost the whole.
            self.set_count(count + count_chars(text));
        }
    }

    fn push_to_buffer(&mut self, text: &str) {
        if self.len + text.len() <= self.capacity {
            // SAFETY: the buffer has room behind its text.
            let end = unsafe { self.data.heap.add(self.len) };
            // SAFETY: as above; `text` is another object, since this one is borrowed mutably.
            unsafe { end.copy_from_nonoverlapping(text.as_ptr(), text.len()) };
            self.len += text.len();
            return;
        }
        let mut buffer = self.take_buffer(text.len());
        buffer.push_str(text);
        self.put_buffer(buffer);
    }

    /// Puts a buffer into the string, which has none.
    fn put_buffer(&mut self, buffer: String) {
        let mut buffer = ManuallyDrop::new(buffer);
        self.len = buffer.len();
        self.capacity = buffer.capacity();
        self.data = Data { heap: buffer.as_mut_ptr() };
        rc::charge(self.capacity);
    }

    /// Moves the text out, with room for `more` bytes: the string is empty afterwards.
    fn take_buffer(&mut self, more: usize) -> String {
        if self.capacity == 0 {
            let mut buffer = String::with_capacity((self.len + more).max(2 * INLINE));
            buffer.push_str(self.as_str());
            self.len = 0;
            return buffer;
        }
        rc::credit(self.capacity);
        let (len, capacity) = (self.len, self.capacity);
        // SAFETY: with a capacity the buffer is in use.
        let heap = unsafe { self.data.heap };
        (self.len, self.capacity) = (0, 0);
        self.data = Data { words: [0, 0] };
        // SAFETY: by the invariant these are the parts of a `String`, given up just now.
        unsafe { String::from_raw_parts(heap, len, capacity) }
    }

    /// Forgets what was found out about the text.
    fn forget(&mut self) {
        *self.hash.get_mut() = 0;
        let known = std::mem::take(self.chars.get_mut());
        if known != 0 && known & 1 == 0 {
            // SAFETY: such a word is the address of an index made by `build_index`; it is ours.
            drop(unsafe { Box::from_raw(index_at(known)) });
        }
    }

    /// The text.
    #[inline(always)]
    pub(crate) fn as_str(&self) -> &str {
        // SAFETY: the bytes are valid UTF-8.
        unsafe { std::str::from_utf8_unchecked(self.as_bytes()) }
    }

    /// The bytes of the text.
    #[inline(always)]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        let data = if self.capacity == 0 {
            (&raw const self.data).cast::<u8>()
        } else {
            // SAFETY: with a capacity the buffer is in use.
            unsafe { self.data.heap.cast_const() }
        };
        // SAFETY: `len` bytes are there, inline or in the buffer.
        unsafe { std::slice::from_raw_parts(data, self.len) }
    }

    /// The number of characters (Unicode scalar values). O(1) but for the first time.
    pub(crate) fn char_count(&self) -> usize {
        self.known_count().unwrap_or_else(|| {
            let count = count_chars(self.as_str());
            rc::work_on(self.len);
            self.set_count(count);
            count
        })
    }

    /// Where character `i` starts; `i` is at most the count.
    pub(crate) fn byte_offset(&self, i: usize) -> usize {
        let count = self.char_count();
        if count == self.len || i == 0 {
            return i;
        }
        if i >= count {
            return self.len;
        }
        let start = if self.len <= 2 * STRIDE { 0 } else { self.index().places[i / STRIDE] };
        let skip = if self.len <= 2 * STRIDE { i } else { i % STRIDE };
        let rest = &self.as_str()[start..];
        start + rest.char_indices().nth(skip).map_or(rest.len(), |(at, _)| at)
    }

    /// The hash, kept.
    #[inline]
    pub(crate) fn hash32(&self) -> u32 {
        // Relaxed: the word is complete in itself, and the same for every thread.
        let known = self.hash.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        rc::work_on(self.len);
        let hash = hash_bytes(self.as_bytes());
        self.hash.store(hash, Ordering::Relaxed);
        hash
    }

    fn known_count(&self) -> Option<usize> {
        // Acquire: partner of the release in `build_index`.
        match self.chars.load(Ordering::Acquire) {
            0 if self.len == 0 => Some(0),
            0 => None,
            known if known & 1 == 1 => Some(known >> 1),
            // SAFETY: such a word is the address of an index, which lives as long as the text
            // is not changed.
            address => Some(unsafe { &*index_at(address) }.count),
        }
    }

    fn set_count(&self, count: usize) {
        // Only from "not known": never over an index that another thread has put there.
        // Relaxed: the word is complete in itself.
        let word = count << 1 | 1;
        let _ = self.chars.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn index(&self) -> &CharIndex {
        // Acquire: partner of the release in `build_index`.
        let known = self.chars.load(Ordering::Acquire);
        let address = if known != 0 && known & 1 == 0 { known } else { self.build_index(known) };
        // SAFETY: the address of an index, which lives as long as the text is not changed.
        unsafe { &*index_at(address) }
    }

    #[cold]
    fn build_index(&self, known: usize) -> usize {
        let mut count = 0;
        let mut places = Vec::with_capacity(self.len / STRIDE + 1);
        rc::work(self.len / 8);
        for (at, _) in self.as_str().char_indices() {
            if count % STRIDE == 0 {
                places.push(at);
            }
            count += 1;
        }
        let index = Box::into_raw(Box::new(CharIndex { count, places: places.into() }));
        let address = index.expose_provenance();
        // Release: partner of the acquires of readers, who look into the index.
        let order = (Ordering::Release, Ordering::Acquire);
        let mut expected = known;
        loop {
            match self.chars.compare_exchange(expected, address, order.0, order.1) {
                Ok(_) => return address,
                // Another thread has counted meanwhile: replace that.
                Err(other) if other & 1 == 1 => expected = other,
                // Another thread was faster.
                Err(other) => {
                    // SAFETY: made above and not published.
                    drop(unsafe { Box::from_raw(index) });
                    return other;
                }
            }
        }
    }
}

/// Up to [`INLINE`] bytes as they stand in a string.
#[inline(always)]
fn inline_bytes(bytes: &[u8]) -> [u64; 2] {
    let (low, high) = match (bytes.first_chunk(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            // Of the last 8 bytes those that are not among the first 8.
            let shift = 8 * (INLINE - bytes.len()) as u32;
            (*first, u64::from_le_bytes(*last).checked_shr(shift).unwrap_or(0))
        }
        _ => (short_bytes(bytes), 0),
    };
    // In memory the first byte comes first.
    [u64::from_ne_bytes(low), high.to_le()]
}

fn index_at(address: usize) -> *mut CharIndex {
    std::ptr::with_exposed_provenance_mut(address)
}

impl Clone for StrObject {
    fn clone(&self) -> Self {
        let copy = Self::new(self.as_str());
        if let Some(count) = self.known_count() {
            copy.set_count(count);
        }
        copy.hash.store(self.hash.load(Ordering::Relaxed), Ordering::Relaxed);
        copy
    }
}

impl Drop for StrObject {
    fn drop(&mut self) {
        self.forget();
        if self.capacity != 0 {
            drop(self.take_buffer(0));
        }
    }
}

impl fmt::Debug for StrObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

//! Bytes: growable arrays of numbers from 0 to 255, whose first ones can be taken off in O(1).

use std::fmt;
use std::ops::Deref;

use super::error::{Kind, error};
use super::{Owned, View, tag};
use crate::rc::{self, Body};

/// The body of bytes. Reads as a slice.
pub(crate) struct BytesObject {
    buffer: Vec<u8>,
    /// So many bytes of the buffer were taken off its front: at most half of it, and one.
    skipped: usize,
}

#[expect(unsafe_code, reason = "says which tag belongs to this type")]
// SAFETY: bytes have a tag of their own.
unsafe impl Body for BytesObject {
    const TAG: u64 = tag::BYTES;

    fn buffer_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    fn shed(&mut self) -> usize {
        let Some(rest) = self.buffer.capacity().checked_sub(rc::LARGE_BUFFER) else { return 0 };
        self.skipped = 0;
        self.with_vec(|buffer| {
            buffer.clear();
            buffer.shrink_to(rest);
        });
        rc::BUFFER_COST
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {}
}

impl BytesObject {
    /// Appends a byte.
    pub(crate) fn push(&mut self, byte: u8) {
        if self.buffer.len() < self.buffer.capacity() {
            self.buffer.push(byte);
        } else {
            self.with_vec(|buffer| buffer.push(byte));
        }
    }

    /// Takes the last byte off.
    pub(crate) fn pop(&mut self) -> Option<u8> {
        if self.is_empty() { None } else { self.buffer.pop() }
    }

    /// Takes the first byte off; amortised O(1).
    pub(crate) fn pop_first(&mut self) -> Option<u8> {
        let first = *self.first()?;
        self.skipped += 1;
        if self.skipped > self.buffer.len() / 2 {
            self.unskip();
        }
        Some(first)
    }

    fn unskip(&mut self) {
        self.buffer.drain(..self.skipped);
        self.skipped = 0;
    }

    /// Changes the bytes as a `Vec`.
    pub(crate) fn with_vec<R>(&mut self, change: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.unskip();
        let before = self.buffer.capacity();
        let result = change(&mut self.buffer);
        rc::charge(self.buffer.capacity());
        rc::credit(before);
        result
    }

    /// The bytes, to be changed in place.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.buffer[self.skipped..]
    }

    /// The bytes.
    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.buffer[self.skipped..]
    }

    /// The byte that a value stands for: an int from 0 to 255, or an error of kind `type` or
    /// `value`.
    pub(crate) fn byte(value: &Owned) -> Result<u8, Owned> {
        match value.view() {
            View::Int(n) => u8::try_from(n).map_err(|_| {
                error(Kind::Value, format!("{n} is no byte: bytes are ints from 0 to 255"))
            }),
            _ => {
                let text = format!("bytes are ints from 0 to 255, not {}", value.type_name());
                Err(error(Kind::Type, text))
            }
        }
    }
}

impl Deref for BytesObject {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<Vec<u8>> for BytesObject {
    fn from(buffer: Vec<u8>) -> Self {
        rc::charge(buffer.capacity());
        Self { buffer, skipped: 0 }
    }
}

impl Clone for BytesObject {
    fn clone(&self) -> Self {
        Self::from(self.to_vec())
    }
}

impl Drop for BytesObject {
    fn drop(&mut self) {
        rc::credit(self.buffer.capacity());
    }
}

impl fmt::Debug for BytesObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

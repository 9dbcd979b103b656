//! Source text: where a piece of it stands, and which line and column that is.
//!
//! A [`Span`] is two byte offsets into the text of one [`Source`]. Lines and columns are counted
//! from 1; a column counts Unicode scalar values. Text is at most [`MAX_SOURCE`] bytes long, so
//! that offsets fit 32 bits.

use std::sync::Arc;

/// The longest source text accepted, in bytes.
pub const MAX_SOURCE: usize = u32::MAX as usize - 16;

/// A half-open range of bytes of one source text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from `start` to `end`, in bytes.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A named source text with an index of its lines. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    text: String,
    /// Offset of the first byte of every line.
    lines: Vec<u32>,
}

impl Source {
    /// A source called `name` (a path as the user wrote it, or `<repl>` and the like).
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = text.match_indices('\n').map(|(end, _)| end as u32 + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Self(Arc::new(Inner { name: name.into(), text, lines }))
    }

    /// The name given at construction.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Line and column of a byte offset, both counted from 1.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.0.lines.partition_point(|&start| start <= offset) - 1;
        let start = self.0.lines[line] as usize;
        let end = (offset as usize).min(self.0.text.len());
        let column = self.0.text.get(start..end).map_or(0, |s| s.chars().count());
        (line + 1, column + 1)
    }

    /// The text of line `line` (from 1) without its line end; empty when there is no such line.
    pub fn line(&self, line: usize) -> &str {
        let Some(&start) = line.checked_sub(1).and_then(|i| self.0.lines.get(i)) else { return "" };
        let end = self.0.lines.get(line).map_or(self.0.text.len(), |&e| e as usize);
        self.0.text[start as usize..end].trim_end_matches(['\n', '\r'])
    }
}

//! Long texts, read in steps between which other threads run: changed, searched and split.
//!
//! A text of [`LONG`](super::long::LONG) bytes and more is read part by part. Where a part may end depends
//! on what is made of it: no match, word or line goes on in the next one.

use super::arguments::give;
use super::long::{STEP, build};
use super::string::add_texts;
use crate::native::{Call, NativeResult, Next};
use crate::value::Owned;

/// A text, and how much of it has been read.
struct Reading {
    text: Owned,
    at: usize,
}

impl Reading {
    fn of(text: Owned) -> Self {
        Self { text, at: 0 }
    }

    /// What has not been read.
    fn rest(&self) -> &str {
        &self.text.as_str().unwrap_or_default()[self.at..]
    }

    /// Reads a part: `read` gets the rest and where the part may end, and says how much it has read.
    /// Nothing when all is read.
    fn part<R>(&mut self, read: impl FnOnce(&str, usize) -> (usize, R)) -> Option<R> {
        let rest = self.rest();
        if rest.is_empty() {
            return None;
        }
        let (taken, result) = read(rest, rest.floor_char_boundary(STEP));
        self.at += taken;
        Some(result)
    }
}

/// The first end of a word from about there on; words are what stands between spaces.
fn word_end(rest: &str, about: usize) -> usize {
    rest[about..].find(char::is_whitespace).map_or(rest.len(), |i| about + i)
}

/// The first end of a line from about there on.
fn line_end(rest: &str, about: usize) -> usize {
    rest[about..].find('\n').map_or(rest.len(), |i| about + i + 1)
}

/// The matches that begin before `until`.
fn matches<'t>(rest: &'t str, until: usize, old: &'t str) -> impl Iterator<Item = usize> {
    let end = rest.floor_char_boundary(until + old.len() - 1);
    rest[..end].match_indices(old).map(|(at, _)| at)
}

/// The text with each word changed by itself.
pub(super) fn changed(
    call: &mut Call<'_>,
    text: Owned,
    change: impl Fn(&str) -> String + 'static,
) -> NativeResult {
    let bytes = text.as_str().map_or(0, str::len);
    let mut reading = Reading::of(text);
    let pieces = std::iter::from_fn(move || {
        reading.part(|rest, about| {
            let end = word_end(rest, about);
            (end, Owned::string(change(&rest[..end])))
        })
    });
    build(call, bytes, pieces, Owned::str(""))
}

/// A text in which something is replaced.
struct Replacing {
    reading: Reading,
    old: Owned,
    new: Owned,
    /// How often that has been found.
    matches: usize,
}

/// The text with `new` in place of every `old`, which is not empty.
pub(super) fn replaced(call: &mut Call<'_>, text: Owned, old: Owned, new: Owned) -> NativeResult {
    count(call, Replacing { reading: Reading::of(text), old, new, matches: 0 })
}

/// First the matches are counted, so that the size of the result is known.
fn count(call: &mut Call<'_>, mut replacing: Replacing) -> NativeResult {
    call.charge(STEP / 64);
    let old = replacing.old.as_str().unwrap_or_default();
    let found = replacing.reading.part(|rest, until| {
        let begin = (until, 0);
        matches(rest, until, old).fold(begin, |(end, n), at| (end.max(at + old.len()), n + 1))
    });
    if let Some(n) = found {
        replacing.matches += n;
        return Ok(Next::Later(Box::new(|call| count(call, replacing))));
    }
    let Replacing { reading: Reading { text, at: len }, old, new, matches } = replacing;
    if matches == 0 {
        return give(text);
    }
    let length = |text: &Owned| text.as_str().map_or(0, str::len);
    let bytes = (len - matches * length(&old)).saturating_add(matches.saturating_mul(length(&new)));
    let mut reading = Reading::of(text);
    let pieces = std::iter::from_fn(move || {
        let texts = (old.as_str().unwrap_or_default(), new.as_str().unwrap_or_default());
        reading.part(|rest, until| replace(rest, until, texts))
    });
    build(call, bytes, pieces, Owned::str(""))
}

/// How much of a text was read, and what it becomes.
fn replace(rest: &str, until: usize, (old, new): (&str, &str)) -> (usize, Owned) {
    let (mut read, mut out) = (0, String::new());
    for at in matches(rest, until, old) {
        out.push_str(&rest[read..at]);
        out.push_str(new);
        read = at + old.len();
        if out.len() > STEP {
            return (read, Owned::string(out));
        }
    }
    let end = read.max(until);
    out.push_str(&rest[read..end]);
    (end, Owned::string(out))
}

/// The words of a text.
pub(super) fn words(call: &mut Call<'_>, text: Owned) -> NativeResult {
    listed(call, Reading::of(text), Vec::new(), |rest, about, out| {
        let end = word_end(rest, about);
        add_texts(out, rest[..end].split_whitespace())?;
        Ok((end, !rest.is_empty()))
    })
}

/// The lines of a text, without their ends.
pub(super) fn lines(call: &mut Call<'_>, text: Owned) -> NativeResult {
    listed(call, Reading::of(text), Vec::new(), |rest, about, out| {
        let end = line_end(rest, about);
        add_texts(out, rest[..end].lines())?;
        Ok((end, !rest.is_empty()))
    })
}

/// The parts of a text between separators, which are not empty.
pub(super) fn split(call: &mut Call<'_>, text: Owned, separator: Owned) -> NativeResult {
    listed(call, Reading::of(text), Vec::new(), move |rest, about, out| {
        let separator = separator.as_str().unwrap_or_default();
        let mut read = 0;
        let parts = matches(rest, about.max(1), separator).map(|at| {
            let part = &rest[read..at];
            read = at + separator.len();
            part
        });
        add_texts(out, parts)?;
        if read > 0 {
            return Ok((read, true));
        }
        // A part that is longer than a step.
        let end = rest.find(separator);
        add_texts(out, std::iter::once(&rest[..end.unwrap_or(rest.len())]))?;
        Ok((end.map_or(rest.len(), |at| at + separator.len()), end.is_some()))
    })
}

/// Goes on with a list of parts. `read` gets the rest and where a step may end; it adds to the list, and
/// says how much it has read and whether there is more to come.
fn listed(
    call: &mut Call<'_>,
    mut reading: Reading,
    mut out: Vec<Owned>,
    read: impl Fn(&str, usize, &mut Vec<Owned>) -> Result<(usize, bool), Owned> + 'static,
) -> NativeResult {
    let (before, rest) = (out.len(), reading.rest());
    let (taken, goes_on) = read(rest, rest.floor_char_boundary(STEP), &mut out)?;
    reading.at += taken;
    call.charge(taken / 16 + out.len() - before);
    if goes_on {
        return Ok(Next::Later(Box::new(|call| listed(call, reading, out, read))));
    }
    give(out)
}

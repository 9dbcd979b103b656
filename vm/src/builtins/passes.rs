//! The methods of strings that go through all of a text: some of it at a time, with other threads
//! between ([`Next::Later`]). Most texts are done in one step.
//!
//! # Invariants
//!
//! - A step begins where the one before left off, and what it leaves behind is done with: all steps
//!   together do what one would do.
//! - A step goes on by one character at least, and by not much more than [`STEP`] bytes, unless what
//!   it must find whole is longer.

use super::arguments::{OBJECT, REFERENCE, give, length, no_room, text, this_text};
use super::char_set::CharSet;
use super::long::{self, LONG};
use crate::native::{Call, NativeResult, Next};
use crate::value::{Kind, Owned, View, append, error, room, roomy};

/// A step looks at so many bytes.
const STEP: usize = 1 << 14;

/// What is done with a text on the way through it.
trait Pass: Sized + 'static {
    /// Does some of it from byte `at` on, and says where it left off; at the end of the text all is
    /// done.
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned>;

    /// The result, when the end is reached.
    fn finish(self, call: &mut Call<'_>, text: Owned) -> NativeResult;
}

fn run(call: &mut Call<'_>, text: Owned, at: usize, mut pass: impl Pass) -> NativeResult {
    let whole = text.as_str().unwrap_or_default();
    let next = pass.step(call, whole, at)?;
    if next < whole.len() {
        return Ok(Next::Later(Box::new(move |call| run(call, text, next, pass))));
    }
    pass.finish(call, text)
}

/// Goes through the receiver.
fn start(call: &mut Call<'_>, pass: impl Pass) -> NativeResult {
    let text = call.receiver().clone();
    run(call, text, 0, pass)
}

/// Finds a part, without overlaps, as often as it begins in the `most` bytes from `at` on, and says
/// where to go on.
fn find_all(text: &str, at: usize, most: usize, part: &str, mut found: impl FnMut(usize)) -> usize {
    let end = text.ceil_char_boundary(at.saturating_add(most));
    let window = &text[at..text.ceil_char_boundary(end.saturating_add(part.len()))];
    let mut next = end;
    let mut see = |i| {
        let begins = at + i < end || end == text.len();
        if begins {
            found(at + i);
            next = end.max(at + i + part.len());
        }
        begins
    };
    // What is found in the bytes of a text begins and ends with characters, as the part does.
    match part.as_bytes() {
        [byte] => memchr::memchr_iter(*byte, window.as_bytes()).all(&mut see),
        part => memchr::memmem::find_iter(window.as_bytes(), part).all(&mut see),
    };
    next
}

/// Where a step from `at` on leaves off that may do so behind certain characters only.
fn behind(text: &str, at: usize, ends: impl Fn(char) -> bool) -> usize {
    let far = text.ceil_char_boundary(at.saturating_add(STEP));
    let last = text[at..far].char_indices().rev().find(|(_, c)| ends(*c));
    let end = |from, (i, c): (usize, char)| from + i + c.len_utf8();
    match last {
        _ if far == text.len() => far,
        Some(last) => end(at, last),
        None => {
            let next = text[far..].char_indices().find(|(_, c)| ends(*c));
            next.map_or(text.len(), |next| end(far, next))
        }
    }
}

/// Parts of a text, as strings.
struct Parts(Vec<Owned>);

impl Parts {
    fn of(text: &str) -> Result<Self, Owned> {
        room(text.len())?;
        Ok(Self(Vec::new()))
    }

    fn push(&mut self, part: &str) -> Result<(), Owned> {
        /// Memory is looked at once for so many parts.
        const BATCH: usize = 1024;
        // Many short parts take far more than the text they come from.
        if self.0.len().is_multiple_of(BATCH) {
            room(BATCH * OBJECT + self.0.len() * REFERENCE)?;
        }
        self.0.push(Owned::str(part));
        Ok(())
    }
}

/// A list of the parts of pieces, which end behind certain characters.
struct Listing<E, S> {
    parts: Parts,
    ends: E,
    split: S,
}

impl<E, S> Pass for Listing<E, S>
where
    E: Fn(char) -> bool + 'static,
    S: Fn(&str, &mut Parts) -> Result<(), Owned> + 'static,
{
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned> {
        let (end, before) = (behind(text, at, &self.ends), self.parts.0.len());
        (self.split)(&text[at..end], &mut self.parts)?;
        call.charge((end - at) / 16 + self.parts.0.len() - before);
        Ok(end)
    }

    fn finish(self, _: &mut Call<'_>, _: Owned) -> NativeResult {
        give(self.parts.0)
    }
}

fn list(
    call: &mut Call<'_>,
    ends: impl Fn(char) -> bool + 'static,
    split: impl Fn(&str, &mut Parts) -> Result<(), Owned> + 'static,
) -> NativeResult {
    let parts = Parts::of(this_text(call).as_str())?;
    start(call, Listing { parts, ends, split })
}

/// `text.chars()`
pub(super) fn chars(call: &mut Call<'_>) -> NativeResult {
    list(
        call,
        |_| true,
        |piece, parts| {
            parts.0.extend(piece.chars().map(Owned::char));
            room(parts.0.capacity() * REFERENCE)
        },
    )
}

/// `text.lines()`
pub(super) fn lines(call: &mut Call<'_>) -> NativeResult {
    list(call, |c| c == '\n', |piece, parts| piece.lines().try_for_each(|part| parts.push(part)))
}

/// `text.runs(set)`
pub(super) fn runs(call: &mut Call<'_>) -> NativeResult {
    let set = CharSet::parse(text(call, 0, "set")?)?;
    let in_set = set.clone();
    list(
        call,
        move |c| !in_set.has(c),
        move |piece, parts| set.runs(piece).try_for_each(|part| parts.push(part)),
    )
}

/// `text.split(separator)`
pub(super) fn split(call: &mut Call<'_>) -> NativeResult {
    if call.arg(0).is_nil() {
        return list(call, char::is_whitespace, |piece, parts| {
            piece.split_whitespace().try_for_each(|part| parts.push(part))
        });
    }
    if text(call, 0, "separator")?.is_empty() {
        let text = "`separator` must not be empty; `chars` gives the characters";
        return Err(error(Kind::Value, text));
    }
    let (parts, separator) = (Parts::of(this_text(call).as_str())?, call.take(0));
    start(call, Split { separator, parts, begun: 0 })
}

/// A list of what is between separators.
struct Split {
    separator: Owned,
    parts: Parts,
    /// Where the part begins that has not ended yet.
    begun: usize,
}

impl Pass for Split {
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned> {
        let Self { separator, parts, begun } = self;
        let separator = separator.as_str().unwrap_or_default();
        let (mut result, before) = (Ok(()), parts.0.len());
        let next = find_all(text, at, STEP, separator, |i| {
            if result.is_ok() {
                result = parts.push(&text[*begun..i]);
                *begun = i + separator.len();
            }
        });
        result?;
        call.charge((next - at) / 16 + parts.0.len() - before);
        Ok(next)
    }

    fn finish(mut self, _: &mut Call<'_>, text: Owned) -> NativeResult {
        self.parts.push(&text.as_str().unwrap_or_default()[self.begun..])?;
        give(self.parts.0)
    }
}

/// How often a part is in a text, and what is done with the number, and with text and part.
struct Count<T> {
    part: Owned,
    n: usize,
    then: T,
}

impl<T> Pass for Count<T>
where
    T: FnOnce(&mut Call<'_>, Owned, Owned, usize) -> NativeResult + 'static,
{
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned> {
        let part = self.part.as_str().unwrap_or_default();
        let next = find_all(text, at, STEP, part, |_| self.n += 1);
        call.charge((next - at) / 64);
        Ok(next)
    }

    fn finish(self, call: &mut Call<'_>, text: Owned) -> NativeResult {
        (self.then)(call, text, self.part, self.n)
    }
}

/// `text.count(part)`
pub(super) fn count(call: &mut Call<'_>) -> NativeResult {
    if text(call, 0, "part")?.is_empty() {
        return Err(error(Kind::Value, "`part` must not be empty"));
    }
    let part = call.take(0);
    start(call, Count { part, n: 0, then: |_: &mut Call<'_>, _, _, n| give(length(n)) })
}

/// `text.index_of(part)`
pub(super) fn index_of(call: &mut Call<'_>) -> NativeResult {
    text(call, 0, "part")?;
    let part = call.take(0);
    start(call, Find { part, at: None })
}

/// Where a part is in the text for the first time.
struct Find {
    part: Owned,
    at: Option<usize>,
}

impl Pass for Find {
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned> {
        let part = self.part.as_str().unwrap_or_default();
        let next = find_all(text, at, STEP, part, |i| self.at = self.at.or(Some(i)));
        call.charge((next - at) / 64);
        Ok(if self.at.is_some() { text.len() } else { next })
    }

    fn finish(self, _: &mut Call<'_>, text: Owned) -> NativeResult {
        let View::Str(text) = text.view() else { return Next::nil() };
        give(self.at.map(|at| length(text.char_of_byte(at))))
    }
}

/// `text.replace(old, new)`
pub(super) fn replace(call: &mut Call<'_>) -> NativeResult {
    if text(call, 0, "old")?.is_empty() {
        return Err(error(Kind::Value, "`old` must not be empty"));
    }
    text(call, 1, "new")?;
    let (old, new) = (call.take(0), call.take(1));
    let then = move |call: &mut Call<'_>, text: Owned, old: Owned, n: usize| {
        if n == 0 {
            return give(text);
        }
        let rest = long::length(&text) - n * long::length(&old);
        let out = Draft::of(rest.saturating_add(n.saturating_mul(long::length(&new))))?;
        run(call, text, 0, Replace { old, new, out, copied: 0 })
    };
    start(call, Count { part: old, n: 0, then })
}

/// The text with `new` in place of every `old`.
struct Replace {
    old: Owned,
    new: Owned,
    out: Draft,
    /// So much of the text is copied or replaced.
    copied: usize,
}

impl Pass for Replace {
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned> {
        let Self { old, new, out, copied } = self;
        let (old, new) = (old.as_str().unwrap_or_default(), new.as_str().unwrap_or_default());
        // What is written counts, too.
        let most = STEP / (new.len() / old.len()).max(1);
        let before = out.written;
        let next = find_all(text, at, most.max(1), old, |i| {
            out.push(&text[*copied..i]);
            out.push(new);
            *copied = i + old.len();
        });
        out.push(&text[*copied..next]);
        *copied = next;
        out.settle();
        call.charge((next - at).max(out.written - before) / 16);
        Ok(next)
    }

    fn finish(self, _: &mut Call<'_>, _: Owned) -> NativeResult {
        give(self.out.finish())
    }
}

/// A text that is written in steps.
struct Draft {
    /// What was written in the steps before, when it becomes a long text.
    long: Option<Owned>,
    run: String,
    written: usize,
}

impl Draft {
    /// With room for so many bytes; an error of kind `memory` when there is none.
    fn of(bytes: usize) -> Result<Self, Owned> {
        room(bytes)?;
        let (mut long, mut run) = (None, String::new());
        // With no limit set, the allocator decides.
        if bytes < LONG {
            run.try_reserve_exact(bytes).map_err(|_| no_room(bytes))?;
        } else {
            long = Some(roomy(bytes).ok_or_else(|| no_room(bytes))?);
        }
        Ok(Self { long, run, written: 0 })
    }

    fn push(&mut self, part: &str) {
        self.written += part.len();
        self.run.push_str(part);
    }

    /// Ends a step.
    fn settle(&mut self) {
        if let Some(long) = &mut self.long {
            append(long, &self.run);
            self.run.clear();
        }
    }

    fn finish(mut self) -> Owned {
        self.settle();
        self.long.unwrap_or_else(|| Owned::string(self.run))
    }
}

/// The text with other characters, piece by piece.
struct Recase {
    out: Draft,
    ends: fn(char) -> bool,
    change: fn(&str) -> String,
}

impl Pass for Recase {
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned> {
        let end = behind(text, at, self.ends);
        self.out.push(&(self.change)(&text[at..end]));
        self.out.settle();
        call.charge((end - at) / 16);
        Ok(end)
    }

    fn finish(self, _: &mut Call<'_>, _: Owned) -> NativeResult {
        give(self.out.finish())
    }
}

/// `text.to_upper()`
pub(super) fn to_upper(call: &mut Call<'_>) -> NativeResult {
    let out = Draft::of(this_text(call).byte_len())?;
    start(call, Recase { out, ends: |_| true, change: str::to_uppercase })
}

/// `text.to_lower()`
pub(super) fn to_lower(call: &mut Call<'_>) -> NativeResult {
    let out = Draft::of(this_text(call).byte_len())?;
    // What becomes of a sigma depends on the letters around it; these end words.
    let ends = |c: char| c.is_whitespace() || c.is_ascii_digit();
    start(call, Recase { out, ends, change: str::to_lowercase })
}

/// `text.bytes()`
pub(super) fn bytes(call: &mut Call<'_>) -> NativeResult {
    let len = this_text(call).byte_len();
    room(len)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| no_room(len))?;
    start(call, Bytes(bytes))
}

/// The bytes of the text.
struct Bytes(Vec<u8>);

impl Pass for Bytes {
    fn step(&mut self, call: &mut Call<'_>, text: &str, at: usize) -> Result<usize, Owned> {
        let piece = &text.as_bytes()[at..];
        let piece = &piece[..piece.len().min(STEP)];
        self.0.extend_from_slice(piece);
        call.charge(piece.len() / 64);
        Ok(at + piece.len())
    }

    fn finish(self, _: &mut Call<'_>, _: Owned) -> NativeResult {
        give(Owned::bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{STEP, behind, find_all};

    /// Where `part` is found in steps of so many bytes.
    fn found(text: &str, part: &str, most: usize) -> Vec<usize> {
        let (mut at, mut found) = (0, Vec::new());
        while at < text.len() {
            let next = find_all(text, at, most, part, |i| found.push(i));
            assert!(next > at, "a step goes on");
            at = next;
        }
        found
    }

    #[test]
    fn steps_find_what_one_would() {
        for (text, part) in
            [("aaaaa", "aa"), ("abcabcab", "abc"), ("xäöxäöx", "äö"), ("a,b,,c", ","), ("", "x")]
        {
            let whole: Vec<usize> = text.match_indices(part).map(|(i, _)| i).collect();
            for most in 1..=text.len() + 1 {
                assert_eq!(found(text, part, most), whole, "{part} in {text} by {most}");
            }
        }
    }

    #[test]
    fn steps_end_behind_what_ends_them() {
        let words = "wörd ".repeat(STEP);
        let mut at = 0;
        while at < words.len() {
            let end = behind(&words, at, char::is_whitespace);
            assert!(end > at && words[..end].ends_with(' '), "{at} to {end}");
            at = end;
        }
        let long = format!("{} b", "a".repeat(3 * STEP));
        assert_eq!(behind(&long, 0, char::is_whitespace), long.len() - 1);
        assert_eq!(behind(&long, 0, |c| c == '\n'), long.len());
    }
}

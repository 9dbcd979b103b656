//! Equality, without recursion.
//!
//! One value may occur in a graph so often that comparing every occurrence takes exponential
//! time. So after [`PATIENCE`] containers the pairs that were begun are remembered: values have
//! no circles, so a pair that comes again has been found equal, or the answer is `false` anyway.
//! Long texts, bytes and packed lists are from the start, since one may stand a million times in a list.
//! A pair of which each has one reference comes again only when the pair around it does. Cells,
//! which may form circles, are compared by identity.
//!
//! A type may define its own `==`, which is a function of the script and cannot be called from
//! here. So there are three ways to ask: [`try_equals`] gives up when it meets such a type,
//! [`Comparison`] hands the question out and goes on with the answer, and [`equals`], for what can
//! be the key of a map, looks at the fields only.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use super::hash::hash_key;
use super::number::compare_int_float;
use super::{Elements, ListObject, MapObject, Operator, Owned, View};
use crate::rc;

/// How many pairs of containers are compared before pairs are remembered.
pub(super) const PATIENCE: usize = 4096;

/// Texts, bytes and packed lists of so many bytes are remembered at once.
const LONG: usize = 4096;

/// `a == b` but for types with an own `==`, whose fields are compared: for keys of maps, where
/// there are none.
pub(crate) fn equals(a: &Owned, b: &Owned) -> bool {
    equal_leaves(a, b)
        .unwrap_or_else(|| matches!(Walk::new(Own::Ignored).run(a, b), Progress::Known(true)))
}

/// `a == b`: structural; ints and floats by exact mathematical value; NaN equals nothing. `None`
/// when the `==` of a type must be asked: see [`Comparison`].
pub(crate) fn try_equals(a: &Owned, b: &Owned) -> Option<bool> {
    if let Some(answer) = equal_leaves(a, b) {
        return Some(answer);
    }
    match Walk::new(Own::Asked).run(a, b) {
        Progress::Known(answer) => Some(answer),
        Progress::Ask(..) => None,
    }
}

/// What a comparison has come to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The answer.
    Known(bool),
    /// A function of the script must be called; `answer` gets the truth of its result.
    Ask {
        /// The operator's function.
        function: Owned,
        /// Its first argument, `self`.
        left: Owned,
        /// Its second argument.
        right: Owned,
    },
}

/// `a == b`, which asks for the own `==` of types.
pub(crate) struct Comparison {
    walk: Walk<Owned>,
    /// What to begin with, until then.
    start: Option<(Owned, Owned)>,
    /// An answer was false.
    unequal: bool,
}

impl Comparison {
    /// A comparison that has not begun.
    pub(crate) fn new(a: Owned, b: Owned) -> Self {
        Self { walk: Walk::new(Own::Asked), start: Some((a, b)), unequal: false }
    }

    /// Goes on, to the answer or the next question.
    pub(crate) fn next(&mut self) -> Verdict {
        if self.unequal {
            return Verdict::Known(false);
        }
        let progress = match self.start.take() {
            Some((a, b)) => self.walk.run(a, b),
            None => self.walk.go_on(),
        };
        match progress {
            Progress::Known(answer) => Verdict::Known(answer),
            Progress::Ask(left, right) => match own_operator(&left, &right, Operator::Eq) {
                Some(function) => Verdict::Ask { function, left, right },
                None => unreachable!("asked because of it"),
            },
        }
    }

    /// The answer to the last question.
    pub(crate) fn answer(&mut self, equal: bool) {
        self.unequal |= !equal;
    }
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Comparison").finish_non_exhaustive()
    }
}

/// The function of an operator of two records of one type that defines it.
pub(super) fn own_operator(a: &Owned, b: &Owned, operator: Operator) -> Option<Owned> {
    let (a, b) = (a.as_record()?, b.as_record()?);
    if !a.type_ref().same_owner(b.type_ref()) {
        return None;
    }
    a.info().operator(operator)
}

/// Remembers a pair, if it can come again. False when it has come before.
pub(super) fn first_time(known: &mut HashSet<(u64, u64)>, a: &Owned, b: &Owned) -> bool {
    (a.occurs_once() && b.occurs_once()) || known.insert((a.as_raw().bits, b.as_raw().bits))
}

/// The answer where one of both holds no other values; `None` where their contents decide.
#[inline]
fn equal_leaves(a: &Owned, b: &Owned) -> Option<bool> {
    Some(match (a.view(), b.view()) {
        (View::Nil, View::Nil) | (View::Absent, View::Absent) => true,
        (View::Bool(a), View::Bool(b)) => a == b,
        (View::Int(a), View::Int(b)) => a == b,
        (View::Float(a), View::Float(b)) => a == b,
        (View::Int(a), View::Float(b)) | (View::Float(b), View::Int(a)) => {
            compare_int_float(a, b) == Some(Ordering::Equal)
        }
        (View::Str(a), View::Str(b)) => a.is_same_text(b),
        (View::Range(a), View::Range(b)) => a.key() == b.key(),
        (View::Bytes(a), View::Bytes(b)) => {
            let same_length = a.len() == b.len();
            rc::work_on(if same_length { a.len() } else { 0 });
            same_length && a.as_slice() == b.as_slice()
        }
        (View::Type(a), View::Type(b)) => a.info() == b.info(),
        (View::Cell(_), View::Cell(_)) => a.is_same(b),
        (View::Native(a), View::Native(b)) => Arc::ptr_eq(a.code(), b.code()),
        (View::Channel(x), View::Channel(y))
        | (View::Thread(x), View::Thread(y))
        | (View::Handle(x), View::Handle(y)) => match (x.get().identity(), y.get().identity()) {
            (None, None) => a.is_same(b),
            (x, y) => x == y,
        },
        (View::List(a), View::List(b)) if a.is_packed() || b.is_packed() => {
            let same_length = a.len() == b.len();
            rc::work_on(if same_length { a.element_bytes() } else { 0 });
            same_length && equal_packed(a, b)
        }
        (View::List(a), View::List(b)) => return undecided(a.len() == b.len()),
        (View::Map(a), View::Map(b)) => return undecided(a.len() == b.len()),
        (View::Set(a), View::Set(b)) => return undecided(a.len() == b.len()),
        (View::Function(a), View::Function(b)) => {
            return undecided(a.code() == b.code() && a.captures().len() == b.captures().len());
        }
        (View::Record(a), View::Record(b)) => {
            // Variants may differ where their enum defines `==`.
            let (a, b) = (a.type_ref(), b.type_ref());
            return undecided(a == b || (a.same_owner(b) && a.operator(Operator::Eq).is_some()));
        }
        (View::Error(_), View::Error(_)) => return None,
        _ => false,
    })
}

/// Two lists of one length, one of which is packed: no element of that holds other values, so each
/// pair is decided.
fn equal_packed(a: &ListObject, b: &ListObject) -> bool {
    match (a.elements(), b.elements()) {
        (Elements::Ints(a), Elements::Ints(b)) => a == b,
        (Elements::Floats(a), Elements::Floats(b)) => a == b,
        (Elements::Bools(a), Elements::Bools(b)) => a == b,
        _ => a.iter().zip(b).all(|(a, b)| equal_leaves(&a, &b) == Some(true)),
    }
}

/// Holds no other values, but takes its time to compare or to hash.
pub(super) fn is_long(value: &Owned) -> bool {
    let bytes = match value.view() {
        View::List(list) if list.is_packed() => list.element_bytes(),
        View::Bytes(bytes) => bytes.len(),
        View::Str(text) => text.byte_len(),
        _ => 0,
    };
    bytes >= LONG
}

/// `None` where the contents decide, or else `false`.
fn undecided(contents_decide: bool) -> Option<bool> {
    if contents_decide { None } else { Some(false) }
}

/// What to do about a type with an own `==`.
#[derive(Clone, Copy, PartialEq)]
enum Own {
    Ignored,
    Asked,
}

enum Progress<H> {
    Known(bool),
    Ask(H, H),
}

/// A part of a container.
#[derive(Clone, Copy)]
enum Part {
    /// One of [`items`].
    Item(usize),
    /// The key of the entry at this position.
    Key(usize),
    /// The value of the entry at this position.
    Value(usize),
}

/// The elements of a list, fields of a record, captures of a function, data of an error.
fn items(value: &Owned) -> Option<&[Owned]> {
    Some(match value.view() {
        // Packed ones are compared at once.
        View::List(list) => list.values()?,
        View::Record(record) => record.fields(),
        View::Function(function) => function.captures(),
        View::Error(e) => std::slice::from_ref(&e.data),
        _ => return None,
    })
}

/// The entries of a map; the elements of a set with nil for values.
fn entries(value: &Owned) -> Option<&MapObject> {
    value.as_map().or_else(|| value.as_set().map(|set| set.as_map()))
}

/// What stands at a place that is there.
fn part_of(value: &Owned, part: Part) -> &Owned {
    let entry = |at| entries(value).and_then(|map| map.entry(at));
    let found = match part {
        Part::Item(at) => items(value).and_then(|items| items.get(at)),
        Part::Key(at) => entry(at).map(|(key, _)| key),
        Part::Value(at) => entry(at).map(|(_, value)| value),
    };
    found.unwrap_or(const { &Owned::NIL })
}

/// How a comparison keeps the containers it is in: borrowed, or, when it is interrupted by calls,
/// with a reference of its own.
trait Hold: Sized {
    fn get(&self) -> &Owned;

    fn part(&self, part: Part) -> Self;
}

impl Hold for &Owned {
    fn get(&self) -> &Owned {
        self
    }

    fn part(&self, part: Part) -> Self {
        part_of(self, part)
    }
}

impl Hold for Owned {
    fn get(&self) -> &Owned {
        self
    }

    fn part(&self, part: Part) -> Self {
        part_of(self, part).clone()
    }
}

/// Two containers that are being compared, and how far that is.
struct Frame<H> {
    a: H,
    b: H,
    /// The next item, or where the next entry of `a` is looked for.
    next: usize,
}

/// What beginning to compare two values has come to.
enum Begun<H> {
    /// They are equal, or a frame says what is still to be compared.
    Equal,
    Unequal,
    Ask(H, H),
}

struct Walk<H> {
    frames: Vec<Frame<H>>,
    begun: usize,
    known: HashSet<(u64, u64)>,
    own: Own,
}

impl<H: Hold> Walk<H> {
    fn new(own: Own) -> Self {
        Self { frames: Vec::new(), begun: 0, known: HashSet::new(), own }
    }

    fn run(&mut self, a: H, b: H) -> Progress<H> {
        match self.compare(a, b) {
            Begun::Equal => self.go_on(),
            Begun::Unequal => Progress::Known(false),
            Begun::Ask(a, b) => Progress::Ask(a, b),
        }
    }

    /// Compares what is left.
    fn go_on(&mut self) -> Progress<H> {
        let mut steps = rc::Steps::new();
        while let Some(frame) = self.frames.last_mut() {
            steps.turn();
            let begun = match items(frame.a.get()).map(<[Owned]>::len) {
                Some(len) => {
                    let at = frame.next;
                    frame.next += 1;
                    let pair = (at < len)
                        .then(|| (frame.a.part(Part::Item(at)), frame.b.part(Part::Item(at))));
                    if at + 1 >= len {
                        // Nothing to come back to: a long chain needs no stack.
                        self.frames.pop();
                    }
                    pair.map_or(Begun::Equal, |(a, b)| self.compare(a, b))
                }
                None => self.compare_entry(),
            };
            match begun {
                Begun::Equal => {}
                Begun::Unequal => return Progress::Known(false),
                Begun::Ask(a, b) => return Progress::Ask(a, b),
            }
        }
        Progress::Known(true)
    }

    /// Compares two values as far as that is possible without looking into them; else begins it.
    fn compare(&mut self, a: H, b: H) -> Begun<H> {
        let (left, right) = (a.get(), b.get());
        if is_long(left) && !first_time(&mut self.known, left, right) {
            return Begun::Equal;
        }
        match equal_leaves(left, right) {
            Some(true) => return Begun::Equal,
            Some(false) => return Begun::Unequal,
            None => {}
        }
        match (left.view(), right.view()) {
            (View::Record(x), View::Record(y)) => {
                if self.own == Own::Asked && x.info().operator(Operator::Eq).is_some() {
                    return Begun::Ask(a, b);
                }
                if x.type_ref() != y.type_ref() {
                    return Begun::Unequal;
                }
            }
            (View::Error(x), View::Error(y))
                if !equals(&x.kind, &y.kind) || !equals(&x.message, &y.message) =>
            {
                return Begun::Unequal;
            }
            _ => {}
        }
        self.begun += 1;
        if self.begun <= PATIENCE || first_time(&mut self.known, left, right) {
            self.frames.push(Frame { a, b, next: 0 });
        }
        Begun::Equal
    }

    /// Compares the next entry of the map in the last frame with the one of the same key, or ends
    /// the frame.
    fn compare_entry(&mut self) -> Begun<H> {
        let Some(frame) = self.frames.last_mut() else { return Begun::Equal };
        let (Some(map), Some(other)) = (entries(frame.a.get()), entries(frame.b.get())) else {
            unreachable!("only containers are begun");
        };
        let Some((at, key, _)) = map.next_from(frame.next) else {
            self.frames.pop();
            return Begun::Equal;
        };
        let (found, sure) = if map.len() == 1 {
            // No hash is needed, which would walk the whole key again at each level of a deep one.
            (other.next_from(0).map(|(at, ..)| at), false)
        } else {
            let Some(hash) = hash_key(key) else { return Begun::Unequal };
            candidate(other, key, hash)
        };
        let Some(found) = found else { return Begun::Unequal };
        frame.next = at + 1;
        let values = (frame.a.part(Part::Value(at)), frame.b.part(Part::Value(found)));
        if !sure {
            let keys = (frame.a.part(Part::Key(at)), frame.b.part(Part::Key(found)));
            // No key has an own `==`.
            if !matches!(self.compare(keys.0, keys.1), Begun::Equal) {
                return Begun::Unequal;
            }
        }
        self.compare(values.0, values.1)
    }
}

/// Where in a map the entry of a key stands, and whether the key there is surely the same.
fn candidate(map: &MapObject, key: &Owned, hash: u32) -> (Option<usize>, bool) {
    let mut candidates = map.candidates(hash);
    let first = candidates.next();
    match candidates.next() {
        // The only one whose hash fits: everything depends on it.
        None => (first, false),
        // Two keys with the same 32 bits: find the right one first. Nests at most as deep as such
        // collisions do.
        Some(second) => {
            let mut all = first.into_iter().chain([second]).chain(candidates);
            let fits = |at: &usize| map.entry(*at).is_some_and(|(other, _)| equals(key, other));
            (all.find(fits), true)
        }
    }
}

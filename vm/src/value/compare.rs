//! Equality and order, without recursion.
//!
//! One value may occur in a graph so often that comparing every occurrence takes exponential
//! time. So after [`PATIENCE`] containers the pairs that were begun are remembered: values have
//! no circles, so a pair that comes again has been found equal, or the answer is `false` anyway.
//! A pair of which each has one reference comes again only when the pair around it does.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use super::error::{Kind, error};
use super::hash::hash_key;
use super::number::compare_int_float;
use super::{MapObject, Owned, View};

/// How many pairs of containers are compared before pairs are remembered.
const PATIENCE: usize = 4096;

/// `a == b`: structural; ints and floats by exact mathematical value; NaN equals nothing.
pub(crate) fn equals(a: &Owned, b: &Owned) -> bool {
    match equal_leaves(a, b) {
        Some(answer) => answer,
        None => Comparison::default().run(a, b),
    }
}

/// Remembers a pair, if it can come again. False when it has come before.
fn first_time(known: &mut HashSet<(u64, u64)>, a: &Owned, b: &Owned) -> bool {
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
        (View::Native(a), View::Native(b)) => Arc::ptr_eq(a.code(), b.code()),
        (View::Channel(x), View::Channel(y))
        | (View::Thread(x), View::Thread(y))
        | (View::Handle(x), View::Handle(y)) => match (x.get().identity(), y.get().identity()) {
            (None, None) => a.is_same(b),
            (x, y) => x == y,
        },
        (View::List(a), View::List(b)) => {
            if a.len() == b.len() {
                return None;
            }
            false
        }
        (View::Map(a), View::Map(b)) => {
            if a.len() == b.len() {
                return None;
            }
            false
        }
        (View::Function(a), View::Function(b)) => {
            if a.code() == b.code() && a.captures().len() == b.captures().len() {
                return None;
            }
            false
        }
        (View::Error(_), View::Error(_)) => return None,
        _ => false,
    })
}

/// Two containers that are being compared, and how far that is.
enum Frame<'a> {
    /// Elements of lists, captures of functions.
    Slices(&'a [Owned], &'a [Owned]),
    /// The position of the next entry in the first map.
    Maps(&'a MapObject, &'a MapObject, usize),
}

#[derive(Default)]
struct Comparison<'a> {
    frames: Vec<Frame<'a>>,
    begun: usize,
    known: HashSet<(u64, u64)>,
}

impl<'a> Comparison<'a> {
    fn run(mut self, a: &'a Owned, b: &'a Owned) -> bool {
        if !self.compare(a, b) {
            return false;
        }
        while let Some(frame) = self.frames.last_mut() {
            match frame {
                Frame::Slices(a, b) => {
                    let ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) = (&**a, &**b) else {
                        self.frames.pop();
                        continue;
                    };
                    (*a, *b) = (rest_a, rest_b);
                    if rest_a.is_empty() {
                        // Nothing to come back to: a long chain needs no stack.
                        self.frames.pop();
                    }
                    if !self.compare(first_a, first_b) {
                        return false;
                    }
                }
                Frame::Maps(a, b, next) => {
                    let (a, b) = (*a, *b);
                    let Some((at, key, value)) = a.next_from(*next) else {
                        self.frames.pop();
                        continue;
                    };
                    *next = at + 1;
                    if !self.compare_entry(key, value, b) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Compares two values as far as that is possible without looking into them; else begins it.
    fn compare(&mut self, a: &'a Owned, b: &'a Owned) -> bool {
        if let Some(answer) = equal_leaves(a, b) {
            return answer;
        }
        self.begun += 1;
        if self.begun > PATIENCE && !first_time(&mut self.known, a, b) {
            return true;
        }
        match (a.view(), b.view()) {
            (View::List(a), View::List(b)) => self.frames.push(Frame::Slices(a, b)),
            (View::Function(a), View::Function(b)) => {
                self.frames.push(Frame::Slices(a.captures(), b.captures()));
            }
            (View::Map(a), View::Map(b)) => self.frames.push(Frame::Maps(a, b, 0)),
            (View::Error(a), View::Error(b)) => {
                if !equals(&a.kind, &b.kind) || !equals(&a.message, &b.message) {
                    return false;
                }
                let (a, b) = (std::slice::from_ref(&a.data), std::slice::from_ref(&b.data));
                self.frames.push(Frame::Slices(a, b));
            }
            _ => unreachable!("leaves are compared already"),
        }
        true
    }

    /// Whether `map` has this key with this value.
    fn compare_entry(&mut self, key: &'a Owned, value: &'a Owned, map: &'a MapObject) -> bool {
        let Some(hash) = hash_key(key) else { return false };
        let mut candidates = map.candidates(hash).filter_map(|at| map.entry(at));
        let Some((other, other_value)) = candidates.next() else { return false };
        match candidates.next() {
            // The only one whose hash fits: everything depends on it.
            None => self.compare(key, other) && self.compare(value, other_value),
            // Two keys with the same 32 bits: find the right one first. Nests at most as deep as
            // such collisions do.
            Some(second) => {
                let all = [(other, other_value), second].into_iter().chain(candidates);
                let found = all.into_iter().find(|(other, _)| equals(key, other));
                found.is_some_and(|(_, other_value)| self.compare(value, other_value))
            }
        }
    }
}

/// `a < b` where that has a meaning; else an error that names both types.
pub(crate) fn less(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    Ok(compare(a, b)? == Some(Ordering::Less))
}

/// `a <= b`, which is `not (b < a)`.
pub(crate) fn less_equal(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    Ok(!less(b, a)?)
}

/// How two numbers, two strings or two lists stand to each other; `None` when NaN decides it.
pub(crate) fn compare(a: &Owned, b: &Owned) -> Result<Option<Ordering>, Owned> {
    if let Some(answer) = compare_leaves(a, b) {
        return Ok(answer);
    }
    if a.as_list().is_none() || b.as_list().is_none() {
        return Err(incomparable(a, b));
    }
    let (mut a, mut b) = (a, b);
    // The rests of the lists that are being compared.
    let mut rests: Vec<(&[Owned], &[Owned])> = Vec::new();
    let mut begun = 0;
    let mut known = HashSet::new();
    loop {
        match (compare_leaves(a, b), a.view(), b.view()) {
            (Some(Some(Ordering::Equal)), ..) => {}
            (Some(answer), ..) => return Ok(answer),
            (None, View::List(list_a), View::List(list_b)) => {
                begun += 1;
                if begun <= PATIENCE || first_time(&mut known, a, b) {
                    rests.push((list_a, list_b));
                }
            }
            _ if equals(a, b) => {}
            _ => return Err(incomparable(a, b)),
        }
        match next(&mut rests) {
            Step::Pair(next_a, next_b) => (a, b) = (next_a, next_b),
            Step::Done(answer) => return Ok(Some(answer)),
        }
    }
}

#[cold]
fn incomparable(a: &Owned, b: &Owned) -> Owned {
    error(Kind::Type, format!("cannot compare {} and {}", a.type_name(), b.type_name()))
}

enum Step<'a> {
    Pair(&'a Owned, &'a Owned),
    Done(Ordering),
}

/// The next two elements to compare, or the answer when one list has ended.
fn next<'a>(rests: &mut Vec<(&'a [Owned], &'a [Owned])>) -> Step<'a> {
    while let Some((a, b)) = rests.last_mut() {
        match (*a, *b) {
            ([], []) => {
                rests.pop();
            }
            ([], _) => return Step::Done(Ordering::Less),
            (_, []) => return Step::Done(Ordering::Greater),
            ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) => {
                (*a, *b) = (rest_a, rest_b);
                if rest_a.is_empty() && rest_b.is_empty() {
                    rests.pop();
                }
                return Step::Pair(first_a, first_b);
            }
        }
    }
    Step::Done(Ordering::Equal)
}

#[inline]
fn compare_leaves(a: &Owned, b: &Owned) -> Option<Option<Ordering>> {
    Some(match (a.view(), b.view()) {
        (View::Int(a), View::Int(b)) => Some(a.cmp(&b)),
        (View::Float(a), View::Float(b)) => a.partial_cmp(&b),
        (View::Int(a), View::Float(b)) => compare_int_float(a, b),
        (View::Float(a), View::Int(b)) => compare_int_float(b, a).map(Ordering::reverse),
        // Bytes of UTF-8 are in the order of the characters.
        (View::Str(a), View::Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => return None,
    })
}

/// The order for sorting: as `<`, with NaN behind everything it can be compared with.
pub(crate) fn order(a: &Owned, b: &Owned) -> Result<Ordering, Owned> {
    if let Some(order) = compare(a, b)? {
        return Ok(order);
    }
    let is_nan = |value: &Owned| value.as_float().is_some_and(f64::is_nan);
    // Lists that NaN decides count as equal: they keep their order.
    Ok(is_nan(a).cmp(&is_nan(b)))
}
